"""Carries out one drill: plan, guards, steady state, inject by the executor, watch, hold, put back, judge, record.

Nothing here changes a node: that is `runtime.executor`'s, asked through `Operate`, with every guard. The
drill adds its measuring client, the time line, what must be seen, and a journal from which another console can
end it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from haconsole.io.drill_file import DrillFileError, DrillFolder
from haconsole.io.ports import Clock
from haconsole.model.drill import Claim, DrillRecord, Hypothesis, NodeEvidence, Phase, Verdict
from haconsole.model.spec import IpAddress
from haconsole.operations.actions import Kind, deadline
from haconsole.operations.drills import figures, judge, steady
from haconsole.operations.drills.expect import Expected, expected
from haconsole.operations.drills.seen import Seen
from haconsole.operations.drills.story import Begun
from haconsole.operations.drills.verdict import Ended
from haconsole.operations.job import BY_OPERATOR, Job, Result
from haconsole.runtime import drill_shape
from haconsole.runtime.drill_book import Book
from haconsole.runtime.drill_live import Live, Wish
from haconsole.runtime.drill_record import Whole, final_record, guards_said
from haconsole.runtime.drill_saved import saved_by
from haconsole.runtime.drill_watch import LOOK_S, Watch
from haconsole.runtime.executor import Executor, Report, Told
from haconsole.runtime.monitor import Monitor
from haconsole.runtime.operate import Operate, Prepared, WordsError, action_of
from haconsole.runtime.traffic import TrafficError

BASELINE_S: Final = 2.0
"""Clients are measured so long before anything is touched: what fails then is not the drill's doing."""
READY_S: Final = 10.0
SETTLED_S: Final = 20.0
QUIET_LOOKS: Final = 4
"""Two seconds."""
SETTLE_S: Final = 8.0
"""After the executor's end: the last log lines, announcements and readings."""


class DrillRun:
    """One drill on one node: `prepare`, ask the operator, `carry_out`."""

    def __init__(self, operate: Operate, monitor: Monitor, clock: Clock, folder: DrillFolder, wish: Wish) -> None:
        self._operate, self._monitor, self._clock, self._folder, self.wish = operate, monitor, clock, folder, wish
        self.drill = wish.drill if wish.hold_s is None else replace(wish.drill, hold_s=wish.hold_s)
        self.prepared: Prepared | None = None
        self.expected: Expected | None = None
        self.record: DrillRecord | None = None
        self._watch: Watch | None = None
        self._executor: Executor | None = None
        self._book: Book | None = None
        self._before: tuple[Claim, ...] = ()
        self._was = steady.Steady()
        self._nodes: dict[str, NodeEvidence] = {}
        self._asked_to_stop = False
        self._tripped: str | None = None
        self._held = False
        self._findings: drill_shape.Keys = frozenset()
        self._causes: tuple[str, ...] = ()
        self._observe: Callable[[Told], None] = lambda _: None

    # --- before -------------------------------------------------------------------------------------

    async def settled(self, limit_s: float = SETTLED_S) -> None:
        """Return when every VIP has been where it is for a while, the time is over, or it is aborted: after a drill
        before this one, whose hand-over is still fresh."""
        until, quiet = self._clock.now() + limit_s, 0
        while self._clock.now() < until and quiet < QUIET_LOOKS and not self._asked_to_stop:
            quiet = quiet + 1 if all(drill_shape.agreed(v) for v in self._monitor.picture().vips) else 0
            await asyncio.sleep(0.5)

    async def prepare(self) -> Prepared:
        """Look, ask the guards, predict. Raises: WordsError; KeyError: no such node."""
        wish, picture = self.wish, self._monitor.picture()
        words = drill_shape.words_of(wish, self.drill)
        first = action_of(words, picture, None)
        told = expected(picture, first)
        only, hold = first.kind is Kind.REVERT_ONLY, self.drill.hold_s
        wanted = drill_shape.wanted_s(self.drill, told, own_path=first.own_path)
        try:
            deadline(wanted)
        except ValueError as error:
            raise WordsError(str(error)) from error
        words = replace(words, wanted_s=wanted, hold_s=None if only else hold)
        self.prepared = await self._operate.prepare(words)
        self.expected = expected(self._monitor.picture(), self.prepared.action)
        return self.prepared

    @property
    def id(self) -> str:
        """Of the run: the operation's name on the nodes. Raises: RuntimeError: not prepared."""
        return self._ready()[0].operation

    def _ready(self) -> tuple[Prepared, Expected]:
        if self.prepared is None or self.expected is None:
            raise RuntimeError("prepare it first")
        return self.prepared, self.expected

    def planned(self) -> DrillRecord:
        """Guards and prediction, nothing done: a dry run."""
        return self._blank(self._clock.now())

    def refused(self) -> DrillRecord:
        """A guard said no before the question: written down, nothing touched."""
        prepared, _ = self._ready()
        self._operate.refused(prepared)
        now = self._clock.now()
        names = ", ".join(g.id for g in prepared.plan.refused)
        why = "; ".join(f"{g.id}: {g.text}: {g.evidence}" for g in prepared.plan.refused)
        record = replace(
            self._blank(now), ended=now, result=Verdict.REFUSED, text=f"refused by {names}: nothing was touched. {why}"
        )
        with contextlib.suppress(DrillFileError):
            journal = self._folder.begin(record.id)
            try:
                journal.end(record)
            finally:
                journal.close()
        self.record = record
        return record

    def _blank(self, started: float) -> DrillRecord:
        prepared, told = self._ready()
        return drill_shape.blank(
            prepared, told, self.wish, cluster=self._monitor.spec.name, drill=self.drill.name, started=started
        )

    # --- while it runs ------------------------------------------------------------------------------

    def abort(self) -> None:
        """Ask to end: everything is put back. Once more changes nothing."""
        self._asked_to_stop = True
        if self._executor is not None:
            self._executor.stop.set()

    @property
    def unreached(self) -> tuple[str, float | None] | None:
        """The node to which the drill itself cut the way, and seconds until it puts itself back (None: not known);
        None: every node hears."""
        if self._watch is None or (node := self._watch.seen.unreached) is None:
            return None
        return node, self._watch.seen.heals_in(self._clock.now())

    def end_hold(self) -> None:
        """The hold may end now."""
        if self._executor is not None:
            self._executor.hold_over.set()

    async def extend(self, seconds: float) -> bool:
        """Move the node's own deadline to so many seconds from now (rounded up); False: as before."""
        if self._executor is None or self._watch is None or self._watch.seen.phase is not Phase.HOLD:
            return False
        try:
            return await self._executor.extend(deadline(seconds).seconds)
        except ValueError:
            return False

    def live(self) -> Live | None:
        """For a view, ten times a second at most. None: it has not begun."""
        watch = self._watch
        if watch is None or self.prepared is None or self.expected is None:
            return None
        case, seen = self._case(watch, over=False), watch.seen
        return Live(
            id=self.id, drill=self.drill, expected=self.expected, seen=seen, measured=figures.measured(case),
            hypothesis=Hypothesis(before=self._before, during=judge.during(case), after=judge.failback(case)),
            traffic=watch.traffic.snapshot(), unserved_s=watch.unserved_s(), left_s=seen.heals_in(self._clock.now()),
            aborting=self._asked_to_stop,
        )  # fmt: skip

    async def carry_out(
        self, observe: Callable[[Told], None] = lambda _: None, looked: Callable[[], None] = lambda: None
    ) -> DrillRecord:
        """To the end: the record, on disk unless `unkept` says why not. Must not be cancelled.

        looked: called ten times a second.
        Raises: DrillFileError: its journal could not be begun, nothing was touched; WordsError: so it cannot be.
        """
        prepared, told = self._ready()
        self._observe = observe
        since = self._clock.now()
        picture = self._monitor.picture()
        vips = tuple(v.address for v in picture.vips)
        seen = Seen(self._monitor.spec, since, tuple(map(str, vips)))
        seen.picture(picture)
        if told.own_path:
            seen.cut_off(told.node)
        self._watch = watch = Watch(self._monitor, self._clock, told, seen, looked=lambda: self._look(looked))
        journal = self._folder.begin(prepared.operation)
        self._book = book = Book(journal, watch, self._clock, lambda: self._case(watch, over=False))
        try:
            self.record = record = await self._journalled_run(book, watch, vips)
            book.end(record)
        finally:
            book.close()
        return record

    @property
    def unkept(self) -> str | None:
        """Why something of the run is not on disk; None: all of it is."""
        return None if self._book is None else self._book.trouble

    async def _journalled_run(self, book: Book, watch: Watch, vips: tuple[IpAddress, ...]) -> DrillRecord:
        """Everything but the files' ends. Raises: DrillFileError: nothing was touched."""
        prepared, _ = self._ready()
        since = watch.seen.since
        try:
            book.begin(since, self._begun(prepared, since))
            await watch.begin(vips)
            report = await self._measured_run(prepared, book, watch)
        except (TrafficError, WordsError) as error:
            report = Report(result=Result.FAILED, text=f"nothing was touched: {error}")
        finally:
            await watch.end()
        return self._final(report, watch)

    async def _measured_run(self, prepared: Prepared, book: Book, watch: Watch) -> Report:
        """Baseline, steady state, injection and all that follows. Raises: WordsError."""
        seen = watch.seen
        seen.say(self._clock.now(), f"drill {self.drill.name} on {self.wish.node} by {self.wish.operator}")
        await self._baseline(watch)
        picture = self._monitor.picture()
        self._before = (*steady.claims(picture), *watch.baseline(BASELINE_S))
        wrong = [c for c in self._before if c.ok is not True]
        if wrong and not self.wish.overrides:
            words = "; ".join(f"{c.text}: {c.evidence}" for c in wrong)
            return Report(result=Result.REFUSED, text=f"nothing was touched: no steady state: {words}")
        if self._asked_to_stop:
            return Report(result=Result.REFUSED, text=f"nothing was touched: {BY_OPERATOR}")
        self._was = drill_shape.home(steady.steady(picture), self._ready()[1])
        self._nodes = {n.name: NodeEvidence(addresses_before=steady.addresses(n)) for n in picture.nodes}
        self._findings = drill_shape.found_by(self._monitor.snapshot(self._clock.now()))
        book.begin(self._clock.now(), self._begun(prepared, seen.since))
        report = await self._operate.carry_out(prepared, self._told, self._started, self._shape)
        seen.phase = Phase.AFTER
        await self._settle(watch)
        return report

    async def _baseline(self, watch: Watch) -> None:
        """Until every VIP was served for BASELINE_S, or READY_S are over."""
        began = self._clock.now()
        while (now := self._clock.now()) - began < READY_S and not self._asked_to_stop:
            known = watch.traffic.known
            whole = known is not None and known.until - known.since >= BASELINE_S
            if whole and all(c.ok for c in watch.baseline(BASELINE_S)):
                return
            await asyncio.sleep(min(LOOK_S, began + READY_S - now))

    def _vips(self) -> list[str]:
        return [str(v.address) for v in self._monitor.picture().vips]

    def _begun(self, prepared: Prepared, since: float) -> Begun:
        record = replace(self._blank(since), hypothesis=Hypothesis(before=self._before), nodes=self._nodes)
        return drill_shape.begun(prepared.action, record, self._was, self.wish.host)

    # --- the executor's side ------------------------------------------------------------------------

    def _shape(self, made: Job) -> Job:
        return drill_shape.shaped(made, self.drill, self._ready()[1], self._was, self._vips())

    def _started(self, executor: Executor) -> None:
        self._executor = executor
        if self._asked_to_stop:
            executor.stop.set()

    def _told(self, told: Told) -> None:
        watch, book = self._watch, self._book
        if watch is None or book is None:
            return
        watch.seen.told(told, self._clock.now())
        if told.ok is False and told.step in {"verify", "priority", "hold"}:
            self._note_causes()
        book.step(told, saved_by(self._executor))
        self._observe(told)

    def _look(self, looked: Callable[[], None]) -> None:
        """After each look: the stop condition, another console's wish, the journal."""
        watch, book = self._watch, self._book
        if watch is None or book is None:
            return
        if book.abort_asked and not self._asked_to_stop:
            watch.seen.say(self._clock.now(), "another console asked to abort")
            self.abort()
        if self._executor is not None and not self._executor.stop.is_set() and (why := watch.tripped()) is not None:
            self._tripped, self._held = why, watch.seen.phase is Phase.HOLD
            self._note_causes()
            watch.seen.say(self._clock.now(), f"stop condition: {why}")
            self._executor.halt(f"stop condition: {why}")
        book.moments()
        looked()

    def _note_causes(self) -> None:
        """Once: when it goes wrong."""
        if not self._causes:
            self._causes = drill_shape.causes(self._monitor.snapshot(self._clock.now()), self._findings)

    # --- afterwards ---------------------------------------------------------------------------------

    async def _settle(self, watch: Watch) -> None:
        """Until everything that is expected was seen, or SETTLE_S are over."""
        until = self._clock.now() + SETTLE_S
        while self._clock.now() < until:
            case = self._case(watch, over=False)
            claims = (*judge.during(case), *judge.failback(case), *steady.again(self._was, self._monitor.picture()))
            ready = case.clients.known is not None and case.clients.known[1] >= (case.put_back_at or 0.0)
            if ready and all(c.ok is not None and c.ok for c in claims):
                break
            self._monitor.read_anew()
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.6)  # requests that are under way now end within this

    def _case(self, watch: Watch, *, over: bool) -> figures.Case:
        _, told = self._ready()
        return figures.Case(
            drill=self.drill, expected=told, seen=watch.seen, clients=watch.clients(), now=self._clock.now(), over=over
        )

    def _final(self, report: Report, watch: Watch) -> DrillRecord:
        """The record of a run that has ended."""
        ended = Ended(
            result=report.result, text=report.text, by_operator=self._asked_to_stop, elsewhere=report.elsewhere,
            tripped=self._tripped, held=self._held, causes=self._causes, busy=watch.clients().busy,
            against=drill_shape.against(self._ready()[0]),
        )  # fmt: skip
        run = Whole(
            blank=replace(self._blank(watch.seen.since), look_at=report.look_at), before=self._before, was=self._was,
            nodes=self._nodes, during_addresses=watch.during, ended=ended, guards=guards_said(report.guards),
        )  # fmt: skip
        return final_record(run, self._case(watch, over=True), self._monitor.picture())
