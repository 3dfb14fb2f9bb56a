"""The running keepalived.conf of a node beside the recommended one, as keepalived reads both."""

from __future__ import annotations

from typing import Final

from haconsole.report.keepalived_diff import Compared, columns
from haconsole.report.keepalived_lines import Line as ConfLine
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, pad, say, sign

_NUMBER: Final = 5
"""Cells of a line number with its blank."""
_MIDDLE: Final = {" ": "   ", "|": " ≠ ", "<": " ◀ ", ">": " ▶ "}
"""The same on both; different; only the running one has it; only the recommended one has it."""
_TONES: Final = {" ": Tone.QUIET, "|": Tone.WARNING, "<": Tone.WARNING, ">": Tone.INFO}


def beside_rows(compared: Compared | None, problem: str | None, width: int) -> tuple[Row, ...]:
    """Line by line; a row whose key begins with `differs` is not the same on both sides."""
    if compared is None or compared.running is None:
        why = problem or (None if compared is None else compared.problem) or "it has not been read"
        text = f" nothing to lay side by side: {why}"
        return (Row("beside/none", crop((sign(Level.UNKNOWN), say(text, Tone.UNKNOWN)), width), Level.UNKNOWN),)
    cell = max(10, (width - 2 * 3) // 2)
    rows = []
    for number, (left, mark, right) in enumerate(columns(compared)):
        place = left.place if isinstance(left, ConfLine) else None
        at = "" if place is None or not left.strip() else str(place.line)
        tone = _TONES[mark]
        shown: Line = (
            *pad((say(at, Tone.QUIET),), _NUMBER - 1, right=True),
            blank(1),
            *pad((say(left, tone),), cell - _NUMBER),
            say(_MIDDLE[mark], Tone.STRONG),
            say(right, tone),
        )
        kind = "same" if mark == " " else "differs"
        rows.append(Row(f"{kind}/{number}", crop(shown, width), copy=(right if mark in "|>" else left).strip()))
    return tuple(rows)


def heading(compared: Compared | None, width: int) -> Line:
    """What stands on which side."""
    if compared is None or compared.running is None:
        return ()
    cell = max(10, (width - 2 * 3) // 2)
    left: Line = (blank(_NUMBER), say(f"running {compared.file}", Tone.QUIET))
    return (*pad(left, cell), blank(3), say("recommended", Tone.QUIET))


def title(compared: Compared | None, number: int, of: int) -> Line:
    """`Recommended for proxy-serv01 (1 of 2, o: next) 14 lines differ`"""
    if compared is None:
        return (say("Recommended", Tone.STRONG),)
    told = "the same as what runs"
    if compared.running is None:
        told = "its file was not read"
    elif not compared.same:
        count = sum(mark != " " for _, mark, _ in columns(compared))
        told = f"{count} line{'s' if count != 1 else ''} differ{'' if count != 1 else 's'}"
    which = f" ({number} of {of}, o: next)" if of > 1 else ""
    return (say(f"Recommended for {compared.node}{which} ", Tone.STRONG), say(told, Tone.QUIET))
