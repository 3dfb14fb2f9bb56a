"""The simulated squid: pages that our parsers read, counters that grow, answers to clients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from haconsole.demo.cluster_sim import CLIENTS, RATE, ClusterSim
from haconsole.demo.node import SimNode
from haconsole.demo.plan import Happening, What
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.demo.traffic import Traffic
from haconsole.model.readings import SquidCounters
from haconsole.runtime import squid_manager

ZERO = 1_795_000_000.0


async def counters(node: SimNode) -> SquidCounters:
    """As production asks: three pages over a connection that the node makes."""

    async def exchange(host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        data = node.squid.answer(request, via=host, origin=True)
        assert data is not None
        return data

    connection: Any = SimpleNamespace(exchange=exchange)
    return await squid_manager.counters(connection, node.plan.name, "127.0.0.1", 3128)


async def test_counters_grow_with_time() -> None:
    cluster = ClusterSim(SCENARIOS["healthy"].clusters[0], ZERO)
    before = await counters(cluster.nodes[ONE])
    cluster.sim.run_until(100.0)
    after = await counters(cluster.nodes[ONE])
    assert before.client_requests is not None and after.client_requests is not None
    assert after.client_requests - before.client_requests == pytest.approx(100 * RATE, rel=0.05)
    assert after.requests_per_s == pytest.approx(RATE, rel=0.05)
    assert after.clients == CLIENTS
    assert after.hit_ratio == pytest.approx(0.23, abs=0.01)


async def test_clients_move_with_the_vip() -> None:
    cluster = ClusterSim(SCENARIOS["eth1-down"].clusters[0], ZERO)
    cluster.sim.run_until(600.0)
    one, two = await counters(cluster.nodes[ONE]), await counters(cluster.nodes[TWO])
    assert (one.clients, two.clients) == (0, 2 * CLIENTS)
    assert one.requests_per_s == pytest.approx(0.0, abs=0.1)
    assert two.requests_per_s == pytest.approx(2 * RATE, rel=0.05)


async def test_a_restart_begins_at_zero() -> None:
    cluster = ClusterSim(SCENARIOS["healthy"].clusters[0], ZERO)
    for what in (What.SQUID_STOP, What.SQUID_START):
        cluster.nodes[ONE].befall(Happening(at_s=0, node=ONE, what=what))
        cluster.sim.run_until(cluster.sim.now + 10.0)
    requests = (await counters(cluster.nodes[ONE])).client_requests
    assert requests is not None
    assert requests < 1000


def test_traffic_is_monotonic_and_remembers() -> None:
    traffic = Traffic(100.0)
    traffic.set_rate(100.0, 10.0)
    traffic.set_rate(200.0, 0.0)
    traffic.count(250.0)
    totals = [traffic.total(100.0 + k) for k in range(400)]
    assert totals == sorted(totals)
    assert traffic.total(50.0) == 0
    assert traffic.total(400.0) == pytest.approx(1001, abs=20)
    assert traffic.average(200.0) == pytest.approx(10.0, rel=0.05)
    assert traffic.average(560.0) == 0.0


@pytest.mark.parametrize(
    ("request_", "origin", "status"),
    [
        (b"GET http://203.0.113.80/ HTTP/1.1\r\nHost: 203.0.113.80\r\n\r\n", True, b"200 OK"),
        (b"GET http://203.0.113.80/ HTTP/1.1\r\nHost: 203.0.113.80\r\n\r\n", False, b"503 Service Unavailable"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True, b"400 Bad Request"),
        (b"\x16\x03\x01 nonsense\r\n\r\n", True, b"400 Bad Request"),
        (b"GET /squid-internal-mgr/info HTTP/1.1\r\nHost: x\r\n\r\n", True, b"403 Forbidden"),
    ],
)
def test_answers(request_: bytes, origin: bool, status: bytes) -> None:
    node = ClusterSim(SCENARIOS["healthy"].clusters[0], ZERO).nodes[ONE]
    assert (
        node.squid.answer(request_[:-2], via="192.168.2.101", origin=origin) in {None, b""} or b"nonsense" in request_
    )
    data = node.squid.answer(request_, via="192.168.2.101", origin=origin)
    assert data is not None
    assert data.startswith(b"HTTP/1.1 " + status)


def test_stop_closes_the_port_before_the_process_ends() -> None:
    cluster = ClusterSim(SCENARIOS["healthy"].clusters[0], ZERO)
    node = cluster.nodes[ONE]
    node.befall(Happening(at_s=0, node=ONE, what=What.SQUID_STOP))
    assert not node.squid.listening
    assert node.squid.check() == (0, "")
    cluster.sim.run_until(5.0)
    assert node.squid.check()[0] == 1
