"""`haconsole node` on a real pair, as a process of `ops` with only the printed sudoers: refused, stopped, taken over, drained."""

from __future__ import annotations

import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.commanding import (
    DRAIN_FILE,
    ONE,
    TWO,
    VIP1,
    VIP2,
    Command,
    Kernels,
    clients,
    difference,
    disturbed,
    kept,
    revert_units,
    sessions,
    standings,
)
from tests.lab.harness import Lab, faults, until
from tests.lab.harness.configurations import KEEPALIVED_CONF, SQUID
from tests.lab.harness.node import Node

_log = logging.getLogger("lab.node")


@pytest.fixture
def command(healthy_lab: Lab, tmp_path: Path) -> Iterator[Command]:
    with disturbed(healthy_lab, tmp_path) as found:
        yield found


def _all_kept(lab: Lab) -> dict[str, set[str]]:
    return {name: kept(node) for name, node in lab.nodes.items()}


# --- not begun ------------------------------------------------------------------------------------


def test_without_the_node_s_name_nothing_is_touched(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    wrong = command.run("node", "squid-stop", ONE, "--confirm", TWO)
    assert (wrong.code, wrong.out) == (2, "")
    assert f"--confirm says {TWO}, the node is {ONE}" in wrong.err
    nobody = command.node("squid-stop", confirmed=False)
    assert (nobody.code, nobody.out) == (2, "")
    assert "not confirmed, nothing was touched" in nobody.err
    assert standings(healthy_lab) == before
    assert _all_kept(healthy_lab) == {ONE: set(), TWO: set()}
    assert not command.audited()


def _never() -> str:
    """A maintenance window that is not now, nor within a day."""
    day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    return f'\n[[cluster.maintenance_window]]\ndays = ["{day}"]\nstart = "03:00"\nend = "03:05"\ntimezone = "UTC"\n'


@contextlib.contextmanager
def _noted(node: Node) -> Iterator[None]:
    """A drain note of somebody."""
    node.exec("mkdir", "-p", "/run/haconsole")
    node.write("/run/haconsole/drain", '{"by": "zoe", "reason": "disk", "method": "track_file"}\n')
    try:
        yield
    finally:
        node.exec("rm", "-f", "/run/haconsole/drain")


@contextlib.contextmanager
def _disabled(node: Node) -> Iterator[None]:
    node.systemctl("disable", "squid")
    try:
        yield
    finally:
        node.systemctl("enable", "squid")


@contextlib.contextmanager
def _both_masters(lab: Lab) -> Iterator[None]:
    with faults.vrrp_dropped(lab, lab.nodes[TWO]):
        until(lambda: lab.holders(VIP1) == [ONE, TWO], 20, "both have it")
        yield


def _squid_bound(lab: Lab) -> AbstractContextManager[None]:
    bound = SQUID.replace("0.0.0.0:3128", f"{VIP2}:3128") + f"http_port {lab.nodes[TWO].address}:3128\n"
    return faults.squid_configured(lab.nodes[TWO], bound)


@contextlib.contextmanager
def _another_key(lab: Lab) -> Iterator[None]:
    """The operator knows the first node by a key that it has not."""
    known = lab.ssh_dir / "known_hosts"
    text = known.read_text("ascii")
    keys = {
        name: next(x for x in text.splitlines() if node.address in x).split(" ", 1)[1]
        for name, node in lab.nodes.items()
    }
    known.write_text(text.replace(keys[ONE], keys[TWO]), "ascii")
    try:
        yield
    finally:
        known.write_text(text, "ascii")


def _vip_is_real(lab: Lab) -> AbstractContextManager[None]:
    """The file of the second node names its own address as a VIP (keepalived has not read that, and is lucky)."""
    node = lab.nodes[TWO]
    text = node.read(KEEPALIVED_CONF)
    first = f"{VIP2}/24 dev eth0"
    assert first in text
    return faults.file_replaced(
        node, KEEPALIVED_CONF, text.replace(first, f"{node.address}/24 dev eth0\n    {first}", 1)
    )


def _nothing(_lab: Lab) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


BAD_FILE = "vrrp_instance broken {\n  state NONSENSE\n  interface eth0\n"
REFUSALS: dict[str, tuple[tuple[str, ...], Callable[[Lab], AbstractContextManager[None]], dict[str, Any]]] = {
    "not-read-only": (("squid-stop",), _nothing, {"read_only": True}),
    "in-window": (("link-down", "--interface", "public"), _nothing, {"extra": _never()}),
    "rights-present": (("squid-stop",), lambda lab: faults.sudo_broken(lab.nodes[ONE]), {}),
    "peer-serves": (("keepalived-stop",), lambda lab: faults.squid_frozen(lab.nodes[TWO]), {}),
    "not-last-healthy peer-fit peer-wins peer-public-link": (
        ("squid-stop",), lambda lab: faults.link_down(lab.nodes[TWO], "eth1"), {}
    ),
    "host-keys-known node-read": (("squid-stop",), _another_key, {}),
    "vip-is-no-real-address": (("squid-stop",), _vip_is_real, {"with_vips": False}),
    "state-fresh": (("squid-stop",), lambda lab: faults.ssh_refused(lab.nodes[TWO]), {}),
    "clients-served": (("keepalived-stop",), lambda lab: faults.squid_frozen(lab.nodes[ONE]), {}),
    "peer-can-bind": (("squid-stop",), _squid_bound, {}),
    "nobody-drained": (("squid-stop",), lambda lab: _noted(lab.nodes[TWO]), {}),
    "enabled-at-boot": (("squid-stop",), lambda lab: _disabled(lab.nodes[ONE]), {}),
    "config-passes": (
        ("keepalived-restart",), lambda lab: faults.file_replaced(lab.nodes[ONE], KEEPALIVED_CONF, BAD_FILE), {}
    ),
    "witnesses-agree": (("squid-stop",), _both_masters, {}),
}  # fmt: skip
"""Guards that must refuse → the action, what is wrong meanwhile, settings of the console."""


@pytest.mark.parametrize("guard", REFUSALS)
def test_a_guard_refuses_and_nothing_is_touched(healthy_lab: Lab, tmp_path: Path, guard: str) -> None:
    words, fault, settings = REFUSALS[guard]
    with disturbed(healthy_lab, tmp_path, **settings) as command, fault(healthy_lab):
        before, files = standings(healthy_lab), _all_kept(healthy_lab)
        done = command.node(*words)
        assert done.code == 3, done.err
        told = done.document
        assert (told["schema"], told["result"], told["steps"]) == ("haconsole.action/1", "refused", [])
        failed = {g["id"] for g in told["guards"] if not g["passes"]}
        assert set(guard.split()) <= failed
        assert f"refused by {', '.join(g['id'] for g in told['guards'] if not g['passes'])}" in told["text"]
        after = standings(healthy_lab)
        # VIPs may still be on their way: that is the fault's doing, and no file is.
        moving = {line for vip in (VIP1, VIP2) for line in [f" {vip}"]}
        assert not [d for d in difference(before, after).split("; ") if d and not any(m in d for m in moving)]
        assert _all_kept(healthy_lab) == files
        (entry,) = command.audited()
        assert (str(entry.what), entry.result) == ("refused", "refused")


# --- stopped, and two at once ---------------------------------------------------------------------


def test_of_two_consoles_one_is_refused_and_ctrl_c_puts_everything_back(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    words = command.words("squid-stop", "--revert-after", "2m", "--reason", "drill", "--ticket", "CHG-7")
    first = command.start(*words)
    first.step("verify")
    assert healthy_lab.holders(VIP1) == [TWO]
    assert all(sessions(node) for node in healthy_lab.nodes.values()), "as long as it lives it is logged in"
    second = command.node("link-down", "--interface", "public")
    assert second.code == 3, second.err
    (other,) = (g for g in second.document["guards"] if g["id"] == "no-other-operation")
    assert other["ok"] is False and "squid-stop" in other["evidence"], other
    assert (owner := first_owner(healthy_lab)) and owner in other["evidence"]
    first.send(signal.SIGINT)
    first.send(signal.SIGINT)
    done = first.wait()
    assert done.code == 4, done.err
    told = done.document
    assert (told["result"], told["ticket"]) == ("reverted", "CHG-7")
    assert "stopped by the operator" in told["text"]
    assert [s["name"] for s in told["steps"]] == [
        "lock", "guards", "save", "arm", "see-armed", "change", "verify", "hold", "put-back", "restored", "disarm", "unlock",
    ]  # fmt: skip
    assert [s["name"] for s in told["steps"] if not s["ok"]] == ["hold"]
    assert set(told) >= {"id", "operator", "guards", "predicted", "before", "after"}
    assert told["before"]["vips"] == told["after"]["vips"]
    until(lambda: standings(healthy_lab) == before, 15, "as before")
    assert _all_kept(healthy_lab) == {ONE: set(), TWO: set()}
    # The revert's own process may still wait to see the lock go.
    until(lambda: not any(revert_units(n) for n in healthy_lab.nodes.values()), 40, "no unit is left")
    entries = command.audited()
    mine = [e for e in entries if e.operation == told["id"]]
    told_of = [(e.what, e.result) for e in mine if e.what not in {"command", "step"}]
    assert told_of == [("asked", None), ("ended", "reverted")]
    assert {e.reason for e in mine} == {"drill"} and {e.ticket for e in mine} == {"CHG-7"}
    ran = {e.text.partition(":")[0]: e.exit_status for e in mine if e.what == "command" and e.text}
    assert ran["squid.stop"] == 0 and ran["operation.arm-squid"] == 0 and ran["operation.revert-now-a"] == 0
    assert [e for e in entries if e.operation == second.document["id"]][-1].result == "refused"


def first_owner(lab: Lab) -> str:
    """Whose lock it is, as the node keeps it."""
    import json

    return str(json.loads(lab.nodes[ONE].read("/run/haconsole/lock/owner"))["owner"])


# --- a dead console -------------------------------------------------------------------------------


def test_the_next_console_sees_a_dead_one_and_squid_start_takes_over(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    running = command.start(*command.words("squid-stop", "--revert-after", "5m"))
    running.step("verify")
    running.kill()
    running.wait()
    found = command.findings()
    assert ("operation-under-way", ONE) in found, found
    assert "squid-stop" in found["operation-under-way", ONE]
    told = command.status()["nodes"][0]["operation"]
    assert told["name"] == "squid-stop", told
    early = command.node("squid-start")
    if early.code == 3:  # its lock may still be alive
        assert "no-other-operation" in early.document["text"]
        until(lambda: ("operation-left", TWO) in command.findings(), 40, "the lock that nothing outlives is stale")
        done = command.node("squid-start")
    else:
        done = early
    assert done.code == 0, (done.out, done.err)
    assert done.document["result"] == "done"
    until(lambda: standings(healthy_lab) == before, 30, "as before")
    assert kept(healthy_lab.nodes[ONE]) == set()
    assert revert_units(healthy_lab.nodes[ONE]) == [], "its revert is disarmed"
    assert _all_kept(healthy_lab) == {ONE: set(), TWO: set()}, "the dead one's stale lock on the other node, too"


def test_what_was_left_to_a_node_s_own_timer_is_ended_by_the_very_start(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    running = command.start(*command.words("squid-stop", "--revert-after", "5m"))
    running.step("verify")
    running.kill()
    running.wait()
    until(lambda: ("operation-left", TWO) in command.findings(), 40, "the lock that nothing outlives is stale")
    left = command.node("take-over", "--revert-after", "5m", "--leave")
    assert left.code == 0, left.err
    done = command.node("squid-start")
    assert (done.code, done.document["result"]) == (0, "done"), (done.out, done.err)
    assert revert_units(healthy_lab.nodes[ONE]) == [], "its revert is disarmed"
    until(lambda: standings(healthy_lab) == before, 30, "as before")
    assert _all_kept(healthy_lab) == {ONE: set(), TWO: set()}


# --- drains ---------------------------------------------------------------------------------------


def test_by_the_track_file_a_drain_and_its_end_lose_no_request(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.lossless(healthy_lab), disturbed(healthy_lab, tmp_path) as command:
        before = standings(healthy_lab)
        kernels = Kernels(healthy_lab)
        with kernels.watched(), clients(healthy_lab) as found:
            drained = command.node("drain", "--reason", "kernel update")
            assert drained.code == 0, drained.err
            assert healthy_lab.holders(VIP1) == [TWO]
            assert kept(healthy_lab.nodes[ONE]) == {"drain"}
            told = command.status()
            assert told["nodes"][0]["drained"]["reason"] == "kernel update"
            assert ("drained", ONE) in {(f["id"], f["node"]) for f in told["findings"]}
            undrained = command.node("undrain")
            assert undrained.code == 0, undrained.err
            until(lambda: healthy_lab.holders(VIP1) == [ONE], 15, "it is back")
            until(lambda: sum(c.sent for c in found.values()) >= 500, 30, "500 requests")
        moves = {vip: kernels.changes(vip) for vip in found}
        told = {vip: (c.sent, c.failed, moves[vip]) for vip, c in found.items()}
        assert not [f for vip, c in found.items() for f in c.lost(kernels.moved(vip))], told
        # Of connections open at that very moment at most one a hand-over, and most often none.
        assert all(len(c.failed) <= len(moves[vip]) // 2 for vip, c in found.items()), told
        _log.info("requests: %s", told)
        assert min(c.sent for c in found.values()) >= 100
        assert len(kernels.changes(VIP1)) >= 4, "it went and came"
        assert standings(healthy_lab) == before
        assert _all_kept(healthy_lab) == {ONE: set(), TWO: set()}


def test_the_article_s_own_drain_says_beforehand_what_it_costs(healthy_lab: Lab, command: Command) -> None:
    before = standings(healthy_lab)
    asked = command.run("node", "drain", ONE, "--dry-run")
    assert asked.code == 0, asked.err
    assert "priority 255, which no weight lowers" in asked.err
    assert "clients lose a hand-over" in asked.err and "nothing serves" in asked.err
    assert f'track_file haconsole_drain {{ file "{DRAIN_FILE}"' in asked.err
    assert standings(healthy_lab) == before
    drained = command.node("drain", "--reason", "patches")
    assert drained.code == 0, drained.err
    assert healthy_lab.holders(VIP1) == [TWO]
    assert not healthy_lab.nodes[ONE].is_active("keepalived")
    found = command.findings()
    assert "patches" in found["drain-noted", ONE], found
    undrained = command.node("undrain")
    assert undrained.code == 0, undrained.err
    until(lambda: standings(healthy_lab) == before, 20, "as before")
    until(lambda: _all_kept(healthy_lab) == {ONE: set(), TWO: set()}, 5, "nothing is left")
    assert not any(revert_units(n) for n in healthy_lab.nodes.values())


@pytest.mark.soak  # test_maintenance reboots both nodes too
def test_both_nodes_are_rebooted_one_after_the_other_and_no_new_request_is_lost(
    healthy_lab: Lab, tmp_path: Path
) -> None:
    """Rolling maintenance: drained, rebooted, and with that the drain has ended and nothing is left of it."""
    nodes = healthy_lab.nodes
    with contextlib.ExitStack() as stack:
        stack.enter_context(faults.lossless(healthy_lab))
        for node in nodes.values():
            stack.enter_context(_staged(node, KEEPALIVED_CONF))
        command = stack.enter_context(disturbed(healthy_lab, tmp_path))
        kernels = Kernels(healthy_lab)
        with kernels.watched(), clients(healthy_lab) as found:
            for name, vip, peer in ((ONE, VIP1, TWO), (TWO, VIP2, ONE)):
                node = nodes[name]
                drained = command.node("drain", "--reason", "kernel update", "--until", _in_an_hour(), node=name)
                assert drained.code == 0, drained.err
                assert healthy_lab.holders(vip) == [peer]
                assert revert_units(node) and "drain" in kept(node)
                node.reboot()
                until(lambda n=name, v=vip: healthy_lab.holders(v) == [n], 60, "it is back, and master")  # type: ignore[misc]
                healthy_lab.wait_converged(60)
                assert kept(node) == set() and revert_units(node) == []
                assert node.read(DRAIN_FILE) == "0\n"
                told = {n["name"]: n for n in command.status()["nodes"]}[name]
                assert (told["drained"], told["operation"]) == (False, False)
                assert not [f for f in command.findings() if f[0].startswith(("drain", "operation"))]
        moves = {vip: kernels.changes(vip) for vip in found}
        told_of = {vip: (c.sent, c.failed, moves[vip]) for vip, c in found.items()}
        assert not [f for vip, c in found.items() for f in c.lost(kernels.moved(vip))], told_of
        assert all(len(c.failed) <= len(moves[vip]) // 2 for vip, c in found.items()), told_of
        _log.info("requests: %s", told_of)


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")


@contextlib.contextmanager
def _staged(node: Node, path: str) -> Iterator[None]:
    """A file as it is now survives the node's reboot."""
    place = node.container.stage / path.lstrip("/")
    before = place.read_text("utf-8")
    place.write_text(node.read(path), "utf-8")
    try:
        yield
    finally:
        place.write_text(before, "utf-8")
