"""Adverts from an interface of this machine; the socket is opened by `io.capture`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from haconsole.io.ports import Clock, Frames
from haconsole.model.capture import CapturePhase, CaptureState
from haconsole.model.problems import Problem, ProblemError
from haconsole.runtime.heard import Intake, Sieve, Sink, UnreadSink, hand_over

COUNTS_S: Final = 2.0
AGAIN_S: Final = 0.5


class LocalListener:
    """Listens to `frames`, which are those of `interface`; that name is the place."""

    def __init__(
        self,
        frames: Frames,
        interface: str,
        clock: Clock,
        sink: Sink,
        *,
        thin_out: bool = True,
        unread: UnreadSink | None = None,
    ) -> None:
        """`thin_out`, `unread`: as of `NodeCapture`."""
        self._frames, self._clock, self._sink, self._unread = frames, clock, sink, unread
        self.place = interface
        self._intake = Intake(interface, Sieve() if thin_out else None)
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until `end`; an interface that goes down is waited for."""
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen())
                while not self._over.is_set():
                    self._tell_counts()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(COUNTS_S):
                            await self._over.wait()
                listening.cancel()
        finally:
            self._tell_counts()
            self._frames.close()

    def end(self) -> None:
        """`run` returns."""
        self._over.set()

    async def _listen(self) -> None:
        self._tell(CapturePhase.LISTENING)
        waiting = False
        while True:
            try:
                records = await self._frames.read()
            except ProblemError as error:
                if not waiting:
                    self._tell(CapturePhase.WAITING, error.problem)
                waiting = True
                await asyncio.sleep(AGAIN_S)
                continue
            if waiting:
                self._tell(CapturePhase.LISTENING)
                waiting = False
            if self._unread is not None:
                await hand_over(self._intake.take_all(records, error_s=0.0), self._sink, self._unread)
            elif heard := self._intake.take(records, error_s=0.0):
                await self._sink.packets(heard)
            await asyncio.sleep(0)  # a flood keeps nobody else from running

    def _tell_counts(self) -> None:
        self._intake.dropped = self._frames.lost()
        self._sink.news(self._intake.counts(self._clock.now()))

    def _tell(self, phase: CapturePhase, problem: Problem | None = None) -> None:
        self._sink.news(
            CaptureState(place=self.place, at=self._clock.now(), phase=phase, interface=self.place, problem=problem)
        )
