"""`haconsole sudoers` as a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from haconsole.cli.main import run

CONFIG = """
[ssh]
user = "{user}"
sudo = true
[[cluster]]
name = "proxy"
[[cluster.node]]
name = "n1"
address = "192.0.2.1"
lan_interface = "ens3"
[[cluster.node]]
name = "n2"
address = "192.0.2.2"
"""


def call(folder: Path, *argv: str, user: str = "ops") -> int:
    path = folder / "c.toml"
    path.write_text(CONFIG.format(user=user))
    return run(["--config", str(path), "sudoers", *argv], obj={})


def test_one_file_serves_all_nodes_with_the_configured_login(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "# For: n1, n2." in told.out
    assert all(f"dev {name} down" in told.out for name in ("ens3", "eth0", "eth1"))
    assert all(x.startswith(("ops ALL=(root) NOPASSWD: /", "Defaults:ops ", "#")) for x in told.out.splitlines() if x)


def test_one_node_has_its_own_interfaces_and_those_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path, "--node", "n2", "--interface", "bond0", "--user", "wally") == 0
    told = capsys.readouterr().out
    assert "dev ens3 down" not in told and "dev bond0 down" in told
    assert "wally ALL=(root)" in told and "ops ALL" not in told


@pytest.mark.parametrize(
    ("argv", "user", "words"),
    [
        (("--node", "n3"), "ops", "no node 'n3'"),
        ((), "root", "--user"),
        (("--interface", "a b"), "ops", "no interface name"),
        (("--user", "a b"), "ops", "no name of a user"),
    ],
)
def test_what_cannot_be_printed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], user: str, words: str
) -> None:
    assert call(tmp_path, *argv, user=user) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
