"""The documents of `haconsole check`: JSON, SARIF 2.1.0, table. Nothing that a file says gets out raw."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from haconsole.cluster import audit as audit_package
from haconsole.cluster.audit import audit
from haconsole.cluster.audit.ids import IDS
from haconsole.cluster.audit.values import Audit, AuditEvidence, AuditFinding
from haconsole.model.findings import Severity, Verdict
from haconsole.model.keepalived_conf import Place
from haconsole.report.check import Check, Checked, check_document, verdict
from haconsole.report.check_sarif import sarif_document
from haconsole.report.check_table import check_table
from tests.unit.cluster.audit.pairs import article, files, healthy


def checked(*texts: str) -> Checked:
    return Checked(audit=audit(files(*texts)))


ARTICLE = checked(article(True), article(False))
HEALTHY = checked(healthy(True), healthy(False))


def one(severity: Severity, *, unknown: bool = False) -> AuditFinding:
    return AuditFinding(id="not-checked", severity=severity, summary="s", unknown=unknown)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], Verdict.OK),
        ([one(Severity.INFO)], Verdict.OK),
        ([one(Severity.WARNING), one(Severity.INFO)], Verdict.WARNING),
        ([one(Severity.WARNING), one(Severity.WARNING, unknown=True)], Verdict.UNKNOWN),
        ([one(Severity.CRITICAL), one(Severity.WARNING, unknown=True)], Verdict.CRITICAL),
    ],
)
def test_critical_outranks_unknown_outranks_warning(findings: list[AuditFinding], expected: Verdict) -> None:
    assert verdict([Checked(audit=Audit(files=(), findings=tuple(findings)))]) is expected


def test_the_json_document_has_the_contracts_fields_and_file_and_line() -> None:
    document: Any = json.loads(json.dumps(check_document([ARTICLE])))
    assert (document["schema"], document["verdict"], document["time"]) == ("haconsole.check/1", "warning", None)
    finding = next(f for f in document["findings"] if f["id"] == "priority-owner")
    assert set(finding) >= {
        "id", "severity", "file", "line", "node", "instance", "summary", "evidence", "remedy"
    }  # fmt: skip
    assert (finding["file"], finding["line"], finding["node"]) == ("serv01.conf", 9, None)
    assert finding["evidence"][0]["text"] == "proxy_ip1: priority 255"
    rows = {(r["instance"], r["name"]): r for r in document["settings"]}
    assert rows["proxy_ip1", "priority"]["values"] == ["255", "100"]
    assert Check.model_validate(document, strict=False)
    assert check_document([HEALTHY])["findings"] == []


def test_the_sarif_log_has_the_shape_of_2_1_0() -> None:
    """What the schema requires: 3.13, 3.14, 3.18, 3.19, 3.27, 3.28, 3.29, 3.30, 3.49."""
    log: Any = json.loads(json.dumps(sarif_document([ARTICLE])))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "haconsole"
    assert [r["id"] for r in driver["rules"]] == ["check-without-fall", "priority-owner", "script-security-off"]
    assert all(r["shortDescription"]["text"] for r in driver["rules"])
    assert len(run["results"]) == 6
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["level"], result["kind"]) == ("warning", "fail")
        assert result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] in {"serv01.conf", "serv02.conf"}
        assert physical["region"]["startLine"] >= 1
    assert sarif_document([HEALTHY])["runs"][0]["results"] == []  # type: ignore[index]


def test_what_could_not_be_checked_is_open_and_names_have_no_blanks_in_uris() -> None:
    finding = AuditFinding(
        id="conf-not-read",
        severity=Severity.WARNING,
        summary="s",
        unknown=True,
        place=Place(file="/a b/ö.conf", line=1),
    )
    log: Any = sarif_document([Checked(audit=Audit(files=(), findings=(finding,)))])
    (result,) = log["runs"][0]["results"]
    assert (result["kind"], result["level"]) == ("open", "none")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///a%20b/%C3%B6.conf"


def test_hostile_words_stay_words() -> None:
    evil = "\x1b[31m[bold]x\x9b\u202e"
    finding = AuditFinding(
        id="not-checked", severity=Severity.CRITICAL, summary=evil, remedy=evil, node=evil, instance=evil,
        place=Place(file=evil, line=1), evidence=(AuditEvidence(source=evil, text=evil, file=evil, line=2),),
    )  # fmt: skip
    found = [Checked(audit=Audit(files=(), findings=(finding,)), cluster=evil)]
    console = Console(width=100, no_color=True, markup=False)
    with console.capture() as captured:
        console.print(check_table(found))
    texts = [captured.get(), json.dumps(check_document(found), ensure_ascii=False),
             json.dumps(sarif_document(found), ensure_ascii=False)]  # fmt: skip
    for text in texts:
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert "[bold]x" in texts[0]


def test_the_table_tells_place_evidence_remedy_and_the_settings() -> None:
    console = Console(width=100, no_color=True, markup=False)
    with console.capture() as captured:
        console.print(check_table([ARTICLE]))
    text = captured.get()
    assert "▲ priority-owner  serv01.conf:9" in text
    assert "→ serv01.conf:9: priority 254" in text
    assert "●  virtual_router_id =" in text
    with console.capture() as captured:
        console.print(check_table([HEALTHY]))
    assert "nothing to say" in captured.get()
    assert "s3cret" not in captured.get()


def test_every_id_is_explained_in_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "check.md").read_text()
    modules = (p for p in Path(audit_package.__file__).parent.glob("*.py") if p.name != "ids.py")
    source = "".join(p.read_text() for p in modules)
    used = set(re.findall(r'\bid="([a-z0-9-]+)"', source)) | {i for i in IDS if f'"{i}"' in source}
    assert used == set(IDS)
    assert [i for i in IDS if f"`{i}`" not in text] == []
