"""Rules about what kernels do with packets for VIPs, and about how nodes begin: each fires on its proof alone.

Real outputs of the same faults: `test_recorded`, and the lab (`make soak`).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_interface

import pytest

from haconsole.model.findings import Severity
from haconsole.model.host import HostReading, SourceRoute
from haconsole.model.readings import (
    Address,
    DaemonReading,
    KeepalivedVersion,
    KernelReading,
    TrackedScript,
)
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    FAULT,
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
    squid,
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
    play = healthy().wait(1.0).probe(V1, no_answer(error)).served(V2).read(ONE, reading).later(6.0)
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


def test_packets_dropped_before_the_vip_failed_are_not_its_clients() -> None:
    for served_before in (True, False):
        play = (healthy() if served_before else Play().connect()).read(ONE, STRICT).wait(1.0)
        play.probe(V1, no_answer("timed out connecting")).served(V2).later(5.0)
        play.read(ONE, replace(STRICT, path_dropped=43)).wait(2.0).probe(V1, no_answer("timed out connecting"))
        assert ("rp-filter-drops" in play.ids()) is not served_before, "never served: it failed before it was looked at"
        play.later(5.0).read(ONE, replace(STRICT, path_dropped=46)).probe(V1, no_answer("timed out connecting"))
        assert "rp-filter-drops" in play.ids()


# --- a route that still sends from the VIP --------------------------------------------------


LEFT = HostReading(
    source_routes=(
        SourceRoute(
            route=f"198.18.0.0/15 via 192.168.2.1 dev eth0 table 78 src {V1}",
            source=IPv4Address(str(V1)),
            rule="from all to 198.18.0.0/15 lookup 78",
        ),
    )
)


def test_a_backup_that_still_sends_from_the_vip() -> None:
    play = healthy().read(ONE, LEFT).read(TWO, LEFT)
    found = play.one("source-route-left")
    assert (found.severity, found.node, found.vip) == (Severity.WARNING, TWO, V1)
    assert found.summary == (f"{TWO} sends from {V1}, which {ONE} has, to 198.18.0.0/15: no answer comes back")
    assert found.evidence[0].text.endswith("rule from all to 198.18.0.0/15 lookup 78")
    assert f"ip route del 198.18.0.0/15 via 192.168.2.1 dev eth0 table 78 src {V1}" in (found.remedy or "")


def test_what_was_read_before_the_vip_went_says_nothing_of_afterwards() -> None:
    """keepalived takes its own virtual_routes away a moment after the address."""
    play = healthy().read(ONE, LEFT).moved(f"{V1}/24", ONE, TWO).wait(2.0)
    assert "source-route-left" not in play.ids()
    assert play.read(ONE, LEFT).one("source-route-left").node == ONE
    assert "source-route-left" not in play.wait(5.0).read(ONE, HostReading(source_routes=())).ids()


# --- two links in one network ---------------------------------------------------------------


def second(*texts: str, **changes: object) -> KernelReading:
    """Further links, from eth2 on, each with its address."""
    more = tuple(Address(interface=f"eth{n}", address=ip_interface(t)) for n, t in enumerate(texts, 2))
    links = [replace(link(a.interface), **changes) for a in more]  # type: ignore[arg-type]
    made = kernel(ONE, str(V1), links=links)
    return replace(made, addresses=(*made.addresses, *more))


def test_two_links_in_the_vip_s_network_answer_for_it() -> None:
    found = healthy().read(ONE, STRICT, second("192.168.2.249/24")).one("arp-flux")
    assert (found.severity, found.node, found.follows_from) == (Severity.WARNING, ONE, None)
    assert "eth0 and eth2 are both in 192.168.2.0/24" in found.summary and "192.168.2.101" in found.summary


def test_every_link_that_answers_too_is_told() -> None:
    host = replace(STRICT, answers_for_others=frozenset({"eth0", "eth2", "eth3"}))
    found = healthy().read(ONE, host, second("192.168.2.249/24", "192.168.2.248/24")).one("arp-flux")
    assert "eth0 and eth2 are both in" in found.summary and "eth0 and eth3 are both in" in found.summary
    assert [e.text for e in found.evidence].count("192.168.2.251/24 on eth0") == 1


@pytest.mark.parametrize(
    ("reading", "host"),
    [
        (second("192.168.3.249/24"), STRICT),
        (second("192.168.2.249/32"), STRICT),
        (second("192.168.2.249/24", carrier=False), STRICT),
        (second("192.168.2.102/24"), STRICT),
        (second("192.168.2.249/24"), replace(STRICT, answers_for_others=frozenset({"eth1"}))),
        (second("192.168.2.249/24"), HostReading()),
        (second("192.168.2.249/24"), replace(STRICT, strict_path=frozenset({"eth0", "eth2"}))),
    ],
    ids=[
        "another network",
        "a host's address",
        "no carrier",
        "a VIP on a virtual link",
        "arp_ignore",
        "not told",
        "its path filter drops what asks it",
    ],
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


SIX_VIPS = (ip_interface("fe80::6/128"), ip_interface("2001:db8:2::101/64"))
SIX_TOLD = dump(*pair_daemon(ONE).instances, replace(instance("proxy_ip1", BACKUP), name="six", vips=SIX_VIPS))


def six(*addresses: Address, source: str = "", up: bool = True) -> Play:
    """A node with an IPv6 instance, and these addresses on its kernel besides the usual ones."""
    own = kernel(ONE, str(V1), links=[link("eth0", up=up)])
    play = healthy().read(ONE, config(ONE, SIX % source), SIX_TOLD)
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


def test_every_link_without_a_link_local_address_is_told() -> None:
    play = six(OWN_VIP)
    more = SIX.replace("six", "seven").replace("eth0", "eth1").replace("_id 6", "_id 7") % ""
    told = replace(
        instance("proxy_ip1", BACKUP), name="seven", interface="eth1", vips=(ip_interface("2001:db8:3::101/64"),)
    )
    play.read(ONE, config(ONE, SIX % "" + more), dump(*SIX_TOLD.instances, told))
    summary = play.one("ipv6-link-local-missing").summary
    assert "eth0 has no link-local" in summary and "eth1 has no link-local IPv6 address, so seven cannot" in summary


def test_only_an_ipv6_instance_is_in_fault_for_want_of_a_link_local_address() -> None:
    scripts = (TrackedScript(name="chk_squid_service", ok=False),)
    four = replace(pair_daemon(ONE).instances[0], state=FAULT, tracked_scripts=scripts)
    play = six(OWN_VIP).read(ONE, dump(four, SIX_TOLD.instances[-1])).read(ONE, squid(check_ok=False))
    fault = play.one("instance-fault")
    assert (fault.instance, fault.follows_from) != ("proxy_ip1", play.one("ipv6-link-local-missing").key)
    assert fault.instance == "proxy_ip1"
    silent = replace(SIX_TOLD.instances[-1], state=FAULT)
    play.read(ONE, dump(pair_daemon(ONE).instances[0], silent))
    assert play.one("instance-fault").follows_from == play.one("ipv6-link-local-missing").key


def test_an_address_that_another_host_has() -> None:
    failed = Address(interface="eth0", address=ip_interface("2001:db8:2::251/64"), dad_failed=True, tentative=True)
    found = six(LOCAL, failed).one("ipv6-address-duplicate")
    assert "2001:db8:2::251: another host has the address" in found.summary
    assert "ipv6-address-duplicate" not in six(LOCAL, replace(failed, dad_failed=False)).ids()
    assert "ipv6-address-duplicate" not in six(LOCAL, replace(failed, interface="docker0")).ids()


# --- starts ---------------------------------------------------------------------------------


def started(
    master_s: float | None = 4.0, *, yields_s: float = 2.0, other_since: float = T0 - 3600, dumped: bool = True
) -> Play:
    """keepalived of proxy-serv02 starts; it makes itself master of the other's VIP after so long, for so long."""
    play = healthy()
    play.read(ONE, one_since(other_since))
    play.read(TWO, units(unit("keepalived", since=T0), at=T0))
    play.log(TWO, "Starting Keepalived v2.2.7 (01/16,2022)").log(TWO, "(proxy_ip1) Entering BACKUP STATE (init)")
    if master_s is not None:
        play.wait(master_s).log(TWO, "(proxy_ip1) Entering MASTER STATE")
        play.wait(yields_s).log(TWO, "(proxy_ip1) Entering BACKUP STATE")
    if dumped:
        play.refresh()
    play.wait(2.0).beat().read(TWO, pair_daemon(TWO)).served(V1, V2)
    return play.read(ONE, one_since(other_since)) if dumped else play


def one_since(since: float) -> DaemonReading:
    """What proxy-serv01 says of itself, master since then."""
    return dump(*(replace(i, last_transition_node_s=since) for i in pair_daemon(ONE).instances))


def test_a_dump_from_before_the_start_does_not_tell_of_a_master_all_along() -> None:
    play = started(dumped=False)
    assert "master-at-start" not in play.ids(), "it preempted, and its check failed: who was master then is not known"
    assert "master-at-start" in play.read(ONE, one_since(T0 - 3600)).ids()


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
