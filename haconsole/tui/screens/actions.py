"""What can be done to a node: a line an action, with what it would cost; the one under the cursor in full below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from haconsole.cluster.conclude import Snapshot
from haconsole.tui import safe
from haconsole.tui.screens.action_words import WordsScreen
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.screens.take_over import LeftWordsScreen
from haconsole.tui.view import levels
from haconsole.tui.view.action_left import LeftOffer, left_details, left_offers, left_rows
from haconsole.tui.view.action_offers import Offer, maintenance_rows, node_rows, offer_details, offer_rows, offers
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Line, Tone, say
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

ABOUT: int = 7
"""Lines that the details have at least."""


class ActionsScreen(OverScreen):
    """node None: the node is chosen first."""

    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("↵", "go on (nothing is touched yet)", "app.open_row"),
        Hint("esc", "back", "app.step_back"),
        Hint("q", "quit", "app.quit"),
    )

    def __init__(self, cluster: str, node: str | None) -> None:
        super().__init__()
        self.cluster, self.node = cluster, node
        self._looked: tuple[Snapshot, int, int, str | None] | None = None
        self._offers: dict[str, Offer] = {}
        self._left: dict[str, LeftOffer] = {}
        """Ways with an operation that another console began."""

    def hints(self) -> tuple[Hint, ...]:
        every = Hint("M", "maintenance", "app.maintenance", rank=1)
        return (every, *self.HINTS) if self.console.has_maintenance(self.cluster) else self.HINTS

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="offers")
        yield LinePane(id="about")
        yield self.keys()

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        looked = (snapshot, self.size.width, self.size.height, console.busy)
        if self._looked is None or self._looked[0] is not snapshot or self._looked[1:] != looked[1:]:
            self._looked = looked
            self._fill(snapshot)

    def _fill(self, snapshot: Snapshot) -> None:
        flat = self.has_class("-flat")
        width = self.size.width - (3 if flat else 5)
        pane = self.query_one("#offers", LinePane)
        if self.node is None:
            pane.title(_title("Actions on which node?"))
            rows = node_rows(snapshot, [levels.of_node(n, snapshot) for n in snapshot.picture.nodes], width)
            rows += maintenance_rows(width) if self.console.has_maintenance(self.cluster) else ()
        else:
            pane.title(_title(f"Actions on {self.node}"))
            found = offers(snapshot.picture, self.node, busy=self.console.busy)
            self._offers = {o.key: o for o in found}
            acting = self.console.under_way
            ours = "" if acting is None else acting.operation
            left = left_offers(snapshot.picture, self.node, ours=ours, busy=self.console.busy)
            self._left = {o.key: o for o in left}
            rows = (*left_rows(left, width), *offer_rows(snapshot.picture, found, width))
        height = max(3, min(len(rows) + (1 if flat else 2), self.size.height - 2 - ABOUT))
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
        pane.show(rows)
        self._about()

    def _about(self) -> None:
        row = self.query_one("#offers", LinePane).row
        about = self.query_one("#about", LinePane)
        offer = None if row is None else self._offers.get(row.key)
        about.display = self.node is not None
        left = None if row is None else self._left.get(row.key)
        if left is not None:
            picture = self.console.snapshot(self.cluster).picture
            about.title(_title(left.title))
            width = self.size.width - (3 if self.has_class("-flat") else 5)
            about.show(left_details(left, picture, width, self.console.zone))
        elif offer is not None:
            about.title(_title(offer.title))
            about.show(offer_details(offer, self.size.width - (3 if self.has_class("-flat") else 5)))

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        if message.pane.id == "offers":
            self._about()

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        """Go on with a node, or with an action that is possible."""
        kind, _, name = message.row.key.partition("/")
        if kind == "maintenance":
            self.console.action_maintenance()
            return
        if kind == "node":
            self.console.push_screen(ActionsScreen(self.cluster, name))
            return
        left = self._left.get(message.row.key)
        if left is not None:
            self._choose(left)
            return
        offer = self._offers.get(message.row.key)
        if offer is None:
            return
        if offer.why_not is not None:
            safe.notify(self.console, f"{offer.title} on {offer.node} is not possible: {offer.why_not}")
        else:
            self.console.push_screen(WordsScreen(self.cluster, offer))

    # --- what another console began -----------------------------------------------------------------------

    def _choose(self, left: LeftOffer) -> None:
        if left.why_not is not None or self.console.operations(self.cluster) is None:
            safe.notify(self.console, f"{left.title} is not possible: {left.why_not or 'this console only looks'}")
            return
        self.console.push_screen(LeftWordsScreen(self.cluster, left))


def _title(text: str) -> Line:
    return (say(text, Tone.STRONG),)
