"""Commands, streams and the end of a connection against a real OpenSSH.

Every test that ends something looks at the node's processes: what must not happen is that a command
outlives the console.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from haconsole.io.ssh import SshConnector
from haconsole.io.ssh.connection import COMMANDS, STREAMS, SshConnection
from haconsole.model.problems import ProblemKind
from tests.contract.openssh_server import DEADLINE_S, Sshd, folder, keygen, missing, problem_of, runnable
from tests.support.wait import until

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Path, Path, Path]]:
    """Folder, key to log in, host key."""
    with folder() as path:
        if (why := runnable(path)) is not None:
            pytest.skip(why)
        yield path, keygen(path / "key"), keygen(path / "host_key")


@contextlib.asynccontextmanager
async def server(place: tuple[Path, Path, Path], *options: str) -> AsyncIterator[Sshd]:
    path, key, host_key = place
    sshd = Sshd(path / f"server{len(list(path.iterdir()))}", [host_key], [key], list(options))
    (sshd.folder / "known_hosts").write_text(sshd.known_hosts())
    try:
        yield sshd
    finally:
        sshd.stop()


@contextlib.asynccontextmanager
async def connected(sshd: Sshd, place: tuple[Path, Path, Path], **ssh) -> AsyncIterator[SshConnection]:
    connector = SshConnector(environ={"HOME": str(sshd.folder)})
    connection = await connector.connect(sshd.node(sshd.folder / "known_hosts", place[1], **ssh))
    try:
        yield connection
    finally:
        connection.abort()
        await connection.wait_lost()
        await connector.close()


@pytest.fixture
async def node(place: tuple[Path, Path, Path]) -> AsyncIterator[tuple[Sshd, SshConnection]]:
    async with server(place) as sshd, connected(sshd, place) as connection:
        yield sshd, connection


Node = tuple[Sshd, SshConnection]


async def echo(connection: SshConnection) -> None:
    assert (await connection.run("echo here", limit=100, timeout_s=DEADLINE_S)).stdout == b"here\n"


async def test_what_a_command_gives(node: Node) -> None:
    _, connection = node
    result = await connection.run("cat; echo e >&2; exit 7", stdin=b"\xff\x00in", limit=100, timeout_s=DEADLINE_S)
    assert (result.stdout, result.stderr, result.exit_status, result.truncated) == (b"\xff\x00in", b"e\n", 7, False)
    result = await connection.run("kill -9 $$", limit=100, timeout_s=DEADLINE_S)
    assert (result.stdout, result.exit_status) == (b"", None)
    assert (await connection.run("nothing-of-that-name", limit=100, timeout_s=DEADLINE_S)).exit_status == 127
    result = await connection.run("head -c 100 /dev/zero", limit=100, timeout_s=DEADLINE_S)
    assert (len(result.stdout), result.truncated) == (100, False)
    result = await connection.run("head -c 1000000 /dev/zero >&2", limit=100, timeout_s=DEADLINE_S)
    assert (len(result.stderr), result.truncated, result.exit_status) == (64 * 1024, False, 0)
    stdin = os.urandom(3_000_000)
    result = await connection.run("wc -c", stdin=stdin, limit=100, timeout_s=DEADLINE_S)
    assert result.stdout.strip() == b"3000000"
    result = await connection.run("true", stdin=stdin, limit=100, timeout_s=DEADLINE_S)
    assert result.exit_status == 0


async def test_invalid_utf8_hurts_nobody(node: Node) -> None:
    _, connection = node
    result = await connection.run(r"printf '\377\376\200'; printf '\377' >&2", limit=100, timeout_s=DEADLINE_S)
    assert (result.stdout, result.stderr) == (b"\xff\xfe\x80", b"\xff")
    await echo(connection)


async def test_100_mb_are_cut_and_others_go_on(node: Node) -> None:
    sshd, connection = node
    big = [
        connection.run("head -c 100000000 /dev/zero; sleep 1000", limit=5000, timeout_s=DEADLINE_S) for _ in range(2)
    ]
    *cut, _, _ = await asyncio.gather(*big, echo(connection), echo(connection))
    for result in cut:
        assert (len(result.stdout), result.truncated, result.exit_status) == (5000, True, None)
    await until(lambda: not sshd.running("sleep 1000"), DEADLINE_S)
    await echo(connection)


async def test_hung_command_is_ended(node: Node) -> None:
    sshd, connection = node
    problem = await problem_of(connection.run("sleep 1001", limit=100, timeout_s=0.5))
    assert problem.kind is ProblemKind.COMMAND_TIMED_OUT
    assert "it was ended" in problem.summary
    assert not sshd.running("sleep 1001")
    await echo(connection)


async def test_command_that_ignores_term_is_killed(node: Node) -> None:
    sshd, connection = node
    problem = await problem_of(connection.run("trap '' TERM; sleep 1002; sleep 1002", limit=100, timeout_s=0.5))
    assert problem.kind is ProblemKind.COMMAND_TIMED_OUT
    await until(lambda: not sshd.running("sleep 1002"), DEADLINE_S)
    await echo(connection)


async def test_cancelled_commands_leave_nothing(node: Node) -> None:
    sshd, connection = node
    for _ in range(12):  # more than MaxSessions: each gives its place back
        run = asyncio.ensure_future(connection.run("sleep 1003", limit=100, timeout_s=DEADLINE_S))
        await until(lambda: sshd.running("sleep 1003"), DEADLINE_S)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await until(lambda: not sshd.running("sleep 1003"), DEADLINE_S)
    await echo(connection)


async def test_cancelled_while_being_started(node: Node) -> None:
    sshd, connection = node
    for turns in range(30):
        run = asyncio.ensure_future(connection.run("sleep 1004", limit=100, timeout_s=DEADLINE_S))
        for _ in range(turns):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    for _ in range(12):
        await echo(connection)
    await until(lambda: not sshd.running("sleep 1004"), DEADLINE_S)


async def test_waiting_for_a_place_counts(node: Node) -> None:
    _, connection = node
    async with asyncio.TaskGroup() as tasks:
        hung = [
            tasks.create_task(problem_of(connection.run("sleep 1005", limit=1, timeout_s=1.5))) for _ in range(COMMANDS)
        ]
        await asyncio.sleep(0)
        problem = await problem_of(connection.run("true", limit=1, timeout_s=0.2))
    assert problem.kind is ProblemKind.COMMAND_TIMED_OUT
    assert "not started" in problem.summary
    assert {task.result().kind for task in hung} == {ProblemKind.COMMAND_TIMED_OUT}


async def test_max_sessions_of_the_node(place: tuple[Path, Path, Path]) -> None:
    async with server(place, "MaxSessions 2") as sshd, connected(sshd, place) as connection:
        streams = [await connection.stream("cat") for _ in range(2)]
        problem = await problem_of(connection.run("true", limit=1, timeout_s=DEADLINE_S))
        assert problem.kind is ProblemKind.PROTOCOL
        assert "MaxSessions" in (problem.remedy or "")
        await streams[0].stop()
        await echo(connection)


async def test_three_commands_and_six_streams_are_below_the_default(node: Node) -> None:
    sshd, connection = node
    streams = [await connection.stream("echo up; sleep 1006") for _ in range(STREAMS)]
    for stream in streams:
        assert await stream.read() == b"up\n"
    await asyncio.gather(*(echo(connection) for _ in range(3 * COMMANDS)))
    await asyncio.gather(*(stream.stop() for stream in streams))
    await until(lambda: not sshd.running("sleep 1006"), DEADLINE_S)
    assert await streams[0].read() == b""


async def test_a_stream_is_a_dialogue(node: Node) -> None:
    _, connection = node
    stream = await connection.stream("while read -r line; do echo got $line; echo noise >&2; done; echo end")
    await stream.write(b"a\n")
    assert await stream.read() == b"got a\n"
    await stream.write(b"\xff\n")
    assert await stream.read() == b"got \xff\n"
    await stream.stop()
    await stream.stop()
    await stream.write(b"nobody hears it\n")
    assert await stream.read() == b""


async def test_a_stream_that_ends_by_itself(node: Node) -> None:
    _, connection = node
    stream = await connection.stream("echo last; exit 3")
    assert await stream.read() == b"last\n"
    assert await stream.read() == b""
    assert await stream.read() == b""
    await stream.stop()


async def test_a_slow_reader_loses_nothing_and_holds_up_nobody(node: Node) -> None:
    _, connection = node
    stream = await connection.stream("head -c 20000000 /dev/zero; head -c 5000000 /dev/zero >&2; echo")
    await echo(connection)
    total = 0
    while block := await stream.read():
        assert len(block) <= 64 * 1024
        total += len(block)
    assert total == 20_000_001


async def test_stop_of_a_full_stream(node: Node) -> None:
    sshd, connection = node
    stream = await connection.stream("cat /dev/zero")
    await stream.read()
    await stream.stop()
    await until(lambda: not sshd.running("cat /dev/zero"), DEADLINE_S)
    await echo(connection)


async def test_a_cancelled_read_loses_nothing(node: Node) -> None:
    _, connection = node
    stream = await connection.stream("cat")
    read = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0)
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    await stream.write(b"x")
    assert await stream.read() == b"x"


async def test_exchange_from_the_node(node: Node) -> None:
    _, connection = node

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        if request == b"wait\n":
            await reader.read()
        writer.write(b"you said " + request + b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as peer:
        port = peer.sockets[0].getsockname()[1]
        whole = await connection.exchange("127.0.0.1", port, b"hello\n", limit=1_000_000, timeout_s=DEADLINE_S)
        assert whole == b"you said hello\n" + b"x" * 100_000
        assert await connection.exchange("127.0.0.1", port, b"hello\n", limit=4, timeout_s=DEADLINE_S) == b"you "
        problem = await problem_of(connection.exchange("127.0.0.1", port, b"wait\n", limit=4, timeout_s=0.3))
        assert problem.kind is ProblemKind.TIMED_OUT
    problem = await problem_of(connection.exchange("127.0.0.1", port, b"hello\n", limit=4, timeout_s=DEADLINE_S))
    assert problem.kind is ProblemKind.CONNECTION_REFUSED


async def test_exchange_where_forwarding_is_forbidden(place: tuple[Path, Path, Path]) -> None:
    async with server(place, "AllowTcpForwarding no") as sshd, connected(sshd, place) as connection:
        problem = await problem_of(connection.exchange("127.0.0.1", sshd.port, b"", limit=4, timeout_s=DEADLINE_S))
        assert problem.kind is ProblemKind.CONNECTION_REFUSED
        assert "AllowTcpForwarding" in (problem.remedy or "")


async def all_lost(sshd: Sshd, connection: SshConnection, end: Callable[[], None]) -> None:
    """A stream, a command and an exchange learn of the end, and everything after it too."""
    stream = await connection.stream("sleep 1007")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as peer:
        port = peer.sockets[0].getsockname()[1]
        waiting = asyncio.gather(
            problem_of(connection.run("sleep 1007", limit=1, timeout_s=DEADLINE_S)),
            problem_of(stream.read()),
            problem_of(connection.exchange("127.0.0.1", port, b"", limit=1, timeout_s=DEADLINE_S)),
        )
        await until(lambda: peer._active_count and len(sshd.running("sleep 1007")) >= 2, DEADLINE_S)
        end()
        problems = [await asyncio.wait_for(connection.wait_lost(), DEADLINE_S), *await waiting]
        problems.append(await problem_of(connection.run("true", limit=1, timeout_s=DEADLINE_S)))
        problems.append(await problem_of(connection.stream("true")))
        problems.append(await problem_of(connection.exchange("127.0.0.1", port, b"", limit=1, timeout_s=DEADLINE_S)))
        problems.append(await problem_of(stream.write(b"x")))
    await stream.stop()
    assert {problem.kind for problem in problems} == {ProblemKind.LINK_LOST}
    assert all("node1" in problem.summary for problem in problems)


async def test_sshd_is_killed(node: Node) -> None:
    sshd, connection = node
    await all_lost(sshd, connection, sshd.stop)


async def test_sshd_stops_answering(place: tuple[Path, Path, Path]) -> None:
    async with server(place) as sshd, connected(sshd, place, keepalive_s=0.2) as connection:

        def freeze() -> None:
            for pid in sshd.processes():
                os.kill(pid, signal.SIGSTOP)

        await all_lost(sshd, connection, freeze)
        assert "no answer for 0.6 s" in (await connection.wait_lost()).summary


async def test_a_session_that_the_end_took_away_while_it_started_is_a_lost_link(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncssh 2.24 has an AttributeError for it; of one that has another reason nothing is made."""
    _, connection = node

    async def stumbles(*_: object, **__: object) -> None:
        if ends:
            connection.abort()
        raise AttributeError("'NoneType' object has no attribute 'session_started'")

    monkeypatch.setattr(connection._connection, "create_session", stumbles)
    ends = False
    with pytest.raises(AttributeError):
        await connection.run("true", limit=1, timeout_s=DEADLINE_S)
    ends = True
    problem = await problem_of(connection.run("true", limit=1, timeout_s=DEADLINE_S))
    assert problem.kind is ProblemKind.LINK_LOST


async def test_we_abort(node: Node) -> None:
    sshd, connection = node
    await echo(connection)
    await all_lost(sshd, connection, connection.abort)
    connection.abort()
