"""Something under way, on a terminal: the question before it, its steps on standard error, and signals that end it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from haconsole.cli import output

if TYPE_CHECKING:
    from haconsole.operations.step import ArmedStep


class Stops(Protocol):
    """What can be asked to end (`runtime.executor.Executor`)."""

    @property
    def stop(self) -> asyncio.Event: ...


async def typed(node: str) -> bool:
    """Ask for the node's name; False: another one, or nobody to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write("> ")
    sys.stderr.flush()
    loop, descriptor, came = asyncio.get_running_loop(), sys.stdin.fileno(), asyncio.Event()
    # No thread that reads: it could not be interrupted, and Ctrl-C would wait for its line.
    loop.add_reader(descriptor, came.set)
    try:
        await came.wait()
    except asyncio.CancelledError:  # Ctrl-C
        output.talk("\nhaconsole: not confirmed, nothing was touched")
        raise
    finally:
        loop.remove_reader(descriptor)
    return sys.stdin.readline().strip() == node


class Steps:
    """Steps as lines on standard error, the running one in place."""

    def __init__(self, stop: Callable[[], None] = lambda: None) -> None:
        """stop: asks what is under way to end; what `stoppable` is told of is asked besides."""
        self.progress = output.Progress()
        self._stop, self._stopping = stop, False
        self._under_way: list[Stops] = []

    def told(self, step: ArmedStep) -> None:
        left = "" if step.left_s is None else f"   the node heals itself in {step.left_s:.0f} s"
        if step.ended is None:
            self.progress.show(f"… {step.step}: {step.text}{left}")
            return
        self.progress.clear()
        output.talk(f"{'●' if step.ok else '✖'} {step.step}: {step.text}")

    def stop(self) -> None:
        """Ctrl-C, a hang-up: put back. Once more changes nothing."""
        self.progress.clear()
        if self._stopping:
            return
        output.talk("stopping: what was changed is put back, and verified …")
        self._stopping = True
        self._stop()
        for each in self._under_way:
            each.stop.set()

    def stay(self) -> None:
        """Ctrl-Z: a console that stands still sends no sign of life, and its node would put back."""
        self.progress.clear()
        output.talk("not stopped: what is under way has to be watched. Ctrl-C puts it back and leaves")

    def started(self, under_way: Stops) -> None:
        """It is under way; where a stop was asked for before it is asked at once."""
        self._under_way.append(under_way)
        if self._stopping:
            under_way.stop.set()


@contextmanager
def stoppable(steps: Steps) -> Iterator[Callable[[Stops], None]]:
    """From now on signals ask to stop, and end nothing. Yields what is to be told of an executor."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for each in signals:
        loop.add_signal_handler(each, steps.stop)
    loop.add_signal_handler(signal.SIGTSTP, steps.stay)
    try:
        yield steps.started
    finally:
        for each in (*signals, signal.SIGTSTP):
            loop.remove_signal_handler(each)
