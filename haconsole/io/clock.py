"""The clock: the only place where the program asks for the time."""

from __future__ import annotations

import time


class SystemClock:
    """Seconds since the epoch, read once from the system and carried on by the monotonic clock.

    So a step of the system's clock (NTP, an operator) moves nothing: ages and durations stay true.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()  # noqa: TID251 - this is io.clock

    def now(self) -> float:
        """Seconds since the epoch; never runs backwards within this process."""
        return self._offset + time.monotonic()
