"""Capturing on a node, its tcpdump played by hand: rights, clock, losses, floods, ends and starts anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from haconsole.catalogue import script
from haconsole.model.capture import CaptureState
from haconsole.model.packets import Advert
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import NodeSpec, SshSpec
from haconsole.runtime import capture, capture_channel
from haconsole.runtime.capture import NodeCapture
from haconsole.wire import pcap
from tests.support.wait import until
from tests.unit.runtime.fakes import FakeClock, FakeConnector
from tests.unit.runtime.wires import Ears, Wire, WireConnection, advert_frame

NODE = NodeSpec(name="n1", address="192.0.2.1")
SUDO = replace(NODE, ssh=SshSpec(sudo=True))
A = "192.168.2.251"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_channel, "BEAT_S", 0.01)
    monkeypatch.setattr(capture, "RETRY_S", (0.01,))
    monkeypatch.setattr(capture, "PERMANENT_S", 0.01)


@contextlib.asynccontextmanager
async def following(
    *wires: Wire,
    node: NodeSpec = NODE,
    ears: Ears | None = None,
    uid: str = "0",
    check: str | None = None,
    **more: object,
) -> AsyncIterator[tuple[NodeCapture, Ears, WireConnection]]:
    sink = ears or Ears()
    connection = WireConnection(*wires, uid=uid, check=check)
    listener = NodeCapture(node, FakeClock(), sink, **more)  # type: ignore[arg-type]
    running = asyncio.ensure_future(listener.follow(connection))
    try:
        yield listener, sink, connection
        assert not running.done() or running.exception() is None
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, ProblemError):
            await running


async def test_packets_are_heard_with_the_console_s_time() -> None:
    wire = Wire(ahead_s=100.0)
    async with following(wire) as (_, ears, _connection):
        wire.listening()
        await until(lambda: "listening" in ears.phases and b"c" in wire.beats)
        sent = FakeClock().now()
        wire.packet(advert_frame(A))
        await until(lambda: ears.heard)
    (heard,) = ears.heard
    assert isinstance(heard.packet, Advert)
    assert heard.place == "n1"
    assert heard.at == pytest.approx(sent, abs=0.5)
    assert heard.error_s is not None
    assert heard.error_s < 1.0


async def test_blocks_of_any_size_and_what_a_login_shell_prints_do_not_matter() -> None:
    wire = Wire()
    whole = b"Welcome!\n" + script.capture_mark("feed") + pcap.header() + pcap.record(1.0, advert_frame(A)) * 3

    async def write(data: bytes) -> None:
        if not wire.marker:
            wire.marker = data.decode().strip()
            for octet in whole.replace(b"feed", wire.marker.encode()):
                wire.out.put_nowait(bytes([octet]))

    wire.write = write  # type: ignore[method-assign]
    async with following(wire) as (_, ears, _connection):
        await until(lambda: len(ears.heard) == 3)


@pytest.mark.parametrize(
    ("uid", "node", "words"),
    [
        ("0", NODE, ("tcpdump", "-i", "eth0")),
        ("0", SUDO, ("tcpdump", "-i", "eth0")),
        ("1000", NODE, ("tcpdump", "-i", "eth0")),
        ("1000", SUDO, ("sudo", "-n", "--", "tcpdump", "-Z", "ops", "-i", "eth0")),
    ],
    ids=["root", "root with sudo configured", "plain", "sudo"],
)
async def test_each_login_runs_what_its_rights_allow(uid: str, node: NodeSpec, words: tuple[str, ...]) -> None:
    async with following(Wire(), node=node, uid=uid) as (_, _ears, connection):
        await until(lambda: connection.opened)
        argv = script.read_capture(connection.opened[0])
    assert argv is not None
    assert argv[: len(words)] == words


async def test_where_sudo_refuses_it_is_tried_without_and_told_if_that_fails_too() -> None:
    refused, plain = Wire(), Wire()
    async with following(refused, plain, node=SUDO, uid="1000") as (_, ears, connection):
        await until(lambda: connection.opened)
        refused.over(1, "sudo: a password is required")
        await until(lambda: len(connection.opened) == 2)
        argv = script.read_capture(connection.opened[1])
        assert argv is not None
        assert argv[0] == "tcpdump"
        plain.over(1, "tcpdump: eth0: You don't have permission to perform this capture on that device")
        await until(lambda: ears.problems)
    problem = next(n.problem for n in ears.told if isinstance(n, CaptureState) and n.problem)
    assert problem.kind is ProblemKind.NOT_PERMITTED
    assert "ops may not capture on eth0" in problem.summary
    assert "ops ALL=(root) NOPASSWD: /bin/sh -c { exec tcpdump -Z ops -i eth0 " in (problem.remedy or "")


@pytest.mark.parametrize(
    ("check", "kind", "summary", "remedy"),
    [
        ("-\n0x1003\neth0\n", ProblemKind.TOOL_MISSING, "tcpdump is not installed", "apt install tcpdump"),
        ("/usr/bin/tcpdump\n-\nens3\nlo\n", ProblemKind.COMMAND_FAILED, "no interface eth0; it has ens3, lo", "lan_interface"),
    ],
)  # fmt: skip
async def test_what_is_missing_is_told_before_anything_is_tried(
    check: str, kind: ProblemKind, summary: str, remedy: str
) -> None:
    async with following(Wire(), check=check, gives_up=lambda problem, listened: True) as (_, ears, connection):
        await until(lambda: ears.phases[-1:] == ["over"])
    problem = next(n.problem for n in ears.told if isinstance(n, CaptureState) and n.problem)
    assert problem.kind is kind
    assert summary in problem.summary
    assert remedy in (problem.remedy or "")
    assert not connection.opened


@pytest.mark.parametrize(
    ("words", "summary"),
    [
        (["tcpdump: eth0: That device is not up"], "while eth0 is down"),
        (["tcpdump: pcap_loop: The interface disappeared"], "no interface eth0"),
        (["tcpdump: \x1b[2Jsomething"], "tcpdump could not be started: tcpdump: ␛[2Jsomething"),
        ([], "tcpdump could not be started: exit status 3"),
    ],
)
async def test_tcpdump_that_ends_is_started_anew_and_its_words_are_told(words: list[str], summary: str) -> None:
    first, second = Wire(), Wire()
    async with following(first, second) as (_, ears, connection):
        await until(lambda: connection.opened)
        first.over(3, *words)
        await until(lambda: len(connection.opened) == 2)
        second.listening()
        second.packet(advert_frame(A))
        await until(lambda: ears.heard)
    assert summary in ears.problems[0]
    assert ears.phases == ["waiting", "listening"]
    assert first.stopped


async def test_lost_packets_are_counted_over_every_tcpdump() -> None:
    first, second = Wire(), Wire()
    first.counts = "tcpdump: 5 packets captured, 9 packets received by filter, 4 packets dropped by kernel"
    async with following(first, second) as (_, ears, connection):
        first.listening()
        await until(lambda: ears.told and getattr(ears.counts, "dropped", None) == 4)
        first.over(1, "6 packets dropped by kernel")
        await until(lambda: len(connection.opened) == 2)
        second.counts = "tcpdump: 5 packets captured, 9 packets received by filter, 1 packet dropped by kernel"
        second.listening()
        await until(lambda: ears.counts.dropped == 7)


async def test_counts_are_asked_for_only_when_tcpdump_takes_signals() -> None:
    wire = Wire()
    async with following(wire) as (_, _ears, _connection):
        await until(lambda: wire.beats.count(b".") >= 3)
        assert b"c" not in wire.beats
        wire.listening()
        await until(lambda: b"c" in wire.beats)


async def test_an_end_in_good_order_brings_the_last_counts() -> None:
    wire = Wire()
    ears = Ears()
    listener = NodeCapture(NODE, FakeClock(), ears)
    running = asyncio.ensure_future(listener.follow(WireConnection(wire)))
    wire.listening()
    await until(lambda: "listening" in ears.phases)
    wire.ends_at_q = False
    listener.end()
    await until(lambda: b"q" in wire.beats)
    wire.over(0, "8 packets dropped by kernel")
    await asyncio.wait_for(running, 10)
    assert ears.counts.dropped == 8
    assert not ears.problems
    assert wire.stopped


async def test_an_end_while_waiting_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "RETRY_S", (1000.0,))
    ears, wire = Ears(), Wire()
    listener = NodeCapture(NODE, FakeClock(), ears)
    running = asyncio.ensure_future(listener.follow(WireConnection(wire)))
    wire.over(1)
    await until(lambda: "waiting" in ears.phases)
    listener.end()
    await asyncio.wait_for(running, 10)


async def test_no_sign_of_life_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_channel, "SILENT_S", 0.05)
    wire = Wire()
    wire.answers = False
    listener = NodeCapture(NODE, FakeClock(), Ears())
    with pytest.raises(ProblemError) as error:
        await asyncio.wait_for(listener.follow(WireConnection(wire)), 10)
    assert error.value.problem.kind is ProblemKind.LINK_LOST
    assert "no answer" in error.value.problem.summary


async def test_a_sudo_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_channel, "START_S", 0.05)
    wire = Wire()
    async with following(wire) as (_, ears, _connection):
        wire.say("W sudo: ldap does not answer\n")
        await until(lambda: ears.problems)
    assert "did not begin" in ears.problems[0]
    assert "ldap does not answer" in ears.problems[0]


async def test_who_does_not_take_what_is_heard_is_waited_for_and_the_node_kept_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture_channel, "SILENT_S", 0.05)
    monkeypatch.setattr(capture_channel, "SLOW_S", 0.02)
    wire, ears = Wire(), Ears()
    ears.gate.clear()
    async with following(wire, ears=ears) as (_, _ears, _connection):
        wire.listening()
        wire.packet(advert_frame(A))
        await until(lambda: wire.beats.count(b"-") >= 10)
        wire.answers = False
        before = len(wire.beats)
        await until(lambda: len(wire.beats) >= before + 10)
        wire.answers = True
        ears.gate.set()
        await until(lambda: ears.heard)
        await until(lambda: wire.beats.endswith(b"c"))
    assert "no answer" not in " ".join(ears.problems)


async def test_what_is_no_capture_is_said() -> None:
    wire = Wire()
    async with following(wire, gives_up=lambda problem, listened: True) as (_, ears, _connection):
        await until(lambda: wire.marker)
        wire.send(b"\xff" * 200)
        wire.send(pcap.header())
        await until(lambda: ears.problems)
    assert "no capture" in ears.problems[0]


async def test_a_shell_that_prints_without_end_is_given_up() -> None:
    wire = Wire()

    async def write(data: bytes) -> None:
        wire.out.put_nowait(b"y\n" * 40_000)

    wire.write = write  # type: ignore[method-assign]
    async with following(wire, gives_up=lambda problem, listened: True) as (_, ears, _connection):
        await until(lambda: ears.problems)
    assert "prints without end" in ears.problems[0]


async def test_a_flood_keeps_nobody_else_from_running_and_is_counted() -> None:
    wire, ears = Wire(), Ears()
    storm = pcap.record(1_795_000_000.0, advert_frame("10.9.9.9", vrid=77))
    turns = 0
    async with following(wire, ears=ears) as (_, _ears, _connection):
        wire.listening()
        await until(lambda: "listening" in ears.phases)
        for _ in range(100):
            wire.send(storm * 800)
        wire.packet(advert_frame(A))

        def heard_ours() -> bool:
            nonlocal turns
            turns += 1
            return any(isinstance(h.packet, Advert) and h.packet.vrid == 1 for h in ears.heard)

        while not heard_ours():  # noqa: ASYNC110 - each turn is what is counted
            await asyncio.sleep(0)
        await until(lambda: ears.counts.heard + ears.counts.flooded == 80_001)
    assert turns >= 100, "others had their turn between any two handfuls"
    assert len(ears.heard) < 5000


async def test_everything_is_taken_where_that_is_wanted() -> None:
    wire, ears = Wire(), Ears()
    storm = pcap.record(1_795_000_000.0, advert_frame("10.9.9.9", vrid=77))
    async with following(wire, ears=ears, thin_out=False) as (_, _ears, _connection):
        for _ in range(10):
            wire.send(storm * 800)
        await until(lambda: len(ears.heard) == 8000)


async def test_a_dead_link_is_made_anew_and_the_problem_told() -> None:
    ears, wire = Ears(), Wire()
    problem = Problem(kind=ProblemKind.UNREACHABLE, summary="n1 cannot be reached")
    connections: list[WireConnection] = []

    def make(node: NodeSpec) -> WireConnection:
        if not connections:
            connections.append(WireConnection(Wire()))
            raise ProblemError(problem)
        connections.append(WireConnection(wire))
        return connections[-1]

    listener = NodeCapture(NODE, FakeClock(), ears)
    running = asyncio.ensure_future(listener.run(FakeConnector(make)))  # type: ignore[arg-type]
    wire.listening()
    wire.packet(advert_frame(A))
    await until(lambda: ears.heard)
    listener.end()
    await asyncio.wait_for(running, 10)
    assert ears.phases == ["starting", "waiting", "starting", "listening"]
    assert ears.problems == ["n1 cannot be reached"]
    assert connections[-1].aborted


async def test_a_cancelled_capture_is_stopped_on_the_node() -> None:
    wire = Wire()
    wire.ends_at_q = False
    async with following(wire) as (_, ears, _connection):
        wire.listening()
        await until(lambda: "listening" in ears.phases)
    assert wire.beats.endswith(b"q")
    assert wire.stopped


def test_a_hostile_interface_name_never_gets_near_a_node() -> None:
    with pytest.raises(ValueError, match="interface"):
        NodeCapture(NODE, FakeClock(), Ears(), interface="eth0; reboot")
