"""One tcpdump on a node, seen through its channel: packets, words, beats.

The packets come on the channel's standard output, tcpdump's words and the answers to beats on its
standard error. A beat every two seconds keeps the node's side alive; its answer proves the link and
measures the node's clock, by which the packets' times are brought to the console's. Counts of lost
packets are asked for with the beats, not only known at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Final, Protocol

from haconsole.catalogue import script
from haconsole.cluster import clocks
from haconsole.io.ports import Clock, Stream
from haconsole.model.events import Heartbeat
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.state import ClockOffset, Known
from haconsole.parse import tcpdump
from haconsole.parse.text import clean, decode
from haconsole.runtime.collector import Lines, first_problem
from haconsole.wire import pcap
from haconsole.wire.errors import WireError

BEAT_S: Final = 2.0
SILENT_S: Final = 6.0
"""Without a sign of life for this long the link is given up."""
START_S: Final = 20.0
"""sudo and tcpdump have so long to begin."""
SLOW_S: Final = 1.0
"""A listener that takes longer than this does not keep up: the node is only kept alive."""
_HEAD_LIMIT: Final = 64 * 1024
"""Octets that a login shell may print before the packets begin."""
_WORDS: Final = 40
_AT_ONCE: Final = 200
"""Records taken in one go: some milliseconds of work at most."""
_REST: Final = 2.0
"""After each go the channel rests for so many times what it took: a flood gets a third of the time at most, and
what is too much for that waits at the node, where tcpdump counts what it has to drop."""


class Listener(Protocol):
    """Takes what comes over the channel."""

    def begun(self) -> None:
        """The capture is open."""

    def lost(self, told: tcpdump.Told) -> None:
        """tcpdump's counts."""

    def tell_counts(self) -> None:
        """A good moment to say what became of the packets."""

    async def heard(self, records: list[pcap.Record], offset: Known[ClockOffset] | None) -> None:
        """Records came; `offset` is the node's clock as far as known."""


class CaptureChannel:
    """One tcpdump: its packets, its words, and the beats that keep it. `offset`: the clock so far."""

    def __init__(  # noqa: PLR0917 - a channel, and who is at its ends
        self,
        node: str,
        stream: Stream,
        marker: str,
        clock: Clock,
        listener: Listener,
        offset: Known[ClockOffset] | None = None,
    ) -> None:
        self._node, self._stream, self._marker = node, stream, marker
        self._now, self._listener, self._offset = clock.now, listener, offset
        self._started = self._alive_at = self._now()
        self._sent: deque[float] = deque()
        self._taking_since: float | None = None
        """Since when the listener has been taking what came last: meanwhile nothing is read."""
        self._wake = asyncio.Event()
        self._closed = self._end_asked = False
        self.listening = False
        self.status: int | None = None
        self.words: deque[str] = deque(maxlen=_WORDS)

    def end(self) -> None:
        """Ask tcpdump to end; `run` returns when it has."""
        self._end_asked = True
        self._wake.set()

    async def run(self) -> None:
        """Until tcpdump has ended. Raises: ProblemError."""
        await self._stream.write(self._marker.encode() + b"\n")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._beat())
                tasks.create_task(self._packets())
                tasks.create_task(self._errors())
        except* ProblemError as group:
            raise first_problem(group) from None

    async def _beat(self) -> None:
        while not self._closed:
            self._wake.clear()
            if self._end_asked:
                await self._stream.write(b"q")
                return
            await self._stream.write(self._next_beat())
            self._listener.tell_counts()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()

    def _next_beat(self) -> bytes:
        now = self._now()
        if self._taking_since is not None and now - self._taking_since > SLOW_S:
            return b"-"  # an answer could not be read, and answers that pile up would block the node's side
        if self._sent and now - max(self._sent[0], self._alive_at) > SILENT_S:
            raise ProblemError(self._lost(f"no answer for {now - self._alive_at:.0f} s"))
        if not self.listening and now - self._started > START_S:
            raise ProblemError(self._slow())
        self._sent.append(now)
        return b".c" if self.listening else b"."

    async def _packets(self) -> None:
        mark, head, marked = script.capture_mark(self._marker), b"", False
        reader = pcap.Reader()
        while block := await self._stream.read():
            self._alive_at = self._now()
            if not marked:
                head += block
                _, marked_by, block = head.partition(mark)
                marked = bool(marked_by)
                if not marked and len(head) > _HEAD_LIMIT:
                    raise ProblemError(self._unreadable("the login shell prints without end"))
            if marked:
                await self._take(reader, block)
        self._closed = True
        self._wake.set()

    async def _take(self, reader: pcap.Reader, block: bytes) -> None:
        try:
            records = list(reader.feed(block))
        except WireError as error:
            raise ProblemError(self._unreadable(str(error))) from error
        self._taking_since = self._now()
        try:
            for start in range(0, len(records), _AT_ONCE):
                begun = time.monotonic()
                await self._listener.heard(records[start : start + _AT_ONCE], self._offset)
                await asyncio.sleep(_REST * (time.monotonic() - begun))
        finally:
            self._taking_since, self._alive_at = None, self._now()

    async def _errors(self) -> None:
        lines = Lines()
        while block := await self._stream.read_errors():
            self._alive_at = self._now()
            for line in lines.feed(block):
                self._line(line[:2], line[2:])

    def _line(self, tag: bytes, text: bytes) -> None:
        match tag:
            case b"T ":
                self._answered(text)
            case b"W ":
                self._word(decode(text))
            case b"E " if text.strip().isdigit():
                self.status = int(text)

    def _answered(self, text: bytes) -> None:
        at = self._now()
        answer = beat(self._node, self._sent.popleft() if self._sent else at, at, decode(text))
        if answer is not None:
            self._offset = clocks.better(self._offset, clocks.measured(answer), at)

    def _word(self, line: str) -> None:
        told = tcpdump.parse_counts(line)
        if told is not None:
            self._listener.lost(told)
        elif tcpdump.is_listening(line):
            if not self.listening:
                self.listening = True
                self._listener.begun()
        else:
            self.words.append(line)

    def _lost(self, why: str) -> Problem:
        return Problem(
            kind=ProblemKind.LINK_LOST,
            summary=f"{self._node}: connected, but {why}; reconnecting",
            remedy=f"is {self._node} frozen or cut off? Try its console or another path",
        )

    def _slow(self) -> Problem:
        last = f": {clean(self.words[-1])}" if self.words else ""
        return Problem(
            kind=ProblemKind.COMMAND_TIMED_OUT,
            summary=f"{self._node}: tcpdump did not begin within {START_S:.0f} s{last}",
            remedy=f"is sudo slow on {self._node} (a directory that does not answer)? Try there: time sudo -n true",
        )

    def _unreadable(self, why: str) -> Problem:
        return Problem(
            kind=ProblemKind.OUTPUT_UNREADABLE,
            summary=f"{self._node}: what tcpdump sent is no capture: {clean(why)}",
            remedy=f"does the login's shell on {self._node} print anything by itself?",
        )


def beat(node: str, sent: float, at: float, text: str) -> Heartbeat | None:
    """The node's time as `date +%s.%N` told it, in the trip from `sent` to `at`; None: it told none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return Heartbeat(node=node, at=at, sent_at=sent, node_time_s=value) if 0 < value < 1e11 else None
