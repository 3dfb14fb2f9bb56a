"""The command line: exit codes, what goes where, and what is imported for it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from haconsole.cli import main
from haconsole.cli.main import COMMANDS

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


def run(*words: str, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "haconsole", *words],
        capture_output=True, text=True, input=stdin, env={**os.environ, **env}, timeout=60, check=False,
    )  # fmt: skip


def test_the_version_is_said_on_stdout() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("haconsole ")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_every_command_has_an_example(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout


def every_command() -> list[tuple[str, ...]]:
    """Commands and those under them."""
    found: list[tuple[str, ...]] = []

    def add(command: click.Command, path: tuple[str, ...]) -> None:
        found.append(path)
        for name, below in command.commands.items() if isinstance(command, click.Group) else ():
            add(below, (*path, name))

    for name, (module, _) in sorted(COMMANDS.items()):
        add(importlib.import_module(module).command, (name,))
    return found


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_no_color_holds_everywhere(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Parsing comes before help: a command that did not know it would end with 2."""
    assert main.run([*path, "--no-color", "--help"]) == 0
    assert capsys.readouterr().out.count("--no-color") == 1


@pytest.mark.parametrize("where", [("--no-color", "audit", "show"), ("audit", "--no-color", "show"),
                                   ("audit", "show", "--no-color")])  # fmt: skip
def test_no_color_is_the_same_wherever_it_stands(
    where: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HACONSOLE_AUDIT", str(tmp_path / "none"))
    obj: dict[str, object] = {}
    assert main.run(where, obj=obj) == 0
    assert obj["no_color"] is True


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--cluster", "nope", "demo", "--", "status"], 64),
        (["--config", "/nowhere.toml", "demo", "--", "doctor"], 2),
        (["status", "--no-such-option"], 64),
        (["status", "-o", "yaml"], 64),
        (["--config", "/nowhere.toml", "status"], 64),
        (["status", "--config", "/nowhere.toml"], 64),
        (["doctor", "--config", "/nowhere.toml"], 2),
        (["doctor", "--no-such-option"], 2),
        (["no-such-command"], 2),
        (["demo", "--scenario", "no-such-scenario"], 2),
        (["demo", "--speed", "0"], 2),
    ],
)
def test_a_wrong_call_says_so_on_stderr_and_nothing_on_stdout(words: list[str], code: int) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_the_process_does_not_end_while_libraries_are_still_being_imported() -> None:
    code = (
        "import atexit, sys\n"
        "def late():\n"
        "    module = sys.modules.get('haconsole.io.ssh')\n"
        "    print(module is not None and not module.__spec__._initializing)\n"
        "atexit.register(late)\n"
        "from haconsole.runtime.assemble import warm_up\n"
        "warm_up()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_an_unknown_cluster_is_named_with_those_there_are() -> None:
    done = run("status", "--config", str(EXAMPLE), "--cluster", "proxi")
    assert done.returncode == 64
    assert "proxy" in done.stderr


def test_the_console_wants_a_terminal_and_says_what_to_use_without() -> None:
    done = run("--config", str(EXAMPLE), stdin="")
    assert done.returncode == 2
    assert "haconsole status" in done.stderr


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["status", "--help"]])
def test_help_and_version_import_none_of_the_heavy_libraries(words: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['haconsole', *{words!r}]\n"
        "import haconsole.__main__ as m\n"
        "try:\n    m.main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'textual', 'asyncssh', 'scapy', 'pydantic', 'rich', 'asyncio.base_events'} & set(sys.modules)\n"
        "sys.stderr.write(','.join(sorted(heavy - {'asyncio.base_events'})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_status_of_the_demo_is_the_contract_s_document_and_exit_code() -> None:
    done = run("demo", "--", "status", "-o", "json")
    document = json.loads(done.stdout)
    assert document["schema"] == "haconsole.status/1"
    assert document["clusters"][0]["verdict"] == "ok"
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_codes_come_through_the_demo() -> None:
    assert run("demo", "--scenario", "eth1-down", "--", "status", "-o", "nagios").returncode == 1
    assert run("demo", "--", "status", "--cluster", "nowhere").returncode == 64


def test_status_as_a_table_fits_80_columns_and_needs_no_colour() -> None:
    done = run("demo", "--", "status", "--no-color", COLUMNS="80")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "192.168.2.101" in done.stdout


def test_doctor_of_the_demo_finds_everything() -> None:
    done = run("demo", "--", "doctor", "-o", "json")
    document = json.loads(done.stdout)
    assert document["schema"] == "haconsole.doctor/1"
    assert done.returncode == 0
    assert {c["node"] for c in document["clusters"][0]["checks"]} == {"proxy-serv01", "proxy-serv02"}


def test_doctor_of_a_login_that_sudo_refuses_is_green_nowhere_that_needs_root() -> None:
    done = run("demo", "--scenario", "few-rights", "--", "doctor", "-o", "json")
    told = {c["id"]: c for c in json.loads(done.stdout)["clusters"][0]["checks"] if c["node"] == "proxy-serv01"}
    assert done.returncode == 1
    for each, ok in {"rights": False, "changing-rights": False, "capture-rights": None}.items():
        assert told[each]["ok"] is ok
        assert "haconsole sudoers --node proxy-serv01" in told[each]["remedy"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m haconsole adverts --read tests/fixtures/pcaps/tcpdump_vrrp.pcap | head -1",
        shell=True, capture_output=True, text=True, cwd=EXAMPLE.parent, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


# --- whatever reads our output ---------------------------------------------------------


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_signs_that_a_terminal_does_not_have_become_others_and_never_the_unknown_one(encoding: str) -> None:
    import os

    text = "● well ✖ bad → do … \u4e00"
    code = f"from haconsole.cli import output; output.prepare(); output.data({text!r})"
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=60, check=True)
    assert done.stdout == b"+ well X bad > do ~ _\n"


def test_a_mistake_of_ours_is_unknown_to_nagios_and_draws_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from haconsole.cli import main

    def fail(**_words: object) -> None:
        raise ValueError("a node's \x1b[31mword")

    monkeypatch.setattr(main.cli, "main", fail)
    assert main.run(["status"]) == 3
    assert main.run(["doctor"]) == 1
    told = capsys.readouterr()
    assert "please report" in told.err
    assert "\x1b" not in told.err
    assert told.out == ""


@pytest.fixture
def unreachable(tmp_path: Path) -> Path:
    path = tmp_path / "c.toml"
    nodes = "".join(
        f'[[cluster.node]]\nname = "n{n}"\naddress = "127.0.0.1"\n[cluster.node.ssh]\nport = {n}\n' for n in (1, 2)
    )
    path.write_text(f'[[cluster]]\nname = "c"\n{nodes}')
    return path


@pytest.mark.parametrize("form", ["table", "json", "nagios"])
def test_the_verdict_is_told_also_when_nobody_reads_to_the_end(unreachable: Path, form: str) -> None:
    """`haconsole status | head -0; echo ${PIPESTATUS[0]}`"""
    import os

    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "haconsole", "status", "--config", str(unreachable), "-o", form]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_following_ends_quietly_when_its_reader_leaves(unreachable: Path) -> None:
    import os

    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "haconsole", "status", "--watch", "--config", str(unreachable)]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_dumb_terminal_gets_no_escape_sequences(unreachable: Path) -> None:
    import os
    import pty

    inside, outside = pty.openpty()
    words = [sys.executable, "-m", "haconsole", "status", "--config", str(unreachable)]
    env = {**os.environ, "TERM": "dumb"}
    subprocess.run(words, stdin=outside, stdout=outside, stderr=outside, env=env, timeout=60, check=False)
    os.close(outside)
    assert b"\x1b" not in os.read(inside, 65536)
    os.close(inside)


def test_a_line_to_copy_is_never_broken_by_us(capsys: pytest.CaptureFixture[str]) -> None:
    """The line that adds a host key is longer than 80 columns: broken in two it would write half a key."""
    from haconsole.cli.doctor import _draw
    from haconsole.model.problems import ProblemKind
    from haconsole.report.doctor import checks
    from tests.unit.cluster.builders import ONE, Phase, Play, problem

    line = "echo '[192.0.2.1]:22 ssh-ed25519 " + "A" * 68 + "' >> ~/.ssh/known_hosts"
    why = problem(ProblemKind.HOST_KEY_UNKNOWN, remedy=f"compare first\n{line}")
    _draw([("proxy", checks(Play().phase(ONE, Phase.WAITING, why).picture(), {}))], color=False)
    assert f"\n        {line}\n" in capsys.readouterr().out
