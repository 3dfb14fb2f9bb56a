"""The verdict of an earlier run, from this machine's records."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.model.drill import DrillRecord
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.view.drill_verdict import record_rows
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Tone, plain, say
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class PastScreen(OverScreen):
    """One record."""

    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("Y", "copy_result", "Copy the verdict", id="past.copy")]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("Y", "copy all", "screen.copy_result"),
        Hint("esc", "back", "app.step_back"),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self, cluster: str, record: DrillRecord) -> None:
        super().__init__()
        self.cluster, self.record = cluster, record
        self._width = 0

    def compose(self) -> ComposeResult:
        yield self.head()
        pane = LinePane(id="page")
        pane.marks_row = False
        yield pane
        yield self.keys()

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        if self._width != self.size.width:
            self._width = self.size.width
            pane = self.query_one("#page", LinePane)
            pane.title(
                (say("An earlier run", Tone.STRONG), say(f" {console.zone.full(self.record.started)}", Tone.QUIET))
            )
            pane.show(
                tuple(record_rows(self.record, self.size.width - (3 if self.has_class("-flat") else 5), console.zone))
            )

    def action_copy_result(self) -> None:
        """The whole verdict, for a ticket."""
        rows = record_rows(self.record, 400, self.console.zone)
        self.console.copy_text("\n".join(plain(r.line).rstrip() for r in rows))
