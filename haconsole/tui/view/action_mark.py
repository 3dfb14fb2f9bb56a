"""What every header says while an operation is under way: of this console, or of another as its nodes tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from haconsole.model.operation import NodeOperation
from haconsole.tui.view.action_running import left_word
from haconsole.tui.view.text import Level, Line, Tone, join, middle, say, sign

READ_S: Final = 1.0
"""A reading is asked for before it is heard."""


def own_mark(action: str, node: str, left_s: float | None, *, stopping: bool) -> Line:
    """Our own: `… drain proxy-serv01 00:41`."""
    left = "" if left_s is None else f" {left_word(left_s)}"
    word = "putting back" if stopping else action
    return (sign(Level.BUSY), say(f" {word} {middle(node, 16)}{left}", Tone.WARNING, "app.actions"))


def told_mark(
    told: Mapping[str, NodeOperation], ours: str | None = None, age_s: Mapping[str, float] | None = None
) -> Line:
    """Locks that hold and drain notes, as the nodes told them. ours: the operation that `own_mark` shows.

    age_s: how long ago each told it; with it the time is shown that a drain has left, by the node's own timer.
    """
    parts: list[Line] = []
    locks = {o.lock.operation: o.lock for o in told.values() if o.lock is not None and (o.lock_left_s or 0.0) > 0}
    locks.pop(ours or "", None)
    for lock in locks.values():
        who = f"{lock.owner or 'somebody'}@{lock.host}" if lock.host else lock.owner or "somebody"
        told_of = f" {lock.name or 'operation'} {middle(lock.node or '?', 16)} by {middle(who, 20)}"
        parts.append((sign(Level.BUSY), say(told_of, Tone.WARNING)))
    for name, one in told.items():
        if one.drain is not None:
            left = _left_s(one, None if age_s is None else age_s.get(name))
            more = "" if left is None else f" {left_word(left)}"
            parts.append((sign(Level.WARNING), say(f" {middle(name, 16)} drained{more}", Tone.WARNING)))
    return join(parts, 2)


def told_since(
    told: Mapping[str, NodeOperation], read_at: Mapping[str, float], over: Mapping[str, float]
) -> dict[str, NodeOperation]:
    """Without the locks that were read when operations of this console were not over yet (`over`: when they were).

    What is read later counts: a lock that could not be given back is told until it has expired.
    """
    found = {}
    for name, one in told.items():
        ended = None if one.lock is None else over.get(one.lock.operation)
        old = ended is not None and read_at.get(name, ended) <= ended + READ_S
        found[name] = replace(one, lock=None) if old else one
    return found


def _left_s(told: NodeOperation, age_s: float | None) -> float | None:
    """Until the node ends its drain; None: it has no end, or none is told."""
    ends = [at for slot, at in told.deadlines_uptime_s if slot not in dict(told.decided)]
    if age_s is None or not ends or told.revert not in {"drain", "drain-stop"}:
        return None
    return max(0.0, max(ends) - told.uptime_s - age_s)
