"""An operation that a node tells of, and that may be another console's: whose, what for, does its console live,
when the node puts back by itself. What no node tells is None. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot
from haconsole.model.record import dataclass

LEASE_S: Final = 15.0
"""A living console has renewed its lock within this (`catalogue.operation_text.LEASE_S`)."""
UNITS: Final = frozenset({"squid", "keepalived", "drain", "drain-stop"})
LINK: Final = "link-"
_NAME: Final = re.compile(r"[0-9a-z][0-9a-z-]{3,63}")
"""Of an operation (`catalogue.operation.operation_id`)."""


class Console(Enum):
    """The console that began it."""

    LIVES = "lives"
    """It renews its lock."""
    GONE = "gone"
    """Somewhere its lock has expired, or is of another boot."""
    LEFT = "left"
    """It gave its lock back: what is armed was left to the node's own timer."""
    UNKNOWN = "unknown"
    """Its lock holds only where an armed revert keeps it, whoever lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one node told of /run/haconsole, and when (console clock)."""

    state: NodeOperation
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One operation. node: where it acts, and where it can be taken over. answers: that node was read."""

    node: str
    operation: str
    """Its name there: of what was saved, else of the lock."""
    lock: OperationLock | None
    """Of the node; where that was not read, of the one that tells."""
    note: DrainNote | None
    revert: str | None
    """What is armed or was: `link-eth1`, `squid`, `keepalived`, `drain`, `drain-stop`; None: nothing is told."""
    saved: bool
    left_s: float | None
    """Until the node puts back by itself, by what it noted; 0: it is due. None: no deadline is told."""
    incomplete: bool
    slots: tuple[Slot, ...]
    """Of the timers that it noted as armed."""
    console: Console
    evidence: str
    """Why that is said of the console."""
    answers: bool = True

    @property
    def instead_of(self) -> str:
        """The operation whose lock has to be replaced by name; empty: none, or it is its own."""
        return self.lock.operation if self.lock is not None and self.lock.operation != self.operation else ""

    @property
    def lock_name(self) -> str:
        """What names a living console's operation: what `--break-lock` wants."""
        return self.lock.operation if self.lock is not None else self.operation

    @property
    def needs_name(self) -> bool:
        """Its console lives, or may: it is taken by its name only."""
        return self.console in {Console.LIVES, Console.UNKNOWN}

    @property
    def understood(self) -> bool:
        """This haconsole knows what is armed: it can go on with it. Else the node's own revert can only be run."""
        return self.revert is None or self.revert in UNITS or self.interface is not None

    @property
    def nameable(self) -> bool:
        """Its names are such as haconsole gives: only by them can it be taken over."""
        return all(_NAME.fullmatch(name) for name in (self.operation, self.lock_name))

    @property
    def interface(self) -> str | None:
        """Of a link's revert; None: of none, or with a name that no interface has."""
        if self.revert is None or not self.revert.startswith(LINK):
            return None
        name = self.revert.removeprefix(LINK)
        well = 0 < len(name) <= 15 and name.isascii() and all(c.isalnum() or c in "._-" for c in name)
        return name if well and name != "lo" else None

    @property
    def only_locked(self) -> bool:
        """Nothing is saved there: what is left of it, or was begun, is the lock."""
        return self.answers and not self.saved

    @property
    def acted_on(self) -> str:
        """The node that it was for: another one, where that has healed and only a lock is left here."""
        there = self.lock.node if self.lock is not None and self.only_locked else None
        return there or self.node

    @property
    def armed(self) -> bool:
        """A revert waits, by what the node noted."""
        return self.saved and self.left_s is not None

    @property
    def who(self) -> str:
        """`anna on bastion`, `anna@bastion` of a drain, `somebody`."""
        if self.lock is not None and self.lock.owner is not None:
            return f"{self.lock.owner} on {self.lock.host or 'another console'}"
        return (self.note.by if self.note is not None else None) or "somebody"

    @property
    def what(self) -> str:
        """`squid-stop`, `drill link-down`; by what is armed where no lock says it."""
        if self.lock is not None and self.lock.name is not None and not self.instead_of:
            return self.lock.name
        return "drain" if self.revert in {"drain", "drain-stop"} else self.revert or "an operation"

    @property
    def since(self) -> str | None:
        """RFC 3339, by the clock of its console."""
        if self.lock is not None and not self.instead_of:
            return self.lock.started
        return None if self.note is None else self.note.since


def told_in(picture: ClusterPicture) -> dict[str, Told]:
    """By node, of those that told."""
    return {
        n.name: Told(state=n.operation, at=n.operation_at)
        for n in picture.nodes
        if n.operation is not None and n.operation_at is not None
    }


def console_gone(picture: ClusterPicture, operation: str) -> str | None:
    """A node on which the lock of this operation was not renewed in time: its console is dead, or cut off. None: none.

    Where a revert is armed the lock outlives its console until the deadline; on the other nodes it does not.
    """
    return _expired(told_in(picture), operation)


def left_on(
    told: Mapping[str, Told],
    nodes: Collection[str],
    node: str,
    now: float,
    *,
    ours: str = "",
    follow: bool = True,
) -> Left | None:
    """The operation that goes on, or was left, on `node`, or elsewhere under a lock that `node` has too.

    told: of every one of `nodes` that told. ours: the operation of this console. follow: to where its lock says
    that it acts, or to a stale lock of another node that was for `node`. None: there is none.
    A drain that stays without a timer is none: nothing is armed, `undrain` ends it.
    """
    here = told.get(node)
    lock = here.state.lock if here is not None else _lock_about(told, node)
    name = (here.state.saved if here is not None else None) or (None if lock is None else lock.operation)
    if not name and here is not None and follow:
        return _locked_elsewhere(told, nodes, node, now, ours)
    if not name or ours in {name, _operation(lock)}:
        return None
    if here is None:
        console, evidence = _console(told, lock, now)
        return Left(
            node=node, operation=name, lock=lock, note=None, revert=None, saved=False, left_s=None, incomplete=False,
            slots=(), console=console, evidence=evidence, answers=False,
        )  # fmt: skip
    elsewhere = None if lock is None or lock.node == node or lock.node not in nodes else lock.node
    if follow and here.state.saved is None and lock is not None and elsewhere is not None:
        there = told.get(elsewhere)
        if there is None or lock.operation in {there.state.saved, _operation(there.state.lock)}:
            return left_on(told, nodes, elsewhere, now, ours=ours, follow=False)
    console, evidence = _console(told, lock, now)
    state = here.state
    return Left(
        node=node, operation=name, lock=lock, note=state.drain, revert=state.revert, saved=state.saved is not None,
        left_s=_left_s(here, now), incomplete=state.incomplete,
        slots=tuple(slot for slot, _ in state.deadlines_uptime_s), console=console, evidence=evidence,
    )  # fmt: skip


def _locked_elsewhere(
    told: Mapping[str, Told], nodes: Collection[str], node: str, now: float, ours: str
) -> Left | None:
    """`node` has healed itself and removed its own lock; a peer's stays, stale, as nobody was left to remove it."""
    for name, one in told.items():
        lock, left = one.state.lock, one.state.lock_left_s
        if name in nodes and lock is not None and lock.node == node and left is not None and left <= 0:
            return left_on(told, nodes, name, now, ours=ours, follow=False)
    return None


def _operation(lock: OperationLock | None) -> str | None:
    return None if lock is None else lock.operation


def _lock_about(told: Mapping[str, Told], node: str) -> OperationLock | None:
    """Of a node that was not read, by what another one tells."""
    return next((t.state.lock for t in told.values() if t.state.lock is not None and t.state.lock.node == node), None)


def _left_s(here: Told, now: float) -> float | None:
    ends = [at for _, at in here.state.deadlines_uptime_s]
    return max(0.0, max(ends) - here.state.uptime_s - (now - here.at)) if ends else None


def _lock_left(one: Told, now: float) -> float:
    return (one.state.lock_left_s or 0.0) - (now - one.at)


def _expired(told: Mapping[str, Told], operation: str) -> str | None:
    """As it was read, never reckoned on: a node that is read seldom would make a living console a dead one.

    A lock of an owner before (who was taken over, and could not be replaced everywhere) proves nothing.
    """
    held = ((n, t.state.lock) for n, t in told.items() if t.state.lock is not None)
    locks = {n: lock for n, lock in held if lock.operation == operation}
    present = next((owner(lock) for name, lock in locks.items() if lock.node == name), None)
    for name, lock in locks.items():
        left = told[name].state.lock_left_s
        if left is not None and left <= 0 and present in {None, owner(lock)}:
            return name
    return None


def owner(lock: OperationLock | None) -> tuple[str | None, str | None, str | None] | None:
    """Whose lock it is: another console that took the operation over is another owner. None: there is no lock."""
    return None if lock is None else (lock.owner, lock.host, lock.started)


def _console(told: Mapping[str, Told], lock: OperationLock | None, now: float) -> tuple[Console, str]:
    if lock is None:
        return Console.LEFT, "no console holds a lock there: it was left to the node's own timer"
    if (where := _expired(told, lock.operation)) is not None:
        return Console.GONE, f"its console is gone: it renews no lock on {where}"
    having = {n: t for n, t in told.items() if t.state.lock is not None and t.state.lock.operation == lock.operation}
    for name, one in having.items():
        if not one.state.deadlines_uptime_s and _lock_left(one, now) > 0:
            left = _lock_left(one, now)
            ago = f"it renewed its lock on {name} {max(0.0, LEASE_S - left):.0f} s ago"
            return Console.LIVES, f"its console may live: {ago}; it counts as dead in {left:.0f} s, ask again then"
    keep = f"{' and '.join(having)} keep the lock as long as a revert is armed, or were not read lately"
    return Console.UNKNOWN, f"whether its console lives is not known: {keep}"
