"""The console's rolling maintenance of one cluster: what was typed becomes a `runtime.maintenance.Driver`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from haconsole.cli.maintain_shared import demo_reboots, gone_on
from haconsole.io.maintenance_file import FlowFile, FlowFileError
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations import maintenance
from haconsole.operations.actions import Kind
from haconsole.operations.maintenance import Ended, Flow, FlowError
from haconsole.runtime.operate import Operate, Prepared, Words, WordsError
from haconsole.tui.source import CannotError

if TYPE_CHECKING:
    from haconsole.runtime.assemble import Parts
    from haconsole.runtime.maintenance import Driver
    from haconsole.runtime.monitor import Monitor
    from haconsole.tui.maintaining import FlowTalk, FlowWords, Found

EXTEND_S: Final = 3600.0
"""From now on, where a drain that the node ends by itself is extended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What a driver needs besides the flow."""

    monitor: Monitor
    operate: Operate
    parts: Parts
    file: FlowFile


class ConsoleMaintenance:
    """Implements `tui.maintaining.Maintenance`. operator: `user@host`. demo: its nodes are simulated ones."""

    def __init__(self, doors: Doors, operator: str, *, demo: bool) -> None:
        self._doors, self._operator = doors, operator
        self._reboots = demo_reboots(doors.monitor.spec) if demo else {}

    def found(self) -> Found:
        """What is kept, and whether somebody drives it now."""
        from haconsole.tui.maintaining import Found

        try:
            flow = self._doors.file.load()
            return Found(flow=flow, driven=flow is not None and self._doors.file.driven())
        except FlowFileError as error:
            return Found(trouble=str(error))

    async def plan(self, words: FlowWords) -> ConsoleFlow:
        """The drain of every node, prepared. Raises: CannotError."""
        from haconsole.cli.console_operations import span
        from haconsole.cli.times import until
        from haconsole.runtime.maintenance import drain_words

        doors = self._doors
        now = doors.parts.clock.now()
        try:
            _none_kept(doors.file.load())
            ends = None if words.until is None else until(words.until, now)
            wait = span("wait for idle", words.wait_idle)
            await doors.operate.ready()
            flow = maintenance.begin(
                doors.monitor.picture(), tuple(re.findall(r"[^\s,]+", words.nodes)), now, operator=self._operator,
                reason=words.reason, ticket=words.ticket, wait_idle_s=wait, until=ends,
            )  # fmt: skip
            asked = self._words(flow, words)
            plans = [await doors.operate.prepare(drain_words(asked, flow, n, now)) for n in flow.nodes]
        except (ValueError, FlowFileError, ProblemError) as error:  # of a time, the nodes, the words
            raise CannotError(str(error)) from error
        return ConsoleFlow(doors, flow, asked, self._reboots, plans=plans)

    async def resume(self, words: FlowWords) -> ConsoleFlow:
        """Raises: CannotError."""
        doors = self._doors
        try:
            kept = doors.file.load()
            if kept is None:
                raise CannotError("no maintenance is under way")
            flow = gone_on(kept, doors.monitor.spec, doors.parts.clock.now())
        except (FlowFileError, FlowError) as error:
            raise CannotError(str(error)) from error
        return ConsoleFlow(doors, flow, self._words(flow, words), self._reboots, kept=True)

    def forget(self) -> None:
        """Raises: CannotError: somebody drives it, or the file cannot be removed."""
        try:
            with self._doors.file.driving():
                self._doors.file.forget()
        except FlowFileError as error:
            raise CannotError(str(error)) from error

    def _words(self, flow: Flow, words: FlowWords) -> Words:
        user, _, host = self._operator.partition("@")
        return Words(
            kind=Kind.DRAIN, node=flow.node, operator=user, host=host, outside_window=words.outside_window,
            overrides=words.overrides, phrase=words.phrase, break_lock=words.break_lock,
        )  # fmt: skip


class ConsoleFlow:
    """Implements `tui.maintaining.FlowRun`. kept: it was begun before, and the file says where it stands."""

    def __init__(
        self, doors: Doors, flow: Flow, words: Words, reboots: dict[str, str], *, plans: Sequence[Prepared] = (),
        kept: bool = False,
    ) -> None:  # fmt: skip
        self.plans = tuple(plans)
        self._doors, self._flow, self._words, self._reboots, self._kept = doors, flow, words, reboots, kept
        self._driver: Driver | None = None
        self._leaving = False
        self._moving: asyncio.Task[str] | None = None

    @property
    def flow(self) -> Flow:
        return self._flow if self._driver is None else self._driver.flow

    async def carry_out(self, talk: FlowTalk) -> Ended:
        """Drive it, as the only process that does. Raises: CannotError: it stays where it is."""
        try:
            with self._doors.file.driving():
                try:
                    return await self._drive(talk)
                finally:
                    if self._moving is not None:  # what was begun on the node is finished
                        await asyncio.wait([self._moving])
        except (FlowFileError, FlowError, WordsError, ProblemError) as error:
            raise CannotError(str(error)) from error

    async def _drive(self, talk: FlowTalk) -> Ended:
        from haconsole.runtime.maintenance import Driver, Talk

        doors = self._doors
        kept = doors.file.load()  # under its lock: nobody moves it any more
        same = kept is None or (kept.started, kept.nodes) == (self._flow.started, self._flow.nodes)
        if (kept is not None) is not self._kept or not same:
            raise FlowError("another console began or ended a maintenance meanwhile: M shows it")
        if kept is not None:
            self._flow = gone_on(kept, doors.monitor.spec, doors.parts.clock.now())
        made = Talk(
            say=talk.say, wait=talk.wait, step=talk.step, confirm=talk.confirm, begins=talk.begins,
            refused=talk.refused,
        )  # fmt: skip
        parts = doors.parts
        self._driver = Driver(
            self._flow, replace(self._words, node=self._flow.node), doors.monitor, doors.operate, parts.connector,
            parts.probe, parts.clock, doors.file, made,
        )  # fmt: skip
        if self._leaving:
            self._driver.leave()
        return await self._driver.run()

    async def extend(self) -> str:
        """As `take-over NODE --revert-after 1h --leave`. Raises: CannotError: nothing was changed."""
        if self._moving is not None and not self._moving.done():
            raise CannotError("its end is being moved already")
        self._moving = asyncio.ensure_future(self._move())
        return await asyncio.shield(self._moving)

    async def _move(self) -> str:
        from haconsole.operations.job import Result
        from haconsole.operations.take_over import Way
        from haconsole.runtime.take_over import TakeOver, TakeWords

        taker, words, flow = TakeOver(self._doors.operate), self._words, self.flow
        wanted = TakeWords(
            way=Way.TAKE_OVER, node=flow.node, operator=words.operator, host=words.host, wanted_s=EXTEND_S, leave=True,
            reason=flow.reason, ticket=flow.ticket,
        )  # fmt: skip
        try:
            found = await taker.prepare(wanted)
        except (WordsError, ProblemError) as error:
            raise CannotError(str(error)) from error
        left = found.left
        if left.revert not in {"drain", "drain-stop"} or left.left_s is None:
            raise CannotError(f"{flow.node} has no drain that ends by itself")
        if left.left_s > EXTEND_S:
            raise CannotError(f"it lasts longer already: {left.left_s:.0f} s")
        report = await taker.carry_out(found, lambda _: None, lambda _: None)
        if report.result is Result.DONE:
            return report.text
        places = "".join(f"; look at: {p}" for p in report.look_at)
        raise CannotError(f"{report.result.value}: {report.text}{places}")

    def done(self) -> None:
        if self._driver is not None:
            self._driver.done.set()

    def leave(self) -> None:
        self._leaving = True
        if self._driver is not None:
            self._driver.leave()

    def reboot(self, node: str) -> str | None:
        return self._reboots.get(node)


def _none_kept(kept: Flow | None) -> None:
    """Raises: FlowError: one is under way."""
    if kept is not None:
        raise FlowError("a maintenance is under way: M shows it")
