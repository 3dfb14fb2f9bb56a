"""The measuring process against servers that answer every way a proxy can, on loopback; and its life and death."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.io import traffic_child
from haconsole.io.traffic import (
    MOST_OPEN,
    Ended,
    Said,
    Tally,
    Target,
    TrafficError,
    TrafficProcess,
    cadence_for,
    request_for,
    said,
)
from haconsole.io.traffic_child import status_of
from tests.support.wait import until, wait

URL = "http://203.0.113.80:8080/health?x=1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def proxy(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(*blocks: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for block in blocks:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(0)

    return handle


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@asynccontextmanager
async def measuring(port: int, url: str | None = URL, host: str = "127.0.0.1") -> AsyncIterator[list[Said]]:
    """What the process says of one lane, growing."""
    process = await TrafficProcess.start([Target(vip="v", host=host, port=port)], url)
    heard: list[Said] = []

    async def listen() -> None:
        while lines := await process.read():
            heard.extend(lines)

    listening = asyncio.ensure_future(listen())
    try:
        yield heard
        process.stop()
        await asyncio.wait_for(listening, 10)
    finally:
        listening.cancel()
        await process.ended()


def ended(heard: list[Said]) -> list[Ended]:
    return [x for x in heard if isinstance(x, Ended)]


async def outcomes(
    port: int, url: str | None = URL, host: str = "127.0.0.1"
) -> set[tuple[bool, int | None, str | None]]:
    async with measuring(port, url, host) as heard:
        await until(lambda: len(ended(heard)) >= 3)
    return {(e.ok, e.status, e.error) for e in ended(heard)}


@pytest.mark.parametrize(
    ("blocks", "outcome"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"body"], (True, 200, None)),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 No", b" Content\r\n\r\n"], (True, 204, None)),
        ([b"HTTP/1.1 301 Moved\r\n\r\n"], (False, 301, "the proxy answered 301")),
        ([b"HTTP/1.1 503 Service Unavailable\r\n\r\n"], (False, 503, "the proxy answered 503")),
        ([b"SSH-2.0-OpenSSH_9.2p1\r\n"], (False, None, "the answer is not HTTP")),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], (False, None, "the answer is not HTTP")),
        ([b"HTTP/1.1 200 OK\r\nContent-"], (False, None, "closed in the middle of its answer")),
        ([], (False, None, "closed without an answer")),
    ],
)
async def test_only_a_whole_head_with_2xx_is_good(
    blocks: list[bytes], outcome: tuple[bool, int | None, str | None]
) -> None:
    async with proxy(answering(*blocks)) as port:
        assert await outcomes(port) == {outcome}


async def test_without_a_url_a_connection_is_all_that_is_asked_for_and_ipv6_is_as_good() -> None:
    async with proxy(silent, "::1") as port:
        assert await outcomes(port, None, "::1") == {(True, None, None)}
    assert await outcomes(port, None, "::1") == {(False, None, "connection refused")}


async def test_the_request_is_one_to_a_proxy() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")

    async with proxy(handle) as port:
        await outcomes(port)
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"GET http://203.0.113.80:8080/health?x=1 HTTP/1.1"
    assert {b"Host: 203.0.113.80:8080", b"Connection: close", b"Cache-Control: no-cache"} <= set(lines)
    for bad in ("http://a/\r\nX: y", "http:///", "https://a/", "http://a/ b"):
        with pytest.raises(TrafficError, match="probe_url"):
            request_for(bad)


async def test_a_silent_proxy_costs_a_bounded_number_of_connections_and_none_is_good() -> None:
    open_now = most = 0

    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        with suppress(ConnectionError):
            await reader.read()
            await reader.read()
        open_now -= 1

    async with proxy(handle) as port, measuring(port) as heard:
        await until(lambda: len(ended(heard)) >= 2 * MOST_OPEN)
    found = ended(heard)
    assert {(e.ok, e.error) for e in found} == {(False, "connected, but no answer within 0.5 s")}
    assert all(e.ended - e.started >= 0.5 for e in found)
    events = sorted([(e.started, 1) for e in found] + [(e.ended, -1) for e in found])
    height = top = 0
    for _, step in events:
        height += step
        top = max(top, height)
    assert top <= MOST_OPEN


async def test_every_tick_is_accounted_for() -> None:
    async with proxy(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as port, measuring(port) as heard:
        await until(lambda: len(ended(heard)) >= 25)
    last = [x for x in heard if isinstance(x, Tally)][-1]
    begun, ok, failed, unjudged, held, _late, missed = last.lanes[0]
    assert begun == ok + failed + unjudged
    assert (ok, failed) == (sum(e.ok for e in ended(heard)), sum(not e.ok for e in ended(heard)))
    times = [e.started for e in ended(heard)]
    ticks = begun + held + missed
    assert ticks >= (max(times) - min(times)) // cadence_for(1)


async def test_a_process_that_stood_still_judges_nobody_by_it() -> None:
    """What timed out because the measuring process did not run is no failure, and its ticks are missed."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async with proxy(slow) as port:
        process = await TrafficProcess.start([Target(vip="v", host="127.0.0.1", port=port)], URL)
        try:
            heard = list(await process.read())
            while not ended(heard):
                heard += await process.read()
            os.kill(process.pid, signal.SIGSTOP)
            began = time.monotonic()
            await until(lambda: time.monotonic() - began > 0.7)
            os.kill(process.pid, signal.SIGCONT)
            while ended(heard)[-1].started < began + 0.7:
                heard += await process.read()
            process.stop()
            while lines := await process.read():
                heard += lines
        finally:
            await process.ended()
    begun, ok, failed, unjudged, _held, _late, missed = [x for x in heard if isinstance(x, Tally)][-1].lanes[0]
    assert (failed, begun) == (0, ok + unjudged)
    assert unjudged > 0
    assert missed >= 25


def orders() -> str:
    return (
        '{"targets": [["127.0.0.1", 9]], "request": null, "cadence_s": 0.02, "failed_after_s": 0.5, "most_open": 25}\n'
    )


@contextmanager
def console_with_a_child() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that runs the measuring process as the console does, and the latter's pid."""
    code = (
        "import subprocess, sys, time\n"
        f"c = subprocess.Popen([sys.executable, '-I', '-S', {traffic_child.__file__!r}], stdin=subprocess.PIPE,"
        " stdout=subprocess.PIPE)\n"
        f"c.stdin.write({orders().encode()!r}); c.stdin.flush(); c.stdout.readline()\n"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    console = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert console.stdout is not None
    try:
        yield console, int(console.stdout.readline())
    finally:
        console.kill()
        console.wait()
        console.stdout.close()


def test_it_dies_with_the_console_however_that_dies() -> None:
    with console_with_a_child() as (console, pid):
        assert Path(f"/proc/{pid}").exists()
        console.send_signal(signal.SIGKILL)
        console.wait()
        wait(lambda: not running(pid), 5, "the measuring process ends")


def running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_it_imports_nothing_but_a_few_modules_of_the_standard_library() -> None:
    code = f"import sys, runpy; runpy.run_path({traffic_child.__file__!r}); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"asyncio", "asyncssh", "textual", "pydantic", "h11", "haconsole", "site", "ssl"} & set(out.split())


@given(
    st.lists(st.sampled_from([b"HTTP/1.1 ", b"200", b" OK", b"\r", b"\n", b"100", b"a: b", b"\x00", b"999"])).map(
        b"".join
    )
)
def test_a_head_read_in_pieces_is_the_head_read_at_once(data: bytes) -> None:
    def read(part: bytes) -> int | str | None:
        try:
            return status_of(part)
        except ValueError:
            return "no HTTP"

    firsts = [found for i in range(len(data) + 1) if (found := read(data[:i])) is not None]
    assert (firsts[0] if firsts else None) == read(data)


@given(st.binary(max_size=60))
def test_what_is_not_a_line_of_the_process_is_an_error(line: bytes) -> None:
    with suppress(TrafficError):
        said(b"r" + line, 2)
    with suppress(TrafficError):
        said(line, 2)


def test_with_many_vips_the_cadence_is_slower_and_the_load_is_not_more() -> None:
    assert [cadence_for(n) for n in (1, 2, 8)] == [0.02] * 3
    assert 128 / cadence_for(128) == pytest.approx(400)


async def test_a_port_that_nobody_has_is_a_failure_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert await outcomes(taken.getsockname()[1]) == {(False, None, "connection refused")}
