"""Rolling maintenance while it runs, and its end: nodes and stages, what to do next, steps, VIPs, what was said."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from haconsole.cluster.conclude import Snapshot
from haconsole.operations.guards_context import Guard
from haconsole.tui import safe
from haconsole.tui.maintaining import Maintaining
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.screens.live import LiveScreen, set_height
from haconsole.tui.source import CannotError, Prepared
from haconsole.tui.view import maintenance_live as live
from haconsole.tui.view.events import WIDE_FROM, EventRows
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.maintenance import drain_left_s
from haconsole.tui.view.maintenance_plan import node_plan
from haconsole.tui.view.text import Line, Row, Tone, say, short_names, sign
from haconsole.tui.widgets.lines import LinePane

SAID_LEAST = 4
"""Lines of what was said that stay, whatever else there is to show."""
EVENTS_FROM = 34
"""From so many lines of screen on the log of all nodes is there, too."""


class MaintenanceScreen(LiveScreen):
    """One flow, as far as this console takes it."""

    GOES_ON = "the maintenance goes on; a shows it, q leaves it where it stands"
    AUTO_FOCUS = "#state"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "done", "The work on the node is done", id="maintenance.done"),
        Binding("e", "extend", "Extend the drain: the node's timer anew", id="maintenance.extend"),
        Binding("r", "copy_reboot", "Copy how a node of the demo is rebooted", id="maintenance.reboot"),
        Binding("X", "leave_flow", "Leave it where it stands", id="maintenance.leave"),
        Binding("o", "override", "Go on against a guard: why", id="maintenance.override"),
        Binding("Y", "copy_result", "Copy all that was said", id="maintenance.copy"),
    ]

    acting: Maintaining

    def __init__(self, acting: Maintaining) -> None:
        super().__init__(acting)
        self._asked: Prepared | None = None
        self._told: tuple[object, ...] = ()
        self._log: tuple[object, ...] = ()

    def hints(self) -> tuple[Hint, ...]:
        back, acting = Hint("esc", "back", "app.step_back", rank=1), self.acting
        if not acting.runs:
            against = (Hint("o", "override", "screen.override"),) if self._overridable else ()
            more = () if acting.flow.at >= len(acting.flow.nodes) else (Hint("M", "go on", "app.maintenance"),)
            return (*against, *more, Hint("Y", "copy all", "screen.copy_result"), back, Hint("q", "quit", "app.quit"))
        found: list[Hint] = []
        if acting.asks is not None:
            found.append(Hint("↵", f"the plan for {acting.node}", "screen.next"))
        if acting.waits:
            found.append(Hint("d", "the work is done", "screen.done"))
        if self._extendable:
            found.append(Hint("e", "extend to 1 h", "screen.extend"))
        if not acting.stopping:
            found.append(Hint("X", "leave it here", "screen.leave_flow"))
        return (*found, back)

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="state")
        yield LinePane(id="told", follow=True)
        yield LinePane(id="events", follow=True)
        yield self.keys()

    # --- drawing ------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        snapshot, acting = self.see(now), self.acting
        self._show_state(snapshot, now)
        self._show_said()
        self._show_log(snapshot)
        asks = acting.asks
        if asks is not None and asks is not self._asked and self.console.screen is self:
            self._asked = asks
            self.call_later(self._ask)

    def _show_state(self, snapshot: Snapshot, now: float) -> None:
        acting, pane = self.acting, self.query_one("#state", LinePane)
        what: Line = (say(f"Maintenance of {', '.join(acting.flow.nodes)}", Tone.STRONG),)
        if acting.result is None:
            rows: tuple[Row, ...] = live.state_rows(acting, snapshot.picture, now, self.inside)
        else:
            rows = live.result_rows(acting, snapshot.picture, now, self.inside)
            what = (sign(live.result_level(acting.result)), say(" "), *what)
        most = self.size.height - 2 - SAID_LEAST - 2 * self.frame
        set_height(pane, max(3, min(len(rows) + self.frame, most)))
        pane.title(what)
        pane.show(rows)

    def _show_said(self) -> None:
        said = self.acting.said
        newest = (said[-1] if said else None, len(said), self.size)
        if self._told != newest:
            self._told = newest
            pane = self.query_one("#told", LinePane)
            pane.title((say("Said", Tone.STRONG), say(f" {len(said)} lines", Tone.QUIET)))
            pane.show(live.said_rows(said, self.inside, self.console.zone))

    def _show_log(self, snapshot: Snapshot) -> None:
        """What nodes, clients and the wire said since just before it began; where there is room."""
        pane = self.query_one("#events", LinePane)
        pane.display = self.size.height >= EVENTS_FROM
        shown = (snapshot.picture.log, self.size)
        if not pane.display or self._log == shown:
            return
        self._log = shown
        log = [o for o in snapshot.picture.log if o.at >= self.acting.started - 5.0]
        nodes = [n.name for n in snapshot.picture.nodes]
        names = {n: n for n in nodes} if self.inside >= WIDE_FROM else short_names(nodes)
        pane.title((say("Events", Tone.STRONG), say(" all nodes, since it began", Tone.QUIET)))
        pane.show(EventRows(log, snapshot.picture.at, names, self.inside, self.console.zone))

    # --- keys ---------------------------------------------------------------------------------------------

    @property
    def _overridable(self) -> tuple[Guard, ...]:
        refusal, result = self.acting.refusal, self.acting.result
        if refusal is None or result is None or result.result != "refused":
            return ()
        return tuple(g for g in refusal.plan.refused if g.overridable)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what does something now."""
        acting = self.acting
        may = {
            "done": lambda: acting.waits,
            "extend": lambda: self._extendable,
            "copy_reboot": lambda: acting.waits and acting.run.reboot(acting.node) is not None,
            "leave_flow": lambda: acting.runs and not acting.stopping,
            "override": lambda: bool(self._overridable),
            "copy_result": lambda: not acting.runs,
        }
        return may[action]() if action in may else super().check_action(action, parameters)

    def on_line_pane_chosen(self, _message: LinePane.Chosen) -> None:
        """Enter is what comes next."""
        self.action_next()

    def action_next(self) -> None:
        """Show what is asked, or say that the work is done."""
        if self.acting.asks is not None:
            self._ask()
        else:
            self.action_done()

    def _ask(self) -> None:
        asks = self.acting.asks
        if asks is not None and self.console.screen is self:
            self.console.push_screen(TurnScreen(self.acting, asks))

    def action_done(self) -> None:
        """The work on the node is over."""
        if self.acting.done():
            safe.notify(self.console, f"{self.acting.node} is checked, then given back")

    @property
    def _extendable(self) -> bool:
        """It is drained, and the node ends that by itself."""
        acting = self.acting
        if not acting.waits or acting.extending or acting.flow.rebooted:
            return False
        return drain_left_s(self.console.snapshot(self.cluster).picture, acting.node, self.console.now()) is not None

    def action_extend(self) -> None:
        """As `haconsole node take-over NODE --revert-after 1h --leave`: it keeps what is, so no name is typed."""
        if self._extendable:
            self.run_worker(self._extend(), name="extend", exclusive=True)

    async def _extend(self) -> None:
        try:
            told = await self.acting.extend()
        except CannotError as error:
            safe.notify(self.console, f"not extended: {error}", severity="warning")
        else:
            self.acting.say(told)

    def action_copy_reboot(self) -> None:
        """The command line, for another terminal."""
        reboot = self.acting.run.reboot(self.acting.node)
        if reboot is not None:
            self.console.copy_text(reboot)

    def action_leave_flow(self) -> None:
        """Stop driving; asks nothing, for nothing is changed but what is put back."""
        if self.acting.abort():
            self.tick(self.console.now())

    def action_override(self) -> None:
        """Say why to go on against what refused."""
        from haconsole.tui.screens.maintenance import GoOnScreen

        guards = self._overridable
        self.console.close_pages()
        self.console.find(self.cluster)
        self.console.push_screen(GoOnScreen(self.cluster, self.acting.node, guards))

    def action_copy_result(self) -> None:
        """How it ended and what was said, for a ticket."""
        now = self.console.now()
        picture = self.console.snapshot(self.cluster).picture
        self.console.copy_text(live.result_text(self.acting, picture, now, self.console.zone))


class TurnScreen(ConfirmScreen):
    """The next node's plan, as prepared when its turn came; its typed name drains it."""

    def __init__(self, acting: Maintaining, asks: Prepared) -> None:
        super().__init__(acting.cluster, asks, _nothing)
        self.acting = acting

    def rows(self, width: int) -> tuple[Row, ...]:
        flow = self.acting.flow
        return node_plan(self.prepared.plan, flow.at + 1, len(flow.nodes), width)

    def look(self, now: float) -> None:
        super().look(now)
        if self.acting.asks is not self.prepared:  # it was left meanwhile
            self.call_later(self._close)

    def go_on(self) -> None:
        """Drain it."""
        self.acting.answer()
        self._close()

    def _close(self) -> None:
        if self.console.screen is self:
            self.console.pop_screen()


async def _nothing(_guards: object) -> None:
    """What is asked was not refused."""
