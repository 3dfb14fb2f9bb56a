"""A wire between two sockets that can be cut for a while: nothing gets through, nothing is lost.

So an SSH connection to a node whose interface is down falls silent, as it does in reality, and goes
on when the interface is back, if both ends had the patience.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast


class _End(asyncio.Protocol):
    """One end. Flow control is passed on: a slow reader slows the other end's sender."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.held = False
        """The other end cannot take more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.flow()

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        self._hold_other(held=True)

    def resume_writing(self) -> None:
        self._hold_other(held=False)

    def _hold_other(self, *, held: bool) -> None:
        if self.other is not None:
            self.other.held = held
            self.other.flow()

    def flow(self) -> None:
        """Read, or not."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.held or self._relay.cut:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._relay.lost()
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Relay:
    """Joins two connected sockets. `ended`: both are closed."""

    def __init__(self) -> None:
        self.cut = False
        self.ended = asyncio.Event()
        self._ends = (_End(self), _End(self))
        self._ends[0].other, self._ends[1].other = self._ends[1], self._ends[0]

    async def join(self, outside: socket.socket, inside: socket.socket) -> None:
        """Take both sockets; from now on bytes flow."""
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self._ends[1], inside)
        await loop.connect_accepted_socket(lambda: self._ends[0], outside)

    def set_cut(self, *, cut: bool) -> None:
        """Cut the wire, or mend it."""
        self.cut = cut
        for end in self._ends:
            end.flow()

    def abort(self) -> None:
        """Close both ends at once."""
        for end in self._ends:
            if end.transport is not None:
                end.transport.abort()

    def lost(self) -> None:
        """One end is gone."""
        if all(end.transport is None for end in self._ends):
            self.ended.set()
