"""An audit -> SARIF 2.1.0, for code review and code scanning.

Source: OASIS Static Analysis Results Interchange Format (SARIF) Version 2.1.0, sections 3.13 (log), 3.14 (run),
3.19 (tool component), 3.27 (result), 3.28 (location), 3.29 (physical location), 3.49 (reporting descriptor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from haconsole.cluster.audit import AuditFinding
from haconsole.cluster.audit.ids import IDS
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import Place
from haconsole.parse.text import clean
from haconsole.report.check import Checked
from haconsole.version import __version__

SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}


def sarif_document(checked: Sequence[Checked]) -> dict[str, object]:
    """The log, ready for `json.dumps`. One run; its rules are those that found something."""
    found = [(c, f) for c in checked for f in c.audit.findings]
    ids = sorted({f.id for _, f in found})
    worst = {i: max(f.severity for _, f in found if f.id == i) for i in ids}
    return {
        "$schema": SCHEMA_URI,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "haconsole",
                        "semanticVersion": __version__,
                        "rules": [_rule(i, worst[i]) for i in ids],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "artifacts": [
                    {"location": {"uri": _uri(name)}}
                    for name in dict.fromkeys(n for c in checked for f in c.audit.files for n in f.conf.files)
                ],
                "results": [_result(c, f, ids.index(f.id)) for c, f in found],
            }
        ],
    }


def _rule(id_: str, worst: Severity) -> dict[str, object]:
    return {
        "id": id_,
        "name": "".join(part.capitalize() for part in id_.split("-")),
        "shortDescription": {"text": IDS.get(id_, id_)},
        "defaultConfiguration": {"level": _LEVELS[worst]},
    }


def _result(checked: Checked, finding: AuditFinding, index: int) -> dict[str, object]:
    """`kind` other than `fail` goes with level `none` (3.27.10): what could not be checked is `open`."""
    text = clean(finding.summary) + (f"\n{clean(finding.remedy)}" if finding.remedy else "")
    place = finding.place or _main_file(checked, finding)
    related = [e for e in finding.evidence if e.file is not None and e.line is not None]
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "kind": "open" if finding.unknown else "fail",
        "level": "none" if finding.unknown else _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [] if place is None else [_location(place, _logical(checked, finding))],
        "relatedLocations": [
            {"id": number, **_location(Place(file=e.file or "", line=e.line or 1)), "message": {"text": clean(e.text)}}
            for number, e in enumerate(related, 1)
        ],
    }


def _main_file(checked: Checked, finding: AuditFinding) -> Place | None:
    """A finding that is about no line is shown at the beginning of its node's file."""
    files = [f for f in checked.audit.files if finding.node in {None, f.node}]
    return Place(file=files[0].file, line=1) if files else None


def _logical(checked: Checked, finding: AuditFinding) -> list[dict[str, object]]:
    names = [clean(n) for n in (checked.cluster, finding.node, finding.instance) if n]
    return [{"fullyQualifiedName": "/".join(names)}] if names else []


def _location(place: Place, logical: Sequence[dict[str, object]] = ()) -> dict[str, object]:
    physical = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": max(1, place.line)},
        }
    }
    return {**physical, **({"logicalLocations": list(logical)} if logical else {})}


def _uri(name: str) -> str:
    """A relative name stays relative (to the repository's root); an absolute one is a file URI (3.4.4)."""
    return quote(name, safe="/") if not name.startswith("/") else "file://" + quote(name, safe="/")
