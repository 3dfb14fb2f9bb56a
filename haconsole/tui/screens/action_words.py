"""What an action needs to be told, before the guards are asked: reason, ticket, deadline, overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from haconsole.tui.screens.asking import AskingScreen
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.view.action_fields import Field, fields, wish
from haconsole.tui.view.action_offers import Offer, offer_details
from haconsole.tui.view.text import Row


class WordsScreen(AskingScreen):
    """Fields of one action."""

    def __init__(self, cluster: str, offer: Offer) -> None:
        super().__init__(cluster)
        self.offer = offer

    @property
    def about(self) -> str:
        return f"{self.offer.title} on {self.offer.node}"

    def rows(self, width: int) -> Sequence[Row]:
        return offer_details(self.offer, width)

    def fields(self) -> Sequence[Field]:
        return fields(self.offer, self.console.spec(self.cluster), [guard for guard, _ in self.refused])

    def refused_on(self) -> str:
        return self.offer.node

    async def ask(self, said: Mapping[str, str]) -> None:
        operations = self.console.operations(self.cluster)
        if operations is None:
            return
        prepared = await operations.prepare(wish(self.offer, said))
        if prepared.plan.refused:
            operations.refused(prepared)
        if self.console.screen is self:
            self.console.push_screen(ConfirmScreen(self.cluster, prepared, self.override))
