"""Waiting for a condition with a deadline: the only polling in the tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """Return when `condition()` is true. Raises: AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.005)


def wait(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """The same for tests without an event loop."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        time.sleep(0.01)
