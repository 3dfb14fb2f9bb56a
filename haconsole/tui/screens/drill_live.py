"""A row of drills while it is carried out, and its verdict: steps, lanes, both nodes' log, expectations."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from haconsole.cluster.conclude import Snapshot
from haconsole.tui import safe
from haconsole.tui.drilling import MORE_TIME, Drilling
from haconsole.tui.screens.live import HeldScreen, set_height
from haconsole.tui.view import drill_live, drill_verdict
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Tone, say, sign
from haconsole.tui.widgets.lines import LinePane

LOG_LEAST = 4
"""Lines of both nodes' log that stay, whatever else there is to show."""
CLAIMS_LEAST = 4


class DrillScreen(HeldScreen):
    """Drills, one after the other."""

    COPIES = Hint("Y", "copy the verdict", "screen.copy_result")
    AUTO_FOCUS = "#claims"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "extend", "Extend: the node's timer anew, the hold as long", id="drill.extend"),
        Binding("n", "end_hold", "End the hold now", id="drill.end"),
        Binding("X", "abort", "Abort and put everything back", id="drill.abort"),
        Binding("Y", "copy_result", "Copy the verdict", id="drill.copy"),
    ]

    acting: Drilling

    def __init__(self, acting: Drilling) -> None:
        super().__init__(acting)
        self.node_names: tuple[str, ...] = ()
        self._result: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        self.node_names = tuple(n.name for n in self.console.spec(self.cluster).nodes)
        yield self.head()
        yield LinePane(id="state")
        with Horizontal(id="logs"):
            for i, _ in enumerate(self.node_names):
                yield LinePane(id=f"log-{i}", classes="node -later" if i else "node", follow=True)
        yield LinePane(id="claims")
        yield LinePane(id="page")
        yield self.keys()

    # --- drawing ------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        snapshot, acting = self.see(now), self.acting
        self.set_class(not acting.runs, "-over")
        if acting.runs:
            self._show_state(snapshot, now)
            self._show_logs()
            self._show_claims()
        else:
            self._show_result()

    def _show_state(self, snapshot: Snapshot, now: float) -> None:
        told = drill_live.shown(self.acting, snapshot.picture, now)
        steps = drill_live.step_lines(self.acting, told, self.inside, self.size.height)
        rows = (*steps, *drill_live.lane_rows(self.acting, self.node_names, self.inside, now))
        pane = self.query_one("#state", LinePane)
        most = self.size.height - 2 - LOG_LEAST - CLAIMS_LEAST - 2 * self.frame
        set_height(pane, max(3, min(len(rows) + self.frame, most)))
        pane.title(drill_live.title(self.acting, self.size.width))
        pane.show(rows)

    def _show_logs(self) -> None:
        live = self.acting.live
        flat = self.has_class("-flat")
        width = self.size.width // max(1, len(self.node_names)) - (3 if flat else 4)
        for i, name in enumerate(self.node_names):
            pane = self.query_one(f"#log-{i}", LinePane)
            pane.title((say(name, Tone.STRONG), say(" its own lines", Tone.QUIET)))
            if live is None:  # of this one nothing is known yet; the one before is over
                pane.show(())
            else:
                since = live.seen.began("change")
                pane.show(drill_live.log_rows(live.seen, name, width, self.console.zone, since))

    def _show_claims(self) -> None:
        found = drill_live.claims_of(self.acting)
        rows = drill_live.claim_rows(found, self.inside)
        pane = self.query_one("#claims", LinePane)
        most = max(CLAIMS_LEAST, self.size.height // 4 - 1)
        set_height(pane, max(CLAIMS_LEAST, min(len(rows), most)) + self.frame)
        pane.title(drill_live.claims_title(found, self.acting))
        pane.show(rows)

    def _show_result(self) -> None:
        if self._result == (self.size.width, self.acting):
            return
        self._result = (self.size.width, self.acting)
        items = self.acting.items
        level = drill_verdict.worst(items)
        what = f"Drill {items[0].title}" if len(items) == 1 else f"{len(items)} drills"
        page = self.query_one("#page", LinePane)
        page.title((sign(level), say(f" {what}", Tone.STRONG)))
        page.show(drill_verdict.verdict_rows(items, self.inside, self.console.zone))
        page.focus()

    # --- keys ---------------------------------------------------------------------------------------------

    def action_extend(self) -> None:
        """Wind the node's timer up again; where the way is cut the attempt takes long, and what it is worth is said."""
        super().action_extend()
        if self.acting.unreached is not None:
            self.acting.wish = MORE_TIME
            self._say_cut()

    def action_end_hold(self) -> None:
        """Put back now, as planned; where the way is cut the node has to do it."""
        if self.acting.unreached is None:
            super().action_end_hold()
        elif self.acting.end_hold():
            self._say_cut()

    def action_abort(self) -> None:
        """Put everything back; where the way is cut the node has to do it."""
        if self.acting.unreached is None:
            super().action_abort()
        elif self.acting.abort():
            self._say_cut()

    def _say_cut(self) -> None:
        """At once, and from then on on the screen."""
        now = self.console.now()
        safe.notify(self.console, drill_live.cut_words(self.acting, now), severity="warning")
        self.tick(now)

    def action_copy_result(self) -> None:
        """All verdicts, for a ticket."""
        self.console.copy_text(drill_verdict.verdict_text(self.acting.items, self.console.zone))
