"""How many requests a squid has answered: a counter that grows with the clients that its VIPs bring.

Times are wall-clock seconds (whatever the demo's speed), so rates are what a person would read.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from haconsole.model.record import dataclass

AVERAGED_S = 300.0
_WAVE, _PERIOD_S = 0.15, 10.0
_KEPT = 5000
"""Times of real requests that are remembered."""


def _flow(t: float) -> float:
    """Integral of 1 + 0.15 sin(t/10): traffic breathes, and never flows backwards."""
    return t - _WAVE * _PERIOD_S * math.cos(t / _PERIOD_S)


@dataclass(frozen=True, slots=True)
class _Mark:
    at: float
    total: float
    rate: float

    def total_at(self, t: float) -> float:
        return self.total + self.rate * (_flow(t) - _flow(self.at))


class Traffic:
    """Starts at 0 requests at `start`."""

    def __init__(self, start: float) -> None:
        self.start = start
        self._marks = [_Mark(start, 0.0, 0.0)]
        self._counted: list[float] = []
        self._before = 0

    def set_rate(self, now: float, rate: float) -> None:
        """From `now` on `rate` requests a second come in the mean."""
        if rate != self._marks[-1].rate:
            self._marks = [*self._marks[-63:], _Mark(now, self._marks[-1].total_at(now), rate)]

    def count(self, now: float) -> None:
        """One real request was answered."""
        self._counted.append(now)
        if len(self._counted) > 2 * _KEPT:
            self._before += _KEPT
            del self._counted[:_KEPT]

    def total(self, now: float) -> float:
        """Requests up to `now`, which may lie a while back."""
        index = bisect_right(self._marks, now, key=lambda m: m.at)
        if now <= self.start:
            return 0.0
        return self._marks[max(0, index - 1)].total_at(now) + self._before + bisect_right(self._counted, now)

    def average(self, now: float) -> float:
        """Requests a second over the last five minutes, or since the start."""
        span = min(AVERAGED_S, now - self.start)
        return (self.total(now) - self.total(now - span)) / span if span > 0 else 0.0
