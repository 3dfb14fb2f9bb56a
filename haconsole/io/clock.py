"""The clock: the only place where the program asks for the time."""

from __future__ import annotations

import time
from functools import partial


class SystemClock:
    """Seconds since the epoch, read once from the system and carried on by a clock that nobody sets.

    So a step of the system's clock (NTP, an operator) moves nothing: ages and durations stay true. A laptop that slept
    is another matter: CLOCK_MONOTONIC would not know of it (clock_gettime(2)), and what is hours old would be fresh.
    """

    def __init__(self) -> None:
        boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # on Linux
        self._elapsed = time.monotonic if boot is None else partial(time.clock_gettime, boot)
        self._offset = time.time() - self._elapsed()  # noqa: TID251 - this is io.clock

    def now(self) -> float:
        """Seconds since the epoch; never runs backwards within this process."""
        return self._offset + self._elapsed()
