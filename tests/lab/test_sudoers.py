"""`ops` with nothing but what `haconsole sudoers` prints: everything works, and the neighbours are refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import Lab, until
from tests.lab.harness.configurations import KEEPALIVED_CONF, SUDOERS
from tests.lab.harness.node import Node

ONE = "proxy-serv01"


@pytest.fixture
def config(healthy_lab: Lab, tmp_path: Path) -> Path:
    return healthy_lab.write_config(tmp_path / "ops.toml", user="ops", sudo=True)


@pytest.fixture
def node(healthy_lab: Lab, config: Path) -> Iterator[Node]:
    """proxy-serv01 (and its peer) with the printed file in place of `NOPASSWD: ALL`; `ops` is in no group that reads logs."""
    printed = haconsole(healthy_lab, config, "sudoers")
    before = {n.name: n.read(SUDOERS) for n in healthy_lab.nodes.values()}
    for each in healthy_lab.nodes.values():
        each.write(SUDOERS, printed, 0o440)
        each.exec("visudo", "-c", "-f", SUDOERS)
    yield healthy_lab.nodes[ONE]
    for each in healthy_lab.nodes.values():
        each.write(SUDOERS, before[each.name], 0o440)


def haconsole(lab: Lab, config: Path, *argv: str, check: bool = True) -> str:
    done = lab.operator([sys.executable, "-m", "haconsole", "--config", str(config), *argv], check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def test_reading_with_it_is_as_good_as_with_everything(healthy_lab: Lab, config: Path, node: Node) -> None:
    """The dump, the configuration (readable by root alone here), its test, squid's check and the log."""
    node.exec("chmod", "600", KEEPALIVED_CONF)
    node.exec(
        "sed",
        "-i",
        "s/virtual_router_id 1$/&\\n  authentication { \\n auth_type PASS\\n auth_pass s3cret\\n }/",
        KEEPALIVED_CONF,
    )
    node.exec("gpasswd", "-d", "ops", "adm")
    node.systemctl("reload", "keepalived")
    try:

        def ok() -> bool:
            found = json.loads(haconsole(healthy_lab, config, "status", "-o", "json", check=False))["clusters"][0]
            one = next(n for n in found["nodes"] if n["name"] == ONE)
            instance = one["keepalived"]["instances"][0]
            return (
                one["keepalived"]["config_ok"] is True
                and one["squid"]["check_ok"] is True
                and (instance["state_source"], instance["priority"]) == ("dump", 255)
            )

        until(ok, 30, "everything is read")
        doctor = json.loads(haconsole(healthy_lab, config, "doctor", "-o", "json", check=False))
        told = {c["id"]: c["ok"] for c in doctor["clusters"][0]["checks"] if c.get("node") == ONE}
        assert told and all(v is not False for v in told.values()), told
    finally:
        node.exec("gpasswd", "-a", "ops", "adm")


def test_a_daemon_with_a_tmp_of_its_own_tells_its_state_too(healthy_lab: Lab, config: Path, node: Node) -> None:
    """Its dump is found through the daemon's own process, without a process id in any command line."""
    node.exec("mkdir", "-p", "/run/systemd/system/keepalived.service.d")
    node.write("/run/systemd/system/keepalived.service.d/tmp.conf", "[Service]\nPrivateTmp=yes\n")
    node.systemctl("daemon-reload")
    node.restart("keepalived")

    def told() -> bool:
        found = json.loads(haconsole(healthy_lab, config, "status", "-o", "json", check=False))["clusters"][0]
        one = next(n for n in found["nodes"] if n["name"] == ONE)["keepalived"]["instances"]
        return bool(one) and all(i["state_source"] == "dump" for i in one)

    until(told, 30, "the state comes from the dump")
    pid = node.systemctl("show", "-p", "MainPID", "--value", "keepalived")
    left = node.sh(f"ls /proc/{pid}/root/tmp/keepalived.data /tmp/keepalived.data 2>/dev/null || true")
    assert left == "", "the dump holds passwords and is removed"


def test_adverts_are_captured_with_it(healthy_lab: Lab, config: Path, node: Node) -> None:
    told = haconsole(healthy_lab, config, "adverts", "--node", ONE, "--count", "2", "-o", "json")
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(
    "argv",
    [
        ("ip", "link", "set", "lo", "down"),
        ("ip", "link", "set", "dev", "eth1", "down"),
        ("ip", "link", "set", "dev", "eth1", "up"),
        ("systemctl", "stop", "squid"),
        ("systemctl", "stop", "ssh"),
        ("systemctl", "start", "haconsole-revert-a.service"),
        ("timeout", "-k", "1", "8", "/bin/sh", "-c", "id"),
        ("timeout", "-k", "1", "8", "/bin/sh", "-c", "{ exec ip link set dev lo up; }"),
        ("timeout", "-k", "1", "9", "/bin/sh", "-c", "{ exec ip link set dev eth1 up; }"),
        ("timeout", "-k", "1", "8", "/bin/sh", "-c", "{ exec ip link set dev eth1 up; }", "x"),
        ("/bin/sh", "-c", "id"),
        ("sed", "-e", "s/x/y/", "--", KEEPALIVED_CONF),
        ("sed", "-e", "s/auth_pass.*/auth_pass (secret)/", "--", "/etc/shadow"),
        ("cat", "/etc/shadow"),
        ("tcpdump", "-i", "eth0"),
        ("journalctl",),
        ("systemd-run", "id"),
        ("timeout", "1", "id"),
        ("-s",),
        ("-u", "ops", "id"),
    ],
    ids=" ".join,
)
def test_neighbours_are_refused(node: Node, argv: tuple[str, ...]) -> None:
    done = node.run_as("ops", "sudo", "-n", *argv, check=False)
    assert done.returncode == 1
    assert "password is required" in done.stderr or "not allowed" in done.stderr


def test_an_allowed_line_cut_elsewhere_runs_nothing(node: Node) -> None:
    """The same text for sudo's comparison, other arguments: in a folder full of programs by such names."""
    line = ["timeout", "-k", "1", "6", "/bin/sh", "-c", "{ exec keepalived -t -f /etc/keepalived/keepalived.conf; }"]
    assert node.run_as("ops", "sudo", "-n", *line, check=False).stderr.count("password") == 0
    words = " ".join(line).split(" ")
    node.sh("rm -rf /tmp/cut && install -d -o ops /tmp/cut")
    trap = "#!/bin/sh\nid > /tmp/cut/ran\n"
    for start in range(1, len(words)):
        for end in range(start + 1, len(words) + 1):
            joined = " ".join(words[start:end])
            if "/" in joined and not joined.startswith("/"):
                node.exec("install", "-D", "-m", "755", "/dev/stdin", f"/tmp/cut/{joined}", stdin=trap)
            argv = [*words[:start], joined, *words[end:]]
            if argv != line:
                script = 'cd /tmp/cut && exec sudo -n "$@"'
                done = node.run_as("ops", "/bin/sh", "-c", script, "sh", *argv, check=False)
                assert done.returncode != 0, argv
                assert not node.exists("/tmp/cut/ran"), argv
    node.exec("rm", "-rf", "/tmp/cut")


def test_passwords_are_in_nothing_that_the_login_can_get(node: Node) -> None:
    node.exec("chmod", "600", KEEPALIVED_CONF)
    node.exec("sed", "-i", "1a # auth_pass s3cret", KEEPALIVED_CONF)
    argv = ("sed", "-e", "s/auth_pass.*/auth_pass (secret)/", "--", KEEPALIVED_CONF)
    done = node.run_as("ops", "sudo", "-n", *argv)
    assert "auth_pass (secret)" in done.stdout and "s3cret" not in done.stdout
    assert node.run_as("ops", "cat", KEEPALIVED_CONF, check=False).returncode != 0
