"""Rolling maintenance before it runs: nodes and words, the plan, and one that was begun and left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from haconsole.operations.guards_context import Guard
from haconsole.tui import safe
from haconsole.tui.maintaining import FlowRun, FlowWords, Found
from haconsole.tui.screens.asking import AskingScreen, show_head
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.screens.confirm import ConfirmScreen, Overriding
from haconsole.tui.source import CannotError
from haconsole.tui.view import maintenance_plan as planned
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.maintenance import found_rows
from haconsole.tui.view.text import Level, Line, Row, Tone, say, sign
from haconsole.tui.widgets.choice import Choice
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

if TYPE_CHECKING:
    from haconsole.tui.view.action_fields import Field


def first_screen(cluster: str, found: Found) -> OverScreen:
    """A new one, or the one that is kept."""
    return FlowWordsScreen(cluster) if found.flow is None and found.trouble is None else FoundScreen(cluster, found)


class FlowWordsScreen(AskingScreen):
    """Which nodes in which order, and why."""

    about = "Maintenance of all nodes, or some, one after the other"

    def rows(self, width: int) -> Sequence[Row]:
        return planned.about_rows(self.console.snapshot(self.cluster).picture, width)

    def fields(self) -> Sequence[Field]:
        snapshot = self.console.snapshot(self.cluster)
        return planned.flow_fields(snapshot.picture, snapshot.picture.spec, self.refused)

    def refused_on(self) -> str:
        names = self.typed().get("nodes", "").replace(",", " ").split()
        return names[0] if names else planned.nodes_in_order(self.console.snapshot(self.cluster).picture)[0]

    async def ask(self, said: Mapping[str, str]) -> None:
        maintenance = self.console.maintenance(self.cluster)
        if maintenance is None:
            return
        self.tell_busy("reading every node, asking what the guards of every drain need")
        run = await maintenance.plan(planned.flow_words(said))
        if self.console.screen is self:
            self.console.push_screen(FlowPlanScreen(self.cluster, run, self.override))


class FlowPlanScreen(ConfirmScreen):
    """All drains, as prepared at one moment. The first node's typed name begins; others are asked for in their turn."""

    def __init__(self, cluster: str, run: FlowRun, override: Overriding) -> None:
        """run: with a plan of each node."""
        super().__init__(cluster, run.plans[0], override)
        self.flow_run = run

    def rows(self, width: int) -> tuple[Row, ...]:
        return planned.plan_rows([p.plan for p in self.flow_run.plans], width)

    def go_on(self) -> None:
        self.console.begin_maintenance(self.cluster, self.flow_run, self.prepared)


class FoundScreen(OverScreen):
    """One that was begun: go on, or forget it. Where another process drives it, or it cannot be read, neither."""

    AUTO_FOCUS = "#back"
    ASKS = True
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("tab", "next choice", "app.focus_next", rank=1),
        Hint("↵", "choose", "screen.choose"),
        Hint("esc", "back", "app.step_back"),
    )

    def __init__(self, cluster: str, found: Found) -> None:
        super().__init__()
        self.cluster, self.found = cluster, found
        self._sure = False
        self._said: Line = ()

    @property
    def _mine(self) -> bool:
        return self.found.flow is not None and not self.found.driven

    def hints(self) -> tuple[Hint, ...]:
        return self.HINTS if self._mine else (Hint("esc", "back", "app.step_back"), Hint("q", "quit", "app.quit"))

    def compose(self) -> ComposeResult:
        yield self.head()
        pane = LinePane(id="page")
        pane.marks_row = pane.can_focus = False
        yield pane
        with Horizontal(id="answer"):
            yield Choice("Back", id="back")
            if self._mine:
                yield Choice("Go on with it", id="go-on")
                yield Choice("Forget it", id="forget")
        yield Bar(id="said")
        yield self.keys()

    def look(self, now: float) -> None:
        show_head(self, self.cluster, now)
        pane = self.query_one("#page", LinePane)
        pane.title((say("Maintenance that was begun", Tone.STRONG),))
        pane.show(found_rows(self.found, self.size.width - (3 if self.has_class("-flat") else 5)))
        self.query_one("#said", Bar).show((say(" "), *self._said))

    def action_choose(self) -> None:
        """Enter, by mouse."""
        if isinstance(self.focused, Choice):
            self.focused.action_choose()

    def on_choice_chosen(self, message: Choice.Chosen) -> None:
        message.stop()
        match message.choice.id:
            case "go-on":
                self.run_worker(go_on(self, FlowWords()), name="resume", exclusive=True)
            case "forget":
                self._forget()
            case _:
                self.console.action_step_back()

    def tell(self, line: Line) -> None:
        """Above the keys."""
        self._said = line
        self.tick(self.console.now())

    def _forget(self) -> None:
        """Chosen twice: no node is touched, but one that is drained stays so."""
        maintenance = self.console.maintenance(self.cluster)
        if maintenance is None:
            return
        if not self._sure:
            self._sure = True
            told = " no node is touched; what is drained stays drained. Once more forgets it"
            self.tell((sign(Level.WARNING), say(told, Tone.WARNING)))
            return
        try:
            maintenance.forget()
        except CannotError as error:
            self.tell((sign(Level.CRITICAL), say(f" {error}", Tone.CRITICAL)))
            return
        self.console.find(self.cluster)
        safe.notify(self.console, "forgotten; no node was touched")
        self.console.action_step_back()


class GoOnScreen(AskingScreen):
    """Go on against guards that refused the present node."""

    HOW: ClassVar[Line] = (
        say("Enter: goes on; the guards are asked anew, and a drain begins by its node's typed name alone", Tone.QUIET),
    )

    def __init__(self, cluster: str, node: str, refused: Sequence[Guard]) -> None:
        super().__init__(cluster)
        self.node = node
        self.refused = tuple((guard, node) for guard in refused)

    @property
    def about(self) -> str:
        return f"Go on with the maintenance, at {self.node}"

    def rows(self, width: int) -> Sequence[Row]:
        found = self.console.found(self.cluster)
        return () if found is None else found_rows(found, width)

    def fields(self) -> Sequence[Field]:
        return planned.way_fields(self.refused)

    def refused_on(self) -> str:
        return self.node

    async def ask(self, said: Mapping[str, str]) -> None:
        await go_on(self, planned.flow_words(said))


async def go_on(screen: FoundScreen | GoOnScreen, words: FlowWords) -> None:
    """Drive what was left."""
    console = screen.console
    maintenance = console.maintenance(screen.cluster)
    if maintenance is None:
        return
    try:
        run = await maintenance.resume(words)
    except CannotError as error:
        screen.tell((sign(Level.CRITICAL), say(f" {error}", Tone.CRITICAL)))
        return
    if console.screen is screen:
        console.begin_maintenance(screen.cluster, run)
