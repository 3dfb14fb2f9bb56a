"""Rules about what kernels do with packets for VIPs, and about how nodes begin: each fires on its proof alone.

Real outputs of the same faults: `test_recorded`, and the lab (`make soak`).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from haconsole.model.findings import Severity
from haconsole.model.readings import Address, HostReading, KeepalivedVersion, KernelReading
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    ONE,
    T0,
    TWO,
    V1,
    V2,
    Play,
    config,
    healthy,
    instance,
    kernel,
    link,
    no_answer,
    pair_daemon,
    unit,
    units,
    versions,
)
from tests.unit.cluster.builders import daemon as dump

STRICT = HostReading(strict_path=frozenset({"eth0"}), answers_for_others=frozenset({"eth0", "eth2"}), path_dropped=40)
LOOSE = replace(STRICT, strict_path=frozenset())


# --- path filter ----------------------------------------------------------------------------


def dropping(more: int, reading: HostReading = STRICT, error: str = "timed out connecting") -> Play:
    """Clients of the first VIP fail for nine seconds, and the node counts so many packets more meanwhile."""
    play = healthy().read(ONE, reading).wait(1.0).probe(V1, no_answer(error)).served(V2).later(5.0)
    dropped = None if reading.path_dropped is None else reading.path_dropped + more
    play.read(ONE, replace(reading, path_dropped=dropped)).wait(2.0)
    return play.probe(V1, no_answer(error)).served(V2)


def test_clients_whose_packets_the_kernel_drops_for_their_way() -> None:
    play = dropping(3)
    found = play.one("rp-filter-drops")
    assert (found.severity, found.node, found.vip) == (Severity.WARNING, ONE, V1)
    assert found.evidence[0].text == "TcpExt IPReversePathFilter: 3 packets dropped within 6 s; rp_filter 1 on eth0"
    assert play.one("vip-not-serving").follows_from == found.key


@pytest.mark.parametrize(
    "play",
    [
        dropping(0),
        dropping(3, LOOSE),
        dropping(3, replace(STRICT, strict_path=None)),
        dropping(3, replace(STRICT, path_dropped=None)),
        dropping(3, error="connection refused"),
        dropping(-40),
        healthy().read(ONE, STRICT).later(5.0).read(ONE, replace(STRICT, path_dropped=90)).served(V1, V2),
    ],
    ids=["none dropped", "loose", "not told", "not counted", "refused", "counted anew", "served"],
)
def test_it_takes_the_setting_the_count_and_the_client(play: Play) -> None:
    assert "rp-filter-drops" not in play.ids()


# --- two links in one network ---------------------------------------------------------------


def second(text: str, **changes: object) -> KernelReading:
    made = kernel(ONE, str(V1), links=[replace(link("eth2"), **changes)])  # type: ignore[arg-type]
    return replace(made, addresses=(*made.addresses, Address(interface="eth2", address=ip_interface(text))))


def test_two_links_in_the_vip_s_network_answer_for_it() -> None:
    found = healthy().read(ONE, STRICT, second("192.168.2.249/24")).one("arp-flux")
    assert (found.severity, found.node, found.follows_from) == (Severity.WARNING, ONE, None)
    assert "eth0 and eth2 are both in 192.168.2.0/24" in found.summary and "192.168.2.101" in found.summary


@pytest.mark.parametrize(
    ("reading", "host"),
    [
        (second("192.168.3.249/24"), STRICT),
        (second("192.168.2.249/32"), STRICT),
        (second("192.168.2.249/24", carrier=False), STRICT),
        (second("192.168.2.102/24"), STRICT),
        (second("192.168.2.249/24"), replace(STRICT, answers_for_others=frozenset({"eth1"}))),
        (second("192.168.2.249/24"), HostReading()),
    ],
    ids=["another network", "a host's address", "no carrier", "a VIP on a virtual link", "arp_ignore", "not told"],
)
def test_what_cannot_answer_for_the_vip_is_quiet(reading: KernelReading, host: HostReading) -> None:
    assert "arp-flux" not in healthy().read(ONE, host, reading).ids()


# --- IPv6 -----------------------------------------------------------------------------------

SIX = """
vrrp_instance six {
  interface eth0
  virtual_router_id 6
  priority 100%s
  virtual_ipaddress {
    fe80::6
    2001:db8:2::101/64
  }
}
"""


def six(*addresses: Address, source: str = "", up: bool = True) -> Play:
    """A node with an IPv6 instance, and these addresses on its kernel besides the usual ones."""
    own = kernel(ONE, str(V1), links=[link("eth0", up=up)])
    vips = (ip_interface("fe80::6/128"), ip_interface("2001:db8:2::101/64"))
    told = dump(*pair_daemon(ONE).instances, replace(instance("proxy_ip1", BACKUP), name="six", vips=vips))
    play = healthy().read(ONE, config(ONE, SIX % source), told)
    return play.read(ONE, replace(own, addresses=(*own.addresses, *addresses)))


LOCAL = Address(interface="eth0", address=ip_interface("fe80::2ff:fe00:fb/64"), scope="link")
OWN_VIP = Address(interface="eth0", address=ip_interface("fe80::6/64"), scope="link")


def test_an_ipv6_instance_without_a_link_local_address() -> None:
    assert six(OWN_VIP).one("ipv6-link-local-missing").summary.endswith("so six cannot send adverts")
    assert "ipv6-link-local-missing" not in six(LOCAL, OWN_VIP).ids()
    assert "ipv6-link-local-missing" not in six(source="\n  unicast_src_ip 2001:db8:2::251").ids()
    assert "ipv6-link-local-missing" not in six(up=False).ids()
    virtual = replace(
        instance("proxy_ip1", BACKUP), name="six", interface="vrrp.6", vips=(ip_interface("2001:db8::1/64"),)
    )
    play = six(OWN_VIP).read(ONE, kernel(ONE, str(V1), links=[link("vrrp.6")]), dump(virtual))
    assert "ipv6-link-local-missing" not in play.ids(), "a virtual MAC"


def test_an_address_that_another_host_has() -> None:
    failed = Address(interface="eth0", address=ip_interface("2001:db8:2::251/64"), dad_failed=True, tentative=True)
    found = six(LOCAL, failed).one("ipv6-address-duplicate")
    assert "2001:db8:2::251: another host has the address" in found.summary
    assert "ipv6-address-duplicate" not in six(LOCAL, replace(failed, dad_failed=False)).ids()
    assert "ipv6-address-duplicate" not in six(LOCAL, replace(failed, interface="docker0")).ids()


# --- starts ---------------------------------------------------------------------------------


def started(master_s: float | None = 4.0, *, yields_s: float = 2.0, other_since: float = T0 - 3600) -> Play:
    """keepalived of proxy-serv02 starts; it makes itself master of the other's VIP after so long, for so long."""
    play = healthy()
    play.read(ONE, dump(*(replace(i, last_transition_node_s=other_since) for i in pair_daemon(ONE).instances)))
    play.read(TWO, units(unit("keepalived", since=T0), at=T0))
    play.log(TWO, "Starting Keepalived v2.2.7 (01/16,2022)").log(TWO, "(proxy_ip1) Entering BACKUP STATE (init)")
    if master_s is not None:
        play.wait(master_s).log(TWO, "(proxy_ip1) Entering MASTER STATE")
        play.wait(yields_s).log(TWO, "(proxy_ip1) Entering BACKUP STATE")
    return play.later(2.0).read(TWO, pair_daemon(TWO)).served(V1, V2)


def test_a_short_master_at_the_start() -> None:
    found = started().one("master-at-start")
    assert (found.severity, found.node, found.instance) == (Severity.WARNING, TWO, "proxy_ip1")
    assert found.summary.startswith(
        "proxy-serv02 was master of proxy_ip1 for 2.0 s after its start although proxy-serv01"
    )
    assert "state BACKUP in proxy_ip1" in (found.remedy or "")
    play = started().read(TWO, config(TWO, CONF.format(one=100, two=255).replace("state MASTER", "state BACKUP")))
    assert "vrrp_startup_delay" in (play.one("master-at-start").remedy or "")


@pytest.mark.parametrize(
    "play",
    [started(None), started(40.0), started(yields_s=8.0), started(other_since=T0 + 5), started().later(700.0)],
    ids=["a good start", "later", "for longer", "the other began after it: a failback", "long ago"],
)
def test_a_master_that_was_needed_or_came_later_is_none(play: Play) -> None:
    assert "master-at-start" not in play.ids()


def test_different_releases_are_worth_knowing() -> None:
    assert "keepalived-versions-differ" not in healthy().ids()
    new = replace(versions(), keepalived=KeepalivedVersion(major=2, minor=3, patch=3))
    found = healthy().read(TWO, new).one("keepalived-versions-differ")
    assert found.severity is Severity.INFO and "2.2.7 on proxy-serv01 and 2.3.3 on proxy-serv02" in found.summary
    patch = replace(versions(), keepalived=KeepalivedVersion(major=2, minor=2, patch=8))
    assert "keepalived-versions-differ" not in healthy().read(TWO, patch).ids()
