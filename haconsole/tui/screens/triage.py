"""The triage screen: root causes and what follows from them above, the one under the cursor with its proof below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Finding
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.screens.logs import LogsScreen
from haconsole.tui.view import triage
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Kind, Row, Tone, say
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class TriageScreen(ConsoleScreen):
    """Findings with their evidence, the way to the log's lines, and to a closer look."""

    AUTO_FOCUS = "#findings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="triage.filter"),
        Binding("l", "lines", "Its lines in the log", id="triage.lines"),
        Binding("c", "closer", "Look closer", id="triage.closer"),
    ]

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self._words = ""
        self._looked: tuple[object, ...] = ()
        self._offered: tuple[object, tuple[str, ...]] | None = None

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="findings")
        yield LinePane(id="page")
        yield FilterLine(id="filter", placeholder="filter: words that must be there, -word must not")
        yield self.keys()

    def hints(self) -> tuple[Hint, ...]:
        looks = (Hint("c", "closer", "screen.closer"),) if self.console.looker(self.cluster) is not None else ()
        lines = (Hint("l", "log", "screen.lines"),) if self._found else ()
        return (
            *lines,
            *looks,
            Hint("y", "copy", "app.copy"),
            Hint("/", "filter", "screen.filter", rank=1),
            Hint("tab", "evidence", "app.focus_next", rank=2),
            Hint("↵", "whole screen", "app.open_row", rank=3),
            Hint("esc", "back", "app.step_back", rank=4),
            Hint("q", "quit", "app.quit"),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not there."""
        if action == "closer":
            return self.console.looker(self.cluster) is not None
        if action == "lines":
            return self._found
        return super().check_action(action, parameters)

    @property
    def _found(self) -> bool:
        return bool(self.console.snapshot(self.cluster).findings)

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        row = self.query_one("#findings", LinePane).row
        looked = (id(snapshot), self.size.width, self.size.height, row.key if row else "", self._words)
        if looked != self._looked:
            self._looked = looked
            self._fill(snapshot)

    def _fill(self, snapshot: Snapshot) -> None:
        flat = self.has_class("-flat")
        width = self.size.width - (2 if flat else 4)
        found = triage.chosen(snapshot.findings, self._words)
        rows = triage.tree_rows(snapshot, found, width)
        height = min(len(rows) + (1 if flat else 2), self.size.height * 2 // 5)
        pane = self.query_one("#findings", LinePane)
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
        pane.title(triage.title(snapshot, found, self._words))
        pane.show(rows)
        page = self.query_one("#page", LinePane)
        page.title((say("Under the cursor", Tone.STRONG), say(" what to do, and the proof", Tone.QUIET)))
        page.show(self._details(pane.row, snapshot, width))

    def _details(self, row: Row | None, snapshot: Snapshot, width: int) -> tuple[Row, ...]:
        finding = self._finding(row, snapshot)
        if finding is None:
            return ()
        return triage.details(finding.key, snapshot, width, self.console.zone, self._closer(finding, snapshot))

    def _closer(self, finding: Finding, snapshot: Snapshot) -> tuple[str, ...]:
        """In a few words, what could be looked at; thought of anew when the nodes' files or witnesses change."""
        looker = self.console.looker(self.cluster)
        if looker is None:
            return ()
        basis = (finding.key, tuple((n.config, n.readable, n.dump_at) for n in snapshot.picture.nodes))
        if self._offered is None or self._offered[0] != basis:
            from haconsole.tui.view import closer

            self._offered = (basis, closer.titles(looker.offers(snapshot), finding))
        return self._offered[1]

    @staticmethod
    def _finding(row: Row | None, snapshot: Snapshot) -> Finding | None:
        if row is None or row.target is None or row.target.kind is not Kind.FINDING:
            return None
        return next((f for f in snapshot.findings if f.key == row.target.name), None)

    @property
    def finding(self) -> Finding | None:
        """The one under the cursor."""
        return self._finding(self.query_one("#findings", LinePane).row, self.console.snapshot(self.cluster))

    # --- keys -------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        self._words = message.text
        if message.done:
            self.query_one("#findings").focus()
        self.tick(self.console.now())

    def action_lines(self) -> None:
        """The log, at the lines that the finding is about."""
        finding = self.finding
        if finding is not None:
            self.app.switch_screen(LogsScreen(self.cluster, finding.key))

    def action_closer(self) -> None:
        """What can be looked at more closely; what the finding is about first."""
        from haconsole.tui.screens.closer import CloserScreen

        self.app.push_screen(CloserScreen(self.cluster, self.finding))

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        if message.pane.id == "findings":
            self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        self.console.open(message.row)
