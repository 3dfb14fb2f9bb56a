"""A thing to choose with Enter or a click: `[ Cancel ]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from haconsole.tui.view.text import Line, Tone, say, width_of
from haconsole.tui.widgets.toned import Toned


class Choice(Toned, can_focus=True):
    """One line high, as wide as its word."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "choose", "Choose", show=False, id="choice.choose")]

    @dataclass
    class Chosen(Message):
        """It was chosen."""

        choice: Choice

    def __init__(self, word: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._line: Line = (say(f"[ {word} ]", Tone.STRONG),)
        self.styles.width = width_of(self._line)

    def render_line(self, y: int) -> Strip:
        return self.draw(self._line if y == 0 else (), self.size.width, cursor=self.has_focus)

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self))

    def on_click(self, _event: events.Click) -> None:
        self.action_choose()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
