"""What all listening places of one cluster heard together: bounded, pure; time is an input.

One `Hearing` for one cluster, a `Place` for each node that listens. It keeps the last packets for
people to read, a tracker for each place, and for each virtual router and sender the spans of time
in which it spoke: the lanes of the Adverts screen.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import Final

from haconsole.cluster.segment import Key, Sender, Takeover, Tracker
from haconsole.cluster.vrrp import master_down_s
from haconsole.model.capture import CaptureCounts, CaptureNews, CapturePhase, CaptureState, Heard
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

PACKETS_KEPT: Final = 5_000
"""Packets kept for reading; older ones are counted (`Hearing.total`) and gone."""
TAKEOVERS_KEPT: Final = 200
SAME_TAKEOVER_S: Final = 2.0
"""Two places that hear the same take-over say so within this."""
LANES_WORKED_OUT: Final = 512
"""Strangers worked out for one look at all lanes, shared out evenly; our own nodes always are."""
LANE_LEAST: Final = 2
"""Strangers worked out in each lane at least: a master and one who contests it."""
USUAL_BACKUP: Final = 100
"""keepalived's default priority: the backup's where nothing is known of it."""


@dataclass(slots=True)
class Place:
    """One node that listens."""

    name: str
    tracker: Tracker = field(default_factory=Tracker)
    state: CaptureState | None = None
    """How the listening stands; None: it did not start yet."""
    counts: CaptureCounts | None = None
    since: float | None = None
    """Listening without a break since then; None: not listening now."""
    doubtful_at: float | None = None
    """When packets were last lost or left out; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLane:
    """One sender of one virtual router, by all that heard it. Times: console clock."""

    source: IpAddress
    node: str | None
    """Ours, by the addresses that the caller knows; None: a stranger."""
    heard_by: tuple[str, ...]
    """Places that heard it within its master-down time."""
    last_at: float
    priority: int
    version: int
    interval_s: float
    """As announced."""
    observed_interval_s: float | None
    jitter_s: float | None
    deadline_at: float
    """When a backup takes over if nothing more is heard (by the best backup's priority where known, else 100)."""
    gaps_s: tuple[float, ...]
    """The last intervals, oldest first."""
    spans: tuple[tuple[float, float], ...]
    """(first, last) advert of each run without a master-down time of silence, oldest first, within the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One virtual router."""

    key: Key
    master: IpAddress | None
    master_since: float | None
    senders: tuple[SenderLane, ...]
    """Present and past senders within the window, our nodes in their order, then strangers by address."""
    takeovers: tuple[Takeover, ...]
    adverts: int
    left_out: int = 0
    """Strangers within the window that were counted and not worked out: there were too many."""


@dataclass(slots=True)
class _Told:
    """A take-over, and who has told of it."""

    takeover: Takeover
    places: set[str | None]


class Hearing:
    """Takes what captures tell; answers what may be shown."""

    def __init__(self, places: Sequence[str]) -> None:
        self.places: dict[str, Place] = {name: Place(name) for name in places}
        self.total = 0
        """Packets ever taken; the number of the next one."""
        self._recent: deque[Heard] = deque(maxlen=PACKETS_KEPT)
        self._takeovers: deque[_Told] = deque(maxlen=TAKEOVERS_KEPT)
        self._last_told: dict[tuple[Key, IpAddress, IpAddress], _Told] = {}
        """The last of each kind of those."""

    def take(self, heard: Sequence[Heard]) -> list[Takeover]:
        """Packets of one place, in order. Returns the take-overs that they complete, each once though
        several places hear it. What comes from a place that the cluster does not have is left out."""
        found: list[Takeover] = []
        for each in heard:
            place = self.places.get(each.place or "")
            if place is None:
                continue
            self._recent.append(each)
            self.total += 1
            takeover = place.tracker.feed(each.at, each.packet)
            if takeover is not None and self._is_new(takeover, each.place):
                found.append(takeover)
        return found

    def _is_new(self, takeover: Takeover, place: str | None) -> bool:
        told = self._last_told.get(_what(takeover))
        if told is not None and place not in told.places and abs(told.takeover.at - takeover.at) <= SAME_TAKEOVER_S:
            told.places.add(place)
            return False
        if len(self._takeovers) == TAKEOVERS_KEPT:
            gone = self._takeovers[0]
            if self._last_told.get(_what(gone.takeover)) is gone:
                del self._last_told[_what(gone.takeover)]
        self._takeovers.append(_Told(takeover, {place}))
        self._last_told[_what(takeover)] = self._takeovers[-1]
        return True

    def news(self, news: CaptureNews) -> None:
        """How the listening at a place goes."""
        place = self.places.get(news.place)
        if place is None:
            return
        if isinstance(news, CaptureState):
            listening = news.phase is CapturePhase.LISTENING
            if listening and place.since is None:
                place.tracker.interrupted()
            place.since = (place.since if place.since is not None else news.at) if listening else None
            place.state = news
            return
        before = place.counts
        lost = (news.flooded + (news.dropped or 0)) - (0 if before is None else before.flooded + (before.dropped or 0))
        if lost > 0:
            place.doubtful_at = news.at
        place.counts = news

    def since(self, number: int) -> tuple[int, Sequence[Heard]]:
        """(number of the first, packets) from packet `number` on, oldest first; what is no longer kept is skipped."""
        first = min(max(number, self.total - len(self._recent)), self.total)
        return first, list(islice(self._recent, len(self._recent) - (self.total - first), None))

    def lanes(self, now: float, window_s: float, names: Mapping[IpAddress, str]) -> tuple[Lane, ...]:
        """Every virtual router heard within the window, by VRID. `names`: address -> node of ours.

        Of a flood of strangers only some are worked out (`Lane.left_out`): the one that would be master, then the
        latest heard. So the cost is bounded, whatever was heard.
        """
        return tuple(lane for lane in self.each_lane(now, window_s, names) if lane is not None)

    def senders(self) -> int:
        """How many there are, of every virtual router at every place: whether there is a storm of them."""
        return sum(len(r.senders) for p in self.places.values() for r in p.tracker.routers.values())

    def each_lane(self, now: float, window_s: float, names: Mapping[IpAddress, str]) -> Iterator[Lane | None]:
        """What `lanes` gives, one by one, so that the work can be spread; None: a virtual router that was not
        heard within the window. What is heard meanwhile may be in it."""
        keys = sorted({key for place in self.places.values() for key in place.tracker.routers})
        order = {node: index for index, node in enumerate(dict.fromkeys(names.values()))}
        most = max(LANE_LEAST, LANES_WORKED_OUT // max(1, len(keys)))
        for key in keys:
            yield self._lane(key, now, now - window_s, names, order, most=most)

    def _lane(
        self, key: Key, now: float, start: float, names: Mapping[IpAddress, str], order: Mapping[str, int], *, most: int
    ) -> Lane | None:
        heard: dict[IpAddress, dict[str, Sender]] = {}
        for place in self.places.values():
            router = place.tracker.routers.get(key)
            for sender in () if router is None else router.senders.values():
                if sender.last_at >= start:
                    heard.setdefault(sender.source, {})[place.name] = sender
        if not heard:
            return None
        latest = {
            s: max(by.values(), key=_last_at) if len(by) > 1 else next(iter(by.values())) for s, by in heard.items()
        }
        first, second = _two_best(latest)
        chosen = _chosen(latest, now, names, most)
        lanes = [
            _sender_lane(
                source,
                heard[source],
                now,
                start,
                node=names.get(source),
                backup=(second if latest[source].last.priority == first else first) or USUAL_BACKUP,
            )
            for source in chosen
        ]
        lanes.sort(key=lambda s: (order.get(s.node or "", len(order)), s.source.version, int(s.source)))
        best = max(
            (s for s in lanes if s.priority > 0 and _recent(s, now)),
            key=lambda s: (s.priority, int(s.source)),
            default=None,
        )
        return Lane(
            key=key,
            master=None if best is None else best.source,
            master_since=None if best is None else self._master_since(key, best),
            senders=tuple(lanes),
            takeovers=tuple(t.takeover for t in self._takeovers if t.takeover.key == key and t.takeover.at >= start),
            adverts=max(p.tracker.routers[key].adverts for p in self.places.values() if key in p.tracker.routers),
            left_out=len(heard) - len(chosen),
        )

    def _master_since(self, key: Key, best: SenderLane) -> float | None:
        routers = (p.tracker.routers.get(key) for p in self.places.values())
        times = [r.master_since for r in routers if r is not None and r.master == best.source and r.master_since]
        return min(times) if times else (best.spans[-1][0] if best.spans else None)


def _what(takeover: Takeover) -> tuple[Key, IpAddress, IpAddress]:
    return takeover.key, takeover.old, takeover.new


def _last_at(sender: Sender) -> float:
    return sender.last_at


def _recent(sender: Sender | SenderLane, now: float) -> bool:
    return now - sender.last_at <= 3 * sender.interval_s + 0.5


def _two_best(latest: Mapping[IpAddress, Sender]) -> tuple[int, int]:
    """The two highest priorities, equal ones counted each; 0 where there is none."""
    first, second, *_ = *heapq.nlargest(2, (s.last.priority for s in latest.values())), 0, 0
    return first, second


def _chosen(
    latest: Mapping[IpAddress, Sender], now: float, names: Mapping[IpAddress, str], most: int
) -> list[IpAddress]:
    """The senders to work out: all of ours, and `most` strangers."""
    ours = [s for s in latest if s in names]
    strangers = [s for s in latest if s not in names]
    if len(strangers) <= most:
        return ours + strangers
    master = max(
        strangers, key=lambda s: (latest[s].last.priority if _recent(latest[s], now) else 0, int(s)), default=None
    )
    newest = heapq.nlargest(most, strangers, key=lambda s: latest[s].last_at)
    if master is not None and master not in newest:
        newest[-1] = master
    return ours + newest


def _sender_lane(
    source: IpAddress, by: Mapping[str, Sender], now: float, start: float, *, node: str | None, backup: int
) -> SenderLane:
    latest = max(by.values(), key=lambda s: s.last_at)
    fullest = max(by.values(), key=lambda s: (len(s.gaps_s), s.last_at))
    runs = (run for s in by.values() for run in (*s.spans, (s.speaking_since, s.last_at)))
    return SenderLane(
        source=source,
        node=node,
        heard_by=tuple(
            name
            for name, s in by.items()
            if now - s.last_at <= master_down_s(s.last.version, backup, s.interval_s) and s.last.priority > 0
        ),
        last_at=latest.last_at,
        priority=latest.last.priority,
        version=latest.last.version,
        interval_s=latest.interval_s,
        observed_interval_s=fullest.observed_interval_s(),
        jitter_s=fullest.jitter_s(),
        deadline_at=latest.deadline(backup),
        gaps_s=tuple(fullest.gaps_s),
        spans=_joined(runs, start),
    )


def _joined(runs: Iterable[tuple[float, float]], start: float) -> tuple[tuple[float, float], ...]:
    """What several places heard of one sender, as one: a run that one of them heard whole is whole."""
    joined: list[tuple[float, float]] = []
    for first, last in sorted(r for r in runs if r[1] >= start):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((max(first, start), last))
    return tuple(joined)
