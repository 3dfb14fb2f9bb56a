"""Asks for a password, a passphrase or a one-time code that a node wants; the answer is not kept."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from haconsole.tui.safe import label


class SecretScreen(ModalScreen[str | None]):
    """Over whatever is shown. Enter answers; Esc gives no answer, and the login goes on without."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "No answer", id="secret.escape")]

    def __init__(self, node: str, prompt: str, *, echo: bool) -> None:
        super().__init__()
        self._node, self._prompt, self._echo = node, prompt, echo

    def compose(self) -> ComposeResult:
        with Vertical(id="secret"):
            yield label(f"{self._node} asks: {self._prompt}")
            yield Input(password=not self._echo)
            yield label("Enter answers · Esc goes on without · used once, not kept")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer."""
        self.dismiss(event.value)

    def action_give_up(self) -> None:
        """No answer."""
        self.dismiss(None)
