"""`haconsole adverts` on real nodes: their tcpdump, keepalived's own adverts, real sudo, real ends.

The whole program is run in the operator's namespace, as an operator would.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from haconsole.cluster.segment import Kind, Tracker
from haconsole.wire import frames, pcap
from tests.lab.harness import ARTICLE, Lab, Node, faults, keepalived_conf, until
from tests.support.readers import by_haconsole, by_scapy, by_tshark
from tests.unit.runtime.wires import advert_frame

ONE, TWO = "proxy-serv01", "proxy-serv02"
A, B = "192.168.2.251", "192.168.2.252"
PATIENCE_S = 40.0
Document = dict[str, Any]


class Adverts:
    """A running `haconsole adverts`; its output goes to files."""

    def __init__(self, lab: Lab, folder: Path, *words: str, user: str = "root", sudo: bool = False) -> None:
        config = lab.write_config(folder / f"{user}.toml", user=user, sudo=sudo)
        self._out, self._err = folder / "adverts.out", folder / "adverts.err"
        argv = [sys.executable, "-m", "haconsole", "adverts", "--config", str(config), *words]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = lab.operator_popen(argv, stdout=out, stderr=err)

    @property
    def err(self) -> str:
        return self._err.read_text("utf-8")

    def documents(self) -> list[Document]:
        """Complete JSON lines up to now."""
        return [json.loads(line) for line in self._out.read_bytes().split(b"\n")[:-1]]

    def tracked(self) -> tuple[Tracker, float]:
        """What the tracker makes of the pcap up to now, and the time of the last packet."""
        tracker, last = Tracker(), 0.0
        for record in pcap.Reader().feed(self._out.read_bytes()):
            packet = frames.decode(record.data, record.link_type, record.length)
            assert packet is not None
            tracker.feed(record.at, packet)
            last = record.at
        return tracker, last

    @property
    def out(self) -> Path:
        return self._out

    def raw(self) -> bytes:
        return self._out.read_bytes()

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
        until(lambda: condition() or self.process.poll() is not None, seconds, f"{what}: {self.err}")
        assert condition(), f"{what}: ended with {self.process.poll()}: {self.err}"

    def ended(self, seconds: float = PATIENCE_S) -> int:
        return int(self.process.wait(seconds))


@contextlib.contextmanager
def adverts(
    lab: Lab, folder: Path, *words: str, user: str = "root", sudo: bool = False, ready: int = 2
) -> Iterator[Adverts]:
    """`ready`: wait until so many places listen."""
    found = Adverts(lab, folder, *words, user=user, sudo=sudo)
    try:
        found.until(lambda: found.err.count("listening on") >= ready, "it listens")
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def heard(documents: list[Document], vrid: int, **wanted: object) -> set[tuple[str, str]]:
    """(source, heard by) of the adverts of a VRID."""
    return {
        (d["source"], d["heard_by"])
        for d in documents
        if d["schema"] == "haconsole.advert/1" and d["vrid"] == vrid and wanted.items() <= d.items()
    }


BOTH = {(A, ONE), (A, TWO)}


def test_both_nodes_at_once_say_the_same_of_multicast_adverts(healthy_lab: Lab, tmp_path: Path) -> None:
    wanted = {"version": 2, "priority": 255, "ttl": 255, "checksum_ok": True, "destination": "224.0.0.18"}
    with adverts(healthy_lab, tmp_path, "-o", "json") as found:
        found.until(lambda: heard(found.documents(), 1, **wanted) == BOTH, "the first VIP's master, heard by both")
        found.until(lambda: heard(found.documents(), 2) == {(B, ONE), (B, TWO)}, "the second one's")
        advert = next(d for d in found.documents() if d["schema"] == "haconsole.advert/1" and d["vrid"] == 1)
    assert (advert["addresses"], advert["source_mac"]) == (["192.168.2.101"], "02:00:00:00:02:fb")
    assert (advert["auth_type"], advert["interval_s"], advert["problems"]) == ("none", 1.0, [])


def test_unicast_adverts(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.unicast(healthy_lab), adverts(healthy_lab, tmp_path, "-o", "json") as found:
        found.until(lambda: heard(found.documents(), 1, destination=B, checksum_ok=True) == BOTH, "unicast to the peer")
        assert not heard(found.documents(), 1, destination="224.0.0.18")


def test_version_3_over_ipv6(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.ipv6_vip(healthy_lab), adverts(healthy_lab, tmp_path, "-o", "json") as found:
        wanted = {"version": 3, "destination": "ff02::12", "checksum_ok": True, "ttl": 255, "auth_type": None}
        found.until(lambda: {h for _, h in heard(found.documents(), 6, **wanted)} == {ONE, TWO}, "VRRP over IPv6")
        advert = next(d for d in found.documents() if d.get("vrid") == 6)
    assert advert["source"].startswith("fe80::")
    assert advert["addresses"] == ["fe80::101", "fd00:2::101"]


def test_version_3_over_ipv4(healthy_lab: Lab, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for node in healthy_lab.nodes.values():
            text = keepalived_conf(node.plan, healthy_lab.plans)
            text = text.replace("global_defs {\n", "global_defs {\n  vrrp_version 3\n", 1)
            stack.enter_context(faults.keepalived_configured(node, text))
        healthy_lab.wait_converged()
        found = stack.enter_context(adverts(healthy_lab, tmp_path, "-o", "json"))
        found.until(lambda: heard(found.documents(), 1, version=3, checksum="ok", auth_type=None) == BOTH, "version 3")


def test_a_password_on_the_wire_goes_no_further(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.variant(healthy_lab, replace(ARTICLE, auth_pass="s3cretpw")):
        with adverts(healthy_lab, tmp_path, "-o", "json") as found:
            found.until(lambda: heard(found.documents(), 1, auth_type="password", checksum_ok=True) == BOTH, "adverts")
            assert b"s3cret" not in found.raw()
        with adverts(healthy_lab, tmp_path, "-o", "pcap") as found:
            found.until(lambda: len(found.tracked()[0].routers) == 2, "both routers")
            assert b"s3cret" not in found.raw()
            assert all(s.last.checksum.ok for r in found.tracked()[0].routers.values() for s in r.senders.values())


def test_a_split_brain_is_two_masters_on_the_wire_and_clears(healthy_lab: Lab, tmp_path: Path) -> None:
    def masters() -> set[str]:
        tracker, last = found.tracked()
        return {str(s.source) for s in tracker.routers[1, 4].two_masters(last)}

    with adverts(healthy_lab, tmp_path, "--node", ONE, "-o", "pcap", ready=1) as found:
        found.until(lambda: found.tracked()[0].routers.keys() == {(1, 4), (2, 4)}, "both virtual routers")
        assert masters() == set()
        with faults.vrrp_dropped(healthy_lab):
            found.until(lambda: masters() == {A, B}, "two masters, with both sources")
        found.until(lambda: masters() == set(), "it clears")


def test_a_stop_of_keepalived_is_an_orderly_hand_over(healthy_lab: Lab, tmp_path: Path) -> None:
    def kinds() -> list[tuple[str, str, Kind]]:
        return [(str(t.old), str(t.new), t.kind) for t in found.tracked()[0].takeovers if t.key == (1, 4)]

    with adverts(healthy_lab, tmp_path, "--node", TWO, "-o", "pcap", ready=1) as found:
        found.until(lambda: (1, 4) in found.tracked()[0].routers, "the master is heard")
        with faults.unit_stopped(healthy_lab.nodes[ONE], "keepalived"):
            found.until(lambda: kinds() == [(A, B, Kind.HAND_OVER)], "the hand-over")
        tracker, _ = found.tracked()
        assert tracker.announcements, "the new master said by ARP that it has the address"


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_a_pcap_goes_live_through_a_pipe(healthy_lab: Lab, tmp_path: Path) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user="root")
    line = f"{sys.executable} -m haconsole adverts --config {config} --node {ONE} -o pcap | tshark -l -r - -Y vrrp | head -n 2"
    with healthy_lab.operator_popen(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert out.count(b"VRRP") >= 2


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_scapy_and_tshark_say_the_same_of_every_packet_of_the_lab(healthy_lab: Lab, tmp_path: Path) -> None:
    """Version 2, version 3 over IPv6, a priority 0 and a take-over, as both nodes heard them."""
    with faults.ipv6_vip(healthy_lab), adverts(healthy_lab, tmp_path, "-o", "pcap") as found:

        def seen() -> set[tuple[int, int]]:
            return {(a.vrid, a.priority) for a in by_haconsole(found.out)}

        found.until(lambda: {1, 2, 6} == {vrid for vrid, _ in seen()}, "every virtual router")
        with faults.unit_stopped(healthy_lab.nodes[ONE], "keepalived"):
            found.until(lambda: {(1, 0), (1, 100)} <= seen(), "the old master's end and the new master")
        found.process.send_signal(signal.SIGINT)
        assert found.ended() == 0
        told = by_haconsole(found.out)
        assert told == by_scapy(found.out)
        assert told == by_tshark(found.out)
    assert {(a.version, a.checksum_ok) for a in told} == {(2, True), (3, True)} and len(told) > 10


def test_ctrl_c_ends_it_with_the_counts_and_nothing_is_left(healthy_lab: Lab, tmp_path: Path) -> None:
    with adverts(healthy_lab, tmp_path, "-o", "json", user="ops", sudo=True) as found:
        found.until(lambda: {d["heard_by"] for d in found.documents()} == {ONE, TWO}, "both are heard")
        found.process.send_signal(signal.SIGINT)
        assert found.ended() == 0
    for name in (ONE, TWO):
        assert f"{name}: " in found.err
    assert found.err.count("packets heard, 0 dropped by the kernel") == 2
    for node in healthy_lab.nodes.values():
        until(lambda n=node: not captures(n), 15, f"nothing is left on {node.name}")


# --- rights ------------------------------------------------------------------------------------


def once(lab: Lab, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "haconsole", "adverts", "--config", str(config), *words]
    return lab.operator(argv, check=False)


def test_a_login_without_rights_is_told_the_line_and_the_line_is_enough(healthy_lab: Lab, tmp_path: Path) -> None:
    node = healthy_lab.nodes[ONE]
    bare = healthy_lab.write_config(tmp_path / "bare.toml", user="plain", sudo=False)
    done = once(healthy_lab, bare, "--node", ONE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "plain may not capture on eth0" in done.stderr
    assert "`sudo = true`" in done.stderr
    line = next(x.strip() for x in done.stderr.splitlines() if "NOPASSWD" in x)

    config = healthy_lab.write_config(tmp_path / "sudo.toml", user="plain", sudo=True)
    done = once(healthy_lab, config, "--node", ONE)
    assert (done.returncode, done.stdout) == (1, "")
    assert line in done.stderr

    file = "/etc/sudoers.d/haconsole-capture"
    node.write(file, line + "\n", 0o440)
    try:
        node.exec("visudo", "-c")
        done = once(healthy_lab, config, "--node", ONE, "--count", "2", "-o", "json")
        assert (done.returncode, done.stdout.count("\n")) == (0, 2), done.stderr
        other = once(healthy_lab, config, "--node", f"{ONE}:eth1")
        assert (other.returncode, other.stdout) == (1, "")
        assert "plain may not capture on eth1" in other.stderr
        assert node.run_as("plain", "sudo", "-n", "tcpdump", "-i", "eth0", "-w", "/root/x", check=False).returncode
    finally:
        node.exec("rm", "-f", file)


def test_sudo_that_is_refused_on_one_node_leaves_the_other(healthy_lab: Lab, tmp_path: Path) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user="ops", sudo=True)
    with faults.sudo_broken(healthy_lab.nodes[ONE]):
        done = once(healthy_lab, config, "-o", "json", "--count", "2")
    assert {json.loads(x)["heard_by"] for x in done.stdout.splitlines()} == {TWO}
    assert "ops may not capture" in done.stderr
    assert done.returncode == 1, "one place that was asked for was not heard"


def test_no_tcpdump_is_told_with_what_to_install(healthy_lab: Lab, tmp_path: Path) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user="root")
    with healthy_lab.nodes[ONE].shadow("/usr/bin/tcpdump", "exit 127"):
        done = once(healthy_lab, config, "--node", ONE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "tcpdump is not installed" in done.stderr
    assert "apt install tcpdump" in done.stderr


def test_an_interface_that_is_not_there_is_told_with_those_that_are(healthy_lab: Lab, tmp_path: Path) -> None:
    config = healthy_lab.write_config(tmp_path / "c.toml", user="root")
    done = once(healthy_lab, config, "--node", f"{ONE}:eth7")
    assert done.returncode == 1
    assert "no interface eth7; it has eth0, eth1, lo" in done.stderr


# --- ends and starts anew ------------------------------------------------------------------------


def captures(node: Node) -> list[str]:
    """What a capture has running on a node."""
    lines = node.exec("ps", "-eo", "args").stdout.splitlines()
    words = ("tcpdump", "dd bs=1", "haconsole")
    return [line for line in lines if any(w in line for w in words) and "ps -eo" not in line]


@pytest.mark.parametrize("user", ["root", "ops"])
def test_a_killed_console_leaves_no_tcpdump_after_15_seconds(healthy_lab: Lab, tmp_path: Path, user: str) -> None:
    with adverts(healthy_lab, tmp_path, user=user, sudo=user == "ops") as found:
        assert all(node.pids_named("tcpdump") for node in healthy_lab.nodes.values())
        found.process.kill()
        for node in healthy_lab.nodes.values():
            until(lambda n=node: not captures(n), 15, f"nothing is left on {node.name}")


@pytest.mark.parametrize("user", ["root", "ops"])
def test_a_console_whose_cable_is_cut_leaves_nothing_after_15_seconds(
    healthy_lab: Lab, tmp_path: Path, user: str
) -> None:
    node = healthy_lab.nodes[ONE]
    with adverts(healthy_lab, tmp_path, user=user, sudo=user == "ops"), faults.blackholed(healthy_lab, node):
        until(lambda: not captures(node), 15, "nothing is left")


def storm(lab: Lab, packets: int) -> None:
    """Somebody else's adverts on the LAN, as fast as they go."""
    with lab.enter_operator(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth:
        mouth.bind(("eth0", 0))
        frame = advert_frame("192.168.2.77", vrid=77)
        for _ in range(packets):
            with contextlib.suppress(BlockingIOError, OSError):  # the queue is full: that many are lost
                mouth.send(frame)


def test_a_storm_is_counted_and_hides_nobody(healthy_lab: Lab, tmp_path: Path) -> None:
    with adverts(healthy_lab, tmp_path, "-o", "json") as found:
        storm(healthy_lab, 20_000)
        found.until(lambda: "come too fast" in found.err, "the storm is told")
        found.until(lambda: heard(found.documents(), 1) == BOTH, "ours are heard")
        found.process.send_signal(signal.SIGINT)
        found.ended()
        shown = sum(d.get("vrid") == 77 for d in found.documents())
    assert shown < 5000
    assert found.err.count("of a flood left out") == 2


@pytest.mark.parametrize("user", ["root", "ops"])
def test_a_frozen_console_in_a_storm_leaves_nothing_after_15_seconds(
    healthy_lab: Lab, tmp_path: Path, user: str
) -> None:
    """tcpdump is blocked in its writing, then the cable is cut as well."""
    node = healthy_lab.nodes[ONE]
    with adverts(healthy_lab, tmp_path, "--node", ONE, user=user, sudo=user == "ops", ready=1) as found:
        found.process.send_signal(signal.SIGSTOP)
        storm(healthy_lab, 50_000)
        with faults.blackholed(healthy_lab, node):
            until(lambda: not captures(node), 15, "nothing is left")


def test_a_tcpdump_that_is_killed_is_started_anew_and_told(healthy_lab: Lab, tmp_path: Path) -> None:
    node = healthy_lab.nodes[ONE]
    with adverts(healthy_lab, tmp_path, "--node", ONE, "-o", "json", ready=1) as found:
        found.until(lambda: found.documents(), "it hears")
        faults.kill_all(node, "tcpdump")
        found.until(lambda: found.err.count("listening on") == 2, "it listens again")
        before = len(found.documents())
        found.until(lambda: len(found.documents()) > before, "it hears again")
        assert "tcpdump ended" in found.err


def test_a_link_that_comes_back_is_heard_again(healthy_lab: Lab, tmp_path: Path) -> None:
    node = healthy_lab.nodes[ONE]
    with adverts(healthy_lab, tmp_path, "--node", ONE, "-o", "json", ready=1) as found:
        found.until(lambda: found.documents(), "it hears")
        with faults.blackholed(healthy_lab, node):
            found.until(lambda: "no answer" in found.err or "connection" in found.err, "the loss is told")
        found.until(lambda: found.err.count("listening on") == 2, "it listens again", 60)
