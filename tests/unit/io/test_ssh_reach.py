"""Nodes that cannot be reached, or answer something else than SSH: each failure in its own words."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncssh
import pytest

from haconsole.io.ssh import SshConnector, dial, problems
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import NodeSpec, SshSpec

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GREETING = b"SSH-2.0-OpenSSH_9.9\r\n"


@contextlib.asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(data: bytes, then_close: asyncio.Event | None = None) -> Handler:
    """Sends `data`; closes at once, or when the event is set."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then_close is not None:
            await then_close.wait()

    return handle


async def connect(tmp_path: Path, port: int, address: str = "127.0.0.1", **ssh) -> Problem:
    """The problem of connecting there."""
    ssh = {"connect_timeout_s": 5.0, "known_hosts": tmp_path / "hosts", "user": "ops", "port": port, **ssh}
    node = NodeSpec(name="node1", address=address, ssh=SshSpec(**ssh))
    with pytest.raises(ProblemError) as caught:
        await SshConnector(environ={"HOME": str(tmp_path)}).connect(node)
    assert caught.value.problem.summary.startswith("node1: ")
    return caught.value.problem


async def test_refused(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        problem = await connect(tmp_path, port)
    assert problem.kind is ProblemKind.CONNECTION_REFUSED
    assert f"127.0.0.1:{port}" in problem.summary


async def test_a_node_that_people_know_by_another_address_is_told_by_that_one(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        node = NodeSpec(
            name="node1",
            address="127.0.0.1",
            shown_address="192.168.2.251",
            ssh=SshSpec(known_hosts=tmp_path / "hosts", user="ops", port=port),
        )
        with pytest.raises(ProblemError) as caught:
            await SshConnector(environ={"HOME": str(tmp_path)}).connect(node)
    problem = caught.value.problem
    assert problem.summary == "node1: 192.168.2.251 refused the connection: no SSH server listens there"
    said = f"{problem.summary} {problem.remedy} {problem.detail}"
    assert str(port) not in said and "127.0.0.1" not in said


async def test_no_answer_to_the_syn(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        problem = await connect(tmp_path, listener.getsockname()[1], connect_timeout_s=0.2)
    assert problem.kind is ProblemKind.TIMED_OUT
    assert "no answer at all" in problem.summary
    assert "0.2 s" in problem.summary


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "no SSH greeting came"), (b"hello\r\n", "no SSH greeting came"), (GREETING, "during the key exchange")],
)
async def test_a_server_that_hangs(tmp_path: Path, data: bytes, words: str) -> None:
    release = asyncio.Event()
    async with listening(saying(data, release)) as port:
        problem = await connect(tmp_path, port, connect_timeout_s=0.3)
        release.set()
    assert problem.kind is ProblemKind.TIMED_OUT
    assert words in problem.summary


@pytest.mark.parametrize(("data", "words"), [(b"", "before its greeting"), (GREETING, "during the key exchange")])
async def test_a_server_that_hangs_up(tmp_path: Path, data: bytes, words: str) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await reader.readline()

    async with listening(handle) as port:
        problem = await connect(tmp_path, port)
    assert problem.kind is ProblemKind.LINK_LOST
    assert words in problem.summary


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-1.5-old\r\n",
        b"x" * 100_000,
        b"\r\n" * 5000,
        b"SSH-2.0-\xff\xfe\r\n",
        GREETING + b"\x00\x00\x00\x0c\x0a\x14" + b"\xff" * 4000,
        GREETING + b"\xff" * 4000,
        GREETING + bytes(4000),
    ],
    ids=["old", "endless line", "endless banner", "greeting not ASCII", "bad packet", "huge packet", "zeros"],
)
async def test_rubbish(tmp_path: Path, data: bytes) -> None:
    release = asyncio.Event()
    async with listening(saying(data, release)) as port:
        problem = await connect(tmp_path, port)
        release.set()
    assert problem.kind is ProblemKind.PROTOCOL
    assert not any(ord(char) < 32 for char in problem.summary)


async def test_a_reason_with_escape_sequences_is_harmless(tmp_path: Path) -> None:
    text = b"\x1b]0;owned\x07\x1b[2J"
    payload = bytes([1]) + (2).to_bytes(4, "big") + len(text).to_bytes(4, "big") + text + bytes(4)
    padding = 8 - (len(payload) + 5) % 8 + 8
    packet = (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)
    release = asyncio.Event()
    async with listening(saying(GREETING + packet, release)) as port:
        problem = await connect(tmp_path, port)
        release.set()
    assert "owned" in problem.summary
    assert "\x1b" not in f"{problem.summary}{problem.remedy}{problem.detail}"


async def test_unknown_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    error: list[OSError] = [socket.gaierror(socket.EAI_NONAME, "Name or service not known")]

    def lookup(host, *args, flags: int = 0, **more):
        if flags & socket.AI_NUMERICHOST:
            return real(host, *args, flags=flags, **more)
        raise error[0]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    problem = await connect(tmp_path, 22, "proxy-serv01")
    assert problem.kind is ProblemKind.NAME_UNKNOWN
    assert "'proxy-serv01' is not known" in problem.summary
    error[0] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert "no name server" in (await connect(tmp_path, 22, "proxy-serv01")).summary


async def test_a_lookup_that_hangs_hurts_no_other_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()
    real = socket.getaddrinfo

    def lookup(host, *args, flags: int = 0, **more):
        if not flags & socket.AI_NUMERICHOST:
            release.wait(30)
        return real("127.0.0.1" if not flags else host, *args, flags=flags, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    try:
        slow = [connect(tmp_path, 22, f"name{i}", connect_timeout_s=0.3) for i in range(40)]
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            *hung, refused = await asyncio.gather(*slow, connect(tmp_path, unused.getsockname()[1]))
    finally:
        release.set()
    assert {problem.kind for problem in hung} == {ProblemKind.TIMED_OUT}
    assert "name lookup" in hung[0].summary
    assert refused.kind is ProblemKind.CONNECTION_REFUSED


async def test_the_next_address_is_tried() -> None:
    async with listening(saying(b"")) as port:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = (socket.AF_INET, unused.getsockname())
            sock = await dial.connect_any([dead, (socket.AF_INET, ("127.0.0.1", port))], None, 5.0)
            assert sock.getpeername()[1] == port
            sock.close()
            with pytest.raises(ConnectionRefusedError):
                await dial.connect_any([dead], None, 5.0)


@pytest.mark.parametrize("code", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EIO])
def test_unreachable_says_why(code: int) -> None:
    problem = problems.cannot_connect("n", "2001:db8::1", 22, OSError(code, "words")).problem
    assert problem.kind is ProblemKind.UNREACHABLE
    assert "[2001:db8::1]:22" in problem.summary


def test_asyncssh_writes_nothing_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    SshConnector()
    asyncssh.logging.logger.error("something bad")
    assert logging.getLogger("asyncssh").level == logging.WARNING
    assert capfd.readouterr().err == ""
