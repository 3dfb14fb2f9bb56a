"""Expected + seen + what clients lost -> claims with their evidence. Pure.

A claim is True or False only by a witness that was there: a log that cannot be read, a wire on which
nobody listens make it None, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.model.drill import Claim, Doubt, Measured, Range
from haconsole.model.readings import LogFactKind
from haconsole.operations.actions import Kind
from haconsole.operations.drills.expect import LineExpected, Move
from haconsole.operations.drills.figures import EARLY_S, Case, figure, injected, lost_in, put_back, takeover, took, vips
from haconsole.operations.drills.outages import Lost
from haconsole.operations.drills.parts import Expects

ON_BOTH_S: Final = 1.0
"""keepalived's own hand-over has a VIP on two nodes for less: the loser goes with the first advert that it hears."""


def during(case: Case) -> tuple[Claim, ...]:
    """From the injection until it is put back."""
    wants = case.drill.expects
    found: list[Claim] = []
    if Expects.HOLDERS in wants:
        found += [_held(case, m.vip, m.new) for m in case.expected.moves]
        found += [_held(case, vip, node) for vip, node in case.expected.stays]
        found += [_once(case, vip) for vip in vips(case.expected)]
    if Expects.STATES in wants:
        found += [_state(case, name, state) for name, state in case.expected.states]
    if Expects.LOG in wants:
        found += [_line(case, x) for x in case.expected.lines if not x.back]
    if Expects.GARP in wants:
        found += [_garp(case, m, back=False) for m in case.expected.moves]
    if Expects.TIMES in wants:
        found += _times(case, back=False)
    if Expects.SERVED in wants:
        found += [c for m in case.expected.moves if (c := _served(case, m.vip)) is not None]
        found += [_nothing_lost(case, vip, back=False) for vip, _ in case.expected.stays]
    if case.drill.outage_at_most_s is not None:
        found += [_promise(case, vip, case.drill.outage_at_most_s) for vip in vips(case.expected)]
    if case.expected.kind is Kind.REVERT_ONLY:
        found.append(_fired(case))
    return tuple(found)


def failback(case: Case) -> tuple[Claim, ...]:
    """From putting back on. Whether all is as it was is `steady.again`'s."""
    wants, moves = case.drill.expects, case.expected.moves
    found: list[Claim] = []
    for move in moves:
        if Expects.HOLDERS in wants and move.returns is not None:
            where = "comes back to" if move.returns else "stays on"
            holders = case.seen.holders(move.vip, case.now)
            found.append(_as_holders(case, f"{move.vip} {where} {move.home}", holders, (move.home or "",)))
    if Expects.LOG in wants:
        found += [_line(case, x) for x in case.expected.lines if x.back]
    if Expects.GARP in wants:
        found += [_garp(case, m, back=True) for m in moves if m.returns]
    if Expects.TIMES in wants:
        found += _times(case, back=True)
    if Expects.SERVED in wants:
        found += [_nothing_lost(case, vip, back=True) for vip, _ in case.expected.stays]
    return tuple(found)


def _pending(case: Case, ok: bool | None, at: float | None) -> bool | None:
    """What was not seen is not so only when nothing more can come."""
    return ok if ok or case.over or (at is not None and ok is None) else None


def _held(case: Case, vip: str, node: str) -> Claim:
    at = case.put_back_at
    return _as_holders(case, f"{vip} is on {node}", case.seen.holders(vip, case.held_until), (node,), at is not None)


def _as_holders(
    case: Case, text: str, holders: tuple[str, ...] | None, wanted: tuple[str, ...], settled: bool = False
) -> Claim:
    if holders is None:
        return Claim(text=text, ok=None, evidence="no kernel told who holds it")
    told = f"by the kernels: {' and '.join(holders) or 'nobody'}"
    ok = holders == wanted
    return Claim(text=text, ok=ok if ok or settled or case.over else None, evidence=told)


def _once(case: Case, vip: str) -> Claim:
    """Never on two nodes for longer than a hand-over."""
    began = case.seen.began("change") or case.seen.since
    lanes = [h for h in case.seen.lanes if h.vip == vip]
    longest = 0.0
    for lane, after in zip(lanes, [*(x.since for x in lanes[1:]), case.now][: len(lanes)], strict=True):
        if lane.holders is not None and len(lane.holders) > 1 and after > began:
            longest = max(longest, after - max(lane.since, began))
    ok = longest <= ON_BOTH_S
    evidence = f"on two for {longest:.2f} s" if longest else "never on two"
    return Claim(text=f"{vip} is never on two nodes", ok=ok if lanes else None, evidence=evidence)


def _state(case: Case, name: str, state: str) -> Claim:
    node = case.expected.node
    text = f"{name} is {state} on {node}"
    began, change = (case.seen.began("change") or case.now) - EARLY_S, injected(case)
    logged = [
        x for x in case.seen.lines
        if x.node == node and began <= x.at < case.held_until and x.fact is not None
        and x.fact.kind is LogFactKind.STATE and x.fact.instance == name and x.fact.state is not None
    ]  # fmt: skip
    told: list[tuple[float, str, str]] = [
        (x.at, x.fact.state.value, "its log") for x in logged if x.fact and x.fact.state
    ]
    for phase in ("inject", "takeover", "hold"):
        dumped = case.seen.states.get(phase, {}).get((node, name))
        if dumped is not None and change is not None and dumped[0] >= change.at:
            told.append((dumped[0], dumped[1], "keepalived's own word"))
    if not told:
        return Claim(
            text=text, ok=None, evidence=_why_no_log(case, node) or _cut(case, node) or "keepalived was not heard"
        )
    _, last, how = max(told)
    return Claim(text=text, ok=_pending(case, last == state or None, None) if not case.over else last == state,
                 evidence=f"{last}, by {how}")  # fmt: skip


def _why_no_log(case: Case, node: str) -> str | None:
    why = case.seen.log_unread.get(node)
    return None if why is None else f"the log of {node} cannot be read: {why}"


def _cut(case: Case, node: str) -> str | None:
    """It cannot be heard now, and will be."""
    if case.over or case.seen.unreached != node:
        return None
    return "its way is cut: read when it is reached again"


def _line(case: Case, expected: LineExpected) -> Claim:
    text = f"{expected.node} logs `{expected.text}`"
    start = case.put_back_at if expected.back else case.seen.began("change")
    end = case.now + 1.0 if expected.back or case.put_back_at is None else case.put_back_at
    if start is not None:
        for line in sorted(case.seen.lines, key=lambda x: x.at):
            inside = start - EARLY_S <= line.at < end
            if line.node == expected.node and inside and expected.matches(line.fact):
                error = "?" if line.error_s is None else f"{line.error_s * 1000:.0f} ms"
                return Claim(text=text, ok=True, evidence=f"{_after(case, line.at)} (±{error}): {line.text}")
    why = _why_no_log(case, expected.node) or _cut(case, expected.node)
    return Claim(text=text, ok=False if case.over and why is None else None, evidence=why or "not seen")


def _after(case: Case, at: float) -> str:
    change, asked, back = injected(case), case.put_back_at, put_back(case)
    if asked is not None and back is not None and at >= min(asked, back.at) - EARLY_S:
        return f"{max(0.0, at - back.at):.3f} s after it was put back"
    return f"{at - change.at:.3f} s after the injection" if change is not None else f"at {at:.3f}"


def _garp(case: Case, move: Move, *, back: bool) -> Claim:
    node = move.old if back else move.new
    text = f"{node} announces {move.vip} on the wire"
    start = case.put_back_at if back else case.seen.began("change")
    end = case.now + 1.0 if back or case.put_back_at is None else case.put_back_at
    macs = {s.mac for s in case.seen.spoke if s.node == node and s.mac is not None}
    others = [a for a in case.seen.announced if a.vip == move.vip and start is not None and start <= a.at < end]
    own = [a for a in others if not macs or a.mac in macs]
    if own:
        return Claim(text=text, ok=True, evidence=f"{_after(case, own[0].at)}: {own[0].mac}, heard by {own[0].place}")
    if not any(case.seen.listening.values()):
        return Claim(text=text, ok=None, evidence="nobody listens on the wire")
    if others:
        return Claim(text=text, ok=False if case.over else None, evidence=f"only {others[0].mac} did")
    return Claim(text=text, ok=False if case.over else None, evidence="not heard")


def _times(case: Case, *, back: bool) -> Iterator[Claim]:
    told = case.expected.predicted
    if not back:
        for vip, span in told.takeover_s.items():
            move = case.expected.move(vip)
            when = None if move is None else takeover(case, move)
            text = f"takeover of {vip} within {_words(span)}"
            if when is None:
                yield Claim(text=text, ok=False if case.over else None, evidence="no takeover was seen")
                continue
            evidence = f"{when.seconds:.3f} s (±{when.error_s * 1000:.0f} ms), by {when.how}"
            ok = span.agrees(when.seconds, Doubt(below=when.error_s, above=when.error_s))
            yield Claim(text=text, ok=ok, evidence=evidence)
    doubt = Measured(probe_interval_ms=case.clients.interval_ms)
    for vip, span in (told.failback_outage_s if back else told.outage_s).items():
        text = f"clients of {vip} lose {_words(span)}{' on the way back' if back else ''}"
        found = lost_in(case, vip, back=back)
        longest = figure(found)
        if found is None or longest is None:
            yield Claim(text=text, ok=None, evidence=_why_not(case, found))
            continue
        # Nothing lost is fine where little was predicted; else nothing has happened yet, or not all of it.
        done = case.over or (longest > 0 and _whole(case, found))
        few = "" if len(found.outages) < 2 else f", in {len(found.outages)} outages"
        evidence = f"{longest:.3f} s, {found.failed} of {found.requests} requests failed{few}"
        if longest == 0 and not case.over and not _moved(case, vip, back=back):
            yield Claim(text=text, ok=None, evidence="it has not moved yet")
            continue
        ok = span.agrees(longest, doubt.doubt("failback_outage_s" if back else "outage_s", vip))
        yield Claim(text=text, ok=ok if ok or done else None, evidence=evidence)


def _moved(case: Case, vip: str, *, back: bool) -> bool:
    move = case.expected.move(vip)
    return move is not None and took(case, move, back=back) is not None


def _whole(case: Case, found: Lost) -> bool:
    """Is everything known up to the end of its last outage: requests begun meanwhile may still fail."""
    known = case.clients.known
    return known is not None and all(o.ended is not None and o.ended <= known[1] for o in found.outages)


def _why_not(case: Case, found: Lost | None) -> str:
    if case.clients.problem is not None:
        return f"not measured: {case.clients.problem}"
    if found is None:
        why = "no request was judged" if case.clients.known is None else "nothing was, or it ended before this began"
        return f"not measured: {why}" if case.over else "not measured yet"
    if not case.over and any(o.ended is None for o in found.outages):
        return f"lost for {found.at_least_s:.2f} s by now"
    least = f"; at least {found.at_least_s:.2f} s" if found.at_least_s else ""
    return f"not measured: {found.why}{least}"


def _served(case: Case, vip: str) -> Claim | None:
    """From the end of the outage until it is put back."""
    found, text = lost_in(case, vip, back=False), f"clients of {vip} are served while it is held"
    if found is None:
        return Claim(text=text, ok=None, evidence=_why_not(case, found))
    open_now = [o for o in found.outages if o.ended is None or o.ended > case.held_until]
    if open_now:
        return Claim(text=text, ok=False if case.over else None, evidence=f"not for {found.at_least_s:.2f} s")
    if found.longest_s is None:
        return Claim(text=text, ok=None, evidence=_why_not(case, found))
    more = len(found.outages) - 1
    evidence = "served without a break" if more < 1 else f"{more} more outages, {found.sum_s or 0.0:.2f} s in all"
    return Claim(text=text, ok=more < 1, evidence=evidence)


def _nothing_lost(case: Case, vip: str, *, back: bool) -> Claim:
    text = f"clients of {vip}, which stays, lose nothing{' on the way back' if back else ''}"
    found = lost_in(case, vip, back=back)
    if found is None or found.longest_s is None:
        return Claim(text=text, ok=None, evidence=_why_not(case, found))
    return Claim(text=text, ok=found.longest_s == 0, evidence=f"{found.failed} of {found.requests} requests failed")


def _promise(case: Case, vip: str, most_s: float) -> Claim:
    text = f"clients of {vip} lose {most_s:g} s at most"
    found = lost_in(case, vip, back=False)
    if found is None or found.longest_s is None:
        over = found is not None and found.at_least_s > most_s
        return Claim(text=text, ok=False if over else None, evidence=_why_not(case, found))
    return Claim(text=text, ok=found.longest_s <= most_s, evidence=f"{found.longest_s:.3f} s")


def _fired(case: Case) -> Claim:
    step = next((s for s in case.seen.steps if s.name == "put-back"), None)
    text = f"the timer of {case.expected.node} fires by itself"
    if step is None:
        return Claim(text=text, ok=None, evidence="not yet" if not case.over else "it was not seen to")
    return Claim(text=text, ok=bool(step.ok) and "own timer" in step.text, evidence=step.text)


def _words(span: Range) -> str:
    return f"{span.low:.2f} s or more" if span.high is None else f"{span.low:.2f} to {span.high:.2f} s"
