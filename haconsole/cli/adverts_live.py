"""Listening for `haconsole adverts`: nodes or an interface, until it is enough."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from haconsole.cli import output, setup
from haconsole.cli.adverts import tell
from haconsole.cli.adverts_print import Enough, Outlet, Printer
from haconsole.cli.exits import Exit
from haconsole.io.ports import Clock, Frames
from haconsole.model.capture import CaptureCounts, CaptureNews, CapturePhase, CaptureState, Heard, Unread
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.record import dataclass
from haconsole.model.spec import NodeSpec
from haconsole.runtime.capture import NodeCapture
from haconsole.runtime.capture_local import LocalListener

T = TypeVar("T", Heard, Unread)
END_S: Final = 2.5
"""How long the last counts of nodes are waited for."""
FLUSH_S: Final = 2.0
_FINAL: Final = frozenset({ProblemKind.NOT_PERMITTED, ProblemKind.TOOL_MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One node to listen on. `interface` None: its LAN interface."""

    node: NodeSpec
    place: str
    interface: str | None


class _Source(Protocol):
    place: str

    def end(self) -> None: ...


Run = Callable[[], Awaitable[None]]


async def on_nodes(wanted: Sequence[Wanted], enough: Enough) -> int:
    """Listen on nodes; returns the exit code. Each that fails is told with its remedy."""
    from haconsole.runtime.assemble import production

    parts = production(setup.TerminalPrompter())
    live = _Live(Printer(enough.form, enough.count, [w.place for w in wanted]))
    captures = [
        NodeCapture(
            w.node,
            parts.clock,
            live,
            place=w.place,
            interface=w.interface,
            thin_out=enough.form != "pcap",
            gives_up=gives_up,
            unread=live,
        )
        for w in wanted
    ]
    try:
        return await live.run([(c, functools.partial(c.run, parts.connector)) for c in captures], enough.seconds)
    finally:
        await parts.connector.close()


def gives_up(problem: Problem, listened: bool) -> bool:
    """What cannot be listened to from the start is told and left; what was lost later is waited for."""
    return not listened or problem.kind in _FINAL or problem.kind.permanent


async def on_interface(frames: Frames, interface: str, clock: Clock, enough: Enough) -> int:
    """Listen on an interface of this machine that is open already; returns the exit code."""
    live = _Live(Printer(enough.form, enough.count, [interface]))
    listener = LocalListener(frames, interface, clock, live, thin_out=enough.form != "pcap", unread=live)
    return await live.run([(listener, listener.run)], enough.seconds)


class _Live:
    """Prints what is heard; ends everything when it is enough. A `Sink`."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._outlet = Outlet(sys.stdout.fileno())
        self._enough = asyncio.Event()
        self._interrupted = False
        self._failed: set[str] = set()
        self._counts: dict[str, CaptureCounts] = {}
        self._warned: set[str] = set()

    async def packets(self, heard: Sequence[Heard]) -> None:
        """See `Sink`."""
        await self._put(self._printer.lines, heard)

    async def unread(self, found: Sequence[Unread]) -> None:
        """See `UnreadSink`."""
        await self._put(self._printer.unread, found)

    async def _put(self, made: Callable[[Sequence[T]], bytes], found: Sequence[T]) -> None:
        if not self._enough.is_set() and (data := made(found)):
            await self._outlet.put(data)
        if self._printer.full:
            self._enough.set()

    def news(self, news: CaptureNews) -> None:
        """See `Sink`."""
        if isinstance(news, CaptureCounts):
            self._counts[news.place] = news
            if (news.dropped or news.flooded) and news.place not in self._warned:
                self._warned.add(news.place)
                output.talk(f"haconsole: {news.place}: packets come too fast; those left out are counted")
        else:
            self._state(news)

    def _state(self, state: CaptureState) -> None:
        if state.phase is CapturePhase.LISTENING:
            name = "" if state.place == state.interface else f"{state.place}: "
            output.talk(f"haconsole: {name}listening on {state.interface}")
        elif state.problem is not None:
            tell(state.problem)
            if state.phase is CapturePhase.OVER:
                self._failed.add(state.place)

    async def run(self, sources: Sequence[tuple[_Source, Run]], seconds: float | None) -> int:
        """Until enough was heard, the time is over, nobody listens any more, or Ctrl-C."""
        with self._signals():
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._one(run)) for _, run in sources]
                waiting = [
                    tasks.create_task(self._all_over(running)),
                    tasks.create_task(self._unwritable()),
                ]
                late = not await self._wait(seconds)
                for source, _ in sources:
                    source.end()
                await asyncio.wait(running, timeout=END_S)
                for task in (*running, *waiting):
                    task.cancel()
            if self._outlet.error is None:
                await self._finish()
        return self._code(late=late, timed=seconds is not None)

    @staticmethod
    async def _one(run: Run) -> None:
        await run()

    async def _all_over(self, running: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(running)
        self._enough.set()

    async def _unwritable(self) -> None:
        await self._outlet.broken.wait()
        self._enough.set()

    async def _wait(self, seconds: float | None) -> bool:
        """False: the time was over first."""
        try:
            async with asyncio.timeout(seconds):
                await self._enough.wait()
        except TimeoutError:
            return False
        return True

    async def _finish(self) -> None:
        if last := self._printer.last():
            await self._outlet.put(last)
        await self._outlet.finish(FLUSH_S)
        for place, counts in sorted(self._counts.items()):
            if place in self._failed and not counts.heard:
                continue  # why it failed was told
            output.talk(f"haconsole: {place}: {told(counts)}")
        if self._printer.misfits:
            output.talk(f"haconsole: {self._printer.misfits} packets of another link type are not in the pcap")

    def _code(self, *, late: bool, timed: bool) -> int:
        error = self._outlet.error
        if error is not None:
            if isinstance(error, BrokenPipeError):
                return int(Exit.DONE)  # the reader of our output left: not our failure, and nothing to say
            output.talk(f"haconsole: standard output: {error.strerror}")
            return int(Exit.FAILED)
        missing = self._printer.wants_more
        if self._interrupted:
            return int(Exit.INTERRUPTED if missing or timed else Exit.DONE)
        return int(Exit.FAILED if self._failed or (late and missing) else Exit.DONE)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and TERM end in good order while this lasts."""
        loop, caught = asyncio.get_running_loop(), []

        def stop() -> None:
            self._interrupted = True
            self._enough.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread
                loop.add_signal_handler(number, stop)
                caught.append(number)
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)


def told(counts: CaptureCounts) -> str:
    """The counts of one place in words."""
    parts = [f"{counts.heard} packets heard"]
    if counts.dropped is not None:
        parts.append(f"{counts.dropped} dropped by the kernel")
    if counts.flooded:
        parts.append(f"{counts.flooded} of a flood left out")
    if counts.unreadable:
        parts.append(f"{counts.unreadable} claim to be VRRP and cannot be read")
    return ", ".join(parts)
