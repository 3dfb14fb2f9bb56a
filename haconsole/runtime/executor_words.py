"""What the executor says: who holds a lock, what was saved, what was read again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from haconsole.model.operation import LockOutcome, NodeOperation, Saved

TOLD: Final = 5
"""So many missing or new routes are named."""


def who_holds(node: str, outcome: LockOutcome, state: NodeOperation) -> str:
    """Why a lock was not had: whose it is, what for, how long still."""
    lock = state.lock
    if lock is not None and outcome is LockOutcome.STALE:
        end = f"haconsole node abort {node} ends it, --break-lock {lock.operation} goes on against it"
        return f"{node}: {lock.owner or 'somebody'} left a stale lock of {lock.name or 'an operation'}: {end}"
    if outcome is LockOutcome.REVERTING:
        return f"{node} is putting an operation back just now; ask again when it has"
    if outcome is not LockOutcome.HELD or lock is None:
        return f"{node} cannot be locked: {outcome.value}"
    left = state.lock_left_s
    who = f"{lock.owner or 'somebody'} on {lock.host or 'another console'}"
    until = f", for {left:.0f} s more at least" if left is not None else ""
    return f"{node} is locked: {who} runs {lock.name or 'an operation'} on {lock.node or '?'} ({lock.operation}){until}"


def as_before(saved: Saved | None) -> str:
    """What was read again after it was put back, and no more."""
    routes = f"routes of {saved.interface}, " if saved is not None and saved.interface is not None else ""
    return f"units, states, addresses, {routes}VIPs and clients are as before"


def some(what: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(what) - TOLD} more" if len(what) > TOLD else ""
    return ", ".join(what[:TOLD]) + more


def saved_words(saved: Saved) -> str:
    """What a node keeps for afterwards."""
    units = ", ".join(f"{unit} {state}" for unit, state in saved.units)
    if saved.interface is None:
        return f"saved: {units}"
    return f"saved: {units}; {len(saved.routes)} routes and {len(saved.addresses6)} IPv6 addresses of {saved.interface}"
