"""An operation of another console: the words to it, and the question before it is aborted or taken over. Where that
console may live, the operation's own name is typed, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from haconsole.operations.guards_context import Guard
from haconsole.tui.screens.asking import AskingScreen
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.source import LeftPrepared
from haconsole.tui.view.action_fields import Field
from haconsole.tui.view.action_left import LeftOffer, left_confirm_rows, left_details, left_fields, left_wish
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Line, Row, Tone, say


async def _no_override(_: Sequence[Guard]) -> None:
    """Nothing here can be overridden."""


class LeftWordsScreen(AskingScreen):
    """Reason, ticket, and of a take-over the node's deadline from now on: nothing must be said."""

    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("tab", "next field", "app.focus_next", rank=1),
        Hint("↵", "ask the nodes", "screen.go_on"),
        Hint("esc", "back", "screen.leave"),
    )
    HOW: ClassVar[Line] = (
        say("Enter: every node is asked; nothing is touched before the node's name is typed", Tone.QUIET),
    )

    def __init__(self, cluster: str, offer: LeftOffer) -> None:
        super().__init__(cluster)
        self.offer = offer

    @property
    def about(self) -> str:
        return f"{self.offer.title}, on {self.offer.left.node}"

    def rows(self, width: int) -> Sequence[Row]:
        return left_details(self.offer, self.console.snapshot(self.cluster).picture, width, self.console.zone)

    def fields(self) -> Sequence[Field]:
        return left_fields(self.offer)

    def refused_on(self) -> str:
        return self.offer.left.node

    async def ask(self, said: Mapping[str, str]) -> None:
        operations = self.console.operations(self.cluster)
        if operations is None:
            return
        wish = left_wish(self.offer, said)
        self.tell_busy("every node is asked what is under way")
        prepared = await operations.prepare_left(wish)
        if self.console.screen is self:
            screen = TakeOverScreen(self.cluster, prepared)
            if screen.refused:
                operations.refused(prepared)
            self.console.push_screen(screen)


class TakeOverScreen(ConfirmScreen):
    """As the nodes told it at one moment; they are asked again before anything is touched."""

    def __init__(self, cluster: str, left: LeftPrepared) -> None:
        super().__init__(cluster, left, _no_override)
        self.left = left

    @property
    def phrase(self) -> str:
        left = self.left.taking.left
        return f"{left.node} {left.lock_name}" if left.needs_name else left.node

    @property
    def refused(self) -> tuple[Guard, ...]:
        """What no typed name gets past."""
        by_name = self.left.taking.left.needs_name
        return tuple(g for g in self.left.plan.refused if not (by_name and g.id == "console-gone"))

    def rows(self, width: int) -> tuple[Row, ...]:
        return left_confirm_rows(self.left.taking, self.left.plan, width, self.console.zone, self.console.now())

    def go_on(self) -> None:
        operations = self.console.operations(self.cluster)
        if operations is not None:
            left = operations.by_name(self.left) if self.left.taking.left.needs_name else self.left
            self.console.begin(self.cluster, left)
