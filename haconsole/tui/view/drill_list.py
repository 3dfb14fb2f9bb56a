"""The drills of a cluster, a line for each on each node: may it be, what would move, how it went last time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.drill import Claim, DrillRecord
from haconsole.model.record import dataclass
from haconsole.operations.drills.expect import Expected, expected
from haconsole.operations.drills.parts import Drill
from haconsole.operations.drills.steady import claims
from haconsole.report import drill_words as report_words
from haconsole.runtime.operate import Words, WordsError, action_of
from haconsole.tui.view import times
from haconsole.tui.view.details import fact
from haconsole.tui.view.drill_words import figure, short, span, verdict_level, vip_rows
from haconsole.tui.view.table import Column, Table
from haconsole.tui.view.text import Level, Line, Row, Tone, say, short_names, sign, width_of

if TYPE_CHECKING:
    from haconsole.operations.guards_context import Guard

OLD_S: Final = 120.0
"""Answers of guards that are older are asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the guards of one drill said `at`. problem: why they could not be asked."""

    at: float
    count: int = 0
    refused: tuple[Guard, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One drill on one node. why_not: it cannot be, proven; None: the guards decide."""

    drill: Drill
    node: str
    expected: Expected | None = None
    why_not: str | None = None
    last: DrillRecord | None = None
    asked: Asked | None = None

    @property
    def key(self) -> str:
        return f"{self.node}/{self.drill.name}"

    @property
    def title(self) -> str:
        return f"{self.drill.name} on {self.node}"


def offered(
    picture: ClusterPicture,
    drills: Mapping[str, Drill],
    past: Sequence[DrillRecord],
    asked: Mapping[str, Asked],
    busy: str | None = None,
) -> tuple[Offered, ...]:
    """Every drill on every node, node by node. past: the newest first. busy: something is under way."""
    unsteady = _unsteady(claims(picture))
    last: dict[tuple[str, str], DrillRecord] = {}
    for record in past:
        last.setdefault((record.node, record.drill), record)
    found = []
    for node in picture.nodes:
        for drill in drills.values():
            told: Expected | None = None
            why = busy or unsteady
            if why is None:
                words = Words(kind=drill.kind, node=node.name, operator="", host="", interface=drill.interface)
                try:
                    told = expected(picture, action_of(words, picture, None))
                except WordsError as error:
                    why = str(error)
            found.append(
                Offered(
                    drill=drill, node=node.name, expected=told, why_not=why, last=last.get((node.name, drill.name)),
                    asked=asked.get(f"{node.name}/{drill.name}"),
                )
            )  # fmt: skip
    return tuple(found)


def _unsteady(found: Sequence[Claim]) -> str | None:
    """Why no drill may begin, whichever; what is not known yet is no reason."""
    wrong = [c for c in found if c.ok is False]
    if not wrong:
        return None
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"no steady state: not so: {wrong[0].text}: {wrong[0].evidence}{more}"


# --- rows -------------------------------------------------------------------------------------------------


def drill_table(
    found: Sequence[Offered], marked: Collection[str], width: int, now: float
) -> tuple[Line, tuple[Row, ...]]:
    """(heading, rows). marked: keys of those in the row of drills. Where room is short ages and targets go first, then
    the middles of names."""
    names = short_names(dict.fromkeys(o.node for o in found))
    order = [o.key for o in found if o.key in marked]
    table = Table(_COLUMNS, (), width, gap=1)
    for words in _WORDS:
        cells = [_cells(o, names, order, words, now) for o in found]
        table = Table(_COLUMNS, cells, width, gap=1)
        if all(width_of(cell) <= room for row in cells for cell, room in zip(row, table.widths, strict=True)):
            break
    return table.heading(), tuple(Row(o.key, table.line(i), copy=o.title) for i, o in enumerate(found))


_COLUMNS: Final = (
    Column("", 2, 2),
    Column("node", 5, 20, middle=True, give=1),
    Column("drill", 10, 40, middle=True),
    Column("guards", 9, 26, give=3),
    Column("clients lose", 12, 60, give=2),
    Column("last run", 17, 44, stretch=True, give=4),
)


@dataclass(frozen=True, slots=True)
class _Words:
    """In which columns everything is told."""

    guards: bool = False
    moves: bool = False
    last: bool = False


_WORDS: Final = (
    _Words(guards=True, moves=True, last=True), _Words(moves=True, last=True), _Words(last=True), _Words(),
)  # fmt: skip


def _cells(one: Offered, names: Mapping[str, str], order: list[str], words: _Words, now: float) -> tuple[Line, ...]:
    tone = Tone.STRONG if one.why_not is None else Tone.QUIET
    mark = f"{order.index(one.key) + 1:>2}" if one.key in order else ""
    return (
        (say(mark, Tone.KEY),), (say(names.get(one.node, one.node), tone),), (say(one.drill.name, tone),),
        _guards(one, words.guards, now), _moves(one, names, wide=words.moves), _last(one.last, words.last, now),
    )  # fmt: skip


def _guards(one: Offered, wide: bool, now: float) -> Line:
    if one.why_not is not None:
        return (sign(Level.CRITICAL), say(" not now" if not wide else " not now: see below", Tone.QUIET))
    asked = one.asked
    if asked is None:
        return (sign(Level.NONE), say(" not asked", Tone.QUIET))
    age = f", {times.ago(now - asked.at)}" if wide else ""
    if asked.problem is not None:
        return (sign(Level.UNKNOWN), say(f" not known{age}", Tone.UNKNOWN))
    if asked.refused:
        return (sign(Level.CRITICAL), say(f" refuse{age}", Tone.CRITICAL))
    return (sign(Level.OK), say(f" allow{age}"))


def _moves(one: Offered, names: Mapping[str, str], *, wide: bool) -> Line:
    told = one.expected
    if told is None:
        return (say("–", Tone.QUIET),)
    if told.unknown and not told.moves:
        return (sign(Level.UNKNOWN), say(" not known", Tone.UNKNOWN))
    if not told.moves:
        return (say("nothing moves", Tone.QUIET),)
    parts = [f"{short(m.vip)} {span(told.predicted.outage_s.get(m.vip), few=True)}" for m in told.moves]
    to = sorted({names.get(m.new, m.new) for m in told.moves})
    return (say(", ".join(parts) + (f" → {', '.join(to)}" if wide else "")),)


def _last(record: DrillRecord | None, wide: bool, now: float) -> Line:
    if record is None:
        return (say("never", Tone.QUIET),)
    word = "not over" if record.result is None else record.result.value
    told, lost = "", report_words.lost(record).values()
    if lost:
        known = max((s for s in lost if s is not None), default=0.0)
        short_figure = f"{known:.2f} s" if known else "?" if None in lost else "nothing"
        told = f" lost {short_figure}" if wide or short_figure == "?" else f" {short_figure}"
    level = verdict_level(record)
    age = f", {times.ago(now - record.started)}" if wide else ""
    return (sign(level), say(f" {word}", level.tone), say(f"{told}{age}"))


# --- the one under the cursor -------------------------------------------------------------------------------


def details(one: Offered, width: int, now: float) -> tuple[Row, ...]:
    """In full."""
    return tuple(_details(one, width, now))


def _details(one: Offered, width: int, now: float) -> Iterator[Row]:
    yield from fact("does", one.drill.about, width)
    if one.why_not is not None:
        yield from fact("not now", one.why_not, width, level=Level.CRITICAL)
    if one.expected is not None:
        yield from vip_rows(one.expected, width)
    yield from _asked(one, width, now)
    yield from _last_run(one.last, width, now)
    if one.drill.outage_at_most_s is not None:
        yield from fact("promise", f"clients lose {one.drill.outage_at_most_s:g} s at most", width)


def _asked(one: Offered, width: int, now: float) -> Iterator[Row]:
    asked = one.asked
    if one.why_not is not None:
        return
    if asked is None:
        yield from fact("guards", "not asked; they are when the cursor rests here", width, tone=Tone.QUIET)
        return
    age = times.ago(now - asked.at)
    if asked.problem is not None:
        yield from fact("guards", f"could not be asked ({age}): {asked.problem}", width, level=Level.UNKNOWN)
    elif not asked.refused:
        yield from fact("guards", f"all {asked.count} allow it ({age})", width, level=Level.OK)
    for guard in asked.refused:
        text = f"{guard.id}: {guard.text}: {guard.evidence} ({age})"
        yield from fact("refused by", text, width, level=Level.CRITICAL)


def _last_run(record: DrillRecord | None, width: int, now: float) -> Iterator[Row]:
    if record is None:
        yield from fact("last run", "never, as far as this machine's records go", width, tone=Tone.QUIET)
        return
    word = "not over" if record.result is None else record.result.value
    text = f"{word}, {times.ago(now - record.started)}, by {record.operator}: {record.text}"
    yield from fact("last run", text, width, level=verdict_level(record))
    for vip, seconds in record.measured.outage_s.items():
        told = record.predicted.outage_s.get(vip)
        words = f"{vip} lost {figure(seconds)}" + ("" if told is None else f", predicted {span(told)}")
        back = record.measured.failback_outage_s.get(vip)
        words += "" if back is None else f"; on the way back {figure(back)}"
        yield from fact(" ", words, width)
