"""A row of drills while it is carried out, and its verdict: steps, lanes, both nodes' log, expectations."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from haconsole.cluster.conclude import Snapshot
from haconsole.operations.actions import duration
from haconsole.tui import safe
from haconsole.tui.drilling import Drilling
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.view import drill_live, drill_verdict
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Tone, say, sign
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

LOG_LEAST = 4
"""Lines of both nodes' log that stay, whatever else there is to show."""
CLAIMS_LEAST = 4


class DrillScreen(OverScreen):
    """Leaving it changes nothing: the drill goes on, every header says so, and `a` comes back."""

    AUTO_FOCUS = "#claims"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "extend", "Extend: the node's timer anew, the hold as long", id="drill.extend"),
        Binding("n", "end_hold", "End the hold now", id="drill.end"),
        Binding("X", "abort", "Abort and put everything back", id="drill.abort"),
        Binding("Y", "copy_result", "Copy the verdict", id="drill.copy"),
    ]

    def __init__(self, acting: Drilling) -> None:
        super().__init__()
        self.acting = acting
        self.cluster = acting.cluster
        self.node_names: tuple[str, ...] = ()
        self._result: tuple[object, ...] = ()

    def hints(self) -> tuple[Hint, ...]:
        back = Hint("esc", "back", "app.step_back", rank=1)
        if not self.acting.runs:
            return (Hint("Y", "copy the verdict", "screen.copy_result"), back, Hint("q", "quit", "app.quit"))
        found: list[Hint] = []
        if self.acting.holds:
            found += [Hint("e", "extend", "screen.extend"), Hint("n", "end the hold now", "screen.end_hold")]
        if not self.acting.stopping:
            found.append(Hint("X", "abort and put everything back", "screen.abort"))
        return (*found, back)

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
        console, acting = self.console, self.acting
        snapshot = console.snapshot(self.cluster)
        acting.look(snapshot.picture)
        if not acting.runs and acting is console.acting:
            console.result_seen = True
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        self.set_class(not acting.runs, "-over")
        if acting.runs:
            self._show_state(snapshot, now)
            self._show_logs()
            self._show_claims()
        else:
            self._show_result()

    @property
    def _width(self) -> int:
        return self.size.width - (3 if self.has_class("-flat") else 5)

    def _show_state(self, snapshot: Snapshot, now: float) -> None:
        told = drill_live.shown(self.acting, snapshot.picture, now)
        steps = drill_live.step_lines(self.acting, told, self._width, self.size.height)
        rows = (*steps, *drill_live.lane_rows(self.acting, self.node_names, self._width, now))
        pane = self.query_one("#state", LinePane)
        frame = 1 if self.has_class("-flat") else 2
        most = self.size.height - 2 - LOG_LEAST - CLAIMS_LEAST - 2 * frame
        _set_height(pane, max(3, min(len(rows) + frame, most)))
        pane.title(drill_live.title(self.acting, self.size.width))
        pane.show(rows)

    def _show_logs(self) -> None:
        live = self.acting.live
        flat = self.has_class("-flat")
        width = self.size.width // max(1, len(self.node_names)) - (3 if flat else 4)
        for i, name in enumerate(self.node_names):
            pane = self.query_one(f"#log-{i}", LinePane)
            pane.title((say(name, Tone.STRONG), say(" its own lines", Tone.QUIET)))
            if live is not None:
                since = live.seen.began("change")
                pane.show(drill_live.log_rows(live.seen, name, width, self.console.zone, since))

    def _show_claims(self) -> None:
        found = drill_live.claims_of(self.acting)
        rows = drill_live.claim_rows(found, self._width)
        pane = self.query_one("#claims", LinePane)
        frame = 1 if self.has_class("-flat") else 2
        most = max(CLAIMS_LEAST, self.size.height // 4 - 1)
        _set_height(pane, max(CLAIMS_LEAST, min(len(rows), most)) + frame)
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
        page.show(drill_verdict.verdict_rows(items, self._width, self.console.zone))
        page.focus()

    # --- keys ---------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what does something now."""
        match action:
            case "extend" | "end_hold":
                return self.acting.holds
            case "abort":
                return self.acting.runs and not self.acting.stopping
            case "copy_result":
                return not self.acting.runs
            case _:
                return super().check_action(action, parameters)

    def action_extend(self) -> None:
        """Wind the node's timer up again."""
        self.run_worker(self._extend(), name="extend", group="extend", exclusive=False)

    async def _extend(self) -> None:
        seconds = await self.acting.extend()
        if seconds is None:
            safe.notify(self.console, "not extended: the node's timer is as it was", severity="warning")
        else:
            safe.notify(self.console, f"extended: the node heals itself in {duration(seconds)}")
        self.tick(self.console.now())

    def action_end_hold(self) -> None:
        """Put back now, as planned."""
        if self.acting.end_hold():
            safe.notify(self.console, "the hold ends now: it is put back, and verified")

    def action_abort(self) -> None:
        """Put everything back; asks nothing, for it is always safe."""
        if self.acting.abort():
            waits = "; its way is cut: that must wait for the node" if self.acting.own_path else ""
            safe.notify(self.console, f"aborted: everything is put back{waits}", severity="warning")
            self.tick(self.console.now())

    def action_copy_result(self) -> None:
        """All verdicts, for a ticket."""
        self.console.copy_text(drill_verdict.verdict_text(self.acting.items, self.console.zone))

    def on_unmount(self) -> None:
        """It goes on behind the other screens."""
        if self.acting.runs and self.console.is_running and not self.acting.stopping:
            safe.notify(self.console, "it goes on; a shows it, q puts everything back and leaves")


def _set_height(pane: LinePane, height: int) -> None:
    if pane.styles.height is None or pane.styles.height.value != height:
        pane.styles.height = height
