"""One action that this console carries out: its steps, the node's own timer, what clients lost, how it ended.

Knows no screen and does no I/O. An action is never cancelled: it is asked to stop, and is over when it was put back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.operations.job import Result
from haconsole.operations.plan import Plan
from haconsole.runtime.executor import Report
from haconsole.tui.source import CannotError, Clock, Handle, Operations, Prepared
from haconsole.tui.under_way import Ended
from haconsole.tui.view.action_losses import Losses

if TYPE_CHECKING:
    from haconsole.runtime.executor import Told

_CODES: Final = {
    Result.DONE: 0, Result.FAILED: 1, Result.REFUSED: 3, Result.REVERTED: 4, Result.UNVERIFIED: 5,
}  # fmt: skip
"""Exit codes of a console that was left while an action ran, as those of `haconsole node`."""


class Acting:
    """Runs from `begin` until `over`. What is shown of it are its attributes."""

    def __init__(self, cluster: str, operations: Operations, prepared: Prepared, clock: Clock) -> None:
        self.cluster, self.prepared = cluster, prepared
        self.started = clock()
        self.steps: list[Told] = []
        """The ended ones, in order."""
        self.current: Told | None = None
        self.deadline: float | None = None
        """When the node puts back by itself, console clock; None: nothing is armed, or not known."""
        self.losses = Losses(self.started)
        self.stopping = False
        """It was asked to put back."""
        self.report: Report | None = None
        """How it ended; None: it runs."""
        self._healed = False
        """The node has put back, or needs not: what its timer still tells means nothing."""
        self._operations, self._clock = operations, clock
        self._handle: Handle | None = None
        self._task: asyncio.Task[Report] | None = None
        self._over: Callable[[], None] = lambda: None

    @property
    def plan(self) -> Plan:
        return self.prepared.plan

    @property
    def node(self) -> str:
        return self.plan.action.node

    @property
    def runs(self) -> bool:
        return self.report is None

    @property
    def title(self) -> str:
        return self.plan.action.text

    @property
    def mark(self) -> str:
        return self.plan.action.kind.value

    @property
    def operation(self) -> str:
        return self.plan.operation

    @property
    def own_path(self) -> bool:
        return self.plan.action.own_path

    @property
    def ended(self) -> Ended | None:
        """None: it runs."""
        report = self.report
        if report is None:
            return None
        return Ended(
            word=report.result.value, text=report.text, well=report.result is Result.DONE,
            code=_CODES[report.result], look_at=tuple(report.look_at),
        )  # fmt: skip

    @property
    def holds(self) -> bool:
        """It is being held now, and that may be ended."""
        current = self.current
        return self.runs and current is not None and current.step == "hold" and not self.stopping

    @property
    def armed(self) -> bool:
        """The node would put back by itself; that can be moved."""
        return self.runs and self.deadline is not None and not self.stopping

    def left_s(self, now: float) -> float | None:
        """Until the node heals itself, by its own timer."""
        return None if self.deadline is None else max(0.0, self.deadline - now)

    # --- life ---------------------------------------------------------------------------------------------

    def begin(self, over: Callable[[], None]) -> None:
        """Start. `over` is called once, when the report is there."""
        self._over = over
        self._task = asyncio.ensure_future(self._operations.carry_out(self.prepared, self._observe, self._started))
        self._task.add_done_callback(self._done)

    async def over(self) -> None:
        """Return when it has ended, however."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _started(self, handle: Handle) -> None:
        self._handle = handle
        if self.stopping:  # asked for before there was anything to ask
            handle.stop.set()

    def _observe(self, told: Told) -> None:
        if told.left_s is not None and not self._healed:
            self.deadline = self._clock() + told.left_s
        if told.ended is None:
            self.current = told
            return
        self.current = None
        self.steps.append(told)
        if told.ok and told.step in {"put-back", "disarm"}:
            self._healed, self.deadline = True, None

    def look(self, picture: ClusterPicture) -> None:
        """Count what clients lose, as long as it runs."""
        if self.runs:
            self.losses.look(picture)

    def _done(self, task: asyncio.Task[Report]) -> None:
        self.current = None
        self.report = self._report_of(task)
        self._over()

    def _report_of(self, task: asyncio.Task[Report]) -> Report:
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return task.result()
        if isinstance(error, CannotError):
            return Report(result=Result.FAILED, text=f"nothing was changed: {error}")
        why = "it was cut off" if error is None else repr(error)
        return Report(
            result=Result.UNVERIFIED,
            text=f"this console failed ({why}): the node puts back by itself at its deadline",
            look_at=(f"on {self.node}: systemctl list-timers 'haconsole-revert-*'; ls /run/haconsole",),
        )

    # --- what the operator may ask for --------------------------------------------------------------------

    def abort(self) -> bool:
        """Put everything back. False: asked for before, or over; nothing changes."""
        if self.stopping or not self.runs:
            return False
        self.stopping = True
        if self._handle is not None:
            self._handle.stop.set()
        return True

    def end_hold(self) -> bool:
        """Put back now, as planned. False: it is not being held."""
        if not self.holds or self._handle is None:
            return False
        self._handle.hold_over.set()
        return True

    async def extend(self) -> int | None:
        """Wind the node's timer up again, to its whole time; the seconds, None: it stays as it was."""
        limit = self.plan.action.deadline
        if not self.armed or self._handle is None or limit is None:
            return None
        if not await self._handle.extend(limit.seconds):
            return None
        self.deadline = self._clock() + limit.seconds
        return limit.seconds
