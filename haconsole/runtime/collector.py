"""The collector: one long-lived channel on a node whose lines become events at once.

Owns the heartbeat: a beat every two seconds keeps the node's side alive, and its answer proves
the link, gives the latency and the node's clock. A link without answers is given up here, long
before TCP would notice. Floods are cut to a rate, counted, and said.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from haconsole.io.ports import Clock, Stream
from haconsole.model.events import Event, Heartbeat, KernelEvent, LogHeard, ReadFailed, Subject
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import LogLine
from haconsole.model.record import dataclass
from haconsole.parse import iproute, journal
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean, decode

BEAT_S: Final = 2.0
SILENT_S: Final = 6.0
"""Without an answer for this long the link is given up."""
LINE_LIMIT: Final = 16 * 1024
LOG_RATE: Final = 400.0
"""Log lines taken each second; more are counted, not shown."""
LOG_BURST: Final = 2000.0
FACT_RATE: Final = 200.0
"""Log lines that change what is believed have an allowance of their own: no chatter can use it up."""
FACT_BURST: Final = 5000.0
CHANGE_RATE: Final = 50.0
"""Changes of links and addresses followed each second; after more of them the kernel is read anew."""
CHANGE_BURST: Final = 300.0
READ_ANEW: Final = "they came too fast; the kernel is read anew"
BACKLOG_S: Final = 3.0
"""Log lines in the first seconds, older than the connection, are backlog."""


class Lines:
    """Blocks of bytes -> whole lines. A line beyond `LINE_LIMIT` is cut; the rest is dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        """The lines that are complete now."""
        *whole, rest = (self._rest + block).split(b"\n")
        for line in whole:
            if self._skip:
                self._skip = False
                continue
            yield line[:LINE_LIMIT]
        if self._skip:
            rest = b""
        elif len(rest) > LINE_LIMIT:
            yield rest[:LINE_LIMIT]
            rest, self._skip = b"", True
        self._rest = rest


class Rate:
    """A token bucket: how many of a flood to take. Time is an input."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._level, self._at = burst, None if per_s else 0.0

    def take(self, now: float) -> bool:
        """True: one more fits at `now`."""
        if self._at is not None:
            self._level = min(self._burst, self._level + (now - self._at) * self._per_s)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose lines they are, and what is needed to read them."""

    node: str
    keepalived_unit: str = "keepalived"
    squid_unit: str = "squid"
    utc_offset_s: float | None = None


class Collector:
    """Turns one stream into events. `emit` takes each event as it is made."""

    def __init__(self, source: Source, stream: Stream, clock: Clock, emit: Callable[[Event], None]) -> None:
        self._source, self._node = source, source.node
        self._stream, self._clock, self._emit = stream, clock, emit
        self._offset_s = 0.0
        self._sent: deque[float] = deque()
        self._lines = Lines()
        self._rate = Rate(LOG_RATE, LOG_BURST)
        self._facts = Rate(FACT_RATE, FACT_BURST)
        self._changes = Rate(CHANGE_RATE, CHANGE_BURST)
        self._dropped = self._missed = 0
        self._started = clock.now()
        self._log_seen = False
        self.unreadable = 0
        """Lines that no parser understood: counted, never guessed at."""

    async def run(self) -> None:
        """Until the link dies. Raises: ProblemError; ends only so, or by cancellation."""
        await self._stream.write(b"\n")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._beat())
                tasks.create_task(self._listen())
        except* ProblemError as group:
            raise first_problem(group) from None

    async def _beat(self) -> None:
        while True:
            now = self._clock.now()
            if self._sent and now - self._sent[0] > SILENT_S:
                raise ProblemError(self._silent(now - self._sent[0]))
            self._sent.append(now)
            await self._stream.write(b".")
            self._report_dropped(now)
            await asyncio.sleep(BEAT_S)

    def _silent(self, age: float) -> Problem:
        return Problem(
            kind=ProblemKind.LINK_LOST,
            summary=f"{self._node}: connected, but no answer for {age:.0f} s; reconnecting",
            remedy=f"is {self._node} frozen or cut off? Try its console or another path",
        )

    async def _listen(self) -> None:
        while block := await self._stream.read():
            at = self._clock.now()
            for line in self._lines.feed(block):
                self._line(at, line)
            await asyncio.sleep(0)  # a full channel gives block after block at once: the others want a turn too
        raise ProblemError(
            Problem(kind=ProblemKind.LINK_LOST, summary=f"{self._node}: the collector ended; reconnecting")
        )

    def _line(self, at: float, line: bytes) -> None:
        tag, text = line[:2], line[2:]
        try:
            match tag:
                case b"T ":
                    self._answered(at, text)
                case b"K ":
                    self._changed(at, text)
                case b"L ":
                    self._log(at, journal.parse_journal_line(text, **self._units()))
                case b"S ":
                    self._log(at, self._syslog(at, text))
                case b"E ":
                    self._ended(at, text)
                case _:
                    self.unreadable += 1
        except (ParseError, ValueError):
            self.unreadable += 1

    def _changed(self, at: float, text: bytes) -> None:
        if not self._changes.take(at):
            self._missed += 1
            return
        change = iproute.parse_monitor_line(decode(text))
        if change is not None:
            self._emit(KernelEvent(node=self._node, at=at, change=change))

    def _units(self) -> dict[str, str]:
        return {"keepalived_unit": self._source.keepalived_unit, "squid_unit": self._source.squid_unit}

    def _syslog(self, at: float, text: bytes) -> LogLine | None:
        """syslog's times are the node's: its clock, as last measured, says which year and day."""
        now, zone = at + self._offset_s, self._source.utc_offset_s
        return journal.parse_syslog_line(text, node_now_s=now, node_utc_offset_s=zone, **self._units())

    def _answered(self, at: float, text: bytes) -> None:
        if not self._sent:  # nobody asked: an answer to nothing proves nothing
            self.unreadable += 1
            return
        sent = self._sent.popleft()
        value = float(text)
        if 0 < value < 1e11:
            self._offset_s = value - (sent + at) / 2
            self._emit(Heartbeat(node=self._node, at=at, sent_at=sent, node_time_s=value))

    def _log(self, at: float, line: LogLine | None) -> None:
        if line is None:
            return
        self._log_seen = True
        # A line that changes what is believed is not dropped, however big the flood around it.
        if not (self._rate if line.fact is None else self._facts).take(at):
            self._dropped += 1
            return
        backlog = at - self._started < BACKLOG_S and (line.node_time_s is None or line.node_time_s < self._started)
        self._emit(LogHeard(node=self._node, at=at, line=line, backlog=backlog))

    def _report_dropped(self, at: float) -> None:
        if self._dropped:
            self._note(at, f"{self._dropped} log lines not shown: they came faster than {LOG_RATE:.0f} a second")
        if self._missed:
            self._note(at, f"{self._missed} changes of links and addresses not followed: {READ_ANEW}")
        self._dropped = self._missed = 0

    def _note(self, at: float, text: str) -> None:
        line = LogLine(program="console", ident="haconsole", text=text, node_time_s=None)
        self._emit(LogHeard(node=self._node, at=at, line=line))

    def _ended(self, at: float, tag: bytes) -> None:
        subject = Subject.KERNEL if tag.strip() == b"K" else Subject.LOG
        problem = Problem(
            kind=ProblemKind.COMMAND_FAILED,
            summary=f"{self._node}: {'ip monitor' if subject is Subject.KERNEL else 'following the log'} ended",
            remedy="changes are seen at the next reading only; `haconsole doctor` says what is missing",
        )
        self._emit(ReadFailed(node=self._node, at=at, subject=Subject.LOG, problem=problem))


def unforeseen(node: str, error: Exception) -> Problem:
    """What no part of the console was made for: it ends one connection, never the console."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return Problem(
        kind=ProblemKind.OUTPUT_UNREADABLE,
        summary=f"{node}: haconsole itself failed on what the node said; nothing of it is believed",
        remedy="a mistake in haconsole: please report it with this line (haconsole status -o json)",
        detail=clean(f"{type(error).__name__}: {error}"[:400]),
    )


def first_problem(group: BaseExceptionGroup[ProblemError]) -> ProblemError:
    """The first of what went wrong at the same time: the others follow from it."""
    for error in group.exceptions:
        if isinstance(error, ProblemError):
            return error
        return first_problem(error)
    raise AssertionError  # a group is never empty
