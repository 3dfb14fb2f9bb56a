"""Carries out one job: lock, guards, save, arm, see it armed, change, verify, hold, put back, verify, disarm, unlock.

Nothing is changed before the node itself was seen to be able to put it back. From then on putting back is
not optional: whatever happens here - a stop, a failed check, a lost connection - ends in it, by the node's own
revert, asked for at once or run by its timer. A stop is a request (`stop`), never a cancellation; a second
one changes nothing. The parts are in `executor_before`, `executor_during`, `executor_after` (each stands on the
one before), what another console began is in `executor_take`.
"""

from __future__ import annotations

from typing import Final

from haconsole.model.problems import ProblemError
from haconsole.operations.job import Ending
from haconsole.runtime.executor_base import FIRST_S, HEARTBEAT_S
from haconsole.runtime.executor_before import FRESH_S
from haconsole.runtime.executor_take import Take
from haconsole.runtime.executor_told import (
    Eyes,
    Guards,
    Judged,
    Patience,
    PutBackError,
    RefusedError,
    Report,
    Told,
)

__all__ = [
    "FIRST_S", "FRESH_S", "HEARTBEAT_S", "LATE_S", "REVERT_S", "ROUTES_S", "Executor", "Eyes", "Guards", "Judged",
    "Report", "Told",
]  # fmt: skip

REVERT_S: Final = 75.0
"""A revert that began is done within this: it waits 60 s for a carrier."""
LATE_S: Final = 20.0
"""After the node's own deadline, until it must be seen to have put back."""
ROUTES_S: Final = 10.0
"""So long after everything else is as before routes may still be on their way back."""


class Executor(Take):
    """One job, once."""

    @property
    def _patience(self) -> Patience:
        return Patience(late_s=LATE_S, revert_s=REVERT_S, routes_s=ROUTES_S)

    async def run(self) -> Report:
        """To the end. Raises: nothing that is foreseen; must not be cancelled."""
        return await self._to_the_end(self._all)

    async def _all(self) -> Report:
        job = self._job
        try:
            states = await self._lock()
            await self._guard(states)
            if job.wait_idle_s is not None and self._count is not None:
                await self._wait_idle(job.wait_idle_s, self._count)
                await self._guard(states)
            if job.revert is not None:
                await self._arm(job.revert, states[job.node])
        except (RefusedError, ProblemError) as error:
            return await self._untouched(error)
        try:
            await self._change()
        except RefusedError as error:
            return await self._untouched(error)
        except (PutBackError, ProblemError) as error:
            return await self._undone(error)
        try:
            for check in job.expect:
                await self._verify(check)
            if job.ending in {Ending.HOLD, Ending.LAPSE}:
                await self._hold()
        except (PutBackError, ProblemError) as error:
            return await self._undone(error)
        if job.ending in {Ending.HOLD, Ending.LAPSE}:
            return await self._put_back(None)
        return await self._keep()
