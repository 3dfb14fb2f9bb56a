"""One open SSH connection to one node: commands, streams, exchanges, and its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import asyncssh

from haconsole.io.ports import RunResult
from haconsole.io.ssh import problems
from haconsole.io.ssh.channel import Collected, Exchanged, Life, Slot, Streamed, opened
from haconsole.io.ssh.client import Client
from haconsole.model.problems import Problem, ProblemError, ProblemKind

COMMANDS: Final = 3
"""Short commands at the same time. With `STREAMS` it stays below sshd's MaxSessions (default 10)."""
STREAMS: Final = 6
_OPEN_S: Final = 10.0
_ENDED_S: Final = 1.5
"""How long a command that was told to end is watched, to be able to say whether it did."""
_REFUSED: Final = {asyncssh.OPEN_CONNECT_FAILED, asyncssh.OPEN_RESOURCE_SHORTAGE}
_AGAIN_AFTER_S: Final = (0.01, 0.05, 0.2)
_STOP_S: Final = 2.0
_WINDOW: Final = 2 * 1024 * 1024
_STREAM_WINDOW: Final = 256 * 1024

_END_S: Final = 0.2
"""The end of a connection is told to all within this."""


class SshConnection:
    """Implements `io.ports.Connection`."""

    def __init__(
        self,
        label: str,
        connection: asyncssh.SSHClientConnection,
        client: Client,
        jump: Client | None,
        keepalive_s: float,
    ) -> None:
        """`jump`: the connection that this one goes through."""
        self._label, self._connection, self._client, self._jump = label, connection, client, jump
        self._keepalive_s = keepalive_s
        self._commands = asyncio.Semaphore(COMMANDS)
        self._streams = asyncio.Semaphore(STREAMS)

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        """See `io.ports.Connection.run`. The time includes waiting for a free session.

        Ends the command when `limit` or `timeout_s` is exceeded, and when cancelled.
        """
        session: Collected | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await self._commands.acquire()
                session = Collected(Slot(self._commands), limit)
                await self._start(session, command)
                self._feed(session, stdin)
                await session.finished.wait()
        except TimeoutError:
            raise await self._too_slow(session, timeout_s) from None
        finally:
            if session is not None:
                session.end()
        if not session.truncated and self.broke(session):
            raise ProblemError(self._lost())
        return RunResult(
            stdout=bytes(session.stdout),
            stderr=bytes(session.stderr),
            exit_status=None if session.truncated else session.exit_status,
            truncated=session.truncated,
        )

    async def stream(self, command: str, *, errors: bool = False) -> SshStream:
        """See `io.ports.Connection.stream`. More than six at once are refused (PROTOCOL)."""
        session: Streamed | None = None
        try:
            async with asyncio.timeout(_OPEN_S):
                await self._streams.acquire()
                session = Streamed(Slot(self._streams), errors=errors)
                await self._start(session, command)
        except TimeoutError:
            reason = "six streams are open already" if session is None else f"it was not started within {_OPEN_S:g} s"
            raise problems.fail(ProblemKind.PROTOCOL, f"{self._label}: no further stream: {reason}") from None
        return SshStream(self, session)

    async def exchange(self, host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        """See `io.ports.Connection.exchange`. Our side stays open for writing until the answer ended:
        squid takes a half-closed client for one that has gone.
        """
        session = Exchanged(limit)
        where = problems.host_port(host, port)
        try:
            async with asyncio.timeout(timeout_s):
                await opened(session, lambda: self._connection.create_connection(lambda: session, host, port))
                session.write(request)
                await session.finished.wait()
        except TimeoutError:
            text = f"{self._label}: {where}, asked from the node, did not answer within {timeout_s:g} s"
            raise problems.fail(ProblemKind.TIMED_OUT, text) from None
        except asyncssh.ChannelOpenError as error:
            raise self._not_forwarded(where, error) from error
        except (OSError, asyncssh.Error) as error:
            raise ProblemError(self._lost(str(error))) from error
        finally:
            session.end()
        if self._client.lost.is_set() and not session.complete:
            raise ProblemError(self._lost())
        return bytes(session.received)

    async def wait_lost(self) -> Problem:
        """See `io.ports.Connection.wait_lost`."""
        await self._client.lost.wait()
        return self._lost()

    def abort(self) -> None:
        """See `io.ports.Connection.abort`."""
        self._connection.abort()

    async def _start(self, session: Collected | Streamed, command: str) -> None:
        window = _STREAM_WINDOW if isinstance(session, Streamed) else _WINDOW
        try:
            await opened(session, lambda: self._create(session, command, window))
        except asyncssh.ChannelOpenError as error:
            if self._gone(error.reason):
                raise ProblemError(self._lost(error.reason)) from error
            raise problems.fail(
                ProblemKind.PROTOCOL,
                f"{self._label}: the node refuses another session: {error.reason}",
                "On the node: sshd's MaxSessions (the console needs 10), and the login shell of the user.",
                error.reason,
            ) from error
        except (OSError, asyncssh.Error) as error:
            raise ProblemError(self._lost(str(error))) from error

    async def _create(self, session: Collected | Streamed, command: str, window: int) -> None:
        """Open a session channel. Tried again shortly after a refusal: sshd counts a session for a
        moment longer than it lasts, so a full connection may refuse the successor of one that ended.
        """
        for wait_s in (*_AGAIN_AFTER_S, None):
            try:
                await self._connection.create_session(lambda: session, command, window=window)
            except asyncssh.ChannelOpenError as error:
                refused = error.code in _REFUSED and not self._gone(error.reason)
                if wait_s is None or session.ending or not refused:
                    raise
                await asyncio.sleep(wait_s)
            except AttributeError as error:
                # asyncssh stumbles over a session that the connection's end took away while it was started.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_END_S):
                        await self._client.lost.wait()
                if not self._gone(""):
                    raise
                raise OSError("the connection ended while a session was started") from error
            else:
                return

    @staticmethod
    def _feed(session: Collected, stdin: bytes) -> None:
        # A command that ended at once has closed the channel: its exit status tells, not our write.
        with contextlib.suppress(OSError, asyncssh.Error):
            session.write(stdin)
            session.write_eof()

    async def _too_slow(self, session: Collected | None, timeout_s: float) -> ProblemError:
        kind = ProblemKind.COMMAND_TIMED_OUT
        if session is None:
            text = f"{self._label}: a command was not started within {timeout_s:g} s: {COMMANDS} others still ran"
            return problems.fail(kind, text)
        session.end()
        try:
            await asyncio.wait_for(session.ended.wait(), _ENDED_S)
            outcome = "it was ended"
        except TimeoutError:
            outcome = "it was told to end, but may still run on the node"
        if self._client.lost.is_set():
            return ProblemError(self._lost())
        return problems.fail(kind, f"{self._label}: a command did not finish within {timeout_s:g} s; {outcome}")

    def broke(self, session: Life) -> bool:
        """Did `session` end because the connection did?"""
        return self._client.lost.is_set() and session.exit_status is None and not session.signalled

    def lost_error(self) -> ProblemError:
        """LINK_LOST with the reason, for streams."""
        return ProblemError(self._lost())

    def _gone(self, reason: str) -> bool:
        return self._client.lost.is_set() or self._connection.is_closed() or reason == "SSH connection closed"

    def _lost(self, reason: str = "") -> Problem:
        reason = self._client.lost_reason or reason
        if self._jump is not None and self._jump.lost.is_set():
            return problems.lost(f"{self._label}: jump host", self._jump.lost_reason or reason, self._keepalive_s)
        return problems.lost(self._label, reason, self._keepalive_s)

    def _not_forwarded(self, where: str, error: asyncssh.ChannelOpenError) -> ProblemError:
        if self._gone(error.reason):
            return ProblemError(self._lost(error.reason))
        what = "sshd does not allow forwarding" if error.code == 1 else f"{where} refused the node's connection"
        remedy = "On the node: sshd's AllowTcpForwarding and PermitOpen." if error.code == 1 else None
        return problems.fail(ProblemKind.CONNECTION_REFUSED, f"{self._label}: {what}", remedy, error.reason)


class SshStream:
    """Implements `io.ports.Stream`."""

    def __init__(self, connection: SshConnection, session: Streamed) -> None:
        self._connection, self._session = connection, session

    async def read(self) -> bytes:
        """See `io.ports.Stream.read`."""
        block = await self._session.take()
        if not block and self._connection.broke(self._session):
            raise self._connection.lost_error()
        return block

    async def read_errors(self) -> bytes:
        """See `io.ports.Stream.read_errors`."""
        block = await self._session.take_errors()
        if not block and self._connection.broke(self._session):
            raise self._connection.lost_error()
        return block

    async def write(self, data: bytes) -> None:
        """See `io.ports.Stream.write`. To a command that has ended: nothing happens, `read` tells."""
        await self._session.put(data)
        if self._connection.broke(self._session):
            raise self._connection.lost_error()

    async def stop(self) -> None:
        """See `io.ports.Stream.stop`."""
        self._session.end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._session.ended.wait(), _STOP_S)
