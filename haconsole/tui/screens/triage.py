"""The triage screen: every finding above, and the one under the cursor in full below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from haconsole.cluster.conclude import Snapshot
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.view.findings import count_text, finding_details, finding_rows, verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Kind, Row, Tone, say
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class TriageScreen(ConsoleScreen):
    """Findings with their evidence."""

    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("tab", "evidence", "app.focus_next"),
        Hint("↵", "whole screen", "app.open_row"),
        Hint("y", "copy", "app.copy"),
        Hint("esc", "back", "app.step_back"),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self._looked: tuple[Snapshot, int, str] | None = None

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="findings")
        yield LinePane(id="page")
        yield self.keys()

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        pane = self.query_one("#findings", LinePane)
        row = pane.row
        looked = (snapshot, self.size.width, row.key if row else "")
        if self._looked is not None and self._looked[0] is snapshot and self._looked[1:] == looked[1:]:
            return
        self._looked = looked
        self._fill(pane, snapshot)

    def _fill(self, pane: LinePane, snapshot: Snapshot) -> None:
        flat = self.has_class("-flat")
        width = self.size.width - (2 if flat else 4)
        rows = finding_rows(snapshot, width)
        height = min(len(rows) + (1 if flat else 2), self.size.height // 2)
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
        pane.title((say("Findings ", Tone.STRONG), say(count_text(snapshot.findings), Tone.QUIET)))
        pane.show(rows)
        page = self.query_one("#page", LinePane)
        page.title((say("Evidence", Tone.STRONG),))
        page.show(self._details(pane.row, snapshot, width))

    def _details(self, row: Row | None, snapshot: Snapshot, width: int) -> tuple[Row, ...]:
        if row is None or row.target is None or row.target.kind is not Kind.FINDING:
            return ()
        return finding_details(row.target.name, snapshot, width, self.console.zone)

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        if message.pane.id == "findings":
            self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        self.console.open(message.row)
