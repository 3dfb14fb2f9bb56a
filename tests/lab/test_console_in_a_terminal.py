"""The whole program in a real terminal on real nodes: up, and away at once though a node hangs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.test_console_in_a_terminal_demo import LARGE, SMALL, Terminal, terminal
from tests.lab.harness import Lab, faults, until

ONE = "proxy-serv01"


@contextmanager
def console(lab: Lab, folder: Path, size: tuple[int, int], user: str = "root") -> Iterator[Terminal]:
    """The console at the operator's place."""
    config = lab.write_config(folder / "haconsole.toml", user=user)
    argv = lab.operator_argv([sys.executable, "-m", "haconsole", "--config", str(config)])
    with terminal(argv, size) as opened:
        yield opened


def test_a_node_that_freezes_does_not_keep_the_operator(healthy_lab: Lab, tmp_path: Path) -> None:
    with console(healthy_lab, tmp_path, LARGE) as screen:
        screen.shows("192.168.2.101", "proxy_ip1 MASTER", "heard now", "q quit")
        with faults.frozen(healthy_lab.nodes[ONE]):
            screen.until(lambda text: "heard now" not in _column(text), "the frozen node is no longer heard")
            screen.press("q")
            screen.left(0)


def test_a_killed_console_leaves_no_tcpdump_after_15_seconds(healthy_lab: Lab, tmp_path: Path) -> None:
    """As a login that needs sudo: its tcpdump is not the login's to end by a hang-up."""
    nodes = healthy_lab.nodes.values()
    with console(healthy_lab, tmp_path, LARGE, "ops") as screen:
        screen.shows("192.168.2.101", "proxy_ip1 MASTER", "q quit")
        until(lambda: all(node.pids_named("tcpdump") for node in nodes), 30, "every node listens")
        os.kill(screen.pid, signal.SIGKILL)
        for node in nodes:
            until(lambda n=node: not n.pids_named("tcpdump", "dd"), 15, f"nothing is left on {node.name}")  # type: ignore[misc]


def _column(text: str) -> str:
    """The left half: the first node's column is there."""
    return "\n".join(line[:80] for line in text.splitlines())


def test_a_node_that_is_frozen_from_the_start(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.frozen(healthy_lab.nodes[ONE]), console(healthy_lab, tmp_path, SMALL) as screen:
        screen.shows("192.168.2.101 serv01 serv02", "proxy_ip1 MASTER", "q quit")
        screen.press("q")
        screen.left(0)
