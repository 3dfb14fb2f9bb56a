"""`haconsole maintain`: its words, what is refused before any node is asked, and the terminal's part on the demo."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from haconsole.cli.main import run
from haconsole.cli.maintain import _words
from haconsole.io.maintenance_file import FlowFile, default_folder
from haconsole.operations.maintenance import Flow, Stage
from tests.support.wait import wait
from tests.unit.cluster.builders import ONE, TWO, spec

FLOW = Flow(cluster="proxy", operator="anna@desk", nodes=(ONE, TWO), started=1.0, since=1.0, stage=Stage.WAITING)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlowFile:
    """Of the cluster `proxy`, in a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return FlowFile("proxy", default_folder())


def maintain(*words: str) -> int:
    return run(["maintain", *words], obj={"clusters": (spec(),)})


def begun(file: FlowFile) -> None:
    with file.driving():
        file.save(FLOW)


def test_where_it_stands_is_told_without_asking_a_node(file: FlowFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain("--status") == 0
    assert capsys.readouterr().out == "no maintenance of proxy is under way\n"
    begun(file)
    assert maintain("--status") == 0
    told = capsys.readouterr().out
    assert f"  {ONE}: drained; its reboot" in told and f"  {TWO}: its turn comes later" in told
    assert f"haconsole node undrain {ONE}" in told


def test_given_up_it_is_forgotten_and_what_may_stay_drained_is_said(
    file: FlowFile, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(file)
    assert maintain("--give-up") == 0
    assert f"haconsole node undrain {ONE}" in capsys.readouterr().out
    assert file.load() is None
    assert maintain("--give-up") == 2, "there is none any more"


def test_an_override_has_its_reason_and_goes_to_the_guards(file: FlowFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain("--override", "not-flapping") == 2
    assert "--override not-flapping=REASON: the reason is missing" in capsys.readouterr().err
    options = {"outside_window": None, "overrides": ("not-flapping=we did that", "state-fresh=a=b")}
    assert _words(FLOW, options).overrides == {"not-flapping": "we did that", "state-fresh": "a=b"}


def test_a_second_one_is_not_begun_and_none_is_not_resumed(file: FlowFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain("--resume") == 2
    begun(file)
    assert maintain(ONE) == 2
    assert "--resume goes on" in capsys.readouterr().err
    with file.driving():
        assert maintain("--resume") == 1
    assert "another haconsole of yours" in capsys.readouterr().err
    assert file.load() == FLOW


@pytest.mark.parametrize("words", [("--done",), ("--resume", ONE), ("--resume", "--status"), ("proxy-serv09",)])
def test_words_that_do_not_go_together_are_a_wrong_call(file: FlowFile, words: tuple[str, ...]) -> None:
    begun(file)
    assert maintain(*words) == 2
    assert file.load() == FLOW


def test_read_only_has_no_maintenance(file: FlowFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--read-only", "maintain"], obj={"clusters": (spec(),)}) == 3
    assert "read-only" in capsys.readouterr().err
    assert file.load() is None


def test_a_kept_file_that_is_nonsense_is_named(file: FlowFile, capsys: pytest.CaptureFixture[str]) -> None:
    begun(file)
    file.path.write_text("{")
    assert maintain("--resume") == 1
    assert str(file.path) in capsys.readouterr().err


def test_in_a_terminal_the_name_is_typed_and_enter_says_that_the_work_is_done(tmp_path: Path) -> None:
    """The demo's cluster as the article has it: the drain stops keepalived, the undrain starts it."""
    ours, theirs = pty.openpty()
    seen = bytearray()
    process = subprocess.Popen(
        [sys.executable, "-m", "haconsole", "demo", "--", "maintain", ONE],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "HACONSOLE_AUDIT": str(tmp_path / "audit"), "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)

    def collect() -> None:
        try:
            while block := os.read(ours, 4096):
                seen.extend(block)
        except OSError:
            return  # the terminal is closed

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    try:
        wait(lambda: f"Type {ONE} to go on.".encode() in seen or process.poll() is not None, 60, "the question")
        os.write(ours, f"{ONE}\n".encode())
        wait(lambda: b"is drained: patch and reboot it now" in seen or process.poll() is not None, 60, "drained")
        os.write(ours, b"\n")
        code = process.wait(120)
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        os.close(ours)
    text = seen.decode(errors="replace")
    assert code == 0, text
    assert "the work is done, without a reboot" in text and "still drained: undrained next" in text
    assert f"done: maintenance of {ONE} is done" in text
    assert not list(tmp_path.glob("haconsole/maintenance-*")), "the demo leaves nothing in the user's folder"
