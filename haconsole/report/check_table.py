"""An audit for terminals: what is wrong with its lines and the remedy, then the settings that the nodes share.

Every string becomes a `Text`, cleaned: nothing that a file says can draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from haconsole.cluster.audit import AuditFinding
from haconsole.cluster.audit.values import AuditEvidence, Setting
from haconsole.model.findings import Severity, Verdict
from haconsole.parse.text import clean
from haconsole.report.check import Checked, verdict

_SIGNS: Final = {"●": "green", "▲": "yellow", "✖": "bold red", "?": "magenta", "·": "dim"}
_VERDICTS: Final = {Verdict.OK: "●", Verdict.WARNING: "▲", Verdict.CRITICAL: "✖", Verdict.UNKNOWN: "?"}
_SEVERITIES: Final = {Severity.INFO: "·", Severity.WARNING: "▲", Severity.CRITICAL: "✖"}

LEGEND: Final = "= equal on every node, ≠ different on each; ● is so, ✖ is not, ? cannot be told, · as you like"


def check_table(checked: Sequence[Checked]) -> RenderableType:
    """What `haconsole check` prints."""
    parts: list[RenderableType] = []
    for each in checked:
        parts += [Text("")] if parts else []
        parts += [*_one(each)]
    return Group(*parts)


def _one(checked: Checked) -> Iterator[RenderableType]:
    found = checked.audit.findings
    heading = Text.assemble(_sign(_VERDICTS[verdict([checked])]), " ", (clean(checked.name), "bold"))
    heading.append(f"  {_count(found)}")
    yield heading
    for finding in found:
        yield Text("")
        yield _heading(finding)
        yield _body(finding)
    rows = [s for s in checked.audit.settings if any(s.values) and (s.rule != "free" or len(set(s.values)) > 1)]
    if rows:
        yield Text("")
        yield _settings(checked, rows)
        yield Text(LEGEND, style="dim")


def _count(found: Sequence[AuditFinding]) -> str:
    if not found:
        return "nothing to say"
    counts = {
        "critical": sum(f.severity is Severity.CRITICAL and not f.unknown for f in found),
        "unknown": sum(f.unknown for f in found),
        "warning": sum(f.severity is Severity.WARNING and not f.unknown for f in found),
        "to know": sum(f.severity is Severity.INFO and not f.unknown for f in found),
    }
    return ", ".join(f"{n} {word}{'s' if word == 'warning' and n > 1 else ''}" for word, n in counts.items() if n)


def _sign(mark: str) -> Text:
    return Text(mark, style=_SIGNS[mark])


def _heading(finding: AuditFinding) -> Text:
    mark = "?" if finding.unknown else _SEVERITIES[finding.severity]
    text = Text.assemble(_sign(mark), " ", (finding.id, "bold"), overflow="fold")
    if finding.place is not None:
        text.append(f"  {clean(str(finding.place))}")
    names = [clean(n) for n in (finding.node, finding.instance) if n]
    if names:
        text.append(f"  {' / '.join(names)}", style="dim")
    return text


def _body(finding: AuditFinding) -> Table:
    """Summary, evidence, remedy; longer lines go on under their own beginning."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, width=3, justify="right")
    table.add_column(overflow="fold")
    table.add_row("", Text(clean(finding.summary)))
    for evidence in finding.evidence:
        table.add_row(Text("└", style="dim"), Text(f"{_where(evidence)}: {clean(evidence.text)}", style="dim"))
    if finding.remedy:
        table.add_row(Text("→"), Text(clean(finding.remedy)))
    return table


def _where(evidence: AuditEvidence) -> str:
    if evidence.file is None:
        return clean(evidence.source)
    place = f"{evidence.file}:{evidence.line}"
    return clean(place if evidence.source in {evidence.file, place} else f"{evidence.source}, {place}")


def _settings(checked: Checked, rows: Sequence[Setting]) -> Table:
    """`=` must be equal, `≠` must differ, `?` cannot be told."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("setting", no_wrap=True)
    for file in checked.audit.files:
        table.add_column(clean(file.name), overflow="fold")
    instance = ""
    for row in rows:
        if row.instance != instance:
            instance = row.instance
            table.add_row("", Text(clean(instance), style="bold"))
        mark = {True: "●", False: "✖", None: "?"}[row.ok] if row.rule != "free" else "·"
        rule = {"equal": "=", "differ": "≠", "free": ""}[row.rule]
        shown = (Text("?" if v is None else clean(v) or "-") for v in row.values)
        table.add_row(_sign(mark), Text(f"{clean(row.name)} {rule}".rstrip()), *shown)
    return table
