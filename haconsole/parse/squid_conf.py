"""What `catalogue.squid_conf` prints -> squid's shutdown_lifetime, or why it is not known.

The rules are squid's (src/cache_cf.cc, seen in 5.7 and later; squid.conf.documented): lines go on after a backslash,
files are included where `include` stands, in the order of glob(3), 16 deep; the last value counts; a unit is known by
its beginning, in either case ("seconds", "Second"). What stands in an `if` is decided by squid alone: not known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from haconsole.model.readings import SquidShutdown
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

DEFAULT_S: Final = 30.0
"""squid's own, where the file says nothing."""
_LIMIT: Final = 1 << 17
_DEEPEST: Final = 16
_MOST: Final = 10_000
"""Directives that are followed: a file may be included again and again."""
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?")
_OPTION: Final = re.compile(r"(?:^|\s)-f\s*(\S+)")
_UNITS: Final[Mapping[str, float]] = {
    "millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0,
    "fortnight": 1_209_600.0, "month": 2_592_000.0,
}  # fmt: skip


class _NotKnownError(Exception):
    """Why the value cannot be told."""


@dataclass(slots=True)
class _Told:
    """What the node printed."""

    files: dict[str, list[str]] = field(default_factory=dict)
    """Name -> the lines of our directives, each whole."""
    unread: list[str] = field(default_factory=list)
    other: str | None = None
    """The file that squid was started with, if it is not the one that was read."""


def parse_shutdown(text: str, main: str) -> SquidShutdown:
    """The lifetime that `main` and what it includes set. Raises: ParseError: nothing of the kind was told."""
    if len(text) > _LIMIT:
        raise ParseError("squid.conf told too much")
    told = _told(text, main)
    if told.other is not None:
        return SquidShutdown(lifetime_s=None, text=f"squid was started with another file: {clean(told.other)[:200]}")
    if not told.files and not told.unread:
        raise ParseError(f"lines of squid.conf were expected, not: {clean(text[:80])}")
    if told.unread:
        return SquidShutdown(lifetime_s=None, text=f"{clean(told.unread[0])[:200]} cannot be read")
    try:
        values = list(_values(told.files, main, 0, [_MOST]))
        lifetime = _seconds(values[-1].split()[1:]) if values else DEFAULT_S
    except _NotKnownError as error:
        return SquidShutdown(lifetime_s=None, text=str(error))
    where = f"{main}: {clean(values[-1])[:100]}" if values else f"not set in {main}: squid's default"
    return SquidShutdown(lifetime_s=lifetime, text=where)


def _told(text: str, main: str) -> _Told:
    found = _Told()
    lines: list[str] = []
    for raw in text.split("\n"):
        kind, _, rest = raw.partition(" ")
        match kind:
            case "file":
                lines = found.files[rest] = []
            case "unread":
                found.unread.append(rest)
            case "line":
                lines.append(rest.strip())
            case "more" if lines:
                lines[-1] = lines[-1].removesuffix("\\") + rest.strip()
            case "args" if (option := _OPTION.search(rest)) is not None and option[1] != main:
                found.other = option[1]
    return found


def _values(files: Mapping[str, Sequence[str]], name: str, depth: int, left: list[int]) -> Iterator[str]:
    """The lines that set it, in squid's order. Raises: _NotKnownError."""
    if depth > _DEEPEST or name not in files:
        raise _NotKnownError(f"{clean(name)[:200]} is included too deeply, or was not read")
    inside = 0
    for line in files[name]:
        left[0] -= 1
        if left[0] < 0:
            raise _NotKnownError("squid.conf includes too much")
        words = line.split()
        found = [line] if words[:1] == ["shutdown_lifetime"] else []
        if words[:1] == ["include"]:
            found = [v for w in words[1:] for f in _included(files, w) for v in _values(files, f, depth + 1, left)]
        inside += {"if": 1, "endif": -1}.get(words[0] if words else "", 0)
        if inside and found:
            raise _NotKnownError("shutdown_lifetime stands in an `if`")
        yield from found


def _included(files: Mapping[str, Sequence[str]], word: str) -> list[str]:
    pattern = word.replace('"', "")
    return sorted(f for f in files if _matches(f, pattern))


def _matches(file: str, pattern: str) -> bool:
    """glob(3): a star does not pass a slash, nor a dot at the beginning."""
    folder, name = posixpath.split(pattern)
    there, own = posixpath.split(file)
    hidden = own.startswith(".") and not name.startswith(".")
    return (
        there.count("/") == folder.count("/") and fnmatchcase(there, folder) and fnmatchcase(own, name) and not hidden
    )


def _seconds(words: Sequence[str]) -> float:
    """`1 seconds`, `0`, `0.5 Minutes`. Raises: _NotKnownError."""
    if not words or _NUMBER.fullmatch(words[0]) is None:
        raise _NotKnownError(f"its value is no number: {clean(' '.join(words))[:80]}")
    number = float(words[0])
    # Before version 6 a value without a unit means seconds; later squid does not start with one.
    unit = words[1].lower() if len(words) > 1 and not words[1].startswith("#") else "second"
    for name, seconds in _UNITS.items():
        if unit.startswith(name):
            return number * seconds
    if number == 0:
        return 0.0
    raise _NotKnownError(f"its unit is not known: {clean(' '.join(words))[:80]}")
