"""Standard error of a stream against a real OpenSSH: kept where it is wanted, and never in the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from haconsole.io.ssh.connection import SshConnection
from haconsole.model.problems import ProblemKind
from tests.contract.openssh_server import DEADLINE_S, Place, missing, problem_of

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


@pytest.fixture
async def connection(place: Place) -> AsyncIterator[SshConnection]:
    opened = await place.connector().connect(place.node.node(place.known, place.key))
    yield opened
    opened.abort()
    await opened.wait_lost()


async def everything(read) -> bytes:
    found = b""
    async with asyncio.timeout(DEADLINE_S):
        while block := await read():
            found += block
    return found


async def test_both_outputs_come_each_on_its_own(connection: SshConnection) -> None:
    stream = await connection.stream(r"echo out; printf 'e\377\n' >&2; read x; echo $x >&2; echo end", errors=True)
    assert await stream.read() == b"out\n"
    assert await stream.read_errors() == b"e\xff\n"
    await stream.write(b"answer\n")
    assert await everything(stream.read_errors) == b"answer\n"
    assert await everything(stream.read) == b"end\n"
    assert await stream.read_errors() == b""
    await stream.stop()


async def test_errors_that_nobody_fetches_are_bounded_and_hold_up_nothing(connection: SshConnection) -> None:
    stream = await connection.stream("head -c 5000000 /dev/zero >&2; head -c 3000000 /dev/zero", errors=True)
    assert len(await everything(stream.read)) == 3_000_000
    assert len(await everything(stream.read_errors)) == 64 * 1024
    await stream.stop()


async def test_a_stream_that_was_not_asked_to_keep_them_has_none(connection: SshConnection) -> None:
    stream = await connection.stream("echo bad >&2; echo out; cat")
    assert await stream.read() == b"out\n"
    assert await stream.read_errors() == b""
    await stream.stop()


async def test_a_cancelled_wait_for_errors_loses_nothing(connection: SshConnection) -> None:
    stream = await connection.stream("read x; echo $x >&2; cat", errors=True)
    waiting = asyncio.ensure_future(stream.read_errors())
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await stream.write(b"late\n")
    assert await stream.read_errors() == b"late\n"
    await stream.stop()


async def test_a_lost_connection_is_told_to_who_waits_for_errors(connection: SshConnection) -> None:
    stream = await connection.stream("cat", errors=True)
    waiting = asyncio.ensure_future(problem_of(stream.read_errors()))
    await asyncio.sleep(0)
    connection.abort()
    async with asyncio.timeout(DEADLINE_S):
        assert (await waiting).kind is ProblemKind.LINK_LOST
