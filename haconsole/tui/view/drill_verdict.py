"""How drills ended: verdict, figures beside their predictions, claims with evidence, where the report is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from haconsole.model.drill import Claim, DrillRecord
from haconsole.report import drill_words as report_words
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.drill_words import claim_level, verdict_level
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, pad, plain, say, sign, wrap
from haconsole.tui.view.times import Times

if TYPE_CHECKING:
    from haconsole.tui.drilling import Item, Outcome


def verdict_rows(items: Sequence[Item], width: int, zone: Times) -> tuple[Row, ...]:
    """Of a whole row of drills; of several, the summary first."""
    return tuple(_rows(items, width, zone))


def _rows(items: Sequence[Item], width: int, zone: Times) -> Iterator[Row]:
    if len(items) > 1:
        for number, item in enumerate(items, 1):
            yield Row(f"sum/{number}", crop(_summary(number, item), width), _level(item), item.title)
    for number, item in enumerate(items, 1):
        if item.outcome is None:
            continue
        if len(items) > 1:
            yield Row(f"rule/{number}", (say("─" * width, Tone.QUIET),))
        for row in outcome_rows(item.title, item.outcome, width, zone):
            yield Row(f"{number}/{row.key}", row.line, row.level, row.copy)


def _level(item: Item) -> Level:
    if item.outcome is None:
        return Level.NONE
    return verdict_level(item.outcome.record)


def worst(items: Sequence[Item]) -> Level:
    """Of all that were begun."""
    return max((_level(i) for i in items), default=Level.UNKNOWN)


def _summary(number: int, item: Item) -> Line:
    head: Line = (say(f" {number} "), sign(_level(item)), say(f" {item.title}: ", Tone.STRONG))
    if item.outcome is None:
        return (*head, say(f"not begun: {item.not_begun or 'it is to come'}", Tone.QUIET))
    record = item.outcome.record
    if record is None:
        return (*head, say("; ".join(item.outcome.trouble), Tone.UNKNOWN))
    return (*head, say(report_words.verdict_word(record), _level(item).tone), say(f"  {_figures(record)}"))


def _figures(record: DrillRecord) -> str:
    told = [f"{vip} lost {report_words.seconds(s)}" for vip, s in record.measured.outage_s.items() if s is None or s]
    return ", ".join(told) or ("nothing lost" if record.measured.outage_s else "")


def outcome_rows(title: str, outcome: Outcome, width: int, zone: Times) -> Iterator[Row]:
    """One drill."""
    record = outcome.record
    if record is None:
        yield Row("verdict", (sign(Level.UNKNOWN), say(f" {title}: there is no verdict", Tone.UNKNOWN)), Level.UNKNOWN)
        for text in outcome.trouble:
            yield from fact("", text, width, level=Level.WARNING)
        return
    yield from record_rows(record, width, zone, tuple(_report(record, outcome, width)))


def _report(record: DrillRecord, outcome: Outcome, width: int) -> Iterator[Row]:
    """Where its files are."""
    if outcome.files:
        folder = outcome.files[0].rpartition("/")[0]
        names = ", ".join(name.rpartition("/")[2] for name in outcome.files)
        yield from fact("report", f"{folder}/", width, level=Level.OK, copy=folder)
        yield from fact(" ", names, width, copy=folder)
    elif not outcome.trouble:
        yield from fact("report", f"none was written: haconsole drill report {record.id} --report DIR", width)
    for text in outcome.trouble:
        yield from fact("trouble", text, width, level=Level.WARNING)


def record_rows(record: DrillRecord, width: int, zone: Times, report: Sequence[Row] = ()) -> Iterator[Row]:
    """A record's verdict with its evidence; what is not as expected comes first. report: where its files are."""
    level = verdict_level(record)
    head = f" {report_words.verdict_word(record).upper()}: drill {record.drill} on {record.node}"
    yield Row("verdict", crop((sign(level), say(head, level.tone)), width), level, head.strip())
    for i, text in enumerate(wrap(record.text, max(8, width - 2))):
        yield Row(f"text/{i}", (blank(2), say(text)), copy=record.text)
    for place in record.look_at:
        yield from fact("look at", place, width, level=Level.WARNING)
    yield from report
    every = report_words.claims(record)
    wrong = [(when, c) for when, found in every for c in found if c.ok is False]
    unknown = [(when, c) for when, found in every for c in found if c.ok is None]
    for name, found in (("Not as expected", wrong), ("Could not be told", unknown)):
        if found:
            yield from heading(name, width)
        for when, claim in found:
            yield from _claim(when, claim, width)
    yield from _compared(record, width)
    good = [(when, c) for when, found in every for c in found if c.ok]
    if good:
        yield from heading(f"As expected: {len(good)}", width)
    for when, claim in good:
        yield from _claim(when, claim, width)
    if record.steps:
        yield from heading("Steps", width)
    for step in record.steps:
        text = f"{zone.clock(step.ended or step.started)} {step.text}"
        yield from fact(step.name, text, width, level=Level.OK if step.ok else Level.CRITICAL)
    yield from fact(
        "run", f"{record.id}, by {record.operator}" + (f", {record.ticket}" if record.ticket else ""), width
    )


def _claim(when: str, claim: Claim, width: int) -> Iterator[Row]:
    level = claim_level(claim.ok, over=True)
    yield from fact(when, claim.text, width, level=level, copy=f"{claim.text}: {claim.evidence}")
    for i, text in enumerate(wrap(claim.evidence, max(8, width - 18))):
        yield Row(f"evidence/{when}/{claim.text}/{i}", (blank(18), say(text, Tone.QUIET)), copy=claim.evidence)


def _compared(record: DrillRecord, width: int) -> Iterator[Row]:
    """Predicted against measured."""
    rows = [c for c in report_words.compared(record) if c.measured != "–" and record.measured.requests is not None]
    if not rows:
        return
    yield from heading("Predicted and measured", width)
    wide = width >= 100
    sizes = (17, 26, 20) if wide else (15, 21, 13)
    for one in rows:
        figure = one.figure if wide else one.figure.replace("client outage on failback", "lost on the way back")
        figure = figure if wide else figure.replace("client outage", "lost")
        predicted = one.predicted if wide else one.predicted.replace(report_words.STAYS, "stays")
        level = claim_level(one.ok, over=True) if one.measured != "not measured" or one.predicted else Level.NONE
        cells = [pad((say(t),), s) for t, s in zip((one.vip, figure, predicted), sizes, strict=True)]
        line: Line = (blank(2), *(span for cell in cells for span in (*cell, blank(1))))
        words = "" if not wide and level is Level.OK else f"  {one.words}"  # the sign says so, and there is no room
        line = (*line, sign(level), say(f" {one.measured}", Tone.STRONG), say(words, Tone.QUIET))
        yield Row(f"figure/{one.vip}/{one.figure}", crop(line, width), level)


def verdict_text(items: Sequence[Item], zone: Times) -> str:
    """For a ticket: plain lines."""
    return "\n".join(plain(r.line).rstrip() for r in verdict_rows(items, 400, zone) if "─" not in plain(r.line))
