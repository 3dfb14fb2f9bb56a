"""A drill as far as it has got -> when it took effect, when each VIP moved, what clients lost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from haconsole.model.drill import Measured, Request
from haconsole.model.readings import LogFactKind, VrrpState
from haconsole.operations.actions import Kind
from haconsole.operations.drills.expect import Expected, Move
from haconsole.operations.drills.outages import Lost, lost
from haconsole.operations.drills.parts import Drill
from haconsole.operations.drills.seen import Line, Seen

EARLY_S: Final = 0.25
"""A cause may be told so much before the step that made it, by a clock with its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A moment and how it is known."""

    at: float
    error_s: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """What the measuring client has told. known: (from, to) of which every request is among them; None: nothing is."""

    requests: Sequence[Request] = ()
    known: tuple[float, float] | None = None
    interval_ms: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A drill, as far as it has got."""

    drill: Drill
    expected: Expected
    seen: Seen
    clients: Clients
    now: float
    over: bool
    """False: what is not seen yet may still come."""

    @property
    def put_back_at(self) -> float | None:
        return self.seen.began("put-back")

    @property
    def held_until(self) -> float:
        return self.now if self.put_back_at is None else self.put_back_at


# --- moments ----------------------------------------------------------------------------------------------


def injected(case: Case) -> When | None:
    """When the injection took effect: by keepalived's, systemd's or the kernel's word, else by the step itself."""
    began, node = case.seen.began("change"), case.expected.node
    if began is None or case.expected.kind is Kind.REVERT_ONLY:
        return None
    until = case.held_until
    lines = [x for x in case.seen.lines if x.node == node and began - EARLY_S <= x.at < until]
    by_log = next((x for x in sorted(lines, key=lambda x: x.at) if _is_cause(case.expected, x)), None)
    if by_log is not None and by_log.error_s is not None:
        return When(at=by_log.at, error_s=by_log.error_s, how=f"{node}: {by_log.text}")
    if case.expected.interface is not None:
        for change in case.seen.changes:
            if change.node == node and change.at >= began and change.link(case.expected.interface, up=False):
                return When(at=change.at, error_s=change.error_s, how=f"{node}: its kernel")
    step = next((s for s in case.seen.steps if s.name == "change"), None)
    ended = step.ended if step is not None and step.ended is not None else case.now
    return When(at=began, error_s=max(0.0, ended - began) + (0.6 if case.expected.own_path else 0.0), how="the step")


def _is_cause(expected: Expected, line: Line) -> bool:
    fact = line.fact
    if expected.kind is Kind.LINK_DOWN:
        return fact is not None and (fact.kind, fact.subject, fact.up) == (
            LogFactKind.INTERFACE, expected.interface, False,
        )  # fmt: skip
    stops = line.program == "systemd" and line.text.startswith("Stopping ")
    if expected.kind is Kind.DRAIN:
        return stops or (fact is not None and fact.kind is LogFactKind.PRIORITY)
    return stops


def took(case: Case, move: Move, *, back: bool = False) -> When | None:
    """When the VIP's new holder has it; back: the old one again. By log, kernel or wire, whichever is surest."""
    node, instance = (move.old, move.old_instance) if back else (move.new, move.new_instance)
    start = case.put_back_at if back else case.seen.began("change")
    if start is None:
        return None
    start -= EARLY_S
    end = case.now + 1.0 if back or case.put_back_at is None else case.put_back_at
    found: list[When] = []
    for line in sorted(case.seen.lines, key=lambda x: x.at):
        fact = line.fact
        if fact is None or line.error_s is None or line.node != node or not start <= line.at < end:
            continue
        if (fact.kind, fact.instance, fact.state) == (LogFactKind.STATE, instance, VrrpState.MASTER):
            found.append(When(at=line.at, error_s=line.error_s, how="its log"))
            break
    for change in case.seen.changes:
        if change.node == node and start <= change.at < end and change.vip(move.vip, added=True):
            found.append(When(at=change.at, error_s=change.error_s, how="its kernel"))
            break
    for spoke in case.seen.spoke:
        own = (spoke.vrid, spoke.node) == (move.vrid, node) and spoke.priority > 0
        if own and start <= spoke.at < end:
            found.append(When(at=spoke.at, error_s=spoke.error_s or 0.05, how="the wire"))
            break
    if not found:
        return None
    best = min(found, key=lambda w: w.error_s)
    return When(at=best.at, error_s=best.error_s, how=", ".join(w.how for w in found))


# --- figures ----------------------------------------------------------------------------------------------


def lost_in(case: Case, vip: str, *, back: bool) -> Lost | None:
    """What clients lost from the injection (or arming) until it was put back; back: from then on. None: not begun."""
    put_back = case.put_back_at
    if back:
        begin, end = put_back, case.now
    else:
        change = injected(case)
        begin = case.seen.began("change") if change is None else change.at - min(change.error_s, 0.05)
        end = case.held_until
    if begin is None or end <= begin:
        return None
    known = case.clients.known
    if known is not None and (back or not case.over):
        end = min(end, known[1])  # the last requests before now are under way, or measuring is over
    return lost(case.clients.requests, vip, begin, end, known or (0.0, 0.0)) if end > begin else None


def measured(case: Case) -> Measured:
    """Everything that could be measured; None where it could not."""
    change, every = injected(case), vips(case.expected)
    takeover: dict[str, float | None] = {}
    for move in case.expected.moves:
        when = took(case, move)
        takeover[move.vip] = None if change is None or when is None else round(max(0.0, when.at - change.at), 4)
    begun, known = case.seen.began("change") is not None, case.clients.known is not None
    requests = case.clients.requests
    return Measured(
        takeover_s=takeover,
        outage_s={v: _figure(lost_in(case, v, back=False)) for v in every} if begun else {},
        failback_outage_s={v: _figure(lost_in(case, v, back=True)) for v in every} if case.put_back_at else {},
        requests=len(requests) if known else None,
        failed=sum(not r.ok for r in requests) if known else None,
        probe_interval_ms=case.clients.interval_ms,
    )


def _figure(found: Lost | None) -> float | None:
    return None if found is None or found.longest_s is None else round(found.longest_s, 4)


def vips(expected: Expected) -> list[str]:
    """Those that move, then those that stay."""
    return [m.vip for m in expected.moves] + [v for v, _ in expected.stays]
