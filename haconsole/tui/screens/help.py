"""Help that fits: the keys that do something on the screen it was asked on, and the signs."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from haconsole.tui.view.help import help_rows
from haconsole.tui.view.text import Tone, say
from haconsole.tui.widgets.lines import LinePane

_TOGETHER: Final = (
    ("move", ("pane.up", "pane.down")),
    ("a page up, down", ("pane.pageup", "pane.pagedown")),
    ("first, last row", ("pane.home", "pane.end")),
    ("next pane", ("screen.next",)),
    ("pane before", ("screen.before",)),
    ("copy the row, pane", ("app.copy", "app.copy_all")),
)
"""Bindings that share a line."""
_NAMES: Final = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "enter": "↵",
}


WIDTH: Final = 112
"""At most, as in console.tcss."""


class HelpScreen(ModalScreen[None]):
    """Over the screen that it explains."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,q", "app.step_back", "Close", id="help.close")
    ]

    def __init__(self, about: Screen[object], *, read_only: bool = False) -> None:
        super().__init__()
        self._keys, self._read_only = _keys_of(about), read_only

    def compose(self) -> ComposeResult:
        pane = LinePane(id="help")
        pane.marks_row = False
        yield pane

    def on_mount(self) -> None:
        pane = self.query_one(LinePane)
        pane.title((say("Help", Tone.STRONG),), (say("esc closes", Tone.QUIET),))
        lines = help_rows(self._keys, min(WIDTH, self.app.size.width) - 4, read_only=self._read_only)
        pane.styles.height = min(len(lines) + 2, self.app.size.height)
        pane.show(lines)
        pane.focus()


def _keys_of(about: Screen[object]) -> list[tuple[str, str]]:
    """(keys, what they do) of everything that is active on a screen, in the order of nearness."""
    found: dict[str, tuple[list[str], str]] = {}
    # Textual puts keys that hold everywhere first.
    for key, active in sorted(about.active_bindings.items(), key=lambda one: one[1].binding.priority):
        binding = active.binding
        if binding.id is not None and active.enabled:
            keys, _ = found.setdefault(binding.id, ([], binding.description))
            keys.append(_NAMES.get(key, key))
    lines: list[tuple[str, str]] = []
    for what, ids in _TOGETHER:
        keys = [key for one in ids for key in sorted(found.pop(one, ([], ""))[0], key=len)]
        if keys:
            lines.append((" ".join(keys), what))
    return [*lines, *((min(keys, key=len), what) for keys, what in found.values())]
