"""What drills can be told before the guards are asked: hold, ticket, reason, where the report goes, overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from haconsole.operations.drills.parts import Drill
from haconsole.tui.drilling import Words
from haconsole.tui.screens.asking import AskingScreen
from haconsole.tui.screens.drill_plan import DrillPlanScreen
from haconsole.tui.view.action_fields import Field, way_out
from haconsole.tui.view.text import Row, Tone, say

_KEYS = ("hold", "ticket", "reason", "report", "outside_window", "phrase", "break_lock")


class DrillWordsScreen(AskingScreen):
    """The guards of every drill are asked."""

    def __init__(self, cluster: str, chosen: Sequence[tuple[Drill, str]]) -> None:
        """chosen: (drill, node) in their order."""
        super().__init__(cluster)
        self.chosen = tuple(chosen)

    @property
    def about(self) -> str:
        return "Drill" if len(self.chosen) == 1 else f"{len(self.chosen)} drills, one after the other"

    def rows(self, width: int) -> Sequence[Row]:
        return [
            Row(f"{i}", (say(f" {i} ", Tone.KEY), say(f"{d.name} on {node}  ", Tone.STRONG), say(d.about, Tone.QUIET)))
            for i, (d, node) in enumerate(self.chosen, 1)
        ]

    def fields(self) -> Sequence[Field]:
        found: dict[str, Field] = {f.key: f for guard, node in self.refused for f in way_out(guard, node)}
        hold = self.chosen[0][0].hold_s
        own = f"{hold:g} s" if all(d.hold_s == hold for d, _ in self.chosen) else "as each drill has it"
        spec = self.console.spec(self.cluster)
        every = [
            Field(key="ticket", label="ticket", hint="the change's number: for report and audit log"),
            Field(key="hold", label="held", hint=f"30s, 2m; empty: {own}"),
            Field(key="reason", label="reason", hint="why: for the audit log"),
            Field(key="report", label="report into", hint="a folder; empty: kept with the run's record"),
        ]  # fmt: skip
        if spec.windows:
            every.append(Field(key="outside_window", label="outside the window", hint="why, if it is now outside"))
        return [*found.values(), *(f for f in every if f.key not in found)]

    def refused_on(self) -> str:
        return self.chosen[0][1]

    async def ask(self, said: Mapping[str, str]) -> None:
        drills = self.console.drills(self.cluster)
        if drills is None:
            return
        kept = {k: v.strip() for k, v in said.items() if v.strip()}
        overrides = {k.removeprefix("override:"): v for k, v in kept.items() if k.startswith("override:")}
        words = Words(**{k: kept[k] for k in _KEYS if k in kept}, overrides=overrides)
        runs = []
        for number, (drill, node) in enumerate(self.chosen, 1):
            of = f" ({number} of {len(self.chosen)})" if len(self.chosen) > 1 else ""
            self.tell_busy(f"asking the guards of {drill.name}{of}")
            run = drills.run(drill, node, words)
            await run.prepare()
            runs.append(run)
        for run in runs:
            if run.plan.refused:
                await run.refused()
        if self.console.screen is self:
            self.console.push_screen(DrillPlanScreen(self.cluster, runs, self.override))
