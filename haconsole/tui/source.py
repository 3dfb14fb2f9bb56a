"""What the console needs from the rest of the program: clusters to look at (`runtime.monitor.Monitor` is one), and
where that is allowed the guarded actions of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.hearing import Hearing
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec

if TYPE_CHECKING:  # what a console that only looks does not load
    from haconsole.operations.actions import Kind
    from haconsole.operations.plan import Plan
    from haconsole.operations.take_over import Taking, Way
    from haconsole.runtime.executor import Report, Told

Clock = Callable[[], float]
"""Seconds since the epoch on the console's own clock."""

RunSources = Callable[[], Awaitable[None]]
"""Keeps every source up to date until it is cancelled."""


class ClusterSource(Protocol):
    """One cluster, live."""

    @property
    def spec(self) -> ClusterSpec: ...

    @property
    def hearing(self) -> Hearing | None:
        """What the nodes hear on the wire; None: nobody was asked to listen."""

    def snapshot(self, now: float) -> Snapshot:
        """What may be said at `now`: the same object until something is news, or the next second begins."""

    def serial(self) -> int:
        """Another number when there is news."""


# --- guarded actions --------------------------------------------------------------------------------------


class CannotError(ValueError):
    """What was asked for cannot be; the text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An action in the operator's words, as they were typed."""

    kind: Kind
    node: str
    interface: str | None = None
    """`lan`, `public`, or a name."""
    revert_after: str | None = None
    """`90s`, `2m`, `1h`."""
    until: str | None = None
    """HH:MM local time, or RFC 3339."""
    wait_idle: str | None = None
    reason: str | None = None
    ticket: str | None = None
    outside_window: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Guard -> the reason to go on against it."""
    phrase: str | None = None
    break_lock: str | None = None


class Prepared(Protocol):
    """All that is known before anything is touched; `runtime.operate.Prepared` is one."""

    @property
    def plan(self) -> Plan: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftWish:
    """What is wanted of the operation that a node tells of, and that another console began."""

    way: Way
    node: str
    reason: str | None = None
    ticket: str | None = None
    revert_after: str | None = None
    """The node's own deadline from now on; None: as it is."""
    leave: bool = False
    """Only move its end: the node ends it by its own timer."""


@runtime_checkable
class LeftPrepared(Prepared, Protocol):
    """All that is known of it; `runtime.take_over.Found` is one."""

    @property
    def taking(self) -> Taking: ...


class Handle(Protocol):
    """An action that is being carried out; `runtime.executor.Executor` is one."""

    @property
    def stop(self) -> asyncio.Event:
        """Set: end, and put back what was changed. Setting it again changes nothing."""

    @property
    def hold_over(self) -> asyncio.Event:
        """Set: the hold may end now."""

    async def extend(self, seconds: int) -> bool:
        """Have the node put back `seconds` from now. False: it stays as it was."""


class Operations(Protocol):
    """The guarded actions of one cluster. There is none for a cluster that is only to be looked at."""

    async def prepare(self, wish: Wish) -> Prepared:
        """Look, ask, plan; touches nothing. Raises: CannotError."""

    def refused(self, prepared: Prepared) -> None:
        """A guard said no before the question: it is written down."""

    async def prepare_left(self, wish: LeftWish) -> LeftPrepared:
        """Ask every node what it tells of an operation of another console; touches nothing. Raises: CannotError."""

    def by_name(self, prepared: LeftPrepared) -> LeftPrepared:
        """The same, when the operation was named whose console may live."""

    async def carry_out(
        self, prepared: Prepared, observe: Callable[[Told], None], started: Callable[[Handle], None]
    ) -> Report:
        """Do it, to the verified end; must not be cancelled. Raises: CannotError: nothing was changed."""
