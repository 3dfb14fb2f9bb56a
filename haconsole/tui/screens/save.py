"""Asks for the name of a file to write. What cannot be written is said here, and another name may be tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from haconsole.tui import safe

Write = Callable[[str], Awaitable[str | None]]
"""Writes to the file of this name; returns why it could not, or None."""


class SaveScreen(ModalScreen[None]):
    """Enter writes; Esc leaves without."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Do not write", id="save.leave")]

    def __init__(self, what: str, proposed: str, write: Write) -> None:
        super().__init__()
        self._what, self._proposed, self._write = what, proposed, write
        self._problem = safe.label("")

    def compose(self) -> ComposeResult:
        with Vertical(id="save"):
            yield safe.label(self._what)
            yield Input(value=self._proposed, select_on_focus=False)
            yield self._problem
            yield safe.label(
                "Enter writes a new file for you alone (0600) · Esc leaves · an existing file is never touched"
            )

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write, or say why not."""
        event.stop()
        if not event.value.strip():
            self._problem.update(safe.text("a name is needed"))
            return
        problem = await self._write(event.value.strip())
        if problem is None:
            self.dismiss(None)
        else:
            self._problem.update(safe.text(problem))

    def action_leave(self) -> None:
        """Nothing is written."""
        self.dismiss(None)
