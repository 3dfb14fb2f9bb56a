"""What a node tells of its routes, its disks and its connections, as real nodes print it."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.host import FileSystem, HostReading, SourceRoute
from haconsole.parse.errors import ParseError
from haconsole.parse.host_state import parse_host_state

TEXT = """routes
default via 203.0.113.80 dev eth1 proto static metric 100
unreachable default dev lo metric 4294967295
sources
0:	from all lookup local
32763:	from all iif eth1 lookup 77
32764:	from 192.168.2.101 lookup 77
32765:	from all to 198.18.0.0/15 lookup 78
32766:	from all lookup main
32767:	from all lookup default
default via 192.168.2.1 dev eth0 table 77 src 192.168.2.101
198.18.0.0/15 via 192.168.2.1 dev eth0 table 78 src 192.168.2.101
disks
9c1b3a5f00000000 4096 5120710 3911042 1310720 1204551 /
9c1b3a5f00000000 4096 5120710 3911042 1310720 1204551 /var/log
17 4096 101293 100211 405172 404310 /run
0 4096 0 0 0 0 /proc
connections
812
262144
paths
all/rp_filter 0
default/rp_filter 1
eth0/rp_filter 1
eth1/rp_filter 2
lo/rp_filter 0
all/arp_ignore 0
default/arp_ignore 0
eth0/arp_ignore 1
eth1/arp_ignore 0
lo/arp_ignore 0
dropped 17
"""


def test_a_node_that_tells_everything() -> None:
    assert parse_host_state(TEXT) == HostReading(
        default_routes=("via 203.0.113.80 dev eth1",),
        file_systems=(
            FileSystem(
                path="/",
                size_bytes=5120710 * 4096,
                free_bytes=3911042 * 4096,
                inodes=1310720,
                free_inodes=1204551,
            ),
            FileSystem(
                path="/run", size_bytes=101293 * 4096, free_bytes=100211 * 4096, inodes=405172, free_inodes=404310
            ),
        ),
        connections=812,
        connections_limit=262144,
        strict_path=frozenset({"eth0"}),
        answers_for_others=frozenset({"eth1", "lo"}),
        path_dropped=17,
        source_routes=(
            SourceRoute(
                route="198.18.0.0/15 via 192.168.2.1 dev eth0 table 78 src 192.168.2.101",
                source=IPv4Address("192.168.2.101"),
                rule="from all to 198.18.0.0/15 lookup 78",
            ),
        ),
    )


def test_of_a_setting_the_greater_of_all_and_the_interface_s_own_counts() -> None:
    told = parse_host_state(
        "disks\nconnections\npaths\nall/rp_filter 1\na/rp_filter 0\nb/rp_filter 2\nall/arp_ignore 1\n"
    )
    assert told == HostReading(strict_path=frozenset({"a"}), answers_for_others=frozenset())
    assert parse_host_state("disks\nconnections\npaths\na/rp_filter 1\n") == HostReading(), (
        "without `all` nothing is sure"
    )


def test_a_link_that_answers_only_by_the_route_back_does_not_answer_for_every_address() -> None:
    """`arp_filter`; nodes that were read before it was asked for do not tell it."""
    text = "disks\nconnections\npaths\nall/arp_ignore 0\na/arp_ignore 0\nb/arp_ignore 0\n"
    assert parse_host_state(text).answers_for_others == frozenset({"a", "b"})
    assert parse_host_state(
        f"{text}all/arp_filter 0\na/arp_filter 0\nb/arp_filter 1\n"
    ).answers_for_others == frozenset({"a"})
    assert parse_host_state(f"{text}all/arp_filter 1\na/arp_filter 0\n").answers_for_others == frozenset({"b"}), (
        "b's: not told"
    )


def test_no_route_is_not_the_same_as_a_route_that_could_not_be_told() -> None:
    assert parse_host_state("routes\n\ndisks\nconnections\n").default_routes == ()
    assert parse_host_state("disks\nconnections\n") == HostReading()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("default dev ppp0 scope link", "dev ppp0"),
        ("default proto static\\ nexthop via 10.0.0.1 dev a\\ nexthop via 10.0.0.2 dev b", "via 10.0.0.1 dev a via"),
        ("default via fe80::1 dev \x1b[31m", "via fe80::1 dev"),
    ],
)
def test_odd_routes(line: str, told: str) -> None:
    (route,) = parse_host_state(f"routes\n{line}\ndisks\nconnections\n").default_routes or ()
    assert route.startswith(told) and "\x1b" not in route


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"routes\n{text}\ndisks\n{text}\nconnections\n{text}\npaths\n{text}"):
        try:
            parse_host_state(candidate)
        except ParseError:
            continue


_COUNTS = (
    "4: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\\"
    "    link/ether {mac} brd ff:ff:ff:ff:ff:ff\\    RX:  bytes packets errors dropped  missed   mcast           \\"
    "          1840      {all}      0       0       0       {group} \\    TX:  bytes packets errors dropped carrier "
    "collsns           \\             0       0      0       0       0       0 "
)


def test_frames_for_virtual_mac_addresses_are_those_that_were_for_no_group() -> None:
    """As iproute2 6.1 prints it; 5.9 says `overrun` for `missed`."""
    one = _COUNTS.format(name="vrrp.1@eth0", mac="00:00:5e:00:01:01", all=30, group=23)
    six = _COUNTS.format(name="vrrp6.1@eth0", mac="00:00:5e:00:02:06", all=2, group=2).replace(" missed", "overrun")
    own = _COUNTS.format(name="eth9@eth0", mac="02:00:00:00:00:01", all=30, group=23)
    odd = _COUNTS.format(name="vrrp.9@eth0", mac="00:00:5e:00:01:09", all=3, group=7)
    text = TEXT.replace("disks\n", f"virtual\n{one}\n{six}\n{own}\n{odd}\nvrrp.2 nonsense\ndisks\n", 1)
    assert parse_host_state(text).virtual_frames == {"vrrp.1": 7, "vrrp6.1": 0}
    assert parse_host_state(TEXT).virtual_frames is None, "not told"
