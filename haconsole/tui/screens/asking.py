"""The base of screens with fields to be filled in before the guards are asked: what was typed stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from haconsole.tui.screens.live import set_height
from haconsole.tui.source import CannotError
from haconsole.tui.view.action_fields import Field
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Level, Line, Row, Tone, say, sign
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

READING = "reading every node, asking what the guards need"
_HOW: Line = (say("Enter: the guards are asked; nothing is touched before the node's name is typed", Tone.QUIET),)


def show_head(screen: OverScreen, cluster: str, now: float) -> None:
    """The header of a screen about one cluster."""
    snapshot = screen.console.snapshot(cluster)
    standing = screen.console.standing(now, read_only=snapshot.picture.spec.read_only)
    screen.query_one("#head", Bar).show(header(cluster, verdict_line(snapshot), standing, screen.size.width))


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


class AskingScreen(OverScreen):
    """Enter asks the guards, which only reads. Subclasses say what about, which fields, and what is asked."""

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
    HOW: ClassVar[Line] = _HOW
    ASKS = True

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.refused: tuple[tuple[Guard, str], ...] = ()
        """What refused so far, each with its node: it is asked for a way out."""
        self._asking: Worker[None] | None = None
        self._said: Line = self.HOW

    # --- what subclasses say ------------------------------------------------------------------------------

    @property
    def about(self) -> str:
        """The title."""
        raise NotImplementedError

    def rows(self, width: int) -> Sequence[Row]:
        """What stands above the fields."""
        raise NotImplementedError

    def fields(self) -> Sequence[Field]:
        raise NotImplementedError

    def refused_on(self) -> str:
        """The node of guards that refuse."""
        raise NotImplementedError

    async def ask(self, said: Mapping[str, str]) -> None:
        """Ask, and show what comes of it. said: every field. Raises: CannotError."""
        raise NotImplementedError

    # --- drawing ------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self.head()
        about = LinePane(id="about")
        about.can_focus = False
        yield about
        with Fields(id="fields"):
            for field in self.fields():
                yield FieldLine(field)
        yield Bar(id="said")
        yield self.keys()

    def look(self, now: float) -> None:
        show_head(self, self.cluster, now)
        about = self.query_one("#about", LinePane)
        flat = self.has_class("-flat")
        rows = self.rows(self.size.width - (3 if flat else 5))
        room = self.size.height - 4 - len(self.query(FieldLine))
        set_height(about, max(3, min(len(rows) + (1 if flat else 2), room)))
        about.title((say(self.about, Tone.STRONG),))
        about.show(rows)
        self.query_one("#said", Bar).show((say(" "), *self._said))

    def tell(self, line: Line) -> None:
        """Above the keys."""
        self._said = line
        self.tick(self.console.now())

    def tell_busy(self, text: str) -> None:
        """It is being asked."""
        self.tell((sign(Level.BUSY), say(f" {text}; esc stops it", Tone.BUSY)))

    # --- asking -------------------------------------------------------------------------------------------

    @property
    def _asks(self) -> bool:
        return self._asking is not None and self._asking.is_running

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_go_on()

    def typed(self) -> dict[str, str]:
        return {line.field.key: line.value for line in self.query(FieldLine)}

    def action_go_on(self) -> None:
        """Ask the guards, unless that is going on."""
        if not self._asks:
            said = self.typed()
            self.tell_busy(READING)
            self._asking = self.run_worker(self._ask(said), name="prepare", exclusive=True, exit_on_error=False)

    async def _ask(self, said: Mapping[str, str]) -> None:
        try:
            await self.ask(said)
        except CannotError as error:
            self.tell((sign(Level.CRITICAL), say(f" {error}", Tone.CRITICAL)))
        else:
            self.tell(self.HOW)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What was not foreseen is said, too."""
        if event.worker.name == "prepare" and event.state is WorkerState.ERROR:
            event.stop()
            told = f" the guards could not be asked: {event.worker.error!r}"
            self.tell((sign(Level.CRITICAL), say(told, Tone.CRITICAL)))

    async def override(self, refused: Sequence[Guard]) -> None:
        """Ask for what these guards want to hear; what was typed stays."""
        typed = self.typed()
        known = {g.id: (g, n) for g, n in self.refused} | {g.id: (g, self.refused_on()) for g in refused}
        self.refused = tuple(known.values())
        holder = self.query_one(Fields)
        await holder.remove_children()
        lines = [FieldLine(f) for f in self.fields()]
        await holder.mount_all(lines)
        for line in lines:
            line.query_one(Input).value = typed.get(line.field.key, line.field.value)
        empty = next((line for line in lines if not line.value), lines[0])
        empty.query_one(Input).focus()
        self.tell((sign(Level.WARNING), say(" say why to go on against the guards; it is logged", Tone.WARNING)))

    def action_leave(self) -> None:
        """Stop asking, or go back."""
        if self._asks and self._asking is not None:
            self._asking.cancel()
            self.tell((sign(Level.NONE), say(" not asked any more; nothing was touched", Tone.QUIET)))
        else:
            self.console.action_step_back()
