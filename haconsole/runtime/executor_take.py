"""The executor with what another console began: end it, or go on with it. The job has that operation's name, by which
its locks are taken over; whether its console lives was asked, and said, before."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Final

from haconsole.model.operation import LockAnswer, LockOutcome, StepOutcome
from haconsole.model.problems import ProblemError
from haconsole.operations.job import Ending, Result
from haconsole.runtime.executor_after import After
from haconsole.runtime.executor_base import FIRST_S
from haconsole.runtime.executor_told import PutBackError, RefusedError, Report
from haconsole.runtime.executor_words import who_holds

TRIES: Final = 3
"""A lock whose answer was lost is asked for again: asking twice is as asking once."""
RETRY_S: Final = 0.5


class Take(After):
    """Three ways: `finish` for a drill whose record is written, `abort` and `adopt` for whatever a node tells of."""

    async def finish(self, why: str, *, wait: bool = False) -> Report:
        """End what a console began that is gone: the job has that operation's name, and takes its locks over by it.

        wait: leave it to the node's own timer. Must not be cancelled. Raises: nothing that is foreseen.
        """
        return await self._to_the_end(lambda: self._finish(why, wait=wait))

    async def abort(self) -> Report:
        """Have the node put back now. Only its own lock is needed; DONE: it was, and was seen to be.

        Must not be cancelled. Raises: nothing that is foreseen.
        """
        return await self._to_the_end(self._abort)

    async def adopt(self, extend_s: int | None = None) -> Report:
        """Go on with the hold: lock, see it armed, hold, put back, verify, disarm, unlock.

        extend_s: first move the node's deadline to so many seconds from now. A job that ends as UNTIL is not held:
        its lock is given back, and the node ends it. Must not be cancelled. Raises: nothing that is foreseen.
        """
        return await self._to_the_end(lambda: self._adopt(extend_s))

    # --- what a dead console left, with a record ----------------------------------------------------

    async def _finish(self, why: str, *, wait: bool) -> Report:
        try:
            await self._lock()
            there = await self._see_left()
        except (RefusedError, ProblemError) as error:
            report = Report(result=Result.UNVERIFIED, text=f"not taken over: {error}", look_at=self._places())
            return await self._leave(report)
        self._begun = True
        return await self._put_back(why, ask=not wait, there=there)

    async def _see_left(self) -> bool:
        """See what is armed; what was only saved is forgotten. Is there something to be put back."""
        job = self._job
        with self._step("see-armed", "see what is armed") as step:
            timers, state = await self._desk.timers(), await self._desk.state()
            waiting = [t.slot for t in timers.timers if t.waiting]
            left = {t.slot: s for t in timers.timers if (s := t.left_s(state.uptime_s)) is not None}
            self._doubtful, self._deadline = None, None
            if left:
                self._slot = max(left, key=lambda slot: left[slot])
                self._deadline = self._clock.now() + left[self._slot]
                step(f"armed: {job.node} heals itself in {left[self._slot]:.0f} s")
            elif waiting:
                self._slot = waiting[0]
                step(f"armed, when {job.node} heals itself is not told")
            else:
                step("nothing waits")
            if self._slot.other in waiting:
                self._doubtful = self._slot.other
        if len(left) > 1:  # its console died while it extended: one is enough, and a second would run later
            await self._one_is_enough(min(left.values()))
        idle = not any(t.waiting or t.running for t in timers.timers)
        there = state.saved is not None
        never = state.revert is None and not state.incomplete and not state.decided
        if idle and state.saved == job.operation and never:  # saved, never armed: so nothing was changed
            there = (await self._desk.clear(job.operation, 10.0)).outcome is not StepOutcome.DONE
        return there

    async def _one_is_enough(self, first_s: float) -> None:
        """Disarm the timer that would run first. Where that is not proven it counts as armed."""
        first = self._clock.now() + first_s
        with contextlib.suppress(ProblemError):
            if await self._stopped(self._slot.other, 5.0):
                return
        self._deadline = None if self._healed.is_set() else first

    # --- whatever a node tells of ---------------------------------------------------------------------

    async def _take_over(self) -> None:
        """The lock of the job's node, by name. Raises: RefusedError: another operation has it; ProblemError."""
        job = self._job
        with self._step("lock", f"lock of {job.node}") as step:
            answer = await self._take_again(job.node)
            if answer.outcome is not LockOutcome.TAKEN:
                raise RefusedError(who_holds(job.node, answer.outcome, answer.state))
            self._taken.append(job.node)
            self._ours_since(answer)
            step(f"{job.operation} on {job.node} is this console's now")

    async def _take_again(self, name: str) -> LockAnswer:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._desks[name].take(self._request, self._instead_of)
            except ProblemError:
                if tries == TRIES:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _abort(self) -> Report:
        job = self._job
        try:
            await self._take_over()
            there = await self._see_left()
        except (RefusedError, ProblemError) as error:
            return await self._not_taken(error)
        self._begun = True
        report = await self._put_back("aborted", there=there)
        if report.result is Result.REVERTED:
            report.result = Result.DONE
            nothing = f"nothing was to be put back on {job.node}, what was left there is removed"
            did = f"{job.node} has put back" if there else nothing
            where = f" on {job.node}" if there else ""
            seen = "; ".join(e.text for c in job.restored for e in c.expectations)
            report.text = f"{job.action}{where} is aborted: {did}" + (f"; seen: {seen}" if seen else "")
        await self._unlock_others()
        return report

    async def _unlock_others(self) -> None:
        """Locks of this operation elsewhere; what does not answer, or is another's, stays as it is."""
        others = [desk for name, desk in sorted(self._desks.items()) if name != self._job.node]
        for desk in others if self._successor is None else ():
            with contextlib.suppress(ProblemError):
                await desk.release(self._job.operation, 0.0)

    async def _adopt(self, extend_s: int | None) -> Report:
        job = self._job
        try:
            await self._nobody_else()
            await self._take_over()
            await self._lock_others()
            there = await self._see_left()
            ends = self._still_armed(there)
        except (RefusedError, ProblemError) as error:
            return await self._not_taken(error)
        self._begun = True
        try:
            moved = extend_s is None or await self._move(extend_s)
            if not moved and job.ending is Ending.UNTIL:
                return await self._leave(await self._as_it_is())
            left = max(0.0, (self._deadline or ends) - self._clock.now())
            self._job = job = replace(job, hold_s=max(0.0, left - FIRST_S))
            if job.ending is Ending.UNTIL:
                told = f"{job.action} goes on: {job.node} ends it by itself in {left:.0f} s"
                return await self._leave(Report(result=Result.DONE, text=told))
            await self._hold()
        except (PutBackError, ProblemError) as error:
            return await self._put_back(str(error))
        return await self._put_back(None)

    def _still_armed(self, there: bool) -> float:
        """When the node puts back by itself. Raises: RefusedError: it does not, or not any more."""
        if self._deadline is None:
            why = "its revert is running, or when it runs is not told" if there else "nothing is armed there any more"
            raise RefusedError(f"{self._job.node}: {why}: there is nothing to hold")
        if self.stop.is_set():
            raise RefusedError("stopped before it was held on here")
        return self._deadline

    async def _nobody_else(self) -> None:
        """Before the first lock is taken. Raises: RefusedError: another operation has a node, or a stop was asked for.

        A node that does not answer is no reason: `_lock_others` tells it.
        """
        mine = {self._job.operation, self._instead_of}
        for name in sorted(self._desks):
            with contextlib.suppress(ProblemError):
                state = await self._desks[name].state(0.0)
                if state.lock is not None and state.lock.operation not in mine and (state.lock_left_s or 0.0) > 0:
                    raise RefusedError(who_holds(name, LockOutcome.HELD, state))
        if self.stop.is_set():
            raise RefusedError("stopped before it was taken over")

    async def _lock_others(self) -> None:
        """So that nobody else disturbs the cluster meanwhile. One that does not answer, or is another's, is told."""
        told = []
        with self._step("locks", "locks of the other nodes") as step:
            for name in sorted(self._desks):
                if name == self._job.node:
                    continue
                try:
                    answer = await self._take_again(name)
                except ProblemError as error:
                    told.append(f"{name} is not locked: {error}")
                    continue
                if answer.outcome is LockOutcome.HELD:
                    raise RefusedError(who_holds(name, answer.outcome, answer.state))
                if answer.outcome is LockOutcome.TAKEN:
                    self._taken.append(name)
                else:
                    told.append(f"{name} is not locked: {answer.outcome.value}")
            step("; ".join(told) or "locked")

    async def _as_it_is(self) -> Report:
        """Its timer was not moved, or not surely: what the node tells of it now."""
        job, words = self._job, "its timer could not be moved"
        try:
            await self._see_left()
        except ProblemError as error:
            self._deadline, words = None, f"{words}; it was not read again: {error}"
        if self._deadline is None:
            return Report(
                result=Result.UNVERIFIED, look_at=self._places(),
                text=f"{words}; when {job.node} ends {job.action} is not known",
            )  # fmt: skip
        await self._note_end()
        left = max(0.0, self._deadline - self._clock.now())
        return Report(
            result=Result.FAILED, text=f"{job.action} goes on: {job.node} ends it by itself in {left:.0f} s; {words}"
        )

    async def _move(self, seconds: int) -> bool:
        """The node's deadline. False: it holds as long as it did, and that is said."""
        words = f"the node's own timer: {seconds} s from now"
        with contextlib.suppress(RefusedError), self._step("extend", words) as step:
            if not await self.extend(seconds):
                raise RefusedError("not moved: it heals itself when it was to")
            step(f"{self._job.node} heals itself in {seconds} s")
            return True
        return False

    async def _not_taken(self, error: Exception) -> Report:
        """Refused: nothing was touched. Where the lock was had already its console has lost it: failed, and what heals
        is told. Whose lock was not taken, or not surely, is given back by nobody here."""
        text, refused = f"not taken over: {error}", isinstance(error, RefusedError)
        if not refused:
            return await self._leave(Report(result=Result.UNVERIFIED, text=text, look_at=self._places()))
        if not self._locked:
            return await self._leave(Report(result=Result.REFUSED, text=text))
        now = await self._what_is_now()
        return await self._leave(Report(result=Result.FAILED, text=f"{text}; {now}", look_at=self._places()))

    async def _what_is_now(self) -> str:
        """Of an operation whose lock was taken and is given back."""
        job = self._job
        gone = f"but its lock on {job.node} was taken already, so its console lets go and nobody holds it"
        abort = f"`haconsole node abort {job.node}` has it put back now"
        try:
            timers, state = await self._desk.timers(), await self._desk.state()
        except ProblemError as error:
            return f"{gone}; what waits there was not read ({error}): {abort}"
        left = [s for t in timers.timers if (s := t.left_s(state.uptime_s)) is not None]
        if left:
            return f"{gone}: {job.node} heals itself in {min(left):.0f} s by its own timer; {abort}"
        if state.saved is None:
            return f"{gone}; nothing waits on {job.node} to be put back"
        if any(t.running for t in timers.timers):
            return f"{gone}; {job.node} is putting it back just now"
        return f"{gone}; NO timer waits on {job.node} and something is saved there: {abort}"
