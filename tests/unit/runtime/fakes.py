"""A node that answers in memory, a clock that is set by hand: the runtime's ports for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from haconsole.catalogue import script
from haconsole.io.ports import RunResult
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import NodeSpec

Answer = Callable[[script.Line], tuple[bytes, str, int]]


class FakeClock:
    """Time as the event loop has it, so that `asyncio.sleep` and the clock agree."""

    def now(self) -> float:
        return 1_795_000_000.0 + asyncio.get_running_loop().time()


class FakeStream:
    """A collector's channel: tests put blocks in; what is written is kept."""

    def __init__(self) -> None:
        self.blocks: asyncio.Queue[bytes] = asyncio.Queue()
        self.written: list[bytes] = []
        self.stopped = False
        self.on_write: Callable[[bytes], None] = lambda data: None

    async def read(self) -> bytes:
        return await self.blocks.get()

    async def write(self, data: bytes) -> None:
        self.written.append(data)
        self.on_write(data)

    async def stop(self) -> None:
        self.stopped = True


class FakeConnection:
    """Answers batches by a function of each line."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.commands: list[str] = []
        self.lines: list[script.Line] = []
        self.streams: list[FakeStream] = []
        self.lost: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
        self.aborted = False
        self.http: dict[str, bytes] = {}

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        self.commands.append(command)
        marker = stdin.decode().strip()
        out = b""
        for line in script.read_batch(command) or ():
            self.lines.append(line)
            stdout, stderr, status = self.answer(line)
            out += f"\n@{marker} begin {line.id}\n".encode() + stdout
            out += f"\n@{marker} end {line.id}\n{stderr}\n{status}\n".encode()
        return RunResult(stdout=out, stderr=b"", exit_status=0, truncated=False)

    async def stream(self, command: str) -> FakeStream:
        self.commands.append(command)
        self.streams.append(FakeStream())
        return self.streams[-1]

    async def exchange(self, host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        for path, response in self.http.items():
            if path.encode() in request:
                return response
        raise ProblemError(Problem(kind=ProblemKind.CONNECTION_REFUSED, summary=f"{host}:{port} refused"))

    async def wait_lost(self) -> Problem:
        return await asyncio.shield(self.lost)

    def abort(self) -> None:
        self.aborted = True


class FakeConnector:
    """Gives out what `next_connection` makes: a connection, or the problem it raises."""

    def __init__(self, make: Callable[[NodeSpec], FakeConnection]) -> None:
        self.make = make
        self.tries = 0

    async def connect(self, node: NodeSpec) -> FakeConnection:
        self.tries += 1
        return self.make(node)

    async def close(self) -> None:
        pass
