"""The drills of a cluster: choose one, or mark several for a row; nothing is touched here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer

from haconsole.cluster.conclude import Snapshot
from haconsole.tui import safe
from haconsole.tui.drilling import Shelf, Words
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.source import CannotError
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Level, Line, Tone, say, sign
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

if TYPE_CHECKING:  # loaded when the screen is first shown
    from haconsole.tui.view.drill_list import Asked, Offered

REST_S = 0.5
"""The guards of a drill are asked when the cursor has rested on it so long."""
ABOUT = 8
"""Lines that the details have at least."""


class DrillsScreen(ConsoleScreen):
    """What was marked, and what the guards said, is kept as long as the screen is there."""

    AUTO_FOCUS = "#drills"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark for a row of drills", id="drills.mark"),
        Binding("m", "mark_article", "Mark the article's three on this node", id="drills.article"),
        Binding("u", "unmark", "Unmark all", id="drills.unmark"),
        Binding("g", "ask", "Ask the guards now", id="drills.ask"),
        Binding("v", "last", "The last run's verdict", id="drills.last"),
    ]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("↵", "plan", "app.open_row"),
        Hint("space", "mark", "screen.mark"),
        Hint("m", "article's 3", "screen.mark_article", rank=2),
        Hint("g", "guards", "screen.ask", rank=3),
        Hint("v", "verdict", "screen.last", rank=1),
        Hint("q", "quit", "app.quit", rank=4),
    )

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.shelf: Shelf | None = None
        self.marked: list[str] = []
        self._asked: dict[str, Asked] = {}
        self._offers: dict[str, Offered] = {}
        self._looked: tuple[object, ...] = ()
        self._resting: Timer | None = None
        self._begun: object = None
        """The last row of drills that was begun: what was marked for it is done with."""

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="drills")
        yield LinePane(id="about")
        yield self.keys()

    def on_mount(self) -> None:
        self.run_worker(self._read(), name="shelf", exclusive=True, group="shelf")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        acting = self.console.acting
        if acting is not None and acting is not self._begun:
            self._begun, self.marked = acting, []
        if self.shelf is not None:
            self.run_worker(self._read(), name="shelf", exclusive=True, group="shelf")

    async def _read(self) -> None:
        drills = self.console.drills(self.cluster)
        if drills is not None:
            self.shelf = await drills.shelf()
            self._looked = ()
            self.tick(self.console.now())
            self._rest()

    # --- drawing ------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        looked = (id(snapshot), self.size.width, self.size.height, console.busy, tuple(self.marked), len(self._asked))
        if looked != self._looked:
            self._looked = looked
            self._fill(snapshot, now)

    def _fill(self, snapshot: Snapshot, now: float) -> None:
        pane = self.query_one("#drills", LinePane)
        pane.title(self._title())
        if self.shelf is None:
            return
        from haconsole.tui.view.drill_list import drill_table, offered

        flat = self.has_class("-flat")
        width = self.size.width - (3 if flat else 5)
        found = offered(snapshot.picture, self.shelf.drills, self.shelf.past, self._asked, self.console.busy)
        self._offers = {o.key: o for o in found}
        self.marked = [k for k in self.marked if k in self._offers]
        heading, rows = drill_table(found, self.marked, width, now)
        height = max(3, min(len(rows) + 1 + (1 if flat else 2), self.size.height - 2 - ABOUT))
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
        pane.show(rows, heading)
        self._about(now)

    def _title(self) -> Line:
        told: Line = (say("Drills", Tone.STRONG),)
        if self.shelf is None:
            return (*told, say(" "), sign(Level.BUSY), say(" reading past runs", Tone.QUIET))
        if self.marked:
            return (*told, say(f"  {len(self.marked)} marked: Enter plans them, one after the other", Tone.KEY))
        return (*told, say("  each is put back, by the node itself if need be", Tone.QUIET))

    def _about(self, now: float) -> None:
        from haconsole.tui.view.details import fact
        from haconsole.tui.view.drill_list import details

        one = self._offer()
        about = self.query_one("#about", LinePane)
        width = self.size.width - (3 if self.has_class("-flat") else 5)
        problems = () if self.shelf is None else self.shelf.problems
        told = [r for text in problems for r in fact("trouble", text, width, level=Level.WARNING)]
        if one is not None:
            about.title((say(one.title, Tone.STRONG),))
            about.show((*details(one, width, now), *told))

    def _offer(self) -> Offered | None:
        row = self.query_one("#drills", LinePane).row
        return None if row is None else self._offers.get(row.key)

    # --- the guards ---------------------------------------------------------------------------------------

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        if message.pane.id == "drills":
            self._about(self.console.now())
            self._rest()

    def _rest(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_S, self._rested)

    def _rested(self) -> None:
        from haconsole.tui.view.drill_list import OLD_S

        one = self._offer()
        if one is not None and (one.asked is None or self.console.now() - one.asked.at > OLD_S):
            self.action_ask()

    def action_ask(self) -> None:
        """Ask the guards of the drill under the cursor, which only reads."""
        one, drills = self._offer(), self.console.drills(self.cluster)
        if one is not None and drills is not None and one.why_not is None and self.console.screen is self:
            self.run_worker(self._ask(one), name="ask", group="ask", exclusive=True)

    async def _ask(self, one: Offered) -> None:
        from haconsole.tui.view.drill_list import Asked

        drills = self.console.drills(self.cluster)
        if drills is None:
            return
        try:
            run = drills.run(one.drill, one.node, Words())
            await run.prepare()
            told = Asked(at=self.console.now(), count=len(run.plan.guards), refused=run.plan.refused)
        except CannotError as error:
            told = Asked(at=self.console.now(), problem=str(error))
        self._asked[one.key] = told
        self._looked = ()
        self.tick(self.console.now())

    # --- keys ---------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what does something now."""
        if action == "unmark":
            return bool(self.marked)
        return super().check_action(action, parameters)

    def action_mark(self) -> None:
        """Into the row, or out of it."""
        one = self._offer()
        if one is None:
            return
        if one.key in self.marked:
            self.marked.remove(one.key)
        elif one.why_not is not None:
            safe.notify(self.console, f"{one.title} is not possible now: {one.why_not}")
        else:
            self.marked.append(one.key)
        self.tick(self.console.now())

    def action_mark_article(self) -> None:
        """Add the article's three on the node under the cursor."""
        from haconsole.tui.view.drill_words import ARTICLE

        one = self._offer()
        if one is not None:
            keys = [f"{one.node}/{name}" for name in ARTICLE]
            self.marked += [k for k in keys if k not in self.marked and self._offers[k].why_not is None]
            self.tick(self.console.now())

    def action_unmark(self) -> None:
        self.marked = []
        self.tick(self.console.now())

    def action_last(self) -> None:
        """How the drill under the cursor ended last time."""
        from haconsole.tui.screens.drill_past import PastScreen

        one = self._offer()
        if one is not None and one.last is not None:
            self.console.push_screen(PastScreen(self.cluster, one.last))
        elif one is not None:
            safe.notify(self.console, f"{one.title}: there is no record of an earlier run")

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        """Plan what is marked, else the one under the cursor."""
        from haconsole.tui.screens.drill_words import DrillWordsScreen

        chosen = [self._offers[k] for k in self.marked] or [o for o in (self._offer(),) if o is not None]
        if message.pane.id != "drills" or not chosen:
            return
        wrong = next((o for o in chosen if o.why_not is not None), None)
        if wrong is not None:
            safe.notify(self.console, f"{wrong.title} is not possible now: {wrong.why_not}")
        else:
            self.console.push_screen(DrillWordsScreen(self.cluster, [(o.drill, o.node) for o in chosen]))
