"""Rolling maintenance on real nodes: both rebooted for real, a console killed meanwhile, and no new request lost."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.commanding import (
    ONE,
    TWO,
    VIP1,
    VIP2,
    Command,
    Kernels,
    Running,
    clients,
    disturbed,
    kept,
    revert_units,
    standings,
)
from tests.lab.harness import Lab, faults, until
from tests.lab.harness.configurations import KEEPALIVED_CONF, SUDOERS
from tests.lab.harness.node import Node

_log = logging.getLogger(__name__)


def told(running: Running, words: str, seconds: float = 60.0) -> None:
    """Return when a line has these words."""
    until(
        lambda: any(words in line for line in running.lines) or running.process.poll() is not None,
        seconds, f"{words}: {running.lines}",
    )  # fmt: skip
    assert any(words in line for line in running.lines), "\n".join(running.lines)


def position(folder: Path) -> dict[str, object]:
    """What is kept between two consoles."""
    return dict(json.loads((folder / "state" / "haconsole" / "maintenance-proxy.json").read_text("utf-8")))


def rebooting(node: Node) -> threading.Thread:
    thread = threading.Thread(target=node.reboot)
    thread.start()
    return thread


@pytest.fixture
def ready(healthy_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """An operator at the pair that drains without loss; what was configured survives a reboot."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with contextlib.ExitStack() as stack:
        stack.enter_context(faults.lossless(healthy_lab))
        command = stack.enter_context(disturbed(healthy_lab, tmp_path))
        for node in healthy_lab.nodes.values():
            for path in (KEEPALIVED_CONF, SUDOERS):
                stack.enter_context(staged(node, path))
        yield command


@contextlib.contextmanager
def staged(node: Node, path: str) -> Iterator[None]:
    """A file as it is now survives the node's reboot."""
    place = node.container.stage / path.lstrip("/")
    before = place.read_text("utf-8") if place.exists() else None
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(node.read(path), "utf-8")
    place.chmod(0o440 if path == SUDOERS else 0o644)
    try:
        yield
    finally:
        if before is None:
            place.unlink()
        else:
            place.write_text(before, "utf-8")


def test_both_nodes_reboot_a_killed_console_is_followed_by_another_and_no_new_request_is_lost(
    healthy_lab: Lab, ready: Command, tmp_path: Path
) -> None:
    confirmed = ("--confirm", ONE, "--confirm", TWO)
    before, nodes, kernels = standings(healthy_lab), healthy_lab.nodes, Kernels(healthy_lab)
    with kernels.watched(), clients(healthy_lab) as found:
        first = ready.start("maintain", ONE, TWO, "--reason", "kernel update", *confirmed)
        told(first, f"{ONE} is drained: patch and reboot it now; this waits")
        assert healthy_lab.holders(VIP1) == [TWO]
        note = next(n["drained"] for n in ready.status()["nodes"] if n["name"] == ONE)
        assert note["reason"] == "kernel update", "another operator's console tells who drained it, and why"

        boot = rebooting(nodes[ONE])
        told(first, f"{ONE} does not answer: expected, it reboots")
        first.kill()
        assert position(tmp_path)["stage"] == "away"
        assert "rebooting" in ready.run("maintain", "--status").out
        again = ready.start("maintain", *confirmed)
        assert again.wait().code == 2, "one is under way: it is resumed or given up, not begun a second time"

        second = ready.start("maintain", "--resume", *confirmed)
        boot.join(60)
        told(second, f"{ONE} is back after a reboot; its drain ended with it")
        told(second, f"{ONE} is done: {VIP1} on {ONE}, {VIP2} on {TWO}", 150)
        told(second, f"{TWO} is drained: patch and reboot it now; this waits")
        assert healthy_lab.holders(VIP2) == [ONE]
        rebooting(nodes[TWO]).join(60)
        done = second.wait(150)
    assert done.code == 0, done.err
    for name in ("reachable", "keepalived", "squid", "configuration", "request", "instances", "clock", "routes"):
        assert done.err.count(f"● {name}: ") >= 2, (name, done.err)
    assert ready.run("maintain", "--status").out == "no maintenance of proxy is under way\n"
    assert standings(healthy_lab) == before
    assert all(kept(n) == set() and revert_units(n) == [] for n in nodes.values())
    moves = {vip: kernels.changes(vip) for vip in found}
    told_of = {vip: (c.sent, c.failed, moves[vip]) for vip, c in found.items()}
    _log.info("requests: %s", told_of)
    assert not [f for vip, c in found.items() for f in c.lost(kernels.moved(vip))], told_of
    assert min(c.sent for c in found.values()) >= 500, told_of
    actions = [(e.action, e.node) for e in ready.audited() if e.what == "asked"]
    assert actions == [("drain", ONE), ("drain", TWO)], "both came back by themselves: nothing was to be undrained"


@pytest.mark.soak  # the node takes half a minute to take the drain back
def test_a_console_that_is_killed_in_its_drain_is_followed_by_one_that_begins_the_drain_anew(
    ready: Command, tmp_path: Path
) -> None:
    killed = ready.start("maintain", ONE, "--confirm", ONE, kill_after="change")
    killed.process.wait(90)
    assert killed.killed_at is not None, killed.lines
    assert position(tmp_path)["stage"] == "draining"
    running = ready.start("maintain", "--resume", "--confirm", ONE)
    told(running, f"{ONE} is not drained: it begins anew", 90)
    told(running, f"{ONE} is drained: patch and reboot it now")
    running.send(signal.SIGINT)
    assert running.wait().code == 130
    done = ready.run("maintain", "--resume", "--done")
    assert done.code == 0, done.err


def test_left_by_ctrl_c_and_not_as_it_should_be_it_goes_on_every_time(
    healthy_lab: Lab, ready: Command, tmp_path: Path
) -> None:
    """Without a reboot: the work is done by the operator's word; squid does not start at boot any more."""
    node = healthy_lab.nodes[ONE]
    running = ready.start("maintain", ONE, "--confirm", ONE)
    told(running, f"{ONE} is drained: patch and reboot it now")
    running.send(signal.SIGINT)
    left = running.wait()
    assert left.code == 130, left
    assert f"haconsole node undrain {ONE}" in left.out and "--resume" in left.out
    assert healthy_lab.holders(VIP1) == [TWO], "left where it stands"
    node.systemctl("disable", "squid")
    resumed = ready.start("maintain", "--resume", "--done")
    told(resumed, f"{ONE}: the work is done, without a reboot")
    until(lambda: position(tmp_path)["stage"] == "checks", 20, "the checks do not all hold")
    node.systemctl("enable", "squid")
    done = resumed.wait()
    assert done.code == 0, done.err
    assert "● drain: still drained: undrained next" in done.err
    assert healthy_lab.holders(VIP1) == [ONE]
    assert kept(node) == set()
