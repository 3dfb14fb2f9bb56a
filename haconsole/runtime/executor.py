"""Carries out one job: lock, guards, save, arm, see it armed, change, verify, hold, put back, verify, disarm, unlock.

Nothing is changed before the node itself was seen to be able to put it back. From then on putting back is
not optional: whatever happens here - a stop, a failed check, a lost connection - ends in it, by the node's own
revert, asked for at once or run by its timer. A stop is a request (`stop`), never a cancellation; a second
one changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from haconsole.catalogue import change
from haconsole.cluster.picture import ClusterPicture
from haconsole.io.ports import Clock
from haconsole.model.operation import (
    DisarmOutcome,
    LockOutcome,
    LockRequest,
    NodeOperation,
    Saved,
    Slot,
    StepOutcome,
)
from haconsole.model.problems import ProblemError
from haconsole.operations import read_back
from haconsole.operations.job import Check, Ending, Job, Result, Revert
from haconsole.runtime.desk import Desk
from haconsole.runtime.executor_words import as_before, saved_words, some, who_holds

HEARTBEAT_S: Final = 5.0
"""A lock lives 15 s without one."""
FRESH_S: Final = 10.0
"""So long the guards' second look may take to get readings newer than the lock."""
FIRST_S: Final = 5.0
"""So long before the node's own deadline the console puts back."""
REVERT_S: Final = 75.0
"""A revert that began is done within this: it waits 60 s for a carrier."""
LATE_S: Final = 20.0
"""After the node's own deadline, until it must be seen to have put back."""


ROUTES_S: Final = 10.0
"""So long after everything else is as before routes may still be on their way back."""
_GONE: Final = "the lock on the node is gone: another console took over, or the node rebooted"


class Eyes(Protocol):
    """What the live monitor shows."""

    def picture(self) -> ClusterPicture:
        """As it may be believed now."""

    def read_anew(self) -> None:
        """Have every node read at once."""

    async def changed(self) -> None:
        """Return at the next event."""


class Judged(Protocol):
    """A guard's word."""

    @property
    def id(self) -> str: ...
    @property
    def passes(self) -> bool:
        """It holds, or was overridden with a reason."""

    @property
    def text(self) -> str: ...


Guards = Callable[[Mapping[str, NodeOperation]], Awaitable[Sequence[Judged]]]
"""Asks and judges everything anew; the argument is what each locked node's /run/haconsole told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step began (`ok` None and `ended` None), goes on, or ended."""

    step: str
    text: str
    started: float
    ended: float | None = None
    ok: bool | None = None
    left_s: float | None = None
    """Until the node puts back by itself, as the node's own clock last told."""


@dataclass(slots=True, kw_only=True)
class Report:
    """How a job ended. `steps`: the ended ones, in order."""

    result: Result
    text: str
    look_at: tuple[str, ...] = ()
    guards: Sequence[Judged] = ()
    steps: list[Told] = field(default_factory=list)
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


class _RefusedError(Exception):
    """Nothing was touched."""


class _PutBackError(Exception):
    """Something was changed, or may have been: put it back, and say why."""


class Executor:
    """One job, once."""

    def __init__(
        self,
        job: Job,
        desks: Mapping[str, Desk],
        *,
        eyes: Eyes,
        guards: Guards,
        clock: Clock,
        request: LockRequest,
        observe: Callable[[Told], None],
        facts: Callable[[ClusterPicture], Mapping[str, object]],
        instead_of: str = "",
        count: Callable[[], Awaitable[int | None]] | None = None,
    ) -> None:
        """desks: every node of the cluster. facts: what `before` and `after` hold. instead_of: the operation
        whose lock is broken, by name. count: connections open on the node's VIPs; None: not known."""
        self.stop = asyncio.Event()
        """Ask to end: nothing new is begun, what was changed is put back."""
        self.hold_over = asyncio.Event()
        """The hold may end now."""
        self._job, self._desks, self._eyes, self._guards, self._clock = job, desks, eyes, guards, clock
        self._request, self._observe, self._facts = request, observe, facts
        self._instead_of, self._count = instead_of, count
        self._desk = desks[job.node]
        self._desk.about(job.interface)
        self._slot = Slot.A
        self._extended = False
        """The hold was lengthened: it lasts as long as the node's own time."""
        self._deadline: float | None = None
        """When the node puts back by itself, console clock."""
        self._taken: list[str] = []
        self._judged: Sequence[Judged] = ()
        self._steps: list[Told] = []
        self._saved: Saved | None = None
        """What must be the same afterwards, as the node told it."""
        self._begun = False
        """Something of ours may be saved or armed on the node."""
        self._gone = asyncio.Event()
        """The lock is no longer ours: somebody took over by name."""

    # --- the whole --------------------------------------------------------------------------------

    async def run(self) -> Report:
        """To the end. Raises: nothing that is foreseen; must not be cancelled."""
        before = self._facts(self._eyes.picture())
        try:
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat())
                try:
                    report = await self._all()
                finally:
                    beating.cancel()
        finally:
            for desk in self._desks.values():
                await desk.close()
        report.guards, report.steps, report.before = self._judged, self._steps, before
        report.after = self._facts(self._eyes.picture())
        return report

    async def _all(self) -> Report:
        job = self._job
        try:
            states = await self._lock()
            await self._guard(states)
            if job.wait_idle_s is not None and self._count is not None:
                await self._wait_idle(job.wait_idle_s, self._count)
                await self._guard(states)
            if job.revert is not None:
                await self._arm(job.revert, states[job.node])
        except (_RefusedError, ProblemError) as error:
            return await self._untouched(error)
        try:
            await self._change()
        except _RefusedError as error:
            return await self._untouched(error)
        except (_PutBackError, ProblemError) as error:
            return await self._undone(error)
        try:
            for check in job.expect:
                await self._verify(check)
            if job.ending in {Ending.HOLD, Ending.LAPSE}:
                await self._hold()
        except (_PutBackError, ProblemError) as error:
            return await self._undone(error)
        if job.ending in {Ending.HOLD, Ending.LAPSE}:
            return await self._put_back(None)
        return await self._keep()

    async def finish(self, why: str, *, wait: bool = False) -> Report:
        """End what a console began that is gone: the job has that operation's name, and takes its locks over by it.

        wait: leave it to the node's own timer. Must not be cancelled. Raises: nothing that is foreseen.
        """
        before = self._facts(self._eyes.picture())
        try:
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat())
                try:
                    report = await self._finish(why, wait=wait)
                finally:
                    beating.cancel()
        finally:
            for desk in self._desks.values():
                await desk.close()
        report.steps, report.before = self._steps, before
        report.after = self._facts(self._eyes.picture())
        return report

    async def _finish(self, why: str, *, wait: bool) -> Report:
        try:
            await self._lock()
            with self._step("see-armed", "see what is armed") as step:
                timers, state = await self._desk.timers(), await self._desk.state()
                left = {t.slot: s for t in timers.timers if (s := t.left_s(state.uptime_s)) is not None}
                if left:
                    self._slot = max(left, key=lambda slot: left[slot])
                    self._deadline = self._clock.now() + left[self._slot]
                step(f"armed: {self._job.node} heals itself in {left[self._slot]:.0f} s" if left else "nothing waits")
            idle = not left and not any(t.running for t in timers.timers)
            there = state.saved is not None
            if idle and state.saved == self._job.operation and not state.incomplete and not state.decided:
                await self._desk.clear(self._job.operation, 10.0)  # saved, never armed: so nothing was changed
                there = False
        except (_RefusedError, ProblemError) as error:
            report = Report(result=Result.UNVERIFIED, text=f"not taken over: {error}", look_at=self._places())
            return await self._leave(report)
        self._begun = True
        return await self._put_back(why, ask=not wait, there=there)

    async def _undone(self, error: Exception) -> Report:
        """It did not go as it should: put back what disturbs; of what restores service say so."""
        if self._job.disturbs:
            return await self._put_back(str(error))
        result = Result.FAILED if isinstance(error, _PutBackError) else Result.UNVERIFIED
        return await self._leave(Report(result=result, text=str(error), look_at=self._places()))

    # --- before anything is changed ----------------------------------------------------------------

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
                    answer = await self._desks[name].take(self._request, answer.state.lock.operation)
                if answer.outcome is not LockOutcome.TAKEN:
                    self._taken.remove(name)
                    raise _RefusedError(who_holds(name, answer.outcome, answer.state))
                states[name] = answer.state
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
                raise _RefusedError("; ".join(f"{g.id}: {g.text}" for g in failed))
            if self.stop.is_set():
                raise _RefusedError("stopped before anything was touched")
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
                    raise _RefusedError("stopped before anything was touched")
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
                raise _RefusedError(
                    f"{job.node}: a revert is armed there already ({state.revert or 'of what is not told'})"
                )
        self._begun = True
        with self._step("save", "save what must be the same afterwards") as step:
            saved = await desk.save(revert.save, job.operation, job.keepalived_addresses)
            if saved.outcome is not StepOutcome.DONE or saved.saved is None:
                raise _RefusedError(f"{job.node}: not saved: {saved.why or saved.outcome.value}")
            self._saved = saved.saved
            step(saved_words(saved.saved))
        with self._step("arm", f"arm the revert on {job.node}, {revert.deadline_s} s") as step:
            with contextlib.suppress(ProblemError):  # whether it is armed is seen next
                answer = await desk.arm(revert.arm, job.operation, self._slot, revert.deadline_s)
                if answer.outcome is not StepOutcome.DONE:
                    raise _RefusedError(f"{job.node}: the revert was not armed: {answer.why or answer.outcome.value}")
            step("asked for")
        with self._step("see-armed", "see it armed") as step:
            left = await self._look_armed()
            if left is None:
                raise _RefusedError(f"{job.node}: the revert is not armed (its timer does not wait)")
            step(f"armed: {job.node} heals itself in {left:.0f} s")
        if job.note is not None:
            noted = await desk.note(job.operation, job.note, 3.0)
            if noted.outcome is not StepOutcome.DONE:
                raise _RefusedError(
                    f"{job.node}: the drain note could not be written: {noted.why or noted.outcome.value}"
                )

    async def _look_armed(self) -> float | None:
        """Seconds left by the node's own clock; None: not armed."""
        timers, state = await self._desk.timers(), await self._desk.state()
        left = timers.timer(self._slot).left_s(state.uptime_s)
        self._deadline = None if left is None else self._clock.now() + left
        return left

    async def _untouched(self, error: Exception) -> Report:
        """Nothing was changed: disarm what may be armed, forget what was saved, unlock."""
        look_at: tuple[str, ...] = ()
        refused = isinstance(error, _RefusedError)
        if self._begun:
            try:
                await self._desk.disarm(self._job.operation, self._slot, 5.0)
                if self._job.note is not None:
                    await self._desk.note(self._job.operation, None, 5.0)
                await self._desk.clear(self._job.operation, 5.0)
            except ProblemError as problem:
                look_at = (*self._places(), str(problem))
                refused = False
        report = Report(
            result=Result.REFUSED if refused else Result.FAILED if not look_at else Result.UNVERIFIED,
            text=f"nothing was changed: {error}",
            look_at=look_at,
        )
        return await self._leave(report)

    # --- change and what it does --------------------------------------------------------------------

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
                    raise _RefusedError(f"{job.node} refused: no revert of this kind is armed there")
                if output.status != 0:
                    raise _PutBackError(f"{entry.spec.id} ended with {output.status}: {output.stderr[:300]}")
            if not unknown:
                step("done")

    async def _verify(self, check: Check) -> None:
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
                if self.stop.is_set():
                    raise _PutBackError("stopped by the operator")
                if self._gone.is_set():
                    raise _PutBackError(_GONE)
                if self._clock.now() > until:
                    words = [f"{what}: not read since" for what in old]
                    words += [
                        f"{text}: {'not so' if held is False else 'not known'}" for text, held in judged if not held
                    ]
                    raise _PutBackError(f"not seen within {check.within_s:.0f} s: {'; '.join(words)}")
                await self._something(0.5)
            step(f"seen: {', '.join(text for text, _ in judged)}")

    async def _hold(self) -> None:
        job, began = self._job, self._clock.now()
        with self._step("hold", f"hold for {job.hold_s:.0f} s") as step:
            while (left := self._hold_left(began)) > 0 and not self.hold_over.is_set():
                if self.stop.is_set():
                    raise _PutBackError("stopped by the operator")
                if self._gone.is_set():
                    raise _PutBackError(_GONE)
                for vip in self._eyes.picture().vips:
                    if (
                        vip.address in job.watched
                        and _down_for(vip.failed_since, self._clock.now()) > job.outage_allowed_s
                    ):
                        raise _PutBackError(f"{vip.address} does not serve its clients: stop condition")
                self._tell("hold", f"hold, {left:.0f} s more", began)
                await self._something(min(1.0, left))
            step("over")

    def _hold_left(self, began: float) -> float:
        """Seconds; the console puts back before the node would do it by itself."""
        ends = began + self._job.hold_s
        if self._job.ending is Ending.LAPSE and self._deadline is not None:
            return self._deadline - self._clock.now()
        if self._deadline is not None:
            ends = self._deadline - FIRST_S if self._extended else min(ends, self._deadline - FIRST_S)
        return ends - self._clock.now()

    async def extend(self, seconds: int) -> bool:
        """Move the node's deadline: arm the second timer, see it armed, disarm the first. False: as before."""
        revert = self._job.revert
        if revert is None or self._deadline is None:
            return False
        old, self._slot = self._slot, self._slot.other
        try:
            answer = await self._desk.arm(revert.arm, self._job.operation, self._slot, seconds)
            if answer.outcome is StepOutcome.DONE and await self._look_armed() is not None:
                self._extended = True
                await self._desk.disarm(self._job.operation, old, 5.0)
                return True
        except ProblemError:
            pass
        self._slot = old
        return False

    # --- afterwards -----------------------------------------------------------------------------------

    async def _keep(self) -> Report:
        """The change stays, or was over at once: no revert is needed any more, or it is left to its time."""
        job, desk = self._job, self._desk
        report = Report(result=Result.DONE, text=f"{job.action} on {job.node} is done")
        if job.ending is Ending.UNTIL:
            left = self._deadline and max(0.0, self._deadline - self._clock.now())
            report.text += f"; the node ends it by itself in {left:.0f} s" if left else ""
            return await self._leave(report)
        with self._step("disarm", "disarm") as step:
            try:
                if job.disturbs:
                    await self._disarm_ours(report)
                elif job.ends:
                    await self._end_others()
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
        answer = await desk.disarm(job.operation, self._slot, 20.0)
        if answer.outcome is DisarmOutcome.FIRED:
            report.result, report.text = Result.REVERTED, f"{job.node} put it back by itself: its deadline came first"
        elif answer.outcome is not DisarmOutcome.DISARMED:
            report.result, report.look_at = Result.UNVERIFIED, self._places()
            report.text = f"{job.action} is done, but its revert may still run: {answer.outcome.value}"
        else:
            await desk.clear(job.operation, 10.0)

    async def _end_others(self) -> None:
        """What this ended was armed by an operation before it."""
        job, desk = self._job, self._desk
        state, timers = await desk.state(), await desk.timers()
        if state.revert not in job.ends and state.saved is not None:
            return
        for timer in timers.timers:
            if timer.waiting:
                await desk.disarm(job.operation, timer.slot, 10.0)
        if state.saved is not None:
            await desk.clear(job.operation, 10.0)

    async def _put_back(self, why: str | None, *, ask: bool = True, there: bool = True) -> Report:
        """By the node's own revert: at once where it can be asked, else at its deadline. `why` None: as planned.
        ask False: at its deadline in any case. there False: it was put back already."""
        job = self._job
        done = Report(
            result=Result.DONE if why is None else Result.REVERTED,
            text=f"{job.action} on {job.node} is over: {as_before(self._saved)}" if why is None else f"put back: {why}",
        )
        try:
            with self._step("put-back", f"{job.node} puts back") as step:
                lapses = why is None and job.ending is Ending.LAPSE and not self.hold_over.is_set()
                by_itself = lapses or not ask
                if there:
                    await self._revert(ask=not by_itself)
                how = ", by the node's own timer" if by_itself else ""
                step(f"put back{how}" if there else "nothing is left to be put back")
            self.stop.clear()  # nothing is left to stop, and verifying must not end early
            self._gone.clear()
            for check in job.restored:
                await self._verify(check)
            await self._same_routes()
        except (_PutBackError, ProblemError) as error:
            done.result, done.look_at = Result.UNVERIFIED, self._places()
            done.text = f"{why + '; ' if why else ''}put back, but not verified: {error}"
        with contextlib.suppress(ProblemError), self._step("disarm", "disarm") as step:
            await self._desk.disarm(job.operation, self._slot, 10.0)
            step("no timer waits any more")
        return await self._leave(done)

    async def _revert(self, *, ask: bool = True) -> None:
        """Until the node was seen to have put back. Raises: ProblemError, _PutBackError: not seen.

        ask: have it done at once; else its own timer is waited for.
        """
        desk = self._desk
        until = (self._deadline or self._clock.now()) + LATE_S + (0.0 if ask else REVERT_S)
        asked = not ask
        while True:
            try:
                if not asked:
                    await desk.revert_now(self._slot, 0.0)
                    asked = True
                    until = max(until, self._clock.now() + REVERT_S)
                state = await desk.state(0.0)
                if state.saved is None:
                    return
                if state.incomplete:
                    raise _PutBackError("the node's revert ended incomplete")
            except ProblemError:
                if self._clock.now() > until:
                    raise
            if self._clock.now() > until:
                raise _PutBackError("the node was not seen to put it back")
            self._tell("put-back", f"{self._job.node} puts back", self._clock.now())
            await asyncio.sleep(0.5)

    async def _same_routes(self) -> None:
        """Of the interface that was changed. Raises: _PutBackError: something is missing, or could not be read."""
        saved = self._saved
        if saved is None or saved.interface is None:
            return
        until = self._clock.now() + ROUTES_S
        with self._step("routes", f"routes and IPv6 addresses of {saved.interface} as saved") as step:
            while True:
                try:
                    there = await self._desk.read_back(ROUTES_S)
                except ProblemError as error:
                    raise _PutBackError(f"routes of {saved.interface} were not read again: {error}") from error
                gone = read_back.missing(saved, there)
                if not gone:
                    break
                if self._clock.now() > until:
                    raise _PutBackError(f"of {saved.interface} is missing what was saved: {some(gone)}")
                await asyncio.sleep(0.5)
            new = read_back.new(saved, there)
            step(
                f"{saved.interface}: {len(saved.routes)} routes and {len(saved.addresses6)} IPv6 addresses as saved"
                + (f"; new: {some(new)}" if new else "")
            )

    async def _leave(self, report: Report) -> Report:
        with self._step("unlock", "unlock") as step:
            left = []
            for name in reversed(self._taken):
                try:
                    await self._desks[name].release(self._job.operation, 10.0)
                except ProblemError as error:
                    left.append(f"{name}: {error}")
            self._taken.clear()
            step("unlocked" if not left else f"not released, it ends by itself within 15 s: {'; '.join(left)}")
        return report

    # --- small things -----------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for name in list(self._taken):
                with contextlib.suppress(ProblemError):
                    answer = await self._desks[name].renew(self._job.operation)
                    if answer.outcome is LockOutcome.LOST and name in self._taken and name == self._job.node:
                        self._gone.set()

    async def _something(self, seconds: float) -> None:
        """Wait for news, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._eyes.changed()

    def _places(self) -> tuple[str, ...]:
        job = self._job
        on, of = f"on {job.node}:", f"dev {job.interface}"
        routes = f"{on} ip route show table all {of}; ip -6 route show table all {of}"
        return (
            f"{on} systemctl list-timers 'haconsole-revert-*'; ls /run/haconsole",
            f"{on} ip a; systemctl status keepalived squid",
            *((routes,) if job.interface != "lo" else ()),
        )

    def _tell(self, name: str, text: str, started: float) -> None:
        left = None if self._deadline is None else max(0.0, self._deadline - self._clock.now())
        self._show(Told(step=name, text=text, started=started, left_s=left))

    def _show(self, told: Told) -> None:
        # A terminal that is gone must not hold up what has to be put back.
        with contextlib.suppress(Exception):
            self._observe(told)

    @contextlib.contextmanager
    def _step(self, name: str, text: str) -> Iterator[Callable[[str], None]]:
        """A step, told at its start and its end; the body may say how it ended."""
        started, words = self._clock.now(), [text]
        self._tell(name, text, started)
        try:
            yield words.append
        except BaseException as error:
            self._end(Told(step=name, text=str(error) or words[-1], started=started, ended=self._clock.now(), ok=False))
            raise
        self._end(Told(step=name, text=words[-1], started=started, ended=self._clock.now(), ok=True))

    def _end(self, told: Told) -> None:
        self._steps.append(told)
        self._show(told)


def _read_since(picture: ClusterPicture, name: str, since: float) -> bool:
    node = picture.node(name)
    times = (node.kernel_at, node.units_at, node.dump_at)
    return node.readable and all(t is not None and t >= since for t in times)


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
