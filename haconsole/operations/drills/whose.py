"""May a drill whose console died be ended from here: has somebody else it, or its node, in hand meanwhile? Pure.

The drill's own dead console is told from one that adopted the drill by its lock: operator, machine, and when it began.
What lives is told by the nodes' clocks, as of any operation that is taken over (`cluster.left`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from haconsole.cluster.left import LEASE_S, Told, left_on
from haconsole.model.operation import OperationLock
from haconsole.operations.drills.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """Why it is not ended from here, and what can be done about it."""

    text: str
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """It may be ended from here. taken_from: whose it is meanwhile, by the operator's word, or whose console died.
    instead_of: the dead operation whose lock is replaced by its name; empty: none is."""

    taken_from: str | None = None
    instead_of: str = ""


def whose(
    story: Story, told: Mapping[str, Told], nodes: Collection[str], now: float, named: str | None
) -> Free | Hindrance:
    """told: what the nodes of `nodes` answered. named: the operation that the operator takes it from, by its name."""
    drill, node = story.record.id, story.record.node
    here = told.get(node)
    if here is not None and here.state.saved not in {None, drill}:
        other = here.state.saved or ""
        text = f"{node} is in another operation meanwhile ({other}), which waits there to be put back"
        return Hindrance(text=text, ways=(f"when that is over: haconsole drill resume {drill}",))
    instead_of = ""
    for name in sorted(told, key=lambda n: (n != node, n)):
        lock = told[name].state.lock
        if lock is None or lock.operation == drill:
            continue
        if lock.operation != named or _holds(told[name], now):
            return _others(lock, name, told[name], now, drill)
        instead_of = lock.operation
    left = left_on(told, nodes, node, now, follow=False)
    if left is None or left.lock is None or left.lock.operation != drill or ours(story, left.lock):
        return Free(instead_of=instead_of)
    if not left.needs_name:
        return Free(taken_from=f"{left.who}, {left.evidence}", instead_of=instead_of)
    if named == drill:
        return Free(taken_from=f"{left.who}, by its name", instead_of=instead_of)
    return Hindrance(
        text=f"{left.who} has taken drill {drill} over, and its console may live ({left.evidence})",
        ways=(
            (
                f"when it is over there, or its console counts as dead: haconsole drill resume {drill}, which verifies "
                "and writes the report"
            ),
            f"to take it from them now: haconsole drill resume {drill} --break-lock {drill}",
        ),
    )


def _holds(one: Told, now: float) -> bool:
    return (one.state.lock_left_s or 0.0) - (now - one.at) > 0


def _others(lock: OperationLock, name: str, one: Told, now: float, drill: str) -> Hindrance:
    """Another operation's lock, on `name`."""
    who = f"{lock.owner or 'somebody'} on {lock.host or 'another console'}"
    what = f"{lock.name or 'an operation'} on {lock.node or '?'} ({lock.operation})"
    if _holds(one, now):
        return Hindrance(
            text=f"{name} is locked: {who} runs {what}, for {one.state.lock_left_s or 0.0:.0f} s more at least",
            ways=(f"when that is over: haconsole drill resume {drill}",),
        )
    return Hindrance(
        text=f"{name} has a stale lock: {who} left {what}",
        ways=(f"look at it, then: haconsole drill resume {drill} --break-lock {lock.operation}",),
    )


def ours(story: Story, lock: OperationLock) -> bool:
    """Is it the lock of the console that died, or of a `resume` that died on this machine?

    A console that adopts a drill takes its lock later than that console ever did, with a new owner.
    """
    began = _seconds(lock.started)
    if began is None:
        return False
    if abs(began - story.record.started) < 0.002:
        return True  # a resume names the drill's own begin; another one on this machine would hold the run's lock
    locked = story.step("lock")
    until = story.last_at + LEASE_S if locked is None or locked.ended is None else locked.ended
    user = story.record.operator.removesuffix(f"@{story.begun.host}")
    return (lock.owner, lock.host) == (user, story.begun.host) and began <= until


def _seconds(stamp: str | None) -> float | None:
    """RFC 3339 to seconds; None: it is none. Nodes are not trusted."""
    try:
        at = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
