"""The merged event log as rows, made only when they are looked at: 2,000 lines cost what 20 cost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from haconsole.model.record import dataclass
from haconsole.model.state import Occurrence
from haconsole.tui.view import times
from haconsole.tui.view.details import fact, nothing
from haconsole.tui.view.text import KeyedRows, Kind, Line, Row, Span, Target, Tone, blank, middle, pad, say
from haconsole.tui.view.times import Times

_WORDS: Final = re.compile(r"\b(MASTER|BACKUP|FAULT|INIT|does not serve|serves|failed|down|no carrier)\b")
_WORD_TONES: Final = {
    "MASTER": Tone.STRONG,
    "BACKUP": Tone.STRONG,
    "INIT": Tone.STRONG,
    "serves": Tone.OK,
}
"""The other words mean trouble."""
WIDE_FROM: Final = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """Every word must be in the line, in any letter case; `-word` must not."""

    text: str = ""

    def choose(self, log: Sequence[Occurrence]) -> Sequence[Occurrence]:
        """Word after word, so that each looks only at what is left: a key waits for this, and a log has 2000 lines."""
        words = self.text.casefold().split()
        if not words:
            return log
        left = [(f"{o.origin} {o.source} {o.text}".casefold(), o) for o in log]
        for word in words:
            if word.startswith("-") and len(word) > 1:
                left = [(line, o) for line, o in left if word[1:] not in line]
            else:
                left = [(line, o) for line, o in left if word in line]
        return [o for _, o in left]


class EventRows(KeyedRows):
    """Rows of a log, oldest first; each is built when it is asked for. marked: keys of lines that get a sign."""

    def __init__(  # noqa: PLR0917 - what is shown, of whom, and where
        self,
        log: Sequence[Occurrence],
        now: float,
        names: Mapping[str, str],
        width: int,
        zone: Times,
        marked: Collection[str] | None = None,
    ) -> None:
        self.log = log
        self._now, self._names, self._zone, self._marked = now, names, zone, marked
        self._wide = width >= WIDE_FROM
        limit = 16 if self._wide else 8
        self._origin = min(limit, max([6, *(len(n) for n in names.values())]))

    def __len__(self) -> int:
        return len(self.log)

    def made(self, index: int) -> Row:
        return self._row(self.log[index])

    def index_of(self, key: str) -> int | None:
        return next((i for i, said in enumerate(self.log) if key_of(said) == key), None)

    def _row(self, said: Occurrence) -> Row:
        origin = middle(self._names.get(said.origin, said.origin), self._origin)
        line: list[Span] = [say(self._zone.stamp(said.at, self._now), Tone.QUIET), blank(1)]
        if self._marked:
            line = [say("▸", Tone.WARNING) if key_of(said) in self._marked else blank(1), *line]
        if self._wide:
            line += [*pad((say(times.error(said.error_s), Tone.QUIET),), 8)]
        line += [*pad((say(origin),), self._origin), blank(2 if self._wide else 1)]
        line += [*pad((say(said.source, Tone.QUIET),), 11 if self._wide else 10), blank(1)]
        line += highlighted(said)
        return Row(key_of(said), tuple(line), copy=copy_of(said, self._zone), target=target_of(said))


def key_of(said: Occurrence) -> str:
    """Tells one line of the log from all others."""
    return f"event/{said.serial}/{said.at}"


def target_of(said: Occurrence) -> Target:
    """What Enter opens on it."""
    return Target(Kind.EVENT, key_of(said))


def copy_of(said: Occurrence, zone: Times) -> str:
    """The line for a ticket: whole time, with its zone."""
    return f"{zone.full(said.at)} {times.error(said.error_s)} {said.origin} {said.source}: {said.text}"


def highlighted(said: Occurrence) -> Line:
    """The line's text. Words that tell of states stand out; what happened before we looked stays quiet."""
    base = Tone.QUIET if said.backlog else Tone.PLAIN
    text = say(said.text).text
    spans: list[Span] = []
    end = 0
    for found in _WORDS.finditer(text):
        if found.start() > end:
            spans.append(Span(text[end : found.start()], base))
        spans.append(Span(found[0], _WORD_TONES.get(found[0], Tone.CRITICAL)))
        end = found.end()
    return (*spans, Span(text[end:], base))


def event_details(key: str, log: Sequence[Occurrence], now: float, width: int, zone: Times) -> tuple[Row, ...]:
    """One line of the log in full."""
    said = next((o for o in log if key_of(o) == key), None)
    if said is None:
        return nothing("this line is no longer kept", width)
    return tuple(_details(said, now, width, zone))


def _details(said: Occurrence, now: float, width: int, zone: Times) -> Iterator[Row]:
    yield from fact("time", zone.full(said.at), width)
    error = "not known: the node's clock was not measured, or the line has no time"
    if said.error_s is not None:
        error = f"{times.error(said.error_s)}, on the console's clock"
    yield from fact("error", error, width)
    yield from fact("age", times.ago(max(0.0, now - said.at)), width)
    yield from fact("from", said.origin, width)
    yield from fact("source", said.source, width)
    if said.backlog:
        yield from fact("", "was there before this console began to listen", width, tone=Tone.QUIET)
    yield Row("gap/text", ())
    yield from fact("", said.text, width, copy=said.text)
