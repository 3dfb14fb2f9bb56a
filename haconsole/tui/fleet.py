"""All clusters at once, at a bounded price: a tick looks at a fifth of them, those with news first."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.cluster.conclude import Snapshot
from haconsole.tui.source import ClusterSource

TICKS_FOR_ALL = 5
"""After so many ticks every cluster was looked at."""


class Fleet:
    """The last snapshot of every cluster."""

    def __init__(self, sources: Sequence[ClusterSource]) -> None:
        self._sources = {s.spec.name: s for s in sources}
        self._kept: dict[str, Snapshot] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        """Name -> (tick, serial) of the last look."""
        self._tick = 0

    @property
    def names(self) -> list[str]:
        return list(self._sources)

    def source(self, name: str) -> ClusterSource:
        """Raises: KeyError."""
        return self._sources[name]

    def fresh(self, name: str, now: float) -> Snapshot:
        """The snapshot of one cluster at this moment. Raises: KeyError."""
        source = self._sources[name]
        snapshot = source.snapshot(now)
        self._kept[name] = snapshot
        self._seen[name] = (self._tick, source.serial())
        return snapshot

    def has_news(self, name: str) -> bool:
        """Something happened since the last look. Raises: KeyError."""
        return self._sources[name].serial() != self._seen.get(name, (-1, -1))[1]

    def look_at_all(self, now: float) -> None:
        """Once, at the start, when there is little to look at."""
        for name in self._sources:
            self.fresh(name, now)

    def look(self, now: float) -> None:
        """One tick: look at those with news or with the oldest look, at most a fifth of all."""
        self._tick += 1
        budget = -(-len(self._sources) // TICKS_FOR_ALL)
        for name in sorted(self._sources, key=self._urgency)[:budget]:
            self.fresh(name, now)

    def _urgency(self, name: str) -> tuple[int, bool]:
        tick, serial = self._seen.get(name, (-1, -1))
        waited = self._tick - tick
        news = serial != self._sources[name].serial()
        return (-waited if waited >= TICKS_FOR_ALL else -1 if news else 0, not news)

    def kept(self, name: str) -> Snapshot | None:
        """One cluster as it was last seen."""
        return self._kept.get(name)

    def all(self) -> list[tuple[str, Snapshot | None]]:
        """Every cluster as it was last seen; None: not looked at yet."""
        return [(n, self._kept.get(n)) for n in self._sources]

    def others(self, name: str) -> list[Snapshot | None]:
        """The clusters but this one."""
        return [self._kept.get(n) for n in self._sources if n != name]
