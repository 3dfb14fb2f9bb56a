"""The question before anything is touched: only the node's typed name begins, and no key does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from haconsole.operations.guards_context import Guard
from haconsole.tui.printable import printable
from haconsole.tui.screens.base import OverScreen
from haconsole.tui.source import Prepared
from haconsole.tui.view.action_confirm import confirm_rows
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Level, Line, Row, Tone, say, sign
from haconsole.tui.widgets.choice import Choice
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

Overriding = Callable[[Sequence[Guard]], Awaitable[None]]
"""Asks the operator for what guards that refuse want to hear."""


class ConfirmScreen(OverScreen):
    """As prepared at one moment; the guards are asked again under the lock. Refused: no field at all."""

    AUTO_FOCUS = "#cancel"
    ASKS = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", "Up", show=False, id="pane.up"),
        Binding("down", "scroll(1)", "Down", show=False, id="pane.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="pane.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="pane.pagedown"),
        Binding("home", "edge(-1)", "First line", show=False, priority=True, id="pane.home"),
        Binding("end", "edge(1)", "Last line", show=False, priority=True, id="pane.end"),
        Binding("o", "override", "Go on against a guard: why", id="confirm.override"),
    ]

    def __init__(self, cluster: str, prepared: Prepared, override: Overriding) -> None:
        super().__init__()
        self.cluster, self.prepared = cluster, prepared
        self._override = override
        self._said: Line = ()
        self._at: float | None = None
        self._width = 0

    @property
    def phrase(self) -> str:
        """What is typed to go on."""
        return self.prepared.plan.action.node

    @property
    def refused(self) -> tuple[Guard, ...]:
        return self.prepared.plan.refused

    def rows(self, width: int) -> tuple[Row, ...]:
        """What is read before."""
        return confirm_rows(self.prepared.plan, width)

    def go_on(self) -> None:
        """The phrase was typed."""
        self.console.begin(self.cluster, self.prepared)

    @property
    def _overridable(self) -> tuple[Guard, ...]:
        return tuple(g for g in self.refused if g.overridable)

    def hints(self) -> tuple[Hint, ...]:
        wrong = (Hint("o", "override", "screen.override"),) if self._overridable else ()
        answer = () if self.refused else (Hint("tab", "to the field", "app.focus_next"),)
        return (Hint("↓", "more", "screen.page(1)", rank=1), *wrong, *answer, Hint("esc", "cancel", "app.step_back"))

    def compose(self) -> ComposeResult:
        yield self.head()
        pane = LinePane(id="confirm")
        pane.marks_row = pane.can_focus = False
        yield pane
        with Horizontal(id="answer"):
            yield Choice("Cancel", id="cancel")
            if not self.refused:
                entry = Input(
                    placeholder=printable(f"type {self.phrase} to go on"),
                    select_on_focus=False,
                    compact=True,
                    id="typed",
                )
                entry.cursor_blink = False
                yield entry
        yield Bar(id="said")
        yield self.keys()

    def look(self, now: float) -> None:
        console = self.console
        snapshot = console.snapshot(self.cluster)
        self._at = now if self._at is None else self._at
        standing = console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        pane = self.query_one("#confirm", LinePane)
        if self.size.width != self._width:
            self._width = self.size.width
            pane.show(self.rows(self.size.width - (3 if self.has_class("-flat") else 5)))
        self._show_place(pane)
        self.query_one("#said", Bar).show((say(" "), *(self._said or self._how(now))))

    def _show_place(self, pane: LinePane) -> None:
        """How much more there is to read."""
        first = int(pane.scroll_offset.y)
        last, count = min(len(pane.rows), first + max(1, pane.size.height)), len(pane.rows)
        told = f"  lines {first + 1}–{last} of {count}" + (", ↓ more" if last < count else "")
        refused = bool(self.refused)
        title: Line = (say("Refused" if refused else "Before anything is touched", Tone.STRONG), say(told, Tone.QUIET))
        pane.title(title)

    def _how(self, now: float) -> Line:
        refused = self.refused
        if refused:
            return (sign(Level.CRITICAL), say(f" refused by {', '.join(g.id for g in refused)}", Tone.CRITICAL))
        age = 0 if self._at is None else int(now - self._at)
        old = f"asked {age} s ago; all guards are asked again under the lock" if age >= 10 else ""
        return (say(f"only the typed name and Enter begin. {old}", Tone.QUIET),)

    # --- keys ---------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No override where no guard can be overridden."""
        if action == "override":
            return bool(self._overridable)
        return super().check_action(action, parameters)

    def action_scroll(self, by: int) -> None:
        """The text, from wherever the keys are."""
        pane = self.query_one("#confirm", LinePane)
        pane.scroll_relative(y=by, animate=False)
        self.call_after_refresh(self._show_place, pane)

    def action_page(self, by: int) -> None:
        self.action_scroll(by * max(1, self.query_one("#confirm", LinePane).size.height - 1))

    def action_edge(self, which: int) -> None:
        """The first or the last of the text, also while the field has the focus: what is typed there is short."""
        self.action_scroll(which * len(self.query_one("#confirm", LinePane).rows))

    async def action_override(self) -> None:
        """Back to the fields, for the reasons."""
        guards = self._overridable
        self.console.pop_screen()
        await self._override(guards)

    def on_key(self, event: events.Key) -> None:
        """What is typed while Cancel has the focus is typed into the field: it may be the name."""
        character = event.character
        if character is None or not event.is_printable or character in {" ", "?"}:
            return  # a blank chooses Cancel, and no name has the sign that asks for help
        if self._type(character):
            event.prevent_default()
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        """As typed; of several lines the first, as in any field."""
        lines = event.text.splitlines()
        if lines and self._type(lines[0]):
            event.stop()

    def _type(self, text: str) -> bool:
        """Into the field, from Cancel. False: there is no field, or it has the focus and does that itself."""
        for entry in self.query("#typed").results(Input):
            if not entry.has_focus:
                entry.focus()
                entry.insert_text_at_cursor(text)
                return True
        return False

    def on_choice_chosen(self, message: Choice.Chosen) -> None:
        """Cancel: nothing was touched."""
        message.stop()
        self.console.action_step_back()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Begin, if it is the node's name."""
        event.stop()
        if event.value.strip() == self.phrase:
            self.go_on()
            return
        what = f"that is not {self.phrase}" if event.value.strip() else "the field is empty"
        self._said = (sign(Level.WARNING), say(f" {what}: nothing was touched", Tone.WARNING))
        self.tick(self.console.now())
