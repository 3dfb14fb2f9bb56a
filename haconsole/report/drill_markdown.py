"""A drill as Markdown: fit for a change ticket, the verdict first. Pure.

Tables are GitHub's, the rest is CommonMark. What nodes wrote is data: nothing of it may become a link, a picture,
HTML, or a new line of the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Final

from haconsole.model.drill import DrillRecord
from haconsole.parse.text import clean
from haconsole.report import drill_words as words
from haconsole.report.drill_measured import how_measured, in_short, not_measured

MOVED: Final = "▸"
_MARKS: Final = {ord(c): f"\\{c}" for c in "\\`*[]|~"} | {ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;"}
_EMPHASIS: Final = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""An underscore that can mark emphasis; those inside of a word, as in `proxy_ip1`, cannot."""
_AT_START: Final = re.compile(r"^([#+=-])")
_NUMBERED: Final = re.compile(r"^(\d+)([.)])(?=\s|$)")


def escaped(text: str) -> str:
    """Text of anybody as Markdown that shows just this text, on one line.

    Bare addresses are no links either: `://` and `www.` are written with character references.
    """
    safe = _EMPHASIS.sub(r"\\_", clean(text).translate(_MARKS))
    safe = safe.replace("://", "&#58;//").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
    return _NUMBERED.sub(r"\1\\\2", _AT_START.sub(r"\\\1", safe))


def markdown(record: DrillRecord, *, wire: bool) -> str:
    """The report. `wire`: adverts.pcap lies beside it."""
    return "\n".join(_lines(record, wire=wire)).rstrip("\n") + "\n"


def _lines(record: DrillRecord, *, wire: bool) -> Iterator[str]:
    yield f"# {escaped(f'Drill {record.drill} on {record.node}')}: {words.verdict_word(record)}"
    yield ""
    first, more = words.verdict_parts(record)
    yield f"**{escaped(first)}**"
    yield ""
    for sentence in in_short(record):
        yield escaped(sentence)
        yield ""
    for sentence in more:
        yield escaped(sentence)
        yield ""
    if record.look_at:
        yield "Look at:"
        yield ""
        yield from _bullets(record.look_at)
    if deviations := words.deviations(record):
        yield from _section("Not as expected", deviations)
    yield from _head(record)
    yield from _figures(record)
    yield from _claims(record)
    yield from _logs(record)
    yield from _addresses(record)
    yield from _timeline(record)
    yield from _steps(record)
    yield from _guards(record)
    yield from _section("How it was measured", how_measured(record, wire=wire) or ("Nothing was measured.",))
    yield from _section("What was not measured", not_measured(record, wire=wire) or ("Nothing is missing.",))


def _head(record: DrillRecord) -> Iterator[str]:
    ended = "not known" if record.ended is None else words.date(record, record.ended)
    lasted = "" if record.ended is None else f" ({record.ended - record.started:.1f} s)"
    yield from _table(
        ("", ""),
        (
            *((("what", record.about),) if record.about else ()),
            ("cluster", record.cluster), ("operator", record.operator), ("ticket", record.ticket or "–"),
            ("began", f"{words.date(record, record.started)} {words.zone_name(record)}"),
            ("ended", ended + lasted), ("run", record.id),
        ),
    )  # fmt: skip


def _figures(record: DrillRecord) -> Iterator[str]:
    yield "## Predicted against measured"
    yield ""
    rows = [(words.sign(c.ok) if c.measured != "–" else "", c.vip, c.figure, c.predicted, c.measured + c.error, c.words)
            for c in words.compared(record)]  # fmt: skip
    if rows:
        yield from _table(("", "VIP", "figure", "predicted", "measured", ""), rows)
    else:
        yield "Nothing was predicted and nothing was measured."
        yield ""
    if record.predicted.because:
        yield "The prediction was made before the drill, because:"
        yield ""
        yield from _bullets(record.predicted.because)


def _claims(record: DrillRecord) -> Iterator[str]:
    rows = [(words.sign(c.ok), name, c.text, c.evidence) for name, said in words.claims(record) for c in said]
    if rows:
        yield "## Expectations"
        yield ""
        yield from _table(("", "when", "expected", "evidence"), rows)


def _logs(record: DrillRecord) -> Iterator[str]:
    rows = words.side_by_side(record)
    if not rows:
        return
    yield "## keepalived's log lines, side by side"
    yield ""
    yield f"Times by the console's clock, {words.log_zone(record)}."
    yield ""
    yield from _table(
        ("time", *record.nodes),
        ((row.time, *("<br>".join(map(escaped, cell)) for cell in row.cells)) for row in rows),
        ready=True,
    )


def _addresses(record: DrillRecord) -> Iterator[str]:
    """The nodes beside each other."""
    shown = words.addresses(record)
    if not shown:
        return
    yield "## Addresses (`ip a show`)"
    yield ""
    yield f"Links and addresses as they were read; {MOVED} stands before a line that was not there all the time."
    for one in shown:
        cells = [
            (node, "", *(_shown(line) for line in cell)) if cell is not None else (node, "", "  could not be read")
            for node, cell in zip(record.nodes, one.cells, strict=True)
        ]
        rows = list(zip_longest(*cells, fillvalue=""))
        widths = [max(len(row[column]) for row in rows) for column in range(len(cells))]
        yield ""
        yield f"### {one.when}"
        yield ""
        lines = ("   ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
        yield from _fenced("text", lines)


def _shown(line: tuple[str, bool]) -> str:
    return f"{MOVED if line[1] else ' '} {line[0]}"


def _timeline(record: DrillRecord) -> Iterator[str]:
    if record.timeline:
        yield "## Time line"
        yield ""
        rows = (
            (words.clock(record, m.time), words.error(m), m.node or "", m.source.value, m.text) for m in record.timeline
        )
        yield from _table((words.zone_name(record), "error", "node", "source", "what"), rows)


def _steps(record: DrillRecord) -> Iterator[str]:
    if not record.steps:
        return
    yield "## Steps"
    yield ""
    rows = []
    for step in record.steps:
        took = "not over" if step.ended is None else f"{step.ended - step.started:.1f} s"
        rows.append((words.sign(step.ok), words.clock(record, step.started), step.name, took, step.text))
    yield from _table(("", "began", "step", "took", "what"), rows)
    commands = [(step.name, words.commands(record, step)) for step in record.steps if step.command]
    if commands:
        yield "Commands, as they were run:"
        yield ""
        yield from _fenced("sh", [x for name, said in commands for x in (f"# {name}", *map(words.in_short, said))])


def _fenced(kind: str, lines: Iterable[str]) -> Iterator[str]:
    """A block of code that nothing in it can end."""
    text = "\n".join(map(clean, lines))
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    yield from (f"{fence}{kind}", text, fence, "")


def _guards(record: DrillRecord) -> Iterator[str]:
    if record.guards:
        yield "## Guards"
        yield ""
        rows = [(words.sign(g.ok), g.id, g.text, g.evidence) for g in record.guards]
        yield from _table(("", "guard", "what it asks", "evidence"), rows)


def _section(title: str, sentences: Iterable[str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from _bullets(sentences)


def _bullets(sentences: Iterable[str]) -> Iterator[str]:
    yield from (f"- {escaped(sentence)}" for sentence in sentences)
    yield ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, ready: bool = False) -> Iterator[str]:
    """`ready`: the cells are Markdown already."""
    titles = [escaped(title) for title in head]
    yield _row(titles)
    yield "|" + " --- |" * len(titles)
    for row in rows:
        yield _row(row if ready else map(escaped, row))
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
