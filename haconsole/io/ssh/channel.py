"""Sessions on a connection: a command that is collected, a command that streams, a TCP exchange.

sshd answers the close of a channel only when the command has ended, and a silent command outlives
the channel and even the connection. So a command is always ended by a signal first: TERM, KILL after
1 s, close after 2 s; by timers, so that a cancelled caller need not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncssh

KILL_AFTER_S = 1.0
CLOSE_AFTER_S = 2.0
_STDERR_KEPT = 64 * 1024
_BLOCK = 64 * 1024
_PAUSE_ABOVE = 256 * 1024


class Slot:
    """A place in a semaphore, given back once, when the channel is gone."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places: asyncio.Semaphore | None = places

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._places is not None:
            self._places.release()
            self._places = None


class Life:
    """From the request for a channel to its end. Mixed into asyncssh's session classes."""

    def __init__(self, slot: Slot | None) -> None:
        self._slot = slot
        self._channel: Any = None
        self._timers: list[asyncio.TimerHandle] = []
        self.ending = False
        """`end` was called: nobody wants the channel any more."""
        self.ended = asyncio.Event()
        """The channel is gone, on both sides."""
        self.exit_status: int | None = None
        self.signalled = False

    def connection_made(self, chan: Any) -> None:
        """The channel is open; the command is not yet started."""
        self._channel = chan
        if self.ending:
            chan.abort()  # nobody wants it any more: it is not even started

    def session_started(self) -> None:
        """The command was started."""
        if self.ending:
            self._signal()

    def exit_status_received(self, status: int) -> None:
        """Comes before the end of the channel."""
        self.exit_status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """The command was killed."""
        self.signalled = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone: with its command, or with the connection."""
        self.ended.set()
        for timer in self._timers:
            timer.cancel()
        self.release()

    def write(self, data: bytes) -> None:
        """Send `data`. Raises: OSError when the channel is closed."""
        self._channel.write(data)

    def write_eof(self) -> None:
        """Close our side. Raises: OSError when the channel is closed."""
        self._channel.write_eof()

    def release(self) -> None:
        """Give the slot back."""
        if self._slot is not None:
            self._slot.release()

    def end(self) -> None:
        """End the command and the channel, without waiting. Safe at any time and twice."""
        if self.ending or self.ended.is_set():
            return
        self.ending = True
        if self._channel is not None:
            self._signal()

    def _signal(self) -> None:
        self._send("terminate")
        self._resume()
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(KILL_AFTER_S, self._send, "kill"),
            loop.call_later(CLOSE_AFTER_S, self._close),
        ]

    def _send(self, what: str) -> None:
        with contextlib.suppress(OSError, asyncssh.Error):
            getattr(self._channel, what)()

    def _resume(self) -> None:
        """Let unread output flow (and be dropped): the end comes behind it."""

    def _close(self) -> None:
        with contextlib.suppress(OSError, asyncssh.Error):
            self._channel.abort()
        self.release()


class Collected(Life, asyncssh.SSHClientSession[bytes]):
    """A command whose output is kept to `limit` bytes (stderr: 64 KiB) and otherwise dropped."""

    def __init__(self, slot: Slot, limit: int) -> None:
        super().__init__(slot)
        self._limit = limit
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.truncated = False
        self.finished = asyncio.Event()
        """Ended, or too much output came."""

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """A block of stdout (datatype None) or stderr."""
        if datatype is not None:
            self.stderr += data[: _STDERR_KEPT - len(self.stderr)]
            return
        room = self._limit - len(self.stdout)
        self.stdout += data[:room]
        if len(data) > room and not self.truncated:
            self.truncated = True
            self.finished.set()

    def eof_received(self) -> bool:
        """Both outputs are at their end; the exit status follows."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Life`."""
        super().connection_lost(exc)
        self.finished.set()


class Streamed(Life, asyncssh.SSHClientSession[bytes]):
    """A command that is read block by block; a slow reader slows the command, nothing is lost."""

    def __init__(self, slot: Slot, *, errors: bool = False) -> None:
        """`errors`: keep stderr (64 KiB of what nobody fetched) for `take_errors`."""
        super().__init__(slot)
        self._buffer = bytearray()
        self._errors = bytearray()
        self._keep_errors = errors
        self._news = asyncio.Event()
        self._errors_news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self.at_end = False
        """The command has closed its output, or is gone."""

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """A block of stdout; stderr is kept to its limit or thrown away, unread it would block stdout."""
        if self.ending:
            return
        if datatype is not None:
            if self._keep_errors:
                self._errors += data[: _STDERR_KEPT - len(self._errors)]
                self._errors_news.set()
            return
        self._buffer += data
        self._news.set()
        if len(self._buffer) > _PAUSE_ABOVE and not self._paused:
            self._paused = True
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        """True: our side stays open, the command may still read."""
        self._end_reached()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Life`."""
        super().connection_lost(exc)
        self._end_reached()
        self._writable.set()

    def _end_reached(self) -> None:
        self.at_end = True
        self._news.set()
        self._errors_news.set()

    def pause_writing(self) -> None:
        """The command does not read what we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable.set()

    def _resume(self) -> None:
        self._buffer.clear()
        if self._paused:
            self._paused = False
            self._send("resume_reading")

    async def take(self) -> bytes:
        """The next block, at most 64 KiB; b"" at the end."""
        while not self._buffer and not self.at_end:
            self._news.clear()
            await self._news.wait()
        block = bytes(self._buffer[:_BLOCK])
        del self._buffer[:_BLOCK]
        if self._paused and len(self._buffer) < _BLOCK:
            self._paused = False
            self._channel.resume_reading()
        return block

    async def take_errors(self) -> bytes:
        """The next block of stderr; b"" at the end, and at once where it is not kept."""
        while self._keep_errors and not self._errors and not self.at_end:
            self._errors_news.clear()
            await self._errors_news.wait()
        block = bytes(self._errors)
        self._errors.clear()
        return block

    async def put(self, data: bytes) -> None:
        """Write to the command's standard input; silently nothing when it has ended."""
        await self._writable.wait()
        with contextlib.suppress(OSError, asyncssh.Error):
            if not self.ended.is_set():
                self.write(data)


class Exchanged(Life, asyncssh.SSHTCPSession[bytes]):
    """A TCP connection made by the node; `finished` when its peer closed or `limit` bytes came."""

    def __init__(self, limit: int) -> None:
        super().__init__(None)
        self._limit = limit
        self.received = bytearray()
        self.complete = False
        """The peer closed in good order, or the limit was reached."""
        self.finished = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """A block of the answer."""
        self.received += data[: self._limit - len(self.received)]
        if len(self.received) >= self._limit:
            self.complete = True
            self.finished.set()

    def eof_received(self) -> bool:
        """False: close our side too."""
        self.complete = True
        self.finished.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Life`."""
        super().connection_lost(exc)
        self.finished.set()

    def _signal(self) -> None:
        self._close()


async def opened(life: Life, opening: Callable[[], Any]) -> None:
    """Open a channel by `opening()`. Cancelled meanwhile, the channel is ended as soon as it is there.

    asyncssh would leave a channel behind whose opening was cancelled, and sshd would count it.
    Raises: OSError, asyncssh.Error.
    """
    task = asyncio.ensure_future(opening())

    def done(done_task: asyncio.Future[Any]) -> None:
        if done_task.cancelled() or done_task.exception() is not None:
            life.release()

    task.add_done_callback(done)
    try:
        await asyncio.shield(task)
    except BaseException:
        life.end()
        raise
