"""How times, ages and durations read. The zone is an input; `now` is always given."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

from haconsole.model.record import dataclass
from haconsole.model.state import ClockOffset

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400
_YEAR: Final = 300 * DAY
_MINUS: Final = "−"


@dataclass(frozen=True, slots=True)
class Times:
    """Writes points in time in one zone; None: the zone of this machine."""

    zone: tzinfo | None = None

    def _local(self, at: float) -> datetime:
        # A time that a node invented must not end the console: years 1 to 9999 are all there is.
        at = min(max(at, -6e10), 2.5e11)
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)

    def clock(self, at: float) -> str:
        """14:02:31"""
        return f"{self._local(at):%H:%M:%S}"

    def zone_name(self, at: float) -> str:
        """CEST"""
        return self._local(at).tzname() or ""

    def stamp(self, at: float, now: float) -> str:
        """14:01:19.866, or `Nov 23 14:01` on another day than today's; always 12 characters."""
        then = self._local(at)
        if then.date() != self._local(now).date():
            return f"{then:%b %d %H:%M}"
        return f"{then:%H:%M:%S}.{then.microsecond // 1000:03d}"

    def told(self, text: str, now: float) -> str:
        """What somebody wrote as RFC 3339: 14:02:31, on another day `Nov 23 14:01`; as it stands what is no time, or so
        far away that its year is needed."""
        try:
            then = datetime.fromisoformat(text)
            far = then.tzinfo is None or abs(then.timestamp() - now) > _YEAR
            return text if far else self.stamp(then.timestamp(), now).partition(".")[0]
        except (ValueError, OverflowError, OSError):
            return text

    def full(self, at: float) -> str:
        """2025-11-24T14:01:19.866+01:00, RFC 3339."""
        return self._local(at).isoformat(timespec="milliseconds")


def span(seconds: float) -> str:
    """00:01:12, or `12 d 04 h` from one day on."""
    whole = max(0, int(seconds))
    if whole >= DAY:
        return f"{whole // DAY} d {whole % DAY // HOUR:02d} h"
    return f"{whole // HOUR:02d}:{whole % HOUR // MINUTE:02d}:{whole % MINUTE:02d}"


def short(seconds: float) -> str:
    """`12 d`, `3 h`, `5 min`, `40 s`."""
    whole = max(0, int(seconds))
    for unit, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def ago(seconds: float) -> str:
    """`1 min ago`, `now`."""
    return "now" if seconds < 1 else f"{short(seconds)} ago"


def millis(seconds: float) -> str:
    """A latency: `0.4 ms`, `3 ms`, `1.2 s`."""
    if seconds >= 0.9995:
        return f"{seconds:.1f} s"
    ms = max(0.0, seconds * 1000)
    return f"{ms:.1f} ms" if ms < 0.95 else f"{ms:.0f} ms"


def offset(clock: ClockOffset) -> str:
    """`+0.2 ms`, `−1.1 ms`, `+3.2 s`: positive means that the node's clock is ahead."""
    lead = "+" if clock.offset_s >= 0 else _MINUS
    size = abs(clock.offset_s)
    if size >= 3 * HOUR:
        return f"{lead}{short(size)}"
    return f"{lead}{size:.1f} s" if size >= 0.9995 else f"{lead}{size * 1000:.1f} ms"


def error(seconds: float | None) -> str:
    """`±1 ms`, `±0.5 s`; `±?` when the clock is not known; nothing for our own clock."""
    if seconds is None:
        return "±?"
    if seconds == 0:
        return ""
    if seconds >= 0.0995:
        return f"±{seconds:.1f} s"
    return f"±{seconds * 1000:.0f} ms" if seconds >= 0.00095 else "±<1 ms"
