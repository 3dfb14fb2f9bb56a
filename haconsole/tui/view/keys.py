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
    """Screens at the left, keys at the right. Where not all fit, the names of the other screens are cut short; then
    keys go, the way out last: the help has them all."""
    usual = [h for h in hints if h.rank <= 0]
    for names in (_names(places, 2), _names(_short(places), 1)):
        left: Line = (say(" "), *names)
        room = width - width_of(left) - 3
        if width_of(join([_hint(h) for h in usual], 2)) <= room:
            break
    kept = list(hints)
    while kept and width_of(join([_hint(h) for h in kept], 2)) > room:
        kept.remove(max(reversed(kept), key=_goes_first))
    return spread(left, (*join([_hint(h) for h in kept], 2), say(" ")), width)


def _goes_first(hint: Hint) -> int:
    return -1 if hint.action == "app.quit" and hint.rank == 0 else hint.rank


def _names(places: Sequence[Hint], gap: int) -> Line:
    return join([_hint(p) for p in places], gap)


def _short(places: Sequence[Hint]) -> list[Hint]:
    return [p if p.active else p._replace(what=p.what[:4]) for p in places]


def _hint(hint: Hint) -> Line:
    """`5 Logs`: the key stands out; the screen one is on stands out as a whole."""
    tone = Tone.STRONG if hint.active else Tone.QUIET
    return (say(hint.key, Tone.KEY, hint.action), say(f" {hint.what}", tone, hint.action))
