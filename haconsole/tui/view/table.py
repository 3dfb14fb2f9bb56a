"""Columns that fit: widths from what is in them, given way in turn when the room is short."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.model.record import dataclass
from haconsole.tui.view.text import Line, Span, Tone, blank, crop, middle, pad, plain, say, width_of


@dataclass(frozen=True, slots=True)
class Column:
    """`low` and `high` bound its width in cells. `stretch`: takes what room is left over.
    `middle`: where it must be cut, the middle of the text goes, not its end.
    `give`: where room is short, columns with the lowest number give way first."""

    title: str
    low: int
    high: int
    right: bool = False
    middle: bool = False
    stretch: bool = False
    give: int = 0


class Table:
    """Cells by row and column; every line comes out `width` cells wide."""

    def __init__(
        self,
        columns: Sequence[Column],
        cells: Sequence[Sequence[Line]],
        width: int,
        gap: int = 2,
        *,
        titles: bool = True,
    ) -> None:
        self._columns = columns
        self._cells = cells
        self._gap = gap if width >= 90 or gap < 2 else max(1, gap - 1)
        self._titles = titles
        self.widths = self._fit(width)

    def _fit(self, width: int) -> list[int]:
        widths = [self._natural(i, c) for i, c in enumerate(self._columns)]
        excess = sum(widths) + self._gap * (len(widths) - 1) - width
        for turn in sorted({c.give for c in self._columns}):
            excess = self._shrink(widths, excess, turn)
        for i, column in enumerate(self._columns):
            if column.stretch and excess < 0:
                widths[i] -= excess
                excess = 0
        return widths

    def _shrink(self, widths: list[int], excess: int, turn: int) -> int:
        """Take cells from the columns whose turn it is, the widest first; what is still too much."""
        indices = [i for i, c in enumerate(self._columns) if c.give == turn]
        while excess > 0:
            able = [i for i in indices if widths[i] > self._columns[i].low]
            if not able:
                break
            widths[max(able, key=lambda i: widths[i])] -= 1
            excess -= 1
        return excess

    def _natural(self, index: int, column: Column) -> int:
        title = len(column.title) if self._titles else 0
        widest = max((width_of(row[index]) for row in self._cells), default=0)
        return max(column.low, min(column.high, max(title, widest)))

    def heading(self) -> Line:
        """The titles, over their columns."""
        return self._line([(say(c.title, Tone.QUIET),) for c in self._columns])

    def line(self, row: int) -> Line:
        return self._line(self._cells[row])

    def line_of(self, cells: Sequence[Line]) -> Line:
        """Other cells, in the same columns."""
        return self._line(cells)

    def _line(self, cells: Sequence[Line]) -> Line:
        out: list[Span] = []
        for cell, column, width in zip(cells, self._columns, self.widths, strict=True):
            if out:
                out.append(blank(self._gap))
            out.extend(pad(_cut(cell, column, width), width, right=column.right))
        return tuple(out)


def _cut(cell: Line, column: Column, width: int) -> Line:
    if not column.middle or width_of(cell) <= width:
        return crop(cell, width)
    if len(cell) == 1:
        return (cell[0]._replace(text=middle(cell[0].text, width)),)
    tail = cell[-1]
    room = width - width_of((tail,)) - 1
    head = Span(middle(plain(cell[:-1]).rstrip(), room), cell[0].tone)
    return (head, blank(1), tail)
