"""What a drill makes of an action: its words, its job, its blank record, what must be so again. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import VipPicture
from haconsole.model.drill import DrillRecord
from haconsole.model.findings import Severity
from haconsole.operations.actions import Action, Kind
from haconsole.operations.drills import steady
from haconsole.operations.drills.expect import SEEN_S, Expected
from haconsole.operations.drills.parts import Drill
from haconsole.operations.drills.story import Begun
from haconsole.operations.job import Check, Ending, Job
from haconsole.runtime.drill_live import Wish
from haconsole.runtime.drill_record import guards_said, utc_offset_s
from haconsole.runtime.executor import FIRST_S
from haconsole.runtime.operate import Prepared, Words

_BAD: Final = frozenset({Severity.WARNING, Severity.CRITICAL})
MOST_CAUSES: Final = 6

# --- before ------------------------------------------------------------------------------------------------


def words_of(wish: Wish, drill: Drill) -> Words:
    """The action's words, without how long it is held."""
    return Words(
        kind=drill.kind, node=wish.node, operator=wish.operator, host=wish.host,
        interface=drill.interface, reason=wish.reason or f"drill {drill.name}", ticket=wish.ticket,
        outside_window=wish.outside_window,
        overrides=wish.overrides, phrase=wish.phrase, break_lock=wish.break_lock, read_only=wish.read_only,
        drill=drill.name,
    )  # fmt: skip


def wanted_s(drill: Drill, told: Expected, *, own_path: bool) -> float:
    """How long the node's own timer must leave the change alone: until the takeover was seen, and the hold."""
    if told.kind is Kind.REVERT_ONLY:
        return drill.hold_s
    return told.moved_within_s + drill.hold_s + (0.0 if own_path else SEEN_S / 2 + FIRST_S)


def blank(prepared: Prepared, told: Expected, wish: Wish, *, cluster: str, drill: str, started: float) -> DrillRecord:
    """Guards and prediction; nothing was done."""
    return DrillRecord(
        id=prepared.operation, cluster=cluster, drill=drill, node=wish.node,
        operator=f"{wish.operator}@{wish.host}", ticket=wish.ticket, started=started, ended=None, result=None,
        guards=guards_said(prepared.plan.guards), predicted=told.predicted, utc_offset_s=utc_offset_s(started),
        about=wish.drill.about or None,
    )  # fmt: skip


def begun(action: Action, record: DrillRecord, was: steady.Steady, host: str) -> Begun:
    """For the journal. record: what is known of the run by now. host: of this console."""
    limit = action.deadline
    return Begun(
        record=record, steady=was, kind=action.kind.value, interface=action.interface, own_path=action.own_path,
        method=action.method.value if action.drain is not None else None,
        value=None if action.drain is None else action.drain.value,
        deadline_s=0 if limit is None else limit.seconds, pid=os.getpid(), host=host,
    )  # fmt: skip


def home(was: steady.Steady, told: Expected) -> steady.Steady:
    """As it will be again: a VIP that does not come back is where it went."""
    gone = {m.vip: m.home for m in told.moves if m.returns is False and m.home is not None}
    if not gone:
        return was
    names = {f"{m.old} {m.old_instance}" for m in told.moves if m.vip in gone}
    names |= {f"{m.new} {m.new_instance}" for m in told.moves if m.vip in gone}
    states = {k: v for k, v in was.states.items() if k not in names}
    return replace(was, holders={**was.holders, **gone}, states=states)


def shaped(made: Job, drill: Drill, told: Expected, was: steady.Steady, vips: Sequence[str]) -> Job:
    """As long and as strict as the drill has it."""
    if told.kind is Kind.REVERT_ONLY:
        return made
    expect = tuple(replace(c, within_s=max(c.within_s, told.seen_within_s)) for c in made.expect)
    restored = made.restored
    if any(m.returns is False for m in told.moves):
        within = max((c.within_s for c in restored), default=60.0)
        checks = steady.checks(was, told.node)
        restored = (Check(name="restored", expectations=checks, within_s=within),)
    allowed = max((told.outage_allowed_s(v) for v in vips), default=10.0) + 2.0
    return replace(
        made, ending=Ending.HOLD, hold_s=drill.hold_s, expect=expect, restored=restored, outage_allowed_s=allowed
    )


def against(prepared: Prepared) -> tuple[str, ...]:
    """Guards that said no, or did not know, and that the operator went on against: each with its evidence."""
    return tuple(
        f"{g.id} ({g.evidence})" for g in prepared.plan.guards if g.overridden is not None and g.ok is not True
    )  # fmt: skip


# --- what is so now ----------------------------------------------------------------------------------------


def agreed(vip: VipPicture) -> bool:
    """One holder by kernel, daemon and, where somebody listens, the wire; and it has not just moved."""
    one = vip.holders is not None and len(vip.holders) == 1 and vip.settled
    return one and vip.masters == vip.holders and vip.advertisers in {None, vip.holders}


Keys = frozenset[tuple[object, ...]]


def found_by(snapshot: Snapshot) -> Keys:
    """What is wrong now."""
    return frozenset((f.id, f.node, f.instance, f.vip) for f in snapshot.findings if f.severity in _BAD)


def causes(snapshot: Snapshot, before: Keys) -> tuple[str, ...]:
    """Findings that were not there before: what may have gone wrong."""
    return tuple(
        f"{f.id}: {f.summary}"
        for f in snapshot.findings
        if f.severity in _BAD and (f.id, f.node, f.instance, f.vip) not in before
        and not f.id.startswith("operation")
    )[:MOST_CAUSES]  # fmt: skip
