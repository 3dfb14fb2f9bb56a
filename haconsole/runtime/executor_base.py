"""What every part of the executor stands on: the job's state, steps as they are told, the locks' heartbeat, leaving."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.io.ports import Clock
from haconsole.model.operation import (
    DisarmOutcome,
    LockAnswer,
    LockOutcome,
    LockRequest,
    NodeOperation,
    OperationLock,
    Saved,
    Slot,
)
from haconsole.model.problems import ProblemError
from haconsole.operations.job import Job, Result
from haconsole.runtime.desk import Desk
from haconsole.runtime.executor_told import (
    GONE,
    EndedElsewhereError,
    Eyes,
    Guards,
    Judged,
    LetGoError,
    Patience,
    Report,
    Told,
)

Owner = tuple[str, str | None, str | None, str | None]
"""Operation, operator, host, begun: what tells one console's lock from another's."""

HEARTBEAT_S: Final = 5.0
"""A lock lives 15 s without one."""
DEAD_S: Final = 6.0
"""So long a node may take to tell of a dead operation's lock."""
FIRST_S: Final = 5.0
"""So long before the node's own deadline the console puts back."""


class Base:
    """One job, once; the parts of `runtime.executor` build upon it, one upon the other."""

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
        self._doubtful: Slot | None = None
        """A timer that may be armed beside `_slot`: an answer was lost when the hold was lengthened."""
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
        """The lock is no longer ours: somebody took over by name, or the node rebooted."""
        self._healed = asyncio.Event()
        """The node told that nothing is saved there any more: its revert ran, whoever asked for it."""
        self._owner: Owner | None = None
        """How the node of the job names the lock's owner since we took it."""
        self._successor: str | None = None
        """Who took this very operation over."""
        self._dead = {instead_of} - {"", job.operation}
        """Operations whose lock on the job's node was replaced: their console is gone."""
        self._halted: str | None = None
        """Why it was asked to stop, where that was not the operator's wish."""
        self._aborted_there = False
        """It is put back there at once: no hold goes on."""
        self._locked = False
        """The lock of the job's node was had: what a heartbeat hears before tells nothing."""
        self._timers = asyncio.Lock()
        """Held while the node's deadline is being moved."""
        self._moving: set[asyncio.Task[bool]] = set()
        """Kept, for the loop itself does not keep a task."""
        self._ending = False
        """The deadline is not moved any more."""

    def halt(self, why: str) -> None:
        """Ask to end as `stop` does, for a reason of which the operator knows nothing: a stop condition."""
        if not self.stop.is_set():
            self._halted = why
            self.stop.set()

    @property
    def saved(self) -> Saved | None:
        """What must be the same afterwards, as the node told it; None: it was not asked yet."""
        return self._saved

    @property
    def _patience(self) -> Patience:
        """How long is waited."""
        raise NotImplementedError

    async def _to_the_end(self, work: Callable[[], Awaitable[Report]]) -> Report:
        """`work` with the locks' heartbeat, and all connections closed after it; with facts before and after."""
        before = self._facts(self._eyes.picture())
        try:
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat())
                try:
                    report = await work()
                except LetGoError as error:
                    # The locks are the other console's now: to renew or give them back would take them from it.
                    self._taken.clear()
                    report = await self._let_go(error)
                finally:
                    beating.cancel()
        finally:
            for desk in self._desks.values():
                await desk.close()
        report.guards, report.steps, report.before = self._judged, self._steps, before
        report.after = self._facts(self._eyes.picture())
        return report

    async def _let_go(self, error: LetGoError) -> Report:
        """Another console has it now, and sees to it. Touches nothing."""
        return Report(result=Result.UNVERIFIED, text=str(error), look_at=self._places())

    async def _left(self, slot: Slot) -> float | None:
        """Seconds left of one timer by the node's own clock; None: not armed."""
        timers, state = await self._desk.timers(), await self._desk.state()
        return timers.timer(slot).left_s(state.uptime_s)

    async def _look_armed(self) -> float | None:
        """Seconds left by the node's own clock; None: not armed."""
        left = await self._left(self._slot)
        self._deadline = None if left is None else self._clock.now() + left
        return left

    async def _stopped(self, slot: Slot, patience_s: float) -> bool:
        """Disarm one timer. False: not proven, or its revert runs (`_healed`). Raises: ProblemError."""
        answer = await self._desk.disarm(self._job.operation, slot, patience_s)
        if answer.outcome is DisarmOutcome.FIRED:
            self._healed.set()
        elif answer.outcome is DisarmOutcome.DISARMED and self._doubtful is slot:
            self._doubtful = None
        return answer.outcome is DisarmOutcome.DISARMED

    async def _no_more_moving(self) -> None:
        """The timers are at rest from here on: who moves the deadline just now is waited for."""
        self._ending = True
        async with self._timers:
            return

    async def _listen(self) -> NodeOperation | None:
        """Whose the lock of the job's node is now. Returns what the node told; None: no answer."""
        with contextlib.suppress(ProblemError):
            answer = await self._desk.renew(self._job.operation)
            self._heard(answer)
            return answer.state
        return None

    async def _still_ours(self) -> NodeOperation | None:
        """Before anything that would touch a successor's operation: the node goes by its name, which both have.
        Returns what the node told; None: no answer. Raises: LetGoError: another console has taken it over."""
        told = None if self._successor is not None else await self._listen()
        if self._successor is not None:
            raise self._no_longer_ours()
        return told

    async def _leave(self, report: Report) -> Report:
        await self._no_more_moving()
        if self._successor is None and self._locked and self._job.node in self._taken:
            await self._listen()
        with self._step("unlock", "unlock") as step:
            left = []
            if self._successor is not None:
                left.append(f"{self._successor} has it now")
                self._taken.clear()
            for name in reversed(self._taken):
                try:
                    await self._desks[name].release(self._job.operation, 10.0)
                except ProblemError as error:
                    left.append(f"{name}: {error}")
            self._taken.clear()
            if self._locked and self._successor is None:
                await self._release_dead()
            lasts = "not released" if self._successor is not None else "not released, it ends by itself within 15 s"
            step("unlocked" if not left else f"{lasts}: {'; '.join(left)}")
        return report

    async def _release_dead(self) -> None:
        """Locks of a dead operation on the other nodes, too: those of the same name that are stale by the node's own
        uptime and boot. One that does not answer keeps its own until it is named."""
        for name, desk in sorted(self._desks.items()) if self._dead else ():
            with contextlib.suppress(ProblemError, TimeoutError):
                async with asyncio.timeout(DEAD_S):
                    state = await desk.state(0.0)
                    lock, left = state.lock, state.lock_left_s
                    if lock is not None and left is not None and left <= 0 and lock.operation in self._dead:
                        await desk.release(lock.operation, 0.0)
                        self._show_released(name, lock.operation)

    def _show_released(self, name: str, operation: str) -> None:
        now = self._clock.now()
        told = f"the stale lock of {operation} on {name} is removed, too: its console is gone"
        self._end(Told(step="unlock", text=told, started=now, ended=now, ok=True))

    async def _beat(self) -> None:
        """Each node by itself: one that hangs must not cost the other its lease."""
        await asyncio.gather(*(self._beat_on(name) for name in self._desks))

    async def _beat_on(self, name: str) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if name not in self._taken:
                continue
            with contextlib.suppress(Exception):  # whatever it is: what has to be put back must not end with it
                locked = self._locked
                answer = await self._desks[name].renew(self._job.operation)
                if name == self._job.node and locked and name in self._taken:
                    self._heard(answer)

    def _heard(self, answer: LockAnswer) -> None:
        """What the job's own node told at a heartbeat."""
        if answer.outcome is LockOutcome.LOST:
            self._gone.set()
        elif answer.outcome is LockOutcome.TAKEN:
            lock = answer.state.lock
            if self._owner is not None and lock is not None and _owner_of(lock) != self._owner:
                self._successor = f"{lock.owner or 'somebody'} on {lock.host or 'another console'}"
                self._aborted_there = lock.aborts
                self._gone.set()
            if answer.state.saved is None and self._deadline is not None:
                self._healed.set()

    def _ours_since(self, answer: LockAnswer) -> None:
        """We took the lock of the job's node: who says otherwise later has taken it from us."""
        self._owner = None if answer.state.lock is None else _owner_of(answer.state.lock)
        self._locked = True
        self._gone.clear()

    def _no_longer_ours(self) -> Exception:
        """What to raise when `_gone` is set."""
        if self._successor is None:
            return EndedElsewhereError(GONE)
        return LetGoError(
            f"{self._successor} has taken {self._job.operation} over: it goes on, and is put back, there; "
            "nothing more was done here"
        )

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


def _owner_of(lock: OperationLock) -> Owner:
    return (lock.operation, lock.owner, lock.host, lock.started)
