"""A drill that has ended -> its record: claims and figures for good, evidence of each node, the whole time line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.drill import (
    Claim,
    DrillRecord,
    GuardSaid,
    Hypothesis,
    Moment,
    NodeEvidence,
    Outage,
    Phase,
    Request,
    Source,
)
from haconsole.model.record import dataclass
from haconsole.operations.drills import figures, judge, steady
from haconsole.operations.drills.outages import all_outages
from haconsole.operations.drills.phases import phases
from haconsole.operations.drills.seen import Seen
from haconsole.operations.drills.verdict import Ended, verdict
from haconsole.operations.guards_context import Guard
from haconsole.operations.job import Result

REQUESTS_KEPT: Final = 2000
_NOT_SEEN: Final = frozenset({"not seen", "not heard", "no takeover was seen"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What the driver knows besides what was seen. blank: the record as it was begun."""

    blank: DrillRecord
    before: tuple[Claim, ...]
    was: steady.Steady
    nodes: Mapping[str, NodeEvidence] = field(default_factory=dict)
    during_addresses: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    ended: Ended
    guards: tuple[GuardSaid, ...] = ()
    """As judged under the lock; empty: as in `blank`."""


def final_record(run: Whole, case: figures.Case, picture: ClusterPicture) -> DrillRecord:
    """The record. case: over."""
    seen, ended = case.seen, run.ended
    begun = seen.began("change") is not None
    during = judge.during(case) if begun else ()
    touched = ended.result is not Result.REFUSED and begun
    after = (*judge.failback(case), *steady.again(run.was, picture)) if touched else ()
    if ended.result is Result.REVERTED:
        during, after = of_a_stop(during), of_a_stop(after)
    told = figures.measured(case)
    result, text = verdict(ended, (*during, *after), case.expected, told)
    seen.phase = Phase.OVER
    seen.say(case.now, f"{result.value}: {text}")
    requests = tuple(case.clients.requests)
    outages = all_outages(requests)
    injected, put_back = figures.injected(case) if touched else None, figures.put_back(case)
    return replace(
        run.blank, ended=case.now, result=result, text=text, guards=run.guards or run.blank.guards, measured=told,
        hypothesis=Hypothesis(before=run.before, during=during, after=after), steps=tuple(seen.steps),
        timeline=with_clients(seen.moments(), outages), nodes=evidence(picture, seen, run.nodes, run.during_addresses),
        lanes=tuple(seen.lanes), outages=outages, requests=some(requests),
        phases=phases(run.blank.started, seen.steps, case.now), injected=None if injected is None else injected.at,
        put_back=None if put_back is None else put_back.at,
    )  # fmt: skip


def evidence(
    picture: ClusterPicture,
    seen: Seen,
    before: Mapping[str, NodeEvidence],
    during: Mapping[str, tuple[str, ...] | None],
) -> dict[str, NodeEvidence]:
    """Of every node: its addresses before, during, after, and keepalived's lines."""
    found: dict[str, NodeEvidence] = {}
    for node in picture.nodes:
        known = before.get(node.name, NodeEvidence())
        log = seen.keepalived_log(node.name, clock_words)
        found[node.name] = replace(
            known, addresses_during=during.get(node.name, known.addresses_during),
            addresses_after=steady.addresses(node),
            keepalived_log=None if node.name in seen.log_unread and not log else log,
        )  # fmt: skip
    return found


def of_a_stop(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """It was put back early: what could not be seen any more is not known, rather than not so."""
    return tuple(replace(c, ok=None) if c.ok is False and c.evidence in _NOT_SEEN else c for c in claims)


def guards_said(found: Sequence[object]) -> tuple[GuardSaid, ...]:
    """As the record has them, with the reason of an override."""
    return tuple(
        GuardSaid(
            id=g.id, ok=g.ok, text=g.text,
            evidence=g.evidence + (f" (overridden: {g.overridden})" if g.overridden is not None else ""),
        )
        for g in found
        if isinstance(g, Guard)
    )  # fmt: skip


def utc_offset_s(at: float) -> int:
    """Of the zone that this console is in, then: the one of `clock_words`."""
    offset = datetime.fromtimestamp(at).astimezone().utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def clock_words(at: float) -> str:
    """`14:10:02.866`, local."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]


def with_clients(moments: Iterable[Moment], outages: Iterable[Outage]) -> tuple[Moment, ...]:
    """The time line, and what clients lost."""
    found = list(moments)
    for one in outages:
        told = [(one.began, f"{one.vip}: the last good request before an outage begins")]
        if one.ended is not None:
            lost = f"{one.failed} request{'s' if one.failed > 1 else ''} lost"
            told.append((one.ended, f"{one.vip}: served again after {one.ended - one.began:.3f} s, {lost}"))
        found += [Moment(time=at, error_ms=0.0, node=None, source=Source.CLIENT, text=text) for at, text in told]
    return tuple(sorted(found, key=lambda m: m.time))


def some(requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """All where they are few; else those that failed, and of the others some, evenly."""
    if len(requests) <= REQUESTS_KEPT:
        return requests
    failed = [r for r in requests if not r.ok][:REQUESTS_KEPT]
    good = [r for r in requests if r.ok]
    every = max(1, len(good) // max(1, REQUESTS_KEPT - len(failed)))
    return tuple(sorted((*failed, *good[::every]), key=lambda r: r.started))
