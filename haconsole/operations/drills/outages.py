"""What clients lost, from the requests that were made (contract: "an outage runs from the start of the last good
request before it to the end of the first good one after").

Requests of one VIP are looked at in the order of their beginnings, however they end.

- **Before and after** a failed request are the good ones begun before and after it. The outage begins with the last
  of those begun before; it ends with the first end among those begun after: the first proof that it serves again.
- **One outage or two**: two failed requests belong to the same outage, unless a good one was begun after the first
  of them and had ended when the second was begun: then it served in between, and there are two. They may overlap by
  that good request, so their sum is the length of both together, not the two added up.
- **One failed request** alone is an outage too: of about two cadences and the time of a request.
- A request that says nothing (not judged, not begun) is not among the requests: it neither begins nor ends anything.
  Where none was begun for long, an outage may have gone unseen; `Lost` says how long it can have been.

An outage belongs to the window (takeover: from the injection until it is put back; failback: from there to the end)
in which its first failure was noticed, that is, ended: a request that was under way when the link was cut was begun
before, and its failing belongs to the cut. What a window's figure is: the longest outage. A takeover is one
interruption; a second one is a finding of its own, told by `Lost.outages` and `Lost.sum_s`, and must not hide in
the sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from haconsole.model.drill import Outage, Request
from haconsole.model.record import dataclass

UNSEEN_S: Final = 0.25
"""With no request begun for longer, "nothing lost" cannot be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An outage of one VIP, whole."""

    vip: str
    began: float | None
    """None: no good request was made before it."""
    ended: float | None
    """None: no good request has been made since."""
    failed: tuple[Request, ...]
    """At least one, in the order of their beginnings."""

    @property
    def noticed(self) -> float:
        """When the first failure was known."""
        return min(r.ended for r in self.failed)

    @property
    def lasted_s(self) -> float | None:
        """None: its beginning or its end is not known."""
        return None if self.began is None or self.ended is None else self.ended - self.began

    @property
    def outage(self) -> Outage:
        """As the record has it. Without a known beginning it begins with the first failed request."""
        began = self.failed[0].started if self.began is None else self.began
        return Outage(vip=self.vip, began=began, ended=self.ended, failed=len(self.failed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What clients lost through one VIP in a window."""

    vip: str
    longest_s: float | None
    """The window's figure. 0.0: measured, nothing lost. None: not known, `why` says why."""
    sum_s: float | None
    """All outages of the window together, what overlaps counted once. None like `longest_s`."""
    at_least_s: float
    """So much was lost in any case, even where the figure is not known."""
    outages: tuple[Found, ...]
    """Those that were first noticed in the window, each in full, even where it goes on after the window."""
    requests: int
    """Begun in the window."""
    failed: int
    """Of these."""
    longest_gap_s: float
    """The longest time in the window in which no request was begun: a shorter outage may have gone unseen."""
    why: str | None = None


def find(requests: Iterable[Request], vip: str) -> tuple[Found, ...]:
    """Every outage of one VIP in what was measured, in the order of time. Requests may come in any order."""
    ordered = _ordered(requests, vip)
    ends = _first_end_after(ordered)
    found: list[Found] = []
    began: float | None = None
    last_good: float | None = None
    run: list[Request] = []
    served = math.inf
    """The first end among the good ones begun since the run's last failure."""
    after: float | None = None
    for request, end in zip(ordered, ends, strict=True):
        if request.ok:
            last_good = request.started
            served = min(served, request.ended)
            continue
        if run and served <= request.started:
            found.append(Found(vip=vip, began=began, ended=after, failed=tuple(run)))
            run = []
        if not run:
            began = last_good
        run.append(request)
        served, after = math.inf, end
    if run:
        found.append(Found(vip=vip, began=began, ended=after, failed=tuple(run)))
    return tuple(found)


def all_outages(requests: Sequence[Request]) -> tuple[Outage, ...]:
    """Every outage of every VIP, in the order of their beginnings: `DrillRecord.outages`."""
    vips = dict.fromkeys(r.vip for r in requests)
    found = [f.outage for vip in vips for f in find(requests, vip)]
    return tuple(sorted(found, key=lambda o: (o.began, o.vip)))


def lost(
    requests: Iterable[Request],
    vip: str,
    begin: float,
    end: float | None = None,
    known: tuple[float, float] | None = None,
    *,
    partly: bool = False,
) -> Lost:
    """What was lost through `vip` between `begin` and `end`, seconds since the epoch; None: the end of measuring.

    requests: all of the measurement, not those of the window: outages are followed beyond it.
    known: the time of which every request is among them (`runtime.traffic.Known`); None: at least the window.
    partly: judged as far as `known` goes: measuring goes on, or it ended within the window.
    """
    ordered = _ordered(requests, vip)
    measured = known[1] if known is not None else max((r.started for r in ordered), default=begin)
    until, end = (measured, math.inf) if end is None else (end, end)
    if partly:
        until = min(until, measured)
    found = find(ordered, vip)
    own = tuple(f for f in found if begin <= f.noticed < end)
    before = next((f for f in found if f.noticed < begin and (f.ended is None or f.ended > begin)), None)
    inside = [r for r in ordered if begin <= r.started < (until if partly else end)]
    spans = [(f.outage.began, ordered[-1].ended if f.ended is None else f.ended) for f in own]
    at_least = _union(spans)
    longest = max((e - b for b, e in spans), default=0.0)
    gap = _gap([r.started for r in inside], begin, until)
    why: str | None = None
    if not inside:
        why = "no request was begun, or none could be judged"
    elif before is not None:
        why = "it was out already when this began"
    elif any(f.began is None for f in own):
        why = "no request had been good before it was out"
    elif any(f.ended is None for f in own):
        why = "it was still out when measuring ended"
    elif known is not None and not (known[0] <= begin and until <= known[1]):
        why = "it was not measured all the time"
    elif gap > max(UNSEEN_S, longest):
        why = f"for {gap:.2f} s no request was begun, or none could be judged"
    return Lost(
        vip=vip,
        longest_s=longest if why is None else None,
        sum_s=at_least if why is None else None,
        at_least_s=at_least,
        outages=own,
        requests=len(inside),
        failed=sum(not r.ok for r in inside),
        longest_gap_s=gap,
        why=why,
    )


def _ordered(requests: Iterable[Request], vip: str) -> list[Request]:
    return sorted((r for r in requests if r.vip == vip), key=lambda r: r.started)


def _first_end_after(ordered: Sequence[Request]) -> list[float | None]:
    """For each request the first end among the good ones begun after it."""
    ends: list[float | None] = []
    first: float | None = None
    for request in reversed(ordered):
        ends.append(first)
        if request.ok:
            first = request.ended if first is None else min(first, request.ended)
    return ends[::-1]


def _union(spans: Iterable[tuple[float, float]]) -> float:
    total, reached = 0.0, -math.inf
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


def _gap(started: Sequence[float], begin: float, end: float) -> float:
    return max(b - a for a, b in pairwise([begin, *started, max(begin, end)]))
