"""Tasks that cannot lose a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` in a task of its own, so that our own cancellation is always told from its failing.

    A task group whose child fails in the moment of a cancellation raises that failure alone (Python 3.11):
    whoever tries again after a failure would go on for ever then.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # fetched, and of no more interest
        raise
    return task.result()
