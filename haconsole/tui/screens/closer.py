"""The closer look: what can be looked at above; below its exact commands, and once they ran what they proved.

Nothing runs before its commands were on the screen: Enter runs what the cursor stands on.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.worker import Worker, WorkerState

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Finding
from haconsole.operations.closer import Offer
from haconsole.operations.closer_proof import Seen
from haconsole.tui import safe
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.view import closer as view
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Line, Row, Tone, crop, say
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar


class CloserScreen(OverScreen):
    """Looks, and changes nothing. finding: what it is about; None: the whole cluster."""

    AUTO_FOCUS = "#offers"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "run", "Run what the cursor is on", id="closer.run")]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("↵", "run these commands", "screen.run"),
        Hint("tab", "answers", "app.focus_next", rank=1),
        Hint("y", "copy", "app.copy"),
        Hint("Y", "copy all", "app.copy_all", rank=2),
        Hint("esc", "back", "app.step_back"),
        Hint("q", "quit", "app.quit", rank=1),
    )

    def __init__(self, cluster: str, finding: Finding | None) -> None:
        super().__init__()
        self.cluster, self.finding = cluster, finding
        self._seen: dict[str, Seen] = {}
        self._under_way: set[str] = set()
        self._offers: tuple[Offer, ...] = ()
        self._looked: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="offers")
        yield LinePane(id="page")
        yield self.keys()

    def look(self, now: float) -> None:
        snapshot = self.console.snapshot(self.cluster)
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        looked = (id(snapshot), self.size.width, self._chosen_key, len(self._seen), frozenset(self._under_way))
        if looked != self._looked:
            self._looked = looked
            self._fill(snapshot, now)

    def _fill(self, snapshot: Snapshot, now: float) -> None:
        looker = self.console.looker(self.cluster)
        self._offers = () if looker is None else view.ordered(looker.offers(snapshot), self.finding)
        flat = self.has_class("-flat")
        width = self.size.width - (2 if flat else 4)
        pane = self.query_one("#offers", LinePane)
        rows = view.offer_rows(self._offers, self._seen, self._under_way, self.finding, width)
        height = min(len(rows) + (1 if flat else 2), self.size.height * 2 // 5)
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
        about: Line = () if self.finding is None else (say(f" for: {self.finding.summary}", Tone.QUIET),)
        pane.title(crop((say("Look closer", Tone.STRONG), *about), max(1, self.size.width - 6)))
        pane.show(rows)
        page = self.query_one("#page", LinePane)
        page.title((say("Commands and answers", Tone.STRONG),))
        page.show(self._details(now, width))

    @property
    def _chosen_key(self) -> str:
        row = self.query_one("#offers", LinePane).row
        return "" if row is None else row.key

    @property
    def chosen(self) -> Offer | None:
        """What the cursor stands on."""
        return next((o for o in self._offers if f"offer/{o.key}" == self._chosen_key), None)

    def _details(self, now: float, width: int) -> tuple[Row, ...]:
        offer = self.chosen
        if offer is None:
            return ()
        running = offer.key in self._under_way
        return view.details(offer, self._seen.get(offer.key), now, width, self.console.zone, running=running)

    # --- looking ----------------------------------------------------------------------------------------

    def action_run(self) -> None:
        """Run what the cursor stands on, whose commands are on the screen."""
        offer, looker = self.chosen, self.console.looker(self.cluster)
        if offer is None or looker is None or offer.key in self._under_way:
            return
        if offer.refused is not None:
            safe.notify(self.app, f"not from here: {offer.refused}", severity="warning")
            return
        self._under_way.add(offer.key)
        self.run_worker(self._run(offer), name=f"closer/{offer.key}", exit_on_error=False)
        self.tick(self.console.now())

    async def _run(self, offer: Offer) -> None:
        looker = self.console.looker(self.cluster)
        try:
            if looker is not None:
                self._seen[offer.key] = await looker.look(offer, self.console.snapshot(self.cluster))
        finally:
            self._under_way.discard(offer.key)
            self._looked = ()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What was not foreseen is said, too."""
        if event.worker.name.startswith("closer/") and event.state is WorkerState.ERROR:
            event.stop()
            safe.notify(self.app, f"the look failed: {event.worker.error!r}", severity="error")
        if event.worker.name.startswith("closer/") and event.state in {WorkerState.SUCCESS, WorkerState.ERROR}:
            self.tick(self.console.now())

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        if message.pane.id == "offers":
            self.tick(self.console.now())

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        if message.pane.id == "offers":
            self.action_run()
