"""One VRRP instance as keepalived 2.x runs it: inputs and times in, what it does out. Pure, no I/O.

Times are seconds on one clock of the caller's choice. Cited: RFC 3768 (v2), RFC 9568 (v3), and
keepalived 2.2.7's logs, which decide where they differ: a backup discards lower adverts until its
timer runs out, a master answers them at once, and tracked things can mean FAULT. Sync groups are
not modelled.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from haconsole.cluster.vrrp import (
    DOWN_ADVERTS,
    OWNER,
    STOPPED,
    Track,
    TrackKind,
    effective_priority,
    master_down_s,
    outranks,
    skew_s,
)
from haconsole.model.readings import VrrpState
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An advert as it is on the wire."""

    sender: IpAddress
    version: int
    priority: int
    interval_s: float
    addresses: frozenset[IpAddress]


class Discard(Enum):
    """Why an advert was thrown away."""

    VERSION = "version"
    INTERVAL = "interval"
    ADDRESSES = "addresses"


@dataclass(frozen=True, slots=True)
class Advertise:
    """Send an advert with this priority."""

    priority: int


@dataclass(frozen=True, slots=True)
class TakeVips:
    """Put the VIPs on the interface and tell the segment (gratuitous ARP)."""


@dataclass(frozen=True, slots=True)
class ReleaseVips:
    """Take the VIPs off the interface."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The state changed."""

    state: VrrpState
    was: VrrpState


@dataclass(frozen=True, slots=True)
class PriorityChanged:
    """The effective priority changed."""

    was: int
    now: int


@dataclass(frozen=True, slots=True)
class HeardOther:
    """A living master's advert met our own view: `higher`, else lower; we were `state`."""

    sender: IpAddress
    priority: int
    ours: int
    higher: bool
    state: VrrpState


@dataclass(frozen=True, slots=True)
class HeardZero:
    """A master said that it stops; we were `state`."""

    sender: IpAddress
    state: VrrpState


@dataclass(frozen=True, slots=True)
class MasterTimedOut:
    """No advert came in time."""


@dataclass(frozen=True, slots=True)
class PreemptDelay:
    """A lower master was heard: we wait `seconds` before we take over."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Discarded:
    """An advert was not accepted."""

    sender: IpAddress
    why: Discard


Output = (
    Advertise
    | TakeVips
    | ReleaseVips
    | Entered
    | PriorityChanged
    | HeardOther
    | HeardZero
    | MasterTimedOut
    | PreemptDelay
    | Discarded
)
"""Closed. In the order in which keepalived does and logs them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConfig:
    """What keepalived.conf says of one instance. `address`: the primary one, adverts come from it."""

    name: str
    vrid: int
    base_priority: int
    address: IpAddress
    vips: frozenset[IpAddress]
    version: int = 2
    interval_s: float = 1.0
    preempt: bool = True
    preempt_delay_s: float = 0.0
    down_timer_adverts: int = DOWN_ADVERTS

    @property
    def owner(self) -> bool:
        return self.base_priority == OWNER


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One `vrrp_instance` of one node. The functions below give it afterwards, and what it does.

    `due`: when `timer` must be called; None: nothing is waited for. A stopped one is INIT.
    """

    config: InstanceConfig
    tracks: tuple[Track, ...] = ()
    state: VrrpState = VrrpState.INIT
    running: bool = False
    due: float | None = None
    since: float | None = None
    master: IpAddress | None = None
    """The master that this backup hears, as the dump tells it; None unless BACKUP."""
    master_priority: int | None = None
    master_interval_s: float | None = None
    """v3: a backup adopts the master's interval (RFC 9568 6.4.2)."""
    preempt_at: float | None = None

    @property
    def priority(self) -> int:
        """Effective priority."""
        weights = () if self.config.owner else (t.adjustment() for t in self.tracks)
        return effective_priority(self.config.base_priority, weights)

    @property
    def faulty(self) -> bool:
        """Something tracked forbids to take part."""
        return any(t.fault(owner=self.config.owner) for t in self.tracks)

    @property
    def waiting(self) -> bool:
        """An unweighted script has not told its first result: keepalived stays in INIT until then."""
        return any(t.kind is TrackKind.SCRIPT and not t.weight and t.value is None for t in self.tracks)

    @property
    def down_s(self) -> float:
        """Master down time now, of this backup."""
        interval = self.master_interval_s or self.config.interval_s
        return master_down_s(self.config.version, self.priority, interval, self.config.down_timer_adverts)

    @property
    def skew_s(self) -> float:
        """Skew time now."""
        return skew_s(self.config.version, self.priority, self.master_interval_s or self.config.interval_s)


Step = tuple[Instance, tuple[Output, ...]]
"""The instance afterwards, and what it does, in order."""


def start(i: Instance, now: float) -> Step:
    """The daemon starts. An owner becomes master at once (RFC 3768 6.4.1)."""
    return _leave_init(replace(i, running=True, state=VrrpState.INIT, due=None, since=now), now)


def stop(i: Instance, now: float) -> Step:
    """The daemon ends in good order: a master says so with priority 0 (RFC 3768 6.4.3)."""
    out = (Advertise(STOPPED), ReleaseVips()) if i.state is VrrpState.MASTER else ()
    return Instance(config=i.config, tracks=i.tracks, since=now), out


def timer(i: Instance, now: float) -> Step:
    """`due` may have come: a master's next advert, or the end of a backup's patience."""
    if i.due is None or now < i.due:
        return i, ()
    if i.state is VrrpState.MASTER:
        return replace(i, due=max(i.due, now - i.config.interval_s) + i.config.interval_s), (Advertise(i.priority),)
    after, out = _master(i, now)
    return after, (MasterTimedOut(), *out)


def track(i: Instance, changed: Track, now: float) -> Step:
    """A tracked thing has a new value (one with the same kind and name takes its place)."""
    key = (changed.kind, changed.name)
    tracks = tuple(changed if (t.kind, t.name) == key else t for t in i.tracks)
    after = replace(i, tracks=tracks if changed in tracks else (*tracks, changed))
    if not i.running:
        return after, ()
    out: tuple[Output, ...] = ()
    if after.priority != i.priority:
        out = (PriorityChanged(i.priority, after.priority),)
        if after.state is VrrpState.BACKUP and i.due is not None:
            after = replace(after, due=i.due + after.skew_s - i.skew_s)
    after, more = _reconsider(after, now)
    return after, out + more


def vip_lost(i: Instance, now: float) -> Step:
    """Somebody took the VIP off the interface: 2.x steps back and comes again after its skew
    (docs/keepalived-versions.md, "VIP removed by hand")."""
    if i.state is not VrrpState.MASTER:
        return i, ()
    after = replace(i, state=VrrpState.BACKUP, since=now, due=now + i.skew_s, master=None)
    return after, (Entered(after.state, i.state), Advertise(STOPPED), ReleaseVips())


def heard(i: Instance, advert: Heard, now: float) -> Step:
    """An advert for this virtual router arrived from another node."""
    if i.state not in {VrrpState.MASTER, VrrpState.BACKUP} or advert.sender == i.config.address:
        return i, ()
    why = _discard(i, advert)
    if why is not None:
        return i, (Discarded(advert.sender, why),)
    return _heard_by_master(i, advert, now) if i.state is VrrpState.MASTER else _heard_by_backup(i, advert, now)


def _discard(i: Instance, advert: Heard) -> Discard | None:
    """RFC 3768 7.1; v3 accepts another interval. Differing VIP lists: 2.2.7 discards."""
    if advert.version != i.config.version:
        return Discard.VERSION
    if advert.version == 2 and advert.interval_s != i.config.interval_s:
        return Discard.INTERVAL
    return Discard.ADDRESSES if advert.addresses != i.config.vips else None


def _heard_by_master(i: Instance, advert: Heard, now: float) -> Step:
    """RFC 3768 6.4.3; to a lower advert keepalived answers with its own at once."""
    if advert.priority == STOPPED:
        return i, (HeardZero(advert.sender, i.state), Advertise(i.priority))
    higher = outranks(advert.priority, advert.sender, i.priority, i.config.address)
    met = _met(i, advert, higher=higher)
    if not higher:
        return i, (met, Advertise(i.priority))
    after, out = _backup(i, now)
    return _follow(after, advert, now), (met, *out, ReleaseVips())


def _heard_by_backup(i: Instance, advert: Heard, now: float) -> Step:
    """RFC 3768 6.4.2; a lower advert is discarded, so the timer runs out (docs/keepalived-versions.md)."""
    if advert.priority == STOPPED:
        return replace(i, due=now + i.skew_s), (HeardZero(advert.sender, i.state),)
    if advert.priority >= i.priority:
        return _follow(replace(i, preempt_at=None), advert, now), ()
    if not (i.config.preempt or i.config.owner):
        return _follow(i, advert, now), ()
    if i.config.preempt_delay_s and i.preempt_at is None:
        begun = replace(i, preempt_at=now + i.config.preempt_delay_s)
        return _follow(begun, advert, now), (PreemptDelay(i.config.preempt_delay_s),)
    if i.preempt_at is not None and now < i.preempt_at:
        return _follow(i, advert, now), ()
    return i, (_met(i, advert, higher=False),)


def _met(i: Instance, advert: Heard, *, higher: bool) -> HeardOther:
    return HeardOther(advert.sender, advert.priority, i.priority, higher, i.state)


def _follow(i: Instance, advert: Heard, now: float) -> Instance:
    interval = advert.interval_s if i.config.version == 3 else None
    after = replace(i, master=advert.sender, master_priority=advert.priority, master_interval_s=interval)
    return replace(after, due=now + after.down_s)


def _leave_init(i: Instance, now: float) -> Step:
    if i.faulty or i.waiting:
        return _reconsider(i, now)
    return _master(i, now) if i.config.owner else _backup(i, now)


def _reconsider(i: Instance, now: float) -> Step:
    """The state that follows from what is tracked."""
    if i.faulty:
        return (i, ()) if i.state is VrrpState.FAULT else _fault(i, now)
    if i.state is VrrpState.INIT and not i.waiting:
        return _leave_init(i, now)
    # After FAULT even 2.2.7's owner waits as a backup first (seen in its log).
    return _backup(i, now) if i.state is VrrpState.FAULT else (i, ())


def _fault(i: Instance, now: float) -> Step:
    after = replace(i, state=VrrpState.FAULT, since=now, due=None, master=None, master_priority=None)
    leave = (Advertise(STOPPED), ReleaseVips()) if i.state is VrrpState.MASTER else ()
    return after, (Entered(after.state, i.state), *leave)


def _backup(i: Instance, now: float) -> Step:
    after = replace(i, state=VrrpState.BACKUP, since=now, master=None, master_priority=None, preempt_at=None)
    after = replace(after, master_interval_s=None)
    return replace(after, due=now + after.down_s), (Entered(after.state, i.state),)


def _master(i: Instance, now: float) -> Step:
    after = replace(
        i, state=VrrpState.MASTER, since=now, due=now + i.config.interval_s, master=None, master_priority=None
    )
    after = replace(after, master_interval_s=None, preempt_at=None)
    return after, (Advertise(after.priority), Entered(after.state, i.state), TakeVips())
