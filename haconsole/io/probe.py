"""The client's view: one request through one VIP, as a browser that uses the proxy would make it.

Every failure is a value with an error in words. The environment's proxies are not looked at.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Final
from urllib.parse import urlsplit

import h11

from haconsole.model.events import ClientResult
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.parse.text import clean
from haconsole.version import __version__

_BLOCK: Final = 16 * 1024
_BODY_LIMIT: Final = 64 * 1024
"""Enough to be a client that reads its answer; more would be load on the proxy."""
_REFUSALS: Final = {403, 407}


class _Failure(Exception):  # noqa: N818 - an answer rather than an error
    """The probe's answer is no; the text says why."""


class HttpProbe:
    """Implements `io.ports.ClientProbe`."""

    def __init__(self, timeout_s: float = 2.0) -> None:
        """`timeout_s` bounds the whole probe: connect, request, answer."""
        self._timeout_s = timeout_s

    async def probe(self, cluster: ClusterSpec, vip: IpAddress) -> ClientResult:
        """See `io.ports.ClientProbe.probe`. `latency_s`: from the start of the connect to the whole
        status line (without `probe_url`: to the established connection).
        """
        host, port = cluster.dial.get((str(vip), cluster.squid_port), (str(vip), cluster.squid_port))
        attempt = _Attempt(host, port, cluster.probe_url, self._timeout_s)
        return await attempt.result()


class _Attempt:
    """One probe. `_doing` says what a timeout would mean."""

    def __init__(self, host: str, port: int, url: str | None, timeout_s: float) -> None:
        self._host, self._port, self._url, self._timeout_s = host, port, url, timeout_s
        self._started = asyncio.get_running_loop().time()
        self._late = "timed out connecting"
        self._status: int | None = None
        self._latency_s: float | None = None

    async def result(self) -> ClientResult:
        error: str | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._talk()
        except TimeoutError:
            error = self._late
        except _Failure as failure:
            error = str(failure)
        except OSError as failure:
            error = _words(failure)
        if self._status is not None:
            error = _judge(self._status)  # what became of the rest of the answer does not matter
        elif self._url is not None:
            self._latency_s = None
            error = error or "closed without an answer"
        return ClientResult(
            ok=error is None,
            checked="tcp" if self._url is None else "http",
            status=self._status,
            latency_s=self._latency_s,
            error=error,
        )

    async def _talk(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            if self._url is None:
                self._stop_watch()
                return
            self._late = f"connected, but no answer within {self._timeout_s:g} s"
            http = h11.Connection(h11.CLIENT)
            writer.write(_request(http, self._url))
            await writer.drain()
            await self._answer(http, reader)
        finally:
            # abort, not close: a peer that reads nothing must not hold our last bytes and the socket
            writer.transport.abort()

    def _stop_watch(self) -> None:
        if self._latency_s is None:
            self._latency_s = asyncio.get_running_loop().time() - self._started

    async def _answer(self, http: h11.Connection, reader: asyncio.StreamReader) -> None:
        """Read status line and headers, then the body up to its limit. Raises: _Failure."""
        start = b""
        received = 0
        at_end = False
        while received < _BODY_LIMIT and not (at_end and self._status is not None):
            try:
                event = http.next_event()
            except h11.RemoteProtocolError as error:
                raise _Failure(_broken(error, start, at_end=at_end)) from error
            if isinstance(event, h11.Response):
                self._status = event.status_code
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
                return
            elif event is h11.NEED_DATA:
                block = await reader.read(_BLOCK)
                at_end = not block
                received += len(block)
                start = (start + block)[:_BLOCK]
                if start and not b"HTTP/".startswith(start[:5]):
                    raise _Failure("the answer is not HTTP")  # h11 would wait for the end of the line
                if b"\n" in start:
                    self._stop_watch()
                http.receive_data(block)


def _broken(error: h11.RemoteProtocolError, start: bytes, *, at_end: bool) -> str:
    if not start:
        return "closed without an answer"
    if at_end:
        return "closed in the middle of its answer"
    return f"the answer is not HTTP: {clean(str(error))}"


def _request(http: h11.Connection, url: str) -> bytes:
    """The request line names the whole URL, as to a proxy. Raises: _Failure for a useless URL."""
    try:
        netloc = urlsplit(url).netloc.rpartition("@")[2]
        request = h11.Request(
            method="GET",
            target=url,
            headers=[
                ("Host", netloc),
                ("User-Agent", f"haconsole/{__version__}"),
                ("Accept", "*/*"),
                ("Cache-Control", "no-cache"),
                ("Connection", "close"),
            ],
        )
        return (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")
    except (ValueError, h11.LocalProtocolError) as error:
        raise _Failure(f"probe_url cannot be asked for: {error}") from error


def _judge(status: int) -> str | None:
    """None for 2xx and 3xx: the proxy serves."""
    if 200 <= status < 400:
        return None
    if status in _REFUSALS:
        return f"the proxy refused the probe ({status})"
    return f"the proxy answered with an error ({status})"


def _words(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "closed without an answer"
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return "no route to the address"
    return clean(os.strerror(error.errno) if error.errno else str(error))
