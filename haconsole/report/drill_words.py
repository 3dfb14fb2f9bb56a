"""A drill's record in words and rows, as every form of the report tells it. Pure.

Nothing here is escaped: Markdown and HTML do that for themselves. Signs stand beside every judgement
(`●` as it should be, `▲` not, `?` not known), so that colour is never the only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from ipaddress import ip_address
from typing import Final

from haconsole.model.drill import (
    Claim,
    Doubt,
    DrillRecord,
    DrillStep,
    Moment,
    Range,
    Verdict,
)
from haconsole.model.record import dataclass

GOOD: Final = "●"
BAD: Final = "▲"
UNKNOWN: Final = "?"
LONGEST: Final = 600
"""Characters of a command line that are shown."""
STAYS: Final = "stays where it is"
"""The prediction for a VIP that is not to move."""

_VERDICTS: Final = {
    Verdict.PASSED: "Every expectation came true and every figure lies in its range.",
    Verdict.DEVIATED: "It was put back, but not everything was as expected.",
    Verdict.ABORTED: "It was stopped half-way and everything was put back.",
    Verdict.REFUSED: "A guard said no; nothing was touched.",
    Verdict.FAILED: "It could not be carried out, or what is now could not be verified.",
}
FIGURES: Final = (
    ("takeover_s", "takeover"),
    ("outage_s", "client outage"),
    ("failback_outage_s", "client outage on failback"),
)
"""(field of Predicted and Measured, its name for people)."""


def sign(ok: bool | None) -> str:
    """The sign of a judgement."""
    return UNKNOWN if ok is None else GOOD if ok else BAD


def zone(record: DrillRecord) -> tzinfo:
    """The console's zone while it ran."""
    return UTC if not record.utc_offset_s else timezone(timedelta(seconds=record.utc_offset_s))


def zone_name(record: DrillRecord) -> str:
    """`UTC`, `UTC+01:00`."""
    return zone(record).tzname(None) or "UTC"


def log_zone(record: DrillRecord) -> str:
    """In which zone keepalived's lines tell their times, for a sentence."""
    return "in its own zone" if record.utc_offset_s is None else zone_name(record)


def injected(record: DrillRecord) -> float | None:
    """When the injection took effect; where the record does not know, when its step began."""
    return record.injected if record.injected is not None else step_began(record, "change")


def put_back(record: DrillRecord) -> float | None:
    """When it was taken back; where the record does not know, when its step began."""
    return record.put_back if record.put_back is not None else step_began(record, "put-back")


def taken_back(record: DrillRecord, vip: str) -> float | None:
    """When the node that had it before the drill had it again, by the kernels; None: it had not, or is not known."""
    lanes = sorted((h for h in record.lanes if h.vip == vip), key=lambda h: h.since)
    back = put_back(record)
    if not lanes or not lanes[0].holders or back is None:
        return None
    moved = any(h.since < back and h.holders not in {None, (), lanes[0].holders} for h in lanes)
    again = (h.since for h in lanes if h.since >= back and h.holders == lanes[0].holders)
    return next(again, None) if moved else None


def step_began(record: DrillRecord, name: str) -> float | None:
    """When the step of that name began; None: there was none."""
    return next((step.started for step in record.steps if step.name == name), None)


def clock(record: DrillRecord, at: float) -> str:
    """`13:09:32.866`."""
    return datetime.fromtimestamp(at, zone(record)).strftime("%H:%M:%S.%f")[:-3]


def date(record: DrillRecord, at: float) -> str:
    """`2026-11-28 13:09:32`."""
    return datetime.fromtimestamp(at, zone(record)).strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | None) -> str:
    """`0.628 s`; `not measured`."""
    return "not measured" if value is None else "0 s" if value == 0 else f"{value:.3f} s"


def span(value: Range | None) -> str:
    """`0.61–0.73 s`."""
    if value is None:
        return "no prediction"
    if value.high is None:
        return f"{value.low:.2f} s or more"
    if value.low == value.high:
        return "0 s" if value.low == 0 else f"{value.low:.2f} s"
    return f"{value.low:.2f}–{value.high:.2f} s"


def verdict_word(record: DrillRecord) -> str:
    """`passed`; `not over`."""
    return "not over" if record.result is None else record.result.value


def verdict_sentence(record: DrillRecord) -> str:
    """What happened, in one or two sentences."""
    if record.result is None:
        told = "Not over: it is under way, or the console that ran it died; `haconsole drill resume` tells."
    else:
        told = f"{record.result.value.capitalize()}: {record.text or _VERDICTS[record.result]}"
    return told + (" It was finished by another console than it was begun by." if record.resumed else "")


def lost(record: DrillRecord) -> dict[str, float | None]:
    """VIP -> what its clients lost, of those that are worth a word: 0 or None only where the VIP was to move, or where
    none was. Empty: nothing was tried."""
    every, moving = record.measured.outage_s, record.predicted.outage_s
    return {vip: s for vip, s in every.items() if s or vip in moving or not moving}


def vips(record: DrillRecord) -> tuple[str, ...]:
    """Every VIP that the record names, in the order of addresses."""
    named = {lane.vip for lane in record.lanes} | {o.vip for o in record.outages} | {r.vip for r in record.requests}
    for side in (record.predicted, record.measured):
        for name, _ in FIGURES:
            named |= set(getattr(side, name))
    return tuple(sorted(named, key=by_address))


def by_address(vip: str) -> tuple[int, int, str]:
    """Sorts VIPs as addresses; what is none comes first."""
    try:
        address = ip_address(vip)
    except ValueError:
        return (0, 0, vip)
    return (address.version, int(address), vip)


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of one VIP: what was predicted, what was measured, what follows."""

    vip: str
    figure: str
    predicted: str
    measured: str
    ok: bool | None = None
    words: str = ""
    error: str = ""
    """What it may be wrong by: ` ±6 ms`."""


def compared(record: DrillRecord) -> tuple[Compared, ...]:
    """Predicted against measured, a row per VIP and figure."""
    return tuple(_compare(record, vip, field, name) for vip in vips(record) for field, name in FIGURES)


def _compare(record: DrillRecord, vip: str, field: str, name: str) -> Compared:
    ranges: Mapping[str, Range] = getattr(record.predicted, field)
    figures: Mapping[str, float | None] = getattr(record.measured, field)
    range_, figure = ranges.get(vip), figures.get(vip)
    moving = {*record.predicted.takeover_s, *record.predicted.outage_s, *record.predicted.failback_outage_s}
    stays = bool(moving) and vip not in moving
    told = STAYS if stays else span(range_)
    if stays and field == "takeover_s" and figure is None:
        return Compared(vip, name, told, "–")
    doubt = record.measured.doubt(field, vip)
    ok, judged = _judged(range_, figure, doubt, stays=stays)
    error = f" ±{doubt.below * 1000:.0f} ms" if figure and doubt.below else ""
    return Compared(vip, name, told, seconds(figure), ok, judged, error)


def _judged(range_: Range | None, figure: float | None, doubt: Doubt, *, stays: bool) -> tuple[bool | None, str]:
    """As the verdict judges (`operations.drills.judge`): by `Range.agrees`."""
    if figure is None:
        return None, ""
    if range_ is None:
        ok = figure == 0 if stays else None
        return ok, "nothing lost" if figure == 0 else "not expected: it was to stay" if stays else ""
    if range_.agrees(figure, doubt):
        words = "nothing lost" if figure == 0 else "in its range"
        return True, words if range_.holds(figure) else f"{words}, by what it may be wrong by"
    if figure < range_.low:
        return False, f"{range_.low - figure:.3f} s shorter"
    return False, f"{figure - (range_.high or 0):.3f} s longer"


def claims(record: DrillRecord) -> tuple[tuple[str, tuple[Claim, ...]], ...]:
    """(`before`, its claims) ..., those that have some."""
    found = record.hypothesis
    parts = (("before", found.before), ("during", found.during), ("after", found.after))
    return tuple((name, said) for name, said in parts if said)


def verdict_parts(record: DrillRecord) -> tuple[str, tuple[str, ...]]:
    """The verdict's first sentence, and those after it; what was not as expected is left to `deviations`."""
    first, *more = verdict_sentence(record).split(". ")
    listed = bool(deviations(record))
    return first, tuple(m for m in more if m and not (listed and m.startswith("Not as expected: ")))


def deviations(record: DrillRecord) -> tuple[str, ...]:
    """What was not as expected, with its evidence, a sentence each; empty: nothing was."""
    return tuple(f"{name}: {c.text}: {c.evidence}" for name, said in claims(record) for c in said if c.ok is False)


_CLOCK: Final = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3})\d* (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One moment of the logs side by side: its time, and what each node wrote then (empty: nothing)."""

    time: str
    cells: tuple[tuple[str, ...], ...]


def side_by_side(record: DrillRecord) -> tuple[LogRow, ...]:
    """keepalived's lines of all nodes, aligned in time: a row per millisecond, a column per node.

    Lines without a time stay under the line before them.
    """
    nodes = tuple(record.nodes)
    rows: dict[int, list[list[str]]] = {}
    for column, node in enumerate(nodes):
        for key, text in _timed(record.nodes[node].keepalived_log or ()):
            rows.setdefault(key, [[] for _ in nodes])[column].append(text)
    return tuple(LogRow(_time_of_day(key), tuple(tuple(cell) for cell in rows[key])) for key in sorted(rows))


def _timed(lines: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    last, day = -1, 0
    for line in lines:
        found = _CLOCK.fullmatch(line)
        if found is None:
            yield last, line
            continue
        hours, minutes, whole, part = (int(found[n]) for n in range(1, 5))
        key = ((hours * 60 + minutes) * 60 + whole) * 1000 + part + day
        if key < last - 43_200_000:  # past midnight
            key, day = key + 86_400_000, day + 86_400_000
        last = max(last, key)
        yield key, found[5]


def _time_of_day(key: int) -> str:
    if key < 0:
        return ""
    whole, part = divmod(key % 86_400_000, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{part:03}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What `ip a show` told of every node at one time (`before`, `during`, `after`).

    A cell per node: (line, is it not there at another time) ...; None: it could not be read.
    """

    when: str
    cells: tuple[tuple[tuple[str, bool], ...] | None, ...]


def addresses(record: DrillRecord) -> tuple[Shown, ...]:
    """`ip a show` of the nodes before, during and after; empty: none could be read."""
    times = ("before", "during", "after")
    every = [
        (said.addresses_before, said.addresses_during, said.addresses_after) for said in record.nodes.values()
    ]  # fmt: skip
    if all(lines is None for node in every for lines in node):
        return ()

    def cell(node: tuple[tuple[str, ...] | None, ...], number: int) -> tuple[tuple[str, bool], ...] | None:
        known, lines = [set(one) for one in node if one is not None], node[number]
        return None if lines is None else tuple((line, not all(line in one for one in known)) for line in lines)

    return tuple(Shown(name, tuple(cell(node, n) for node in every)) for n, name in enumerate(times))


def commands(record: DrillRecord, step: DrillStep) -> tuple[str, ...]:
    """The command lines of a step, one by one: each begins with its node; a script has several lines."""
    found: list[str] = []
    for line in (step.command or "").splitlines():
        if not found or line.partition("$ ")[0] in record.nodes:
            found.append(line)
        else:
            found[-1] += f"\n{line}"
    return tuple(found)


def in_short(command: str) -> str:
    """One line: of a script that is too long to be read its name and how long it is."""
    node, _, rest = command.partition("$ ")
    body, _, name = rest.rpartition("  # ")
    if len(body or rest) <= LONGEST and "\n" not in command:
        return command
    return f"{node}$ # {name or 'script'}: {len(body or rest)} characters, whole in report.json".replace("\n", " ")


def error(moment: Moment) -> str:
    """`±1.1 ms`; `±?` where it is not known."""
    if moment.error_ms is None:
        return "±?"
    return "" if moment.error_ms == 0 else f"±{moment.error_ms:.1f} ms"
