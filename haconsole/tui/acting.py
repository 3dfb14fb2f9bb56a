"""One action that this console carries out: its steps, the node's own timer, what clients lost, how it ended.

Knows no screen and does no I/O.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.operations.job import Result
from haconsole.operations.plan import Plan
from haconsole.operations.take_over import Way
from haconsole.runtime.executor import Report
from haconsole.tui.carrying import Carrying, cut_off, where_to_look
from haconsole.tui.source import CannotError, Clock, Handle, LeftPrepared, Operations, Prepared
from haconsole.tui.under_way import Ended
from haconsole.tui.view.action_losses import Losses

_CODES: Final = {
    Result.DONE: 0, Result.FAILED: 1, Result.REFUSED: 3, Result.REVERTED: 4, Result.UNVERIFIED: 5,
}  # fmt: skip
"""Exit codes of a console that was left while an action ran, as those of `haconsole node`."""


class Acting(Carrying):
    """Runs from `begin` until `over`. What is shown of it are its attributes."""

    def __init__(self, cluster: str, operations: Operations, prepared: Prepared, clock: Clock) -> None:
        super().__init__(cluster, clock)
        self.prepared = prepared
        self.losses = Losses(self.started)
        self.report: Report | None = None
        """How it ended; None: it runs."""
        self._operations = operations
        self._handle: Handle | None = None
        if isinstance(prepared, LeftPrepared):  # of another console: it is armed already, or to be put back
            left_s = prepared.taking.left.left_s
            self.deadline = None if left_s is None else self.started + left_s
            self.stopping = prepared.taking.way is Way.ABORT

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
    def unserved(self) -> bool:
        return self.runs and self.losses.failing

    @property
    def title(self) -> str:
        return self.plan.action.text

    @property
    def mark(self) -> str:
        return self.plan.action.kind.value

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
    def armed(self) -> bool:
        """The node would put back by itself; that can be moved."""
        return self.runs and self.deadline is not None and not self.stopping

    # --- life ---------------------------------------------------------------------------------------------

    def begin(self, over: Callable[[], None]) -> None:
        """Start. `over` is called once, when the report is there."""
        self._start(self._operations.carry_out(self.prepared, self._observe, self._started), self._done, over)

    def _started(self, handle: Handle) -> None:
        self._handle = handle
        if self.stopping:  # asked for before there was anything to ask
            handle.stop.set()

    def look(self, picture: ClusterPicture) -> None:
        """Count what clients lose, as long as it runs."""
        if self.runs:
            self.losses.look(picture)

    def _done(self, task: asyncio.Task[Report]) -> None:
        self.current = None
        self.report = self._report_of(task)
        self._told_over()

    def _report_of(self, task: asyncio.Task[Report]) -> Report:
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return task.result()
        if isinstance(error, CannotError):
            return Report(result=Result.FAILED, text=f"nothing was changed: {error}")
        return Report(result=Result.UNVERIFIED, text=cut_off(error), look_at=(where_to_look(self.node),))

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
