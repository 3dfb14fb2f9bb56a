"""Findings: root causes first, what follows from one indented under it; and one finding in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.findings import Evidence, Finding, Severity, Verdict
from haconsole.tui.view import levels, times
from haconsole.tui.view.details import fact, heading, nothing
from haconsole.tui.view.text import Kind, Level, Line, Row, Target, Tone, crop, say, sign, spread
from haconsole.tui.view.times import Times

_PLURALS: Final = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "note"}


def count_text(findings: Sequence[Finding]) -> str:
    """`1 critical, 2 warnings, 1 unknown`; empty when there is nothing."""
    counted = Counter(levels.of_finding(f) for f in findings)
    parts = [(Level.CRITICAL, "critical", "critical"), (Level.UNKNOWN, "unknown", "unknown")]
    parts += [(Level.WARNING, "warning", "warnings"), (Level.INFO, "note", "notes")]
    return ", ".join(f"{counted[lv]} {one if counted[lv] == 1 else many}" for lv, one, many in parts if counted[lv])


def verdict_line(snapshot: Snapshot) -> Line:
    """The sign and the word of a cluster: `▲ 1 warning`, `● all well`."""
    level = levels.of_snapshot(snapshot)
    if snapshot.verdict is Verdict.OK:
        return (sign(level), say(" all well", level.tone))
    if level is Level.BUSY:
        return (sign(level), say(f" {levels.word_of(snapshot)} …", level.tone))
    counted = count_text([f for f in snapshot.findings if f.severity is not Severity.INFO])
    word = counted if counted and snapshot.verdict.word in counted else snapshot.verdict.word
    extra = f", {counted}" if counted and word != counted else ""
    return (sign(level), say(f" {word}{extra}", level.tone))


def finding_rows(snapshot: Snapshot, width: int) -> tuple[Row, ...]:
    """One row a finding; one row that says so when there is none."""
    if not snapshot.findings:
        return (_none(snapshot, width),)
    depths = _depths(snapshot.findings)
    return tuple(_row(f, depths[f.key], snapshot.picture, width) for f in snapshot.findings)


def _depths(findings: Sequence[Finding]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for finding in findings:
        parent = finding.follows_from
        depths[finding.key] = depths[parent] + 1 if parent in depths else 0
    return depths


def _row(finding: Finding, depth: int, picture: ClusterPicture, width: int) -> Row:
    level = levels.of_finding(finding)
    lead: Line = (say("  " * depth + "└ ", Tone.QUIET),) if depth else ()
    left: Line = (*lead, sign(level), say(f" {finding.summary}", Tone.PLAIN if depth else Tone.STRONG))
    since = since_of(finding, picture)
    right: Line = () if since is None else (say(times.ago(max(0.0, picture.at - since)), Tone.QUIET),)
    return Row(
        key=f"finding/{finding.key}",
        line=spread(left, right, width) if right else crop(left, width),
        level=level,
        copy=copy_of(finding),
        target=Target(Kind.FINDING, finding.key),
    )


def since_of(finding: Finding, picture: ClusterPicture) -> float | None:
    """When it became so, else the oldest change that its evidence tells of; None: not known.

    Evidence that was read carries the time of the reading, which is renewed again and again: no age comes from it.
    """
    if finding.since is not None:
        return finding.since
    told = {e.at for e in finding.evidence if e.at is not None}
    return min(told - _only_read(told, picture), default=None)


def _only_read(told: set[float], picture: ClusterPicture) -> set[float]:
    """Those of the times at which nothing changed: it was found to be so, and may have been for long."""
    read = told & _readings(picture)
    return read - _changes(picture) if read else read


def _readings(picture: ClusterPicture) -> set[float]:
    """The times at which something was found to be still so."""
    found = {v.client.at for v in picture.vips if v.client is not None}
    for node in picture.nodes:
        read = [node.kernel_at, node.units_at, node.squid_at, node.config_test_at, node.dump_at]
        read += [i.state_at for i in node.instances or ()]
        read += [known.at for known in node.failed.values()]
        if node.readable:  # else it is the time at which it fell silent
            read.append(node.heard_at)
        found.update(at for at in read if at is not None)
    return found


def _changes(picture: ClusterPicture) -> set[float]:
    """The times at which something became so. What a change told is for a moment also the latest that was heard."""
    found = {o.at for o in picture.log}
    found.update(at for v in picture.vips for at in (v.since, v.failed_since) if at is not None)
    found.update(at for n in picture.nodes for at in _own_changes(n) if at is not None)
    return found


def _own_changes(node: NodePicture) -> list[float | None]:
    return [node.keepalived_since, node.squid_since, *(i.since for i in node.instances or ())]


def _none(snapshot: Snapshot, width: int) -> Row:
    level = levels.of_verdict(snapshot.verdict)
    if snapshot.verdict is Verdict.OK:
        return Row(
            "finding/none", crop((sign(level), say(" nothing found: every VIP is held and serves")), width), level
        )
    busy = any(levels.of_node(n, snapshot) is Level.BUSY for n in snapshot.picture.nodes)
    level = Level.BUSY if busy else level
    text = " looking: not everything has been read yet" if busy else " not enough is known to say that all is well"
    return Row("finding/none", crop((sign(level), say(text, level.tone)), width), level)


def copy_of(finding: Finding) -> str:
    """A finding as text for a ticket or a chat."""
    lines = [f"[{finding.severity.word}] {finding.summary}  ({finding.id})"]
    lines += [f"  {e.source}: {e.text}" for e in finding.evidence]
    return "\n".join([*lines, *([f"  remedy: {finding.remedy}"] if finding.remedy else [])])


# --- one finding in full -------------------------------------------------------


def finding_details(key: str, snapshot: Snapshot, width: int, zone: Times) -> tuple[Row, ...]:
    """What, since when, the evidence with source and age, the remedy; and what it follows from."""
    finding = next((f for f in snapshot.findings if f.key == key), None)
    if finding is None:
        return nothing("this finding is no longer there: what it was about has changed", width)
    return tuple(_details(finding, snapshot, width, zone))


def _details(finding: Finding, snapshot: Snapshot, width: int, zone: Times) -> Iterator[Row]:
    level = levels.of_finding(finding)
    yield from fact("", finding.summary, width, tone=Tone.STRONG, level=level, copy=copy_of(finding))
    yield from fact("id", finding.id, width, tone=Tone.QUIET)
    for label, value in (("node", finding.node), ("instance", finding.instance), ("vip", finding.vip)):
        if value is not None:
            yield from fact(label, str(value), width)
    yield from heading("Evidence", width)
    if not finding.evidence:
        yield from fact("", "none was recorded", width, tone=Tone.UNKNOWN)
    for evidence in finding.evidence:
        yield from evidence_rows(evidence, snapshot.picture, width, zone)
    yield from heading("What to do", width)
    yield from fact("", finding.remedy or "no remedy is known", width)
    yield from relatives(finding, snapshot, width)


def evidence_rows(evidence: Evidence, picture: ClusterPicture, width: int, zone: Times) -> Iterator[Row]:
    """One observation with its source and its age."""
    age, at = "age not known", evidence.at
    if at is not None:
        read = "read at " if _only_read({at}, picture) else ""
        age = f"{read}{zone.stamp(at, picture.at)}, {times.ago(max(0.0, picture.at - at))}"
    copy = f"{evidence.source}: {evidence.text} ({age})"
    source: Line = (say("  "), say(evidence.source, Tone.KEY))
    yield Row(f"evidence/{evidence.source}/{evidence.text}", spread(source, (say(age, Tone.QUIET),), width), copy=copy)
    yield from fact("", evidence.text, width, indent=4, copy=evidence.text)


def relatives(finding: Finding, snapshot: Snapshot, width: int) -> Iterator[Row]:
    """The finding that it follows from, and those that follow from it."""
    cause = next((f for f in snapshot.findings if f.key == finding.follows_from), None)
    if cause is not None:
        yield from heading("Follows from", width)
        yield _row(cause, 0, snapshot.picture, width)
    effects = [f for f in snapshot.findings if f.follows_from == finding.key]
    if effects:
        yield from heading("What follows from it", width)
        for effect in effects:
            yield _row(effect, 0, snapshot.picture, width)
