"""What the console needs from the rest of the program; `runtime.monitor.Monitor` is such a source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from haconsole.cluster.conclude import Snapshot
from haconsole.model.spec import ClusterSpec

Clock = Callable[[], float]
"""Seconds since the epoch on the console's own clock."""

RunSources = Callable[[], Awaitable[None]]
"""Keeps every source up to date until it is cancelled."""


class ClusterSource(Protocol):
    """One cluster, live."""

    @property
    def spec(self) -> ClusterSpec: ...

    def snapshot(self, now: float) -> Snapshot:
        """What may be said at `now`: the same object while nothing changed within one second."""

    def serial(self) -> int:
        """Another number when the state changed."""
