"""A console on an embedded cluster whose first node hears a storm of 20,000 adverts a second; run on a terminal.

The storm is another process (`tests.bench.node_in_storm`) where the node's tcpdump would be: its packets take the
whole way of a capture but for the SSH connection. `--quiet`: without it, to tell what is the machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from haconsole.catalogue import script
from haconsole.cli.demo import embedded
from haconsole.io.ports import Connector
from haconsole.model.spec import NodeSpec
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.tui.run import run_console

BLOCK = 1 << 16


class StormStream:
    """Implements `io.ports.Stream` over the pipes of a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.read(BLOCK)

    async def read_errors(self) -> bytes:
        assert self._process.stderr is not None
        return await self._process.stderr.read(BLOCK)

    async def write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(data)

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class Stormy:
    """A connection whose captures hear the storm; everything else is the node's."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def stream(self, command: str, *, errors: bool = False) -> Any:
        if script.read_capture(command) is None:
            return await self._connection.stream(command, errors=errors)
        pipe = asyncio.subprocess.PIPE
        words = ("-m", "tests.bench.node_in_storm")
        return StormStream(
            await asyncio.create_subprocess_exec(sys.executable, *words, stdin=pipe, stdout=pipe, stderr=pipe)
        )


class StormConnector:
    """Connects as in earnest; on one node there is a storm."""

    def __init__(self, connector: Connector, node: str) -> None:
        self._connector, self._node = connector, node

    async def connect(self, node: NodeSpec) -> Any:
        connection = await self._connector.connect(node)
        return Stormy(connection) if node.name == self._node else connection

    async def close(self) -> None:
        await self._connector.close()


def main(*, quiet: bool) -> int:
    with embedded("healthy", 1.0) as specs, tempfile.TemporaryDirectory() as folder:
        parts = production()
        connector: Any = parts.connector if quiet else StormConnector(parts.connector, specs[0].nodes[0].name)
        monitor = Monitor(specs[0], connector, parts.probe, parts.clock)
        memory = Path(folder)
        return run_console(
            [monitor], clock=parts.clock.now, operator="bench", run_sources=lambda: run_all([monitor], connector),
            remember=memory / "console.json", user_themes=memory,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(quiet="--quiet" in sys.argv))
