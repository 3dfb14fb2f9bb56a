"""`haconsole check` as a repository's CI and an operator call it: exit codes, forms, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from haconsole.cli.main import run
from tests.unit.cluster.audit.pairs import COMPACT, article, changed, healthy


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(here: Path, **texts: str) -> None:
    for name, text in texts.items():
        (here / name.replace("_conf", ".conf")).write_text(text)


def test_exit_codes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 well, 1 warning, 2 critical, 3 unknown, 64 a wrong call."""
    write(
        here, a_conf=healthy(True), b_conf=healthy(False), old_a_conf=article(True), old_b_conf=article(False),
        compact_conf=COMPACT[0], part_conf=changed(healthy(True), ("! made", "include more/*.conf\n! made")),
    )  # fmt: skip
    assert run(["check", "a.conf", "b.conf"]) == 0
    assert run(["check", "old_a.conf", "old_b.conf"]) == 1
    assert run(["check", "compact.conf"]) == 2
    assert run(["check", "a.conf", "old_b.conf"]) == 2  # not one pair: passwords, unicast
    assert run(["check", "--apart", "a.conf", "old_b.conf"]) == 1
    assert run(["check", "part.conf"]) == 3
    capsys.readouterr()
    for wrong in (
        ["missing.conf"], ["."], ["-o", "xml", "a.conf"], ["--config-id", "x", "a.conf", "b.conf"], ["--apart"],
        ["a.conf", "a.conf"],
    ):  # fmt: skip
        assert run(["check", *wrong]) == 64, wrong
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err


def test_stdout_is_one_document(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, a_conf=article(True), b_conf=article(False))
    assert run(["check", "-o", "json", "a.conf", "b.conf"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert {(f["file"], f["id"]) for f in document["findings"]} >= {("b.conf", "priority-owner")}
    assert run(["check", "-o", "sarif", "a.conf", "b.conf"]) == 1
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"


def test_includes_are_followed_beside_the_file_and_told_by_their_own_names(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = healthy(True)
    cut = text.index("vrrp_instance proxy_ip2")
    write(here, a_conf=text[:cut] + "include conf.d/*.conf\n")
    (here / "conf.d").mkdir()
    (here / "conf.d" / "two.conf").write_text(changed(text[cut:], ("priority 100", "priority 255")))
    assert run(["check", "-o", "json", "a.conf"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    places = {(f["id"], f["file"], f["line"]) for f in found}
    assert places == {(i, "conf.d/two.conf", 5) for i in ("priority-owner", "weight-ignored")}


def test_an_absolute_include_of_a_relative_file_is_the_nodes_and_not_ours(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, more_conf="vrrp_instance x {\n}\n")
    write(here, a_conf=f"include {here}/more.conf\n{healthy(True)}")
    assert run(["check", "-o", "json", "a.conf"]) == 3
    assert [f["id"] for f in json.loads(capsys.readouterr().out)["findings"]] == ["conf-include-not-read"]


def test_conditions_are_decided_by_config_ids(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = changed(healthy(True), ("  priority 254\n", "  @one priority 254\n  @two priority 255\n"))
    write(here, a_conf=one)
    assert run(["check", "a.conf"]) == 3
    assert run(["check", "--config-id", "one", "a.conf"]) == 0
    assert run(["check", "--config-id", "two", "a.conf"]) == 1
    capsys.readouterr()


def test_no_configuration_is_needed_and_no_ssh_imported_for_files(here: Path) -> None:
    write(here, a_conf=healthy(True))
    code = (
        "import sys; from haconsole.cli.main import run; code = run(['check', 'a.conf', '--no-color']);"
        "bad = [m for m in ('asyncssh', 'textual', 'scapy', 'dns') if m in sys.modules]; print(bad); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr


@pytest.mark.parametrize(("scenario", "code", "expected"), [("healthy", 1, "priority-owner"), ("split-brain", 2, "firewall-blocks-vrrp"), ("few-rights", 3, "not-checked")])  # fmt: skip
def test_the_embedded_cluster(scenario: str, code: int, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "haconsole", "demo", "--scenario", scenario, "--", "check", "-o", "json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert expected in {f["id"] for f in document["findings"]}
    assert [s["node"] for s in document["sources"]] == ["proxy-serv01", "proxy-serv02"]
