"""The console on real nodes, driven by Textual's pilot: what happens to a link is what the screen says."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from haconsole.config.load import load
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from tests.lab.harness import Lab, faults
from tests.unit.tui.driving import Console

ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = "192.168.2.101", "192.168.2.102"
SMALL, LARGE = (80, 24), (160, 48)
SECONDS = 45.0
"""Longest wait for the screen: keepalived itself and a busy machine are in it."""


class Screen:
    """What an operator reads from the console."""

    def __init__(self, app: Console, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        return self.app.picture()

    def vip(self, address: str) -> list[str]:
        """Sign, preferred node, daemon, kernel and client of a VIP's row; nodes by their short names."""
        line = next((x for x in self.text.splitlines() if re.search(rf"[^ ] +{address} ", x)), "")
        words = line.replace("│", " ").replace("proxy-", "").split()
        return [words[i] for i in (0, 2, 3, 4, 6)] if len(words) > 6 else []

    def all_well(self) -> bool:
        """The healthy pair of the article, by every witness."""
        return (
            "● all well" in self.text
            and self.vip(VIP1) == ["●", "serv01", "serv01", "serv01", "200"]
            and self.vip(VIP2) == ["●", "serv02", "serv02", "serv02", "200"]
            and "nothing found" in self.text
            and "FAULT" not in "".join(self.app.lines("node-0"))
        )

    def public_link_down(self) -> bool:
        """The first node in FAULT for its eth1, everything on the second, and what to make of it."""
        text = self.text
        return (
            self.vip(VIP1) == ["▲", "serv01", "serv02", "serv02", "200"]
            and self.vip(VIP2) == ["●", "serv02", "serv02", "serv02", "200"]
            and bool(re.search(r"proxy_ip1 FAULT +255\S* .*eth1 down", text))
            and bool(re.search(r"proxy_ip1 MASTER +100\S* .*\.101 ●", text))
            and f"▲ {ONE}: public link eth1 is down (switched off)" in text
            and f"▲ {ONE} cannot be a master: public link eth1 is down" in text
            and "● all well" not in text
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the console work until the screen says so. Raises: AssertionError with the screen."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, f"{condition.__name__} within {SECONDS} s:\n{self.text}"
            await self.pilot.pause(0.05)


@asynccontextmanager
async def console(config: Path, size: tuple[int, int]) -> AsyncIterator[Screen]:
    """The console as the command line puts it together, on a screen of this size."""
    clusters = load(config)
    parts = production()
    monitors = [Monitor(c, parts.connector, parts.probe, parts.clock) for c in clusters]
    app = Console(
        monitors,
        clock=parts.clock.now,
        operator="anna@bastion",
        run_sources=lambda: run_all(monitors, parts.connector),
    )
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Screen(app, pilot)
    finally:
        await parts.connector.close()


def forget_history(lab: Lab) -> None:
    """Empty the nodes' journals: the faults of earlier tests would rightly be told as flapping."""
    lab.each_node(lambda node: node.exec("journalctl", "--quiet", "--rotate", "--vacuum-size=1"))


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["160x48", "80x24"])
async def test_the_screen_follows_a_real_link_down_and_up(
    healthy_lab: Lab, in_operator_namespace: None, tmp_path: Path, size: tuple[int, int]
) -> None:
    forget_history(healthy_lab)
    async with console(healthy_lab.write_config(tmp_path / "haconsole.toml"), size) as screen:
        await screen.until(screen.all_well)
        with faults.link_down(healthy_lab.nodes[ONE], "eth1"):
            await screen.until(screen.public_link_down)
            assert "Entering FAULT STATE" in "\n".join(screen.app.lines("events"))
            await screen.pilot.press("f", "enter")
            await screen.until(lambda: "What to do" in screen.text and "ip link set" in screen.text)
            assert f"kernel on {ONE}" in screen.text
            await screen.pilot.press("escape")
            await screen.until(screen.public_link_down)
        await screen.until(screen.all_well)
