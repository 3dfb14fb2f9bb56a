"""What an action needs to be told, before the guards are asked: reason, ticket, deadline, overrides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from haconsole.operations.guards_context import Guard
from haconsole.tui import safe
from haconsole.tui.printable import printable
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.source import CannotError, Operations, Wish
from haconsole.tui.view.action_fields import Field, fields, wish
from haconsole.tui.view.action_offers import Offer, offer_details
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Level, Line, Tone, say, sign
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

_ASKING: Line = (
    sign(Level.BUSY),
    say(" reading every node, asking what the guards need; esc stops it", Tone.BUSY),
)
_HOW: Line = (say("Enter: the guards are asked; nothing is touched before the node's name is typed", Tone.QUIET),)


class FieldLine(Horizontal):
    """A name and what is typed."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field

    def compose(self) -> ComposeResult:
        yield safe.label(self.field.label)
        entry = Input(
            value=self.field.value, placeholder=printable(self.field.hint), select_on_focus=False, compact=True
        )
        entry.cursor_blink = False
        yield entry

    @property
    def value(self) -> str:
        return self.query_one(Input).value


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The lines; the one with the keys is scrolled into view."""


class WordsScreen(OverScreen):
    """Fields of one action. Enter asks the guards, which only reads."""

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

    def __init__(self, cluster: str, offer: Offer) -> None:
        super().__init__()
        self.cluster, self.offer = cluster, offer
        self._asking: Worker[None] | None = None
        self._said: Line = _HOW
        self._refused: tuple[Guard, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="about")
        with Fields(id="fields"):
            for field in fields(self.offer, self.console.spec(self.cluster)):
                yield FieldLine(field)
        yield Bar(id="said")
        yield self.keys()

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        about = self.query_one("#about", LinePane)
        about.can_focus = False
        rows = offer_details(self.offer, self.size.width - (3 if self.has_class("-flat") else 5))
        frame = 1 if self.has_class("-flat") else 2
        height = max(3, min(len(rows) + frame, self.size.height - 4 - len(self.query(FieldLine))))
        if about.styles.height is None or about.styles.height.value != height:
            about.styles.height = height
        about.title((say(f"{self.offer.title} on {self.offer.node}", Tone.STRONG),))
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
        operations = self.console.operations(self.cluster)
        if operations is None or self._asks:
            return
        said = {line.field.key: line.value for line in self.query(FieldLine)}
        self._say(_ASKING)
        self._asking = self.run_worker(
            self._prepare(operations, wish(self.offer, said)), name="prepare", exclusive=True, exit_on_error=False
        )

    async def _prepare(self, operations: Operations, asked: Wish) -> None:
        try:
            prepared = await operations.prepare(asked)
        except CannotError as error:
            self._say((sign(Level.CRITICAL), say(f" {error}", Tone.CRITICAL)))
            return
        self._say(_HOW)
        if prepared.plan.refused:
            operations.refused(prepared)
        if self.console.screen is self:
            self.console.push_screen(ConfirmScreen(self.cluster, prepared, self.override))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What was not foreseen is said, too."""
        if event.worker.name == "prepare" and event.state is WorkerState.ERROR:
            event.stop()
            self._say(
                (sign(Level.CRITICAL), say(f" the guards could not be asked: {event.worker.error!r}", Tone.CRITICAL))
            )

    async def override(self, refused: Sequence[Guard]) -> None:
        """Ask for what these guards want to hear; what was typed stays."""
        typed = {line.field.key: line.value for line in self.query(FieldLine)}
        known = {g.id: g for g in (*self._refused, *refused)}
        self._refused = tuple(known.values())
        holder = self.query_one(Fields)
        await holder.remove_children()
        every = fields(self.offer, self.console.spec(self.cluster), self._refused)
        lines = [FieldLine(f) for f in every]
        await holder.mount_all(lines)
        for line in lines:
            entry = line.query_one(Input)
            entry.value = typed.get(line.field.key, line.field.value)
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
