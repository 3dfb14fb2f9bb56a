"""Times on the command line: `90s`, `2m`, `1h`; points in time as RFC 3339 or local HH:MM, and told as local."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h)?")
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class SpanType(click.ParamType[float]):
    """A time span -> seconds."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        found = _SPAN.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no time: write 90s, 2m or 1h", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


def until(word: str, now: float) -> float:
    """A point in time, as seconds since the epoch: RFC 3339, or HH:MM local time, the next one.

    Raises: ValueError with words for the operator.
    """
    here = datetime.fromtimestamp(now, UTC).astimezone()
    if re.fullmatch(r"\d{1,2}:\d{2}", word):
        hour, minute = map(int, word.split(":"))
        if hour > 23 or minute > 59:
            raise ValueError(f"{word} is no time of day")
        found = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return (found if found > here else found + timedelta(days=1)).timestamp()
    try:
        told = datetime.fromisoformat(word)
    except ValueError:
        raise ValueError(f"{word!r} is no time: write HH:MM, or RFC 3339 such as 2026-11-24T23:30:00+01:00") from None
    if told.tzinfo is None:
        told = told.astimezone()
    if told.timestamp() <= now:
        raise ValueError(f"{word} is over already")
    return told.timestamp()


def local(text: str) -> str:
    """A point in time that somebody wrote as RFC 3339: `2026-11-24 23:30:00 CET`; what is none as it stands."""
    try:
        told = datetime.fromisoformat(text)
        return text if told.tzinfo is None else f"{told.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    except (ValueError, OverflowError, OSError):
        return text
