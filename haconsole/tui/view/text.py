"""Toned text: what the console can say of a piece of text, and how pieces become lines.

A `Span` holds clean text (see `say`) and what it means, not how it looks: colours are the
theme's. Widths are terminal cells. Everything here is a value or a function of values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, IntEnum
from typing import Final, NamedTuple, overload

from rich.cells import cell_len, set_cell_size

from haconsole.model.record import dataclass
from haconsole.tui.printable import printable

ELLIPSIS: Final = "…"


class Tone(Enum):
    """What a piece of text means; the theme decides how that looks."""

    PLAIN = "plain"
    QUIET = "quiet"
    STRONG = "strong"
    KEY = "key"
    OK = "ok"
    INFO = "info"
    BUSY = "busy"
    WARNING = "warning"
    UNKNOWN = "unknown"
    CRITICAL = "critical"


class Level(IntEnum):
    """How bad, ordered: the worst of several is their maximum. Unknown is worse than a warning."""

    NONE = 0
    """Nothing to judge."""
    OK = 1
    INFO = 2
    BUSY = 3
    WARNING = 4
    UNKNOWN = 5
    CRITICAL = 6

    @property
    def sign(self) -> str:
        return _SIGNS[self]

    @property
    def tone(self) -> Tone:
        return _TONES[self]


_SIGNS: Final = {
    Level.NONE: "–",
    Level.OK: "●",
    Level.INFO: "i",
    Level.BUSY: "…",
    Level.WARNING: "▲",
    Level.UNKNOWN: "?",
    Level.CRITICAL: "✖",
}
_TONES: Final = {
    Level.NONE: Tone.QUIET,
    Level.OK: Tone.OK,
    Level.INFO: Tone.INFO,
    Level.BUSY: Tone.BUSY,
    Level.WARNING: Tone.WARNING,
    Level.UNKNOWN: Tone.UNKNOWN,
    Level.CRITICAL: Tone.CRITICAL,
}


class Span(NamedTuple):
    """A piece of a line. Make it with `say`: text from anywhere must be cleaned first."""

    text: str
    tone: Tone = Tone.PLAIN
    action: str | None = None
    """Name of an app action that a click runs; only ever a constant of this program."""


Line = tuple[Span, ...]


class Kind(Enum):
    """What Enter opens."""

    CLUSTER = "cluster"
    VIP = "vip"
    NODE = "node"
    FINDING = "finding"
    EVENT = "event"


class Target(NamedTuple):
    """The subject of a row: `name` is a cluster's or node's name, an address, a finding's key, a serial."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a pane. `key` stays the same while the row is about the same thing."""

    key: str
    line: Line
    level: Level = Level.NONE
    copy: str = ""
    """What `y` copies; empty: the text of the line."""
    target: Target | None = None

    @property
    def copied(self) -> str:
        return self.copy or plain(self.line).strip()


class KeyedRows(Sequence[Row]):
    """Rows that are made when they are looked at, and can tell where a key is without making them."""

    @abstractmethod
    def index_of(self, key: str) -> int | None:
        """The index of the row with this key; None: there is none."""

    @abstractmethod
    def made(self, index: int) -> Row:
        """The row at `index`, which is 0 at least and less than the length."""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        places = range(len(self))[index]
        return self.made(places) if isinstance(places, int) else [self.made(i) for i in places]


def say(text: object, tone: Tone = Tone.PLAIN, action: str | None = None) -> Span:
    """Text, made harmless, with what it means."""
    return Span(printable(str(text)), tone, action)


def sign(level: Level) -> Span:
    """The sign of a level in its tone."""
    return Span(level.sign, level.tone)


def blank(width: int) -> Span:
    """Blanks; none where `width` is negative."""
    return Span(" " * max(0, width))


def plain(line: Line) -> str:
    """The text alone."""
    return "".join(s.text for s in line)


def width_of(line: Line) -> int:
    """Cells that the line takes."""
    width = 0
    for span in line:  # asked very often, and most text is plain: one cell a character
        width += len(span.text) if span.text.isascii() else cell_len(span.text)
    return width


def middle(text: str, width: int) -> str:
    """`text` in at most `width` cells, its middle left out: names differ at their ends."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[:width]
    tail = width // 2
    return _cut(text, width - 1 - tail) + ELLIPSIS + _end(text, tail)


def _end(text: str, width: int) -> str:
    """The last characters, as many as fit in `width` cells."""
    start = len(text)
    while start and (size := cell_len(text[start - 1])) <= width:
        start -= 1
        width -= size
    return text[start:]


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, width).rstrip() if cell_len(text) > width else text


def crop(line: Line, width: int) -> Line:
    """The line in at most `width` cells; `…` says that something is missing."""
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    room = width - 1
    for span in line:
        size = cell_len(span.text)
        if size > room:
            kept.append(span._replace(text=set_cell_size(span.text, max(0, room))))
            break
        kept.append(span)
        room -= size
    return (*kept, Span(ELLIPSIS, Tone.QUIET)) if width > 0 else ()


def pad(line: Line, width: int, *, right: bool = False) -> Line:
    """The line in exactly `width` cells."""
    size = width_of(line)
    if size > width:
        line = crop(line, width)
        size = width_of(line)
    missing = blank(width - size)
    if not missing.text:
        return line
    return (missing, *line) if right else (*line, missing)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` at the left edge, `right` at the right one; `left` gives way."""
    room = width - width_of(right)
    if room < 2:
        return crop((*left, blank(1), *right), width)
    return (*pad(left, room - 1), blank(1), *right)


def join(parts: Iterable[Line], gap: int = 2) -> Line:
    """Lines in one, with `gap` blanks between them."""
    out: list[Span] = []
    for part in parts:
        if not part:
            continue
        if out:
            out.append(blank(gap))
        out.extend(part)
    return tuple(out)


def flow(items: Sequence[Line], width: int, *, gap: int = 3, indent: int = 0) -> list[Line]:
    """Items in as few lines as they fit in; lines after the first begin `indent` cells in."""
    lines: list[Line] = []
    current: Line = ()
    for item in items:
        if current and width_of(current) + gap + width_of(item) > width:
            lines.append(current)
            current = (blank(indent), *item) if indent else item
        else:
            current = join((current, item), gap) if current else item
    if current:
        lines.append(current)
    return [crop(line, width) for line in lines]


def wrap(text: str, width: int) -> Iterator[str]:
    """The words of `text` in lines of at most `width` cells; at least one line."""
    line = ""
    for word in printable(text).split():
        candidate = f"{line} {word}" if line else word
        if cell_len(candidate) <= width:
            line = candidate
            continue
        if cell_len(word) <= width:
            yield line
            line = word
            continue
        rest = candidate  # longer than any line: it is cut where the line ends
        while cell_len(rest) > width:
            head = set_cell_size(rest, max(2, width)).rstrip()
            yield head
            rest = rest[len(head) :]
        line = rest
    yield line


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Names without what all of them begin with, cut at a separator: proxy-serv01 -> serv01."""
    all_names = list(names)
    if len(all_names) < 2:
        return {n: n for n in all_names}
    first, last = min(all_names), max(all_names)
    common = 0
    while common < min(len(first), len(last)) and first[common] == last[common]:
        common += 1
    cut = max(first.rfind(c, 0, common) for c in "-_. ") + 1
    if any(len(n) <= cut for n in all_names):
        cut = 0
    return {n: n[cut:] for n in all_names}
