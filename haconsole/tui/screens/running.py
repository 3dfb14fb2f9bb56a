"""An action while it is carried out, and its result: the node's own timer, steps, VIPs, and both nodes' log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.operations.actions import duration
from haconsole.tui import safe
from haconsole.tui.acting import Acting
from haconsole.tui.screens.base import OverScreen
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
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Line, Row, Tone, say, short_names, sign
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

LOG_LEAST = 4
"""Lines of the log that stay, whatever else there is to show."""


class RunningScreen(OverScreen):
    """Leaving it changes nothing: the action goes on, every header says so, and `a` comes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "extend", "Extend: the node's timer anew", id="running.extend"),
        Binding("n", "end_hold", "End the hold now", id="running.end"),
        Binding("X", "abort", "Abort and put everything back", id="running.abort"),
        Binding("y", "copy_result", "Copy the result", id="running.copy"),
    ]

    def __init__(self, acting: Acting) -> None:
        super().__init__()
        self.acting = acting
        self.cluster = acting.cluster
        self._log: tuple[object, ...] = ()

    def hints(self) -> tuple[Hint, ...]:
        back = Hint("esc", "back", "app.step_back", rank=1)
        if not self.acting.runs:
            return (Hint("y", "copy the result", "screen.copy_result"), back, Hint("q", "quit", "app.quit"))
        found: list[Hint] = []
        if self.acting.armed:
            found.append(Hint("e", "extend", "screen.extend"))
        if self.acting.holds:
            found.append(Hint("n", "end the hold now", "screen.end_hold"))
        if not self.acting.stopping:
            found.append(Hint("X", "abort and put everything back", "screen.abort"))
        return (*found, back)

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="state")
        yield LinePane(id="events", follow=True)
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
        self._show_state(self._shown(snapshot, now))
        self._show_log(snapshot)

    def _shown(self, snapshot: Snapshot, now: float) -> Shown:
        acting = self.acting
        return Shown(
            plan=acting.plan, picture=snapshot.picture, losses=acting.losses, steps=acting.steps,
            current=acting.current, report=acting.report, left_s=acting.left_s(now), stopping=acting.stopping, now=now,
        )  # fmt: skip

    def _show_state(self, shown: Shown) -> None:
        flat = self.has_class("-flat")
        width = self.size.width - (3 if flat else 5)
        pane = self.query_one("#state", LinePane)
        if shown.report is not None:
            rows: tuple[Row, ...] = result_rows(shown, width, self.console.zone)
            level = result_level(shown.report)
            title: Line = (sign(level), say(f" {shown.plan.action.text}", Tone.STRONG))
        else:
            gap = () if flat else (Row("gap", ()),)
            steps = step_rows(shown, width, self.size.height)
            rows = (*clock_rows(shown, width), *gap, *steps, *gap, *vip_rows(shown, width))
            title = (say(shown.plan.action.text, Tone.STRONG),)
        most = self.size.height - 2 - LOG_LEAST - (1 if flat else 2)
        height = max(3, min(len(rows) + (1 if flat else 2), most))
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what does something now."""
        match action:
            case "extend":
                return self.acting.armed
            case "end_hold":
                return self.acting.holds
            case "abort":
                return self.acting.runs and not self.acting.stopping
            case "copy_result":
                return not self.acting.runs
            case _:
                return super().check_action(action, parameters)

    async def action_extend(self) -> None:
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
            waits = "; its way is cut: that must wait for the node" if self.acting.plan.action.own_path else ""
            safe.notify(self.console, f"aborted: everything is put back{waits}", severity="warning")
            self.tick(self.console.now())

    def action_copy_result(self) -> None:
        """The whole result, for a ticket."""
        now = self.console.now()
        self.console.copy_text(result_text(self._shown(self.console.snapshot(self.cluster), now), self.console.zone))

    def on_unmount(self) -> None:
        """It goes on behind the other screens."""
        if self.acting.runs and self.console.is_running and not self.acting.stopping:
            safe.notify(self.console, "it goes on; a shows it, q puts everything back and leaves")
