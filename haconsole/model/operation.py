"""An operation as its node tells it: lock, drain note, saved state, armed revert.

Times ending in `_uptime_s` are seconds since the node's boot, by /proc/uptime.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from haconsole.model.record import dataclass


class Slot(Enum):
    """One of the two revert timers of a node."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Slot:
        """The one to arm before this one is disarmed."""
        return Slot.B if self is Slot.A else Slot.A


REVERT_UNITS: Final = (
    "haconsole-revert-a.timer",
    "haconsole-revert-a.service",
    "haconsole-revert-b.timer",
    "haconsole-revert-b.service",
    "haconsole-change.service",
)
"""Every unit that haconsole makes on a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """Who wants the lock, for what."""

    operation: str
    """Name of the operation: small letters, digits, `-`; the same on every node."""
    owner: str
    """The operator."""
    host: str
    """Where the console runs."""
    name: str
    """The action or drill: `link-down`."""
    node: str
    """The node that is acted on (the lock is taken on all)."""
    started: str
    """RFC 3339, by the console's clock: to be shown, never to be counted with."""
    aborts: bool = False
    """It is taken to have what is armed there put back at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationLock:
    """The lock of a node. Words of the owner are None where the node does not tell them."""

    operation: str
    boot_id: str
    expires_uptime_s: int
    owner: str | None = None
    host: str | None = None
    name: str | None = None
    node: str | None = None
    started: str | None = None
    aborts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainNote:
    """Who drained the node, why, and until when (`status -o json`: `drained`). Times: RFC 3339."""

    by: str | None
    reason: str | None
    method: str | None
    """`track_file`, `script` or `stop`."""
    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOperation:
    """All that /run/haconsole tells. None: not there (the whole was read)."""

    uptime_s: float
    boot_id: str
    lock: OperationLock | None = None
    drain: DrainNote | None = None
    saved: str | None = None
    """The operation whose saved state is there."""
    revert: str | None = None
    """What the armed revert is for: `link-eth1`, `squid`, `keepalived`, `drain`, `drain-stop`."""
    deadlines_uptime_s: tuple[tuple[Slot, int], ...] = ()
    """When armed reverts are to run; armed is only what `RevertTimer` says."""
    decided: tuple[tuple[Slot, str], ...] = ()
    """`fired` or `disarmed`."""
    incomplete: bool = False
    """A revert ran and could not bring everything back."""

    @property
    def lock_left_s(self) -> float | None:
        """How long the lock still holds; 0 or less: stale. None: no lock."""
        if self.lock is None:
            return None
        if self.lock.boot_id != self.boot_id:
            return 0.0
        return self.lock.expires_uptime_s - self.uptime_s


class LockOutcome(Enum):
    """How a request for the lock ended."""

    TAKEN = "taken"
    """It is ours (or was renewed)."""
    RELEASED = "released"
    HELD = "held"
    """Another operation has it: `state.lock` says whose and until when."""
    STALE = "stale"
    """Another operation left it; it can be taken by that operation's name."""
    LOST = "lost"
    """It was ours and no longer is."""
    REVERTING = "reverting"
    """A revert of the operation before is running."""
    BUSY = "busy"
    """Another request was being answered for more than 3 s."""
    FAILED = "failed"
    """The node could not write."""


class StepOutcome(Enum):
    """How saving, arming, clearing or noting ended."""

    DONE = "done"
    LOST = "lost"
    """The lock is not ours."""
    ARMED = "armed"
    """A revert is armed already (or still)."""
    OTHER = "other"
    """A revert for another kind of change is armed by this operation."""
    UNSAVED = "unsaved"
    """Nothing was saved by this operation."""
    REVERTING = "reverting"
    BUSY = "busy"
    FAILED = "failed"


class DisarmOutcome(Enum):
    """How disarming ended."""

    DISARMED = "disarmed"
    """The revert did not run and will not."""
    FIRED = "fired"
    """It ran, or is running: what was changed is being put back."""
    STILL_ARMED = "still"
    """The timer could not be stopped."""
    LOST = "lost"
    """The lock is not ours: nothing was done."""
    BUSY = "busy"
    UNKNOWN = "unknown"
    """Look at the node: neither is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAnswer:
    """The outcome, and what the node holds after it."""

    outcome: LockOutcome
    state: NodeOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """The outcome, the state after it, and why it failed, in the node's words."""

    outcome: StepOutcome
    state: NodeOperation
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisarmAnswer:
    """The outcome, and the state after it."""

    outcome: DisarmOutcome
    state: NodeOperation
    ran_at_uptime_s: float | None = None
    """When the revert's service started, where systemd still knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What SAVE kept and could read back. Routes as `ip route show` tells them, without `dev`."""

    units: tuple[tuple[str, str], ...]
    """(unit, ActiveState)."""
    drain_value: int | None
    """None: there is no drain file, or it holds no number."""
    interface: str | None = None
    routes: tuple[tuple[int, str, str], ...] = ()
    """(4 or 6, protocol, route)."""
    addresses6: tuple[str, ...] = ()
    """Global IPv6 addresses with prefix that keepalived does not manage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """Routes and global IPv6 addresses of an interface as they are now; in the form of `Saved`."""

    interface: str
    routes: tuple[tuple[int, str, str], ...] = ()
    addresses6: tuple[str, ...] = ()
    """Those that keepalived manages, and those that come by themselves, are among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveAnswer:
    """`saved` is None unless the outcome is DONE."""

    outcome: StepOutcome
    state: NodeOperation
    saved: Saved | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertTimer:
    """One revert timer, as systemd tells it."""

    slot: Slot
    waiting: bool
    """The timer is active and waits."""
    next_uptime_s: float | None
    """When it will run its revert; None: never."""
    running: bool
    """The revert is running now."""
    started_uptime_s: float | None
    """When the revert last started; None: not since the unit was made."""
    failed: bool
    """It ran and ended with an error."""

    def left_s(self, uptime_s: float) -> float | None:
        """Seconds until it runs, at the node's uptime; None: it is not armed."""
        if not self.waiting or self.next_uptime_s is None or self.next_uptime_s <= uptime_s:
            return None
        return self.next_uptime_s - uptime_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertTimers:
    """Both timers, and whether a change that was started on the node is still under way."""

    timers: tuple[RevertTimer, RevertTimer]
    change_running: bool
    change_failed: bool

    def timer(self, slot: Slot) -> RevertTimer:
        """The one in `slot`."""
        return self.timers[0 if slot is Slot.A else 1]
