"""Text that a terminal shows and does not obey, whoever wrote it.

Parsers have cleaned what comes from nodes; this is the last door, for everything that is drawn,
notified or copied. On top of `parse.text.clean` it replaces what has no width of its own or turns
the reading direction, because columns would no longer stand where they seem to.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from haconsole.parse.text import clean

LONGEST: Final = 4000
"""Characters kept of one piece of text: no screen shows more, and widths stay cheap to find."""
MARKS: Final = 2
"""Combining marks kept in a row: more of them paint over the lines above and below."""


def printable(text: str) -> str:
    """`text` in one line of characters that have a place on the screen. Idempotent; never raises."""
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _shown(c) for c in clean(text))
    return text if text.isascii() else _few_marks(text)


def _shown(char: str) -> str:
    """Blanks of every kind become a blank, the rest (format, private, unassigned) a visible mark."""
    return " " if char.isspace() else "�"


def _few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if marks <= MARKS:
            kept.append(char)
    return text if len(kept) == len(text) else "".join(kept)
