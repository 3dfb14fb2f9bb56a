"""Plan and forecast of one drill or several; only the typed names of their nodes begin."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.operations.guards_context import Guard
from haconsole.tui.drilling import Run
from haconsole.tui.screens.confirm import ConfirmScreen, Overriding
from haconsole.tui.view.drill_plan import plan_rows
from haconsole.tui.view.text import Row


class DrillPlanScreen(ConfirmScreen):
    """As prepared at one moment; the guards are asked again under the lock. Where one refuses, none is begun."""

    def __init__(self, cluster: str, runs: Sequence[Run], override: Overriding) -> None:
        super().__init__(cluster, runs[0], override)
        self.runs = tuple(runs)

    @property
    def phrase(self) -> str:
        """The name of every node that is drilled, in their order."""
        return " ".join(dict.fromkeys(run.node for run in self.runs))

    @property
    def refused(self) -> tuple[Guard, ...]:
        return tuple(g for run in self.runs for g in run.plan.refused)

    def rows(self, width: int) -> tuple[Row, ...]:
        return plan_rows(self.runs, width)

    def go_on(self) -> None:
        self.console.begin_drills(self.cluster, self.runs)
