"""Ends a drill whose console died: from its journal, and from what the nodes say now.

Where another console has adopted it, or its node is in another operation by now, nothing is touched.
The node puts back by itself at its deadline in any case. Here it is asked to do so at once (or waited for),
what it put back is verified, the locks are given back under the dead operation's own name, and a record
says honestly what was measured before, and what nobody measured.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from haconsole.catalogue import operation as entries
from haconsole.cluster.left import Told as NodeTold
from haconsole.io.audit_file import AuditError, AuditFile
from haconsole.io.drill_file import Run
from haconsole.io.ports import Clock, Connector
from haconsole.model.drill import DrillRecord, Measured, Moment, Verdict
from haconsole.model.events import Event
from haconsole.model.operation import LockRequest, NodeOperation
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, Drain, Kind, Method
from haconsole.operations.audit import Entry as AuditEntry
from haconsole.operations.audit import What
from haconsole.operations.drills import steady
from haconsole.operations.drills.phases import phases
from haconsole.operations.drills.seen import Seen
from haconsole.operations.drills.story import Begun, Story
from haconsole.operations.drills.whose import Free, Hindrance, whose
from haconsole.operations.job import Check, Job, Result, Revert
from haconsole.runtime.commands import Commands
from haconsole.runtime.desk import Desk, Ran
from haconsole.runtime.drill_record import evidence
from haconsole.runtime.drill_saved import Compared, compare
from haconsole.runtime.executor import REVERT_S, Executor, Judged, Report, Told
from haconsole.runtime.executor_words import as_before
from haconsole.runtime.monitor import Monitor
from haconsole.runtime.operate import facts
from haconsole.version import __version__

ASK_S: Final = 6.0
"""So long a node may take to tell whose the drill is; one that does not is neither asked nor locked."""
RESTORED_S: Final = 90.0
SAME_S: Final = 0.1
"""A line of the journal that is heard again is within this of itself: the clocks were measured anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The operator who ends it."""

    operator: str
    host: str


class HinderedError(Exception):
    """Somebody else has the drill, or its node, in hand: nothing was touched. ways: what can be done."""

    def __init__(self, found: Hindrance) -> None:
        super().__init__(found.text)
        self.ways = found.ways


class Resume:
    """One run. Made before the monitor runs, so that the nodes' logs of its time are heard."""

    def __init__(self, monitor: Monitor, connector: Connector, clock: Clock, audit: AuditFile, run: Run) -> None:
        """Raises: DrillFileError: its journal cannot be read."""
        self.run, self.story = run, run.story()
        self._monitor, self._connector, self._clock, self._audit = monitor, connector, clock, audit
        vips = tuple(self.story.begun.steady.holders)
        self._seen = Seen(monitor.spec, self.story.record.started, vips)
        monitor.listeners.append(self._event)
        self._commands = Commands(self._ran)
        self.executor: Executor | None = None
        self._taken_from: str | None = None

    def _event(self, event: Event) -> None:
        node = getattr(event, "node", None)
        state = self._monitor.state.nodes.get(node) if node is not None else None
        self._seen.event(event, None if state is None else state.clock, None if state is None else state.latency_s)

    async def finish(
        self, who: Who, observe: Callable[[Told], None], *, wait: bool = False, named: str | None = None
    ) -> DrillRecord:
        """To the verified end; the record is on disk then. wait: leave it to the node's own timer. named: the
        operation that it is taken from though its console lives, or may.

        Raises: DrillFileError: its console lives, or the record cannot be written; HinderedError.
        Must not be cancelled.
        """
        journal = self.run.carry_on()
        try:
            begun = self.story.begun
            desks = self._desks()

            def told(step: Told) -> None:
                self._seen.told(self._commands.of(step), self._clock.now())
                observe(step)

            request = LockRequest(
                operation=begun.record.id, owner=who.operator, host=who.host, name=f"drill {begun.record.drill}",
                node=begun.record.node, started=_stamp(begun.record.started), aborts=not wait,
            )  # fmt: skip
            self._write(who, What.ASKED, text=f"resume {begun.record.id}")
            desks, free = await self._free(desks, told, named, who)
            self.executor = Executor(
                resumed_job(begun), desks, eyes=self._monitor, guards=_no_guards, clock=self._clock, request=request,
                observe=told, facts=facts, instead_of=free.instead_of,
            )  # fmt: skip
            report = await self.executor.finish("its console died", wait=wait)
            compared = await self._compare(desks[begun.record.node], report, told)
            self._write(who, What.ENDED, text=report.text, result=report.result.value)
            await asyncio.sleep(1.0)  # the journal's last lines come half a second late
            record = self._record(report, compared)
            journal.end(record)
        finally:
            journal.close()
            if self._event in self._monitor.listeners:
                self._monitor.listeners.remove(self._event)
        return record

    async def _free(
        self, desks: dict[str, Desk], told: Callable[[Told], None], named: str | None, who: Who
    ) -> tuple[dict[str, Desk], Free]:
        """The desks of the nodes that answer, and of the drill's own. Raises: HinderedError."""
        node, nodes = self.story.record.node, tuple(desks)
        answers = await self._asked(desks)
        found = whose(self.story, answers, nodes, self._clock.now(), named)
        if isinstance(found, Free) and node not in answers:
            await self._until_it_answers(desks[node], told)
            answers = await self._asked(desks)
            found = whose(self.story, answers, nodes, self._clock.now(), named)
        if isinstance(found, Hindrance):
            self._write(who, What.REFUSED, text=f"resume: {found.text}", result=Result.REFUSED.value)
            for desk in desks.values():
                await desk.close()
            raise HinderedError(found)
        self._taken_from = found.taken_from
        if found.taken_from is not None:
            self._seen.say(self._clock.now(), f"taken from {found.taken_from}")
            self._write(who, What.LOCK_BROKEN, text=f"lock of {self.story.record.id}: taken from {found.taken_from}")
        for name in sorted(set(nodes) - set(answers) - {node}):
            self._seen.say(self._clock.now(), f"{name} does not answer: it is not locked")
            await desks[name].close()
        return {n: d for n, d in desks.items() if n in answers or n == node}, found

    async def _asked(self, desks: Mapping[str, Desk]) -> dict[str, NodeTold]:
        """What the nodes tell of operations; of those that tell in time."""
        found: dict[str, NodeTold] = {}

        async def ask(name: str, desk: Desk) -> None:
            with contextlib.suppress(ProblemError, TimeoutError):
                async with asyncio.timeout(ASK_S):
                    state = await desk.state(0.0)
                found[name] = NodeTold(state=state, at=self._clock.now())

        await asyncio.gather(*(ask(name, desk) for name, desk in desks.items()))
        return found

    async def _until_it_answers(self, desk: Desk, told: Callable[[Told], None]) -> None:
        """The drill may have cut the way to its node: that comes back when the node has put back by itself."""
        began = self._clock.now()
        until = max(began, self.story.last_at + self.story.begun.deadline_s + REVERT_S)
        while True:
            with contextlib.suppress(ProblemError):
                await desk.state(0.0)
                return
            left = until - self._clock.now()
            if left <= 0:
                return  # the executor will say that it does not answer
            told(
                Told(
                    step="wait", text=f"{desk.node.name} does not answer yet; {left:.0f} s more at most", started=began
                )
            )
            await asyncio.sleep(min(1.0, left))

    async def _compare(self, desk: Desk, report: Report, told: Callable[[Told], None]) -> Compared | None:
        """The interface that was changed, as its node saved it. None: none was, or putting back was not verified."""
        saved, began = self.story.saved, self._clock.now()
        if saved is None or saved.interface is None or report.result is Result.UNVERIFIED:
            return None
        text = f"routes and IPv6 addresses of {saved.interface} as saved"
        told(Told(step="routes", text=text, started=began))
        try:
            found = await compare(saved, desk.node.name, desk, self._clock)
        finally:
            await desk.close()
        if found is not None:
            ok = found.ok is True
            told(
                Told(
                    step="routes",
                    text=f"{saved.interface}: {found.text}",
                    started=began,
                    ended=self._clock.now(),
                    ok=ok,
                )
            )
        return found

    def _record(self, report: Report, compared: Compared | None) -> DrillRecord:
        story, now, picture = self.story, self._clock.now(), self._monitor.picture()
        self._seen.picture(picture)
        after = steady.again(story.begun.steady, picture)
        after += () if compared is None else (compared.claim,)
        result, text = ended(story, report, compared)
        text += "" if self._taken_from is None else f"; it was taken from {self._taken_from}"
        look_at = report.look_at if compared is None or compared.ok else (*report.look_at, *compared.places)
        steps = (
            *story.record.steps,
            *(replace(s, name=f"resumed: {s.name}") for s in self._seen.steps),
        )
        self._seen.say(now, f"{result.value}: {text}")
        seen_nodes = evidence(picture, self._seen, story.record.nodes, {})
        return replace(
            story.record, ended=now, result=result, text=text, look_at=look_at, resumed=True,
            measured=_unmeasured(story), hypothesis=replace(story.record.hypothesis, after=after), steps=steps,
            timeline=_joined(story.record.timeline, self._seen.moments()), nodes=seen_nodes,
            lanes=tuple(self._seen.lanes),
            phases=phases(story.record.started, (*story.record.steps, *self._seen.steps), now),
        )  # fmt: skip

    def _desks(self) -> dict[str, Desk]:
        spec = self._monitor.spec
        return {n.name: Desk(spec, n, self._connector, self._clock, self._commands.ran) for n in spec.nodes}

    def _ran(self, ran: Ran) -> None:
        who = Who(operator="resume", host="")
        self._write(
            who, What.COMMAND, node=ran.node, text=ran.entry, command=list(ran.command), exit_status=ran.exit_status
        )

    def _write(self, who: Who, what: What, **more: object) -> None:
        begun = self.story.begun
        fields: dict[str, object] = {
            "time": _stamp(self._clock.now()), "what": what.value, "operation": begun.record.id,
            "cluster": begun.record.cluster, "node": begun.record.node, "action": begun.kind,
            "operator": f"{who.operator}@{who.host}", "from": None, "version": __version__, "reason": None,
            "ticket": begun.record.ticket,
        }  # fmt: skip
        with contextlib.suppress(AuditError):  # what is under way has to be ended
            self._audit.append(AuditEntry.model_validate({**fields, **more}))


async def _no_guards(_: Mapping[str, NodeOperation]) -> tuple[Judged, ...]:
    """Putting back is not optional."""
    return ()


def resumed_job(begun: Begun) -> Job:
    """What is to be ended, and what must be so again."""
    kind, node = Kind(begun.kind), begun.record.node
    drain = None
    if begun.method is not None:
        drain = Drain(method=Method(begun.method), value=begun.value, cost="")
    action = Action(kind=kind, node=node, interface=begun.interface, drain=drain, own_path=begun.own_path)
    arm = action.arm_id
    if arm is None:  # never: every injection of a drill has a revert
        raise ValueError(f"{kind.value} has no revert")
    revert = Revert(save=entries.COMMANDS[action.save_id], arm=entries.COMMANDS[arm], deadline_s=begun.deadline_s)
    checks = steady.checks(begun.steady, node)
    return Job(
        operation=begun.record.id, action=f"drill {begun.record.drill}", node=node,
        interface=begun.interface or "lo", revert=revert,
        restored=(Check(name="restored", expectations=checks, within_s=RESTORED_S),),
    )  # fmt: skip


def ended(story: Story, report: Report, compared: Compared | None) -> tuple[Verdict, str]:
    """The verdict of a run that was ended so. A drill that nobody saw to its end has not passed."""
    last = story.record.steps[-1].name if story.record.steps else "the beginning"
    died = f"its console died after {last}"
    if report.result is Result.UNVERIFIED:
        return Verdict.FAILED, f"{died}; {report.text}"
    if compared is not None and not compared.ok:
        claim = compared.claim
        word = "it is not so that" if compared.ok is False else "it is not known whether"
        return Verdict.FAILED, f"{died}; put back, but {word} {claim.text}: {claim.evidence}"
    changed = "put back" if story.may_have_changed else "nothing had been changed by then"
    unseen = compared is None and story.begun.interface is not None and story.may_have_changed
    blind = "; whether routes are was the node's to see" if unseen else ""
    return Verdict.ABORTED, f"{died}; {changed}: {as_before(None if compared is None else story.saved)}{blind}"


def _unmeasured(story: Story) -> Measured:
    """What was measured, and None for what was not: of every VIP that was to move."""
    told, known = story.record.predicted, story.record.measured
    return replace(
        known,
        takeover_s={**dict.fromkeys(told.takeover_s), **known.takeover_s},
        outage_s={**dict.fromkeys(told.outage_s), **known.outage_s},
        failback_outage_s=dict.fromkeys((*told.failback_outage_s, *known.failback_outage_s)),  # nobody saw its end
    )


def _joined(old: tuple[Moment, ...], new: tuple[Moment, ...]) -> tuple[Moment, ...]:
    """Both, each line once."""
    known: dict[tuple[str | None, str], list[float]] = {}
    for moment in old:
        known.setdefault((moment.node, moment.text), []).append(moment.time)
    more = [
        m for m in new if not any(abs(m.time - at) <= SAME_S for at in known.get((m.node, m.text), ()))
    ]  # fmt: skip
    return tuple(sorted((*old, *more), key=lambda m: m.time))


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
