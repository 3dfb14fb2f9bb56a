"""The whole program in a real terminal on real nodes: up, and away at once though a node hangs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.test_console_in_a_terminal_demo import LARGE, SMALL, Terminal, terminal
from tests.lab.harness import Lab, faults

ONE = "proxy-serv01"


@contextmanager
def console(lab: Lab, folder: Path, size: tuple[int, int]) -> Iterator[Terminal]:
    """The console at the operator's place."""
    config = lab.write_config(folder / "haconsole.toml")
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


def _column(text: str) -> str:
    """The left half: the first node's column is there."""
    return "\n".join(line[:80] for line in text.splitlines())


def test_a_node_that_is_frozen_from_the_start(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.frozen(healthy_lab.nodes[ONE]), console(healthy_lab, tmp_path, SMALL) as screen:
        screen.shows("192.168.2.101 serv01 serv02", "proxy_ip1 MASTER", "q quit")
        screen.press("q")
        screen.left(0)
