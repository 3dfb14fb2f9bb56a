"""The configuration on the screen: settings that must be equal or differ, and the audit with file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from haconsole.cluster.audit.values import Audit, AuditEvidence, AuditFinding, Setting
from haconsole.model.findings import Severity
from haconsole.operations.closer import Offer
from haconsole.report.configuration import Judged
from haconsole.tui.view import times
from haconsole.tui.view.closer import command_rows
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.table import Column, Table
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, middle, pad, say, short_names, sign, spread
from haconsole.tui.view.times import Times

ASK: Final = "ask/nodes"
"""Key of the row that stands for what the nodes were not asked."""
_SEVERITIES: Final = {Severity.INFO: Level.INFO, Severity.WARNING: Level.WARNING, Severity.CRITICAL: Level.CRITICAL}
_RULES: Final = {"equal": "must be equal", "differ": "must differ", "free": "may differ"}
_SHORT: Final = {"equal": "equal", "differ": "differ", "free": "free"}


def level_of(finding: AuditFinding) -> Level:
    """What could not be checked has its own sign."""
    return Level.UNKNOWN if finding.unknown else _SEVERITIES[finding.severity]


# --- settings -----------------------------------------------------------------------------------------------


def settings(audit: Audit) -> tuple[Setting, ...]:
    """Those of which anything is told; what is not as it must be first, then what cannot be told."""
    told = [s for s in audit.settings if any(s.values)]
    return tuple(sorted(told, key=lambda s: {False: 0, None: 1, True: 2}[s.ok]))


def setting_rows(judged: Judged, nodes: Sequence[str], width: int) -> tuple[Line, tuple[Row, ...]]:
    """(heading, rows). nodes: all of the cluster; whose file was not read has a column all the same."""
    audit = judged.audit
    rows = settings(audit)
    at = {f.node: i for i, f in enumerate(audit.files)}
    if len(audit.files) < 2:
        read = ", ".join(f.name for f in audit.files) or "no node"
        text = f"nothing to compare: of {read} alone the file was read"
        return (), (Row("settings/none", crop((sign(Level.UNKNOWN), say(f" {text}", Tone.UNKNOWN)), width)),)
    wide = width >= 110
    columns = [
        Column("", 1, 1),
        Column("instance", 6, 16, middle=True, give=1),
        Column("setting", 10, 20),
        Column("rule", 6, 13),
        *(Column(middle(n, 20), 8, 60, stretch=i == len(nodes) - 1) for i, n in enumerate(nodes)),
    ]
    cells = [_cells(s, at, nodes, _setting_level(s, audit), wide=wide) for s in rows]
    table = Table(columns, cells, width)
    made = []
    for number, setting in enumerate(rows):
        values = ", ".join(f"{n}: {_value(setting, at, n) or 'not told'}" for n in nodes)
        copy = f"{setting.instance} {setting.name} ({_RULES[setting.rule]}): {values}".strip()
        key = f"setting/{setting.instance}/{setting.name}"
        made.append(Row(key, table.line(number), _setting_level(setting, audit), copy))
    return table.heading(), tuple(made)


def _value(setting: Setting, at: Mapping[str | None, int], node: str) -> str | None:
    return setting.values[at[node]] if node in at else None


def _cells(
    setting: Setting, at: Mapping[str | None, int], nodes: Sequence[str], level: Level, *, wide: bool
) -> list[Line]:
    tone = Tone.PLAIN if setting.ok else Tone.STRONG
    if setting.rule == "free":
        tone = Tone.QUIET if len(set(setting.values)) < 2 else Tone.PLAIN
    values: list[Line] = []
    for node in nodes:
        value = _value(setting, at, node)
        values.append((say("? not told", Tone.UNKNOWN),) if value is None else (say(value or "–", tone),))
    rule = (_RULES if wide else _SHORT)[setting.rule]
    return [
        (sign(level),),
        (say(setting.instance or "whole file", Tone.QUIET),),
        (say(setting.name),),
        (say(rule, Tone.QUIET),),
        *values,
    ]


def _setting_level(setting: Setting, audit: Audit) -> Level:
    """As bad as the audit finds it; what it does not judge is not called well."""
    if setting.rule == "free":
        return Level.NONE
    if setting.ok is not False:
        return Level.OK if setting.ok else Level.UNKNOWN
    found = [
        level_of(f)
        for f in audit.findings
        if f.instance in {setting.instance, None} and any(_names(e, setting.name) for e in f.evidence)
    ]
    return max(found, default=Level.CRITICAL)


def _names(evidence: AuditEvidence, name: str) -> bool:
    return name in evidence.text.replace(":", " ").split()[:3]


def settings_title(judged: Judged) -> Line:
    """`Nodes side by side: 1 of 31 settings is not as it must be`"""
    rows = settings(judged.audit)
    wrong, open_ = sum(s.ok is False for s in rows), sum(s.ok is None for s in rows)
    told = f"{len(rows)} settings, all as they must be" if not wrong and not open_ else f"{len(rows)} settings"
    told += f", {wrong} not as they must be" if wrong else ""
    told += f", {open_} not to be told" if open_ else ""
    return (say("Nodes side by side ", Tone.STRONG), say(told if rows else "", Tone.QUIET))


# --- the audit ----------------------------------------------------------------------------------------------


def chosen(audit: Audit, words: str) -> tuple[AuditFinding, ...]:
    """Those that pass the filter."""
    wanted = words.casefold().split()
    return tuple(f for f in audit.findings if all(_passes(f, w) for w in wanted))


def _passes(finding: AuditFinding, word: str) -> bool:
    text = f"{finding.severity.word} {finding.id} {finding.node or ''} {finding.instance or ''} {finding.place or ''} "
    text = f"{text}{finding.summary}".casefold()
    return word[1:] not in text if word.startswith("-") and len(word) > 1 else word in text


def finding_rows(judged: Judged, words: str, offer: Offer | None, now: float, width: int) -> tuple[Row, ...]:
    """One row a finding, its place in front; the last row stands for what the nodes were not asked."""
    found = chosen(judged.audit, words)
    places = [place_of(f, judged) for f in found]
    size = min(max((len(p) for p in places), default=0), width // 3)
    rows = []
    for finding, place in zip(found, places, strict=True):
        level = level_of(finding)
        line: Line = (sign(level), blank(1), *pad((say(middle(place, size), Tone.KEY),), size), blank(2))
        rows.append(Row(key_of(finding), crop((*line, say(finding.summary)), width), level, copy_of(finding)))
    if not rows:
        text = "no finding passes the filter" if words.strip() else "the audit of what was read has found nothing"
        level = Level.NONE if words.strip() or not judged.audit.files else Level.OK
        level = Level.UNKNOWN if not judged.audit.files else level
        rows.append(Row("audit/none", crop((sign(level), say(f" {text}")), width), level))
    if offer is not None:
        rows.append(_ask_row(judged, offer, now, width))
    return tuple(rows)


def _ask_row(judged: Judged, offer: Offer, now: float, width: int) -> Row:
    asked = judged.asked_at
    if not asked:
        left: Line = (sign(Level.UNKNOWN), say(" not asked: scripts' files, passwords, firewall", Tone.UNKNOWN))
        right: Line = (say("r: ask the nodes", Tone.QUIET),)
    else:
        left = (sign(Level.INFO), say(f" asked {', '.join(asked)}: scripts' files, passwords, firewall", Tone.QUIET))
        right = (say(f"{times.ago(max(0.0, now - min(asked.values())))}, r: again", Tone.QUIET),)
    if offer.refused is not None:
        right = (say("not from here", Tone.QUIET),)
    return Row(ASK, spread(left, right, width), Level.UNKNOWN if not asked else Level.INFO, offer.title)


def key_of(finding: AuditFinding) -> str:
    """Tells it from all others, as long as it is about the same."""
    return f"audit/{finding.id}/{finding.node}/{finding.instance}/{finding.place}/{finding.summary}"


def place_of(finding: AuditFinding, judged: Judged) -> str:
    """`serv01 keepalived.conf:27`"""
    short = short_names([f.name for f in judged.audit.files])
    node = "" if finding.node is None else short.get(finding.node, finding.node)
    where = "" if finding.place is None else f"{finding.place.file.rpartition('/')[2]}:{finding.place.line}"
    return " ".join(w for w in (node, where) if w)


def copy_of(finding: AuditFinding) -> str:
    """For a ticket."""
    place = f"{finding.place}: " if finding.place is not None else ""
    node = f"{finding.node}: " if finding.node is not None else ""
    lines = [f"[{finding.severity.word}] {node}{place}{finding.summary}  ({finding.id})"]
    lines += [f"  {_source(e)}: {e.text}" for e in finding.evidence]
    return "\n".join([*lines, *([f"  remedy: {finding.remedy}"] if finding.remedy else [])])


def _source(evidence: AuditEvidence) -> str:
    return evidence.source if evidence.line is None else f"{evidence.source}, {evidence.file}:{evidence.line}"


def audit_title(judged: Judged, words: str, now: float, unread: Sequence[str]) -> Line:
    """`Audit 2 warnings · files read 40 s ago · firewall not asked`"""
    found = chosen(judged.audit, words)
    counted = Counter(level_of(f) for f in found)
    parts = [(Level.CRITICAL, "critical", "critical"), (Level.UNKNOWN, "unknown", "unknown")]
    parts += [(Level.WARNING, "warning", "warnings"), (Level.INFO, "note", "notes")]
    told = ", ".join(f"{counted[lv]} {one if counted[lv] == 1 else many}" for lv, one, many in parts if counted[lv])
    told = f"{len(found)} of {len(judged.audit.findings)} pass `{words}`" if words.strip() else told or "nothing found"
    oldest = min(judged.read_at.values(), default=None)
    age = "no file was read" if oldest is None else f"files read {times.ago(max(0.0, now - oldest))}"
    line: Line = (say("Audit ", Tone.STRONG), say(f"{told} · {age}", Tone.QUIET))
    if unread:
        line = (*line, say(f" · not read: {', '.join(unread)}", Tone.UNKNOWN))
    if not judged.asked_at:
        line = (*line, say(" · scripts, firewall not asked", Tone.UNKNOWN))
    return line


def details(finding: AuditFinding, now: float, width: int, zone: Times) -> tuple[Row, ...]:
    """One finding in full."""
    return tuple(_details(finding, now, width, zone))


def _details(finding: AuditFinding, now: float, width: int, zone: Times) -> Iterator[Row]:
    level = level_of(finding)
    yield from fact("", finding.summary, width, tone=Tone.STRONG, level=level, copy=copy_of(finding), indent=0)
    if finding.place is not None:
        where = f"{finding.place}" if finding.node is None else f"{finding.place} on {finding.node}"
        yield from fact("where", where, width, copy=str(finding.place))
    yield from fact("do", finding.remedy or "no remedy is known", width)
    yield from heading("Evidence", width)
    for number, evidence in enumerate(finding.evidence):
        age = "" if evidence.at is None else f"{zone.stamp(evidence.at, now)}, {times.ago(max(0.0, now - evidence.at))}"
        left: Line = (blank(2), say(_source(evidence), Tone.KEY))
        yield Row(f"evidence/{number}", spread(left, (say(age, Tone.QUIET),), width) if age else crop(left, width))
        yield from fact("", evidence.text, width, indent=4, copy=evidence.text)
    if not finding.evidence:
        yield from fact("", "none: it is about what is not there", width, tone=Tone.QUIET)
    yield Row("gap/id", ())
    subject = ", ".join(x for x in (finding.id, finding.node, finding.instance) if x)
    yield from fact("id", f"{subject}; docs/check.md explains it", width, tone=Tone.QUIET, copy=finding.id)


def ask_details(offer: Offer, width: int, *, running: bool) -> tuple[Row, ...]:
    """What would be asked, with every command."""
    rows = [*fact("", offer.title, width, tone=Tone.STRONG, indent=0), *fact("tells", offer.tells, width)]
    if offer.refused is not None:
        return (*rows, *fact("not from here", offer.refused, width, level=Level.UNKNOWN))
    title = "Asking, only looking, changes nothing" if running else "r runs this; it only looks, changes nothing"
    return (*rows, *heading(title, width), *command_rows(offer.lines, width))
