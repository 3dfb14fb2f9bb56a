"""The help: keys in two columns, and what the signs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from haconsole.tui.view.text import Level, Line, Row, Tone, blank, pad, say, sign

_SIGNS: Final = (
    (Level.OK, "well, with evidence"),
    (Level.WARNING, "warning"),
    (Level.CRITICAL, "critical"),
    (Level.UNKNOWN, "unknown: it cannot be told"),
    (Level.BUSY, "in progress, not known yet"),
    (Level.INFO, "worth knowing"),
    (Level.NONE, "not asked: says nothing"),
)
_NOTES: Final = (
    "MASTER~     only the addresses hint at it",
    "255 of 255  effective priority of the configured one",
    "±1 ms       how well the time of an event is known",
)
_READ_ONLY: Final = "READ-ONLY: no action (a), drill (4) or maintenance (M) exists here"
_COLUMN: Final = 37
"""The narrowest: two in 80 columns."""


def help_rows(keys: Sequence[tuple[str, str]], width: int = 2 * _COLUMN, *, read_only: bool = False) -> tuple[Row, ...]:
    """(key, what it does) in two columns, then the signs. read_only: say why the keys that act are missing."""
    column = max(_COLUMN, width // 2)
    cells = [_key(k, what) for k, what in keys]
    signs: list[Line] = [(blank(1), sign(lv), say(f"  {what}")) for lv, what in _SIGNS]
    rows = [Row("keys", (say("Keys on this screen", Tone.KEY),))]
    if read_only:
        rows.append(Row("read-only", (blank(1), say(_READ_ONLY, Tone.STRONG))))
    rows += _two(cells, "key", column)
    rows += [Row("gap", ()), Row("signs", (say("Signs", Tone.KEY),))]
    rows += _two(signs, "sign", column)
    rows += [Row("gap2", ())]
    rows += [Row(f"note/{i}", (blank(1), say(note, Tone.QUIET))) for i, note in enumerate(_NOTES)]
    return tuple(rows)


def _key(key: str, what: str) -> Line:
    return (blank(1), *pad((say(key, Tone.KEY),), 14), blank(1), say(what))


def _two(cells: Sequence[Line], name: str, column: int) -> list[Row]:
    half = -(-len(cells) // 2)
    rows = []
    for i in range(half):
        right = cells[i + half] if i + half < len(cells) else ()
        rows.append(Row(f"{name}/{i}", (*pad(cells[i], column), *right)))
    return rows
