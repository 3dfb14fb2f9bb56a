"""Who is master on a segment, by what was heard there: the tracker. Pure; time is an input.

One `Tracker` for one place of listening (an interface, a node's capture, a file). It keeps, for
each virtual router (VRID and IP version), every sender with its priority, interval and jitter,
and concludes take-overs with their kind and duration. Memory is bounded whatever arrives.

The backup is silent by design: no advert from a node says nothing about that node.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from haconsole.cluster.vrrp import master_down_s, skew_s
from haconsole.model.hearing import Key, Kind, Takeover
from haconsole.model.packets import Advert, Announcement, Packet
from haconsole.model.spec import IpAddress

__all__ = ["Key", "Kind", "Router", "Sender", "Takeover", "Tracker"]

ROUTERS_KEPT: Final = 1024
SENDERS_KEPT: Final = 64
"""Of one virtual router."""
SENDERS_IN_ALL: Final = 4096
FAMILIAR: Final = 3
"""Heard so often, a sender makes room for no stranger while it speaks."""
IDLE_S: Final = 60.0
SPANS_KEPT: Final = 60
ANNOUNCED_KEPT: Final = 2048
TAKEOVERS_KEPT: Final = 200
GAPS_KEPT: Final = 120
ANNOUNCEMENTS_KEPT: Final = 500
REPEATED_KEPT: Final = 4096
TWO_MASTERS_INTERVALS: Final = 3
"""Two senders for longer than this many intervals are two masters, not a hand-over."""


@dataclass(slots=True)
class Sender:
    """One source of adverts for one virtual router."""

    source: IpAddress
    first_at: float
    last: Advert
    last_at: float
    count: int = 1
    lowered_at: float | None = None
    released_at: float | None = None
    """When it said priority 0."""
    gaps_s: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS_KEPT))
    speaking_since: float = 0.0
    """Start of its present run of adverts without a master-down time of silence."""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """(first, last) advert of its former runs, oldest first."""
    mac_changes: int = 0
    """How often in its present run the hardware address was not that of the advert before."""
    former_mac: str | None = None

    @property
    def interval_s(self) -> float:
        return self.last.interval_s or 1.0

    def observed_interval_s(self) -> float | None:
        """Median of the last gaps; None: fewer than two adverts."""
        if not self.gaps_s:
            return None
        return sorted(self.gaps_s)[len(self.gaps_s) // 2]

    def jitter_s(self) -> float | None:
        """Largest distance of a gap from the announced interval, over the gaps kept."""
        if not self.gaps_s:
            return None
        return max(abs(g - self.interval_s) for g in self.gaps_s)

    def deadline(self, backup_priority: int) -> float:
        """When a backup of that priority takes over if nothing more is heard (RFC 9568 6.1)."""
        if self.last.priority == 0:
            return self.last_at + skew_s(self.last.version, backup_priority, self.interval_s)
        return self.last_at + master_down_s(self.last.version, backup_priority, self.interval_s)


@dataclass(slots=True)
class Router:
    """One virtual router on the segment."""

    key: Key
    senders: dict[IpAddress, Sender] = field(default_factory=dict)
    master: IpAddress | None = None
    master_since: float | None = None
    adverts: int = 0

    def speaking(self, now: float) -> list[Sender]:
        """Senders that count as masters at `now`: heard within three intervals, priority above 0."""
        return [
            s
            for s in self.senders.values()
            if s.last.priority > 0 and now - s.last_at <= TWO_MASTERS_INTERVALS * s.interval_s + 0.5
        ]

    def two_masters(self, now: float) -> list[Sender]:
        """More than one sender, all of them for longer than a hand-over takes; else empty."""
        speaking = [
            s for s in self.speaking(now) if s.last_at - s.speaking_since >= TWO_MASTERS_INTERVALS * s.interval_s * 0.9
        ]
        return speaking if len(speaking) > 1 else []


@dataclass(slots=True)
class _Repeated:
    """An advert that was heard before, and where it belongs: a master says the same for days."""

    advert: Advert
    router: Router
    sender: Sender
    down_s: float
    """A longer gap than this is more than a repetition."""


class Tracker:
    """Feed it packets in the order of their times; ask it what may be concluded."""

    def __init__(self) -> None:
        self.routers: dict[Key, Router] = {}
        self.takeovers: deque[Takeover] = deque(maxlen=TAKEOVERS_KEPT)
        self.announcements: deque[tuple[float, Announcement]] = deque(maxlen=ANNOUNCEMENTS_KEPT)
        self.adverts = 0
        self.others = 0
        """Packets that are no adverts: CARP and the like."""
        self.overflow = 0
        """Adverts of virtual routers or senders beyond what is kept: counted, not tracked."""
        self.announced: dict[IpAddress, tuple[float, Announcement]] = {}
        """The last one of each address, the latest last."""
        self._senders = 0
        self._swept_at = float("-inf")
        self._repeated: dict[int, _Repeated] = {}

    def interrupted(self) -> None:
        """Nobody listened for a while: who is master is heard anew, and is no take-over."""
        self._repeated.clear()
        for router in self.routers.values():
            router.master = router.master_since = None

    def feed(self, at: float, packet: Packet) -> Takeover | None:
        """Take one packet. Returns the take-over that it completes, if any."""
        known = self._repeated.get(id(packet))
        if known is not None and known.advert is packet and self._repeats(at, known):
            return None
        if isinstance(packet, Advert):
            return self._advert(at, packet)
        if isinstance(packet, Announcement):
            self.announcements.append((at, packet))
            self.announced.pop(packet.address, None)
            if len(self.announced) >= ANNOUNCED_KEPT:
                del self.announced[next(iter(self.announced))]
            self.announced[packet.address] = (at, packet)
        else:
            self.others += 1
        return None

    def _repeats(self, at: float, known: _Repeated) -> bool:
        """True: the master said once more, in time, what it said last: all that `_advert` would do is done."""
        sender, router = known.sender, known.router
        gap = at - sender.last_at
        if sender.last is not known.advert or router.master is not sender.source or gap > known.down_s:
            return False
        sender.gaps_s.append(gap)
        sender.last_at = at
        sender.count += 1
        router.adverts += 1
        self.adverts += 1
        return True

    def _remember(self, advert: Advert, router: Router, sender: Sender) -> None:
        if len(self._repeated) >= REPEATED_KEPT:
            self._repeated.clear()
        down_s = master_down_s(advert.version, 1, sender.interval_s)
        self._repeated[id(advert)] = _Repeated(advert, router, sender, down_s)

    def _advert(self, at: float, advert: Advert) -> Takeover | None:
        self.adverts += 1
        router = self.routers.get(advert.key)
        if router is None:
            if len(self.routers) >= ROUTERS_KEPT:
                self.overflow += 1
                return None
            router = self.routers[advert.key] = Router(advert.key)
        router.adverts += 1
        source = advert.envelope.source
        sender = router.senders.get(source)
        if sender is None:
            if not self._room(router, at):
                self.overflow += 1
                return None
            router.senders[source] = Sender(source, at, advert, at, speaking_since=at)
            self._senders += 1
        else:
            _heard(sender, at, advert)
        if advert.priority == 0:
            return None
        self._remember(advert, router, router.senders[source])
        return self._master(router, at, router.senders[source])

    def _room(self, router: Router, at: float) -> bool:
        """Make room for one more sender: a flood of invented ones must not hide those that are real."""
        if len(router.senders) < SENDERS_KEPT and self._senders < SENDERS_IN_ALL:
            return True
        if self._senders >= SENDERS_IN_ALL and at - self._swept_at > 1.0:
            self._swept_at = at
            for each in self.routers.values():
                for sender in list(each.senders.values()):
                    if sender.count < FAMILIAR and at - sender.last_at > IDLE_S:
                        self._forget(each, sender)
            if len(router.senders) < SENDERS_KEPT and self._senders < SENDERS_IN_ALL:
                return True
        weakest = min(router.senders.values(), key=lambda s: (s.count >= FAMILIAR, s.last_at), default=None)
        if weakest is None or (weakest.count >= FAMILIAR and at - weakest.last_at <= IDLE_S):
            return False
        self._forget(router, weakest)
        return True

    def _forget(self, router: Router, sender: Sender) -> None:
        del router.senders[sender.source]
        self._senders -= 1
        self.overflow += 1
        sender.last_at = float("-inf")  # what is remembered of its adverts is no repetition any more

    def _master(self, router: Router, at: float, sender: Sender) -> Takeover | None:
        old = router.senders.get(router.master) if router.master is not None else None
        if old is sender:
            return None
        if old is None:
            router.master, router.master_since = sender.source, at
            return None
        if _still_master(old, sender, at):
            return None
        takeover = Takeover(
            at=at,
            key=router.key,
            old=old.source,
            new=sender.source,
            kind=_kind(old, sender, at),
            gap_s=at - old.last_at,
        )
        router.master, router.master_since = sender.source, at
        self.takeovers.append(takeover)
        return takeover


def _heard(sender: Sender, at: float, advert: Advert) -> None:
    gap = at - sender.last_at
    if gap <= master_down_s(advert.version, 1, sender.interval_s) and sender.last.priority:
        sender.gaps_s.append(gap)
    else:
        sender.spans = [*sender.spans[-(SPANS_KEPT - 1) :], (sender.speaking_since, sender.last_at)]
        sender.speaking_since = at
        sender.gaps_s.clear()
        sender.mac_changes = 0
    if advert.envelope.source_mac != sender.last.envelope.source_mac:
        sender.mac_changes += 1
        sender.former_mac = sender.last.envelope.source_mac
    if advert.priority == 0:
        sender.released_at = at
    elif advert.priority < sender.last.priority:
        sender.lowered_at = at
    sender.last, sender.last_at, sender.count = advert, at, sender.count + 1


def _still_master(old: Sender, new: Sender, at: float) -> bool:
    """True: the old master goes on and outranks the newcomer, which will hear it and step back."""
    if old.last.priority == 0 or at - old.last_at > master_down_s(old.last.version, 255, old.interval_s):
        return False
    return (old.last.priority, int(old.source)) > (new.last.priority, int(new.source))


def _kind(old: Sender, new: Sender, at: float) -> Kind:
    gap = at - old.last_at
    if old.last.priority == 0:
        return Kind.HAND_OVER
    if old.lowered_at is not None and at - old.lowered_at <= 2 * master_down_s(old.last.version, 1, old.interval_s):
        return Kind.LOWERED
    if gap >= master_down_s(old.last.version, 255, old.interval_s) - 0.05:
        return Kind.SILENCE
    if new.last.priority >= old.last.priority:
        return Kind.PREEMPTION
    return Kind.OTHER
