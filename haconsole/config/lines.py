"""In which line of a TOML file a key stands. Only asked when there is something wrong with it.

tomllib tells no lines and tomlkit's items carry no position, but tomlkit keeps every character,
so that counting the line ends of all that stands before an item gives its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

Loc = tuple[int | str, ...]

_LIMIT: Final = 1024 * 1024
"""Characters. tomlkit needs two seconds for that much; above it problems have no lines."""


def line_numbers(text: str) -> dict[Loc, int]:
    """Return the line, counted from 1, of each key, table and list element in valid TOML.

    Keys are as in pydantic's `loc`: `("cluster", 0, "node", 1, "name")`. A table that is opened
    more than once has its first line. Empty when lines cannot be told. Never raises.
    """
    if len(text) > _LIMIT:
        return {}
    import tomlkit

    try:
        document = tomlkit.parse(text)
        walk = _Walk()
        walk.body(document.body, ())
    except Exception:  # noqa: BLE001 - lines are a courtesy: any fault there must not hide the real problem
        return {}
    # A walk that did not meet every line end has counted wrongly somewhere: no line beats a wrong one.
    return walk.found if walk.line == text.count("\n") + 1 else {}


def line_of(lines: dict[Loc, int], loc: Sequence[int | str]) -> int | None:
    """Return the line of `loc`, or of the nearest table around it; None when neither is known."""
    for length in range(len(loc), 0, -1):
        if (line := lines.get(tuple(loc[:length]))) is not None:
            return line
    return None


class _Walk:
    """Goes through a document in the order of its text. tomlkit's types are too loose for more than Any."""

    def __init__(self) -> None:
        self.line = 1
        self.found: dict[Loc, int] = {}
        self._counts: dict[Loc, int] = {}

    def body(self, body: Iterable[tuple[Any, Any]], loc: Loc) -> None:
        """Tables and pairs in a row; blanks and comments have no key."""
        for key, item in body:
            if key is None:
                self._pass(item.as_string())
            else:
                self._item(item, (*loc, key.key))

    def _item(self, item: Any, loc: Loc) -> None:
        from tomlkit.items import AoT, Table

        if isinstance(item, AoT):
            for table in item.body:
                # The same list can go on later in the file.
                index = self._counts.get(loc, 0)
                self._counts[loc] = index + 1
                self._table(table, (*loc, index), outer=loc)
        elif isinstance(item, Table):
            self._table(item, loc, outer=loc)
        else:
            self._pair(item, loc)

    def _table(self, table: Any, loc: Loc, outer: Loc) -> None:
        self._pass(table.trivia.indent)
        self.found.setdefault(outer, self.line)
        self.found.setdefault(loc, self.line)
        headed = table.is_aot_element() or not table.is_super_table()
        if headed:
            trail = table.trivia.trail
            self._pass(trail if "\n" in trail or not table.value.body else trail + "\n")
        self.body(table.value.body, loc)

    def _pair(self, item: Any, loc: Loc) -> None:
        self._pass(item.trivia.indent)
        self._value(item, loc)
        self._pass(item.trivia.trail)

    def _value(self, item: Any, loc: Loc) -> None:
        from tomlkit.items import Array, InlineTable

        self.found.setdefault(loc, self.line)
        start = self.line
        if isinstance(item, Array):
            self._array(item, loc)
        elif isinstance(item, InlineTable):
            self.body(item.value.body, loc)
        # Brackets, commas and comments between the elements may have line ends that the walk does not see.
        self.line = start + item.as_string().count("\n")

    def _array(self, array: Any, loc: Loc) -> None:
        index = 0
        for group in array._value:  # noqa: SLF001 - the public list has no blanks and comments
            for part in (group.indent, group.value, group.comma, group.comment):
                if part is None:
                    continue
                if part is group.value:
                    self._value(part, (*loc, index))
                    index += 1
                else:
                    self._pass(part.as_string())

    def _pass(self, text: str) -> None:
        self.line += text.count("\n")
