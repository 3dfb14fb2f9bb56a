"""The lab is what it says: a converged pair, faults that come and go, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.lab.harness import (
    LOSSLESS,
    OPS_PASSWORD,
    ORIGIN_URL,
    Lab,
    LabError,
    Node,
    faults,
    remove_leftovers,
    run_ids,
    until,
)

VIP1, VIP2 = "192.168.2.101", "192.168.2.102"
ONE, TWO = "proxy-serv01", "proxy-serv02"
ROOT = Path(__file__).resolve().parents[2]


def traces(run_id: str) -> list[str]:
    """Whatever on this machine still carries the name of a run."""
    found = [f"namespace {path.name}" for path in Path("/run/netns").glob(f"hac{run_id}-*")]
    found += [
        f"mount {line}" for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines() if run_id in line
    ]
    found += [f"folder {path}" for path in Path("/run/haconsole-lab").glob(run_id)]
    # os.walk passes over folders that go while it looks; Path.glob does not
    found += [f"cgroup {path}" for path, _, _ in os.walk("/sys/fs/cgroup") if path.endswith(f"/haconsole-lab/{run_id}")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "cgroup").read_bytes()
        except OSError:
            continue
        if run_id.encode() in words:
            found.append(f"process {process.name}: {words!r}")
    return found


# -- the pair ------------------------------------------------------------------------------------------------------


def test_the_pair_is_the_articles(healthy_lab: Lab) -> None:
    one, two = healthy_lab.nodes[ONE], healthy_lab.nodes[TWO]
    assert list(healthy_lab.nodes) == [ONE, TWO]
    assert healthy_lab.holders(VIP1) == [ONE]
    assert healthy_lab.holders(VIP2) == [TWO]
    assert healthy_lab.fetch(VIP1) == healthy_lab.fetch(VIP2) == 200
    for node in (one, two):
        assert node.systemctl("is-system-running", check=False) == "running"
        assert node.exec("hostname").stdout.strip() == node.name
        assert {"192.168.2.251/24", "192.168.2.252/24"} & set(node.addresses("eth0"))
        assert "priority 255" in node.read("/etc/keepalived/keepalived.conf")
        assert node.systemctl("is-enabled", "keepalived", "squid", "ssh").split() == ["enabled"] * 3
        assert node.exec("keepalived", "-t", check=False, timeout=10).stderr == ""
        assert node.exec("/usr/sbin/squid", "-k", "check").returncode == 0


def test_both_proxies_are_reached_by_ipv6_too(healthy_lab: Lab) -> None:
    for node in healthy_lab.nodes.values():
        assert healthy_lab.fetch(node.address) == 200
        banner = "import socket,sys; print(socket.create_connection((sys.argv[1], 22), 5).recv(7))"
        assert "SSH-2.0" in healthy_lab.operator([sys.executable, "-c", banner, node.address6]).stdout


def test_three_users_three_rights(healthy_lab: Lab) -> None:
    node = healthy_lab.nodes[ONE]
    assert healthy_lab.ssh(node, "id", "-un").stdout == "root\n"
    assert healthy_lab.ssh(node, "sudo", "-n", "id", "-un", user="ops").stdout == "root\n"
    assert "Keepalived" in healthy_lab.ssh(node, "journalctl", "-u", "keepalived", user="ops").stdout
    assert healthy_lab.ssh(node, "sudo", "-n", "id", user="plain", check=False).returncode != 0
    assert "Keepalived" not in healthy_lab.ssh(node, "journalctl", "-u", "keepalived", user="plain", check=False).stdout


@pytest.mark.parametrize(("password", "answer"), [(OPS_PASSWORD, "ops\n"), ("wrong", "")])
def test_a_password_signs_in_or_not(healthy_lab: Lab, tmp_path: Path, password: str, answer: str) -> None:
    asker = tmp_path / "ask"
    asker.write_text(f"#!/bin/sh\necho {password}\n", "ascii")
    asker.chmod(0o700)
    known = healthy_lab.ssh_dir / "known_hosts"
    options = [f"-oUserKnownHostsFile={known}", "-oPubkeyAuthentication=no", "-oNumberOfPasswordPrompts=1"]
    target = f"ops@{healthy_lab.nodes[ONE].address}"
    done = healthy_lab.operator(
        ["ssh", "-F", "none", *options, target, "id", "-un"],
        check=False,
        env={"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"},
    )
    assert done.stdout == answer, done.stderr


def test_the_configuration_is_toml_of_this_pair(healthy_lab: Lab, tmp_path: Path) -> None:
    path = healthy_lab.write_config(tmp_path / "a.toml", user="ops", read_only=True, ssh={"port": 22}, extra="# end\n")
    parsed = tomllib.loads(path.read_text("utf-8"))
    assert parsed["ssh"]["user"] == "ops"
    assert parsed["ssh"]["sudo"] is True
    assert parsed["ssh"]["port"] == 22
    assert Path(parsed["ssh"]["identity_file"]).is_file()
    (cluster,) = parsed["cluster"]
    assert (cluster["name"], cluster["probe_url"], cluster["read_only"]) == ("proxy", ORIGIN_URL, True)
    assert [(n["name"], n["address"]) for n in cluster["node"]] == [(ONE, "192.168.2.251"), (TWO, "192.168.2.252")]
    assert {v["address"]: v["preferred"] for v in cluster["vip"]} == {VIP1: ONE, VIP2: TWO}


@pytest.mark.usefixtures("in_operator_namespace")
def test_in_process_code_reaches_the_nodes(healthy_lab: Lab) -> None:
    with socket.create_connection((VIP1, 3128), 5):
        pass
    there = healthy_lab.operator(["readlink", "/proc/self/ns/net"]).stdout.strip()
    assert os.readlink("/proc/thread-self/ns/net") == there
    # the harness works from there too
    assert healthy_lab.fetch(VIP2) == 200
    assert healthy_lab.unconverged() == []


# -- faults --------------------------------------------------------------------------------------------------------


def test_public_link_down_moves_the_vip_and_heals(healthy_lab: Lab) -> None:
    with faults.link_down(healthy_lab.nodes[ONE], "eth1"):
        until(lambda: healthy_lab.holders(VIP1) == [TWO], 10, f"{VIP1} moves")
        assert healthy_lab.fetch(VIP1) == 200
    healthy_lab.wait_converged(15)
    assert "default via" in healthy_lab.nodes[ONE].sh("ip route")


MOVING: dict[str, Callable[[Lab, Node], AbstractContextManager[None]]] = {
    "eth0 down": lambda _lab, node: faults.link_down(node, "eth0"),
    "cable cut": lambda lab, node: faults.cable_cut(lab, node, "eth0"),
    "squid stopped": lambda _lab, node: faults.unit_stopped(node, "squid"),
    "keepalived stopped": lambda _lab, node: faults.unit_stopped(node, "keepalived"),
}
DOUBLING: dict[str, Callable[[Lab, Node], AbstractContextManager[None]]] = {
    "vrrp dropped": lambda lab, _node: faults.vrrp_dropped(lab),
    "blackholed": faults.blackholed,
    "frozen": lambda _lab, node: faults.frozen(node),
    "keepalived killed": lambda _lab, node: faults.keepalived_killed(node),
}


@pytest.mark.parametrize("name", MOVING)
def test_a_fault_that_moves_the_vip(healthy_lab: Lab, name: str) -> None:
    node = healthy_lab.nodes[ONE]
    if name == "squid stopped" and node.suite == "bullseye":
        pytest.skip("keepalived 2.1.5 with priority 255 ignores a failing script")
    with MOVING[name](healthy_lab, node):
        until(lambda: healthy_lab.holders(VIP1) == [TWO], 15, f"{VIP1} moves")
        assert healthy_lab.fetch(VIP1) == 200


@pytest.mark.parametrize("name", DOUBLING)
def test_a_fault_that_leaves_the_vip_on_both(healthy_lab: Lab, name: str) -> None:
    with DOUBLING[name](healthy_lab, healthy_lab.nodes[ONE]):
        until(lambda: healthy_lab.holders(VIP1) == [ONE, TWO], 15, f"{VIP1} is on both")


def test_ssh_can_be_refused_silent_or_frozen(healthy_lab: Lab) -> None:
    node = healthy_lab.nodes[ONE]

    def problem() -> str:
        return healthy_lab.ssh(node, "true", check=False).stderr

    with faults.ssh_refused(node):
        assert "Connection refused" in problem()
    with faults.ssh_blackholed(node):
        assert "timed out" in problem()
    with faults.sshd_frozen(node):
        assert "timed out" in problem()
    assert problem() == ""


def test_sudo_can_be_taken_away(healthy_lab: Lab) -> None:
    node = healthy_lab.nodes[ONE]
    with faults.sudo_broken(node):
        assert healthy_lab.ssh(node, "sudo", "-n", "true", user="ops", check=False).returncode != 0
    assert healthy_lab.ssh(node, "sudo", "-n", "true", user="ops", check=False).returncode == 0


def test_a_tool_can_be_replaced(healthy_lab: Lab) -> None:
    node = healthy_lab.nodes[ONE]
    with node.shadow("/usr/bin/ip", "echo shadow; exec @REAL@ -V"):
        lines = node.exec("ip", "addr").stdout.splitlines()
        assert lines[0] == "shadow"
        assert lines[1].startswith("ip utility")
    assert "eth0" in node.exec("ip", "addr").stdout


def test_an_ipv6_vip(healthy_lab: Lab) -> None:
    with faults.ipv6_vip(healthy_lab):
        assert healthy_lab.holders("fd00:2::101") == [ONE]
    assert healthy_lab.holders("fd00:2::101") == []


def test_unicast_needs_no_multicast(healthy_lab: Lab) -> None:
    deaf = faults.packets_dropped(healthy_lab.nodes.values(), "-d", "224.0.0.18", programs=["iptables"])
    with faults.unicast(healthy_lab), deaf, pytest.raises(LabError):
        until(lambda: healthy_lab.holders(VIP1) != [ONE], 5, "the VIP moves")


def test_a_drain_file_moves_the_vip(healthy_lab: Lab) -> None:
    node = healthy_lab.nodes[ONE]
    with faults.lossless(healthy_lab):
        assert LOSSLESS.drain_file
        node.write(LOSSLESS.drain_file, "-200\n")
        until(lambda: healthy_lab.holders(VIP1) == [TWO], 10, "the drained node's VIP moves")


# -- healing -------------------------------------------------------------------------------------------------------


@contextmanager
def _broken(node: Node, script: str) -> Iterator[None]:
    node.sh(script)
    yield


BREAKING = {
    "interfaces": "ip link set eth1 down; ip link set eth0 down",
    "firewall": "iptables -N X; iptables -A INPUT -j X; iptables -A X -j DROP; ip6tables -P INPUT DROP",
    "units": "systemctl mask --runtime --now keepalived; systemctl stop ssh; systemctl disable squid",
    "a bad configuration": "echo '{' > /etc/keepalived/keepalived.conf; systemctl reload keepalived",
    "files": "rm -rf /etc/sudoers.d/ops /etc/squid/squid.conf; mkdir /run/haconsole; echo -200 > /run/haconsole-drain",
    "a timer": "systemd-run --quiet --on-active=1h --unit=haconsole-revert /bin/true",
    "foreign addresses": "ip addr add 192.168.2.77/24 dev eth0; ip addr add 192.168.2.102/24 dev eth0",
    "kernel parameters": "sysctl -qw net.ipv4.ip_nonlocal_bind=1; hostname other",
}


@pytest.mark.parametrize("name", BREAKING)
def test_heal_mends_what_was_left_broken(healthy_lab: Lab, name: str) -> None:
    node = healthy_lab.nodes[ONE]
    node.sh(BREAKING[name])
    assert healthy_lab.heal()
    assert healthy_lab.unconverged() == []
    assert healthy_lab.heal() == []
    assert "haconsole" not in node.sh("systemctl list-units --all --plain; ls /run")


# -- labs come and go ----------------------------------------------------------------------------------------------


def test_two_labs_side_by_side(healthy_lab: Lab) -> None:
    with Lab(nodes=3) as other:
        assert list(other.nodes) == [ONE, TWO, "proxy-serv03"]
        with faults.unit_stopped(other.nodes[ONE], "keepalived"):
            until(lambda: other.holders(VIP1) == [TWO], 10, "the other lab's VIP moves")
            assert healthy_lab.unconverged() == []
        run_id = other.run.id
    until(lambda: not traces(run_id), 5, f"no traces of {run_id}: {traces(run_id)}")
    assert healthy_lab.unconverged() == []


@contextmanager
def lab_of_another_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m tests.lab up`, up and waiting; yields its process and the run's name."""
    argv = [sys.executable, "-m", "tests.lab", "up", *options, "--"]
    report = ["sh", "-c", 'echo "$HACONSOLE_CONFIG"; exec sleep 600']
    with subprocess.Popen([*argv, *report], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            run_id = Path(process.stdout.readline().strip()).parent.name
            assert run_id in run_ids()
            assert traces(run_id)
            yield process, run_id
        finally:
            process.kill()


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_the_lab_down(number: signal.Signals) -> None:
    with lab_of_another_process() as (process, run_id):
        process.send_signal(number)
        process.wait(30)
        until(lambda: not traces(run_id), 5, f"no traces of {run_id}")


def test_what_a_killed_owner_leaves_is_removed_by_the_next(lab: Lab) -> None:
    with lab_of_another_process() as (process, run_id):
        process.kill()
        process.wait(10)
        assert traces(run_id)
        assert run_id in remove_leftovers()
        until(lambda: not traces(run_id), 5, f"no traces of {run_id}")
    assert lab.unconverged() == []
