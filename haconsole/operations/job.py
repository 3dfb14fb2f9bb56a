"""One guarded change of one node as data: what is saved, armed, changed, expected and put back. Pure.

Made of an action by `operations.plan`; carried out by `runtime.executor`, which knows no action by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from enum import Enum
from typing import Final

from haconsole.catalogue.command import CommandSpec
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import DrainNote
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

BY_OPERATOR: Final = "stopped by the operator"
"""Why a change was put back before its time, where somebody wished it."""


class Ending(Enum):
    """What becomes of a change that was made and verified."""

    HOLD = "hold"
    """Held for `hold_s`, then put back."""
    LAPSE = "lapse"
    """Held until the node's own timer puts it back: the console watches and does not ask."""
    STAYS = "stays"
    """The revert is disarmed; the change stays until somebody ends it (drain by lowered priority)."""
    UNTIL = "until"
    """It stays, and the armed revert ends it at its deadline, whoever is there then."""
    OVER = "over"
    """Nothing to put back: it brought service back, or was over in a moment (restart)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command of the catalogue with what goes to its standard input."""

    spec: CommandSpec
    data: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Something that must be so. `holds` judges a picture: None is not known (yet)."""

    text: str
    holds: Callable[[ClusterPicture], bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Expectations that must all hold at one moment, `within_s` from now."""

    name: str
    expectations: tuple[Expectation, ...]
    within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """How the node will put back: what it saves before, what is armed, and after how many seconds it runs by
    itself (of the catalogue's closed list)."""

    save: CommandSpec
    arm: CommandSpec
    deadline_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One change."""

    operation: str
    """Its name on every node and in the audit log."""
    action: str
    node: str
    interface: str = "lo"
    """The interface that is changed; `lo`: none."""
    revert: Revert | None = None
    """None: what restores service needs nothing armed."""
    changes: Sequence[Entry] = ()
    wait_idle_s: float | None = None
    """Wait so long, at most, for fewer open connections before anything is saved; None: do not wait."""
    note: DrainNote | None = None
    """Left on the node while drained."""
    ends: frozenset[str] = frozenset()
    """Kinds of armed reverts that this brings to an end (`NodeOperation.revert`): they are disarmed after it."""
    forget_note: bool = False
    """The drain note is removed: the change ends a drain."""
    ending: Ending = Ending.OVER
    hold_s: float = 0.0
    expect: Sequence[Check] = ()
    """During: one after the other, after the change."""
    restored: Sequence[Check] = ()
    """After what was changed was put back."""
    watched: frozenset[IpAddress] = field(default_factory=frozenset)
    """VIPs whose clients were served before: the stop condition."""
    outage_allowed_s: float = 10.0
    """A watched VIP that does not serve for longer ends the hold at once."""
    keepalived_addresses: frozenset[IpAddress] = field(default_factory=frozenset)
    """Of the node: never re-added by a revert."""

    @property
    def disturbs(self) -> bool:
        """True: needs a revert, every node's lock, and all guards."""
        return self.revert is not None


class Result(Enum):
    """How it ended (`haconsole.action/1`)."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """Nothing was touched."""
    REVERTED = "reverted"
    """Stopped half-way; all is as it was, and verified."""
    UNVERIFIED = "unverified"
    """Stopped half-way, or put back, and not proven: `look_at` says where to look."""
