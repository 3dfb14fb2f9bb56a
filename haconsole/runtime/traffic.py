"""The measuring client of a drill: a stream of requests through every VIP, kept with how well it measured.

The requests are made by a process of their own (`io.traffic_child`); here they get the console's time and are
kept. When that process dies, measuring has ended: what came later is not known, which is not the same as lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from haconsole.io.ports import Clock
from haconsole.io.traffic import (
    BEAT_S,
    START_S,
    STOP_S,
    Began,
    Ended,
    Over,
    Tally,
    Target,
    TrafficError,
    TrafficProcess,
    cadence_for,
)
from haconsole.model.drill import FAILED_AFTER_S, Request
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress

__all__ = ["Bucket", "Counts", "Known", "Load", "Recording", "Traffic", "TrafficError", "TrafficSnapshot"]

MOST_REQUESTS: Final = 300_000
"""Kept; then measuring ends (50 minutes of two VIPs, 60 MB)."""
_LOAD_S: Final = 5.0
"""The load is told of so many last seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One VIP's ticks and requests up to now. begun = ok + failed + unjudged + those under way."""

    vip: str
    begun: int = 0
    ok: int = 0
    failed: int = 0
    unjudged: int = 0
    """Ended too late while the measuring process itself stood still: says nothing about the VIP."""
    held: int = 0
    """Ticks without a request: as many as allowed were open, or this machine had no socket for it."""
    late: int = 0
    """Requests begun more than 5 ms after their tick."""
    missed: int = 0
    """Ticks that passed while the measuring process did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The time of which everything is known: every request begun in it has ended and is kept."""

    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What measuring costs: this machine's CPU, and the requests that the proxies get."""

    cpu_percent: float
    """Of one core."""
    requests_per_s: float
    """Over all VIPs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Requests begun in one slice of time. Both 0: nothing is known of it (yet)."""

    ok: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSnapshot:
    """Now, for a live view."""

    now: float
    measuring: bool
    problem: str | None
    """Why it no longer measures; None: it does, or was asked to stop."""
    checked: str
    """`http`: answered with 2xx. `tcp`: only connected (no probe_url)."""
    cadence_s: float
    """Asked for."""
    interval_ms: float | None
    """Kept, as in `Recording.interval_ms`."""
    counts: tuple[Counts, ...]
    load: Load | None
    """Over the last seconds; None: not known, or not measuring."""
    bucket_s: float
    strips: dict[str, tuple[Bucket, ...]]
    """By VIP, the oldest first; the last one is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Everything that was measured. `requests` in the order of their ends."""

    requests: tuple[Request, ...]
    counts: tuple[Counts, ...]
    known: Known | None
    """None: nothing is known (it never began)."""
    problem: str | None
    checked: str
    cadence_s: float
    interval_ms: float | None
    """Mean time from one request's beginning to the next one's, over all VIPs: `probe_interval_ms`."""
    load: Load | None
    """Over the whole time."""


class Traffic:
    """One measurement: start, watch, stop. Not for a second use."""

    def __init__(self, clock: Clock, on_request: Callable[[Request], None] | None = None) -> None:
        """on_request: called in the event loop for each request as it becomes known (at most 0.1 s after its end)."""
        self._clock, self._on_request = clock, on_request
        self._offset = clock.now() - time.monotonic()
        """Once, so that a step of the clock moves no outage."""
        self._vips: tuple[str, ...] = ()
        self._checked = "http"
        self._process: TrafficProcess | None = None
        self._running: asyncio.Future[None] | None = None
        self._requests: list[Request] = []
        self._first: list[float | None] = []
        self._last: list[float] = []
        self._begun: list[int] = []
        self._tallies: deque[Tally] = deque()
        self._first_tally: Tally | None = None
        self._since: float | None = None
        self._heard: float | None = None
        """Up to when the process has told all that ended."""
        self._problem: str | None = None
        self._over = self._stopped = False
        self._news = asyncio.Event()

    async def start(self, spec: ClusterSpec, vips: Iterable[IpAddress]) -> None:
        """Begin; returns when the measuring process runs. Raises: TrafficError."""
        if self._running is not None or self._stopped:
            raise TrafficError("this measurement was started already")
        self._vips = tuple(dict.fromkeys(map(str, vips)))
        self._checked = "http" if spec.probe_url is not None else "tcp"
        places = [spec.dial.get((vip, spec.squid_port), (vip, spec.squid_port)) for vip in self._vips]
        targets = [Target(vip=v, host=h, port=p) for v, (h, p) in zip(self._vips, places, strict=True)]
        self._first = [None] * len(targets)
        self._last, self._begun = [0.0] * len(targets), [0] * len(targets)
        self._process = await TrafficProcess.start(targets, spec.probe_url)
        self._running = asyncio.ensure_future(self._run(self._process))
        try:
            async with asyncio.timeout(START_S):
                while self._since is None and not self._over:
                    await self._news.wait()
        except TimeoutError:
            self._problem = f"the measuring process said nothing within {START_S:g} s"
        except asyncio.CancelledError:
            await self._end()
            raise
        if self._since is None:
            await self._end()
            raise TrafficError(self._problem or "the measuring process ended before it began")

    @property
    def pid(self) -> int | None:
        """Of the measuring process; None: it was not started."""
        return None if self._process is None else self._process.pid

    @property
    def requests(self) -> Sequence[Request]:
        """All that have ended up to now, in the order of their ends. It grows; do not change it."""
        return self._requests

    @property
    def known(self) -> Known | None:
        """See Known. While it measures, the end lies half a second and a little behind now."""
        if self._since is None or self._heard is None:
            return None
        until = self._heard if self._stopped and self._problem is None else self._heard - FAILED_AFTER_S
        return Known(since=self._since, until=max(self._since, until))

    async def stream(self) -> AsyncIterator[Request]:
        """Every request from the first on, as it becomes known; ends when measuring does, however."""
        at = 0
        while True:
            news = self._news
            for request in self._requests[at:]:
                at += 1
                yield request
            if at == len(self._requests):
                if self._over:
                    return
                await news.wait()

    def snapshot(self, seconds: float = 10.0, bucket_s: float = 0.1) -> TrafficSnapshot:
        """For a live view. Never waits."""
        now, count = self._clock.now(), round(seconds / bucket_s)
        ok = {vip: [0] * count for vip in self._vips}
        failed = {vip: [0] * count for vip in self._vips}
        # slices begin at multiples of their length: a strip moves, its slices do not change
        first = int(now // bucket_s) + 1 - count
        for request in reversed(self._requests):
            if request.ended < first * bucket_s:
                break  # they are in the order of their ends
            slot = int(request.started // bucket_s) - first
            if 0 <= slot < count:
                (ok if request.ok else failed)[request.vip][slot] += 1
        measuring = self._since is not None and not self._over
        return TrafficSnapshot(
            now=now,
            measuring=measuring,
            problem=self._problem,
            checked=self._checked,
            cadence_s=self.cadence_s,
            interval_ms=self._interval_ms(),
            counts=self._counts(),
            load=_load(self._tallies[0], self._tallies[-1]) if measuring and self._tallies else None,
            bucket_s=bucket_s,
            strips={
                vip: tuple(Bucket(ok=o, failed=f) for o, f in zip(ok[vip], failed[vip], strict=True))
                for vip in self._vips
            },
        )

    def recording(self) -> Recording:
        """All up to now. Never waits."""
        first, last = self._first_tally, self._tallies[-1] if self._tallies else None
        return Recording(
            requests=tuple(self._requests),
            counts=self._counts(),
            known=self.known,
            problem=self._problem,
            checked=self._checked,
            cadence_s=self.cadence_s,
            interval_ms=self._interval_ms(),
            load=None if first is None or last is None else _load(first, last),
        )

    async def stop(self) -> Recording:
        """Begin no more, wait for those under way (0.5 s), end the process. Never raises; safe to call twice."""
        try:
            if self._running is not None and self._process is not None and not self._over:
                self._process.stop()
                await asyncio.wait({self._running}, timeout=STOP_S)
                if not self._over:
                    self._problem = f"the measuring process did not end within {STOP_S:g} s"
        finally:
            await self._end()
        return self.recording()

    @property
    def cadence_s(self) -> float:
        """How often a request is to be begun through each VIP; slower than CADENCE_S with more than eight."""
        return cadence_for(len(self._vips))

    async def _end(self) -> None:
        self._stopped = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _run(self, process: TrafficProcess) -> None:
        """Until the process ends. Whatever went wrong becomes `_problem`."""
        beating = asyncio.ensure_future(_beat(process))
        try:
            while lines := await process.read():
                for line in lines:
                    self._take(line)
                self._tell()
        except TrafficError as error:
            self._problem = str(error)
        finally:
            beating.cancel()
            how = await process.ended()
            if not self._stopped and self._problem is None:
                self._problem = how
            self._over = True
            self._tell()

    def _take(self, line: Began | Ended | Tally | Over) -> None:
        match line:
            case Ended():
                self._keep(line)
            case Tally():
                self._heard = line.at + self._offset
                self._first_tally = self._first_tally or line
                self._tallies.append(line)
                while self._tallies[-1].at - self._tallies[0].at > _LOAD_S:
                    self._tallies.popleft()
            case Began():
                self._since = self._heard = line.at + self._offset
            case Over():
                self._heard = line.at + self._offset
                self._stopped = True

    def _keep(self, line: Ended) -> None:
        if len(self._requests) >= MOST_REQUESTS:
            raise TrafficError(f"measuring ended after {MOST_REQUESTS} requests: no more are kept")
        lane = line.lane
        request = Request(
            vip=self._vips[lane], started=line.started + self._offset, ended=line.ended + self._offset,
            ok=line.ok, status=line.status, error=line.error,
        )  # fmt: skip
        first = self._first[lane]
        self._first[lane] = request.started if first is None else min(first, request.started)
        self._last[lane] = max(self._last[lane], request.started)
        self._begun[lane] += 1
        self._heard = request.ended  # lines come in the order of what they tell
        self._requests.append(request)
        if self._on_request is not None:
            # not called from here: what goes wrong there must not end the measurement
            asyncio.get_running_loop().call_soon(self._on_request, request)

    def _counts(self) -> tuple[Counts, ...]:
        lanes = self._tallies[-1].lanes if self._tallies else [()] * len(self._vips)
        names = ("begun", "ok", "failed", "unjudged", "held", "late", "missed")
        return tuple(Counts(vip=v, **dict(zip(names, c, strict=False))) for v, c in zip(self._vips, lanes, strict=True))

    def _interval_ms(self) -> float | None:
        spans = [last - first for first, last in zip(self._first, self._last, strict=True) if first is not None]
        steps = sum(n - 1 for n in self._begun if n)
        return sum(spans) / steps * 1e3 if steps else None

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


async def _beat(process: TrafficProcess) -> None:
    while True:
        process.beat()
        await asyncio.sleep(BEAT_S)


def _load(first: Tally, last: Tally) -> Load | None:
    seconds = last.at - first.at
    if seconds <= 0:
        return None
    begun = sum(lane[0] for lane in last.lanes) - sum(lane[0] for lane in first.lanes)
    return Load(cpu_percent=100.0 * (last.cpu_s - first.cpu_s) / seconds, requests_per_s=begun / seconds)
