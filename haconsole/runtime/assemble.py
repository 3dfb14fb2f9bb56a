"""The one place where the parts are put together: the doors of `io` behind the runtime's ports.

asyncssh is imported here, when a connection is really wanted, and nowhere earlier.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass

from haconsole.io.ports import ClientProbe, Clock, Connection, Connector, Prompter
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

    async def connect(self, node: NodeSpec) -> Connection:
        if self._real is None:
            ssh = await asyncio.to_thread(importlib.import_module, "haconsole.io.ssh")
            if self._real is None:  # another node may have been quicker
                self._real = ssh.SshConnector(self._prompter)
        return await self._real.connect(node)

    async def close(self) -> None:
        if self._real is not None:
            await self._real.close()


def production(prompter: Prompter | None = None) -> Parts:
    """The real doors: SSH by asyncssh, HTTP over TCP, the system's clock."""
    from haconsole.io.clock import SystemClock
    from haconsole.io.probe import HttpProbe

    return Parts(connector=_SshLater(prompter), probe=HttpProbe(), clock=SystemClock())
