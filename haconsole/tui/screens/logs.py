"""The logs screen: what all nodes, the clients and the console said, in the order of time; each node in a column of
its own where there is room. From a finding one gets to its lines here, and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Finding
from haconsole.model.state import Occurrence
from haconsole.tui import safe
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.view import logs as view
from haconsole.tui.view.events import WIDE_FROM, EventRows, Filter, key_of
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import KeyedRows, Line, Row, Tone, crop, say, short_names
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class LogsScreen(ConsoleScreen):
    """The log of one cluster on a whole screen. about: key of a finding whose lines are marked."""

    AUTO_FOCUS = "#list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="logs.filter"),
        Binding("space", "hold", "Stand still, follow", id="logs.hold"),
        Binding("v", "layout", "Columns or one list", id="logs.layout"),
        Binding("n", "mark(1)", "Its next line; N: before", id="logs.next"),
        Binding("N", "mark(-1)", "Its next line; N: before", id="logs.next"),
        Binding("o", "others", "Other nodes", id="logs.others"),
        Binding("escape", "back", "Back", show=False, id="screen.back"),
    ]

    def __init__(self, cluster: str, about: str | None = None) -> None:
        super().__init__()
        self.cluster = cluster
        self._about = about
        self._from_finding = about is not None
        self._finding: Finding | None = None
        self._marked: tuple[str, ...] = ()
        self._filter = Filter()
        self._columns: bool | None = None
        """None: as the room is."""
        self._first = 0
        self._open: tuple[Occurrence, ...] | None = None
        """The lines that are shown in full; None: nothing is."""
        self._rows: KeyedRows | None = None
        self._passed = 0
        """So many lines pass the filter."""
        self._looked: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="list", follow=True)
        yield LinePane(id="detail")
        yield FilterLine(id="filter", placeholder="filter: words, -word must not be there; squid, serv01 ...")
        yield self.keys()

    def hints(self) -> tuple[Hint, ...]:
        """`n` is there where something is marked."""
        marks = (Hint("n", "next ▸", "screen.mark(1)"),) if self._marked else ()
        layout = Hint("v", "one list" if self.in_columns else "columns", "screen.layout", rank=1)
        return (
            *marks,
            Hint("/", "filter", "screen.filter"),
            Hint("spc", "hold" if self._follows else "follow", "screen.hold", rank=1),
            layout,
            Hint("↵", "details", "app.open_row", rank=2),
            Hint("y", "copy", "app.copy", rank=2),
            Hint("esc", "back", "screen.back", rank=3),
            Hint("q", "quit", "app.quit"),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not there."""
        if action == "mark":
            return bool(self._marked)
        if action == "others":
            names = [n.name for n in self.console.spec(self.cluster).nodes]
            return self.in_columns and len(view.shown_nodes(names, self._width, 0)) < len(names)
        return super().check_action(action, parameters)

    # --- what is shown ----------------------------------------------------------------------------------

    @property
    def in_columns(self) -> bool:
        return self._width >= view.COLUMNS_FROM if self._columns is None else self._columns

    @property
    def _width(self) -> int:
        return max(1, self.size.width - (2 if self.has_class("-flat") else 4))

    @property
    def _follows(self) -> bool:
        return self.query_one("#list", LinePane).follow

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        if self._about is not None:
            self._seek(snapshot)
        self.set_class(self._open is not None, "-detail")
        looked = (id(snapshot), self._width, self._filter, self.in_columns, self._first, self._follows, self._marked)
        if looked != self._looked or self._rows is None:
            self._looked = looked
            self._fill(snapshot)
        self._show_title(snapshot)
        self._show_detail(snapshot)

    def _seek(self, snapshot: Snapshot) -> None:
        """Find the finding's lines, once."""
        self._finding = next((f for f in snapshot.findings if f.key == self._about), None)
        self._about = None
        if self._finding is None:
            safe.notify(self.app, "that finding is no longer there", severity="warning")
            return
        self._marked = view.lines_of(self._finding, snapshot)
        since = view.began(self._finding, snapshot)
        goal = self._marked[0] if self._marked else None
        if goal is None and since is not None:
            goal = view.nearest(snapshot.picture.log, since)
        if goal is not None:
            self.query_one("#list", LinePane).follow = False
            self.call_after_refresh(self._go, goal)

    def _go(self, key: str) -> None:
        """The cursor on a line, with some of what came before and after in sight."""
        pane, rows = self.query_one("#list", LinePane), self._rows
        index = None if rows is None else rows.index_of(key)
        if rows is None or index is None:
            return
        for beside in (max(0, index - 5), min(len(rows) - 1, index + 5), index):
            pane.select(rows[beside].key)

    def _fill(self, snapshot: Snapshot) -> None:
        picture, width = snapshot.picture, self._width
        names = [n.name for n in picture.nodes]
        log = self._filter.choose(picture.log)
        self._passed = len(log)
        heading: Line = ()
        if self.in_columns:
            shown = view.shown_nodes(names, width, self._first)
            hidden = frozenset(names) - frozenset(shown)
            rows = view.moments(log, shown, hidden)
            self._rows = view.LogColumns(rows, picture.at, shown, width, self.console.zone, frozenset(self._marked))
            heading = crop(view.heading(picture, shown, width, self.console.zone), width)
        else:
            short = {n: n for n in names} if width >= WIDE_FROM else short_names(names)
            self._rows = EventRows(log, picture.at, short, width, self.console.zone, frozenset(self._marked))
        self.query_one("#list", LinePane).show(self._rows, heading)

    def _show_title(self, snapshot: Snapshot) -> None:
        pane = self.query_one("#list", LinePane)
        whole = len(snapshot.picture.log)
        count = f"{self._passed:,} of {whole:,} pass `{self._filter.text}`" if self._filter.text else f"{whole:,} lines"
        below = len(pane.rows) - 1 - pane.cursor
        state = "follows" if pane.follow and below <= 0 else f"still, {below:,} below, end: newest"
        title: Line = (say("Logs ", Tone.STRONG), say(f"{count} · {state}", Tone.QUIET))
        if self._finding is not None:
            told = f" · ▸ {len(self._marked)} of: " if self._marked else " · no line tells of: "
            title = (*title, say(told, Tone.WARNING), say(self._finding.summary))
        pane.title(crop(title, max(1, self.size.width - 6)))

    def _show_detail(self, snapshot: Snapshot) -> None:
        if self._open is None:
            return
        pane = self.query_one("#detail", LinePane)
        pane.title((say("Details", Tone.STRONG), say(" esc closes", Tone.QUIET)))
        pane.show(view.moment_details(self._open, snapshot.picture.at, self._width, self.console.zone))

    # --- keys -------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        self._filter = Filter(message.text)
        if message.done:
            self.query_one("#list").focus()
        self.tick(self.console.now())

    def action_hold(self) -> None:
        """Stand still however much comes, or run on at the newest."""
        pane = self.query_one("#list", LinePane)
        at_end = pane.cursor >= len(pane.rows) - 1
        pane.follow = not (pane.follow and at_end)
        if pane.follow:
            pane.action_edge(1)
        elif pane.row is not None:
            pane.select(pane.row.key)
        self.tick(self.console.now())

    def action_layout(self) -> None:
        """Each node a column, or all in one list."""
        row = self.query_one("#list", LinePane).row
        self._columns = not self.in_columns
        self.tick(self.console.now())
        if row is not None and not self._follows:
            self._go(row.key)

    def action_others(self) -> None:
        """The next nodes, where not all fit."""
        self._first += 1
        self.tick(self.console.now())

    def action_mark(self, by: int) -> None:
        """The next, or the line before, of what the finding is about."""
        pane, rows = self.query_one("#list", LinePane), self._rows
        if rows is None:
            return
        found = sorted({i for key in self._marked if (i := rows.index_of(key)) is not None})
        ahead = [i for i in found if (i > pane.cursor if by > 0 else i < pane.cursor)]
        if not found:
            safe.notify(self.app, "the filter hides the finding's lines", severity="warning")
            return
        pane.follow = False
        self._go(rows[(ahead or found)[0 if by > 0 else -1]].key)

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        """`end` follows again; the details follow the cursor."""
        pane = message.pane
        if pane.id != "list":
            return
        if pane.cursor >= len(pane.rows) - 1:
            pane.follow = True
        if self._open is not None:
            self._open = self._lines_of(message.row)
        self.tick(self.console.now())

    def _lines_of(self, row: Row) -> tuple[Occurrence, ...]:
        rows = self._rows
        index = None if rows is None else rows.index_of(row.key)
        if index is None:
            return ()
        if isinstance(rows, view.LogColumns):
            return rows.moments[index]
        log: Sequence[Occurrence] = rows.log if isinstance(rows, EventRows) else ()
        return tuple(o for o in log[index : index + 1] if key_of(o) == row.key)

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        if message.pane.id == "list":
            self._open = self._lines_of(message.row) or None
            self.tick(self.console.now())

    def action_back(self) -> None:
        """Close the details; else back to the finding, or to the cluster."""
        if self._open is not None:
            self._open = None
            self.tick(self.console.now())
            self.query_one("#list").focus()
        elif self._from_finding:
            self.console.action_place("triage")
        else:
            self.console.action_step_back()
