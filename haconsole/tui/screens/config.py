"""The configuration screen: the nodes' settings side by side, the audit with file and line, and the running file
beside the recommended one. It judges what the console has read; what only nodes can tell is asked for by key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.worker import Worker, WorkerState

from haconsole.cluster.conclude import Snapshot
from haconsole.tui import safe
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Level, Line, Row, Tone, crop, say, sign
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

if TYPE_CHECKING:  # the audit and the recommended file are loaded when somebody looks at them
    from haconsole.model.asked import NodeAsked
    from haconsole.report.configuration import Judged
    from haconsole.report.keepalived_diff import Compared

VIEWS: Final = ("audit", "settings", "recommended")
_PANES: Final = {"audit": "#findings", "settings": "#settings", "recommended": "#beside"}
TALL_FROM: Final = 40
"""From so many lines on the settings stand above the audit."""
EVERY_S: Final = 2.0
"""It is judged anew no more often."""
SHARE: Final = 20
"""Nor before so many times what judging took: large files must not slow the screen."""


class ConfigScreen(ConsoleScreen):
    """Three views of one cluster's keepalived.conf."""

    AUTO_FOCUS = "#findings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "Audit, settings, recommended", id="config.view"),
        Binding("slash", "filter", "Filter the audit", id="config.filter"),
        Binding("r", "ask", "Ask the nodes for the rest", id="config.ask"),
        Binding("n", "differ(1)", "Next difference; N: before", id="config.next"),
        Binding("N", "differ(-1)", "Next difference; N: before", id="config.next"),
        Binding("o", "other", "The other node's file", id="config.other"),
    ]

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.shown = VIEWS[0]
        self.judged: Judged | None = None
        """None: nothing was judged yet."""
        self._asked: Mapping[str, NodeAsked] = {}
        self._basis: tuple[object, ...] = ()
        self._judging = self._asking = False
        self._judged_at, self._pause_s = float("-inf"), EVERY_S
        self._words = ""
        self._number = 0
        self._looked: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="settings")
        yield LinePane(id="findings")
        yield LinePane(id="page")
        yield LinePane(id="beside")
        yield FilterLine(id="filter", placeholder="filter the audit: words, -word; serv01 critical script")
        yield self.keys()

    def hints(self) -> tuple[Hint, ...]:
        following = VIEWS[(VIEWS.index(self.shown) + 1) % len(VIEWS)]
        hints = [Hint("v", following, "screen.view")]
        if self.shown == "recommended":
            hints += [Hint("n", "next ≠", "screen.differ(1)"), Hint("o", "other node", "screen.other")]
        elif self.shown == "audit":
            hints += [Hint("/", "filter", "screen.filter", rank=1)]
            hints += [Hint("r", "ask nodes", "screen.ask")] if self._may_ask else []
        return (
            *hints,
            Hint("y", "copy", "app.copy", rank=2),
            Hint("tab", "next pane", "app.focus_next", rank=3),
            Hint("esc", "back", "app.step_back", rank=4),
            Hint("q", "quit", "app.quit"),
        )

    @property
    def _may_ask(self) -> bool:
        return self.console.looker(self.cluster) is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not there."""
        if action in {"differ", "other"}:
            return self.shown == "recommended"
        if action == "filter":
            return self.shown == "audit"
        if action == "ask":
            return self.shown == "audit" and self._may_ask
        return super().check_action(action, parameters)

    # --- judging ----------------------------------------------------------------------------------------

    def _judge(self, snapshot: Snapshot, now: float) -> None:
        """Off the screen's own time, when what it is about has changed."""
        nodes = tuple(
            (n.name, n.readable, n.config, n.kernel, n.versions, n.config_test) for n in snapshot.picture.nodes
        )
        basis = (nodes, snapshot.findings, self._asked)
        if self._judging or basis == self._basis or 0 <= now - self._judged_at < self._pause_s:
            return
        self._basis, self._judging, self._judged_at = basis, True, now
        self.run_worker(self._judge_aside(snapshot, self._asked), name="judge", exit_on_error=False)

    async def _judge_aside(self, snapshot: Snapshot, asked: Mapping[str, NodeAsked]) -> None:
        from haconsole.report.configuration import judge

        began = self.console.now()
        try:
            self.judged = await asyncio.to_thread(judge, snapshot, asked)
        finally:
            self._judging = False
            self._pause_s = max(EVERY_S, SHARE * (self.console.now() - began))

    async def _ask(self) -> None:
        looker = self.console.looker(self.cluster)
        try:
            if looker is not None:
                self._asked = {**self._asked, **await looker.ask(self.console.snapshot(self.cluster))}
                self._judged_at = float("-inf")
        finally:
            self._asking = False

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What was not foreseen is said, too."""
        if event.worker.name not in {"judge", "ask"}:
            return
        if event.state is WorkerState.ERROR:
            event.stop()
            safe.notify(self.app, f"the configuration could not be judged: {event.worker.error!r}", severity="error")
        if event.state in {WorkerState.SUCCESS, WorkerState.ERROR}:
            self.tick(self.console.now())

    # --- what is shown ----------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        self._judge(snapshot, now)
        for each in VIEWS:
            self.set_class(each == self.shown, f"-view-{each}")
        self.set_class(self.size.height >= TALL_FROM, "-tall")
        row = self.query_one("#findings", LinePane).row
        looked = (
            id(self.judged), self.shown, self._number, self._words, self._asking, row.key if row else "", int(now),
            self.size,
        )  # fmt: skip
        if looked != self._looked:
            self._looked = looked
            self._fill(snapshot, now)

    @property
    def _width(self) -> int:
        return max(1, self.size.width - (2 if self.has_class("-flat") else 4))

    def _fill(self, snapshot: Snapshot, now: float) -> None:
        if self.judged is None:
            text: Line = (sign(Level.BUSY), say(" judging what was read …", Tone.BUSY))
            for pane in ("findings", "settings", "beside"):
                self.query_one(f"#{pane}", LinePane).show((Row("busy", text, Level.BUSY),))
            return
        if self.shown == "recommended":
            self._fill_beside(self.judged)
            return
        self._fill_settings(self.judged, snapshot)
        if self.shown == "audit":
            self._fill_audit(self.judged, snapshot, now)

    def _fill_settings(self, judged: Judged, snapshot: Snapshot) -> None:
        from haconsole.tui.view import config as view

        pane = self.query_one("#settings", LinePane)
        heading, rows = view.setting_rows(judged, [n.name for n in snapshot.picture.nodes], self._width)
        pane.title(view.settings_title(judged))
        pane.show(rows, heading)
        pane.styles.height = "1fr" if self.shown == "settings" else min(len(rows) + 3, self.size.height * 3 // 10)

    def _fill_audit(self, judged: Judged, snapshot: Snapshot, now: float) -> None:
        from haconsole.tui.view import config as view

        looker = self.console.looker(self.cluster)
        offer = None if looker is None else looker.audit_offer(snapshot)
        pane = self.query_one("#findings", LinePane)
        rows = view.finding_rows(judged, self._words, offer, now, self._width)
        unread = [n.name for n in snapshot.picture.nodes if n.name not in judged.read_at]
        pane.title(crop(view.audit_title(judged, self._words, now, unread), max(1, self.size.width - 6)))
        frame = 1 if self.has_class("-flat") else 2
        pane.styles.height = min(len(rows) + frame, self.size.height * 2 // 5)
        pane.show(rows)
        page, row = self.query_one("#page", LinePane), pane.row
        page.title((say("Under the cursor", Tone.STRONG), say(" where, what to do, and the proof", Tone.QUIET)))
        if row is not None and row.key == view.ASK and offer is not None:
            page.show(view.ask_details(offer, self._width, running=self._asking))
            return
        finding = next((f for f in judged.audit.findings if row is not None and view.key_of(f) == row.key), None)
        page.show(() if finding is None else view.details(finding, now, self._width, self.console.zone))

    def _fill_beside(self, judged: Judged) -> None:
        from haconsole.tui.view import config_beside as view

        compared = self._compared(judged)
        pane = self.query_one("#beside", LinePane)
        pane.title(
            view.title(compared, self._number + 1, len(judged.compared)),
            (say("haconsole keepalived-config render: the file with its comments; installing is yours", Tone.QUIET),),
        )
        pane.show(view.beside_rows(compared, judged.problem, self._width), view.heading(compared, self._width))

    def _compared(self, judged: Judged) -> Compared | None:
        return judged.compared[self._number % len(judged.compared)] if judged.compared else None

    # --- keys -------------------------------------------------------------------------------------------

    def action_view(self) -> None:
        """The next of the three views."""
        self.shown = VIEWS[(VIEWS.index(self.shown) + 1) % len(VIEWS)]
        self.tick(self.console.now())
        self.query_one(_PANES[self.shown]).focus()

    def action_other(self) -> None:
        """The next node's file."""
        if self.judged is not None and self.judged.compared:
            self._number = (self._number + 1) % len(self.judged.compared)
            self.tick(self.console.now())
            self.query_one("#beside", LinePane).action_edge(-1)

    def action_differ(self, by: int) -> None:
        """The next difference, or the one before."""
        pane = self.query_one("#beside", LinePane)
        at = [i for i, row in enumerate(pane.rows) if row.key.startswith("differs/")]
        starts = [i for i in at if i - 1 not in at]
        ahead = [i for i in starts if (i > pane.cursor if by > 0 else i < pane.cursor)]
        if starts:
            goal = (ahead or starts)[0 if by > 0 else -1]
            for beside in (max(0, goal - 3), min(len(pane.rows) - 1, goal + 5), goal):  # with some of what is around it
                pane.select(pane.rows[beside].key)

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        self._words = message.text
        if message.done:
            self.query_one("#findings").focus()
        self.tick(self.console.now())

    def action_ask(self) -> None:
        """First show the commands; run them when they are on the screen."""
        from haconsole.tui.view import config as view

        pane = self.query_one("#findings", LinePane)
        if pane.row is None or pane.row.key != view.ASK:
            pane.select(view.ASK)
            pane.focus()
            self.tick(self.console.now())
            return
        looker = self.console.looker(self.cluster)
        offer = None if looker is None else looker.audit_offer(self.console.snapshot(self.cluster))
        if self._asking or offer is None or offer.refused is not None:
            return
        self._asking = True
        self.run_worker(self._ask(), name="ask", exit_on_error=False)
        self.tick(self.console.now())

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        if message.pane.id == "findings":
            self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        from haconsole.tui.view import config as view

        if message.row.key == view.ASK:
            self.action_ask()
        elif message.pane.id == "findings":
            self.query_one("#page").focus()
