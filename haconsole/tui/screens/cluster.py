"""The cluster screen: the answer first (each VIP: served, by whom, since when), the evidence under it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll

from haconsole.cluster.conclude import Snapshot
from haconsole.model.state import Occurrence
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.view.clusters import elsewhere
from haconsole.tui.view.events import WIDE_FROM, EventRows, Filter
from haconsole.tui.view.findings import count_text, finding_rows, verdict_line
from haconsole.tui.view.header import Standing, header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.layout import Heights, Widths, heights, vips_that_fit, widths
from haconsole.tui.view.nodes import NodeColumn, node_column, roll
from haconsole.tui.view.text import Level, Line, Row, Tone, say, short_names
from haconsole.tui.view.vips import VipStrip, vip_strip
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class NodeStrip(HorizontalScroll, can_focus=False, inherit_bindings=False):
    """The node columns; the one with the keys is scrolled into view."""


class ClusterScreen(ConsoleScreen):
    """One cluster. Shows what its snapshot says, and nothing else."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "jump('findings')", "Findings", id="cluster.findings"),
        Binding("v", "jump('vips')", "VIPs", id="cluster.vips"),
        Binding("n", "jump('nodes')", "Nodes", id="cluster.nodes"),
        Binding("e", "jump('events')", "Events", id="cluster.events"),
        Binding("slash", "filter", "Filter events", id="cluster.filter"),
    ]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("/", "filter", "screen.filter"),
        Hint("↵", "details", "app.open_row"),
        Hint("y", "copy", "app.copy", rank=1),
        Hint("ctrl+p", "commands", "app.command_palette", rank=2),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self._filter = Filter()
        self._looked: tuple[Snapshot, Widths, Filter] | None = None
        self._head_said: tuple[Line, Standing, int, Line] | None = None
        """What the header was made of."""
        self._sizes: Heights | None = None
        self._log: tuple[Occurrence, ...] | None = None
        self._log_shown: tuple[Widths, Filter, str] | None = None

    def hints(self) -> tuple[Hint, ...]:
        console = self.console
        what = "actions" if console.under_way is None and console.result_seen else "the action"
        return (Hint("a", what, "app.actions"), *self.HINTS) if console.acts_here else self.HINTS

    @property
    def focused_node(self) -> str | None:
        """The node whose column has the keys."""
        here = "" if self.focused is None else self.focused.id or ""
        nodes = self.console.spec(self.cluster).nodes
        return next((n.name for i, n in enumerate(nodes) if here == f"node-{i}"), None)

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="vips")
        with NodeStrip(id="nodes"):
            for i, _ in enumerate(self.console.spec(self.cluster).nodes):
                yield LinePane(id=f"node-{i}", classes="node" if i == 0 else "node -later")
        yield Bar(id="roll")
        yield LinePane(id="findings")
        yield LinePane(id="events", follow=True)
        yield FilterLine(id="filter")
        yield self.keys()

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        self._show_head(snapshot, now)
        room = widths(self.size.width, self.size.height, len(snapshot.picture.nodes))
        looked = (snapshot, room, self._filter)
        if self._looked is not None and self._looked[0] is snapshot and self._looked[1:] == looked[1:]:
            return
        self._looked = looked
        self._panes(snapshot, room)

    def _show_head(self, snapshot: Snapshot, now: float) -> None:
        console = self.console
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        others = elsewhere(console.fleet.others(self.cluster))
        said = (verdict_line(snapshot), replace(standing, now=now // 1), self.size.width, others)
        if said != self._head_said:  # four of five times nothing in it differs
            self._head_said = said
            line = header(self.cluster, said[0], standing, self.size.width, elsewhere=others)
            self.query_one("#head", Bar).show(line)

    def _panes(self, snapshot: Snapshot, room: Widths) -> None:
        zone = self.console.zone
        crowded = len(snapshot.picture.vips) > vips_that_fit(self.size.height, flat=room.flat)
        strip = vip_strip(snapshot, room.pane, worst_first=crowded)
        nodes = snapshot.picture.nodes
        places = [f"{i + 1}/{len(nodes)}" if room.visible < len(nodes) else "" for i in range(len(nodes))]
        columns = [
            node_column(n, snapshot, room.inside, zone, worst_first=room.flat, place=place)
            for n, place in zip(nodes, places, strict=True)
        ]
        found = finding_rows(snapshot, room.pane)
        tallest = max((len(c.rows) for c in columns), default=1)
        sizes = heights(
            self.size.height,
            flat=room.flat,
            vips=len(strip.rows),
            nodes=tallest,
            findings=len(found),
            roll=int(room.visible < len(nodes)),
        )
        self._show_roll(columns, room)
        self._resize(sizes, room)
        self._show_vips(strip)
        self._show_nodes(columns)
        self._show_findings(snapshot, found)
        self._show_events(snapshot, room)

    def _resize(self, sizes: Heights, room: Widths) -> None:
        """Give the panes their heights; nothing happens while these stay the same."""
        for pane in self.query(".node").results(LinePane):
            if pane.styles.width is None or pane.styles.width.value != room.column:
                pane.styles.width = room.column
        if sizes == self._sizes:
            return
        self._sizes = sizes
        self.query_one("#vips").styles.height = sizes.vips
        self.query_one("#nodes").styles.height = sizes.nodes
        self.query_one("#findings").styles.height = sizes.findings
        self.query_one("#events").display = sizes.events > 0

    def _show_vips(self, strip: VipStrip) -> None:
        pane = self.query_one("#vips", LinePane)
        bad = sum(r.level > Level.OK for r in strip.rows)
        hidden = len(strip.rows) > (self._sizes.vips if self._sizes else 0)
        pane.title(_title(f"VIPs {len(strip.rows)}" if hidden else "VIPs", f"{bad} not well" if bad and hidden else ""))
        pane.show(strip.rows, strip.heading)

    def _show_nodes(self, columns: list[NodeColumn]) -> None:
        for i, column in enumerate(columns):
            pane = self.query_one(f"#node-{i}", LinePane)
            pane.title(column.title)
            pane.show(column.rows)

    def _show_roll(self, columns: list[NodeColumn], room: Widths) -> None:
        """Where not all columns fit, a line with the signs of all."""
        bar = self.query_one("#roll", Bar)
        bar.display = room.visible < len(columns)
        if bar.display:
            bar.show(roll(columns, self.size.width))

    def _show_findings(self, snapshot: Snapshot, rows: tuple[Row, ...]) -> None:
        pane = self.query_one("#findings", LinePane)
        pane.title(_title("Findings", count_text(snapshot.findings)))
        pane.show(rows)

    def _show_events(self, snapshot: Snapshot, room: Widths) -> None:
        """The log; most of what changes from one picture to the next is not in it."""
        day = self.console.zone.full(snapshot.picture.at)[:10]  # lines of another day have a date
        shown = (room, self._filter, day)
        if self._log is snapshot.picture.log and self._log_shown == shown:
            return
        self._log, self._log_shown = snapshot.picture.log, shown
        pane = self.query_one("#events", LinePane)
        log = self._filter.choose(snapshot.picture.log)
        nodes = [n.name for n in snapshot.picture.nodes]
        names = {n: n for n in nodes} if room.pane >= WIDE_FROM else short_names(nodes)
        said = f"{len(log)} of {len(snapshot.picture.log)} pass `{self._filter.text}`" if self._filter.text else ""
        pane.title(_title("Events", said))
        pane.show(EventRows(log, snapshot.picture.at, names, room.pane, self.console.zone))

    # --- keys ---------------------------------------------------------------

    def action_jump(self, pane: str) -> None:
        """Put the keys on a pane; one that has no room here has a screen of its own."""
        target = self.query_one("#node-0" if pane == "nodes" else f"#{pane}")
        if target.display:
            target.focus()
        elif pane == "events":
            self.console.action_place("logs")

    def action_filter(self) -> None:
        """Filter the events, here or, where they have no room, on their own screen."""
        if self.query_one("#events").display:
            self.query_one(FilterLine).open()
        else:
            self.console.action_place("logs")

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        self._filter = Filter(message.text)
        if message.done:
            self.query_one("#events").focus()
        self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        self.console.open(message.row)


def _title(name: str, extra: str = "") -> Line:
    more: Line = (say(f" {extra}", Tone.QUIET),) if extra else ()
    return (say(name, Tone.STRONG), *more)
