"""Triage: root causes with what follows from them as a tree, and one finding with its proof and what to do about it.

At night one reads from above: what is wrong, what to do, then the proof, and what else was said at that moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Finding, Severity
from haconsole.tui.view import levels, times
from haconsole.tui.view.details import fact, heading, nothing
from haconsole.tui.view.events import copy_of as copy_of_line
from haconsole.tui.view.events import highlighted, key_of, target_of
from haconsole.tui.view.findings import copy_of, count_text, evidence_rows, finding_rows, relatives, since_of
from haconsole.tui.view.logs import around, lines_of
from haconsole.tui.view.text import Kind, Line, Row, Target, Tone, blank, crop, pad, say, short_names, sign, spread
from haconsole.tui.view.times import Times

AROUND: Final = 8
"""Lines of the log beside the evidence."""


def chosen(findings: Sequence[Finding], words: str) -> tuple[Finding, ...]:
    """Those that pass the filter, with the causes above them: a consequence never stands without its root."""
    if not words.strip():
        return tuple(findings)
    by = {f.key: f for f in findings}
    kept: set[str] = set()
    for finding in findings:
        if _passes(finding, words):
            above: Finding | None = finding
            while above is not None and above.key not in kept:
                kept.add(above.key)
                above = by.get(above.follows_from or "")
    return tuple(f for f in findings if f.key in kept)


def _passes(finding: Finding, words: str) -> bool:
    text = f"{finding.severity.word} {finding.id} {finding.node or ''} {finding.instance or ''} {finding.vip or ''} "
    text = f"{text}{finding.summary} {finding.remedy or ''}".casefold()
    return all(
        (w[1:] not in text) if w.startswith("-") and len(w) > 1 else (w in text) for w in words.casefold().split()
    )


def tree_rows(snapshot: Snapshot, findings: Sequence[Finding], width: int) -> tuple[Row, ...]:
    """One row a finding, what follows from it under it."""
    if not findings:
        if snapshot.findings:
            return (Row("finding/none", crop((say("no finding passes the filter", Tone.QUIET),), width)),)
        return finding_rows(snapshot, width)
    keys = {f.key for f in findings}
    under: dict[str, list[Finding]] = {}
    for finding in findings:
        parent = finding.follows_from
        under.setdefault(parent if parent in keys and parent != finding.key else "", []).append(finding)
    rows: list[Row] = []
    for root in under.get("", ()):
        rows += _branch(root, under, snapshot, width, "", "")
    shown = {r.key for r in rows}  # what goes round in a circle has no root: it is shown all the same
    rows += [_row(f, snapshot, width, "") for f in findings if f"finding/{f.key}" not in shown]
    return tuple(rows)


def _branch(  # noqa: PLR0917 - a node of a tree, and how its children hang on it
    finding: Finding, under: dict[str, list[Finding]], snapshot: Snapshot, width: int, lead: str, below: str
) -> Iterator[Row]:
    yield _row(finding, snapshot, width, lead)
    children = under.get(finding.key, ())
    for number, child in enumerate(children):
        last = number == len(children) - 1
        yield from _branch(
            child, under, snapshot, width, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}"
        )


def _row(finding: Finding, snapshot: Snapshot, width: int, lead: str) -> Row:
    level = levels.of_finding(finding)
    tone = Tone.PLAIN if lead else Tone.STRONG
    left: Line = (say(lead, Tone.QUIET), sign(level), say(f" {finding.summary}", tone))
    since = since_of(finding, snapshot.picture)
    age = "" if since is None else times.ago(max(0.0, snapshot.picture.at - since))
    return Row(
        key=f"finding/{finding.key}",
        line=spread(left, (say(age, Tone.QUIET),), width) if age else crop(left, width),
        level=level,
        copy=copy_of(finding),
        target=Target(Kind.FINDING, finding.key),
    )


def title(snapshot: Snapshot, findings: Sequence[Finding], words: str) -> Line:
    """`Findings 1 critical, 2 warnings · 1 root cause`"""
    if words.strip():
        told = f"{len(findings)} of {len(snapshot.findings)} pass `{words}`"
    else:
        roots = sum(f.follows_from is None for f in findings if f.severity is not Severity.INFO)
        told = count_text(findings)
        if roots and roots < len(findings):
            told += f" · {roots} root cause{'s' if roots > 1 else ''}"
    return (say("Findings ", Tone.STRONG), say(told, Tone.QUIET))


def details(key: str, snapshot: Snapshot, width: int, zone: Times, closer: Sequence[str] = ()) -> tuple[Row, ...]:
    """One finding: what, what to do, the proof, the log around its beginning, its relatives.

    closer: what one could look at more closely.
    """
    finding = next((f for f in snapshot.findings if f.key == key), None)
    if finding is None:
        return nothing("this finding is no longer there: what it was about has changed", width)
    return tuple(_details(finding, snapshot, width, zone, closer))


def _details(finding: Finding, snapshot: Snapshot, width: int, zone: Times, closer: Sequence[str]) -> Iterator[Row]:
    level = levels.of_finding(finding)
    yield from fact("", finding.summary, width, tone=Tone.STRONG, level=level, copy=copy_of(finding), indent=0)
    since = since_of(finding, snapshot.picture)
    if since is not None:
        told = f"{zone.stamp(since, snapshot.picture.at)}, {times.ago(max(0.0, snapshot.picture.at - since))}"
        earlier = "" if finding.since is not None else "; it may have been so before"
        yield from fact("since", f"{told}{earlier}", width)
    yield from fact("do", finding.remedy or "no remedy is known: the evidence below is all there is", width)
    if closer:
        yield from fact("look closer", f"{'; '.join(closer)}  (c)", width, tone=Tone.QUIET)
    yield from heading("Evidence", width)
    if not finding.evidence:
        yield from fact("", "none was recorded", width, tone=Tone.UNKNOWN)
    for evidence in finding.evidence:
        yield from evidence_rows(evidence, snapshot.picture, width, zone)
    yield from _around(finding, snapshot, width, zone)
    yield from relatives(finding, snapshot, width)
    yield Row("gap/id", ())
    subject = ", ".join(
        str(x) for x in (finding.id, finding.node, finding.instance, finding.vip) if x is not None and str(x)
    )
    yield from fact("id", subject, width, tone=Tone.QUIET, copy=finding.id)


def _around(finding: Finding, snapshot: Snapshot, width: int, zone: Times) -> Iterator[Row]:
    picture = snapshot.picture
    said = around(finding, snapshot, AROUND)
    if not said:
        return
    own = set(lines_of(finding, snapshot))
    yield from heading("In the log around it  (l: there)", width)
    short = short_names([n.name for n in picture.nodes])
    size = max([6, *(len(n) for n in short.values())])
    for one in said:
        mark = say("▸ ", Tone.WARNING) if key_of(one) in own else blank(2)
        line: Line = (mark, say(zone.stamp(one.at, picture.at), Tone.QUIET), blank(1))
        line = (*line, *pad((say(short.get(one.origin, one.origin)),), min(size, 12)), blank(1))
        line = (*line, *pad((say(one.source, Tone.QUIET),), 10), blank(1), *highlighted(one))
        yield Row(f"around/{key_of(one)}", crop(line, width), copy=copy_of_line(one, zone), target=target_of(one))
