"""A pane of rows: draws what it is given, repaints the lines that differ, knows a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from haconsole.tui import safe
from haconsole.tui.view.text import KeyedRows, Line, Row, crop
from haconsole.tui.widgets.toned import Toned


class LinePane(Toned, ScrollView, can_focus=True, inherit_bindings=False):
    """Rows, one a line, under a heading that stays. `follow`: stays at the newest, the last row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="pane.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="pane.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="pane.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="pane.pagedown"),
        Binding("home", "edge(-1)", "First", show=False, id="pane.home"),
        Binding("end", "edge(1)", "Last", show=False, id="pane.end"),
        Binding("enter", "choose", "Details", show=False, id="pane.choose"),
    ]

    @dataclass
    class Chosen(Message):
        """The operator opened a row."""

        pane: LinePane
        row: Row

    @dataclass
    class Moved(Message):
        """The cursor stands on another row."""

        pane: LinePane
        row: Row

    def __init__(self, *, id: str | None = None, classes: str | None = None, follow: bool = False) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.marks_row = True
        """False: a text to read, without a cursor to be seen."""
        self.follow = follow
        self.cursor = 0
        self._touched = False
        """Until the operator moved it the cursor stays at its end of the pane, whatever comes and goes."""
        self._rows: Sequence[Row] = ()
        self._heading: Line = ()
        self._title: Line = ()
        self._subtitle: Line = ()
        self._key = ""
        self._drawn: dict[int, Row] = {}
        self._at_end = True
        """The operator has not scrolled back. Where it stands does not tell: scrolling takes effect a moment later."""

    # --- what is shown ------------------------------------------------------

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    def title(self, line: Line, subtitle: Line = ()) -> None:
        """What stands in the frame."""
        if line != self._title:
            self._title = line
            self.border_title = safe.content(line)
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self.border_subtitle = safe.content(subtitle)

    def show(self, rows: Sequence[Row], heading: Line = ()) -> None:
        """Show these rows; the cursor stays on the row it was on, as long as that is there."""
        follows = self.follow and self.cursor >= len(self._rows) - 1
        if heading != self._heading:
            self._heading = heading
            self.refresh(Region(0, 0, self._room, 1))
        self._rows = rows
        self.virtual_size = Size(0, len(rows) + self._top)
        if follows:
            self._move_to(len(rows) - 1, scroll=False)
            self._follow()
        else:
            self._keep_place()
        for index in self._visible():
            if self._drawn.get(index) != rows[index]:
                self.refresh_row(index)

    def _follow(self) -> None:
        """To the end, as it is after the next refresh; who scrolled back to read is left where he is."""
        if self._at_end:
            self.call_after_refresh(self._to_end)

    def _to_end(self) -> None:
        if self._at_end:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._at_end = new_value >= self.max_scroll_y

    def _keep_place(self) -> None:
        """After the rows changed: the cursor stays on its row, or at the top where nobody moved it."""
        if not self._touched:
            self._move_to(0, scroll=False)
            return
        row = self.row
        if row is None or row.key != self._key:
            found = self._find(self._key)
            self._move_to(self.cursor if found is None else found, scroll=self.has_focus)

    def _find(self, key: str) -> int | None:
        """Where the row with this key is."""
        if isinstance(self._rows, KeyedRows):
            return self._rows.index_of(key)
        return next((i for i, row in enumerate(self._rows) if row.key == key), None)

    @property
    def _room(self) -> int:
        """Cells for text: the scrollbar's are not."""
        return max(1, self.scrollable_content_region.width)

    @property
    def _top(self) -> int:
        return 1 if self._heading else 0

    def _visible(self) -> range:
        first = self.scroll_offset.y
        return range(first, min(len(self._rows), first + max(0, self.size.height - self._top)))

    def refresh_row(self, index: int) -> None:
        """Repaint one row."""
        self.refresh(Region(0, index + self._top - self.scroll_offset.y, max(1, self._room), 1))

    def render_line(self, y: int) -> Strip:
        width = self._room
        if y < self._top:
            return self.draw(crop(self._heading, width), width)
        index = y - self._top + self.scroll_offset.y
        if index >= len(self._rows):
            self._drawn.pop(index, None)
            return self.draw((), width)
        row = self._rows[index]
        if len(self._drawn) > 400:
            self._drawn.clear()
        self._drawn[index] = row
        return self.draw(
            crop(row.line, width), width, cursor=self.marks_row and self.has_focus and index == self.cursor
        )

    # --- the cursor ---------------------------------------------------------

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    def select(self, key: str) -> None:
        """Put the cursor on the row with this key, if it is there."""
        found = self._find(key)
        if found is not None:
            self._touched = True
            self._move_to(found, scroll=True)

    def _move_to(self, index: int, *, scroll: bool = True) -> None:
        index = max(0, min(index, len(self._rows) - 1))
        before, self.cursor = self.cursor, index
        row = self.row
        changed = row is not None and row.key != self._key
        self._key = row.key if row is not None else ""
        if before != index:
            self.refresh_row(before)
            self.refresh_row(index)
        if scroll:
            self._scroll_into_view(index)
        if changed and row is not None:
            self.post_message(self.Moved(self, row))

    def _scroll_into_view(self, index: int) -> None:
        page = max(1, self.size.height - self._top)
        first = self.scroll_offset.y
        if index < first:
            self.scroll_to(y=index, animate=False)
        elif index >= first + page:
            self.scroll_to(y=index - page + 1, animate=False)

    def action_move(self, by: int) -> None:
        self._touched = True
        self._move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._touched = True
        self._move_to(self.cursor + by * max(1, self.size.height - self._top - 1))

    def action_edge(self, which: int) -> None:
        self._touched = True
        self._move_to(0 if which < 0 else len(self._rows) - 1)

    def action_choose(self) -> None:
        if self.row is not None:
            self.post_message(self.Chosen(self, self.row))

    def on_focus(self) -> None:
        self.refresh_row(self.cursor)

    def on_blur(self) -> None:
        self.refresh_row(self.cursor)

    def on_resize(self, _event: events.Resize) -> None:
        if self.follow and self.cursor >= len(self._rows) - 1:
            self._follow()

    def on_click(self, event: events.Click) -> None:
        """One click selects, two open."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._top:
            return
        index = offset.y - self._top + self.scroll_offset.y
        if index >= len(self._rows):
            return
        self._touched = True
        self._move_to(index, scroll=False)
        if event.chain >= 2:
            self.action_choose()
