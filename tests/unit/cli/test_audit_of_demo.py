"""What is done in a demo is written into the demo's own audit log, never into the operator's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haconsole.cli.demo import embedded
from haconsole.cli.main import run
from haconsole.io.audit_file import AuditFile, default_path

ONE = "proxy-serv01"


def test_the_demo_s_actions_are_in_its_own_log_and_not_in_the_operator_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cluster is called like a real one: a line of it in the real log would be a lie."""
    own = tmp_path / "audit.jsonl"
    monkeypatch.setenv("HACONSOLE_AUDIT", str(own))
    assert default_path() == own
    with embedded("eth1-down", 1.0) as clusters:
        obj: dict[str, object] = {"clusters": clusters}
        assert run(["node", "squid-stop", "proxy-serv02", "--confirm", "proxy-serv02"], obj=dict(obj)) == 3
        assert run(["drill", "run", "drain", "--node", "proxy-serv02", "--confirm", "proxy-serv02"], obj=dict(obj)) == 3
        assert not own.exists()
        capsys.readouterr()
        assert run(["audit", "show", "-o", "json"], obj=dict(obj)) == 0
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {t["node"] for t in told} == {"proxy-serv02"} and {"squid-stop", "drain"} <= {t["action"] for t in told}
        assert run(["audit", "verify"], obj=dict(obj)) == 0
        key = clusters[0].nodes[0].ssh.identity_file
        assert key is not None and AuditFile(key.parent / "audit.jsonl").read().head
    assert not key.parent.exists(), "it goes with the demo"
    assert not own.exists()


def test_an_empty_log_of_a_demo_says_that_it_is_this_demo_s(capsys: pytest.CaptureFixture[str]) -> None:
    with embedded("healthy", 1.0) as clusters:
        assert run(["audit", "show"], obj={"clusters": clusters}) == 0
    assert "begins and ends with the demo" in capsys.readouterr().err
