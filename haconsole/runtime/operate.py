"""From an operator's words to a guarded change that was carried out: what the command line and the TUI share.

Looks, asks, plans; then carries out and writes the audit log. Nothing here decides: guards, plans and jobs
are `operations`', carrying out is `executor`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from haconsole.catalogue.ask import connections
from haconsole.cluster.left import console_gone
from haconsole.cluster.picture import ClusterPicture
from haconsole.io.audit_file import AuditError, AuditFile
from haconsole.io.ports import Clock, Connector
from haconsole.model.events import Phase
from haconsole.model.operation import LockRequest, NodeOperation
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, Kind, Lasting
from haconsole.operations.audit import What
from haconsole.operations.guards import judge
from haconsole.operations.guards_context import Asked, Guard
from haconsole.operations.job import Job, Result
from haconsole.operations.jobs import Marks, job
from haconsole.operations.plan import Plan, plan
from haconsole.parse.ask import parse_connections
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode
from haconsole.runtime import asking
from haconsole.runtime.commands import Commands
from haconsole.runtime.desk import Desk, Ran
from haconsole.runtime.executor import FIRST_S, Executor, Report, Told
from haconsole.runtime.monitor import Monitor
from haconsole.runtime.operate_facts import facts
from haconsole.runtime.operate_words import UnreadError, Words, WordsError, action_of
from haconsole.runtime.records import Deed, Records, stamp

__all__ = ["READY_S", "Operate", "Prepared", "UnreadError", "Words", "WordsError", "action_of", "facts"]

READY_S: Final = 20.0
"""So long the first look may take; what is not read by then is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that is known before the question."""

    words: Words
    action: Action
    asked: Asked
    plan: Plan
    operation: str


class Operate:
    """One operator at one cluster. What it works with, `runtime.take_over` does too."""

    def __init__(self, monitor: Monitor, connector: Connector, clock: Clock, audit: AuditFile) -> None:
        self.monitor, self.connector, self.clock = monitor, connector, clock
        self.records = Records(monitor.spec.name, clock, audit)

    @property
    def audit_trouble(self) -> str | None:
        """Why the audit log could not be written, once it could not."""
        return self.records.trouble

    async def ready(self, limit_s: float = READY_S) -> None:
        """Return when every node was read, or cannot be, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._looked():
                    await self.monitor.changed()

    def _looked(self) -> bool:
        picture = self.monitor.picture()
        for node in picture.nodes:
            read = node.dump_at is not None or (node.keepalived is not None and not node.keepalived.active)
            told = node.readable and read and None not in (node.config, node.squid, node.versions, node.kernel)
            if not told and node.phase is not Phase.WAITING:
                return False
        return all(v.client is not None for v in picture.vips) and bool(picture.vips)

    async def prepare(self, words: Words) -> Prepared:
        """Look, ask the nodes, plan. Raises: WordsError, KeyError: no such node."""
        picture = self.monitor.picture()
        operation = f"{words.kind.value if words.drill is None else f'drill-{words.drill}'[:50]}-{secrets.token_hex(4)}"
        desks = self._desks(lambda _: None)
        try:
            found: NodeOperation | None = None
            with contextlib.suppress(ProblemError):
                found = await desks[words.node].state(0.0)
            action = action_of(words, picture, found)
            asked = await self._ask(words, action, operation, desks)
        finally:
            for desk in desks.values():
                await desk.close()
        try:
            made = plan(
                self.monitor.picture(), action, asked, operation=operation, wait_idle_s=words.wait_idle_s,
                hold_s=_hold_s(action) if words.hold_s is None else words.hold_s,
            )  # fmt: skip
        except ValueError as error:
            raise WordsError(str(error)) from error
        return Prepared(words=words, action=action, asked=asked, plan=made, operation=operation)

    async def carry_out(
        self,
        prepared: Prepared,
        observe: Callable[[Told], None],
        started: Callable[[Executor], None],
        shape: Callable[[Job], Job] = lambda made: made,
    ) -> Report:
        """Do it. `started` gets the executor, which can be asked to stop. Never cancelled from here.
        shape: what a drill has otherwise: how long it is held, what must be seen.

        Raises: WordsError: no job can be made of it.
        """
        words, action = prepared.words, prepared.action
        since = stamp(self.clock.now())
        marks = Marks(
            operation=prepared.operation, operator=f"{words.operator}@{words.host}", since=since, until=words.until
        )
        try:
            made = shape(job(self.monitor.picture(), action, marks))
        except ValueError as error:
            raise WordsError(str(error)) from error
        if words.wait_idle_s is not None:
            made = replace(made, wait_idle_s=words.wait_idle_s)
        if action.kind.disturbs:
            try:
                self.records.audit.check_writable()
            except AuditError as error:
                return Report(result=Result.REFUSED, text=f"nothing was changed: {error}")
        return await self._carry_out(prepared, made, since, observe, started)

    async def _carry_out(
        self, prepared: Prepared, made: Job, since: str, observe: Callable[[Told], None],
        started: Callable[[Executor], None],
    ) -> Report:  # fmt: skip
        """From the first line of the audit log to the last."""
        deed, node, facts_before = _deed(prepared), prepared.action.node, dict(facts(self.monitor.picture()))
        commands = Commands(lambda ran: self.records.ran(deed, ran))
        desks = self._desks(commands.ran)

        def told(step: Told) -> None:
            if step.ended is not None:
                self.records.write(
                    deed, What.STEP, text=f"{step.step}: {step.text}", result="ok" if step.ok else "not ok"
                )
            observe(commands.of(step))

        executor = self._executor(prepared, made, since, desks, told)
        asked = self.records.write(deed, What.ASKED, text=prepared.action.text, before=facts_before)
        for guard in prepared.plan.guards:
            if guard.overridden is not None:
                self.records.write(deed, What.OVERRIDDEN, text=f"{guard.id}: {guard.text}", reason=guard.overridden)
        started(executor)
        await self.records.say(deed, desks[node], "begins", asked)
        report = await executor.run()
        what = What.REFUSED if report.result is Result.REFUSED else What.ENDED
        after = dict(report.after) if report.after else None
        ended = self.records.write(deed, what, text=report.text, result=report.result.value, after=after)
        await self.records.say(deed, desks[node], report.result.value, ended)
        await desks[node].close()
        return report

    def _executor(
        self, prepared: Prepared, made: Job, since: str, desks: dict[str, Desk], observe: Callable[[Told], None]
    ) -> Executor:
        """With guards that ask everything anew under the lock."""
        words, action = prepared.words, prepared.action

        async def guards(states: Mapping[str, NodeOperation]) -> Sequence[Guard]:
            asked = await self._ask(words, action, prepared.operation, desks)
            asked = replace(asked, operations={**asked.operations, **states})
            return judge(self.monitor.picture(), action, asked)

        request = LockRequest(
            operation=prepared.operation, owner=words.operator, host=words.host,
            name=action.kind.value if words.drill is None else f"drill {words.drill}",
            node=action.node, started=since,
        )  # fmt: skip
        return Executor(
            made, desks, eyes=self.monitor, guards=guards, clock=self.clock, request=request, observe=observe,
            facts=facts, instead_of=prepared.asked.instead_of or "",
            count=lambda: self._open_connections(desks[action.node]),
        )  # fmt: skip

    def refused(self, prepared: Prepared) -> None:
        """A guard said no before the question: write it down."""
        words = ", ".join(g.id for g in prepared.plan.refused)
        self.records.write(
            _deed(prepared), What.REFUSED, text=f"{prepared.action.text}: {words}", result=Result.REFUSED.value
        )

    async def _open_connections(self, desk: Desk) -> int | None:
        """On the VIPs that the node holds."""
        port = self.monitor.spec.squid_port
        try:
            output = await desk.ask(connections(port))
            counted = parse_connections(decode(output.stdout), port)
        except (ProblemError, ParseError):
            return None
        held = [v.address for v in self.monitor.picture().vips if desk.node.name in (v.holders or ())]
        return sum(counted.get(address, 0) for address in held) if output.status == 0 else None

    # --- small things -----------------------------------------------------------------------------------

    def _desks(self, record: Callable[[Ran], None]) -> dict[str, Desk]:
        spec = self.monitor.spec
        return {n.name: Desk(spec, n, self.connector, self.clock, record) for n in spec.nodes}

    async def _ask(self, words: Words, action: Action, operation: str, desks: Mapping[str, Desk]) -> Asked:
        asked = await asking.ask(
            self.monitor.spec, self.monitor.picture(), self.monitor.state, action, desks, self.clock,
            operator=words.operator, operation=operation, overrides=words.overrides, phrase=words.phrase,
            outside_window=words.outside_window, read_only=words.read_only,
        )  # fmt: skip
        return replace(asked, instead_of=words.break_lock or _stale_one(asked, action, self.monitor.picture()))


def _deed(prepared: Prepared) -> Deed:
    words, action = prepared.words, prepared.action
    return Deed(
        operation=prepared.operation, node=action.node, action=action.kind.value, text=action.text,
        operator=words.operator, host=words.host, reason=words.reason, ticket=words.ticket,
    )  # fmt: skip


def _hold_s(action: Action) -> float | None:
    """How long the console holds it before it has the node put it back; None: it is not held."""
    limit = action.deadline
    if limit is None or action.kind is Kind.DRAIN or action.lasting is not Lasting.HELD:
        return None
    return max(1.0, min(limit.wanted_s, limit.seconds - FIRST_S))


def _stale_one(asked: Asked, action: Action, picture: ClusterPicture) -> str | None:
    """What restores service does not wait for a dead console's lock on the touched node."""
    found = asked.operations.get(action.node)
    if action.kind.disturbs or found is None or found.lock is None:
        return None
    left, name = found.lock_left_s, found.lock.operation
    expired = left is not None and left <= 0
    return name if expired or console_gone(picture, name) is not None else None
