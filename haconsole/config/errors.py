"""What is wrong with a configuration, in the operator's words: one problem a line, all at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from haconsole.model.record import dataclass
from haconsole.parse.text import clean

_SHOWN: Final = 100
"""Problems in `str(ConfigError)`: a file that is no configuration at all must not flood the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One problem. Every text in it is cleaned when it is shown, not before."""

    file: str
    """As it was given or found; empty: no file was found."""
    line: int | None = None
    """Counted from 1. None: it concerns the whole file, or cannot be told."""
    key: str = ""
    """Path from the top, `cluster[0].node[1].address`; empty: none in particular."""
    text: str
    suggestion: str | None = None
    """What was probably meant, exactly as it has to be written."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        parts = [part for part in (place, self.key, self.text) if part]
        hint = "" if self.suggestion is None else f', did you mean "{self.suggestion}"?'
        return clean(": ".join(parts) + hint)


class ConfigError(Exception):
    """The configuration cannot be used. Holds every problem found; `str()` gives one line each."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if (more := len(self.problems) - _SHOWN) > 0:
            lines.append(f"... and {more} more")
        return "\n".join(lines)


def shown(value: object) -> str:
    """Return a value of a TOML document as the operator wrote it, short and cleaned. Never raises."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{_short(value)}"'
    try:
        return _short(str(value))
    except ValueError:  # Python does not print integers of more than 4300 digits
        return "a very large number"


def key_path(loc: Sequence[int | str]) -> str:
    """Return a place in the document as `cluster[0].node[1].address`. Long names are cut."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        word = _short(part)
        bare = part.isascii() and part.replace("-", "_").isidentifier()
        text += ("." if text else "") + (word if bare else f'"{word}"')
    return text


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the one of `known` that was probably meant, or None. Case and dashes do not count."""
    if len(word) > 64:  # difflib is quadratic
        return None
    plain = {_plain(name): name for name in known}
    found = get_close_matches(_plain(word), list(plain), 1, 0.65)
    return plain[found[0]] if found else None


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path as text that can be printed (names on disk may hold any bytes)."""
    return os.fsdecode(path)


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _short(text: str, limit: int = 60) -> str:
    return clean(text if len(text) <= limit else text[: limit - 1] + "…")
