"""Rolling maintenance that this console carries out: where each node stands, what is asked, how it ended.

Knows no screen and does no I/O. Nothing is done to a node in its long waits, so it may be left at any moment: what is
just being changed is put back, the rest stays, and the next console goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.record import dataclass
from haconsole.operations.actions import Kind
from haconsole.operations.maintenance import Ended as FlowEnded
from haconsole.operations.maintenance import Flow, Stage
from haconsole.tui import under_way
from haconsole.tui.carrying import Carrying, cut_off, where_to_look
from haconsole.tui.source import CannotError, Clock, Prepared
from haconsole.tui.view.action_losses import Losses

if TYPE_CHECKING:
    from haconsole.operations.plan import Plan
    from haconsole.runtime.executor import Told

SAID_MOST: Final = 2000
"""Lines that are kept of what was said."""
_CODES: Final = {
    "done": 0, "failed": 1, "not-confirmed": 2, "refused": 3, "reverted": 4, "unverified": 5, "left": 130,
}  # fmt: skip
"""Exit codes of a console that was left meanwhile, as those of `haconsole maintain`."""
_CHANGING: Final[Mapping[Stage, Kind]] = {Stage.DRAINING: Kind.DRAIN, Stage.UNDRAIN: Kind.UNDRAIN}
_TIMED: Final = frozenset({*_CHANGING, Stage.WAITING})


# --- what the console needs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowWords:
    """What the operator said of a maintenance, as it was typed; None: nothing."""

    nodes: str = ""
    """Names in their order, blanks or commas between them; empty: all, standby first."""
    reason: str | None = None
    ticket: str | None = None
    wait_idle: str | None = None
    until: str | None = None
    outside_window: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Guard -> the reason to go on against it."""
    phrase: str | None = None
    break_lock: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is kept on this machine. flow None: nothing is under way, or `trouble` says why it cannot be read.
    driven: a process drives it now."""

    flow: Flow | None = None
    driven: bool = False
    trouble: str | None = None


class FlowTalk(Protocol):
    """Whom a flow talks to; as `runtime.maintenance.Talk`."""

    def say(self, text: str) -> None: ...

    def wait(self, text: str) -> None: ...

    def step(self, told: Told) -> None: ...

    async def confirm(self, prepared: Prepared) -> bool: ...

    def begins(self, prepared: Prepared) -> None: ...

    def refused(self, prepared: Prepared) -> None: ...


class FlowRun(Protocol):
    """One maintenance that can be driven; `cli.console_maintenance.ConsoleFlow` is one."""

    @property
    def flow(self) -> Flow:
        """As it stands now."""

    @property
    def plans(self) -> Sequence[Prepared]:
        """The drain of every node as prepared before it began, in their order; none where it was begun before."""

    async def carry_out(self, talk: FlowTalk) -> FlowEnded:
        """To the end, or to where it cannot go on; must not be cancelled. Raises: CannotError: it stays as it was."""

    def done(self) -> None:
        """The work on the present node is over."""

    def leave(self) -> None:
        """Leave it where it stands. Once more changes nothing."""

    async def extend(self) -> str:
        """Move the end of the present node's drain, which the node ends by itself: how that went. What was begun is
        finished, even if who asked is cancelled. Raises: CannotError: nothing was changed."""

    def reboot(self, node: str) -> str | None:
        """The command line that reboots a node of the demo, to be run in another terminal; None: a real node."""


class Maintenance(Protocol):
    """Rolling maintenance of one cluster. There is none for a cluster that is only to be looked at."""

    def found(self) -> Found:
        """Reads this machine's file; no node is asked. Never raises."""

    async def plan(self, words: FlowWords) -> FlowRun:
        """Look, ask the guards of every node; touches nothing. Raises: CannotError."""

    async def resume(self, words: FlowWords) -> FlowRun:
        """Go on with what was begun. Of the words only those for guards count. Raises: CannotError."""

    def forget(self) -> None:
        """No node is touched. Raises: CannotError."""


# --- carrying out -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A line that stays. at: console clock."""

    at: float
    text: str


class Maintaining(Carrying):
    """One flow, as far as this console takes it."""

    def __init__(self, cluster: str, run: FlowRun, clock: Clock, confirmed: Prepared | None = None) -> None:
        """confirmed: the first drain, whose node's name was typed under its plan."""
        super().__init__(cluster, clock)
        self.run = run
        self.said: list[Said] = []
        self.asks: Prepared | None = None
        """A node's name is waited for."""
        self.refusal: Prepared | None = None
        """What the guards did not let through: why it ended."""
        self.losses = Losses(self.started)
        self.result: FlowEnded | None = None
        """None: it runs."""
        self._plan: Plan | None = None
        self._waits: tuple[Stage, str, str] | None = None
        self._confirmed = confirmed
        self._answer: asyncio.Future[bool] | None = None
        self.extending = False
        """The end of the drain is being moved: the node is locked for a moment."""

    # --- as all screens see it ----------------------------------------------------------------------------

    @property
    def flow(self) -> Flow:
        return self.run.flow

    @property
    def node(self) -> str:
        return self.flow.node

    @property
    def runs(self) -> bool:
        return self.result is None

    @property
    def unserved(self) -> bool:
        return self.runs and self.losses.failing

    @property
    def title(self) -> str:
        return f"maintenance of {self.cluster}"

    @property
    def mark(self) -> str:
        if self.asks is not None:
            return "maintenance asks for"
        return "maintenance waits for" if self.waits else "maintenance"

    @property
    def plan(self) -> Plan | None:
        return self._plan

    @property
    def changing(self) -> bool:
        """A drain or an undrain is carried out."""
        if self.plan is None or not self.runs:
            return False
        action = self.plan.action
        return action.kind is _CHANGING.get(self.flow.stage) and action.node == self.node

    @property
    def waits(self) -> bool:
        """The operator works on the node, and may say that the work is over."""
        return self.runs and self.flow.stage is Stage.WAITING and not self.stopping

    @property
    def waits_for(self) -> str:
        """What it waits for at this stage; empty: nothing that was told."""
        told = self._waits
        return told[2] if told is not None and told[:2] == (self.flow.stage, self.node) else ""

    @property
    def parting(self) -> str:
        first = "what is just being changed is put back, then the console leaves" if self.changing else "leaving"
        return f"{first}; the maintenance stays where it is: `haconsole maintain --resume`, or M in the next console"

    def left_s(self, now: float) -> float | None:
        """Until the node ends by itself what is being changed, or its drain; its reboot ended that, too."""
        return super().left_s(now) if self.flow.stage in _TIMED else None

    @property
    def ended(self) -> under_way.Ended | None:
        """None: it runs."""
        result = self.result
        if result is None:
            return None
        more = "" if result.result == "done" else "; M goes on, as does `haconsole maintain --resume`"
        return under_way.Ended(
            word=result.result, text=result.text + more, well=result.result in {"done", "left"},
            code=_CODES[result.result], look_at=result.look_at,
        )  # fmt: skip

    # --- life ---------------------------------------------------------------------------------------------

    def begin(self, over: Callable[[], None]) -> None:
        """Start. `over` is called once."""
        self._start(self.run.carry_out(self), self._done, over)

    def look(self, picture: ClusterPicture) -> None:
        """Count what clients lose, as long as it runs."""
        if self.runs:
            self.losses.look(picture)

    def _done(self, task: asyncio.Task[FlowEnded]) -> None:
        self.current = self.asks = None
        self.result = self._result_of(task)
        self._told_over()

    def _result_of(self, task: asyncio.Task[FlowEnded]) -> FlowEnded:
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            found = task.result()
            if self.stopping and found.result == "not-confirmed":
                return FlowEnded(result="left", text=f"left where it stands: {self.node} was not touched")
            return found
        if isinstance(error, CannotError):
            return FlowEnded(result="failed", text=str(error))
        return FlowEnded(result="unverified", text=cut_off(error), look_at=(where_to_look(self.node),))

    # --- as its driver sees it: a FlowTalk ----------------------------------------------------------------

    def say(self, text: str) -> None:
        """Lines that stay."""
        now = self._clock()
        self.said += [Said(now, line) for line in text.splitlines() if line.strip()]
        del self.said[:-SAID_MOST]

    def wait(self, text: str) -> None:
        """What is waited for, in place."""
        self._waits = (self.flow.stage, self.node, text)

    def step(self, told: Told) -> None:
        """Of the drain or undrain that runs."""
        self._observe(told)

    def begins(self, prepared: Prepared) -> None:
        """It is carried out now."""
        self._anew()
        self._plan = prepared.plan

    def refused(self, prepared: Prepared) -> None:
        """Guards said no."""
        self.refusal = prepared

    async def confirm(self, prepared: Prepared) -> bool:
        """Ask for the node's name, unless it was typed under a plan that is still the same."""
        before, self._confirmed = self._confirmed, None
        if before is not None and _alike(before.plan, prepared.plan):
            return True
        if self.stopping:
            return False
        self._answer = asyncio.get_running_loop().create_future()
        self.asks = prepared
        try:
            return await self._answer
        finally:
            self.asks = self._answer = None

    # --- what the operator may ask for --------------------------------------------------------------------

    def answer(self) -> bool:
        """The node's name was typed. False: it is not asked for."""
        if self._answer is None or self._answer.done():
            return False
        self._answer.set_result(True)
        return True

    def done(self) -> bool:
        """The work on the node is over, without a reboot. False: it is not waited for."""
        if not self.waits or self.extending:
            return False
        self.run.done()
        return True

    async def extend(self) -> str:
        """Move the end of a drain that the node ends by itself. Raises: CannotError: nothing was changed."""
        if not self.waits or self.extending:
            raise CannotError("it cannot be extended now")
        self.extending = True
        try:
            return await self.run.extend()
        finally:
            self.extending = False

    def abort(self) -> bool:
        """Leave it where it stands; what is just being changed is put back. False: asked for before, or over."""
        if self.stopping or not self.runs:
            return False
        self.stopping = True
        self.run.leave()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(False)
        return True


def _alike(read: Plan, now: Plan) -> bool:
    """What was read before the name was typed is what will be done, with the same fate of each VIP."""
    fates = [[(v.address, v.after, v.lost, v.known) for v in each.predicted.vips] for each in (read, now)]
    actions = [(each.action.node, each.action.kind, each.action.method) for each in (read, now)]
    return actions[0] == actions[1] and fates[0] == fates[1]
