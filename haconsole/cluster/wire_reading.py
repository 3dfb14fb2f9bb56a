"""What one place has heard -> the `WireReading` that the state keeps: bounded, whatever was heard. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Final

from haconsole.cluster.hearing import Place
from haconsole.cluster.segment import Router, Sender
from haconsole.model.capture import CapturePhase
from haconsole.model.hearing import RouterHeard, SenderHeard, WireReading
from haconsole.model.spec import IpAddress

ROUTERS_TOLD: Final = 48
SENDERS_TOLD: Final = 8
"""Of one virtual router."""
STRANGERS_TOLD: Final = 2
"""Of one that is not this cluster's: nothing but its being there follows from it."""
PAST_S: Final = 600.0
"""A sender that was silent for longer is history."""
TAKEOVERS_TOLD: Final = 20
LATE: Final = 1.5
LATE_AT_LEAST_S: Final = 0.1
CLOSE: Final = 0.2


def reading_of(
    place: Place,
    at: float,
    ours: Collection[int],
    vips: Collection[IpAddress],
    nodes: Callable[[], Collection[IpAddress]] = tuple,
) -> WireReading:
    """What `place` knows at `at` (console clock).

    ours: VRIDs of this cluster, which are told before all others. vips: whose announcements count.
    nodes: addresses of this cluster's nodes, which are told before strangers; asked for only in a crowd.
    """
    tracker, state, counts = place.tracker, place.state, place.counts
    alive = {k: r for k, r in tracker.routers.items() if any(at - s.last_at <= PAST_S for s in r.senders.values())}
    told = sorted(alive, key=lambda k: (k[0] not in ours, -alive[k].adverts))[:ROUTERS_TOLD]
    routers = tuple(_router(alive[k], at, nodes, ours) for k in sorted(told))
    hidden = sum(len(alive[r.key].senders) - len(r.senders) for r in routers)
    return WireReading(
        at=at,
        phase=CapturePhase.STARTING if state is None else state.phase,
        listening_since=place.since,
        interface=None if state is None else state.interface,
        problem=None if state is None else state.problem,
        routers=routers,
        left_out=len(alive) - len(told) + hidden + tracker.overflow,
        announced={a: (t, n.mac) for a in vips if (found := tracker.announced.get(a)) for t, n in (found,)},
        takeovers=tuple(t for t in tracker.takeovers if t.key in alive and t.key[0] in ours)[-TAKEOVERS_TOLD:],
        heard=0 if counts is None else counts.heard,
        flooded=0 if counts is None else counts.flooded,
        dropped=None if counts is None else counts.dropped,
        doubtful_at=place.doubtful_at,
    )


def _router(
    router: Router, at: float, nodes: Callable[[], Collection[IpAddress]], ours: Collection[int]
) -> RouterHeard:
    most = SENDERS_TOLD if router.key[0] in ours else STRANGERS_TOLD
    found = [s for s in router.senders.values() if at - s.last_at <= PAST_S]
    own = nodes() if len(found) > most else ()
    # Ours first, then those that go on speaking before those that came by once: a flood of invented ones hides nobody.
    found.sort(key=lambda s: (s.source not in own, not s.last.priority or at - s.last_at > 4 * s.interval_s, -s.count))
    return RouterHeard(key=router.key, senders=tuple(_sender(s) for s in found[:most]), adverts=router.adverts)


def _sender(sender: Sender) -> SenderHeard:
    last, interval, gaps = sender.last, sender.interval_s, sender.gaps_s
    return SenderHeard(
        source=sender.source,
        mac=last.envelope.source_mac,
        former_mac=sender.former_mac,
        mac_changes=sender.mac_changes,
        destination=last.envelope.destination,
        version=last.version,
        priority=last.priority,
        interval_s=interval,
        observed_interval_s=sender.observed_interval_s(),
        jitter_s=sender.jitter_s(),
        longest_gap_s=max(gaps, default=None),
        late=sum(g > LATE * interval and g - interval > LATE_AT_LEAST_S for g in gaps),
        close=sum(g < CLOSE * interval for g in gaps),
        gaps=len(gaps),
        auth_type=last.auth_type,
        addresses=last.addresses,
        hop_limit=last.envelope.hop_limit,
        checksum=last.checksum,
        problems=last.problems,
        first_at=sender.first_at,
        last_at=sender.last_at,
        speaking_since=sender.speaking_since,
        count=sender.count,
    )


def what_matters(reading: WireReading) -> Hashable:
    """Equal for two readings between which nothing happened that a conclusion could rest on: only time passed,
    and the same senders said the same in time."""
    senders = tuple(
        (r.key, s.source, *_said(s), s.speaking_since, s.speaks(reading.at), _outlasts(r, s))
        for r in reading.routers
        for s in r.senders
    )
    announced = tuple((a, round(t), m) for a, (t, m) in reading.announced.items())
    silences = tuple((r.key, _silence(r, reading.at)) for r in reading.routers)
    since = (reading.phase, reading.listening_since, reading.doubtful_at)
    return (*since, senders, silences, announced, reading.takeovers)


def _silence(router: RouterHeard, at: float) -> int:
    """For how many seconds nobody has spoken for it, up to a few; 0: somebody does."""
    if any(s.speaks(at) for s in router.senders):
        return 0
    return min(12, int(at - max(s.last_at for s in router.senders)))


def _said(sender: SenderHeard) -> tuple[Hashable, ...]:
    s = sender
    return (s.mac, s.priority, s.version, s.interval_s, s.addresses, s.checksum, s.problems, s.auth_type)


def _outlasts(router: RouterHeard, sender: SenderHeard) -> int:
    """For how many intervals, up to two, it has gone on since another began."""
    begun = max((o.speaking_since for o in router.senders if o is not sender and o.priority), default=None)
    if begun is None or sender.last_at <= begun:
        return 0
    return min(3, int(2 * (sender.last_at - begun) / sender.interval_s))
