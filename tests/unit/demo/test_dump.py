"""The simulated dump beside the real one: the same lines in the same order, and read by our parser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.counters import stats_dump
from haconsole.demo.plan import Happening, What
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.demo.support import json_dump
from haconsole.model.readings import VrrpState
from haconsole.parse import keepalived_conf
from haconsole.parse.keepalived_conf import vrrp_instances
from haconsole.parse.keepalived_dump import parse_data_dump

REAL = Path(__file__).parents[2] / "fixtures" / "keepalived" / "2.2.7"


def dump(scenario: str, node: str = ONE) -> str:
    return ClusterSim(SCENARIOS[scenario].clusters[0], 1_795_000_000.0).nodes[node].dump()


def shape(text: str) -> list[str]:
    """What stands before the values, from the topology on; interfaces' kernel settings left out."""
    lines = text[text.index("------< VRRP Topology") :].splitlines()
    keys = [re.split(r" = |\d", line, maxsplit=1)[0].rstrip() for line in lines]
    return [key for key in keys if not re.search("rp_filter|Command", key)]


@pytest.mark.parametrize(
    ("scenario", "node", "real"),
    [
        ("healthy", ONE, "keepalived.data"),
        ("healthy", TWO, "keepalived-serv02.data"),
        ("squid-down", ONE, "keepalived-fault.data"),
        ("drained", ONE, "keepalived-drained-file.data"),
    ],
)
def test_same_lines_as_the_real_daemon(scenario: str, node: str, real: str) -> None:
    told = (REAL / real).read_text().replace("drain,", "haconsole_drain,")
    assert shape(dump(scenario, node)) == shape(told)


def test_healthy() -> None:
    one, two = parse_data_dump(dump("healthy")).instances
    assert (one.name, one.state, one.priority, one.effective_priority) == ("proxy_ip1", VrrpState.MASTER, 255, 255)
    assert (two.name, two.state, two.master_priority) == ("proxy_ip2", VrrpState.BACKUP, 255)
    assert str(two.master_address) == "192.168.2.252"
    assert [str(v) for v in one.vips] == ["192.168.2.101/24"]
    assert one.last_transition_node_s is not None
    assert one.last_transition_node_s < 1_795_000_000 - 86400
    assert one.tracked_interfaces[0].up is True
    assert one.tracked_scripts[0].ok is True


@pytest.mark.parametrize(("node", "real"), [(ONE, "keepalived"), (TWO, "keepalived-serv02")])
def test_the_other_signals_are_answered_with_the_real_daemon_s_lines(node: str, real: str) -> None:
    """STATS: the same lines; JSON: the same keys in the same order, the same word on each VIP, the same types."""
    told = ClusterSim(SCENARIOS["healthy"].clusters[0], 1_795_000_000.0).nodes[node]
    if node == ONE:
        lines = (REAL / "keepalived.stats").read_text().splitlines()
        ours = stats_dump(told.keepalived.counters).splitlines()
        assert [re.sub(r"\d+$", "N", x) for x in ours] == [re.sub(r"\d+$", "N", x) for x in lines]
    for ours_of, theirs in zip(
        json.loads(json_dump(told)), json.loads((REAL / f"{real}.json").read_text()), strict=True
    ):
        for part in ("data", "stats"):
            assert list(ours_of[part]) == list(theirs[part])
        same = (
            "iname",
            "vips",
            "state",
            "wantstate",
            "base_priority",
            "effective_priority",
            "vipset",
            "master_priority",
        )
        assert {k: ours_of["data"][k] for k in same} == {k: theirs["data"][k] for k in same}


def test_what_is_counted_is_what_happened() -> None:
    """proxy-serv02 takes proxy_ip1, whose master says nothing any more, and gives it back."""
    sim = ClusterSim(SCENARIOS["healthy"].clusters[0], 1_795_000_000.0)
    one, two = sim.nodes[ONE].keepalived, sim.nodes[TWO].keepalived

    def counted() -> tuple[dict[str, int], dict[str, int]]:
        return one.counters[0][1].as_json(), two.counters[0][1].as_json()

    before, there = counted()
    sim.sim.run_until(10.5)
    after, now = counted()
    assert after["advert_sent"] - before["advert_sent"] == now["advert_rcvd"] - there["advert_rcvd"] == 10
    sim.nodes[ONE].befall(Happening(at_s=0, node=ONE, what=What.LINK_DOWN, arg="eth1"))
    sim.sim.run_until(20)
    left, took = counted()
    assert (left["release_master"], took["become_master"] - now["become_master"]) == (1, 1)
    assert left["pri_zero_sent"] == took["pri_zero_rcvd"] == 1
    one.start()
    assert counted()[0] == dict.fromkeys(before, 0), "they begin anew with the daemon"


def test_faults_tell_their_reason() -> None:
    for instance in parse_data_dump(dump("eth1-down")).instances:
        assert instance.state is VrrpState.FAULT
        assert instance.tracked_interfaces[0].up is False
        assert instance.tracked_scripts[0].ok is True
    for instance in parse_data_dump(dump("squid-down")).instances:
        assert instance.state is VrrpState.FAULT
        assert instance.tracked_scripts[0].ok is False


def test_drained() -> None:
    one, two = parse_data_dump(dump("drained")).instances
    assert (one.priority, one.effective_priority, one.state) == (254, 54, VrrpState.BACKUP)
    assert (two.priority, two.effective_priority) == (100, 1)
    assert one.tracked_files[0].value == -200


def test_ipv6() -> None:
    found = {i.name: i for i in parse_data_dump(dump("ipv6")).instances}
    six = found["proxy6_ip1"]
    assert (six.version, six.vrid) == (3, 11)
    assert [str(v) for v in six.vips] == ["fe80::101/64", "2001:db8:2::101/64"]
    assert str(six.source_address).startswith("fe80::")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_configuration_and_daemon_agree(scenario: str) -> None:
    cluster = ClusterSim(SCENARIOS[scenario].clusters[0], 1_795_000_000.0)
    for node in cluster.nodes.values():
        path = "/etc/keepalived/keepalived.conf"
        conf = keepalived_conf.parse({path: node.files[path]}, path)
        told = [(i.name, i.vrid, i.priority, i.vips, i.version) for i in parse_data_dump(node.dump()).instances]
        written = [(i.name, i.vrid, i.priority, i.vips, i.version) for i in vrrp_instances(conf)]
        assert told == written
