"""The SSH door of a simulated node: a real SSH server (asyncssh) on its own loopback port.

Only keys made for this run open it. Forwarding leads to the node's own squid and nowhere else. The
door follows the node: refused when the node is off, silent when its LAN interface is down.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

import asyncssh

from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.gate import Gate, Mode
from haconsole.demo.keepalived import LAN
from haconsole.demo.node import SimNode
from haconsole.demo.node_session import NodeSession
from haconsole.demo.relay import Relay
from haconsole.model.record import dataclass

MAX_SESSIONS: Final = 10
"""OpenSSH's default for one connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Keys of one node: who it is, and who may log in."""

    host: asyncssh.SSHKey
    authorized: asyncssh.SSHAuthorizedKeys


class SshDoor:
    """One node's door. `now()` brings the simulation up to the present."""

    def __init__(self, node: SimNode, keys: Keys, tasks: asyncio.TaskGroup, now: Callable[[], None]) -> None:
        self._node, self._keys, self._tasks, self._now = node, keys, tasks, now
        self._relays: set[Relay] = set()
        self._gate = Gate(tasks, self._serve)
        self.port = self._gate.port
        self.update()

    @property
    def mode(self) -> Mode:
        """What whoever connects meets."""
        return self._gate.mode

    def update(self) -> None:
        """Follow the node."""
        mode = self._wanted()
        self._gate.set(mode)
        for relay in tuple(self._relays):
            if mode is Mode.REFUSED:
                relay.abort()
            elif relay.cut != (mode is Mode.SILENT):
                relay.set_cut(cut=mode is Mode.SILENT)

    def _wanted(self) -> Mode:
        if not self._node.on:
            return Mode.REFUSED
        return Mode.OPEN if self._node.kernel.running(LAN) else Mode.SILENT

    def close(self) -> None:
        """No new connections; the present ones end with their tasks."""
        self._gate.close()

    async def _serve(self, connection: socket.socket) -> None:
        relay = Relay()
        inside, server = socket.socketpair()
        self._relays.add(relay)
        try:
            await relay.join(connection, inside)
            await self._talk(server, relay)
        finally:
            relay.abort()
            self._relays.discard(relay)

    async def _talk(self, server: socket.socket, relay: Relay) -> None:
        secure: asyncssh.SSHServerConnection | None = None
        try:
            secure = await asyncssh.run_server(
                server,
                config=[],
                server_factory=lambda: _Server(self._node, self._now),
                server_host_keys=[self._keys.host],
                authorized_client_keys=self._keys.authorized,
                encoding=None,
                gss_host=None,
                password_auth=False,
                kbdint_auth=False,
                agent_forwarding=False,
                x11_forwarding=False,
                allow_scp=False,
                compression_algs=None,
                server_version="haconsole-demo",
            )
            await relay.ended.wait()
        except (OSError, asyncssh.Error):
            return  # not let in, or gone during the handshake
        finally:
            if secure is not None:
                secure.abort()
                with contextlib.suppress(OSError, asyncssh.Error):
                    await secure.wait_closed()
            server.close()


class _Server(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, node: SimNode, now: Callable[[], None]) -> None:
        self._node, self._now = node, now
        self._connection: asyncssh.SSHServerConnection | None = None
        self._sessions: set[NodeSession] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """A client is there."""
        self._connection = conn

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        """A session, unless there are ten already. Raises: asyncssh.ChannelOpenError."""
        if len(self._sessions) >= MAX_SESSIONS:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        session = NodeSession(self._node, self._now, self._sessions.discard)
        self._sessions.add(session)
        return session

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> asyncssh.SSHTCPSession[bytes]:
        """A connection from the node to its own squid. Raises: asyncssh.ChannelOpenError."""
        self._now()
        if dest_host not in _own_addresses(self._node):
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed")
        squid = self._node.squid
        if dest_port != squid.port or not squid.listening:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused")
        return _SquidSession(self._node, dest_host, self._now)


def _own_addresses(node: SimNode) -> set[str]:
    return {"localhost", *(str(a.address.ip) for a in node.kernel.addresses)}


class _SquidSession(asyncssh.SSHTCPSession[bytes]):
    """A forwarded connection, answered by the simulated squid."""

    def __init__(self, node: SimNode, via: str, now: Callable[[], None]) -> None:
        self._node, self._now = node, now
        self._via = "127.0.0.1" if via == "localhost" else via
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._input = b""

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        """The channel is open."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """A part of the request."""
        self._now()
        self._input += data
        squid = self._node.squid
        if self._channel is None or squid.hung:
            return
        answer = squid.answer(self._input, via=self._via, origin=ClusterSim.has_origin(self._node))
        if answer is not None:
            self._channel.write(answer)
            self._channel.write_eof()
            self._channel.close()
            self._channel = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        self._channel = None
