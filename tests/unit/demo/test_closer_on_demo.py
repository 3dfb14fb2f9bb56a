"""A closer look at the demo's nodes, over SSH as at real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from haconsole.demo.cluster import DemoCluster
from haconsole.demo.plan import What
from haconsole.demo.scenarios import ONE, TWO
from haconsole.operations.closer_proof import Seen
from haconsole.report.configuration import judge
from haconsole.runtime.assemble import production
from haconsole.runtime.closer import Closer
from haconsole.runtime.monitor import Monitor, run_all
from tests.support.wait import until


class Looking:
    def __init__(self, demo: DemoCluster) -> None:
        self.demo, parts = demo, production()
        self.monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock, listen=False)
        self.closer = Closer(demo.spec, parts.connector, parts.probe, parts.clock)
        self.parts = parts

    def snapshot(self):
        return self.monitor.snapshot(self.parts.clock.now())

    def read(self) -> bool:
        nodes = self.snapshot().picture.nodes
        return all(n.dump_at and n.config and n.squid and n.kernel and n.versions for n in nodes)

    async def look(self, key: str) -> Seen:
        snapshot = self.snapshot()
        offer = next(o for o in self.closer.offers(snapshot) if o.key == key)
        assert offer.refused is None, offer.refused
        assert offer.lines
        return await self.closer.look(offer, snapshot)


@asynccontextmanager
async def looking(scenario: str) -> AsyncIterator[Looking]:
    async with DemoCluster(scenario) as demo:
        made = Looking(demo)
        running = asyncio.ensure_future(run_all([made.monitor], made.parts.connector))
        try:
            await until(made.read, 30)
            yield made
        finally:
            await made.closer.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_check_arp_and_squid_of_a_pair_whose_one_squid_is_down() -> None:
    async with looking("healthy") as at:
        assert (await at.look(f"script/{ONE}/chk_squid_service")).proof.ok is True
        assert (await at.look("squid")).proof.ok is True
        at.demo.happen(TWO, What.SQUID_STOP)
        squid = at.demo.sim.nodes[TWO].squid
        await until(lambda: not squid.process and at.read(), 60)
        seen = await at.look(f"script/{TWO}/chk_squid_service")
        assert seen.proof.ok is False
        assert "exit 1" in seen.proof.text
        assert [r.status for r in seen.ran] == [1]
        assert seen.ran[0].seconds is not None
        assert "squid.pid" in seen.ran[0].output
        await until(lambda: at.snapshot().picture.vips[1].holders == (ONE,), 30)
        arp = await at.look(f"arp/{at.snapshot().picture.vips[1].address}")
        assert arp.proof.ok is True, arp
        squids = await at.look("squid")
        assert squids.proof.ok is False
        assert f"squid on {TWO}" in squids.proof.text


async def test_what_the_audit_asks_is_listed_before_and_known_after() -> None:
    async with looking("healthy") as at:
        offer = at.closer.audit_offer(at.snapshot())
        assert {line.where for line in offer.lines} == {ONE, TWO}
        assert any("stat -L" in line.text and "/usr/sbin/squid" in line.text for line in offer.lines)
        asked = await at.closer.ask(at.snapshot())
        assert set(asked) == {ONE, TWO}
        told = judge(at.snapshot(), asked)
        assert set(told.asked_at) == set(told.read_at) == {ONE, TWO}
        assert [c.node for c in told.compared] == [ONE, TWO]
        assert not any(f.id == "not-checked" for f in told.audit.findings)
