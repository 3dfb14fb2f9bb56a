"""Values as documents have them: times, numbers, clean text; None stays None."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from haconsole.parse.text import clean


def rfc3339(at: float | None) -> str | None:
    """UTC with milliseconds: `2025-11-24T14:01:19.866Z`; None for what is no date (a node's clock may say anything)."""
    if at is None or not 0 <= at < 2.5e11:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: float | None, digits: int = 3) -> float | None:
    """Rounded; None also for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # never -0.0


def clean_lines(value: str) -> str:
    """Clean text that may have several lines, as a remedy has."""
    return "\n".join(clean(line) for line in value.split("\n"))


def clean_or_none(value: str | None) -> str | None:
    """`clean_lines`, of what may be unknown."""
    return None if value is None else clean_lines(value)
