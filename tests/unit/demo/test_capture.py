"""Capturing on simulated nodes: tcpdump's words, the script's beats, and the whole program from outside."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from haconsole.catalogue import capture as entries
from haconsole.catalogue import script
from haconsole.demo.cluster import DemoCluster
from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.node_capture import Capture
from haconsole.demo.node_shell import NodeShell
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.demo.tcpdump import RING, Opened, open_capture
from haconsole.model.packets import Advert
from haconsole.model.readings import Rights
from haconsole.parse import tcpdump
from haconsole.wire import frames, pcap
from tests.support.wait import until
from tests.unit.demo.test_cluster import client

ZERO = 1_795_000_000.0
MARK = script.capture_mark("f00d")


def names(interface: str = "eth0", user: str = "ops") -> entries.CaptureNames:
    return entries.CaptureNames(interface=interface, user=user)


def command(rights: Rights = Rights.SUDO, interface: str = "eth0", user: str = "ops") -> str:
    return script.capture(entries.stream_for(rights), names(interface, user), rights)


@dataclass
class Mouth:
    """A session played by hand. `limit`: octets after which it is told that nobody reads."""

    limit: int | None = None
    work: Capture | None = None
    out: bytes = b""
    err: bytes = b""
    died: list[str] = field(default_factory=list)
    status: int | None = None

    def say(self, data: bytes) -> None:
        self.out += data
        if self.limit is not None and len(self.out) > self.limit and self.work is not None:
            self.work.hold()

    def complain(self, data: bytes) -> None:
        self.err += data

    def leave(self, status: int, stderr: str = "") -> None:
        self.status = status

    def die(self, signal: str) -> None:
        self.died.append(signal)

    @property
    def words(self) -> list[str]:
        return [line[2:] for line in self.err.decode().splitlines() if line.startswith("W ")]

    def records(self) -> list[pcap.Record]:
        _, _, data = self.out.partition(MARK)
        return list(pcap.Reader().feed(data))


class Desk:
    """A capture on proxy-serv01, in simulated time."""

    def __init__(self, scenario: str = "healthy", limit: int | None = None, **words: Any) -> None:
        self.cluster = ClusterSim(SCENARIOS[scenario].clusters[0], ZERO)
        node = self.cluster.nodes[ONE]
        argv = script.read_capture(command(**words))
        assert argv is not None
        self.mouth = Mouth(limit)
        self.work = self.mouth.work = Capture(self.mouth, argv, NodeShell(node), node)

    def run(self, seconds: float) -> None:
        self.cluster.sim.run_until(self.cluster.sim.now + seconds)

    @property
    def taps(self) -> bool:
        return any(self.cluster.nodes[ONE].kernel.tapped(name) for name in ("eth0", "eth1", "lo"))


async def test_a_capture_from_its_mark_to_its_last_counts() -> None:
    desk = Desk()
    desk.work.feed(b"f0")
    assert desk.mouth.out == b""
    desk.work.feed(b"0d\n.")
    assert desk.mouth.out.startswith(MARK + bytes.fromhex("d4c3b2a1020004000000000000000000") + b"\x30\x11\0\0\1\0\0\0")
    assert desk.mouth.words == ["tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 4400 bytes"]
    assert tcpdump.is_listening(desk.mouth.words[0])
    assert desk.mouth.err.splitlines()[-1].startswith(b"T 1795000000.000")
    desk.run(3.0)
    desk.work.feed(b"-c")
    assert (
        desk.mouth.words[-1] == "tcpdump: 6 packets captured, 6 packets received by filter, 0 packets dropped by kernel"
    )
    records = desk.mouth.records()
    offset = SCENARIOS["healthy"].clusters[0].node(ONE).clock_offset_s
    assert all(ZERO + offset <= r.at <= ZERO + offset + 3.0 for r in records)
    sources = {p.envelope.source_mac for r in records if isinstance(p := frames.decode(r.data), Advert)}
    assert sources == {"52:54:00:00:01:00", "52:54:00:00:02:00"}
    desk.work.feed(b"q.")
    assert desk.mouth.err.endswith(
        b"W 6 packets captured\nW 6 packets received by filter\nW 0 packets dropped by kernel\nE 0\n"
    )
    assert desk.mouth.died == ["KILL"]
    assert not desk.taps
    desk.run(3.0)
    assert len(desk.mouth.records()) == 6


@pytest.mark.parametrize(
    ("scenario", "words", "refusal", "said"),
    [
        ("healthy", {"interface": "eth7"}, tcpdump.Refusal.NO_INTERFACE, "tcpdump: eth7: No such device exists"),
        ("eth1-down", {"interface": "eth1"}, tcpdump.Refusal.INTERFACE_DOWN, "tcpdump: eth1: That device is not up"),
        ("few-rights", {"user": "viewer"}, tcpdump.Refusal.SUDO, "sudo: a password is required"),
        (
            "few-rights",
            {"user": "viewer", "rights": Rights.PLAIN},
            tcpdump.Refusal.RIGHTS,
            "tcpdump: eth0: You don't have permission to perform this capture on that device",
        ),
    ],
)
async def test_refusals(scenario: str, words: dict[str, Any], refusal: tcpdump.Refusal, said: str) -> None:
    desk = Desk(scenario, **words)
    desk.work.feed(b"f00d\n.c")
    assert desk.mouth.words[0] == said
    assert tcpdump.why_ended(1, desk.mouth.words) == (refusal, said)
    assert desk.mouth.err.endswith(b"\nE 1\n")
    assert desk.mouth.out == MARK
    assert desk.mouth.died == ["KILL"]
    assert not desk.taps


def test_what_this_tcpdump_does_not_know() -> None:
    node = ClusterSim(SCENARIOS["healthy"].clusters[0], ZERO).nodes[ONE]
    argv = entries.CAPTURE_BY_SUDO.filled(names())[1:]
    assert open_capture(node, argv, rooted=True) == Opened("eth0", 4400)
    for other in ((*argv[:-1], "tcp"), (*argv, "more"), argv[:-1], ("-Q", "in"), ("-i",), ("-i", "eth0")):
        refused = open_capture(node, other, rooted=True)
        assert not isinstance(refused, Opened)
        assert (refused.status, refused.stderr[:9]) == (1, "tcpdump: ")
    stranger = open_capture(node, entries.CAPTURE_BY_SUDO.filled(names(user="eve"))[1:], rooted=True)
    assert not isinstance(stranger, Opened)
    assert stranger.stderr == "tcpdump: Couldn't find user 'eve'\n"
    plain = NodeShell(node).run(("tcpdump", "-i", "eth0"))
    assert (plain.status, "simulated" in plain.stderr) == (1, True)


@pytest.mark.parametrize(("interface", "up"), [("eth0", True), ("eth1", False), ("lo", True), ("eth7", None)])
def test_the_check(interface: str, up: bool | None) -> None:
    shell = NodeShell(ClusterSim(SCENARIOS["eth1-down"].clusters[0], ZERO).nodes[ONE])
    lines = script.read_batch(script.batch([entries.CHECK], names(interface), Rights.PLAIN))
    assert lines is not None
    found = tcpdump.parse_check(shell.line(lines[0]).stdout)
    assert found == tcpdump.Readiness(tcpdump="/usr/bin/tcpdump", up=up, interfaces=("eth0", "eth1", "lo"))


async def test_a_slow_reader_is_not_drowned_and_what_is_lost_is_counted() -> None:
    desk = Desk(limit=0)
    desk.work.feed(b"f00d\n")
    written = len(desk.mouth.out)
    frame, sent = bytes(4000), 2 * RING // 4000
    for _ in range(sent):
        desk.cluster.nodes[ONE].kernel.frame("eth0", frame)
    desk.work.feed(b"." * 100_000)
    assert len(desk.mouth.out) == written
    assert b"T " not in desk.mouth.err
    desk.mouth.limit = None
    desk.work.go_on()
    assert RING - 5000 < len(desk.mouth.out) - written <= RING
    assert 0 < desk.mouth.err.count(b"T ") <= 4096
    desk.work.feed(b"c")
    told = tcpdump.parse_counts(desk.mouth.words[-1])
    assert told is not None
    assert (told.received, (told.dropped or 0) + len(desk.mouth.records())) == (sent, sent)
    desk.work.end()


async def test_ends_by_silence_by_the_end_of_input_and_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (Capture.eof, lambda work: work.terminated("TERM")):
        desk = Desk()
        desk.work.feed(b"f00d\n")
        assert desk.taps
        end(desk.work)
        assert (desk.mouth.err[-4:], desk.taps) == (b"E 0\n", False)
    unmarked = Desk()
    assert not unmarked.work.terminated("TERM")
    unmarked.work.eof()
    assert (unmarked.mouth.status, unmarked.mouth.out) == (9, b"")
    monkeypatch.setattr("haconsole.demo.node_capture.SILENCE_S", 0.05)
    silent = Desk()
    silent.work.feed(b"f00d\n")
    await until(lambda: silent.mouth.died)
    assert not silent.taps


async def test_over_a_plain_client() -> None:
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        process = await connection.create_process(command(), encoding=None)
        process.stdin.write(b"f00d\n.")
        reader = pcap.Reader()
        assert await process.stdout.readexactly(len(MARK)) == MARK
        found: list[pcap.Record] = []
        async with asyncio.timeout(10):
            while len(found) < 2:
                found += reader.feed(await process.stdout.read(65536))
        process.stdin.write(b"q")
        await asyncio.wait_for(process.wait_closed(), 10)
        assert (await process.stderr.read()).endswith(b" dropped by kernel\nE 0\n")
        assert process.exit_signal is not None
        assert process.exit_signal[0] == "KILL"
        assert not demo.sim.nodes[ONE].kernel.tapped("eth0")
        process = await connection.create_process(command(), encoding=None)
        process.stdin.write(b"f00d\n.")
        await until(lambda: demo.sim.nodes[ONE].kernel.tapped("eth0"))
        connection.abort()
        await until(lambda: not demo.sim.nodes[ONE].kernel.tapped("eth0"))


async def test_a_client_that_reads_nothing_holds_the_capture_back() -> None:
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        process = await connection.create_process(command(), encoding=None, window=4096)
        process.stdin.write(b"f00d\n")
        kernel = demo.sim.nodes[ONE].kernel
        await until(lambda: kernel.tapped("eth0"))
        sent = 4 * RING // 4000
        for _ in range(sent):
            kernel.frame("eth0", bytes(4000))
        process.stdin.write(b"c")
        records, reader = 0, pcap.Reader()
        await process.stdout.readexactly(len(MARK))
        told = None
        async with asyncio.timeout(20):
            reading = asyncio.ensure_future(process.stderr.readuntil(b"dropped by kernel\n"))
            while not reading.done():
                records += sum(1 for r in reader.feed(await process.stdout.read(65536)) if r.length == 4000)
            told = tcpdump.parse_counts((await reading).decode().splitlines()[-1])
        assert told is not None
        assert (told.received or 0) >= sent
        assert 0 < (told.dropped or 0) < sent
        assert 0 < records < sent
        process.terminate()


def haconsole(*words: str) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "haconsole", "demo", *words]
    return subprocess.run(argv, capture_output=True, check=False, timeout=60)


def test_the_whole_program_hears_both_masters() -> None:
    done = haconsole("--", "adverts", "--count", "4", "-o", "json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(d["vrid"], d["source"], d["source_mac"]) for d in found} == {
        (1, "192.168.2.251", "52:54:00:00:01:00"),
        (2, "192.168.2.252", "52:54:00:00:02:00"),
    }
    assert all(d["checksum_ok"] is True and d["problems"] == [] and d["ttl"] == 255 for d in found)
    assert {d["heard_by"] for d in found} <= {ONE, TWO}


def test_the_whole_program_gives_pcap_of_ipv6() -> None:
    done = haconsole("--scenario", "ipv6", "--", "adverts", "--node", ONE, "--count", "4", "-o", "pcap")
    assert done.returncode == 0, done.stderr
    records = list(pcap.Reader().feed(done.stdout))
    found = [p for r in records if isinstance(p := frames.decode(r.data), Advert)]
    assert {(a.vrid, a.version, a.envelope.source.version, a.checksum.ok) for a in found} == {
        (1, 3, 4, True), (2, 3, 4, True), (11, 3, 6, True), (12, 3, 6, True),
    }  # fmt: skip


def test_the_whole_program_says_who_may_not_and_what_is_not_there() -> None:
    done = haconsole("--scenario", "few-rights", "--", "adverts", "--for", "5s")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"proxy-serv01: viewer may not capture on eth0" in done.stderr
    assert b"viewer ALL=(root) NOPASSWD: /bin/sh -c { exec tcpdump -Z viewer -i eth0" in done.stderr
    done = haconsole("--", "adverts", "--node", f"{ONE}:eth7", "--for", "5s")
    assert done.returncode == 1
    assert b"proxy-serv01 has no interface eth7; it has eth0, eth1, lo" in done.stderr
