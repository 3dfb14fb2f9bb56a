"""What a `vrrp_instance` block amounts to: keepalived's defaults, and None for what is no number."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from haconsole.model.keepalived_conf import ConfInstance
from haconsole.parse.keepalived_conf import parse, vrrp_instances

MAIN = "/etc/keepalived/keepalived.conf"


def instance(lines: str, before: str = "", **options: str) -> ConfInstance:
    text = f"{before}\nvrrp_instance a {{\n{lines}\n}}\n"
    (found,) = vrrp_instances(parse({MAIN: text}, MAIN, **options))
    return found


def test_defaults_of_an_instance() -> None:
    found = instance("")
    assert (found.vrid, found.interface, found.state, found.source_address) == (None, None, None, None)
    assert (found.priority, found.advert_interval_s, found.preempt, found.version) == (100, 1.0, True, 2)
    assert (found.vips, found.unicast, found.unicast_peers) == ((), False, ())


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("virtual_router_id 256", "vrid", None),
        ("virtual_router_id 0x10", "vrid", None),
        ("virtual_router_id ٣", "vrid", None),
        ("virtual_router_id", "vrid", None),
        ("virtual_router_id 51", "vrid", 51),
        ("priority 300", "priority", None),
        ("priority high", "priority", None),
        ("priority 100\npriority 90", "priority", 90),
        ("advert_int 0.5", "advert_interval_s", 0.5),
        ("advert_int nan", "advert_interval_s", None),
        ("advert_int -1", "advert_interval_s", None),
        ("advert_int 1e999", "advert_interval_s", None),
        ("version 3", "version", 3),
        ("version 4", "version", None),
        ("nopreempt", "preempt", False),
        ("nopreempt\npreempt", "preempt", True),
        ("native_ipv6", "version", 3),
        ("unicast_src_ip 192.168.2.251", "source_address", IPv4Address("192.168.2.251")),
        ("mcast_src_ip fe80::1", "source_address", IPv6Address("fe80::1")),
        ("unicast_src_ip here", "source_address", None),
        ("state FOO", "state", "FOO"),
    ],
)
def test_one_field(line: str, field: str, value: object) -> None:
    assert getattr(instance(line), field) == value


def test_addresses_of_an_instance() -> None:
    lines = """\
virtual_ipaddress {
    10.0.0.1
    10.0.0.2/24 brd 10.0.0.255 dev eth1 label eth1:v
    fd00::1
    fd00::2/64
    10.0.0.999
    10.0.0.3/33
    10.0.0.4/255.255.255.0
    fe80::1%eth0
    default
}
virtual_ipaddress_excluded { 10.0.1.1/24 }
"""
    found = instance(lines)
    assert [str(v) for v in found.vips] == ["10.0.0.1/32", "10.0.0.2/24", "fd00::1/128", "fd00::2/64"]
    assert (found.addresses[1].interface, found.addresses[1].label) == ("eth1", "eth1:v")
    assert [(str(a.address), a.excluded) for a in found.addresses[-1:]] == [("10.0.1.1/24", True)]
    assert found.addresses[1].place.line == 5


def test_an_ipv6_instance_is_version_3() -> None:
    assert instance("virtual_ipaddress {\n fe80::1\n fd00::1/64\n}").version == 3
    assert instance("", before="global_defs {\n vrrp_version 3\n}").version == 3
    assert instance("version 2", before="global_defs {\n vrrp_version 3\n}").version == 2


def test_unicast() -> None:
    found = instance("unicast_src_ip 10.0.0.1\nunicast_peer {\n 10.0.0.2 min_ttl 3\n nonsense\n}")
    assert (found.unicast, found.unicast_peers) == (True, (IPv4Address("10.0.0.2"),))


def test_weights_come_from_the_line_or_from_the_tracked_thing() -> None:
    before = "vrrp_script s {\n weight -60\n}\ntrack_file f {\n weight 2\n}\nvrrp_track_file g {\n file /x\n}"
    lines = """\
track_interface {
    eth1
    eth2 weight -5 reverse
    eth3 weight x
}
track_script {
    s
    s2
    s3 weight 7
}
track_file {
    f
    g
    h weight 3
}
"""
    found = instance(lines, before=before)
    assert found.tracked_interfaces == (("eth1", 0), ("eth2", -5), ("eth3", 0))
    assert found.tracked_scripts == (("s", -60), ("s2", 0), ("s3", 7))
    assert found.tracked_files == (("f", 2), ("g", 1), ("h", 3))


def test_of_two_instances_with_one_name_keepalived_takes_the_first() -> None:
    text = "vrrp_instance a {\n priority 1\n}\nvrrp_instance a {\n priority 2\n}\nvrrp_instance\n"
    found = vrrp_instances(parse({MAIN: text}, MAIN))
    assert [(i.name, i.priority) for i in found] == [("a", 1)]
