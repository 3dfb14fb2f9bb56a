"""`squid -v`, `squid -k check` and the cache manager's pages -> version, verdict, counters.

Sources: squid(8), src/stat.cc of squid; run on 4.13, 5.7 and 6.13, with one worker and with two
(squid adds the workers up itself, but counts a client once a worker). 3.5 writes the same words.

The pages: `counters` grows for ever and is of the moment, though its `sample_time` may be a
minute old; `info` and `5min` come from a table that squid fills once a minute: in the first
minute after a start they show zeros that mean nothing. Asking for a page is itself a request.
"""

from __future__ import annotations

import re
from typing import Final

from haconsole.model.readings import SquidCounters
from haconsole.parse.command_secrets import hide
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LIMIT: Final = 1 << 18
_TEXT: Final = 400
_TICK_S: Final = 60.0
"""How often squid fills its table."""

_VERSION: Final = re.compile(r"Squid Cache: Version ([^\s]{1,64})")
_STAMP: Final = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?: kid[0-9]{1,5})?\| ")
_NOT_ALLOWED: Final = ("Permission denied", "Operation not permitted")
_SUDO: Final = ("password", "not allowed", "may not run", "command not found", "tty")
_REASONS: Final = ("No running copy", "FATAL", "unrecognized", "ERROR")
"""Words of the line that says why, best first."""

_COUNTER: Final = re.compile(r"^(client_http\.(?:requests|hits|errors)) = ([0-9]{1,20})$", re.MULTILINE)
_RATE: Final = re.compile(r"^(client_http\.(?:requests|hits)) = ([0-9]{1,12}\.[0-9]{1,9})/sec$", re.MULTILINE)
_SAMPLE: Final = re.compile(r"^sample_(start|end)_time = ([0-9]{1,12})\.[0-9]{1,6} ", re.MULTILINE)
_INFO_CLIENTS: Final = re.compile(r"^\s?Number of clients accessing cache:[ \t]*([0-9]{1,12})$", re.MULTILINE)
_INFO_REQUESTS: Final = re.compile(r"^\s?Number of HTTP requests received:[ \t]*([0-9]{1,20})$", re.MULTILINE)
_INFO_RATE: Final = re.compile(
    r"^\s?Average HTTP requests per minute since start:[ \t]*([0-9]{1,12}(?:\.[0-9]{1,9})?)$", re.MULTILINE
)
_INFO_HITS: Final = re.compile(
    r"^\s?Hits as % of all requests:[ \t]*5min: (-?[0-9]{1,4}(?:\.[0-9]{1,6})?)%", re.MULTILINE
)
_INFO_UPTIME: Final = re.compile(r"^\s?UP Time:[ \t]*([0-9]{1,12}(?:\.[0-9]{1,6})?) seconds", re.MULTILINE)


def parse_version(text: str) -> str:
    """Return the version from `squid -v` (`Squid Cache: Version 5.7`). Raises: ParseError."""
    found = _VERSION.search(text[:_LIMIT])
    if found is None:
        raise ParseError(f"squid's version was expected, not: {clean(text[:80])}")
    return clean(found[1])


def parse_check(stdout: str, stderr: str, status: int | None) -> tuple[bool | None, str]:
    """Return the verdict of `squid -k check` and squid's reason, empty when all is well.

    `status` 0: True, the configuration is sound and the process is there (which does not mean
    that it answers). False: squid said no (exit 1, or 255 in squid 4). None: it could not tell:
    the command did not run or end (None, 124 to 128, killed), or may not read what it needs.
    """
    lines = _lines(stderr) + _lines(stdout)
    if status == 0:
        return True, ""
    reason = _reason(lines)
    if status is None or (status >= 124 and status != 255) or status < 0:
        return None, reason
    unable = any(words in line for words in _NOT_ALLOWED for line in lines if "FATAL" in line or "ERROR" in line)
    refused = any(line.startswith(("sudo:", "Sorry, ")) and any(w in line for w in _SUDO) for line in lines)
    return (None if unable or refused else False), reason


def parse_counters(text: str) -> SquidCounters:
    """Return requests, hits and errors since squid's start from the page `counters`.

    Raises: ParseError if the page tells no number of requests (an error page does not).
    """
    values = {name: int(value) for name, value in _COUNTER.findall(_page(text))}
    if "client_http.requests" not in values:
        raise ParseError(f"squid's counters were expected, not: {clean(text[:80])}")
    return SquidCounters(
        client_requests=values["client_http.requests"],
        client_hits=values.get("client_http.hits"),
        client_errors=values.get("client_http.errors"),
    )


def parse_info(text: str) -> SquidCounters:
    """Return clients, requests, average rate since start and hit ratio from the page `info`.

    `clients` is None under `client_db off`; `hit_ratio` None in the first minute after a start.
    Raises: ParseError if it is not that page.
    """
    page = _page(text)
    rate = _INFO_RATE.search(page)
    requests = _INFO_REQUESTS.search(page)
    if rate is None and requests is None:
        raise ParseError(f"squid's general information was expected, not: {clean(text[:80])}")
    clients = _INFO_CLIENTS.search(page)
    return SquidCounters(
        client_requests=None if requests is None else int(requests[1]),
        clients=None if clients is None else int(clients[1]),
        requests_per_s=None if rate is None else float(rate[1]) / 60,
        hit_ratio=_info_hits(page),
    )


def parse_5min(text: str) -> SquidCounters:
    """Return the rate of requests and the hit ratio of the last five minutes from the page `5min`.

    Both are None in the first minute after a start, the ratio also when there was no request.
    Raises: ParseError if it is not that page.
    """
    page = _page(text)
    rates = {name: float(value) for name, value in _RATE.findall(page)}
    sample = {name: int(value) for name, value in _SAMPLE.findall(page)}
    if "client_http.requests" not in rates or len(sample) != 2:
        raise ParseError(f"squid's five-minute averages were expected, not: {clean(text[:80])}")
    # With two workers start and end of an empty sample differ by a few milliseconds.
    if sample["end"] - sample["start"] < _TICK_S / 2:
        return SquidCounters()
    requests, hits = rates["client_http.requests"], rates.get("client_http.hits")
    return SquidCounters(
        requests_per_s=requests,
        hit_ratio=min(hits / requests, 1.0) if requests and hits is not None else None,
    )


def merge(
    *, counters: SquidCounters | None, info: SquidCounters | None, five_min: SquidCounters | None
) -> SquidCounters:
    """Return one value from the pages that could be read: each field from the page that knows best.

    Rate: five minutes, else since start. Hit ratio: five minutes (None if nobody asked), else info's.
    """
    counters, info, five = counters or SquidCounters(), info or SquidCounters(), five_min or SquidCounters()
    recent = five.requests_per_s is not None
    return SquidCounters(
        client_requests=counters.client_requests if counters.client_requests is not None else info.client_requests,
        client_hits=counters.client_hits,
        client_errors=counters.client_errors,
        clients=info.clients,
        requests_per_s=five.requests_per_s if recent else info.requests_per_s,
        hit_ratio=five.hit_ratio if recent else info.hit_ratio,
    )


def _page(text: str) -> str:
    return text[:_LIMIT].replace("\r\n", "\n")


def _info_hits(page: str) -> float | None:
    hits, uptime = _INFO_HITS.search(page), _INFO_UPTIME.search(page)
    if hits is None or uptime is None or float(uptime[1]) < _TICK_S:
        return None
    ratio = float(hits[1]) / 100
    return max(ratio, 0.0) if -0.001 < ratio <= 1 else None  # squid prints -0.0 at times


def _lines(text: str) -> list[str]:
    return [_STAMP.sub("", line, count=1).strip() for line in text[:_LIMIT].split("\n") if line.strip()]


def _reason(lines: list[str]) -> str:
    """Return the line that says why; squid 6 writes others about its configuration before it.

    It may repeat a line of squid.conf, with a password in it."""
    for words in _REASONS:
        for line in lines:
            if words in line:
                return hide(clean(line[:_TEXT]))
    return hide(clean(lines[0][:_TEXT])) if lines else ""
