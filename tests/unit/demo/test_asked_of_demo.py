"""What guards are told by the demo's nodes, over SSH as by real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import pytest

from haconsole.demo.cluster import DemoCluster
from haconsole.demo.plan import What
from haconsole.demo.scenarios import ONE, TWO
from haconsole.model.operation import LockOutcome, LockRequest
from haconsole.operations.actions import Action, Kind, drain_of
from haconsole.operations.guards import judge, refusals
from haconsole.operations.guards_context import Asked, Guard
from haconsole.runtime.asking import ask
from haconsole.runtime.asking_rights import wanted_rights
from haconsole.runtime.assemble import Parts, production
from haconsole.runtime.desk import Desk
from haconsole.runtime.monitor import Monitor, run_all
from tests.support.wait import until


@dataclass
class Console:
    demo: DemoCluster
    parts: Parts
    monitor: Monitor
    desks: dict[str, Desk]

    async def ask(self, action: Action) -> Asked:
        return await ask(
            self.demo.spec, self.monitor.picture(), self.monitor.state, action, self.desks, self.parts.clock,
            operator="anna", operation="op-mine",
        )  # fmt: skip

    async def judge(self, action: Action) -> dict[str, Guard]:
        asked = await self.ask(action)
        return {g.id: g for g in judge(self.monitor.picture(), action, asked)}

    def drain(self) -> Action:
        picture = self.monitor.picture()
        return Action(kind=Kind.DRAIN, node=ONE, drain=drain_of(picture, picture.node(ONE)))


@asynccontextmanager
async def console(scenario: str = "drainable", *, dump: bool = True) -> AsyncIterator[Console]:
    async with DemoCluster(scenario) as demo:
        parts = production()
        monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock)
        desks = {n.name: Desk(demo.spec, n, parts.connector, parts.clock, lambda _: None) for n in demo.spec.nodes}
        running = asyncio.ensure_future(run_all([monitor], parts.connector))

        def read() -> bool:
            picture = monitor.picture()
            nodes = all(
                (n.dump_at or not dump) and n.config and n.squid and n.versions and n.squid_unit for n in picture.nodes
            )
            return bool(picture.vips) and nodes and all(v.client and v.settled for v in picture.vips)

        try:
            await until(read, 30)
            yield Console(demo, parts, monitor, desks)
        finally:
            for desk in desks.values():
                await desk.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_of_a_healthy_pair_everything_is_known_and_nothing_refuses() -> None:
    async with console() as desk:
        for action in (
            Action(kind=Kind.SQUID_STOP, node=ONE),
            Action(kind=Kind.LINK_DOWN, node=ONE, interface="eth1"),
            Action(kind=Kind.KEEPALIVED_STOP, node=TWO),
            desk.drain(),
        ):
            asked = await desk.ask(action)
            found = judge(desk.monitor.picture(), action, asked)
            assert all(g.ok is True for g in found), [(g.id, g.evidence) for g in found if g.ok is not True]
            assert asked.rights.keys() >= {(action.node, s.id) for s in wanted_rights(action)}
            assert asked.nonlocal_bind == {ONE: False, TWO: False}
        counted = asked.connections
        assert counted.keys() == {ip_address("192.168.2.101"), ip_address("192.168.2.102")}
        clients = sum(n.squid.clients for n in desk.demo.sim.nodes.values())
        assert sum(counted.values()) == clients > 0


FAULTS: dict[str, tuple[What, str, str]] = {
    "squid of the peer stopped": (What.SQUID_STOP, "", "peer-serves"),
    "squid of the peer hangs": (What.SQUID_HANG, "", "peer-serves"),
    "LAN of the peer down": (What.LINK_DOWN, "eth0", "peer-serves"),
    "public link of the peer down": (What.LINK_DOWN, "eth1", "peer-public-link"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_the_guard_whose_matter_it_is_refuses(name: str) -> None:
    what, arg, guard = FAULTS[name]
    action = Action(kind=Kind.SQUID_STOP, node=ONE)
    async with console() as desk:
        desk.demo.happen(TWO, what, arg)
        asked: dict[str, Guard] = {}
        async with asyncio.timeout(30):
            while not asked or asked[guard].ok is not False:
                asked = await desk.judge(action)
        assert not asked[guard].passes


async def test_another_consoles_lock_is_seen_and_ones_own_is_not_in_the_way() -> None:
    action = Action(kind=Kind.SQUID_STOP, node=ONE)
    async with console() as desk:
        for operation, ok in (("op-mine", True), ("op-theirs", False)):
            request = LockRequest(
                operation=operation, owner="ben", host="desk", name="drain", node=TWO, started="2026-01-01T00:00:00Z"
            )
            assert (await desk.desks[TWO].take(request)).outcome is LockOutcome.TAKEN
            found = await desk.judge(action)
            assert found["no-other-operation"].ok is ok
            await desk.desks[TWO].release(operation, 0.0)


async def test_a_login_that_may_not_use_sudo_has_no_rights() -> None:
    async with console("few-rights", dump=False) as desk:
        asked = await desk.ask(Action(kind=Kind.KEEPALIVED_STOP, node=ONE))
        assert {a.ok for a in asked.rights.values()} == {False}
        assert "haconsole sudoers" in asked.rights[ONE, "keepalived.stop"].text
        assert asked.config_test is not None and asked.config_test.ok is None
        assert asked.master_changes is None


async def test_what_restores_waits_for_nobody_else() -> None:
    async with console() as desk:
        asked = await desk.ask(Action(kind=Kind.SQUID_START, node=ONE))
        assert asked.operations.keys() == {ONE}
        assert asked.requests == {}
        found = judge(desk.monitor.picture(), Action(kind=Kind.SQUID_START, node=ONE), asked)
        assert refusals(found) == ()


async def test_a_dead_node_is_not_known() -> None:
    async with console() as desk:
        desk.demo.happen(TWO, What.POWER_OFF)
        asked = await desk.ask(Action(kind=Kind.SQUID_STOP, node=ONE))
        assert asked.operations.keys() == {ONE}
        assert asked.requests[TWO].ok is False
        assert TWO not in asked.nonlocal_bind
        assert asked.operator == "anna" and asked.operation == "op-mine"
