"""The door to the measuring process (`io.traffic_child`): starts it, keeps it alive, reads what it says.

The load, with two VIPs: 100 requests a second, each a fresh connection with one small GET that asks no cache,
so the proxies, their logs and the origin see 50 a second for each VIP (0.5 KB and a line of access.log each).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from haconsole.io import traffic_child
from haconsole.model.drill import CADENCE_S, FAILED_AFTER_S
from haconsole.model.record import dataclass
from haconsole.parse.text import clean
from haconsole.version import __version__

MOST_PER_S: Final = 400
"""Requests begun a second, over all VIPs: with more than eight the cadence of each is slower."""
MOST_VIPS: Final = 128
MOST_OPEN: Final = round(FAILED_AFTER_S / CADENCE_S)
"""Requests under way through one VIP: as many as can be begun until the first one has failed."""
BEAT_S: Final = 2.0
START_S: Final = 10.0
STOP_S: Final = FAILED_AFTER_S + 2.0
_ENDS_S: Final = 0.5
"""So long a process that said its last word may take to be gone."""
_PROGRAM: Final = str(Path(traffic_child.__file__).resolve())
_LINES: Final = 64 * 1024
_URL: Final = re.compile(r"http://[!-~]+")
_COUNTS: Final = 7


class TrafficError(Exception):
    """Measuring could not be started, or went on no longer; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a VIP is reached: numeric host, port."""

    vip: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A request ended. `lane` is the target's index; times in seconds of CLOCK_MONOTONIC."""

    lane: int
    started: float
    ended: float
    ok: bool
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts up to `at`; of each lane: begun, ok, failed, unjudged, held, late, missed."""

    at: float
    cpu_s: float
    lanes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Began:
    """The first tick was at `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class Over:
    """It ended as it was asked to."""

    at: float


Said = Ended | Tally | Began | Over


def cadence_for(vips: int) -> float:
    """How often, in seconds, a request is begun through each of so many VIPs."""
    return max(CADENCE_S, vips / MOST_PER_S)


def request_for(url: str) -> str:
    """The request as a proxy wants it: the whole URL (RFC 9112 3.2.2). Raises: TrafficError."""
    netloc = urlsplit(url).netloc.rpartition("@")[2] if _URL.fullmatch(url) else ""
    if not netloc:
        raise TrafficError(f"probe_url cannot be asked for: {clean(url)} (plain http:// and no blanks)")
    lines = (
        f"GET {url} HTTP/1.1", f"Host: {netloc}", f"User-Agent: haconsole/{__version__}", "Accept: */*",
        "Cache-Control: no-cache", "Connection: close", "", "",
    )  # fmt: skip
    return "\r\n".join(lines)


def said(line: bytes, lanes: int) -> Said:
    """One line of the process. Raises: TrafficError."""
    words = line.decode("ascii", "replace").split(maxsplit=6 if line[:1] == b"r" else -1)
    try:
        match words:
            case ["r", lane, started, ended, ok, status, *error]:
                return Ended(
                    range(lanes)[int(lane)], int(started) / 1e6, int(ended) / 1e6, ok == "1", int(status) or None,
                    clean(error[0]) if error else None,
                )  # fmt: skip
            case ["k", at, cpu, *rest] if len(rest) == lanes * _COUNTS:
                numbers = [int(x) for x in rest]
                counts = tuple(tuple(numbers[i : i + _COUNTS]) for i in range(0, len(numbers), _COUNTS))
                return Tally(int(at) / 1e6, int(cpu) / 1e6, counts)
            case ["v", at]:
                return Began(int(at) / 1e6)
            case ["e", at]:
                return Over(int(at) / 1e6)
    except (ValueError, IndexError):
        pass
    raise TrafficError(f"the measuring process said {clean(repr(line[:80]))}")


class TrafficProcess:
    """One measuring process. It dies with this one, however this one dies."""

    def __init__(self, process: asyncio.subprocess.Process, lanes: int) -> None:
        self._process, self._lanes = process, lanes
        self._rest = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, targets: Sequence[Target], url: str | None) -> Self:
        """Start it. Raises: TrafficError."""
        if not 0 < len(targets) <= MOST_VIPS:
            raise TrafficError(f"there must be 1 to {MOST_VIPS} VIPs to measure, not {len(targets)}")
        order: traffic_child.Order = {
            "targets": [(t.host, t.port) for t in targets],
            "request": None if url is None else request_for(url),
            "cadence_s": cadence_for(len(targets)),
            "failed_after_s": FAILED_AFTER_S,
            "most_open": MOST_OPEN,
        }
        pipe = asyncio.subprocess.PIPE
        try:
            # -I -S: nothing of the user's environment, and it begins twice as fast
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", _PROGRAM, stdin=pipe, stdout=pipe, stderr=pipe, limit=_LINES
            )
        except OSError as error:
            raise TrafficError(f"the measuring process could not be started: {error}") from error
        self = cls(process, len(targets))
        self._say(json.dumps(order).encode() + b"\n")
        return self

    async def read(self) -> list[Said]:
        """What it said since; empty at its end. Raises: TrafficError."""
        while True:
            block = await self._out.read(_LINES)
            if not block:
                return []
            *lines, self._rest = (self._rest + block).split(b"\n")
            if lines:
                return [said(line, self._lanes) for line in lines]

    def beat(self) -> None:
        """Say that we live; due every BEAT_S."""
        self._say(b"b")

    def stop(self) -> None:
        """Ask it to begin no more and to end."""
        self._say(b"s")

    async def ended(self) -> str:
        """End it if it has not ended by itself; how it ended, in words. Never raises."""
        # Killing one that is dead already would take its status away from who waits for it (asyncio then says 255).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_S):
                await self._process.wait()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        errors = b"" if self._process.stderr is None else await self._process.stderr.read(_LINES)
        status = await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        last = clean(errors.decode("utf-8", "replace").strip().rpartition("\n")[2])
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"the measuring process {how}{': ' + last if last else ''}"

    @property
    def _out(self) -> asyncio.StreamReader:
        if self._process.stdout is None:  # never: it was asked for
            raise AssertionError
        return self._process.stdout

    def _say(self, words: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            with contextlib.suppress(OSError, RuntimeError):
                self._process.stdin.write(words)
