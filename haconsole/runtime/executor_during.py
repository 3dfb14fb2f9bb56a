"""The executor from the change to the end of the hold: change, see what it does, hold, stop condition, extend."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from haconsole.catalogue import change
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import StepOutcome
from haconsole.model.problems import ProblemError
from haconsole.operations.job import BY_OPERATOR, Check, Ending, Job
from haconsole.runtime.executor_base import FIRST_S
from haconsole.runtime.executor_before import Before
from haconsole.runtime.executor_told import EndedElsewhereError, PutBackError, RefusedError
from haconsole.runtime.records import stamp


class During(Before):
    """Whatever goes wrong here ends in PutBackError: something may have been changed."""

    async def _change(self) -> None:
        job = self._job
        with self._step("change", f"{job.action} on {job.node}") as step:
            unknown = False
            for entry in job.changes:
                try:
                    output = await self._desk.ask(
                        entry.spec, entry.data, interface=job.interface, patience_s=0.0 if job.disturbs else 5.0
                    )
                except ProblemError as error:
                    if not job.disturbs:
                        raise
                    unknown = True
                    step(f"no answer ({error}): whether it was made is seen next")
                    continue
                if job.disturbs and output.status == change.NOT_ARMED:
                    raise RefusedError(f"{job.node} refused: no revert of this kind is armed there")
                if output.status != 0:
                    raise PutBackError(f"{entry.spec.id} ended with {output.status}: {output.stderr[:300]}")
            if not unknown:
                step("done")

    async def _verify(self, check: Check, *, stoppable: bool = True) -> None:
        """stoppable False: all was put back, there is nothing to stop."""
        since = self._clock.now()
        until = since + check.within_s
        with self._step(check.name, "; ".join(e.text for e in check.expectations)) as step:
            while True:
                self._eyes.read_anew()
                picture = self._eyes.picture()
                judged = [(e.text, e.holds(picture)) for e in check.expectations]
                old = _older_than(picture, since, self._job)
                if not old and all(held for _, held in judged):
                    break
                if stoppable and self.stop.is_set():
                    raise PutBackError(self._halted or BY_OPERATOR)
                if self._gone.is_set() and (stoppable or self._successor is not None):
                    raise self._no_longer_ours()
                if self._clock.now() > until:
                    words = [f"{what}: not read since" for what in old]
                    words += [
                        f"{text}: {'not so' if held is False else 'not known'}" for text, held in judged if not held
                    ]
                    raise PutBackError(f"not seen within {check.within_s:.0f} s: {'; '.join(words)}")
                await self._something(0.5)
            step(f"seen: {', '.join(text for text, _ in judged)}")

    async def _hold(self) -> None:
        job, began = self._job, self._clock.now()
        self._healed.clear()
        with self._step("hold", f"hold for {job.hold_s:.0f} s") as step:
            while (left := self._hold_left(began)) > 0 and not self.hold_over.is_set():
                if self.stop.is_set():
                    raise PutBackError(self._halted or BY_OPERATOR)
                if self._gone.is_set():
                    raise self._no_longer_ours()
                if self._healed.is_set() and job.ending is not Ending.LAPSE:
                    told = f"{job.node} has put it back already: asked by another console, or by its timer"
                    raise EndedElsewhereError(told)
                if (why := self._tripped()) is not None:
                    raise PutBackError(f"stop condition: {why}")
                self._tell("hold", f"hold, {left:.0f} s more", began)
                await self._something(min(1.0, left))
            step("over")

    def _tripped(self) -> str | None:
        """A VIP that served before and has not for longer than was predicted; None: the stop condition holds."""
        allowed = self._job.outage_allowed_s
        for vip in self._eyes.picture().vips:
            down = _down_for(vip.failed_since, self._clock.now())
            if vip.address in self._job.watched and down > allowed:
                told = f"{vip.address} has not served its clients for {down:.1f} s"
                return f"{told}, {allowed:.1f} s at most were to be expected"
        return None

    def _hold_left(self, began: float) -> float:
        """Seconds; the console puts back before the node would do it by itself."""
        ends = began + self._job.hold_s
        if self._job.ending is Ending.LAPSE and self._deadline is not None:
            return self._deadline - self._clock.now()
        if self._deadline is not None:
            ends = self._deadline - FIRST_S if self._extended else min(ends, self._deadline - FIRST_S)
        return ends - self._clock.now()

    async def extend(self, seconds: int) -> bool:
        """Move the node's deadline: arm the second timer, see it armed, disarm the first. False: not moved, or not
        surely. Who asked may be cancelled: what was begun goes on, and is waited for before anything is put back."""
        moving = asyncio.ensure_future(self._extend(seconds))
        self._moving.add(moving)
        moving.add_done_callback(self._moving.discard)
        return await asyncio.shield(moving)

    async def _extend(self, seconds: int) -> bool:
        async with self._timers:
            with contextlib.suppress(ProblemError):
                return await self._move_deadline(seconds)
            return False

    async def _move_deadline(self, seconds: int) -> bool:
        """One timer at least is armed at any time; `_slot` was seen to be, `_doubtful` may be besides."""
        revert, job = self._job.revert, self._job
        if revert is None or self._deadline is None:
            return False
        if self._doubtful is not None and not await self._stopped(self._doubtful, 5.0):
            return False
        if self._ending:
            return False
        new = self._slot.other
        self._doubtful = new
        answer = await self._desk.arm(revert.arm, job.operation, new, seconds)
        left = await self._left(new) if answer.outcome is StepOutcome.DONE else None
        if left is None:
            return False
        old, ends = self._slot, self._clock.now() + left
        self._slot, self._doubtful, self._deadline = new, old, min(self._deadline, ends)
        if self._ending or not await self._stopped(old, 5.0):
            return False
        self._deadline, self._extended = ends, True
        await self._note_end()
        return True

    async def _note_end(self) -> None:
        """The drain note tells the end as it is armed now; a note that is old is no reason to give anything up."""
        note = self._job.note
        if note is not None and self._deadline is not None:
            with contextlib.suppress(ProblemError):
                await self._desk.note(self._job.operation, replace(note, until=stamp(self._deadline)), 3.0)


def _older_than(picture: ClusterPicture, since: float, job: Job) -> list[str]:
    """What must be newer before anything is believed to have been verified: what was seen before proves nothing."""
    found = []
    for node in picture.nodes:
        times = (node.kernel_at, node.units_at)
        if node.readable and not all(t is not None and t >= since for t in times):
            found.append(node.name)
    clients = [v for v in picture.vips if v.address in job.watched]
    return found + [f"clients of {v.address}" for v in clients if v.client is None or v.client.at < since]


def _down_for(failed_since: float | None, now: float) -> float:
    return 0.0 if failed_since is None else now - failed_since
