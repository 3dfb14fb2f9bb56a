"""Ports that refuse, are silent, and serve; wires that are cut and mended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from haconsole.demo.gate import HOST, Gate, Mode
from haconsole.demo.relay import Relay
from tests.support.wait import until

QUIET_S = 0.15
"""How long nothing has to be heard before a port counts as silent."""


class _OverError(Exception):
    pass


@pytest.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group for gates; left by the same task that entered it."""
    ready: asyncio.Future[asyncio.TaskGroup] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                ready.set_result(group)
                await over.wait()
                raise _OverError
        except* _OverError:
            pass

    held = asyncio.ensure_future(hold())
    yield await ready
    over.set()
    await held


@pytest.fixture
async def gate(tasks: asyncio.TaskGroup) -> AsyncIterator[Gate]:
    async def serve(connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    made = Gate(tasks, serve)
    yield made
    made.close()


async def said(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"hello\n")
        return await reader.readline()
    finally:
        writer.close()


async def test_a_new_gate_refuses(gate: Gate) -> None:
    with pytest.raises(ConnectionRefusedError):
        await said(gate.port)


async def test_open(gate: Gate) -> None:
    gate.set(Mode.OPEN)
    assert await said(gate.port) == b"hello\n"
    assert gate.mode is Mode.OPEN


async def test_refused_again_on_the_same_port(gate: Gate) -> None:
    port = gate.port
    for _ in range(3):
        gate.set(Mode.OPEN)
        assert await said(port) == b"hello\n"
        gate.set(Mode.REFUSED)
        with pytest.raises(ConnectionRefusedError):
            await said(port)


@pytest.mark.parametrize("before", [Mode.OPEN, Mode.REFUSED])
async def test_silent_then_open_serves_who_waited(gate: Gate, before: Mode) -> None:
    gate.set(before)
    gate.set(Mode.SILENT)
    waiting = asyncio.ensure_future(said(gate.port))
    done, _ = await asyncio.wait({waiting}, timeout=QUIET_S)
    assert not done
    gate.set(Mode.OPEN)
    assert await asyncio.wait_for(waiting, 10) == b"hello\n"


async def test_silent_then_refused(gate: Gate) -> None:
    gate.set(Mode.SILENT)
    gate.set(Mode.REFUSED)
    with pytest.raises(ConnectionRefusedError):
        await said(gate.port)


async def test_a_cut_relay_holds_everything_back_and_loses_nothing() -> None:
    far, outside = socket.socketpair()
    near, inside = socket.socketpair()
    relay = Relay()
    await relay.join(outside, inside)
    far_reader, far_writer = await asyncio.open_connection(sock=far)
    near_reader, near_writer = await asyncio.open_connection(sock=near)
    far_writer.write(b"one\n")
    assert await near_reader.readline() == b"one\n"
    relay.set_cut(cut=True)
    far_writer.write(b"two\n")
    near_writer.write(b"three\n")
    reads = {asyncio.ensure_future(near_reader.readline()), asyncio.ensure_future(far_reader.readline())}
    done, _ = await asyncio.wait(reads, timeout=QUIET_S)
    assert not done
    relay.set_cut(cut=False)
    assert set(await asyncio.gather(*reads)) == {b"two\n", b"three\n"}
    far_writer.close()
    assert await near_reader.read() == b""
    near_writer.close()
    await asyncio.wait_for(relay.ended.wait(), 30)


async def test_an_aborted_relay_ends_both_sides() -> None:
    far, outside = socket.socketpair()
    near, inside = socket.socketpair()
    relay = Relay()
    await relay.join(outside, inside)
    relay.abort()
    await until(relay.ended.is_set)
    for end in (far, near):
        end.setblocking(True)
        assert end.recv(1) == b""
        end.close()
