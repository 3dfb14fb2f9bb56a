"""Whose clock says what: offsets between nodes and the console, with their error bounds. Pure."""

from __future__ import annotations

from typing import Final

from haconsole.model.events import Heartbeat
from haconsole.model.readings import LogLine
from haconsole.model.state import ClockOffset, Known

KEEP_S: Final = 60.0
"""A tighter measurement is kept this long before a looser, newer one replaces it."""


def measured(beat: Heartbeat) -> ClockOffset:
    """Offset from one round trip (Cristian's method): the node read its clock between sending and
    receiving, so the middle is off by at most half the span."""
    half = max(0.0, (beat.at - beat.sent_at) / 2)
    return ClockOffset(offset_s=beat.node_time_s - (beat.sent_at + half), error_s=half)


def better(known: Known[ClockOffset] | None, new: ClockOffset, at: float) -> Known[ClockOffset]:
    """Keep the tighter of two measurements; a step of the clock or old age lets the new one win."""
    fresh = Known(new, at, "heartbeat")
    if known is None or at - known.at > KEEP_S:
        return fresh
    stepped = abs(known.value.offset_s - new.offset_s) > known.value.error_s + new.error_s
    return fresh if stepped or new.error_s <= known.value.error_s else known


def console_time(clock: Known[ClockOffset] | None, line: LogLine, arrived: float) -> tuple[float, float | None]:
    """(time on the console's clock, half-width of the error) of a log line.

    Without a time in the line, or without a measured clock, the arrival stands in and the error
    is not known. A line is never later than its arrival.
    """
    if line.node_time_s is None or clock is None:
        return arrived, None
    at = line.node_time_s - clock.value.offset_s
    return min(arrived, at), clock.value.error_s + line.time_precision_s / 2


def to_console(clock: Known[ClockOffset] | None, node_time_s: float | None) -> float | None:
    """A node's time on the console's clock; None if either is not known."""
    if clock is None or node_time_s is None:
        return None
    return node_time_s - clock.value.offset_s
