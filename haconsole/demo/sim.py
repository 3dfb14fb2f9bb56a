"""Simulated time: a queue of what is due. No asyncio here, so tests run years in a moment.

`now` is in the cluster's own seconds: 0 at the console's first look, below it the past. A `Calendar`
tells what a wall clock shows at such a time: what happened before `begin` lies `age_s` further back,
and from 0 on a `speed` other than 1 squeezes time.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from haconsole.model.record import dataclass


class Due:
    """Something that is going to happen, unless cancelled."""

    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """It will not happen. Safe at any time."""
        self.cancelled = True


class Sim:
    """The queue. Actions at the same time run in the order in which they were asked for."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._queue: list[tuple[float, int, Due]] = []
        self._serial = itertools.count()
        self.on_sooner: Callable[[], None] = lambda: None
        """Called when something is due before everything else: whoever sleeps must look again."""

    def at(self, when: float, action: Callable[[], None]) -> Due:
        """Run `action` at `when` (now, if that is past)."""
        due = Due(action)
        when = max(when, self.now)
        sooner = not self._queue or when < self._queue[0][0]
        heapq.heappush(self._queue, (when, next(self._serial), due))
        if sooner:
            self.on_sooner()
        return due

    def later(self, delay_s: float, action: Callable[[], None]) -> Due:
        """Run `action` after `delay_s`."""
        return self.at(self.now + delay_s, action)

    def next_at(self) -> float | None:
        """When something is due; None: nothing ever."""
        while self._queue and self._queue[0][2].cancelled:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def run_until(self, when: float) -> None:
        """Let everything happen that is due by `when`; then it is `when`."""
        while (at := self.next_at()) is not None and at <= when:
            _, _, due = heapq.heappop(self._queue)
            self.now = at
            due.action()
        self.now = max(self.now, when)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Simulated seconds -> seconds since the epoch."""

    zero: float
    """What the wall clock shows at 0."""
    speed: float = 1.0
    begin: float = 0.0
    """Simulated time at which the interesting part begins, 0 or less."""
    age_s: float = 0.0

    def wall(self, t: float) -> float:
        """What a wall clock shows at `t`."""
        if t >= 0:
            return self.zero + t / self.speed
        return self.zero + t - (self.age_s if t < self.begin else 0.0)
