"""The line in which a filter is typed: hidden until `/`, gone with Escape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from haconsole.tui.printable import printable

_HINT: Final = "filter: words that must be there, -word must not"


class FilterLine(Input):
    """Words that a row must have; what is typed takes effect at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Clear the filter", show=False, id="filter.clear"),
        Binding("enter,down", "keep", "Keep the filter", show=False, id="filter.keep"),
    ]

    @dataclass
    class Said(Message):
        """The filter is another one now; `done`: the operator is finished with typing."""

        text: str
        done: bool = False

    def __init__(self, *, id: str | None = None, placeholder: str = _HINT) -> None:  # noqa: A002
        super().__init__(id=id, placeholder=placeholder, select_on_focus=False, compact=True)
        self.cursor_blink = False

    @property
    def words(self) -> str:
        return printable(self.value).strip()

    def open(self) -> None:
        """Show the line and take the keys."""
        self.add_class("-open")
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Said(self.words))

    def action_leave(self) -> None:
        """No filter, no line."""
        self.value = ""
        self.close()

    def action_keep(self) -> None:
        """Go on with what was typed; an empty filter is none."""
        if not self.words:
            self.close()
        else:
            self.post_message(self.Said(self.words, done=True))

    def close(self) -> None:
        self.remove_class("-open")
        self.post_message(self.Said(self.words, done=True))
