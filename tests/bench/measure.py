"""What a measurement comes to, and timing whole processes against each other on a machine that is never quiet."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure with its bound."""

    name: str
    figure: float
    unit: str
    bound: float
    at_least: bool = False
    """The bound is a floor; else a ceiling."""
    how: str
    """What was counted, and how often."""
    parts: Mapping[str, float] = field(default_factory=dict)
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    """The machine's load average (1 min) when it ended."""

    @property
    def held(self) -> bool:
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound

    def document(self) -> dict[str, object]:
        """For bench-results.json."""
        return {
            "name": self.name, "figure": round(self.figure, 3), "unit": self.unit, "bound": self.bound,
            "bound_is": "at least" if self.at_least else "at most", "held": self.held, "how": self.how,
            "parts": {k: round(v, 4) for k, v in self.parts.items()}, "load": round(self.load, 2),
        }  # fmt: skip

    def line(self) -> str:
        """For people."""
        sign, relation = "●" if self.held else "✖", "≥" if self.at_least else "≤"
        figure = f"{self.figure:.3g} {self.unit}"
        bound = f"{relation} {self.bound:g} {self.unit}"
        parts = "; ".join(f"{k} {v:.3g}" for k, v in self.parts.items())
        return f"{sign} {self.name:<50} {figure:>10}  {bound:>10}  load {self.load:.1f}  {self.how}" + (
            f" ({parts})" if parts else ""
        )


def side_by_side(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], *, against: str, limit: float, runs: int
) -> Row:
    """Run both in turn, once to warm up, then `runs` times each; the ratio of the medians."""
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for turn in range(runs + 1):
        for key, action in (("ours", ours), ("theirs", theirs)):
            started = time.perf_counter()
            action()
            if turn:
                times[key].append(time.perf_counter() - started)
    ours_s, theirs_s = statistics.median(times["ours"]), statistics.median(times["theirs"])
    return Row(
        name=name, figure=ours_s / theirs_s, unit="×", bound=limit,
        how=f"against {against}; medians of {runs} in turn",
        parts={"ours_ms": ours_s * 1e3, "theirs_ms": theirs_s * 1e3},
    )  # fmt: skip


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, p95, p99 and the largest."""
    found = sorted(values)

    def at(share: float) -> float:
        return found[min(len(found) - 1, int(share * len(found)))]

    return {"median": statistics.median(found), "p95": at(0.95), "p99": at(0.99), "most": found[-1]}
