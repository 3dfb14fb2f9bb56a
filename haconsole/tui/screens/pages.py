"""Pages that Enter opens: one finding, node, VIP or event in full, kept up to date while it is open."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Finding
from haconsole.model.state import Occurrence
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.screens.logs import LogsScreen
from haconsole.tui.view.events import event_details, key_of
from haconsole.tui.view.findings import finding_details, verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.pages import node_page, vip_page
from haconsole.tui.view.text import Kind, Line, Row, Target, Tone, say
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

_TITLES = {Kind.FINDING: "Finding", Kind.NODE: "Node", Kind.VIP: "VIP", Kind.EVENT: "Event"}


class PageScreen(ConsoleScreen):
    """One subject in full. An event stays as it was when it was opened: logs forget."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "lines", "Its lines in the log", id="page.lines"),
        Binding("c", "closer", "Look closer", id="page.closer"),
    ]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("esc", "back", "app.step_back"),
        Hint("y", "copy line", "app.copy"),
        Hint("Y", "copy page", "app.copy_all", rank=2),
        Hint("↵", "open", "app.open_row", rank=1),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self, cluster: str, target: Target) -> None:
        super().__init__()
        self.cluster = cluster
        self.target = target
        self._event: Occurrence | None = None
        self._looked: tuple[Snapshot, int] | None = None

    @property
    def _finding(self) -> Finding | None:
        """The one that it is about, if it is still there."""
        if self.target.kind is not Kind.FINDING:
            return None
        return next((f for f in self.console.snapshot(self.cluster).findings if f.key == self.target.name), None)

    def hints(self) -> tuple[Hint, ...]:
        if self._finding is None:
            return self.HINTS
        looks = (Hint("c", "closer", "screen.closer"),) if self.console.looker(self.cluster) is not None else ()
        return (Hint("l", "log", "screen.lines"), *looks, *self.HINTS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not there."""
        if action == "closer":
            return self._finding is not None and self.console.looker(self.cluster) is not None
        if action == "lines":
            return self._finding is not None
        return super().check_action(action, parameters)

    def action_lines(self) -> None:
        """The log, at the lines that the finding is about."""
        finding = self._finding
        if finding is not None:
            self.console.close_pages()
            self.app.switch_screen(LogsScreen(self.cluster, finding.key))

    def action_closer(self) -> None:
        """What can be looked at more closely; what the finding is about first."""
        from haconsole.tui.screens.closer import CloserScreen

        self.app.push_screen(CloserScreen(self.cluster, self._finding))

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="page")
        yield self.keys()

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        looked = (snapshot, self.size.width)
        if self._looked is None or self._looked[0] is not snapshot or self._looked[1] != looked[1]:
            self._looked = looked
            pane = self.query_one("#page", LinePane)
            title: Line = (say(_TITLES.get(self.target.kind, "Details"), Tone.STRONG),)
            pane.title(title)
            pane.show(self._rows(snapshot, self.size.width - (2 if self.has_class("-flat") else 4)))

    def _rows(self, snapshot: Snapshot, width: int) -> tuple[Row, ...]:
        zone, name = self.console.zone, self.target.name
        match self.target.kind:
            case Kind.NODE:
                return node_page(name, snapshot, width, zone)
            case Kind.VIP:
                return vip_page(name, snapshot, width, zone)
            case Kind.EVENT:
                return self._event_rows(snapshot, width)
            case _:
                return finding_details(name, snapshot, width, zone)

    def _event_rows(self, snapshot: Snapshot, width: int) -> tuple[Row, ...]:
        picture = snapshot.picture
        if self._event is None:
            self._event = next((o for o in picture.log if key_of(o) == self.target.name), None)
        kept = () if self._event is None else (self._event,)
        return event_details(self.target.name, kept, picture.at, width, self.console.zone)

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        self.console.open(message.row)
