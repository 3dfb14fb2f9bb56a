"""In which line of a TOML file a key stands. Only asked when there is something wrong with it.

tomllib tells no lines. tomlkit, which keeps every character, still puts the elements of a
`[[list]]` together when another table stands between them, so positions cannot be had from it.
Reading *valid* TOML for nothing but places is simple enough: keys, headings, and where a value ends.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress

Loc = tuple[int | str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:(?P<bare>[A-Za-z0-9_-]+)|(?P<basic>"(?:\\.|[^"\\])*")|'(?P<literal>[^']*)')[ \t]*""")
_SCALAR = re.compile(
    r'"""(?:\\.|"{1,2}(?!")|[^"\\])*"{3,5}'
    r"|'''(?:'{1,2}(?!')|[^'])*'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}\s#]+(?: [0-9][^,\]}\s#]*)?",  # a date and its time may have a blank between them
    re.DOTALL,
)


def line_numbers(text: str) -> dict[Loc, int]:
    """Return the line, counted from 1, of each key, table and list element in valid TOML.

    Keys are as in pydantic's `loc`: `("cluster", 0, "node", 1, "name")`. A table that is opened
    more than once has its first line. Never raises: what cannot be read ends the reading.
    """
    scanner = _Scanner(text)
    with suppress(ValueError, RecursionError):  # lines are a courtesy: no fault here may hide the real problem
        scanner.document()
    return scanner.found


def line_of(lines: Mapping[Loc, int], loc: Sequence[int | str]) -> int | None:
    """Return the line of `loc`, or of the nearest table around it; None when neither is known."""
    for length in range(len(loc), 0, -1):
        if (line := lines.get(tuple(loc[:length]))) is not None:
            return line
    return None


class _Scanner:
    """Reads forward through `text`. Each method begins at `pos` and leaves it behind what it read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.found: dict[Loc, int] = {}
        self._line = 1
        self._counted = 0
        self._last: dict[Loc, int] = {}
        """The last index of each list that is made of `[[headings]]`."""

    def document(self) -> None:
        table: Loc = ()
        while self._next():
            if self._next() == "[":
                table = self._heading()
            else:
                self._pair(table)

    def _next(self) -> str:
        """The next character that is neither blank nor comment; empty at the end."""
        self._match(_BLANK)
        return self.text[self.pos : self.pos + 1]

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.pos)
        if match is None:
            raise ValueError(self.pos)
        self.pos = match.end()
        return match

    def _note(self, loc: Loc) -> None:
        self._line += self.text.count("\n", self._counted, self.pos)
        self._counted = self.pos
        self.found.setdefault(loc, self._line)

    def _keys(self) -> list[str]:
        """`a . "b c" . 'd'`, without what stands before and behind."""
        keys = []
        while True:
            match = self._match(_KEY)
            if match["basic"]:
                keys.append(str(tomllib.loads(f"key = {match['basic']}")["key"]))
            else:
                keys.append(match["bare"] or match["literal"] or "")
            if self.text[self.pos : self.pos + 1] != ".":
                return keys
            self.pos += 1

    def _heading(self) -> Loc:
        brackets = 2 if self.text.startswith("[[", self.pos) else 1
        self.pos += brackets
        keys = self._keys()
        self.pos += brackets
        loc: Loc = ()
        for number, key in enumerate(keys, 1):
            loc = (*loc, key)
            self._note(loc)
            if brackets == 2 and number == len(keys):
                self._last[loc] = self._last.get(loc, -1) + 1
            if loc in self._last:
                loc = (*loc, self._last[loc])
                self._note(loc)
        return loc

    def _pair(self, loc: Loc) -> None:
        for key in self._keys():
            loc = (*loc, key)
            self._note(loc)
        self.pos += 1  # the "="
        self._value(loc)

    def _value(self, loc: Loc) -> None:
        first = self._next()
        self._note(loc)
        if first == "[":
            self._list(loc)
        elif first == "{":
            self._inline_table(loc)
        else:
            self._match(_SCALAR)

    def _list(self, loc: Loc) -> None:
        self.pos += 1
        index = 0
        while self._next() != "]":
            self._value((*loc, index))
            index += 1
            self._comma()
        self.pos += 1

    def _inline_table(self, loc: Loc) -> None:
        self.pos += 1
        while self._next() != "}":
            self._pair(loc)
            self._comma()
        self.pos += 1

    def _comma(self) -> None:
        if self._next() == ",":
            self.pos += 1
