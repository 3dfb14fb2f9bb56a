"""What the nodes' own captures add to the live picture: the wire's witness for every VIP, and what follows from it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.cluster.conclude import Snapshot
from haconsole.config.load import load
from haconsole.model.findings import Severity
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from tests.lab.harness import Lab, Node, faults
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")
A, B = ip_address("192.168.2.251"), ip_address("192.168.2.252")
INTERVAL_S = 1.0


class Watch:
    """A monitor that runs and listens, and what it says now."""

    def __init__(self, monitor: Monitor, now: object) -> None:
        self.monitor, self._now = monitor, now

    @property
    def snapshot(self) -> Snapshot:
        return self.monitor.snapshot(self._now())  # type: ignore[operator]

    def advertisers(self) -> dict[object, tuple[str, ...] | None]:
        return {v.address: v.advertisers for v in self.snapshot.picture.vips}

    def agree(self) -> int:
        """How many VIPs there are, if the wire and the kernels name the same one node for each; else 0."""
        vips = self.snapshot.picture.vips
        well = all(v.holders is not None and len(v.holders) == 1 and v.advertisers == v.holders for v in vips)
        return len(vips) if well else 0

    def roots(self, id_: str, vip: object) -> str | None:
        """What a finding follows from, now; None: it is not there, or follows from nothing."""
        return next((f.follows_from for f in self.snapshot.findings if f.id == id_ and f.vip == vip), None)

    def ids(self) -> set[str]:
        return {f.id for f in self.snapshot.findings}

    def wire_ids(self) -> set[str]:
        """Above info: the segment of the lab may have others' routers on it."""
        return {f.id for f in self.snapshot.findings if f.id.startswith("wire-") and f.severity > Severity.INFO}

    def log(self) -> list[str]:
        return [o.text for o in self.snapshot.picture.log if o.source == "wire"]

    def speaks(self, source: object, vrid: int = 1) -> bool:
        """Some place hears `source` as a master of the virtual router."""
        router = self.snapshot.picture.wire.router((vrid, 4))
        return router is not None and any(s.source == source and s.speaks for s in router.senders)


@asynccontextmanager
async def watching(lab: Lab, folder: Path, user: str = "root", *, sudo: bool = False) -> AsyncIterator[Watch]:
    """Until every node is heard in peace."""
    (spec,) = load(lab.write_config(folder / f"{user}.toml", user=user, sudo=sudo))
    parts = production()
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    running = asyncio.ensure_future(run_all([monitor], parts.connector))
    watch = Watch(monitor, parts.clock.now)
    try:
        await until(lambda: watch.advertisers() == {VIP1: (ONE,), VIP2: (TWO,)}, 40, "the wire's witness is there")
        await until(lambda: len(watch.snapshot.picture.wire.places) == len(spec.nodes), 20, "every node listens")
        yield watch
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(running, return_exceptions=True)


def tcpdumps(node: Node) -> list[str]:
    lines = node.exec("ps", "-eo", "args").stdout.splitlines()
    return [line for line in lines if "tcpdump" in line]


async def test_both_nodes_are_heard_at_once_and_a_healthy_pair_has_no_finding(healthy_lab: Lab, tmp_path: Path) -> None:
    async with watching(healthy_lab, tmp_path, "ops", sudo=True) as watch:
        hearing = watch.monitor.hearing
        assert hearing is not None

        def heard(place: str, source: object, vrid: int) -> bool:
            router = hearing.places[place].tracker.routers.get((vrid, 4))
            return router is not None and router.senders[source].count >= 5 if router else False  # type: ignore[index]

        for place in (ONE, TWO):
            await until(lambda p=place: heard(p, A, 1) and heard(p, B, 2), 20, f"both masters, at {place}")  # type: ignore[misc]
        assert watch.wire_ids() == set()
        assert watch.snapshot.verdict.word == "ok", watch.ids()
    for node in healthy_lab.nodes.values():
        await until(lambda n=node: not tcpdumps(n), 15, f"nothing is left on {node.name}")  # type: ignore[misc]


async def test_a_split_brain_is_critical_within_three_adverts_and_clears(healthy_lab: Lab, tmp_path: Path) -> None:
    async with watching(healthy_lab, tmp_path) as watch:
        with faults.vrrp_dropped(healthy_lab):
            await until(lambda: watch.speaks(B), 20, "the second master speaks")
            await until(
                lambda: any(f.id == "wire-two-masters" and f.vip == VIP1 for f in watch.snapshot.findings),
                3 * INTERVAL_S,
                "two masters within three intervals",
            )
            found = next(f for f in watch.snapshot.findings if f.id == "wire-two-masters" and f.vip == VIP1)
            assert found.severity is Severity.CRITICAL and watch.snapshot.verdict.word == "critical"
            assert f"{ONE} ({A})" in found.summary and f"{TWO} ({B})" in found.summary
            assert watch.advertisers()[VIP1] == (ONE, TWO)
            assert "network card" in found.summary, "each capture hears both: what drops them is behind the card"
            # of this VIP: the other one's second master may not have spoken yet
            await until(lambda: (watch.roots("vip-held-by-several", VIP1) or "").startswith("wire-two-masters/"), 15)
        await until(lambda: watch.advertisers() == {VIP1: (ONE,), VIP2: (TWO,)}, 30, "one master each again")
        await until(lambda: not watch.wire_ids(), 15, f"it clears: {watch.wire_ids()}")


async def test_a_stop_is_an_orderly_hand_over_and_a_killed_one_a_silence(healthy_lab: Lab, tmp_path: Path) -> None:
    async with watching(healthy_lab, tmp_path) as watch:
        with faults.unit_stopped(healthy_lab.nodes[ONE], "keepalived"):
            await until(lambda: watch.advertisers()[VIP1] == (TWO,), 15, "the other node speaks")
            handed = f"{A} VRID 1 priority 0: orderly hand-over from {ONE} to {TWO}"
            await until(lambda: any(t.startswith(handed) for t in watch.log()), 5)
            await until(lambda: any(t.startswith(f"gratuitous ARP: {VIP1} is at ") for t in watch.log()), 5)
            assert watch.wire_ids() == set()
        await until(lambda: watch.advertisers() == {VIP1: (ONE,), VIP2: (TWO,)}, 30, "it comes back")
        with faults.keepalived_killed(healthy_lab.nodes[ONE]):
            await until(lambda: any("s silence of proxy-serv01" in t for t in watch.log()), 15)
            assert sum(f"takeover of VRID 1 by {TWO} after" in t for t in watch.log()) == 1, "told once, heard twice"
            assert "wire-two-masters" not in watch.ids()


@pytest.mark.parametrize("variant", [faults.unicast, faults.dual_stack], ids=lambda f: f.__name__)
async def test_every_way_to_advertise_is_heard_and_well(healthy_lab: Lab, tmp_path: Path, variant: object) -> None:
    """Unicast to the peers; VRRPv3 over IPv4 and IPv6."""
    assert callable(variant)
    with variant(healthy_lab):
        (spec,) = load(healthy_lab.write_config(tmp_path / "root.toml", user="root"))
        parts = production()
        monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
        running = asyncio.ensure_future(run_all([monitor], parts.connector))
        watch = Watch(monitor, parts.clock.now)
        try:
            await until(lambda: watch.agree() >= 2, 40, "the wire names the holders of every VIP")
            heard = watch.snapshot.picture.at
            await until(lambda: watch.snapshot.picture.at - heard > 8, 20)  # longer than any silence is judged by
            assert watch.agree() >= 2
            assert watch.wire_ids() == set(), [f.summary for f in watch.snapshot.findings]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
