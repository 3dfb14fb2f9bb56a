"""What all screens share: a header, a key line, and being told a few times a second to look again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from haconsole.tui.view.keys import Hint, key_line
from haconsole.tui.view.layout import FLAT_BELOW
from haconsole.tui.view.text import Row
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

if TYPE_CHECKING:
    from haconsole.tui.app import ConsoleApp


class ConsoleScreen(Screen[None]):
    """Subclasses compose their panes between `head()` and `keys()` and fill them in `look`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.step_back", "Back", show=False, id="screen.back"),
        Binding("tab,right", "app.focus_next", "Next pane", show=False, id="screen.next"),
        Binding("shift+tab,left", "app.focus_previous", "Pane before", show=False, id="screen.before"),
    ]
    HINTS: ClassVar[tuple[Hint, ...]] = ()
    """Keys of this screen for the last line, besides those of the app."""
    ASKS: ClassVar[bool] = False
    """It asks for an answer: no key of another screen throws that away."""

    _keys_said: tuple[tuple[Hint, ...], tuple[Hint, ...], int] | None = None
    """What the last line was made of."""

    @property
    def console(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def hints(self) -> tuple[Hint, ...]:
        """Keys for the last line as things stand."""
        return self.HINTS

    def places(self) -> list[Hint]:
        """Screens for the last line."""
        return self.console.places_here()

    def head(self) -> Bar:
        return Bar(id="head")

    def keys(self) -> Bar:
        return Bar(id="keys")

    def look(self, now: float) -> None:
        """Bring what is shown up to date. Called on every tick: cheap when nothing changed."""
        raise NotImplementedError

    def tick(self, now: float) -> None:
        """Bring the screen up to date, while it is there: not before its widgets are, nor when they go."""
        there = {child.id for child in self.children}
        if self.is_mounted and self.size.width and {"head", "keys"} <= there:
            self.set_class(self.size.height < FLAT_BELOW, "-flat")
            self.look(now)
            self._show_keys((tuple(self.places()), self.hints(), self.size.width))

    def _show_keys(self, said: tuple[tuple[Hint, ...], tuple[Hint, ...], int]) -> None:
        if said != self._keys_said:
            self._keys_said = said
            self.query_one("#keys", Bar).show(key_line(*said))

    def on_resize(self, _event: events.Resize) -> None:
        self.tick(self.console.now())

    def on_screen_resume(self) -> None:
        self.tick(self.console.now())

    def focused_row(self) -> Row | None:
        """What `y` copies and Enter opens."""
        focused: Widget | None = self.focused
        return focused.row if isinstance(focused, LinePane) else None


class OverScreen(ConsoleScreen):
    """Stands over another screen of the cluster: a step back closes it. Its own keys need the last line."""

    def places(self) -> list[Hint]:
        return []
