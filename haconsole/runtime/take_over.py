"""An operation that another console began: found on its node, told, and then aborted or gone on with from here.

What the command line and the TUI share. Nothing here decides: what is found is `cluster.left`'s, what is done of it
`operations.take_over`'s, carrying out `executor_take`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from haconsole.cluster.left import Left, left_on, owner
from haconsole.cluster.left import Told as NodeTold
from haconsole.model.operation import LockRequest, NodeOperation
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, deadline
from haconsole.operations.audit import What
from haconsole.operations.job import Result
from haconsole.operations.plan import Plan
from haconsole.operations.take_over import Taking, Way, guards_of, job_of, plan_of
from haconsole.runtime.desk import Desk
from haconsole.runtime.executor import Executor, Judged, Report, Told
from haconsole.runtime.operate import Operate, UnreadError, WordsError, facts
from haconsole.runtime.records import Deed, stamp

ASK_S: Final = 6.0
"""So long a node may take to tell of its operation; one that does not is not read."""
READY_S: Final = 10.0
"""What is not read by then is not known, and is not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeWords:
    """What the operator said. named: the operation, whose console may live (`--break-lock`)."""

    way: Way
    node: str
    operator: str
    host: str
    wanted_s: float | None = None
    """The node's own deadline from now on; None: as it is."""
    leave: bool = False
    reason: str | None = None
    ticket: str | None = None
    named: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that is known before the question; `plan` as of an action."""

    words: TakeWords
    taking: Taking
    plan: Plan

    @property
    def operation(self) -> str:
        return self.plan.operation

    @property
    def action(self) -> Action:
        return self.plan.action

    @property
    def left(self) -> Left:
        return self.taking.left


class NothingError(WordsError):
    """There is nothing to be taken: the text says what there is. drained: a drain that stays, which `undrain` ends."""

    def __init__(self, text: str, *, drained: bool = False) -> None:
        super().__init__(text)
        self.drained = drained


class TakeOver:
    """One operator at one cluster."""

    def __init__(self, operate: Operate) -> None:
        """operate: of the same cluster, whose audit log it writes."""
        self._operate = operate
        self._monitor, self._connector, self._clock = operate.monitor, operate.connector, operate.clock
        self._records = operate.records

    async def ready(self) -> None:
        """Return when every node was read, or cannot be, or a short time is over: an abort must not wait for long."""
        await self._operate.ready(READY_S)

    async def prepare(self, words: TakeWords) -> Found:
        """Ask every node what it tells of an operation. Touches nothing.

        Raises: NothingError: there is none; WordsError: a deadline that cannot be, the node told nothing;
        KeyError: no such node.
        """
        spec = self._monitor.spec
        spec.node(words.node)
        desks = self._desks(None)
        try:
            told = await self._told(desks)
        finally:
            for desk in desks.values():
                await desk.close()
        names = [n.name for n in spec.nodes]
        left = left_on(told, names, words.node, self._clock.now())
        if left is None:
            raise self._nothing(words.node, told.get(words.node))
        try:
            seconds = None if words.wanted_s is None else deadline(words.wanted_s).seconds
        except ValueError as error:
            raise WordsError(str(error)) from error
        taking = Taking(
            left=left, way=words.way, seconds=seconds, leave=words.leave, named=words.named,
            read_only=words.read_only or spec.read_only,
        )  # fmt: skip
        return Found(words=words, taking=taking, plan=plan_of(self._monitor.picture(), taking))

    def _nothing(self, node: str, told: NodeTold | None) -> WordsError:
        if told is None:
            return UnreadError(f"{node} did not tell whether an operation is under way there: it cannot be read")
        if told.state.drain is not None:
            return NothingError(
                f"{node} is drained by {told.state.drain.by or 'somebody'}, with no timer: `haconsole node undrain "
                f"{node}` ends that",
                drained=True,
            )  # fmt: skip
        return NothingError(f"{node} tells of no operation: nothing waits there to be put back")

    async def _told(self, desks: Mapping[str, Desk]) -> dict[str, NodeTold]:
        found: dict[str, NodeTold] = {}

        async def ask(name: str, desk: Desk) -> None:
            with contextlib.suppress(ProblemError, TimeoutError):
                async with asyncio.timeout(ASK_S):
                    state: NodeOperation = await desk.state(0.0)
                found[name] = NodeTold(state=state, at=self._clock.now())

        async with asyncio.TaskGroup() as tasks:
            for name, desk in desks.items():
                tasks.create_task(ask(name, desk))
        return found

    def named(self, found: Found, operation: str) -> Found:
        """The same, with the operation named by the operator, whose console may live."""
        taking = replace(found.taking, named=operation)
        words = replace(found.words, named=operation)
        return replace(found, words=words, taking=taking, plan=replace(found.plan, guards=guards_of(taking)))

    def refused(self, found: Found) -> None:
        """A guard said no before the question: write it down."""
        words = ", ".join(g.id for g in found.plan.refused)
        deed = _deed(found)
        self._records.write(deed, What.REFUSED, text=f"{deed.text}: {words}", result=Result.REFUSED.value)

    async def carry_out(
        self, found: Found, observe: Callable[[Told], None], started: Callable[[Executor], None]
    ) -> Report:
        """Do it. `started` gets the executor, which can be asked to stop. Must not be cancelled."""
        words, deed = found.words, _deed(found)
        desks = self._desks(deed)
        found = self._as_now(found, await self._told(desks))
        left = found.left
        if found.plan.refused:
            self.refused(found)
            for desk in desks.values():
                await desk.close()
            why = "; ".join(f"{g.id}: {g.evidence}" for g in found.plan.refused)
            return Report(result=Result.REFUSED, text=f"nothing was touched: {why}", guards=found.plan.guards)

        def told(step: Told) -> None:
            if step.ended is not None:
                result = "ok" if step.ok else "not ok"
                self._records.write(deed, What.STEP, text=f"{step.step}: {step.text}", result=result)
            observe(step)

        request = LockRequest(
            operation=left.operation, owner=words.operator, host=words.host, name=left.what, node=left.node,
            started=stamp(self._clock.now()), aborts=words.way is Way.ABORT,
        )  # fmt: skip
        executor = Executor(
            job_of(self._monitor.picture(), found.taking), desks, eyes=self._monitor, guards=_none, clock=self._clock,
            request=request, observe=told, facts=facts, instead_of=left.instead_of,
        )  # fmt: skip
        asked = self._records.write(deed, What.ASKED, text=deed.text, before=dict(facts(self._monitor.picture())))
        if left.lock is not None:
            told_of = f"lock of {left.lock.operation}, {left.who}: {left.evidence}"
            self._records.write(deed, What.LOCK_BROKEN, text=told_of, reason=words.reason)
        started(executor)
        await self._records.say(deed, desks[left.node], "begins", asked)
        report = await (executor.abort() if words.way is Way.ABORT else executor.adopt(found.taking.seconds))
        report.guards = found.plan.guards
        what = What.REFUSED if report.result is Result.REFUSED else What.ENDED
        after = dict(report.after) if report.after else None
        ended = self._records.write(deed, what, text=report.text, result=report.result.value, after=after)
        await self._records.say(deed, desks[left.node], report.result.value, ended)
        await desks[left.node].close()
        return report

    def _as_now(self, found: Found, told: Mapping[str, NodeTold]) -> Found:
        """Judged anew: somebody may have taken it over while the question was read."""
        left, names = found.left, [n.name for n in self._monitor.spec.nodes]
        now = left_on(told, names, left.node, self._clock.now())
        if now is None or now.operation != left.operation:
            return found  # it is over, or another one's: the lock tells which
        named = found.taking.named if owner(now.lock) == owner(left.lock) else None  # it was named for another console
        taking = replace(found.taking, left=now, named=named)
        return replace(found, taking=taking, plan=replace(found.plan, guards=guards_of(taking)))

    def _desks(self, deed: Deed | None) -> dict[str, Desk]:
        spec = self._monitor.spec
        record = (lambda _: None) if deed is None else (lambda ran: self._records.ran(deed, ran))
        return {n.name: Desk(spec, n, self._connector, self._clock, record) for n in spec.nodes}


def _deed(found: Found) -> Deed:
    words, left = found.words, found.left
    return Deed(
        operation=left.operation, node=left.node, action=words.way.value, operator=words.operator, host=words.host,
        text=f"{words.way.value} of {left.what} on {left.acted_on}, begun by {left.who}", reason=words.reason,
        ticket=words.ticket,
    )  # fmt: skip


async def _none(_: Mapping[str, NodeOperation]) -> tuple[Judged, ...]:
    """Putting back is not optional, and what is armed puts back in any case."""
    return ()
