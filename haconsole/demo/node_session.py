"""SSH sessions on a simulated node: a batch of commands, the collector, one command.

Sessions are callbacks and timers, no tasks: they end with their channel. Real time only: a heartbeat
is a heartbeat whatever the demo's speed.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncssh

from haconsole.catalogue import script
from haconsole.demo.journal import Entry
from haconsole.demo.node import SimNode
from haconsole.demo.node_capture import Capture
from haconsole.demo.node_shell import JournalQuery, NodeShell, Reply, framed, stamp, unguarded
from haconsole.demo.work import Work

SILENCE_S: Final = 6.0
"""A collector without a heartbeat for so long ends."""
LOG_LAG_S: Final = 0.25
"""journalctl -f delivers late: 240 to 500 ms (systemd 252, measured)."""


class NodeSession(asyncssh.SSHServerSession[bytes]):
    """One session channel. `now()` brings the simulation up to the present; `over(self)` at its end."""

    def __init__(self, node: SimNode, now: Callable[[], None], over: Callable[[NodeSession], None]) -> None:
        self._node, self._now, self._over = node, now, over
        self._shell = NodeShell(node)
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._work: Work | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """The channel is open."""
        self._channel = chan

    def shell_requested(self) -> bool:
        """Nobody can log in to a picture."""
        self._work = _Once(self, lambda: Reply(stderr="This node is simulated: it has no shell.\n", status=1))
        return True

    def exec_requested(self, command: str) -> bool:
        """What the console wants to run."""
        lines = script.read_batch(command)
        streams = script.read_collector(command)
        capture = script.read_capture(command)
        if lines is not None:
            self._work = _Batch(self, lines, self._shell)
        elif streams is not None:
            self._work = _Collector(self, streams, self._shell, self._node)
        elif capture is not None:
            self._work = Capture(self, capture, self._shell, self._node)
        else:
            self._work = _Once(self, lambda: self._plain(command))
        return True

    def _plain(self, command: str) -> Reply:
        try:
            return self._shell.run(shlex.split(command))
        except ValueError:
            return Reply(stderr="sh: 1: Syntax error: Unterminated quoted string\n", status=2)

    def session_started(self) -> None:
        """The channel's answer is out: begin."""
        if self._work is not None:
            self._now()
            self._work.begin()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Standard input."""
        if self._work is not None:
            self._now()
            self._work.feed(data)

    def eof_received(self) -> bool:
        """The end of standard input; the output stays open."""
        if self._work is not None:
            self._work.eof()
        return True

    def signal_received(self, signal: str) -> None:
        """A signal ends what runs."""
        if self._work is not None:
            self._now()
            if self._work.terminated(signal):
                return
        self.die(signal)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        if self._work is not None:
            self._work.hold()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._work is not None:
            self._work.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        self._channel = None
        if self._work is not None:
            self._work.end()
            self._work = None
        self._over(self)

    def say(self, data: bytes) -> None:
        """Standard output."""
        if self._channel is not None and data:
            with contextlib.suppress(OSError):
                self._channel.write(data)

    def complain(self, data: bytes) -> None:
        """Standard error."""
        if self._channel is not None and data:
            with contextlib.suppress(OSError):
                self._channel.write_stderr(data)

    def die(self, signal: str) -> None:
        """A signal has ended the command."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.exit_with_signal(signal)

    def leave(self, status: int, stderr: str = "") -> None:
        """The command has ended."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                if stderr:
                    self._channel.write_stderr(stderr.encode())
                self._channel.exit(status)


class _Once(Work):
    """One command that reads nothing."""

    def __init__(self, session: NodeSession, run: Callable[[], Reply]) -> None:
        self._session = session
        self._run = run

    def begin(self) -> None:
        reply = self._run()
        self._session.say(reply.stdout.encode())
        self._session.leave(reply.status, reply.stderr)


class _Batch(Work):
    """Lines of a batch, answered when the marker word is there."""

    def __init__(self, session: NodeSession, lines: Sequence[script.Line], shell: NodeShell) -> None:
        self._session = session
        self._lines, self._shell = lines, shell
        self._input = b""
        self._done = False

    def feed(self, data: bytes) -> None:
        self._input += data
        if self._done or b"\n" not in self._input:
            return
        self._done = True
        marker = self._input.partition(b"\n")[0].decode("utf-8", "replace")
        for line in self._lines:
            self._session.say(framed(line, self._shell.line(line), marker))
        self._session.leave(0)

    def eof(self) -> None:
        if not self._done:
            self._session.leave(9)


class _Collector(Work):
    """Streams on one channel, alive as long as bytes come."""

    def __init__(
        self, session: NodeSession, streams: Mapping[str, Sequence[str]], shell: NodeShell, node: SimNode
    ) -> None:
        self._session = session
        self._streams, self._shell, self._node = streams, shell, node
        self._started = False
        self._silence: asyncio.TimerHandle | None = None
        self._ends: list[Callable[[], None]] = []
        self._flush: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        if not self._started:
            _, newline, data = data.partition(b"\n")
            if not newline:
                return
            self._start()
        self._expect()
        for _ in data:
            self._session.say(f"T {stamp(self._node.wall())}\n".encode())

    def _start(self) -> None:
        self._started = True
        for tag, argv in self._streams.items():
            inner = unguarded(argv)
            query = self._shell.journal_query(inner)
            if self._shell.monitors(inner):
                self._follow_kernel(tag)
            elif query is not None:
                self._follow_journal(tag, query)
            else:
                self._session.say(f"E {tag}\n".encode())

    def _follow_kernel(self, tag: str) -> None:
        def heard(text: str) -> None:
            self._session.say(f"{tag} {text}\n".encode())

        listeners = self._node.kernel.listeners
        listeners.append(heard)
        self._ends.append(lambda: listeners.remove(heard))

    def _follow_journal(self, tag: str, query: JournalQuery) -> None:
        loop = asyncio.get_running_loop()
        waiting: list[str] = []
        self._session.say("".join(f"{tag} {text}\n" for text in query.backlog(self._node)).encode())

        def flush() -> None:
            self._session.say("".join(waiting).encode())
            waiting.clear()

        def heard(entry: Entry) -> None:
            if query.match(entry):
                if not waiting:
                    self._flush = loop.call_later(LOG_LAG_S, flush)
                waiting.append(f"{tag} {query.text(entry)}\n")

        listeners = self._node.journal.listeners
        listeners.append(heard)
        self._ends.append(lambda: listeners.remove(heard))

    def _expect(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(SILENCE_S, self._session.leave, 0)

    def eof(self) -> None:
        self._session.leave(0 if self._started else 9)

    def end(self) -> None:
        for timer in (self._silence, self._flush):
            if timer is not None:
                timer.cancel()
        for end in self._ends:
            end()
        self._ends.clear()
