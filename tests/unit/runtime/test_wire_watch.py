"""Listening beside a session: what the reducer is told and how often, ends, losses, floods."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, ip_address

import pytest

from haconsole.cluster.believe import picture
from haconsole.cluster.hearing import PACKETS_KEPT, Hearing
from haconsole.cluster.reduce import initial, reduce
from haconsole.cluster.segment import SENDERS_IN_ALL
from haconsole.cluster.wire_reading import ROUTERS_TOLD, SENDERS_TOLD, reading_of
from haconsole.model.capture import CapturePhase, CaptureState
from haconsole.model.events import Event, LinkPhase, NodeRead, Phase, WireHeard
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.model.state import ClusterState
from haconsole.runtime import capture_channel, wire_watch
from haconsole.runtime.heard import STRANGERS_BURST, Intake, Sieve
from haconsole.runtime.wire_watch import WireWatch
from haconsole.wire import pcap
from tests.support.wait import until
from tests.unit.cluster.builders import ONE, TWO, kernel, pair_daemon
from tests.unit.runtime.fakes import FakeClock
from tests.unit.runtime.wires import Wire, WireConnection, advert_frame

SPEC = ClusterSpec(name="c", nodes=(NodeSpec(name=ONE, address="192.0.2.1"), NodeSpec(name=TWO, address="192.0.2.2")))
A, B = "192.168.2.251", "192.168.2.252"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_channel, "BEAT_S", 0.01)
    for name in ("LOOK_S", "STORM_LOOK_S"):
        monkeypatch.setattr(wire_watch, name, 0.01)
    monkeypatch.setattr(wire_watch, "IDLE_S", 0.02)


class Cluster:
    """A state that takes what the watch emits."""

    def __init__(self) -> None:
        self.state: ClusterState = initial(SPEC)
        self.told: list[WireHeard] = []
        self.hearing = Hearing([ONE, TWO])
        self.watch = WireWatch(self.hearing, FakeClock(), self.emit, lambda: self.state)
        now = FakeClock().now()
        for node in (ONE, TWO):
            self.emit(LinkPhase(node=node, at=now, phase=Phase.CONNECTED))
            for reading in (kernel(node), pair_daemon(node)):
                self.emit(NodeRead(node=node, at=now, source="test", reading=reading))

    def emit(self, event: Event) -> None:
        self.state = reduce(self.state, event)
        if isinstance(event, WireHeard):
            self.told.append(event)

    def log(self) -> list[str]:
        return [o.text for o in self.state.log if "connected" not in o.text]

    @contextlib.asynccontextmanager
    async def following(self, *connections: WireConnection) -> AsyncIterator[list[asyncio.Future[None]]]:
        running = [
            asyncio.ensure_future(self.watch.follow(node, connection))
            for node, connection in zip(SPEC.nodes, connections, strict=False)
        ]
        try:
            yield running
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def test_what_matters_is_told_and_what_only_goes_on_is_not() -> None:
    cluster, wire = Cluster(), Wire()
    async with cluster.following(WireConnection(wire)):
        wire.listening()
        await until(lambda: cluster.told and cluster.told[-1].reading.listening_since is not None)
        wire.packet(advert_frame(A))
        await until(lambda: cluster.told[-1].reading.routers)
        number = len(cluster.told)
        for _ in range(20):
            wire.packet(advert_frame(A))
        await until(lambda: cluster.hearing.total == 21)
        looked = asyncio.get_running_loop().time() + 5 * wire_watch.IDLE_S
        await until(lambda: asyncio.get_running_loop().time() > looked)
        assert len(cluster.told) == number, "twenty more of the same are no news"
        wire.packet(advert_frame(A, priority=54))
        await until(lambda: len(cluster.told) > number)
        (router,) = cluster.told[-1].reading.routers
        assert (router.key, [s.priority for s in router.senders]) == ((1, 4), [54])


async def test_a_place_that_goes_on_says_so_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_watch, "TELL_S", 0.05)
    cluster, wire = Cluster(), Wire()
    async with cluster.following(WireConnection(wire)):
        wire.listening()
        await until(lambda: len(cluster.told) >= 5)
    ats = [t.reading.at for t in cluster.told]
    assert ats == sorted(set(ats))


async def test_a_takeover_is_told_once_though_both_nodes_hear_it() -> None:
    cluster, one, two = Cluster(), Wire(), Wire()
    async with cluster.following(WireConnection(one), WireConnection(two)):
        for wire in (one, two):
            wire.listening()
        await until(lambda: all(p.since is not None for p in cluster.hearing.places.values()))
        for frame in (advert_frame(A), advert_frame(A, priority=0), advert_frame(B, priority=100)):
            for wire in (one, two):
                wire.packet(frame)
        await until(lambda: any("orderly hand-over" in t for t in cluster.log()))
        await until(lambda: all(len(p.tracker.takeovers) == 1 for p in cluster.hearing.places.values()))
        await until(lambda: {t.place for t in cluster.told if t.reading.takeovers} == {ONE, TWO})
    assert sum("orderly hand-over from proxy-serv01 to proxy-serv02" in t for t in cluster.log()) == 1


async def test_a_takeover_of_somebody_else_s_router_is_not_logged() -> None:
    cluster, wire = Cluster(), Wire()
    async with cluster.following(WireConnection(wire)):
        wire.listening()
        for frame in (advert_frame(A, vrid=9), advert_frame(A, vrid=9, priority=0), advert_frame(B, vrid=9)):
            wire.packet(frame)
        await until(lambda: cluster.hearing.places[ONE].tracker.takeovers)
        await until(lambda: cluster.told and cluster.told[-1].reading.routers)
    assert cluster.log() == []


async def test_without_rights_it_is_told_why_and_the_session_is_left_alone() -> None:
    cluster, wire = Cluster(), Wire()
    async with cluster.following(WireConnection(wire, uid="1000")) as (running,):
        await until(lambda: wire.marker)
        wire.over(1, "tcpdump: eth0: You don't have permission to perform this capture on that device")
        await until(lambda: any("may not capture on eth0" in t for t in cluster.log()))
        assert not running.done()
    assert sum("may not capture" in t for t in cluster.log()) == 1
    assert all(t.reading.listening_since is None for t in cluster.told)


async def test_what_goes_wrong_inside_ends_nothing_else() -> None:
    class Broken(WireConnection):
        async def run(self, *_: object, **__: object) -> object:  # type: ignore[override]
            raise ZeroDivisionError

    cluster = Cluster()
    async with cluster.following(Broken()) as (running,):
        await until(lambda: cluster.told and cluster.told[-1].reading.problem is not None)
        assert not running.done()


async def test_at_the_end_tcpdump_is_told_to_end_and_silence_proves_nothing_any_more() -> None:
    cluster, wire = Cluster(), Wire()
    async with cluster.following(WireConnection(wire)):
        wire.listening()
        await until(lambda: cluster.told and cluster.told[-1].reading.listening_since is not None)
    assert wire.beats.endswith(b"q") and wire.stopped
    assert cluster.told[-1].reading.phase is CapturePhase.OVER
    assert cluster.told[-1].reading.listening_since is None


async def test_it_listens_only_while_wanted() -> None:
    cluster, first, second = Cluster(), Wire(), Wire()
    connection = WireConnection(first, second)
    cluster.watch.want(wanted=False)
    async with cluster.following(connection):
        await asyncio.sleep(0)
        assert connection.opened == []
        cluster.watch.want(wanted=True)
        await until(lambda: len(connection.opened) == 1 and first.marker)
        cluster.watch.want(wanted=False)
        await until(lambda: first.stopped)
        assert b"q" in first.beats
        cluster.watch.want(wanted=True)
        await until(lambda: len(connection.opened) == 2)


# --- floods -----------------------------------------------------------------------------------


class Storm:
    """20,000 adverts a second from many sources on random VRIDs, and in it our own two masters, there before it."""

    def __init__(self, seconds: int) -> None:
        rng = random.Random(7)
        frames = [
            advert_frame(str(IPv4Address(0x0A000000 + rng.randrange(10_000))), vrid=rng.randrange(1, 256), priority=p)
            for p in (1, 0, 100, 254, 255)
            for _ in range(800)
        ]
        self.intake, self.hearing = Intake(ONE, Sieve()), Hearing([ONE])
        self.hearing.news(CaptureState(place=ONE, at=0.0, phase=CapturePhase.LISTENING, interface="eth0"))
        self.senders: list[int] = []
        own = [advert_frame(A, vrid=1), advert_frame(B, vrid=2)]
        for before in range(-5, 0):
            records = [pcap.Record(float(before), frame, 60, 1) for frame in own]
            self.hearing.take(self.intake.take(records, error_s=0.001))
        for second in range(seconds):
            records = [pcap.Record(second + n / 20_000, rng.choice(frames), 60, 1) for n in range(20_000)]
            for n, frame in enumerate(own):
                records[5_000 + n] = pcap.Record(second + 0.25, frame, 60, 1)
            self.hearing.take(self.intake.take(records, error_s=0.001))
            self.hearing.news(self.intake.counts(second + 1.0))
            self.senders.append(sum(len(r.senders) for r in self.hearing.places[ONE].tracker.routers.values()))
        self.end = float(seconds)


def test_a_storm_is_bounded_and_our_own_are_heard_in_it() -> None:
    storm = Storm(6)
    place = storm.hearing.places[ONE]
    assert max(storm.senders) <= SENDERS_IN_ALL
    assert len(storm.hearing.since(0)[1]) <= PACKETS_KEPT
    vips, own = [ip_address("192.168.2.101")], {ip_address(A), ip_address(B)}
    reading = reading_of(place, storm.end, {1, 2}, vips, lambda: own)
    assert len(reading.routers) <= ROUTERS_TOLD and max(len(r.senders) for r in reading.routers) <= SENDERS_TOLD
    assert reading.flooded > 50_000 and reading.left_out > 0 and reading.doubtful_at == storm.end
    for key, source in (((1, 4), A), ((2, 4), B)):
        router = reading.router(key)
        assert router is not None and source in {str(s.source) for s in router.senders}
    assert len(reading.takeovers) <= 20


async def test_a_storm_of_takeovers_is_a_few_events_and_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_watch, "LOOK_S", 0.25)
    monkeypatch.setattr(wire_watch, "STORM_LOOK_S", 0.25)
    cluster, wire = Cluster(), Wire()
    async with cluster.following(WireConnection(wire)):
        wire.listening()
        started = asyncio.get_running_loop().time()
        for n in range(3000):  # each a new master of our first virtual router
            wire.packet(advert_frame(str(IPv4Address(0x0A000000 + n)), priority=255))
        await until(lambda: cluster.hearing.total >= STRANGERS_BURST)
        await until(lambda: sum(t.left_out for t in cluster.told) > STRANGERS_BURST / 2)
        took = asyncio.get_running_loop().time() - started
    lines = [t for t in cluster.log() if t.startswith("takeover of VRID 1")]
    assert 0 < len(lines) <= wire_watch.TAKEOVERS_PER_S * (took + 2)
    assert len(cluster.told) <= 4 * took + 4
    assert len(picture(SPEC, cluster.state, FakeClock().now()).wire.routers) <= ROUTERS_TOLD
