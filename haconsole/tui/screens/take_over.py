"""The question before an operation of another console is aborted or taken over. Where that console may live, the
operation's own name is typed, too."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.operations.guards_context import Guard
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.source import LeftPrepared
from haconsole.tui.view.action_left import left_confirm_rows
from haconsole.tui.view.text import Row


async def _no_override(_: Sequence[Guard]) -> None:
    """Nothing here can be overridden."""


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
        return left_confirm_rows(self.left.taking, self.left.plan, width)

    def go_on(self) -> None:
        operations = self.console.operations(self.cluster)
        if operations is not None:
            left = operations.by_name(self.left) if self.left.taking.left.needs_name else self.left
            self.console.begin(self.cluster, left)
