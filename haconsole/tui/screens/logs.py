"""The logs screen: all that all nodes, the clients and the console said, in the order of time."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.view.events import WIDE_FROM, EventRows, Filter
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Tone, say, short_names
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class LogsScreen(ConsoleScreen):
    """The merged log of one cluster on a whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "Filter", id="logs.filter")]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("/", "filter", "screen.filter"),
        Hint("↵", "details", "app.open_row"),
        Hint("y", "copy", "app.copy"),
        Hint("esc", "back", "app.step_back"),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self._filter = Filter()
        self._looked: tuple[Snapshot, int, Filter] | None = None

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="list", follow=True)
        yield FilterLine(id="filter")
        yield self.keys()

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        looked = (snapshot, self.size.width, self._filter)
        if self._looked is not None and self._looked[0] is snapshot and self._looked[1:] == looked[1:]:
            return
        self._looked = looked
        width = self.size.width - (2 if self.has_class("-flat") else 4)
        nodes = [n.name for n in snapshot.picture.nodes]
        names = {n: n for n in nodes} if width >= WIDE_FROM else short_names(nodes)
        whole = snapshot.picture.log
        log = self._filter.choose(whole)
        count = f"{len(log)} of {len(whole)} pass `{self._filter.text}`" if self._filter.text else f"{len(whole)} lines"
        pane = self.query_one("#list", LinePane)
        pane.title((say("Logs ", Tone.STRONG), say(f"all nodes, {count}", Tone.QUIET)))
        pane.show(EventRows(log, snapshot.picture.at, names, width, self.console.zone))

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        self._filter = Filter(message.text)
        if message.done:
            self.query_one("#list").focus()
        self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        self.console.open(message.row)
