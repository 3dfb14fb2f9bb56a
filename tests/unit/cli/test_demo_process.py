"""The demo's cluster runs in a process of its own: it ends with the console, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from haconsole.cli import demo
from tests.support.wait import wait

PARENT = """
import sys, time
from haconsole.cli.demo import embedded
with embedded("healthy", 1.0) as specs:
    def ready():
        print(specs[0].nodes[0].ssh.identity_file.parent, flush=True)
    {then}
"""


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listed.splitlines()]
    return [int(own) for own, parent in pairs if int(parent) == pid]


def alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")


class Parent:
    """A process that holds an embedded cluster."""

    def __init__(self, tmp_path: Path, then: str = "ready(); time.sleep(60)") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT.format(then=then)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)}, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.folder = Path(self.process.stdout.readline().strip())
        self.children = children(self.process.pid)

    def errors(self) -> str:
        return self.process.communicate(timeout=20)[1]


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Parent]:
    made = Parent(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def test_the_cluster_is_another_process_with_a_private_folder(parent: Parent) -> None:
    assert len(parent.children) == 1
    assert parent.folder.stat().st_mode & 0o077 == 0
    assert (parent.folder / "known_hosts").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_it_ends_with_its_parent_and_takes_its_keys_along(parent: Parent, number: signal.Signals) -> None:
    parent.process.send_signal(number)
    errors = parent.errors()
    assert errors == ""
    wait(lambda: not alive(parent.children[0]))
    assert not parent.folder.exists()


def test_killed_while_it_still_starts_nothing_stays(tmp_path: Path) -> None:
    code = "from haconsole.cli.demo import embedded\nwith embedded('fifty', 1.0): pass"
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)})
    wait(lambda: any(tmp_path.iterdir()))
    child = children(process.pid)
    process.kill()
    process.wait()
    wait(lambda: not any(alive(pid) for pid in child))
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_the_parents_affair(tmp_path: Path) -> None:
    parent = Parent(
        tmp_path, then="try: ready(); time.sleep(60)\n    except KeyboardInterrupt: print(specs[0].name, flush=True)"
    )
    os.killpg(parent.process.pid, signal.SIGINT)  # what a terminal does
    assert parent.errors() == ""
    assert parent.process.returncode == 0
    assert not alive(parent.children[0])
    assert not parent.folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_takes_its_keys_along_when_it_is_ended_itself(parent: Parent, number: signal.Signals) -> None:
    os.kill(parent.children[0], number)
    wait(lambda: not alive(parent.children[0]))
    assert not parent.folder.exists()


def test_the_normal_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    others = set(children(os.getpid()))
    with demo.embedded("healthy", 1.0) as specs:
        key = specs[0].nodes[0].ssh.identity_file
        assert key is not None and key.exists()
        own = set(children(os.getpid())) - others
        assert own
    assert not any(alive(pid) for pid in own)
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_was_killed_leaves_no_keys_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with demo.embedded("healthy", 1.0):
        before = children(os.getpid())
        for pid in before:
            if "haconsole.demo" in subprocess.run(
                ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
            ).stdout:  # fmt: skip
                os.kill(pid, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_why_it_could_not_start_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    why = r"the embedded cluster could not start: .*no-such"
    with pytest.raises(click.ClickException, match=why) as told, demo.embedded("no-such", 1.0):
        pass
    assert told.value.exit_code == 1
    assert "\n" not in told.value.message


def test_a_child_without_an_answer_is_said_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_CHILD", "raise SystemExit(3)")
    with pytest.raises(click.ClickException, match="its process ended"), demo.embedded("healthy", 1.0):
        pass
    monkeypatch.setattr(demo, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(demo, "START_S", 0.2)
    monkeypatch.setattr(demo, "END_S", 0.2)
    with pytest.raises(click.ClickException, match="did not start in time"), demo.embedded("healthy", 1.0):
        pass
