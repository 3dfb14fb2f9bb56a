"""`haconsole drill` in a pipeline: data on stdout, exit codes, and what a wrong call says; on the demo's cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from haconsole.cli.drill import code
from haconsole.cli.drill_run import healthy
from haconsole.io.drill_file import DrillFolder
from haconsole.model.drill import Claim, DrillRecord, Hypothesis, Verdict
from tests.support import drill_sample

ONE, TWO = "proxy-serv01", "proxy-serv02"
RECORD = DrillRecord(
    id="drill-x-00000000", cluster="proxy", drill="x", node=ONE, operator="anna@desk", ticket=None, started=0.0, ended=1.0,
    result=Verdict.PASSED,
)  # fmt: skip


def run(folder: Path, *words: str, scenario: str | None = None) -> subprocess.CompletedProcess[str]:
    demo = ["demo", *(() if scenario is None else ("--scenario", scenario)), "--"] if scenario != "" else []
    own = {"HACONSOLE_DRILLS": str(folder / "drills"), "HACONSOLE_AUDIT": str(folder / "audit.jsonl")}
    return subprocess.run(
        [sys.executable, "-m", "haconsole", *demo, "drill", *words],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **own}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("record", "exit_code"),
    [
        (RECORD, 0),
        (replace(RECORD, result=Verdict.DEVIATED), 1),
        (replace(RECORD, result=Verdict.REFUSED), 3),
        (replace(RECORD, result=Verdict.ABORTED), 4),
        (replace(RECORD, result=Verdict.FAILED), 1),
        (replace(RECORD, result=Verdict.FAILED, look_at=("on proxy-serv01: ip a",)), 5),
    ],
)
def test_exit_codes_are_those_of_the_contract(record: DrillRecord, exit_code: int) -> None:
    assert code(record) == exit_code


def test_the_next_drill_begins_only_where_the_last_one_left_all_well() -> None:
    bad = Hypothesis(after=(Claim(text="x", ok=False, evidence="y"),))
    assert healthy(replace(RECORD, result=Verdict.DEVIATED))
    assert not healthy(replace(RECORD, hypothesis=bad))
    assert not healthy(replace(RECORD, result=Verdict.ABORTED))


def test_a_dry_run_predicts_and_lists_every_command_line_and_touches_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "public-link-down", "--node", TWO, "--dry-run", "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["result"], told["steps"]) == ("haconsole.drill/1", None, [])
    assert list(told["predicted"]["takeover_s"]) == ["192.168.2.102"]
    assert any("link.down" in line or "ip link set dev eth1 down" in line for line in told["planned"])
    assert "192.168.2.102: takeover 0.61 to 0.71 s" in done.stderr
    assert not (tmp_path / "drills").exists()


def test_what_a_guard_refuses_is_a_document_and_exit_code_3(tmp_path: Path) -> None:
    words = ("run", "squid-stop", "drain", "--node", TWO, "--confirm", TWO, "-o", "json")
    done = run(tmp_path, *words, scenario="eth1-down")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)  # one document: the second drill was not begun
    assert told["result"] == "refused" and "peer-public-link" in told["text"]
    assert "drain: not begun" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "squid-stop", "--node", ONE), "not confirmed, nothing was touched"),
        (("run", "squid-stop", "--node", ONE, "--confirm", TWO), "--confirm says proxy-serv02"),
        (("run", "squid-stpo", "--node", ONE), "did you mean squid-stop?"),
        (("run", "drain", "--node", "proxy-serv1"), "did you mean proxy-serv01?"),
        (("run", "drain", "--node", ONE, "--override", "peer-fit="), "the reason is missing"),
        (("run", "drain", "--node", ONE, "--file", "/nowhere.toml"), "cannot be read"),
        (("resume",), "no drill is under way"),
        (("abort", "nothing"), "there is no drill 'nothing'"),
    ],
)
def test_a_wrong_call_is_exit_code_2_and_touches_nothing(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert says in done.stderr


def test_abort_on_a_node_where_nothing_is_under_way_is_done(tmp_path: Path) -> None:
    done = run(tmp_path, "abort", "--node", ONE, "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["action"], told["result"]) == ("haconsole.action/1", "abort", "done")
    assert f"{ONE} tells of no operation" in told["text"]


def test_the_list_tells_the_last_run_of_each_drill_on_each_node_and_what_cannot_be_read(tmp_path: Path) -> None:
    folder = DrillFolder(tmp_path / "drills")
    earlier = replace(drill_sample.passed(), result=Verdict.DEVIATED, started=drill_sample.START - 60)
    records = (earlier, drill_sample.passed(), replace(drill_sample.deviated(), node=TWO))
    for number, record in enumerate(records):
        journal = folder.begin(f"run-{number:04}")
        journal.end(replace(record, id=f"run-{number:04}"))
        journal.close()
    folder.begin("run-dead").close()
    done = run(tmp_path, "list", scenario="")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert done.returncode == 0 and "run-dead" in done.stderr
    at = next(i for i, line in enumerate(lines) if line.startswith("public-link-down"))
    assert lines[at + 1] == (f"● passed on {ONE}, 2026-11-28 13:09:20 UTC+01:00: clients of 192.168.2.101 lost 0.628 s")
    at = next(i for i, line in enumerate(lines) if line.startswith("squid-stop"))
    assert lines[at + 1].startswith(f"▲ deviated on {TWO}, ") and lines[at + 2].startswith("keepalived-stop")
    assert sum(line.startswith("never run") for line in lines) == 4


def test_drills_are_listed_without_a_cluster(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[drill]]\nname = "ours"\naction = "squid-stop"\noutage_at_most = "9s"\n')
    done = run(tmp_path, "list", "--file", str(own), "-o", "json", scenario="")
    names = [d["name"] for d in json.loads(done.stdout)["drills"]]
    assert names == [
        "lan-link-down", "public-link-down", "squid-stop", "keepalived-stop", "drain", "revert-only", "ours",
    ]  # fmt: skip
