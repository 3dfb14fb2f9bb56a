"""An audit -> the JSON document `haconsole.check/1` (docs/check.md). Unknown is null.

`check_document` makes it; `verdict` is what the exit code says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from haconsole.cluster.audit import Audit, AuditFinding
from haconsole.cluster.audit.values import AuditEvidence, Setting
from haconsole.model.findings import Severity, Verdict
from haconsole.model.record import dataclass
from haconsole.parse.text import clean
from haconsole.report.values import rfc3339

SCHEMA: Final = "haconsole.check/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One audit: of a cluster at a time, or of files."""

    audit: Audit
    cluster: str | None = None
    at: float | None = None
    """Console clock; None: only files were read."""

    @property
    def name(self) -> str:
        """How it is headed."""
        return self.cluster or ", ".join(f.name for f in self.audit.files)


def verdict(checked: Sequence[Checked]) -> Verdict:
    """Critical outranks unknown outranks warning; what is only worth knowing is well."""
    found = [f for c in checked for f in c.audit.findings]
    if any(f.severity is Severity.CRITICAL and not f.unknown for f in found):
        return Verdict.CRITICAL
    if any(f.unknown for f in found):
        return Verdict.UNKNOWN
    return Verdict.WARNING if any(f.severity is Severity.WARNING for f in found) else Verdict.OK


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_serialization_defaults_required=True
    )


class Evidence(_Part):
    """One observation: a line of a file, or what a command on a node said."""

    source: str
    time: str | None
    text: str
    file: str | None
    line: int | None


class Finding(_Part):
    """What is wrong; ids are explained in docs/check.md. `node` null: a file without a cluster."""

    id: str
    severity: Literal["info", "warning", "critical"]
    file: str | None
    line: int | None
    node: str | None
    instance: str | None
    summary: str
    evidence: list[Evidence]
    remedy: str | None
    cluster: str | None
    unknown: bool
    """True: something could not be checked."""


class SettingRow(_Part):
    """One setting across the nodes, in the order of `sources`. `ok` null: it cannot be told."""

    cluster: str | None
    instance: str | None
    name: str
    rule: Literal["equal", "differ", "free"]
    values: list[str | None]
    ok: bool | None


class Source(_Part):
    """One configuration that was judged, with the files that it includes."""

    cluster: str | None
    node: str | None
    files: list[str]


class Check(_Part):
    """The document."""

    schema_: Literal["haconsole.check/1"] = Field(alias="schema")
    time: str | None
    verdict: Literal["ok", "warning", "critical", "unknown"]
    sources: list[Source]
    findings: list[Finding]
    settings: list[SettingRow]


def check_document(checked: Sequence[Checked]) -> dict[str, object]:
    """The JSON document, ready for `json.dumps`."""
    at = max((c.at for c in checked if c.at is not None), default=None)
    document = Check(
        schema=SCHEMA,
        time=rfc3339(at),
        verdict=verdict(checked).word,  # type: ignore[arg-type]
        sources=[
            Source(cluster=_maybe(c.cluster), node=_maybe(f.node), files=[clean(n) for n in f.conf.files])
            for c in checked
            for f in c.audit.files
        ],
        findings=[_finding(f, c.cluster) for c in checked for f in c.audit.findings],
        settings=[_setting(s, c.cluster) for c in checked for s in c.audit.settings],
    )
    return document.model_dump(mode="json", by_alias=True)


def _maybe(value: str | None) -> str | None:
    return None if value is None else clean(value)


def _finding(finding: AuditFinding, cluster: str | None) -> Finding:
    return Finding(
        id=finding.id,
        severity=finding.severity.word,  # type: ignore[arg-type]
        file=None if finding.place is None else clean(finding.place.file),
        line=None if finding.place is None else finding.place.line,
        node=_maybe(finding.node),
        instance=_maybe(finding.instance),
        summary=clean(finding.summary),
        evidence=[_evidence(e) for e in finding.evidence],
        remedy=_maybe(finding.remedy),
        cluster=_maybe(cluster),
        unknown=finding.unknown,
    )


def _evidence(evidence: AuditEvidence) -> Evidence:
    return Evidence(
        source=clean(evidence.source),
        time=rfc3339(evidence.at),
        text=clean(evidence.text),
        file=_maybe(evidence.file),
        line=evidence.line,
    )


def _setting(setting: Setting, cluster: str | None) -> SettingRow:
    return SettingRow(
        cluster=_maybe(cluster),
        instance=_maybe(setting.instance or None),
        name=clean(setting.name),
        rule=setting.rule,  # type: ignore[arg-type]
        values=[_maybe(v) for v in setting.values],
        ok=setting.ok,
    )
