"""A node that hangs, floods, lies or refuses: a clear line about it, and the other node as ever."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.lab.harness import Lab, Node, faults, until
from tests.lab.test_status_truth import ONE, TWO, VIP2, Status, holders

REAL = "/run/lab-real"


def assert_other_node_is_fine(status: Status) -> None:
    assert status.node(TWO)["reachable"] is True
    assert status.state(TWO, "proxy_ip2") == "MASTER"
    assert holders(status.cluster)[VIP2] == [TWO]


@pytest.mark.parametrize(
    ("tool", "script", "subject", "word"),
    [
        ("/usr/sbin/ip", "exec sleep 60", "ip", "did not end"),
        ("/usr/sbin/ip", "exec yes '1: lo: flood'", "ip", "more than"),
        ("/usr/sbin/ip", "head -c 300000 /dev/urandom", "ip", "cannot read"),
        ("/usr/sbin/ip", "printf '\\033[31m[bold]2: eth0\\n'", "ip", "cannot read"),
        ("/usr/sbin/squid", "exec sleep 60", "squid", "did not end"),
        ("/usr/bin/ss", "echo broken >&2; exit 1", "ss", "broken"),
    ],
    ids=["ip hangs", "ip floods", "ip prints garbage", "ip prints escapes", "squid -k check hangs", "ss fails"],
)
def test_a_tool_that_misbehaves_is_named_and_hurts_nobody_else(
    healthy_lab: Lab, tmp_path: Path, tool: str, script: str, subject: str, word: str
) -> None:
    status = Status(healthy_lab, tmp_path)
    with healthy_lab.nodes[ONE].shadow(tool, script):
        status.look()
    about = [f for f in status.cluster["findings"] if f["node"] == ONE and subject in f["summary"]]
    assert about, status.cluster["findings"]
    assert any(word in f["summary"] for f in about), about
    assert not any("\x1b" in f["summary"] for f in about)
    assert_other_node_is_fine(status)


def test_an_unknown_host_key_is_refused_with_the_line_to_add(healthy_lab: Lab, tmp_path: Path) -> None:
    empty = tmp_path / "known_hosts"
    keep = [x for x in (healthy_lab.ssh_dir / "known_hosts").read_text().splitlines() if "192.168.2.251" not in x]
    empty.write_text("\n".join(keep) + "\n")
    status = Status(healthy_lab, tmp_path, ssh={"known_hosts": str(empty)})
    status.look()
    finding = next(f for f in status.cluster["findings"] if f["id"] == "node-unreachable")
    assert "host key" in status.node(ONE)["error"]
    assert "192.168.2.251 ssh-" in finding["remedy"] or "known_hosts" in finding["remedy"]
    assert_other_node_is_fine(status)


def test_a_forged_log_line_changes_nothing(healthy_lab: Lab, tmp_path: Path) -> None:
    node = healthy_lab.nodes[ONE]
    node.run_as("plain", "logger", "-t", "Keepalived_vrrp", "(proxy_ip1) Entering FAULT STATE \x1b[2J [bold]x[/bold]")
    status = Status(healthy_lab, tmp_path, user="ops", sudo=False)
    status.look()
    assert status.instance(ONE)["state_source"] == "log"
    assert status.state(ONE) == "MASTER"


def test_a_silent_sshd_is_given_up_in_seconds(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.sshd_frozen(healthy_lab.nodes[ONE]):
        status = Status(healthy_lab, tmp_path)
        status.look()
        assert status.node(ONE)["reachable"] is False
        assert_other_node_is_fine(status)


def test_a_black_hole_is_given_up_in_seconds(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.ssh_blackholed(healthy_lab.nodes[ONE]):
        status = Status(healthy_lab, tmp_path)
        status.look()
        assert status.node(ONE)["reachable"] is False
        assert_other_node_is_fine(status)


def test_a_wrong_configuration_is_refused_before_anything_else(healthy_lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "bad.toml"
    config.write_text('[[cluster]]\nname = "proxy"\nprobe_ulr = "http://203.0.113.80/"\n')
    done = healthy_lab.operator([sys.executable, "-m", "haconsole", "status", "--config", str(config)], check=False)
    assert done.returncode == 64
    assert done.stdout == ""
    assert "bad.toml:3" in done.stderr
    assert "probe_url" in done.stderr


WORDS = ("ip -o monitor", "journalctl -f", "dd bs=1", "tail --pid", "stdbuf", "sed -e")


def console_processes(node: Node) -> list[str]:
    """Command lines on the node that a console's collector started."""
    text = node.exec("ps", "-eo", "args").stdout
    return [line for line in text.splitlines() if any(w in line for w in WORDS) and "ps -eo" not in line]


def assert_nothing_left(node: Node) -> None:
    """Within the 15 s that the contract gives."""
    end = time.monotonic() + 15
    while left := console_processes(node):
        assert time.monotonic() < end, left


@contextmanager
def watching(lab: Lab, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A console that follows both nodes."""
    process = lab.operator_popen(
        [sys.executable, "-m", "haconsole", "status", "--watch", "-o", "json", "--config", str(config)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for node in lab.nodes.values():
            until(lambda n=node: any("ip -o monitor" in p for p in console_processes(n)), 20, "the collector runs")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("user", ["root", "ops", "plain"])
def test_a_killed_console_leaves_nothing_on_a_node_after_15_seconds(
    healthy_lab: Lab, tmp_path: Path, user: str
) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user=user, sudo=user == "ops")
    with watching(healthy_lab, config) as console:
        console.kill()
        for node in healthy_lab.nodes.values():
            assert_nothing_left(node)


def test_a_console_whose_cable_is_cut_leaves_nothing_after_15_seconds(healthy_lab: Lab, tmp_path: Path) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user="root")
    node = healthy_lab.nodes[ONE]
    with watching(healthy_lab, config), ExitStack() as stack:
        stack.enter_context(faults.blackholed(healthy_lab, node))
        assert_nothing_left(node)


def test_quitting_does_not_wait_for_a_node_that_hangs(healthy_lab: Lab, tmp_path: Path) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user="root")
    with watching(healthy_lab, config) as console, faults.frozen(healthy_lab.nodes[ONE]):
        console.send_signal(signal.SIGINT)
        assert console.wait(5) == 130
