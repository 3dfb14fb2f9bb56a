"""The measuring client on the demo's cluster: production's code from the console's side to the socket."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.demo.cluster import DemoCluster
from haconsole.demo.plan import What
from haconsole.demo.scenarios import ONE, TWO
from haconsole.io.clock import SystemClock
from haconsole.model.drill import Request
from haconsole.operations.drills.outages import find, lost
from haconsole.runtime.traffic import Recording, Traffic, TrafficError
from tests.support.wait import until

VIPS = ("192.168.2.101", "192.168.2.102")
CLOCK = SystemClock()


@asynccontextmanager
async def measuring(demo: DemoCluster, traffic: Traffic | None = None) -> AsyncIterator[Traffic]:
    found = traffic or Traffic(CLOCK)
    await found.start(demo.spec, [v.address for v in demo.spec.vips])
    try:
        yield found
    finally:
        await found.stop()


def good(traffic: Traffic, vip: str) -> int:
    return sum(r.ok for r in traffic.requests if r.vip == vip)


async def test_a_healthy_pair_loses_nothing_and_every_request_is_told_once() -> None:
    told: list[Request] = []
    async with DemoCluster() as demo:
        before = CLOCK.now()
        async with measuring(demo, Traffic(CLOCK, told.append)) as traffic:
            streamed: list[Request] = []

            async def listen() -> None:
                streamed.extend([request async for request in traffic.stream()])

            listening = asyncio.ensure_future(listen())
            await until(lambda: all(good(traffic, v) >= 30 for v in VIPS))
            live = traffic.snapshot(5.0, 0.25)
            done = await traffic.stop()
            await listening
        after = CLOCK.now()
    assert told == streamed == list(done.requests)
    assert (done.problem, done.checked, live.measuring) == (None, "http", True)
    assert [c.vip for c in done.counts] == list(VIPS)
    for vip, count in zip(VIPS, done.counts, strict=True):
        assert (count.failed, count.begun) == (0, count.ok + count.unjudged)
        assert lost(done.requests, vip, done.requests[0].started).failed == 0
        assert len(live.strips[vip]) == 20
        assert 30 <= sum(b.ok for b in live.strips[vip]) <= count.ok
    assert done.known is not None and done.known.since >= before
    assert all(before <= r.started <= r.ended <= after and r.status == 200 for r in done.requests)
    assert max(r.started for r in done.requests) <= done.known.until
    assert done.interval_ms is not None and done.interval_ms >= 19.0, "never faster than it was asked to"
    assert done.load is not None and done.load.cpu_percent > 0
    assert await traffic.stop() == done


async def test_a_takeover_is_an_outage_of_that_vip_alone() -> None:
    async with DemoCluster() as demo, measuring(demo) as traffic:
        await until(lambda: all(good(traffic, v) >= 5 for v in VIPS))
        cut = CLOCK.now()
        demo.happen(ONE, What.KEEPALIVED_STOP)
        await until(lambda: demo.sim.holder(ip_address(VIPS[0])) is demo.sim.nodes[TWO], 15)
        moved, have = CLOCK.now(), good(traffic, VIPS[0])
        await until(lambda: good(traffic, VIPS[0]) >= have + 5)
        done = await traffic.stop()
    (outage,) = find(done.requests, VIPS[0])
    assert outage.began is not None and outage.ended is not None
    assert outage.began <= cut + 0.1 and outage.ended >= moved - 0.1
    assert {r.ok for r in outage.failed} == {False}
    assert find(done.requests, VIPS[1]) == ()


async def test_when_the_measuring_process_dies_what_came_later_is_not_known() -> None:
    async with DemoCluster() as demo, measuring(demo) as traffic:
        await until(lambda: good(traffic, VIPS[0]) >= 40)
        assert traffic.pid is not None
        os.kill(traffic.pid, signal.SIGKILL)
        await until(lambda: not traffic.snapshot().measuring)
        died = CLOCK.now()
        assert [r async for r in traffic.stream()] == list(traffic.requests)
        done: Recording = await traffic.stop()
    assert done.problem == "the measuring process was ended by signal 9"
    assert done.known is not None and done.known.since < done.known.until <= died - 0.5
    known = (done.known.since, done.known.until)
    found = lost(done.requests, VIPS[0], known[0], died, known)
    assert (found.longest_s, found.failed) == (None, 0)
    assert found.why == "it was not measured all the time"


async def test_what_cannot_be_measured_is_said_at_the_start() -> None:
    async with DemoCluster() as demo:
        spec = replace(demo.spec, probe_url="http://a b/")
        with pytest.raises(TrafficError, match="probe_url cannot be asked for"):
            await Traffic(CLOCK).start(spec, [ip_address(VIPS[0])])
        with pytest.raises(TrafficError, match="1 to 128 VIPs"):
            await Traffic(CLOCK).start(demo.spec, [])
        nowhere = replace(demo.spec, dial={(VIPS[0], 3128): ("no-such-host.invalid", 1)})
        with pytest.raises(TrafficError, match=r"the measuring process ended with status 1: .*gaierror"):
            await Traffic(CLOCK).start(nowhere, [ip_address(VIPS[0])])


async def test_without_a_probe_url_it_says_that_it_only_connects() -> None:
    async with DemoCluster() as demo:
        traffic = Traffic(CLOCK)
        await traffic.start(replace(demo.spec, probe_url=None), [ip_address(VIPS[0])])
        await until(lambda: good(traffic, VIPS[0]) >= 3)
        done = await traffic.stop()
    assert done.checked == "tcp"
    assert {(r.ok, r.status) for r in done.requests} == {(True, None)}
