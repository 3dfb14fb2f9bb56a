"""The list of clusters, the worst first: where one starts when there are several."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.view.clusters import cluster_list, ordered, same, tally
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Tone, say
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class ClustersScreen(ConsoleScreen):
    """One row a cluster; Enter opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "Filter", id="clusters.filter")]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("↵", "open", "app.open_row"),
        Hint("/", "filter", "screen.filter"),
        Hint("y", "copy", "app.copy", rank=1),
        Hint("ctrl+p", "commands", "app.command_palette", rank=2),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._words = ""
        self._looked: tuple[list[tuple[str, Snapshot | None]], int, str] | None = None

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="list")
        yield FilterLine(id="filter", placeholder="filter: name, verdict or node")
        yield self.keys()

    def look(self, now: float) -> None:
        clusters = self.console.fleet.all()
        standing = self.console.standing(now, read_only=False)
        head = header(f"{len(clusters)} clusters", tally(s for _, s in clusters), standing, self.size.width)
        self.query_one("#head", Bar).show(head)
        looked = (clusters, self.size.width, self._words)
        if self._looked is not None and same(clusters, self._looked[0]) and looked[1:] == self._looked[1:]:
            return
        self._looked = looked
        self._show_list(clusters)

    def _show_list(self, clusters: list[tuple[str, Snapshot | None]]) -> None:
        chosen = ordered(clusters, self._words)
        shown = cluster_list(chosen, self.size.width - (2 if self.has_class("-flat") else 4))
        pane = self.query_one("#list", LinePane)
        count = f"{len(chosen)} of {len(clusters)} pass `{self._words}`" if self._words else "worst first"
        pane.title((say("Clusters ", Tone.STRONG), say(count, Tone.QUIET)))
        pane.show(shown.rows, shown.heading)

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        self._words = message.text
        if message.done:
            self.query_one("#list").focus()
        self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        self.console.open(message.row)
