"""Guarded changes on real nodes, as `ops` with the printed sudoers: carried out, put back, and nothing left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.cluster.picture import ClusterPicture
from haconsole.config.load import load
from haconsole.model.operation import LockRequest, NodeOperation
from haconsole.operations.actions import Action, Kind, drain_of
from haconsole.operations.job import Job, Result
from haconsole.operations.jobs import Marks, job
from haconsole.runtime.assemble import Parts, production
from haconsole.runtime.desk import Desk, Ran
from haconsole.runtime.executor import Executor, Report, Told
from haconsole.runtime.monitor import Monitor, run_all
from tests.lab.commanding import rich
from tests.lab.harness import Lab, faults
from tests.lab.operating import granted
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")


@dataclass
class Guard:
    id: str
    passes: bool
    text: str


@dataclass
class Console:
    """A console at work: its monitor, and what it ran."""

    lab: Lab
    parts: Parts
    monitor: Monitor
    ran: list[Ran]
    told: list[Told]
    guards: list[Guard]

    @property
    def picture(self) -> ClusterPicture:
        return self.monitor.picture()

    def action(self, kind: Kind, **more: object) -> Action:
        if kind is Kind.DRAIN:
            more["drain"] = drain_of(self.picture, self.picture.node(ONE))
        return Action(kind=kind, node=ONE, **more)  # type: ignore[arg-type]

    def executor(self, action: Action, operation: str = "op-test") -> Executor:
        made: Job = job(self.picture, action, Marks(operation=operation, operator="anna@desk"))
        spec = self.monitor.spec
        desks = {n.name: Desk(spec, n, self.parts.connector, self.parts.clock, self.ran.append) for n in spec.nodes}
        request = LockRequest(
            operation=operation, owner="anna", host="desk", name=made.action, node=made.node, started="2026-01-01T00:00:00Z"
        )  # fmt: skip

        async def judge(_states: Mapping[str, NodeOperation]) -> list[Guard]:
            return self.guards

        return Executor(
            made, desks, eyes=self.monitor, guards=judge, clock=self.parts.clock, request=request,
            observe=self.told.append, facts=lambda p: {str(v.address): v.holders for v in p.vips},
        )  # fmt: skip

    async def do(self, kind: Kind, **more: object) -> Report:
        return await self.executor(self.action(kind, **more)).run()

    def calm(self) -> bool:
        """Every VIP is served by its first node, everything was read."""
        vips = {v.address: v for v in self.picture.vips}
        return all(
            (vip := vips.get(address)) is not None
            and vip.holders == (holder,)
            and vip.client is not None
            and vip.client.result.ok
            for address, holder in ((VIP1, ONE), (VIP2, TWO))
        ) and all(n.dump_at and n.config and n.squid and n.versions for n in self.picture.nodes)


@asynccontextmanager
async def console(lab: Lab, folder: Path) -> AsyncIterator[Console]:
    (spec,) = load(lab.write_config(folder / "haconsole.toml", user="ops", sudo=True))
    parts = production()
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    running = asyncio.ensure_future(run_all([monitor], parts.connector))
    found = Console(lab, parts, monitor, [], [], [Guard("all", True, "well")])
    try:
        with granted(lab):
            await until(found.calm, 30)
            yield found
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def left(lab: Lab) -> list[str]:
    """What an operation may leave: nothing below /run/haconsole, no timer."""
    found = []
    for node in lab.nodes.values():
        found += node.sh("find /run/haconsole -mindepth 1 2>/dev/null || true").split()
        found += node.sh("systemctl list-units --no-legend --all 'haconsole-*' || true").split()
    return found


def routes(lab: Lab) -> list[str]:
    return sorted(
        lab.nodes[ONE].sh("ip route show table all; ip -6 route show table all | grep -v multicast").splitlines()
    )


HELD: dict[str, tuple[Kind, dict[str, object]]] = {
    "public link down": (Kind.LINK_DOWN, {"interface": "eth1", "wanted_s": 30.0}),
    "lan link down": (Kind.LINK_DOWN, {"interface": "eth0", "wanted_s": 30.0, "own_path": True}),
    "squid stop": (Kind.SQUID_STOP, {"wanted_s": 30.0}),
    "keepalived stop": (Kind.KEEPALIVED_STOP, {"wanted_s": 30.0}),
}


@pytest.mark.parametrize("name", HELD)
async def test_what_is_held_is_put_back_and_nothing_is_left(healthy_lab: Lab, tmp_path: Path, name: str) -> None:
    kind, more = HELD[name]
    before = routes(healthy_lab)
    async with console(healthy_lab, tmp_path) as desk:
        executor = desk.executor(desk.action(kind, **more))
        running = asyncio.ensure_future(executor.run())
        own_path = bool(more.get("own_path"))
        await until(lambda: running.done() or any(t.step == "hold" for t in desk.told), 40, "held")
        assert not running.done(), running.result()
        assert healthy_lab.holders(str(VIP1)) == [TWO]
        executor.hold_over.set()
        report = await running
        assert report.result is Result.DONE, (
            report.text,
            report.look_at,
            [(s.step, s.ok, s.text) for s in report.steps],
        )
        assert [s.step for s in report.steps] == [
            "lock", "guards", "save", "arm", "see-armed", "change", "verify", "hold", "put-back", "restored",
            *(["routes"] if kind is Kind.LINK_DOWN else []), "disarm", "unlock",
        ]  # fmt: skip
        assert all(s.ok for s in report.steps)
        assert ("routes of" in report.text) is (kind is Kind.LINK_DOWN)
        assert own_path or all(r.exit_status == 0 for r in desk.ran), desk.ran
    await until(lambda: not left(healthy_lab), 20, f"nothing left: {left(healthy_lab)}")
    assert routes(healthy_lab) == before
    assert healthy_lab.holders(str(VIP1)) == [ONE]


async def test_a_route_that_did_not_come_back_is_told_and_not_called_done(healthy_lab: Lab, tmp_path: Path) -> None:
    """The revert finds nothing to mend: what it had saved was taken away meanwhile. The console sees what is missing."""
    node, folder = healthy_lab.nodes[ONE], "/run/haconsole/operation"
    with rich(node):
        before = routes(healthy_lab)
        async with console(healthy_lab, tmp_path) as desk:
            executor = desk.executor(desk.action(Kind.LINK_DOWN, interface="eth1", wanted_s=60.0))
            running = asyncio.ensure_future(executor.run())
            await until(lambda: running.done() or any(t.step == "hold" for t in desk.told), 40, "held")
            node.sh(f": > {folder}/eth1-route6-static; : > {folder}/eth1-text6-static")
            executor.hold_over.set()
            report = await running
        missing = sorted(set(before) - set(routes(healthy_lab)))
        assert report.result is Result.UNVERIFIED, report.text
        assert len(missing) == 1 and missing[0].split()[0] in report.text, (missing, report.text)
        assert any("ip -6 route show table all dev eth1" in place for place in report.look_at)
    await until(lambda: not left(healthy_lab), 20, f"nothing left: {left(healthy_lab)}")


MOMENTS = (Kind.KEEPALIVED_RESTART, Kind.KEEPALIVED_RELOAD, Kind.SQUID_RESTART)


@pytest.mark.parametrize("kind", MOMENTS, ids=lambda k: k.value)
async def test_what_is_over_at_once_is_disarmed(healthy_lab: Lab, tmp_path: Path, kind: Kind) -> None:
    async with console(healthy_lab, tmp_path) as desk:
        report = await desk.do(kind)
        assert report.result is Result.DONE, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
    await until(lambda: not left(healthy_lab), 20)


@pytest.mark.soak  # test_node_command shows the same by the command line
async def test_a_lossless_drain_stays_until_it_is_ended(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.lossless(healthy_lab):
        async with console(healthy_lab, tmp_path) as desk:
            await until(lambda: drain_of(desk.picture, desk.picture.node(ONE)).value is not None, 20)
            report = await desk.do(Kind.DRAIN, reason="kernel update")
            assert report.result is Result.DONE, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
            assert healthy_lab.holders(str(VIP1)) == [TWO]
            assert healthy_lab.nodes[ONE].sh("find /run/haconsole -mindepth 1").split() == ["/run/haconsole/drain"]
            assert "kernel update" in healthy_lab.nodes[ONE].read("/run/haconsole/drain")
            report = await desk.do(Kind.UNDRAIN)
            assert report.result is Result.DONE, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
            await until(lambda: healthy_lab.holders(str(VIP1)) == [ONE], 20)
        await until(lambda: not left(healthy_lab), 20)


async def test_a_drain_with_an_end_is_ended_by_the_node_or_before(healthy_lab: Lab, tmp_path: Path) -> None:
    with faults.lossless(healthy_lab):
        async with console(healthy_lab, tmp_path) as desk:
            await until(lambda: drain_of(desk.picture, desk.picture.node(ONE)).value is not None, 20)
            report = await desk.do(Kind.DRAIN, wanted_s=15.0)
            assert report.result is Result.DONE, report.text
            await until(lambda: healthy_lab.holders(str(VIP1)) == [ONE], 40, "the node ended the drain")
            await until(lambda: not left(healthy_lab), 30)
            report = await desk.do(Kind.DRAIN, wanted_s=60.0)
            assert report.result is Result.DONE, report.text
            report = await desk.do(Kind.UNDRAIN)
            assert report.result is Result.DONE, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
        await until(lambda: not left(healthy_lab), 20)


@pytest.mark.soak  # test_node_command shows the same by the command line
async def test_the_article_s_drain_stops_keepalived_and_starts_it_again(healthy_lab: Lab, tmp_path: Path) -> None:
    async with console(healthy_lab, tmp_path) as desk:
        assert drain_of(desk.picture, desk.picture.node(ONE)).value is None, "255: no weight lowers it"
        report = await desk.do(Kind.DRAIN)
        assert report.result is Result.DONE, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
        assert healthy_lab.holders(str(VIP1)) == [TWO]
        stopped = drain_of(desk.picture, desk.picture.node(ONE))
        report = await desk.executor(Action(kind=Kind.UNDRAIN, node=ONE, drain=stopped)).run()
        assert report.result is Result.DONE, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
        await until(lambda: healthy_lab.holders(str(VIP1)) == [ONE], 20)
    await until(lambda: not left(healthy_lab), 20)


@pytest.mark.soak  # test_node_command shows the same by the command line
async def test_a_stop_puts_everything_back(healthy_lab: Lab, tmp_path: Path) -> None:
    async with console(healthy_lab, tmp_path) as desk:
        executor = desk.executor(desk.action(Kind.SQUID_STOP, wanted_s=60.0))
        running = asyncio.ensure_future(executor.run())
        await until(lambda: any(t.step == "hold" for t in desk.told), 40)
        executor.stop.set()
        report = await running
        assert report.result is Result.REVERTED, (report.text, report.look_at)
        assert "stopped by the operator" in report.text
        assert healthy_lab.nodes[ONE].is_active("squid")
    await until(lambda: not left(healthy_lab), 20)


async def test_a_guard_that_fails_under_the_lock_touches_nothing(healthy_lab: Lab, tmp_path: Path) -> None:
    async with console(healthy_lab, tmp_path) as desk:
        desk.guards.append(Guard("peer", False, "the peer is not ready"))
        report = await desk.do(Kind.SQUID_STOP)
        assert report.result is Result.REFUSED
        assert "the peer is not ready" in report.text
        assert not [r for r in desk.ran if not r.entry.startswith("operation.lock")]
        assert healthy_lab.nodes[ONE].is_active("squid")
    await until(lambda: not left(healthy_lab), 20)


@pytest.mark.soak  # test_node_command shows the same by the command line
async def test_of_two_consoles_one_is_refused_with_the_other_s_name(healthy_lab: Lab, tmp_path: Path) -> None:
    async with console(healthy_lab, tmp_path) as desk:
        first = desk.executor(desk.action(Kind.SQUID_STOP, wanted_s=60.0), "op-first")
        running = asyncio.ensure_future(first.run())
        await until(lambda: any(t.step == "hold" for t in desk.told), 40)
        report = await desk.executor(desk.action(Kind.LINK_DOWN, interface="eth1"), "op-second").run()
        assert report.result is Result.REFUSED
        assert "anna on desk runs squid-stop on proxy-serv01" in report.text
        first.hold_over.set()
        assert (await running).result is Result.DONE
    await until(lambda: not left(healthy_lab), 20)


async def test_what_does_not_help_is_put_back(healthy_lab: Lab, tmp_path: Path) -> None:
    """Both keepalived deaf to each other's squid: the stop moves nothing, so it is put back with the cause named."""

    node = healthy_lab.nodes[ONE]
    conf = "\n".join(
        line for line in node.read("/etc/keepalived/keepalived.conf").splitlines() if "track_script" not in line
    )
    with faults.keepalived_configured(node, conf):
        async with console(healthy_lab, tmp_path) as desk:
            report = await desk.do(Kind.SQUID_STOP, wanted_s=60.0)
            assert report.result is Result.REVERTED, (report.text, [(s.step, s.ok, s.text) for s in report.steps])
            assert healthy_lab.nodes[ONE].is_active("squid")
    await until(lambda: not left(healthy_lab), 20)
