"""What drills can be told before the guards are asked: hold, ticket, reason, where the report goes, overrides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from haconsole.operations.drills.parts import Drill
from haconsole.operations.guards_context import Guard
from haconsole.tui.drilling import Drills, Words
from haconsole.tui.screens.action_words import FieldLine, Fields
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.screens.drill_plan import DrillPlanScreen
from haconsole.tui.source import CannotError
from haconsole.tui.view.action_fields import Field, way_out
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Level, Line, Row, Tone, say, sign
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

_HOW: Line = (say("Enter: the guards are asked; nothing is touched before the node's name is typed", Tone.QUIET),)
_KEYS = ("hold", "ticket", "reason", "report", "outside_window", "phrase", "break_lock")


class DrillWordsScreen(OverScreen):
    """Enter asks the guards of every drill, which only reads."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back, or stop asking", show=False, id="screen.back"),
        Binding("down", "app.focus_next", "Next field", show=False, id="screen.next"),
        Binding("up", "app.focus_previous", "Field before", show=False, id="screen.before"),
    ]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("tab", "next field", "app.focus_next", rank=1),
        Hint("↵", "ask the guards", "screen.go_on"),
        Hint("esc", "back", "screen.leave"),
    )

    def __init__(self, cluster: str, chosen: Sequence[tuple[Drill, str]]) -> None:
        """chosen: (drill, node) in their order."""
        super().__init__()
        self.cluster, self.chosen = cluster, tuple(chosen)
        self._asking: Worker[None] | None = None
        self._said: Line = _HOW
        self._refused: tuple[tuple[Guard, str], ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head()
        about = LinePane(id="about")
        about.can_focus = False
        yield about
        with Fields(id="fields"):
            for field in self._fields():
                yield FieldLine(field)
        yield Bar(id="said")
        yield self.keys()

    def _fields(self) -> list[Field]:
        found: dict[str, Field] = {f.key: f for guard, node in self._refused for f in way_out(guard, node)}
        hold = self.chosen[0][0].hold_s
        own = f"{hold:g} s" if all(d.hold_s == hold for d, _ in self.chosen) else "as each drill has it"
        spec = self.console.spec(self.cluster)
        every = [
            Field(key="ticket", label="ticket", hint="the change's number, for the report and the audit log"),
            Field(key="hold", label="held", hint=f"30s, 2m; empty: {own}"),
            Field(key="reason", label="reason", hint="why: for the audit log"),
            Field(key="report", label="report into", hint="a folder; empty: kept with the run's record"),
        ]  # fmt: skip
        if spec.windows:
            every.append(Field(key="outside_window", label="outside the window", hint="why, if it is now outside"))
        return [*found.values(), *(f for f in every if f.key not in found)]

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        about = self.query_one("#about", LinePane)
        rows = [
            Row(f"{i}", (say(f" {i} ", Tone.KEY), say(f"{d.name} on {node}  ", Tone.STRONG), say(d.about, Tone.QUIET)))
            for i, (d, node) in enumerate(self.chosen, 1)
        ]
        frame = 1 if self.has_class("-flat") else 2
        height = max(3, min(len(rows) + frame, self.size.height - 4 - len(self.query(FieldLine))))
        if about.styles.height is None or about.styles.height.value != height:
            about.styles.height = height
        what = "Drill" if len(rows) == 1 else f"{len(rows)} drills, one after the other"
        about.title((say(what, Tone.STRONG),))
        about.show(rows)
        self.query_one("#said", Bar).show((say(" "), *self._said))

    def _say(self, line: Line) -> None:
        self._said = line
        self.tick(self.console.now())

    # --- asking -------------------------------------------------------------------------------------------

    @property
    def _asks(self) -> bool:
        return self._asking is not None and self._asking.is_running

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_go_on()

    def action_go_on(self) -> None:
        """Ask the guards, unless that is going on."""
        drills = self.console.drills(self.cluster)
        if drills is None or self._asks:
            return
        said = {line.field.key: line.value.strip() for line in self.query(FieldLine) if line.value.strip()}
        overrides = {k.removeprefix("override:"): v for k, v in said.items() if k.startswith("override:")}
        words = Words(**{k: said[k] for k in _KEYS if k in said}, overrides=overrides)
        self._asking = self.run_worker(
            self._prepare(drills, words), name="prepare", exclusive=True, exit_on_error=False
        )

    async def _prepare(self, drills: Drills, words: Words) -> None:
        runs = []
        try:
            for number, (drill, node) in enumerate(self.chosen, 1):
                of = f" ({number} of {len(self.chosen)})" if len(self.chosen) > 1 else ""
                told = f" reading every node, asking what the guards of {drill.name} need{of}; esc stops it"
                self._say((sign(Level.BUSY), say(told, Tone.BUSY)))
                run = drills.run(drill, node, words)
                await run.prepare()
                runs.append(run)
        except CannotError as error:
            self._say((sign(Level.CRITICAL), say(f" {error}", Tone.CRITICAL)))
            return
        self._say(_HOW)
        for run in runs:
            if run.plan.refused:
                await run.refused()
        if self.console.screen is self:
            self.console.push_screen(DrillPlanScreen(self.cluster, runs, self.override))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What was not foreseen is said, too."""
        if event.worker.name == "prepare" and event.state is WorkerState.ERROR:
            event.stop()
            told = f" the guards could not be asked: {event.worker.error!r}"
            self._say((sign(Level.CRITICAL), say(told, Tone.CRITICAL)))

    async def override(self, refused: Sequence[Guard]) -> None:
        """Ask for what these guards want to hear; what was typed stays."""
        typed = {line.field.key: line.value for line in self.query(FieldLine)}
        known = {g.id: (g, n) for g, n in self._refused}
        known |= {g.id: (g, self.chosen[0][1]) for g in refused}
        self._refused = tuple(known.values())
        holder = self.query_one(Fields)
        await holder.remove_children()
        lines = [FieldLine(f) for f in self._fields()]
        await holder.mount_all(lines)
        for line in lines:
            line.query_one(Input).value = typed.get(line.field.key, line.field.value)
        empty = next((line for line in lines if not line.value), lines[0])
        empty.query_one(Input).focus()
        self._say((sign(Level.WARNING), say(" say why to go on against the guards; it is logged", Tone.WARNING)))

    def action_leave(self) -> None:
        """Stop asking, or go back."""
        if self._asks and self._asking is not None:
            self._asking.cancel()
            self._say((sign(Level.NONE), say(" not asked any more; nothing was touched", Tone.QUIET)))
        else:
            self.console.action_step_back()
