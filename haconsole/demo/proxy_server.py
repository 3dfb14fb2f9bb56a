"""A VIP as clients meet it: a loopback port that answers as the squid behind the VIP would.

Served, refused (the node is there, squid is not), silent (nobody has the address), or accepted and
never answered (squid hangs).
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import Final, Protocol

from haconsole.demo.gate import Gate, Mode
from haconsole.demo.node import SimNode
from haconsole.model.spec import IpAddress

_LATENCIES_S: Final = (0.003, 0.002, 0.004, 0.003, 0.006, 0.003, 0.002, 0.005)
"""What the origin takes; in turns, so that runs are alike."""
_REQUEST_LIMIT: Final = 16 * 1024
_PATIENCE_S: Final = 60.0


class Leads(Protocol):
    """Where an address leads to: `cluster_sim.ClusterSim` for VIPs, `ask.OwnAddress` for a node's own."""

    def holder(self, vip: IpAddress) -> SimNode | None:
        """Who answers for it; None: nobody."""

    @staticmethod
    def has_origin(node: SimNode) -> bool:
        """Can the node reach the internet."""


class VipDoor:
    """One address's port. `now()` brings the simulation up to the present."""

    def __init__(self, sim: Leads, vip: IpAddress, tasks: asyncio.TaskGroup, now: Callable[[], None]) -> None:
        self._sim, self._vip, self._now = sim, vip, now
        self._latencies = itertools.cycle(_LATENCIES_S)
        self._holder: SimNode | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._gate = Gate(tasks, self._serve)
        self.port = self._gate.port
        self.update()

    @property
    def mode(self) -> Mode:
        """What whoever connects meets."""
        return self._gate.mode

    @property
    def holder(self) -> str | None:
        """The node that clients are led to; None: nobody answers."""
        return None if self._holder is None else self._holder.plan.name

    def update(self) -> None:
        """Follow the VIP. Connections to its last holder break: the new one knows nothing of them."""
        holder = self._sim.holder(self._vip)
        if holder is None:
            self._gate.set(Mode.SILENT)
        else:
            self._gate.set(Mode.OPEN if holder.squid.listening else Mode.REFUSED)
        if holder is not self._holder:
            for writer in self._writers:
                writer.transport.abort()
        self._holder = holder

    def close(self) -> None:
        """No new connections; the present ones end with their tasks."""
        self._gate.close()

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        self._writers.add(writer)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._answer(reader, writer)
        except (OSError, TimeoutError):
            return  # the client left, or never asked
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = b""
        while len(request) < _REQUEST_LIMIT:
            block = await reader.read(_REQUEST_LIMIT)
            if not block:
                return
            request += block
            self._now()
            node = self._holder
            if node is None or node.squid.hung:
                continue
            answer = node.squid.answer(request, via=str(self._vip), origin=self._sim.has_origin(node))
            if answer is not None:
                await asyncio.sleep(next(self._latencies))
                writer.write(answer)
                await writer.drain()
                return
