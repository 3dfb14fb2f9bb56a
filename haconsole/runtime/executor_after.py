"""The executor's ends: keep the change and disarm, or have the node put back and see that all is as it was."""

from __future__ import annotations

import asyncio
import contextlib

from haconsole.model.operation import DisarmOutcome, NodeOperation, StepOutcome
from haconsole.model.problems import ProblemError
from haconsole.operations import read_back
from haconsole.operations.job import Ending, Result
from haconsole.runtime.executor_before import ENDED
from haconsole.runtime.executor_during import During
from haconsole.runtime.executor_told import AnothersError, EndedElsewhereError, LetGoError, PutBackError, Report
from haconsole.runtime.executor_words import as_before, some


class After(During):
    """Putting back is the node's own revert, asked for at once or run by its timer."""

    async def _undone(self, error: Exception) -> Report:
        """It did not go as it should: put back what disturbs; of what restores service say so."""
        if self._job.disturbs:
            report = await self._put_back(str(error))
            report.elsewhere = isinstance(error, EndedElsewhereError)
            return report
        result = Result.FAILED if isinstance(error, PutBackError) else Result.UNVERIFIED
        return await self._leave(Report(result=result, text=str(error), look_at=self._places()))

    async def _keep(self) -> Report:
        """The change stays, or was over at once: no revert is needed any more, or it is left to its time."""
        job, desk = self._job, self._desk
        report = Report(result=Result.DONE, text=f"{job.action} on {job.node} is done")
        await self._no_more_moving()
        if job.ending is Ending.UNTIL:
            left = self._deadline and max(0.0, self._deadline - self._clock.now())
            report.text += f"; the node ends it by itself in {left:.0f} s" if left else ""
            if self._doubtful is not None:
                report.result, report.look_at = Result.UNVERIFIED, self._places()
                report.text += f"; it is not known whether revert {self._doubtful.value} waits besides"
            return await self._leave(report)
        if job.disturbs:
            await self._still_ours()
        with self._step("disarm", "disarm") as step:
            try:
                if job.disturbs:
                    await self._disarm_ours(report)
                elif job.ends:
                    await self._end_others(report)
                if job.forget_note:
                    await desk.note(job.operation, None, 5.0)
            except ProblemError as error:
                report = Report(
                    result=Result.UNVERIFIED, look_at=self._places(),
                    text=f"{job.action} on {job.node} is done, but not known whether its revert still waits: {error}",
                )  # fmt: skip
            step(report.text)
        return await self._leave(report)

    async def _disarm_ours(self, report: Report) -> None:
        job, desk = self._job, self._desk
        slots = [self._slot] if self._doubtful is None else [self._slot, self._doubtful]
        outcomes = [(await desk.disarm(job.operation, slot, 20.0)).outcome for slot in slots]
        doubtful = [o.value for o in outcomes if o not in ENDED]
        if DisarmOutcome.FIRED in outcomes:
            report.result, report.text = Result.REVERTED, f"{job.node} put it back by itself: its deadline came first"
        elif not doubtful:
            cleared = (await desk.clear(job.operation, 10.0)).outcome
            doubtful = [] if cleared is StepOutcome.DONE else [f"what was saved is still there, {cleared.value}"]
        if doubtful:
            self._doubt(report, ", ".join(doubtful))

    def _doubt(self, report: Report, why: str) -> None:
        if report.result is Result.DONE:
            report.text = f"{self._job.action} is done, but its revert may still run: {why}"
        else:
            report.text += f"; a second timer may still wait: {why}"
        report.result, report.look_at = Result.UNVERIFIED, self._places()

    async def _end_others(self, report: Report) -> None:
        """What this ended was armed by an operation before it."""
        job, desk = self._job, self._desk
        state, timers = await desk.state(), await desk.timers()
        if state.revert not in job.ends and state.saved is not None:
            return
        waiting = [t.slot for t in timers.timers if t.waiting]
        outcomes = [(await desk.disarm(job.operation, slot, 10.0)).outcome for slot in waiting]
        doubtful = [o.value for o in outcomes if o not in ENDED]
        if state.saved is not None:
            cleared = (await desk.clear(job.operation, 10.0)).outcome
            # A revert that runs removes it by itself.
            if cleared is not StepOutcome.DONE and DisarmOutcome.FIRED not in outcomes and not doubtful:
                doubtful = [f"what was saved is still there, {cleared.value}"]
        if doubtful:
            self._doubt(report, ", ".join(doubtful))

    async def _put_back(self, why: str | None, *, ask: bool = True, there: bool = True) -> Report:
        """By the node's own revert: at once where it can be asked, else at its deadline. `why` None: as planned.
        ask False: at its deadline in any case. there False: it was put back already."""
        job = self._job
        done = Report(
            result=Result.DONE if why is None else Result.REVERTED,
            text=f"{job.action} on {job.node} is over: {as_before(self._saved)}" if why is None else f"put back: {why}",
        )
        seen = False
        await self._no_more_moving()
        try:
            with self._step("put-back", f"{job.node} puts back") as step:
                lapses = why is None and job.ending is Ending.LAPSE and not self.hold_over.is_set()
                by_itself = lapses or not ask
                if there:
                    await self._revert(ask=not by_itself)
                else:
                    await self._still_ours()
                seen = True
                how = ", by the node's own timer" if by_itself else ""
                step(f"put back{how}" if there else "nothing is left to be put back")
            self.stop.clear()  # nothing is left to stop, and verifying must not end early
            self._gone.clear()
            for check in job.restored:
                await self._verify(check, stoppable=False)
            await self._same_routes()
        except AnothersError as error:
            done.result, done.look_at = Result.UNVERIFIED, self._places()
            done.text = f"{why + '; ' if why else ''}{error}"
            return await self._leave(done)
        except (PutBackError, ProblemError, LetGoError) as error:
            done.result, done.look_at = Result.UNVERIFIED, self._places()
            if isinstance(error, LetGoError) and not seen:
                raise
            how = "put back, but not verified" if seen else "NOT seen to be put back"
            done.text = f"{why + '; ' if why else ''}{how}: {error}" + ("" if seen else "; its timer is left armed")
        if seen:
            await self._end_timers(done)
        return await self._leave(done)

    async def _end_timers(self, done: Report) -> None:
        """After it was seen to be put back, and never before: until then they are what heals."""
        if self._successor is None:
            await self._listen()
        if self._successor is not None:
            return
        with contextlib.suppress(ProblemError, PutBackError), self._step("disarm", "disarm") as step:
            why = await self._not_ended()
            if why:
                done.result, done.look_at = Result.UNVERIFIED, self._places()
                done.text += f"; but its timer may still wait: {why}"
                raise PutBackError(f"its timer may still wait: {why}")
            step("no timer waits any more")

    async def _not_ended(self) -> str:
        """Disarm, and where that is not proven look. Empty: no timer waits."""
        why = []
        for slot in (self._slot, self._doubtful):
            if slot is not None:
                try:
                    outcome = (await self._desk.disarm(self._job.operation, slot, 10.0)).outcome
                    if outcome not in ENDED:
                        why.append(f"revert {slot.value}: {outcome.value}")
                except ProblemError as error:
                    why.append(f"revert {slot.value}: {error}")
        if why:
            with contextlib.suppress(ProblemError):
                if not any(t.waiting for t in (await self._desk.timers()).timers):
                    return ""
        return "; ".join(why)

    async def _revert(self, *, ask: bool = True) -> None:
        """Until the node was seen to have put back. Raises: ProblemError, PutBackError: not seen; AnothersError: what
        is saved there is another operation's; LetGoError.

        ask: have it done at once; else its own timer is waited for.
        """
        desk, patience = self._desk, self._patience
        until = (self._deadline or self._clock.now()) + patience.late_s + (0.0 if ask else patience.revert_s)
        asked, told = not ask, await self._still_ours()
        while True:
            trouble: ProblemError | None = None
            if self._successor is not None:
                raise self._no_longer_ours()
            if not asked:
                try:
                    # The node compares, too; but what is over need not be asked for.
                    if self._is_over(told or await desk.state(0.0)):
                        return
                    await self._ask_to_revert()
                    asked = True
                    until = max(until, self._clock.now() + patience.revert_s)
                except ProblemError as error:
                    trouble = error  # it may have arrived all the same, or the revert has run: the state tells
            try:
                state = await desk.state(0.0)
                if self._is_over(state):
                    return
                if state.incomplete:
                    raise PutBackError("the node's revert ended incomplete")
            except ProblemError as error:
                trouble = error
            if self._clock.now() > until:
                raise trouble or PutBackError("the node was not seen to put it back")
            self._tell("put-back", f"{self._job.node} puts back", self._clock.now())
            await asyncio.sleep(0.5)
            told = None if asked else await self._still_ours()

    async def _seen_over(self, until: float) -> None:
        """Somebody else has it put back. Raises: PutBackError, ProblemError: not seen; AnothersError."""
        while not self._is_over(state := await self._desk.state()):
            if state.incomplete:
                raise PutBackError("the node's revert ended incomplete")
            if self._clock.now() > until:
                raise PutBackError("the node was not seen to put it back")
            await asyncio.sleep(0.5)

    def _is_over(self, state: NodeOperation) -> bool:
        """Nothing is saved there any more. Raises: AnothersError."""
        saved, job = state.saved, self._job
        if saved not in {None, job.operation}:
            raise AnothersError(
                f"{job.node} has nothing of {job.operation} any more, {saved} is under way there: that was not "
                f"touched, and whether all of {job.action} was put back before it was not seen"
            )
        return saved is None

    async def _ask_to_revert(self) -> None:
        """The timer that was seen armed, else the one that may be besides; both may run. Raises: ProblemError."""
        try:
            await self._desk.revert_now(self._job.operation, self._slot, 0.0)
        except ProblemError:
            if self._doubtful is None:
                raise
            await self._desk.revert_now(self._job.operation, self._doubtful, 0.0)

    async def _let_go(self, error: LetGoError) -> Report:
        """Another console has it. One that aborts it puts it back at once: that is waited for, and seen."""
        if not self._aborted_there:
            return await super()._let_go(error)
        job, patience, who = self._job, self._patience, self._successor
        report = Report(result=Result.REVERTED, text=f"put back: {who} has aborted {job.operation}", elsewhere=True)
        self._gone.clear()
        try:
            with self._step("put-back", f"{job.node} puts back, {who} asked it to") as step:
                await self._seen_over(self._clock.now() + patience.late_s + patience.revert_s)
                step("put back")
            self._successor = None  # nothing is left there that was taken over
            for check in job.restored:
                await self._verify(check, stoppable=False)
            await self._same_routes()
        except (PutBackError, ProblemError, AnothersError) as problem:
            report.result, report.look_at = Result.UNVERIFIED, self._places()
            report.text = f"{error}; what became of it was not seen: {problem}"
        return report

    async def _same_routes(self) -> None:
        """Of the interface that was changed. Raises: PutBackError: something is missing, or could not be read."""
        saved = self._saved
        if saved is None or saved.interface is None:
            return
        until = self._clock.now() + self._patience.routes_s
        with self._step("routes", f"routes and IPv6 addresses of {saved.interface} as saved") as step:
            while True:
                try:
                    there = await self._desk.read_back(self._patience.routes_s)
                except ProblemError as error:
                    raise PutBackError(f"routes of {saved.interface} were not read again: {error}") from error
                gone = read_back.missing(saved, there)
                if not gone:
                    break
                if self._clock.now() > until:
                    raise PutBackError(f"of {saved.interface} is missing what was saved: {some(gone)}")
                await asyncio.sleep(0.5)
            new = read_back.new(saved, there)
            step(
                f"{saved.interface}: {len(saved.routes)} routes and {len(saved.addresses6)} IPv6 addresses as saved"
                + (f"; new: {some(new)}" if new else "")
            )
