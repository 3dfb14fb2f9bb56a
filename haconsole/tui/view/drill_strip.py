"""Lanes of a drill on one time axis: who holds a VIP, and whether its clients are served. Pure.

A cell is as bad as its worst moment: what is short does not disappear in what is long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.model.drill import Holding
from haconsole.model.record import dataclass
from haconsole.tui.view.text import Line, Span, Tone, say

if TYPE_CHECKING:
    from haconsole.runtime.traffic import TrafficSnapshot

MOST: Final = 40_000
"""Slices of time kept: an hour in tenths of a second."""
_CELLS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""Seconds that a cell may stand for."""
_BARS: Final = "█▓▒"
"""Of the first, second, third node; others have the last one."""
NOBODY, BOTH, UNKNOWN = "░", "╳", "?"
SERVED, LOST, NOTHING = "▁", "✖", "·"


class Strip:
    """What clients got, in slices of `slice_s`, from many looks at the last seconds."""

    def __init__(self) -> None:
        self.slice_s = 0.1
        self._of: dict[str, dict[int, tuple[int, int]]] = {}

    def take(self, told: TrafficSnapshot) -> None:
        """The last seconds; a slice that was looked at before may have got more requests."""
        self.slice_s = told.bucket_s
        for vip, buckets in told.strips.items():
            kept = self._of.setdefault(vip, {})
            last = math.floor(told.now / told.bucket_s)
            for slot, bucket in enumerate(buckets, last + 1 - len(buckets)):
                if bucket.ok or bucket.failed:
                    kept[slot] = (bucket.ok, bucket.failed)
            while len(kept) > MOST:
                del kept[min(kept)]

    def between(self, vip: str, since: float, until: float) -> tuple[int, int]:
        """(served, lost) requests begun in that time."""
        kept, size = self._of.get(vip, {}), self.slice_s
        slots = range(math.floor(since / size + 1e-6), max(math.ceil(until / size - 1e-6), 0))
        found = [kept[s] for s in slots if s in kept]
        return sum(f[0] for f in found), sum(f[1] for f in found)


@dataclass(frozen=True, slots=True)
class Axis:
    """`cells` cells of `cell_s` seconds from `since` on; what lies after `now` has not happened."""

    since: float
    now: float
    cell_s: float
    cells: int

    def cell(self, index: int) -> tuple[float, float]:
        """From when to when."""
        return self.since + index * self.cell_s, self.since + (index + 1) * self.cell_s


def axis(since: float, now: float, cells: int) -> Axis:
    """The whole time from `since` to `now`; where that does not fit in the longest cells, its end."""
    cells = max(1, cells)
    size = next((s for s in _CELLS if s * cells >= now - since), _CELLS[-1])
    first = max(since, now - size * cells)
    return Axis(math.floor(first / size) * size, now, size, cells)


def cell_word(seconds: float) -> str:
    """`0.5 s`, `2 s`."""
    return f"{seconds:g} s"


def holder_cells(lanes: Sequence[Holding], vip: str, names: Mapping[str, str], on: Axis) -> Line:
    """Who holds it, by the kernels: a bar for each node, with its name where there is room for it."""
    mine = sorted((h for h in lanes if h.vip == vip), key=lambda h: h.since)
    cells = [_held(mine, *on.cell(i), on.now) for i in range(on.cells)]
    order = list(names)
    found: list[Span] = []
    at = 0
    while at < len(cells):
        end = at
        while end < len(cells) and cells[end] == cells[at]:
            end += 1
        found += _segment(cells[at], end - at, names, order)
        at = end
    return tuple(found)


def _held(mine: Sequence[Holding], since: float, until: float, now: float) -> tuple[str, ...] | str | None:
    """Its holders in that time; a sign for what is no holder; None: not yet."""
    if since >= now:
        return None
    before = [h for h in mine if h.since <= since]
    told = [h.holders for h in (*before[-1:], *(h for h in mine if since < h.since < min(until, now)))]
    if not told:
        return UNKNOWN
    for sign, bad in ((NOBODY, ()), (UNKNOWN, None)):
        if any(t == bad for t in told):
            return sign
    if any(t is not None and len(t) > 1 for t in told):
        return BOTH
    return told[-1] or NOBODY


def _segment(
    what: tuple[str, ...] | str | None, size: int, names: Mapping[str, str], order: Sequence[str]
) -> list[Span]:
    if what is None:
        return [say(" " * size)]
    if isinstance(what, str):
        tone = {NOBODY: Tone.WARNING, BOTH: Tone.WARNING, UNKNOWN: Tone.UNKNOWN}[what]
        return [say(what * size, tone)]
    node = what[0]
    number = order.index(node) if node in order else len(_BARS)
    bar = _BARS[min(number, len(_BARS) - 1)]
    tone = Tone.OK if number == 0 else Tone.INFO
    name = names.get(node, node)
    if size < len(name) + 5:
        return [say(bar * size, tone)]
    return [say(bar * 2, tone), say(f" {name} ", Tone.STRONG), say(bar * (size - len(name) - 4), tone)]


def client_cells(strip: Strip, vip: str, on: Axis) -> Line:
    """Whether its clients are served: one lost request marks its cell."""
    found: list[Span] = []
    for i in range(on.cells):
        since, until = on.cell(i)
        if since >= on.now:
            found.append(say(" "))
            continue
        good, bad = strip.between(vip, since, until)
        sign, tone = (LOST, Tone.CRITICAL) if bad else (SERVED, Tone.OK) if good else (NOTHING, Tone.QUIET)
        if found and found[-1].tone is tone and found[-1].text[0] == sign:
            found[-1] = found[-1]._replace(text=found[-1].text + sign)
        else:
            found.append(say(sign, tone))
    return tuple(found)
