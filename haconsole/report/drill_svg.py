"""Drawing pieces of a drill's time line: a scale of time, and SVG elements that are well-formed by construction. Pure.

Colours come from the page's style sheet by class; presentation attributes hold only geometry, so that a strict
content security policy lets all of it through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from haconsole.model.record import dataclass
from haconsole.parse.text import clean

WIDTH: Final = 1180
LEFT: Final = 178
RIGHT: Final = 18
CHARACTER: Final = 6.3
"""What a character of a label takes, on the safe side: no font is asked."""
BOLD: Final = 1.25
"""So much wider is bold text."""
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PATTERNS: Final = ("plain", "slant", "dots", "grid")
"""How the first, second ... node's bars are filled, besides their colour."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds since the epoch -> x."""

    start: float
    end: float

    def x(self, at: float) -> float:
        """Where `at` is, at the edge where it lies outside."""
        inside = min(max(at, self.start), self.end)
        return round(LEFT + (inside - self.start) / (self.end - self.start) * (WIDTH - LEFT - RIGHT), 2)

    def shows(self, since: float, until: float | None = None) -> bool:
        """Is something of it inside?"""
        return (since if until is None else until) >= self.start and since <= self.end

    @property
    def span(self) -> float:
        """Seconds."""
        return self.end - self.start

    def step(self) -> float:
        """Between two ticks: 1, 2 or 5 times a power of ten, six to fourteen of them."""
        power = 10.0**-3
        while True:
            for factor in (1, 2, 5):
                if self.span / (power * factor) <= 14:
                    return power * factor
            power *= 10


def legible(text: str) -> str:
    """Text that XML can hold."""
    return _NOT_XML.sub("\ufffd", clean(text))


def add(parent: Element, tag: str, css: str | None = None, /, **attributes: float | str) -> Element:
    """An element; `_` in names of attributes stands for `-`."""
    found = SubElement(parent, tag, {} if css is None else {"class": css})
    for name, value in attributes.items():
        found.set(name.replace("_", "-"), legible(value) if isinstance(value, str) else f"{round(value, 2):g}")
    return found


def titled(element: Element, text: str) -> Element:
    """With words that show where the pointer rests."""
    SubElement(element, "title").text = legible(text)
    return element


def rect(parent: Element, css: str, reach: tuple[float, float], y: float, height: float) -> Element:
    """From x to x, at least a pixel wide so that nothing that happened vanishes."""
    return add(parent, "rect", css, x=reach[0], y=y, width=max(1.0, reach[1] - reach[0]), height=height)


def text(parent: Element, css: str, x: float, y: float, words: str, *, anchor: str = "start") -> Element:
    """A line of text; `y` is its base line."""
    found = add(parent, "text", css, x=x, y=y, text_anchor=anchor)
    found.text = legible(words)
    return found


def fits(words: str, width: float, *, bold: bool = False) -> bool:
    """Does it fit in there, with some room on either side?"""
    return len(words) * CHARACTER * (BOLD if bold else 1) + 14 <= width


def beside(parent: Element, css: str, reach: tuple[float, float], y: float, words: str) -> Element:
    """Text right of what reaches from x to x; left of it where there is no room on the right, over it where there is
    none on either side."""
    left, right = reach
    if not fits(words, WIDTH - RIGHT - right) and not fits(words, left - LEFT):
        return text(parent, css, LEFT + 6, y, words)  # over it: outside of the picture nobody can read it
    if _on_the_right(words, reach):
        return text(parent, css, right + 6, y, words)
    return text(parent, css, left - 6, y, words, anchor="end")


def _on_the_right(words: str, reach: tuple[float, float]) -> bool:
    room = WIDTH - RIGHT - reach[1]
    return fits(words, room) or reach[0] - LEFT < room


def define(svg: Element, name: str) -> None:
    """The fill patterns of one picture; `name` keeps them apart from those of others on the page."""
    defs = add(svg, "defs")
    for kind in (*PATTERNS[1:], "range"):
        size = 5 if kind == "range" else 7
        pattern = add(defs, "pattern", None, id=f"{name}-{kind}", width=size, height=size)
        pattern.set("patternUnits", "userSpaceOnUse")
        if kind in {"slant", "range"}:
            pattern.set("patternTransform", "rotate(45)")
            add(pattern, "rect", f"ink-{kind}", width=2, height=size)
        elif kind == "dots":
            add(pattern, "circle", "ink-slant", cx=3, cy=3, r=1.4)
        else:
            add(pattern, "path", "ink-line", d="M0 3.5H7M3.5 0V7")


def shorten(words: str, longest: int) -> str:
    """At most so many characters."""
    return words if len(words) <= longest else words[: longest - 1] + "…"


GLYPHS: Final = {
    "keepalived": "M0 -4.2A4.2 4.2 0 1 0 0.01 -4.2Z",
    "kernel": "M-3.8 -3.8H3.8V3.8H-3.8Z",
    "wire": "M0 -4.8L4.8 3.6H-4.8Z",
    "client": "M-4 -4L4 4M-4 4L4 -4",
    "squid": "M0 -5L5 0L0 5L-5 0Z",
    "console": "M-1.4 -5H1.4V5H-1.4Z",
}
"""A shape for each source, around 0,0."""


def glyph(parent: Element, source: str, x: float, y: float) -> Element:
    """The source's shape."""
    return add(parent, "path", f"glyph s-{source}", d=GLYPHS[source], transform=f"translate({x:g} {y:g})")


def stacked(labels: Iterable[tuple[float, str]]) -> list[tuple[float, str, int]]:
    """Labels beside the marks at x, each in the first row where it covers no other: (x, text, row)."""
    rows: list[list[tuple[float, float]]] = []
    placed = []
    for x, words in sorted(labels):
        width = len(words) * CHARACTER + 14
        since, until = (x, x + width) if _on_the_right(words, (x, x)) else (x - width, x)
        free = (n for n, taken in enumerate(rows) if all(until < a or since > b for a, b in taken))
        row = next(free, len(rows))
        rows[row : row + 1] = [[*(rows[row] if row < len(rows) else []), (since, until)]]
        placed.append((x, words, row))
    return placed
