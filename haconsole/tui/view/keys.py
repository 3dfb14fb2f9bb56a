"""The last line: the screens that exist, and the keys that do something on this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from haconsole.tui.view.text import Line, Tone, join, say, spread, width_of


class Hint(NamedTuple):
    """A key and what it does; `action` runs it on a click."""

    key: str
    what: str
    action: str
    active: bool = False
    rank: int = 0
    """Where not all fit, those with the highest rank go first."""


def key_line(places: Sequence[Hint], hints: Sequence[Hint], width: int) -> Line:
    """Screens at the left, keys at the right; what does not fit is left to the help."""
    left: Line = (say(" "), *join([_hint(p) for p in places], 2))
    room = width - width_of(left) - 3
    kept = list(hints)
    while kept and width_of(join([_hint(h) for h in kept], 2)) > room:
        kept.remove(max(reversed(kept), key=lambda h: h.rank))
    return spread(left, (*join([_hint(h) for h in kept], 2), say(" ")), width)


def _hint(hint: Hint) -> Line:
    """`5 Logs`: the key stands out; the screen one is on stands out as a whole."""
    tone = Tone.STRONG if hint.active else Tone.QUIET
    return (say(hint.key, Tone.KEY, hint.action), say(f" {hint.what}", tone, hint.action))
