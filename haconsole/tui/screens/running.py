"""An action while it is carried out, and its result: the node's own timer, steps, VIPs, and both nodes' log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.tui.acting import Acting
from haconsole.tui.screens.live import HeldScreen, set_height
from haconsole.tui.view.action_running import (
    Shown,
    clock_rows,
    result_level,
    result_rows,
    result_text,
    step_rows,
    vip_rows,
)
from haconsole.tui.view.events import WIDE_FROM, EventRows
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Line, Row, Tone, say, short_names, sign
from haconsole.tui.widgets.lines import LinePane

LOG_LEAST = 4
"""Lines of the log that stay, whatever else there is to show."""


class RunningScreen(HeldScreen):
    """One action."""

    COPIES = Hint("y", "copy the result", "screen.copy_result")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "extend", "Extend: the node's timer anew", id="running.extend"),
        Binding("n", "end_hold", "End the hold now", id="running.end"),
        Binding("X", "abort", "Abort and put everything back", id="running.abort"),
        Binding("y", "copy_result", "Copy the result", id="running.copy"),
    ]

    acting: Acting

    def __init__(self, acting: Acting) -> None:
        super().__init__(acting)
        self._log: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="state")
        yield LinePane(id="events", follow=True)
        yield self.keys()

    # --- drawing ------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        snapshot = self.see(now)
        self._show_state(self._shown(snapshot, now))
        self._show_log(snapshot)

    def _shown(self, snapshot: Snapshot, now: float) -> Shown:
        acting = self.acting
        return Shown(
            plan=acting.plan, picture=snapshot.picture, losses=acting.losses, steps=acting.steps,
            current=acting.current, report=acting.report, left_s=acting.left_s(now), stopping=acting.stopping, now=now,
        )  # fmt: skip

    def _show_state(self, shown: Shown) -> None:
        width = self.inside
        pane = self.query_one("#state", LinePane)
        if shown.report is not None:
            rows: tuple[Row, ...] = result_rows(shown, width, self.console.zone)
            level = result_level(shown.report)
            title: Line = (sign(level), say(f" {shown.plan.action.text}", Tone.STRONG))
        else:
            gap = () if self.has_class("-flat") else (Row("gap", ()),)
            steps = step_rows(shown, width, self.size.height)
            rows = (*clock_rows(shown, width), *gap, *steps, *gap, *vip_rows(shown, width))
            title = (say(shown.plan.action.text, Tone.STRONG),)
        most = self.size.height - 2 - LOG_LEAST - self.frame
        set_height(pane, max(3, min(len(rows) + self.frame, most)))
        pane.title(title)
        pane.show(rows)

    def _show_log(self, snapshot: Snapshot) -> None:
        """What all nodes, the clients and the wire said since just before it began."""
        pane = self.query_one("#events", LinePane)
        width = self.size.width - (2 if self.has_class("-flat") else 4)
        shown = (snapshot.picture.log, width)
        if self._log == shown:
            return
        self._log = shown
        log = [o for o in snapshot.picture.log if o.at >= self.acting.started - 5.0]
        nodes = [n.name for n in snapshot.picture.nodes]
        names = {n: n for n in nodes} if width >= WIDE_FROM else short_names(nodes)
        pane.title((say("Events", Tone.STRONG), say(" all nodes, since it began", Tone.QUIET)))
        pane.show(EventRows(log, snapshot.picture.at, names, width, self.console.zone))

    # --- keys ---------------------------------------------------------------------------------------------

    def action_copy_result(self) -> None:
        """The whole result, for a ticket."""
        now = self.console.now()
        self.console.copy_text(result_text(self._shown(self.console.snapshot(self.cluster), now), self.console.zone))
