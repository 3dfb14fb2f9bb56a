"""When garbage is collected: in parts of about a millisecond while somebody types, the whole of it while nobody does.

No key is heard during a collection. Python would look through everything that is not young once the young have grown
by a quarter: 20 to 80 ms, in the middle of a flood of events again and again. Nearly all of what is thrown away here
is not garbage in this sense: it goes at once, being in no circle.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

YOUNG: Final = 5_000
"""New objects until the youngest are looked at."""
MIDDLE: Final = 3
"""Looks at the youngest until those that outlived them are looked at: with 10 that took 7 to 16 ms."""
NEVER: Final = 1_000_000
"""The oldest are not looked at by themselves: `Quiet` does."""
QUIET_S: Final = 3.0
"""Without a key for so long, nobody is typing."""
EVERY_S: Final = 60.0
"""Between two looks at everything."""
FIRST_S: Final = 10.0
"""The first one is this long after the start: what was loaded and made by then stays, too."""


@contextlib.contextmanager
def short_collections() -> Iterator[None]:
    """While inside. What is there at the start stays until the end anyway and is not looked at."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Quiet:
    """Looks through everything now and then, in quiet moments."""

    def __init__(self, now: float) -> None:
        self._next = now + FIRST_S
        self._first = True

    def collect(self, now: float, since_input_s: float) -> bool:
        """Do so, if it is time and nobody types. Whether it was done. Times: seconds of one clock that never goes
        back."""
        if since_input_s < QUIET_S or now < self._next:
            return False
        gc.collect()
        if self._first:
            self._first = False
            gc.freeze()
        self._next = now + EVERY_S
        return True
