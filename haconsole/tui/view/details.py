"""Pages of labelled values: the building blocks of everything that Enter opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, pad, plain, say, sign, wrap

LABEL: Final = 14


def fact(
    label: str,
    value: str,
    width: int,
    *,
    tone: Tone = Tone.PLAIN,
    level: Level = Level.NONE,
    copy: str = "",
    indent: int = 2,
) -> Iterator[Row]:
    """A value with its label, in as many lines as it needs; `y` copies the whole value on each."""
    lead: Line = (blank(indent),)
    if label:
        lead = (blank(indent), *pad((say(label, Tone.QUIET),), LABEL))
    if level is not Level.NONE:
        lead = (*lead, sign(level), blank(1))
    taken = sum(len(s.text) for s in lead)
    for i, text in enumerate(wrap(value, max(8, width - taken))):
        start = lead if i == 0 else (blank(taken),)
        yield Row(f"fact/{label}/{value}/{i}", crop((*start, say(text, tone)), width), level, copy or value)


def shown(label: str, line: Line, width: int, *, level: Level = Level.NONE, copy: str = "") -> Row:
    """A value that is already a line; without a label it stands under the one above."""
    full = (blank(2), *pad((say(label, Tone.QUIET),), LABEL), *line)
    return Row(f"fact/{label}/{copy or plain(line)[:40]}", crop(full, width), level, copy or plain(line).strip())


def heading(text: str, width: int) -> Iterator[Row]:
    """A blank line and a title."""
    yield Row(f"gap/{text}", ())
    yield Row(f"heading/{text}", crop((say(text, Tone.KEY),), width), copy=text)


def nothing(why: str, width: int) -> tuple[Row, ...]:
    """The page of a subject that is gone."""
    return (Row("gone", crop((blank(2), sign(Level.UNKNOWN), say(f" {why}", Tone.UNKNOWN)), width)),)
