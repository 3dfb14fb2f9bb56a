"""What a node says, in amounts and values that no sane node has: bounded, and nothing green for it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from haconsole.cluster.reduce import INSTANCES, LEARNED, LOG_LENGTH
from haconsole.cluster.rules.common import look_at_link
from haconsole.model.events import ConfigReading, KernelEvent, Phase
from haconsole.model.findings import Verdict
from haconsole.model.readings import Address, AddressRemoved, DaemonReading, InstanceReading, KernelReading, Link
from haconsole.parse import keepalived_conf
from tests.support.work import lines_run
from tests.unit.cluster.builders import MASTER, ONE, TWO, V1, V2, Play, healthy, pair_daemon, spec

MAIN = "/etc/keepalived/keepalived.conf"


def many(count: int, start: str = "10.0.0.1") -> list[str]:
    first = int(ip_address(start))
    return [f"{ip_address(first + i)}/32" for i in range(count)]


def naming(vips: list[str], name: str = "big") -> DaemonReading:
    told = tuple(ip_interface(v) for v in vips)
    return DaemonReading(
        kind="DATA", instances=(InstanceReading(name=name, vrid=9, interface="eth0", state=MASTER, vips=told),)
    )


def conf(vips: list[str]) -> ConfigReading:
    lines = "\n".join(vips)
    text = f"vrrp_instance big {{\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {{\n{lines}\n}}\n}}\n"
    return ConfigReading(conf=keepalived_conf.parse({MAIN: text}, MAIN))


def test_a_node_teaches_few_addresses_and_the_rest_is_not_passed_over_in_silence() -> None:
    play = healthy()
    assert play.snapshot().verdict is Verdict.OK
    play.read(ONE, naming(many(10_000)))
    assert len(play.state.vips) <= LEARNED + 2
    assert {V1, V2} <= set(play.state.vips)
    for vip in play.state.vips:
        play.probe(vip)
    found = play.snapshot()
    assert found.verdict is not Verdict.OK
    assert [f.node for f in found.findings if f.id == "vips-not-watched"] == [ONE]
    assert any("10002 addresses" in o.text for o in play.state.log)


def test_one_node_that_names_ever_new_addresses_fills_nothing_and_pushes_nobody_out() -> None:
    play = healthy()
    for round_ in range(20):
        play.read(ONE, naming(many(500, f"10.{round_}.0.1")))
        play.read(ONE, conf(many(500, f"11.{round_}.0.1")))
    assert len(play.state.vips) <= 2 * LEARNED
    assert {V1, V2} <= set(play.state.vips), "the other node names them"


def test_nor_while_the_other_was_never_read() -> None:
    play = Play(spec(vips=["192.168.2.101"])).phase(ONE, Phase.CONNECTED)
    for round_ in range(20):
        play.read(ONE, naming(many(500, f"10.{round_}.0.1")))
    assert len(play.state.vips) <= 4 * LEARNED
    assert V1 in play.state.vips


def test_a_vip_that_was_taken_out_of_the_configuration_is_no_longer_missed() -> None:
    play = healthy()
    for node in (ONE, TWO):
        less = pair_daemon(node)
        play.read(node, replace(less, instances=tuple(i for i in less.instances if V2 not in {v.ip for v in i.vips})))
    assert V2 in play.state.vips, "the configurations still name it"
    for node in (ONE, TWO):
        play.read(node, conf(["192.168.2.101/24"]))
    assert list(play.state.vips) == [V1]


def test_a_configured_vip_is_never_forgotten() -> None:
    play = Play(spec(vips=["192.168.2.102"]))
    for node in (ONE, TWO):
        play.phase(node, Phase.CONNECTED).read(node, conf(["192.168.2.101/24"]))
    assert set(play.state.vips) == {V1, V2}


@pytest.mark.parametrize("odd", ["127.0.0.1", "0.0.0.0", "224.0.0.18", "255.255.255.255", "169.254.169.254", "::1", "fe80::101", "ff02::12"])  # fmt: skip
def test_no_client_is_sent_to_an_address_that_is_none_for_clients(odd: str) -> None:
    """`fe80::` is the first address of every IPv6 instance: to a client it is nothing, down or not."""
    play = healthy().read(ONE, naming([f"{odd}/{32 if '.' in odd else 128}", *many(1)]))
    assert ip_address(odd) not in play.state.vips
    assert ip_address("10.0.0.1") in play.state.vips
    assert not [f for f in play.snapshot().findings if f.id == "vips-not-watched"]


def crowded(amount: int) -> Play:
    """A node with so many addresses, interfaces and VIPs, and a tenth as many instances."""
    play = healthy()
    addresses = tuple(Address(interface=f"eth{i}", address=ip_interface(v)) for i, v in enumerate(many(amount)))
    links = {f"eth{i}": Link(name=f"eth{i}", up=True, carrier=False) for i in range(amount)}
    told = tuple(
        InstanceReading(
            name=f"i{i}",
            vrid=9,
            interface=f"eth{i}",
            state=MASTER,
            vips=tuple(a.address for a in addresses[i :: amount // 10]),
        )
        for i in range(amount // 10)
    )
    play.read(ONE, KernelReading(links=links, addresses=addresses))
    return play.read(ONE, DaemonReading(kind="DATA", instances=told)).read(ONE, conf(many(amount)))


def test_the_work_of_a_snapshot_grows_with_the_amounts_and_not_faster() -> None:
    crowded(10_000).snapshot()
    few, more = crowded(200), crowded(2000)
    base = lines_run(few.snapshot)
    assert base > 1000
    assert lines_run(more.snapshot) <= 11 * base


def test_the_work_for_an_address_that_goes_grows_with_their_number_and_not_faster() -> None:
    def going(amount: int) -> int:
        play = crowded(amount)
        gone = Address(interface="eth7", address=ip_interface(many(8)[7]))
        event = KernelEvent(node=ONE, at=play.now, change=AddressRemoved(address=gone))
        return lines_run(lambda: play.event(event))

    few = going(200)
    assert few > 200
    assert going(2000) <= 11 * few


def test_states_of_ever_new_instances_do_not_pile_up() -> None:
    play = healthy()
    for i in range(INSTANCES + 50):
        play.log(ONE, f"(forged{i}) Entering MASTER STATE")
    assert len(play.state.nodes[ONE].logged) <= INSTANCES
    assert len(play.state.log) <= LOG_LENGTH


def test_a_name_cannot_do_anything_in_a_line_that_people_copy() -> None:
    play = healthy()
    assert look_at_link(play.picture().nodes[0], "eth1").startswith(f"on {ONE}: ip -d link show eth1; ")
    assert "'$(reboot);x'" in look_at_link(play.picture().nodes[0], "$(reboot);x")
    assert "show $(reboot)" not in look_at_link(play.picture().nodes[0], "$(reboot);x")
