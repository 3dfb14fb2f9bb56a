"""A drill as far as it has got -> when it took effect, when each VIP moved, what clients lost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from haconsole.model.drill import Measured, Request
from haconsole.model.readings import LogFactKind, VrrpState
from haconsole.model.record import dataclass
from haconsole.operations.actions import Kind
from haconsole.operations.drills.expect import Expected, Move
from haconsole.operations.drills.outages import Lost, lost
from haconsole.operations.drills.parts import Drill
from haconsole.operations.drills.seen import Line, Seen

MISSED_SHARE: Final = 0.02
"""So many requests not begun in time, of all, are this machine's trouble and worth a word."""
EARLY_S: Final = 0.25
"""A cause may be told so much before the step that made it, by a clock with its error."""
GRAIN_S: Final = 0.005
"""keepalived's timers and the journal's time stamps are no finer (0.607 s was measured where 0.609 s is the skew)."""


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
    begun: int = 0
    unjudged: int = 0
    """Of these: too late while this machine itself stood still, so they say nothing about a VIP."""
    missed: int = 0
    """Not begun: this machine did not come to it."""

    @property
    def busy(self) -> str | None:
        """That this machine was too busy to measure well, in words; None: it was not."""
        if not self.unjudged and self.missed < MISSED_SHARE * max(1, self.begun + self.missed):
            return None
        told = [f"{self.unjudged} of {self.begun} requests could not be judged"] if self.unjudged else []
        told += [f"{self.missed} of {self.begun + self.missed} were not begun in time"] if self.missed else []
        return f"this machine was busy while it measured: {', '.join(told)}"


def unserved_s(good: float, failed: float | None, until: float) -> float:
    """For how long a VIP has not served its clients, as far as is proven: from the last good request's start to the
    last failed one's. What was not begun or not judged since is this machine's silence and no proof of anything.

    until: the time up to which every request is known.
    """
    return 0.0 if failed is None else max(0.0, min(failed, until) - good)


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
    if any(s.name == "change" and s.ok is False for s in case.seen.steps):
        return None  # it failed, and nobody saw anything of it
    more = 0.6 if case.expected.own_path else 0.0
    return When(at=began, error_s=_length(case, "change", began) + more, how="the step")


def put_back(case: Case) -> When | None:
    """When what was changed was taken away again: told as the injection was. None: it was not, nothing was changed."""
    began, expected = case.put_back_at, case.expected
    if began is None or (case.seen.began("change") is None and expected.kind is not Kind.REVERT_ONLY):
        return None
    for line in sorted(case.seen.lines, key=lambda x: x.at):
        late = line.node == expected.node and line.at >= began - EARLY_S and line.error_s is not None
        if late and _is_cause(expected, line, back=True):
            return When(at=line.at, error_s=line.error_s or 0.0, how=f"{line.node}: {line.text}")
    for change in case.seen.changes if expected.interface is not None else ():
        if change.node == expected.node and change.at >= began and change.link(expected.interface or "", up=True):
            return When(at=change.at, error_s=change.error_s, how=f"{change.node}: its kernel")
    return When(at=began, error_s=_length(case, "put-back", began), how="the step")


def _length(case: Case, name: str, began: float) -> float:
    step = next((s for s in case.seen.steps if s.name == name), None)
    return max(0.0, (step.ended if step is not None and step.ended is not None else case.now) - began)


def _is_cause(expected: Expected, line: Line, *, back: bool = False) -> bool:
    """Does it tell that the change was made; back: that it was taken away."""
    fact = line.fact
    if expected.kind is Kind.LINK_DOWN:
        return fact is not None and (fact.kind, fact.subject, fact.up) == (
            LogFactKind.INTERFACE, expected.interface, back,
        )  # fmt: skip
    words = ("Starting ", "Started ") if back else ("Stopping ",)
    told = line.program == "systemd" and line.text.startswith(words)
    if expected.kind is Kind.DRAIN:
        return told or (fact is not None and fact.kind is LogFactKind.PRIORITY)
    return told


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """How long after the injection, and what that may be wrong by."""

    seconds: float
    error_s: float
    how: str


def takeover(case: Case, move: Move) -> Takeover | None:
    """Of one VIP. None: it was not seen."""
    change, when = injected(case), took(case, move)
    if change is None or when is None:
        return None
    return Takeover(
        seconds=round(max(0.0, when.at - change.at), 4), error_s=round(change.error_s + when.error_s + GRAIN_S, 4),
        how=when.how,
    )  # fmt: skip


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
    # The last requests before now are under way, or measuring is over; what has failed of them is known all the same.
    partly = known is not None and (back or not case.over)
    if known is not None and partly and known[1] <= begin:
        return None
    return lost(case.clients.requests, vip, begin, end, known or (0.0, 0.0), partly=partly)


def measured(case: Case) -> Measured:
    """Everything that could be measured; None where it could not."""
    every = vips(case.expected)
    moved = {move.vip: takeover(case, move) for move in case.expected.moves}
    begun, known = case.seen.began("change") is not None, case.clients.known is not None
    requests = case.clients.requests
    return Measured(
        takeover_s={v: None if t is None else t.seconds for v, t in moved.items()},
        takeover_error_s={v: None if t is None else t.error_s for v, t in moved.items()},
        outage_s={v: figure(lost_in(case, v, back=False)) for v in every} if begun else {},
        failback_outage_s={v: figure(lost_in(case, v, back=True)) for v in every} if case.put_back_at else {},
        requests=len(requests) if known else None,
        failed=sum(not r.ok for r in requests) if known else None,
        probe_interval_ms=case.clients.interval_ms,
        unjudged=case.clients.unjudged if known else None,
        not_begun=case.clients.missed if known else None,
    )


def figure(found: Lost | None) -> float | None:
    """Of an outage, as it is written down."""
    return None if found is None or found.longest_s is None else round(found.longest_s, 4)


def vips(expected: Expected) -> list[str]:
    """Those that move, then those that stay."""
    return [m.vip for m in expected.moves] + [v for v, _ in expected.stays]
