"""The command line: exit codes, what goes where, and what is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("words", "code"),
    [
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


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m haconsole adverts --read tests/fixtures/pcaps/tcpdump_vrrp.pcap | head -1",
        shell=True, capture_output=True, text=True, cwd=EXAMPLE.parent, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
