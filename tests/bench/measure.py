"""Timing whole processes against each other, interleaved, so that a noisy machine hits both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison. Times in seconds, medians of `runs`."""

    name: str
    ours_s: float
    theirs_s: float
    theirs: str
    limit: float
    runs: int

    @property
    def ratio(self) -> float:
        return self.ours_s / self.theirs_s

    def document(self) -> dict[str, object]:
        """For bench-results.json."""
        return {
            "name": self.name, "ours_s": round(self.ours_s, 4), "theirs": self.theirs, "theirs_s": round(self.theirs_s, 4),
            "ratio": round(self.ratio, 3), "limit": self.limit, "runs": self.runs, "held": self.ratio <= self.limit,
        }  # fmt: skip


def side_by_side(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], *, against: str, limit: float, runs: int
) -> Row:
    """Run both in turn, once to warm up, then `runs` times each."""
    times: Mapping[str, list[float]] = {"ours": [], "theirs": []}
    for turn in range(runs + 1):
        for key, action in (("ours", ours), ("theirs", theirs)):
            started = time.perf_counter()
            action()
            if turn:
                times[key].append(time.perf_counter() - started)
    return Row(
        name=name,
        ours_s=statistics.median(times["ours"]),
        theirs_s=statistics.median(times["theirs"]),
        theirs=against,
        limit=limit,
        runs=runs,
    )
