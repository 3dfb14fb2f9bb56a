"""What clients lose, in simulated time: the figures measured on real nodes (docs/drills.md), and keepalived's lines in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.plan import ClusterPlan, Happening, What
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO, article
from haconsole.model.spec import IpAddress

VIP1, VIP2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")
ZERO = 1_795_000_000.0


class Watch:
    """Steps a cluster and notes how long each VIP was served by nobody, and who held it when."""

    def __init__(self, plan: ClusterPlan) -> None:
        self.cluster = ClusterSim(plan, ZERO)
        self.lost_s = dict.fromkeys(plan.vips, 0.0)
        self.holders: dict[IpAddress, list[tuple[float, frozenset[str]]]] = {v: [] for v in plan.vips}

    def run(self, seconds: float) -> None:
        """From event to event, so that every moment is seen."""
        sim = self.cluster.sim
        end = sim.now + seconds
        while sim.now < end:
            before, unserved = sim.now, [v for v in self.cluster.plan.vips if not self.served(v)]
            due = sim.next_at()
            sim.run_until(end if due is None else min(end, due))
            for vip in unserved:
                self.lost_s[vip] += sim.now - before
            for vip, seen in self.holders.items():
                held = frozenset(n.plan.name for n in self.cluster.nodes.values() if n.kernel.has(vip))
                if not seen or seen[-1][1] != held:
                    seen.append((sim.now, held))

    def served(self, vip: IpAddress) -> bool:
        holder = self.cluster.holder(vip)
        return holder is not None and holder.squid.listening

    def do(self, what: What, node: str = ONE, arg: str = "") -> None:
        self.cluster.nodes[node].befall(Happening(at_s=0, node=node, what=what, arg=arg))

    def log(self, node: str = ONE, since: float = 0.0) -> list[str]:
        entries = self.cluster.nodes[node].journal.tail(999, lambda e: e["_COMM"] == "keepalived")
        return [e["MESSAGE"] for e in entries if int(e["__REALTIME_TIMESTAMP"]) >= (ZERO + since) * 1e6]


@pytest.mark.parametrize("phase_s", [0.0, 0.37, 0.81])
@pytest.mark.parametrize(
    ("what", "arg", "back", "low_s", "high_s"),
    [
        (What.LINK_DOWN, "eth1", What.LINK_UP, 0.60, 0.63),
        (What.LINK_DOWN, "eth0", What.LINK_UP, 2.60, 3.62),
        (What.CARRIER_LOST, "eth0", What.CARRIER_BACK, 2.60, 3.62),
        (What.SQUID_STOP, "", What.SQUID_START, 3.3, 6.4),
        (What.KEEPALIVED_STOP, "", What.KEEPALIVED_START, 0.60, 0.63),
        (What.POWER_OFF, "", What.POWER_ON, 2.60, 3.62),
    ],
)
def test_outages(what: What, arg: str, back: What, low_s: float, high_s: float, phase_s: float) -> None:
    watch = Watch(article())
    watch.run(2.0 + phase_s)
    assert watch.lost_s == {VIP1: 0.0, VIP2: 0.0}
    watch.do(what, arg=arg)
    watch.run(12.0)
    assert low_s <= watch.lost_s[VIP1] <= high_s
    assert watch.holders[VIP1][-1][1] == {TWO}
    lost = dict(watch.lost_s)
    watch.do(back, arg=arg)
    watch.run(20.0)
    assert watch.holders[VIP1][-1][1] == {ONE}, "preemption"
    assert watch.lost_s[VIP1] - lost[VIP1] <= 0.046, "failback costs next to nothing"
    assert watch.lost_s[VIP2] == 0.0


def test_drain_loses_nothing() -> None:
    watch = Watch(article(drainable=True))
    for value, holder, low_s, high_s in (("-200", TWO, 2.5, 3.7), ("0", ONE, 1.9, 3.1)):
        watch.run(5.0)
        at = watch.cluster.sim.now
        watch.do(What.DRAIN, arg=value)
        watch.run(8.0)
        moved, held = watch.holders[VIP1][-1]
        assert held == {holder}
        assert low_s <= moved - at <= high_s
    assert watch.lost_s == {VIP1: 0.0, VIP2: 0.0}


def test_drain_of_the_articles_pair_costs_the_skew() -> None:
    """Priority 255 has no weights: FAULT, 0.65 s (measured)."""
    plan = article()
    watch = Watch(replace(plan, drainable=True))
    watch.run(2.0)
    watch.do(What.DRAIN, arg="-200")
    watch.run(8.0)
    assert 0.60 <= watch.lost_s[VIP1] <= 0.63
    assert "(proxy_ip1): tracked file haconsole_drain now FAULT state" in watch.log()


ETH1 = (
    "Netlink reports eth1 down",
    "(proxy_ip1) Entering FAULT STATE",
    "(proxy_ip2) Entering FAULT STATE",
    "Netlink reports eth1 up",
    "(proxy_ip1) Entering BACKUP STATE",
    "(proxy_ip2) Entering BACKUP STATE",
    "(proxy_ip1) received lower priority (100) advert from 192.168.2.252 - discarding",
    "(proxy_ip1) received lower priority (100) advert from 192.168.2.252 - discarding",
    "(proxy_ip1) received lower priority (100) advert from 192.168.2.252 - discarding",
    "(proxy_ip1) Entering MASTER STATE",
)  # 2.2.7's log-serv01-without-D.txt, "eth1 down" and "eth1 up"

SQUID = (
    "Script `chk_squid_service` now returning 1",
    "VRRP_Script(chk_squid_service) failed (exited with status 1)",
    "(proxy_ip1) Entering FAULT STATE",
    "(proxy_ip2) Entering FAULT STATE",
    "Script `chk_squid_service` now returning 0",
    "VRRP_Script(chk_squid_service) succeeded",
    "(proxy_ip1) Entering BACKUP STATE",
    "(proxy_ip2) Entering BACKUP STATE",
)

PEER = (
    "(proxy_ip1) Entering MASTER STATE",
    "(proxy_ip1) Master received advert from 192.168.2.251 with higher priority 255, ours 100",
    "(proxy_ip1) Entering BACKUP STATE",
)


def test_log_lines_of_a_lost_link() -> None:
    watch = Watch(article())
    watch.do(What.LINK_DOWN, arg="eth1")
    watch.run(10.0)
    watch.do(What.LINK_UP, arg="eth1")
    watch.run(6.0)
    assert tuple(watch.log()) == ETH1
    assert tuple(watch.log(TWO)) == PEER


def test_log_lines_of_a_stopped_squid() -> None:
    watch = Watch(article())
    watch.do(What.SQUID_STOP)
    watch.run(10.0)
    watch.do(What.SQUID_START)
    watch.run(2.9)
    assert tuple(watch.log())[: len(SQUID)] == SQUID
    units = watch.cluster.nodes[ONE].journal.tail(9, lambda e: e.get("UNIT") == "squid.service")
    words = [e["MESSAGE"].split()[0] for e in units]
    assert words == ["Started", "Stopping", "squid.service:", "Stopped", "Started"]


def test_log_lines_of_a_split_brain() -> None:
    watch = Watch(article())
    watch.do(What.ADVERTS_BLOCKED)
    watch.run(6.0)
    assert "(proxy_ip1): send advert error 1 (Operation not permitted)" in watch.log()
    assert watch.holders[VIP1][-1][1] == watch.holders[VIP2][-1][1] == {ONE, TWO}
    healed = watch.cluster.sim.now
    watch.do(What.ADVERTS_FREE)
    watch.run(4.0)
    assert watch.holders[VIP1][-1][1] == {ONE}
    assert watch.holders[VIP2][-1][1] == {TWO}
    assert (
        "(proxy_ip1) Received advert from 192.168.2.252 with lower priority 100, ours 255, forcing new election"
        in watch.log(since=healed)
    )


def test_vip_removed_by_hand_comes_back_at_once() -> None:
    watch = Watch(article())
    watch.do(What.VIP_REMOVED, arg="192.168.2.101")
    watch.run(2.0)
    assert watch.holders[VIP1][-1][1] == {ONE}
    assert tuple(watch.log()) == ("(proxy_ip1) Entering BACKUP STATE", "(proxy_ip1) Entering MASTER STATE")


def test_killed_keepalived_leaves_its_vip_behind_until_it_starts_again() -> None:
    watch = Watch(article())
    watch.do(What.KEEPALIVED_KILL)
    watch.run(8.0)
    assert watch.holders[VIP1][-1][1] == {ONE, TWO}
    watch.do(What.KEEPALIVED_START)
    watch.run(8.0)
    assert watch.holders[VIP1][-1][1] == {ONE}


def test_reboot_gives_a_new_boot_id_and_a_short_uptime() -> None:
    watch = Watch(article())
    node = watch.cluster.nodes[ONE]
    before, boot = node.uptime(), node.boot_id
    watch.do(What.POWER_OFF)
    watch.run(5.0)
    watch.do(What.POWER_ON)
    watch.run(30.0)
    assert before > 86400
    assert 29 <= node.uptime() <= 31
    assert node.boot_id != boot
    assert node.units["keepalived"].active_state == "active"


def test_speed_squeezes_time_but_not_the_past() -> None:
    slow, fast = (ClusterSim(SCENARIOS["eth1-down"].clusters[0], ZERO, speed) for speed in (1.0, 10.0))
    for cluster in (slow, fast):
        cluster.sim.run_until(20.0)
    one = {c: c.nodes[ONE] for c in (slow, fast)}
    assert one[slow].wall() - ZERO == pytest.approx(20.0, abs=0.01)
    assert one[fast].wall() - ZERO == pytest.approx(2.0, abs=0.01)
    assert one[fast].wall(-72.0) == one[slow].wall(-72.0) == pytest.approx(ZERO - 72.0, abs=0.01)


def settled(name: str) -> ClusterSim:
    cluster = ClusterSim(SCENARIOS[name].clusters[0], ZERO)
    cluster.sim.run_until(1.0)
    return cluster


def holders(cluster: ClusterSim) -> Mapping[str, set[str]]:
    return {str(vip): {n.plan.name for n in cluster.nodes.values() if n.kernel.has(vip)} for vip in cluster.plan.vips}


HELD: Mapping[str, Callable[[Mapping[str, set[str]]], bool]] = {
    "healthy": lambda h: list(h.values()) == [{ONE}, {TWO}],
    "drainable": lambda h: list(h.values()) == [{ONE}, {TWO}],
    "few-rights": lambda h: list(h.values()) == [{ONE}, {TWO}],
    "tour": lambda h: list(h.values()) == [{ONE}, {TWO}],
    "squid-hung": lambda h: list(h.values()) == [{ONE}, {TWO}],
    "eth1-down": lambda h: list(h.values()) == [{TWO}, {TWO}],
    "squid-down": lambda h: list(h.values()) == [{TWO}, {TWO}],
    "node-dead": lambda h: list(h.values()) == [{TWO}, {TWO}],
    "drained": lambda h: list(h.values()) == [{TWO}, {TWO}],
    "split-brain": lambda h: list(h.values()) == [{ONE, TWO}, {ONE, TWO}],
    "vip-nowhere": lambda h: list(h.values()) == [set(), set()],
    "vip-left-behind": lambda h: list(h.values()) == [{ONE, TWO}, {TWO}],
    "flapping": lambda h: list(h.values()) == [{ONE}, {TWO}],
    "three-nodes": lambda h: list(h.values()) == [{ONE}, {TWO}, {"proxy-serv03"}],
    "ipv6": lambda h: list(h.values()) == [{ONE}, {TWO}, {ONE}, {TWO}],
    "fifty": lambda h: len(h) == 2,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_begins_as_it_says(name: str) -> None:
    assert HELD[name](holders(settled(name)))


def test_flapping_changes_master_often() -> None:
    cluster = settled("flapping")
    cluster.sim.run_until(120.0)
    changes = cluster.nodes[TWO].journal.tail(999, lambda e: e["MESSAGE"] == "(proxy_ip1) Entering MASTER STATE")
    assert len(changes) >= 12


def test_the_tour_heals_and_comes_round() -> None:
    cluster = settled("tour")
    healthy = [{ONE}, {TWO}]
    seen = []
    for at in range(5, 760, 5):
        cluster.sim.run_until(float(at))
        seen.append(list(holders(cluster).values()) == healthy)
    assert not all(seen[:73])
    assert seen[73] and seen[-1]
    assert not all(seen[74:])


def test_fifty_are_mostly_healthy() -> None:
    clusters = [ClusterSim(plan, ZERO) for plan in SCENARIOS["fifty"].clusters]
    names = {n for c in clusters for n in c.nodes}
    vips = {v for c in clusters for v in c.plan.vips}
    assert (len(clusters), len(names), len(vips)) == (50, 100, 100)
    well = [c for c in clusters if all(len(h) == 1 for h in holders(c).values()) and not c.plan.timeline]
    assert len(well) == 44
