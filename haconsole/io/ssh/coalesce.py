"""Many tasks want the same thing at the same time: one gets it, all have it.

Five hundred nodes behind one jump host, or with one encrypted key, must not dial or ask five
hundred times, and must not fail one after the other either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from haconsole.model.problems import Problem, ProblemError

T = TypeVar("T")


class Shared(Generic[T]):
    """One value that is made when somebody needs it, and again when it is no longer usable."""

    def __init__(self, usable: Callable[[T], bool]) -> None:
        self._usable = usable
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._failures = 0
        self._problem: Problem | None = None

    @property
    def value(self) -> T | None:
        """What was made last, usable or not."""
        return self._value

    async def get(self, make: Callable[[], Awaitable[T]]) -> T:
        """The value, made by `make` when there is none.

        Who arrives while it is being made shares the outcome, also a failure; who arrives later
        tries anew. A cancelled maker leaves the work to the next in the queue.
        Raises: ProblemError, from `make`.
        """
        failures = self._failures
        async with self._lock:
            if self._value is not None and self._usable(self._value):
                return self._value
            if self._failures != failures and self._problem is not None:
                raise ProblemError(self._problem)
            try:
                self._value = await make()
            except ProblemError as error:
                self._failures += 1
                self._problem = error.problem
                raise
            return self._value
