"""The client probe against servers that answer every way a proxy can, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address

import pytest

from haconsole.io.probe import HttpProbe
from haconsole.model.events import ClientResult
from haconsole.model.spec import ClusterSpec
from haconsole.version import __version__

URL = "http://203.0.113.80:8080/health?x=1"
VIP = ip_address("192.0.2.101")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def proxy(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server whose every connection is handled by `handler`, then closed."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await handler(reader, writer)
        finally:
            writer.transport.abort() if getattr(handler, "reset", False) else writer.close()

    server = await asyncio.start_server(handle, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(data: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return handle


async def probe(port: int, url: str | None = URL, *, timeout_s: float = 5.0, host: str = "127.0.0.1") -> ClientResult:
    cluster = ClusterSpec(name="c", nodes=(), probe_url=url, squid_port=3128, dial={(str(VIP), 3128): (host, port)})
    return await HttpProbe(timeout_s).probe(cluster, VIP)


@pytest.mark.parametrize("status", [200, 204, 301, 304])
async def test_an_answer_is_ok(status: int) -> None:
    async with proxy(answering(b"HTTP/1.1 %d Fine\r\nContent-Length: 0\r\n\r\n" % status)) as port:
        result = await probe(port)
    assert (result.ok, result.checked, result.status, result.error) == (True, "http", status, None)
    assert result.latency_s is not None
    assert result.latency_s > 0


async def test_the_request_is_one_to_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nbody")

    async with proxy(handle) as port:
        assert (await probe(port)).ok
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"GET http://203.0.113.80:8080/health?x=1 HTTP/1.1"
    assert b"Host: 203.0.113.80:8080" in lines
    assert b"Connection: close" in lines
    assert b"Cache-Control: no-cache" in lines
    assert f"User-Agent: haconsole/{__version__}".encode() in lines


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, "the proxy refused the probe (403)"),
        (407, "the proxy refused the probe (407)"),
        (404, "the proxy answered with an error (404)"),
        (503, "the proxy answered with an error (503)"),
    ],
)
async def test_a_proxy_that_answers_no(status: int, error: str) -> None:
    async with proxy(answering(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)) as port:
        result = await probe(port)
    assert (result.ok, result.status, result.error) == (False, status, error)
    assert result.latency_s is not None


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "the answer is not HTTP"),
        (b"\x16\x03\x01\x02", "the answer is not HTTP"),
        (b"HTTP/1.1 2", "closed in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nA", "closed in the middle of its answer"),
    ],
)
async def test_answers_that_are_none(data: bytes, error: str) -> None:
    async with proxy(answering(data)) as port:
        result = await probe(port)
    assert (result.ok, result.status, result.latency_s, result.error) == (False, None, None, error)


@pytest.mark.parametrize(
    "data", [b"HTTP/9 two hundred\r\n\r\n", b"HTTP/1.1 200 OK\r\n\x1b[31m\r\n\r\n", b"HTTP/" + b"x" * 90_000]
)
async def test_broken_http_is_said_in_clean_words(data: bytes) -> None:
    async with proxy(answering(data)) as port:
        result = await probe(port)
    assert result.error is not None
    assert result.error.startswith("the answer is not HTTP")
    assert "\x1b" not in result.error


async def test_informational_answers_are_not_the_answer() -> None:
    async with proxy(answering(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        assert (await probe(port)).status == 200


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with proxy(handle) as port:
        assert (await probe(port, timeout_s=30)).ok


@pytest.mark.parametrize("tail", [b"", b"Content-Length: 100\r\n\r\nshort"])
async def test_a_body_that_never_ends_does_not_matter(tail: bytes) -> None:
    release = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + (tail or b"\r\n"))
        await release.wait()

    async with proxy(handle) as port:
        result = await probe(port, timeout_s=0.3)
        release.set()
    assert (result.ok, result.status) == (True, 200)


async def test_no_answer_in_time() -> None:
    release = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()

    async with proxy(handle) as port:
        result = await probe(port, timeout_s=0.2)
        release.set()
    assert (result.ok, result.error) == (False, "connected, but no answer within 0.2 s")


async def test_a_reset_is_closed_without_an_answer() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)

    handle.reset = True  # type: ignore[attr-defined]
    async with proxy(handle) as port:
        assert (await probe(port)).error == "closed without an answer"


async def test_connection_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = await probe(unused.getsockname()[1])
    assert (result.ok, result.error) == (False, "connection refused")


async def test_a_full_backlog_times_out_connecting() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # Linux drops the SYN when the backlog is full
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        result = await probe(listener.getsockname()[1], timeout_s=0.3)
    assert (result.ok, result.error) == (False, "timed out connecting")


async def test_without_a_url_only_the_port_is_tried() -> None:
    async with proxy(answering(b"")) as port:
        result = await probe(port, url=None)
    assert (result.ok, result.checked, result.status) == (True, "tcp", None)
    assert result.latency_s is not None
    assert (await probe(port, url=None)).error == "connection refused"


async def test_ipv6() -> None:
    try:
        async with proxy(answering(b"HTTP/1.1 200 OK\r\n\r\n"), "::1") as port:
            assert (await probe(port, host="::1")).ok
    except OSError:
        pytest.skip("no IPv6 loopback here")


async def test_without_a_dial_entry_the_vip_itself_is_asked() -> None:
    async with proxy(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        cluster = ClusterSpec(name="c", nodes=(), probe_url=URL, squid_port=port)
        assert (await HttpProbe().probe(cluster, ip_address("127.0.0.1"))).ok


async def test_a_useless_url_is_an_error_not_an_exception() -> None:
    async with proxy(answering(b"")) as port:
        result = await probe(port, url="http://h/with blank")
    assert result.error is not None
    assert result.error.startswith("probe_url cannot be asked for")
