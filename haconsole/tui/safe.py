"""The one door between text and Textual: nothing that came from data is ever read as markup.

Everything that is drawn goes through `strip`, `content`, `text` or `notify`; a test keeps Textual's
own text widgets and `.notify(` out of the other modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.content import Content
from textual.strip import Strip
from textual.widgets import Static

from haconsole.tui.printable import printable
from haconsole.tui.view.text import Line, Tone, plain, width_of

CLASSES = {tone: f"tone--{tone.value}" for tone in Tone}
"""Component class of each tone; `styles.tcss` gives it a colour of the theme."""

_VARIABLES = {
    Tone.QUIET: "$text-quiet",
    Tone.KEY: "$text-key",
    Tone.OK: "$state-ok",
    Tone.INFO: "$state-info",
    Tone.BUSY: "$state-busy",
    Tone.WARNING: "$state-warning",
    Tone.UNKNOWN: "$state-unknown",
    Tone.CRITICAL: "$state-critical",
}


def strip(line: Line, style_of: Callable[[Tone], Style]) -> Strip:
    """A line as a strip, uncropped, without a background of its own beyond what `style_of` gives."""
    segments = []
    for span in line:
        style = style_of(span.tone)
        if span.action is not None:
            style += Style(meta={"@click": span.action})
        segments.append(Segment(printable(span.text), style))
    return Strip(segments, width_of(line))


def content(line: Line) -> Content:
    """A line for titles of borders and the like; colours come from the theme's variables."""
    parts = [(printable(s.text), _VARIABLES.get(s.tone, "bold" if s.tone is Tone.STRONG else "")) for s in line]
    return Content.assemble(*parts)


def text(value: str) -> Content:
    """A string as it is."""
    return Content(printable(value))


def label(value: str) -> Static:
    """A widget that shows a string as it is."""
    return Static(Content(printable(value)), markup=False)


def notify(
    app: App[Any], message: str, *, severity: Literal["information", "warning", "error"] = "information"
) -> None:
    """A passing note in the corner; trouble stays a little longer."""
    seconds = 3 if severity == "information" else 15
    app.notify(printable(message), severity=severity, timeout=seconds, markup=False)


def copied_text(line: Line) -> str:
    """A line as text, for the clipboard."""
    return plain(line).strip()
