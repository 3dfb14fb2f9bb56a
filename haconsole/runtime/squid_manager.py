"""squid's cache manager over a connection that the node's sshd makes for us: no program needed there.

Pages `counters`, `info` and `5min`, asked as squid-cache's manager interface wants it
(`/squid-internal-mgr/PAGE`, squid 3.2 and later). Allowed by squid's default
`http_access allow localhost manager`.
"""

from __future__ import annotations

from typing import Final

import h11

from haconsole.io.ports import Connection
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import SquidCounters
from haconsole.parse import squid
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode

LIMIT: Final = 256 * 1024
TIMEOUT_S: Final = 3.0


async def counters(connection: Connection, node: str, host: str, port: int) -> SquidCounters:
    """What the cache manager counts. `host`: an address squid listens on, as the node sees it.

    Raises: ProblemError.
    """
    parts: dict[str, SquidCounters] = {}
    for page, parse in _PARSERS.items():
        body = await _page(connection, node, host, port, page)
        try:
            parts[page] = parse(body)
        except ParseError as error:
            raise ProblemError(_unreadable(node, page, str(error))) from error
    return squid.merge(counters=parts["counters"], info=parts["info"], five_min=parts["5min"])


_PARSERS: Final = {"counters": squid.parse_counters, "info": squid.parse_info, "5min": squid.parse_5min}
"""Page -> its parser."""


def request(host: str, port: int, page: str) -> bytes:
    """The request's bytes, in origin form: squid puts its own name in front."""
    client = h11.Connection(h11.CLIENT)
    shown = f"[{host}]" if ":" in host else host
    headers = [("Host", f"{shown}:{port}"), ("Connection", "close"), ("User-Agent", "haconsole")]
    head = client.send(h11.Request(method="GET", target=f"/squid-internal-mgr/{page}", headers=headers))
    return (head or b"") + (client.send(h11.EndOfMessage()) or b"")


def response(data: bytes) -> tuple[int, bytes]:
    """(status, body) of one HTTP response. Raises: ParseError."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    client.receive_data(b"")
    status, body = 0, bytearray()
    try:
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif not isinstance(event, h11.InformationalResponse):
                break
    except h11.RemoteProtocolError as error:
        if not status:
            raise ParseError(f"not an HTTP response: {error}") from error
    if not status:
        raise ParseError("no HTTP response")
    return status, bytes(body)


async def _page(connection: Connection, node: str, host: str, port: int, page: str) -> str:
    data = await connection.exchange(host, port, request(host, port, page), limit=LIMIT, timeout_s=TIMEOUT_S)
    try:
        status, body = response(data)
    except ParseError as error:
        raise ProblemError(_unreadable(node, page, str(error))) from error
    if status != 200:
        raise ProblemError(
            Problem(
                kind=ProblemKind.NOT_PERMITTED if status in {401, 403} else ProblemKind.COMMAND_FAILED,
                summary=f"{node}: squid's cache manager answered {status} for {page}",
                remedy="in squid.conf: http_access allow localhost manager",
            )
        )
    return decode(body)


def _unreadable(node: str, page: str, detail: str) -> Problem:
    return Problem(
        kind=ProblemKind.OUTPUT_UNREADABLE,
        summary=f"{node}: squid's cache manager page {page} could not be read",
        detail=detail,
    )
