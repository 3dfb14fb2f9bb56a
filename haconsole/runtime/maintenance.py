"""Drives a rolling maintenance: looks, lets `operations.maintenance` say what comes next, does it, keeps where it is.

Drains and undrains are `Operate`'s guarded actions. Nothing is done in the waits between them, so they may be
left at any moment, by a request or by death; the kept flow goes on with the next console.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from haconsole.catalogue.routes import ROUTES
from haconsole.io.maintenance_file import FlowFile
from haconsole.io.ports import ClientProbe, Clock, Connector
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations import maintenance
from haconsole.operations.actions import Kind
from haconsole.operations.job import Result
from haconsole.operations.maintenance import Do, Ended, Evidence, Flow, Turn
from haconsole.parse.text import clean, decode
from haconsole.runtime.desk import Desk
from haconsole.runtime.executor import Executor, Told
from haconsole.runtime.monitor import Monitor
from haconsole.runtime.operate import Operate, Prepared, Words, WordsError
from haconsole.runtime.own_request import own_request

LOOK_S: Final = 0.5
_PASSING: Final = re.compile(r" (linkdown|dead|expires \d+sec|pref \w+)\b")
"""Words of a route that say how it is at the moment, not what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How the driver talks. `say`: a line that stays; `wait`: what is waited for, in place; `step`: of an action.
    `confirm`: shows what is prepared and asks for the node's name. `begins`: it is carried out now; `refused`: it is
    not, for guards said no."""

    say: Callable[[str], None]
    wait: Callable[[str], None]
    step: Callable[[Told], None]
    confirm: Callable[[Prepared], Awaitable[bool]]
    begins: Callable[[Prepared], None] = lambda _: None
    refused: Callable[[Prepared], None] = lambda _: None


def drain_words(words: Words, flow: Flow, node: str, now: float) -> Words:
    """The drain of one node of a flow. words: who asks, and what holds for every node.

    Raises: WordsError: the time that it was to last until is over.
    """
    ends = flow.until
    if ends is not None and ends <= now:
        raise WordsError("--until is over: begin anew with a later one (haconsole maintain --give-up)")
    stamp = None if ends is None else datetime.fromtimestamp(ends, UTC).isoformat(timespec="seconds")
    return replace(
        words, kind=Kind.DRAIN, node=node, wait_idle_s=flow.wait_idle_s, reason=flow.reason, ticket=flow.ticket,
        wanted_s=None if ends is None else ends - now, until=None if stamp is None else stamp.replace("+00:00", "Z"),
    )  # fmt: skip


class Driver:
    """One flow, as far as this console takes it."""

    def __init__(  # noqa: PLR0917 - its doors
        self, flow: Flow, words: Words, monitor: Monitor, operate: Operate, connector: Connector, probe: ClientProbe,
        clock: Clock, file: FlowFile, talk: Talk,
    ) -> None:  # fmt: skip
        """words: who asks, and what holds for every node; node and kind are put in here."""
        self.flow = flow
        self.done = asyncio.Event()
        """The operator says that the work on the present node is over."""
        self._words, self._monitor, self._operate = words, monitor, operate
        self._connector, self._probe, self._clock, self._file, self._talk = connector, probe, clock, file, talk
        self._leaving = asyncio.Event()
        self._executor: Executor | None = None

    def leave(self) -> None:
        """Leave the flow where it stands; what is just being changed is put back first."""
        self._leaving.set()
        if self._executor is not None:
            self._executor.stop.set()

    async def run(self) -> Ended:
        """To the end, or to where it cannot go on. Raises: FlowFileError; WordsError."""
        self._file.save(self.flow)
        await self._operate.ready()
        while True:
            if self._leaving.is_set():
                return Ended(result="left", text="left where it stands")
            turn = maintenance.look(
                self.flow, self._monitor.picture(), self._clock.now(), done=self.done.is_set()
            )  # fmt: skip
            ended = await self._follow(turn)
            if ended is not None:
                return ended

    async def _follow(self, turn: Turn) -> Ended | None:
        self._keep(turn)
        match turn.do:
            case Do.DRAIN:
                return await self._drain()
            case Do.UNDRAIN:
                return await self._undrain()
            case Do.CHECK:
                return await self._check()
            case Do.STOP:
                return Ended(result="failed", text=turn.said[-1], look_at=turn.look_at)
            case Do.END:
                self._file.forget()
                return Ended(result="done", text=f"maintenance of {', '.join(self.flow.nodes)} is done")
            case Do.WAIT:
                await self._wait(turn)
        return None

    def _keep(self, turn: Turn) -> None:
        """What was said once is not said by the next console: keep first what it stands for."""
        if turn.flow != self.flow:
            if turn.flow.node != self.flow.node or turn.flow.stage is not self.flow.stage:
                self.done.clear()
            self.flow = turn.flow
            self._file.save(self.flow)
        for line in turn.said:
            self._talk.say(line)

    async def _wait(self, turn: Turn) -> None:
        if turn.waits_for:
            self._talk.wait(turn.waits_for)
        news = asyncio.ensure_future(self._monitor.changed())
        others = [
            asyncio.ensure_future(e.wait()) for e in (self._leaving, *(() if self.done.is_set() else (self.done,)))
        ]
        try:
            await asyncio.wait({news, *others}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (news, *others):
                task.cancel()
            await asyncio.gather(news, *others, return_exceptions=True)

    # --- what is done -----------------------------------------------------------------------------------

    async def _drain(self) -> Ended | None:
        flow = self.flow
        words = drain_words(self._words, flow, flow.node, self._clock.now())
        if left := maintenance.left_lock(flow, self._monitor.picture()):
            words = replace(words, break_lock=left)
        self._talk.wait(f"asking what the guards of draining {flow.node} need …")
        prepared = await self._operate.prepare(words)
        if prepared.plan.refused:
            guards = self._refused(prepared)
            return Ended(result="refused", text=f"refused by {guards}: {flow.node} was not touched")
        if self._leaving.is_set() or not await self._talk.confirm(prepared):
            if self._leaving.is_set():
                return Ended(result="left", text=f"left where it stands: {flow.node} was not touched")
            return Ended(result="not-confirmed", text=f"not confirmed: {flow.node} was not touched")
        routes = await self._routes(flow.node)
        before = self._monitor.picture()
        method = prepared.action.method
        begun = maintenance.draining(flow, before, routes, method, self._clock.now(), prepared.operation)
        self._keep(Turn(flow=begun, do=Do.WAIT))
        result, text, look_at = await self._carry_out(prepared)
        if result is Result.DONE:
            self._keep(maintenance.drained(self.flow, self._clock.now()))
            return None
        if result in {Result.REFUSED, Result.REVERTED}:
            self._keep(Turn(flow=maintenance.not_drained(self.flow, self._clock.now()), do=Do.WAIT))
        return Ended(result=result.value, text=text, look_at=look_at)

    async def _undrain(self) -> Ended | None:
        words = replace(self._words, kind=Kind.UNDRAIN, node=self.flow.node, ticket=self.flow.ticket)
        prepared = await self._operate.prepare(words)
        if prepared.plan.refused:
            guards = self._refused(prepared)
            return Ended(result="refused", text=f"undrain refused by {guards}: {self.flow.node} stays drained")
        result, text, look_at = await self._carry_out(prepared)
        if result is not Result.DONE:
            return Ended(result=result.value, text=text, look_at=look_at)
        self._keep(Turn(flow=maintenance.undrained(self.flow, self._clock.now()), do=Do.WAIT))
        return None

    def _refused(self, prepared: Prepared) -> str:
        """Told and written down; the guards' names."""
        self._talk.say(prepared.plan.question)
        self._talk.refused(prepared)
        self._operate.refused(prepared)
        return ", ".join(g.id for g in prepared.plan.refused)

    async def _carry_out(self, prepared: Prepared) -> tuple[Result, str, tuple[str, ...]]:
        def started(executor: Executor) -> None:
            self._executor = executor
            if self._leaving.is_set():
                executor.stop.set()

        self._talk.begins(prepared)
        try:
            report = await self._operate.carry_out(prepared, self._talk.step, started)
        finally:
            self._executor = None
        if self._operate.audit_trouble is not None:
            self._talk.say(self._operate.audit_trouble)
        return report.result, report.text, report.look_at

    async def _check(self) -> Ended | None:
        picture = self._monitor.picture()
        node = picture.node(self.flow.node)
        request, routes = None, None
        if node.readable:
            request = await own_request(self._monitor.spec, picture, node, self._probe)
            routes = await self._routes(node.name)
        picture = self._monitor.picture()
        found = maintenance.checks(self.flow, picture, Evidence(request=request, routes=routes))
        turn = maintenance.checked(self.flow, picture, found, self._clock.now())
        if turn.do is Do.WAIT and turn.waits_for:
            self._monitor.read_anew()
        if turn.do is Do.UNDRAIN:
            self._keep(turn)
            return None
        return await self._follow(turn)

    async def _routes(self, name: str) -> tuple[str, ...] | None:
        """Of the main tables, as lines; None: they could not be read. VIPs' own routes come and go with them."""
        node = next(n for n in self._monitor.spec.nodes if n.name == name)
        desk = Desk(self._monitor.spec, node, self._connector, self._clock, lambda _: None)
        found: list[str] = []
        try:
            async with asyncio.timeout(8.0):
                for spec in ROUTES.values():
                    output = await desk.ask(spec)
                    if output.status != 0:
                        return None
                    lines = decode(output.stdout).splitlines()
                    found += [clean(_PASSING.sub("", line)).strip() for line in lines if line.strip()]
        except (ProblemError, TimeoutError):
            return None
        finally:
            with contextlib.suppress(Exception):
                await desk.close()
        return tuple(sorted(set(found)))
