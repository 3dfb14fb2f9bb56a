"""The one place where the parts are put together: the doors of `io` behind the runtime's ports.

asyncssh is imported here, when a connection is really wanted, and nowhere earlier.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import threading
from collections.abc import Iterable

from haconsole.io.ports import ClientProbe, Clock, Connection, Connector, Prompter
from haconsole.model.record import dataclass
from haconsole.model.spec import NodeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that touches the outside."""

    connector: Connector
    probe: ClientProbe
    clock: Clock


class _SshLater:
    """Implements `Connector`; the import goes on beside the event loop, so that a screen can be drawn meanwhile."""

    def __init__(self, prompter: Prompter | None) -> None:
        self._prompter = prompter
        self._real: Connector | None = None
        self._ahead: list[tuple[NodeSpec, asyncio.Task[Connection]]] = []

    async def begin(self, nodes: Iterable[NodeSpec]) -> None:
        """See `production_ahead`."""
        ssh = await self._loaded()
        self._ahead = [(node, asyncio.ensure_future(ssh.connect(node))) for node in nodes]

    async def connect(self, node: NodeSpec) -> Connection:
        for index, (known, task) in enumerate(self._ahead):
            if known is node:
                del self._ahead[index]
                return await task  # whoever is cancelled here cancels the connecting too
        return await (await self._loaded()).connect(node)

    async def _loaded(self) -> Connector:
        if self._real is None:
            ssh = await asyncio.to_thread(importlib.import_module, "haconsole.io.ssh")
            if self._real is None:  # another node may have been quicker
                self._real = ssh.SshConnector(self._prompter)
        return self._real

    async def close(self) -> None:
        ahead, self._ahead = self._ahead, []
        for _, task in ahead:
            task.cancel()
        for found in await asyncio.gather(*(task for _, task in ahead), return_exceptions=True):
            if not isinstance(found, BaseException):
                found.abort()  # nobody fetched it
        if self._real is not None:
            await self._real.close()


def warm_up() -> None:
    """Begin to import SSH in a thread: for those who are sure to connect and have other things to do first.

    The process does not end before the import has: libraries that are being set up while the interpreter is taken
    down end it by a segmentation fault (2 of 2400 wrong calls, Python 3.11).
    """
    threading.Thread(target=_import_ssh, name="import ssh", daemon=False).start()


def _import_ssh() -> None:
    with contextlib.suppress(Exception):  # whoever connects meets it again, and tells
        importlib.import_module("haconsole.io.ssh")


def production(prompter: Prompter | None = None) -> Parts:
    """The real doors: SSH by asyncssh, HTTP over TCP, the system's clock."""
    return _parts(_SshLater(prompter))


async def production_ahead(prompter: Prompter | None, nodes: Iterable[NodeSpec]) -> Parts:
    """As `production`, and the connecting to `nodes` has begun: `connect` with one of them gives that connection
    (or its failure), once. What nobody asked for is ended by `close`."""
    ssh = _SshLater(prompter)
    await ssh.begin(nodes)
    return _parts(ssh)


def _parts(connector: Connector) -> Parts:
    from haconsole.io.clock import SystemClock
    from haconsole.io.probe import HttpProbe

    return Parts(connector=connector, probe=HttpProbe(), clock=SystemClock())
