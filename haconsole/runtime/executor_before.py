"""The executor before anything is changed: locks, guards, waiting for idle, saving, arming, and the way out of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import DisarmOutcome, LockOutcome, NodeOperation, StepOutcome
from haconsole.model.problems import ProblemError
from haconsole.operations.job import Ending, Result, Revert
from haconsole.runtime.executor_base import Base
from haconsole.runtime.executor_told import RefusedError, Report
from haconsole.runtime.executor_words import saved_words, who_holds
from haconsole.runtime.records import stamp

FRESH_S: Final = 10.0
"""So long the guards' second look may take to get readings newer than the lock."""
ENDED: Final = frozenset({DisarmOutcome.DISARMED, DisarmOutcome.FIRED})
"""A revert that runs no more, or has run: everything else proves nothing."""


class Before(Base):
    """Each step may end in RefusedError: then nothing was changed."""

    async def _lock(self) -> dict[str, NodeOperation]:
        job = self._job
        names = sorted(self._desks) if job.disturbs else [job.node]
        states: dict[str, NodeOperation] = {}
        with self._step("lock", f"lock of {', '.join(names)}") as step:
            for name in names:
                self._taken.append(name)  # even when the answer is lost: it is released then
                answer = await self._desks[name].take(self._request, self._instead_of)
                if answer.outcome is LockOutcome.STALE and answer.state.lock is not None and not job.disturbs:
                    # What restores service waits for no dead console; what disturbs has it named by the operator.
                    self._dead.add(answer.state.lock.operation)
                    answer = await self._desks[name].take(self._request, answer.state.lock.operation)
                if answer.outcome is not LockOutcome.TAKEN:
                    self._taken.remove(name)
                    raise RefusedError(who_holds(name, answer.outcome, answer.state))
                states[name] = answer.state
                if name == job.node:
                    self._ours_since(answer)
            step(f"locked: {', '.join(names)}")
        return states

    async def _guard(self, states: Mapping[str, NodeOperation]) -> None:
        with self._step("guards", "guards, under the lock") as step:
            since = self._clock.now()
            self._eyes.read_anew()
            needed = list(self._desks) if self._job.disturbs else []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FRESH_S):
                    while not all(_read_since(self._eyes.picture(), name, since) for name in needed):
                        await self._eyes.changed()
            self._judged = await self._guards(states)
            failed = [g for g in self._judged if not g.passes]
            if failed:
                raise RefusedError("; ".join(f"{g.id}: {g.text}" for g in failed))
            if self.stop.is_set():
                raise RefusedError("stopped before anything was touched")
            step(f"all {len(self._judged)} guards hold")

    async def _wait_idle(self, limit_s: float, count: Callable[[], Awaitable[int | None]]) -> None:
        """Until no connection is open on the node's VIPs, or the time is over."""
        began = self._clock.now()
        with self._step("wait-idle", f"wait for open connections to end, {limit_s:.0f} s at most") as step:
            while True:
                open_now = await count()
                words = "how many is not known" if open_now is None else f"{open_now} open"
                left = began + limit_s - self._clock.now()
                if self.stop.is_set():
                    raise RefusedError("stopped before anything was touched")
                if open_now == 0 or left <= 0:
                    step(f"connections on the node's VIPs: {words}")
                    return
                self._tell("wait-idle", f"{words}, {left:.0f} s more at most", began)
                await self._something(min(2.0, left))

    async def _arm(self, revert: Revert, state: NodeOperation) -> None:
        job, desk = self._job, self._desk
        if state.saved is not None or state.revert is not None:
            timers = await desk.timers()
            if any(t.waiting or t.running for t in timers.timers):
                raise RefusedError(
                    f"{job.node}: a revert is armed there already ({state.revert or 'of what is not told'})"
                )
        self._begun = True
        with self._step("save", "save what must be the same afterwards") as step:
            saved = await desk.save(revert.save, job.operation, job.keepalived_addresses)
            # Without success the node keeps nothing of ours; what is armed there is another's to disarm.
            self._begun = saved.outcome is StepOutcome.DONE
            if saved.outcome is not StepOutcome.DONE or saved.saved is None:
                raise RefusedError(f"{job.node}: not saved: {saved.why or saved.outcome.value}")
            self._saved = saved.saved
            step(saved_words(saved.saved))
        with self._step("arm", f"arm the revert on {job.node}, {revert.deadline_s} s") as step:
            with contextlib.suppress(ProblemError):  # whether it is armed is seen next
                answer = await desk.arm(revert.arm, job.operation, self._slot, revert.deadline_s)
                if answer.outcome is not StepOutcome.DONE:
                    raise RefusedError(f"{job.node}: the revert was not armed: {answer.why or answer.outcome.value}")
            step("asked for")
        with self._step("see-armed", "see it armed") as step:
            left = await self._look_armed()
            if left is None:
                raise RefusedError(f"{job.node}: the revert is not armed (its timer does not wait)")
            step(f"armed: {job.node} heals itself in {left:.0f} s")
        if job.note is not None:
            note = job.note
            if job.ending is Ending.UNTIL and self._deadline is not None:  # as armed, not as wished for
                note = replace(note, until=stamp(self._deadline))
            noted = await desk.note(job.operation, note, 3.0)
            if noted.outcome is not StepOutcome.DONE:
                raise RefusedError(
                    f"{job.node}: the drain note could not be written: {noted.why or noted.outcome.value}"
                )

    async def _untouched(self, error: Exception) -> Report:
        """Nothing was changed: disarm what may be armed, forget what was saved, unlock."""
        look_at: tuple[str, ...] = ()
        refused = isinstance(error, RefusedError)
        if self._begun:
            await self._no_more_moving()
            await self._still_ours()
            try:
                troubles = await self._disarm_and_forget()
            except ProblemError as problem:
                troubles = str(problem)
            if troubles:
                look_at = (*self._places(), troubles)
                refused = False
        report = Report(
            result=Result.REFUSED if refused else Result.FAILED if not look_at else Result.UNVERIFIED,
            text=f"nothing was changed: {error}",
            look_at=look_at,
        )
        return await self._leave(report)

    async def _disarm_and_forget(self) -> str:
        """What was armed and saved for a change that was not made. What did not succeed; empty: all did."""
        job, desk, troubles = self._job, self._desk, []
        for slot in (self._slot, self._doubtful):
            if slot is not None:
                answer = await desk.disarm(job.operation, slot, 5.0)
                if answer.outcome not in ENDED:
                    troubles.append(f"revert {slot.value} may still run: {answer.outcome.value}")
        if job.note is not None:
            await desk.note(job.operation, None, 5.0)
        if not troubles:
            cleared = await desk.clear(job.operation, 5.0)
            if cleared.outcome is not StepOutcome.DONE:
                troubles.append(f"what was saved is still there: {cleared.outcome.value}")
        return "; ".join(troubles)


def _read_since(picture: ClusterPicture, name: str, since: float) -> bool:
    node = picture.node(name)
    times = (node.kernel_at, node.units_at, node.dump_at)
    return node.readable and all(t is not None and t >= since for t in times)
