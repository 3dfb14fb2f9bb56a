"""Widgets that draw lines themselves: one style a tone, looked up once for each theme."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from haconsole.tui import safe
from haconsole.tui.view.text import Line, Tone

CURSOR = "line--cursor"


class Toned(Widget):
    """Mixin: from toned text to strips. The colours stand in `console.tcss`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*safe.CLASSES.values(), CURSOR}
    ALLOW_SELECT = False
    """Text is copied by key; a terminal's own selection works with shift."""

    _styles_by_tone: dict[Tone, Style] | None = None

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_by_tone = None

    def _tone_styles(self) -> dict[Tone, Style]:
        if self._styles_by_tone is None:
            base = self.rich_style
            found = {t: base + self.get_component_rich_style(name, partial=True) for t, name in safe.CLASSES.items()}
            self._styles_by_tone = found
        return self._styles_by_tone

    def draw(self, line: Line, width: int, *, cursor: bool = False) -> Strip:
        """The line, exactly `width` cells wide."""
        strip = safe.strip(line, self._tone_styles().__getitem__).crop_extend(0, width, self.rich_style)
        return _over(strip, self.get_component_rich_style(CURSOR, partial=True)) if cursor else strip


def _over(strip: Strip, mark: Style) -> Strip:
    """The strip with another background."""
    return Strip([s._replace(style=(s.style or Style()) + mark) for s in strip], strip.cell_length)


class Bar(Toned):
    """One line across the screen: the header, the keys."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._line: Line = ()

    @property
    def line(self) -> Line:
        return self._line

    def show(self, line: Line) -> None:
        """Repaint only when something differs."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return self.draw(self._line if y == 0 else (), width)
