"""Links, addresses and changes from iproute2 4.11 (CentOS 7) to 6.15 (Debian 13)."""

from __future__ import annotations

from collections.abc import Callable, Sized
from ipaddress import ip_interface
from pathlib import Path

import pytest

from haconsole.model.readings import Address, AddressAdded, AddressRemoved, KernelChange, LinkChanged, LinkRemoved
from haconsole.parse.errors import ParseError
from haconsole.parse.iproute import parse_addresses, parse_links, parse_monitor_line
from tests.support import interfaces
from tests.support.work import lines_run

FILES = Path(__file__).parents[2] / "fixtures" / "system" / "iproute"
FOREVER = "\\       valid_lft forever preferred_lft forever"


def read(name: str) -> str:
    return (FILES / f"{name}.txt").read_text(encoding="utf-8")


def changes(name: str) -> list[KernelChange]:
    return [change for line in read(name).splitlines() if (change := parse_monitor_line(line)) is not None]


def one(line: str) -> Address:
    (address,) = parse_addresses(line)
    return address


# --- links --------------------------------------------------------------------


def test_a_link_tells_index_flags_and_hardware_address() -> None:
    link = parse_links(read("link-4.11"))["eth0"]
    assert (link.name, link.index, link.up, link.carrier, link.mac) == ("eth0", 2, True, True, "52:54:00:12:34:56")


def test_carrier_is_the_lower_layer_and_not_the_administrators_will() -> None:
    links = parse_links(read("link-4.11"))
    assert (links["eth1"].up, links["eth1"].carrier, links["eth1"].state) == (True, False, "DOWN")
    assert (links["eth0.100"].up, links["eth0.100"].carrier) == (False, False)


def test_the_parent_behind_the_at_sign_is_no_part_of_the_name() -> None:
    assert list(parse_links(read("link-4.11"))) == ["lo", "eth0", "eth1", "sit0", "eth0.100"]
    assert list(parse_links(read("link-6.1"))) == ["lo", "lan0", "vlan0", "mv0@x", "vrrp.51"]


def test_loopback_and_tunnels_have_no_hardware_address() -> None:
    links = parse_links(read("link-4.11"))
    assert links["lo"].mac is None
    assert links["sit0"].mac is None


@pytest.mark.parametrize("version", ["5.9", "6.15"])
def test_an_alias_with_a_line_end_does_not_break_the_list(version: str) -> None:
    assert list(parse_links(read(f"link-{version}"))) == ["lo", "eth1", "eth0", "br0"]


def test_an_alias_may_look_like_anything() -> None:
    link = parse_links(read("link-6.1"))["lan0"]
    assert (link.up, link.carrier) == (True, True)


def test_a_line_that_is_no_link_is_an_error_and_not_a_missing_interface() -> None:
    with pytest.raises(ParseError):
        parse_links(read("link-4.11") + 'Cannot open network namespace "x"\n')
    with pytest.raises(ParseError):
        parse_links(read("link-4.11").partition("BROADCAST,MULTICAST> mtu")[0])  # cut within the last line's flags
    with pytest.raises(ParseError):
        parse_links("")


def test_names_come_out_without_control_characters() -> None:
    assert list(parse_links("7: e\x1b[2J: <UP> mtu 1 qdisc noop\n")) == ["e␛[2J"]


# --- addresses ----------------------------------------------------------------


def test_a_vip_with_its_label() -> None:
    vip = Address(interface="eth0", address=ip_interface("192.168.2.101/24"), label="eth0:1")
    for version in ("4.11", "6.1"):
        assert vip in parse_addresses(read(f"addr-{version}"))


def test_a_label_that_only_repeats_the_interface_is_none() -> None:
    labels = {str(a.address): a.label for a in parse_addresses(read("addr-6.1")) if a.interface == "eth0"}
    assert labels["192.168.2.251/24"] is None
    assert labels["10.9.9.3/24"] == "eth0:ptp"
    assert labels["fd00::1/64"] is None


def test_a_missing_label_is_not_replaced_by_the_last_flag() -> None:
    assert one("2: eth0    inet 192.168.2.1/24 scope global secondary " + FOREVER).label is None


@pytest.mark.parametrize("label", ["global", "secondary", "eth0:a\\b", "eth0:valid_lft"])
def test_labels_are_free_text(label: str) -> None:
    assert one(f"2: eth0    inet 192.168.2.1/24 scope global {label}{FOREVER}").label == label


def test_order_and_number_of_addresses_are_the_kernels() -> None:
    addresses = [str(a.address) for a in parse_addresses(read("addr-6.1"))]
    assert len(addresses) == 13
    assert addresses[:4] == ["127.0.0.1/8", "::1/128", "192.168.2.103/32", "192.168.2.251/24"]


def test_a_peer_address_lends_its_prefix_to_the_own_one() -> None:
    addresses = [str(a.address) for a in parse_addresses(read("addr-6.1"))]
    assert {"10.9.9.1/32", "10.9.9.3/24"} <= set(addresses)
    assert (
        str(one("3: eth0    inet6 2001:db8::2 peer 2001:db8::3/64 scope global " + FOREVER).address) == "2001:db8::2/64"
    )


def test_scopes() -> None:
    scopes = {str(a.address): a.scope for a in parse_addresses(read("addr-6.1"))}
    assert (scopes["127.0.0.1/8"], scopes["192.168.2.103/32"], scopes["192.168.2.251/24"]) == ("host", "link", "global")


def test_tentative_until_duplicate_address_detection_is_over() -> None:
    before = {str(a.address): a.tentative for a in parse_addresses(read("addr-tentative-6.1"))}
    after = {str(a.address): a.tentative for a in parse_addresses(read("addr-6.1"))}
    assert (before["fd00::1/64"], before["fd00::2/64"]) == (True, False)
    assert not any(after.values())


def test_words_that_newer_versions_put_between_are_passed_over() -> None:
    addresses = {str(a.address): a for a in parse_addresses(read("addr-6.15"))}
    assert addresses["192.168.2.103/24"].label == "eth0:xyz"  # metric 99, brd, proto keepalived
    assert addresses["192.168.2.102/24"].label is None


def test_an_entry_that_the_kernel_repeats_counts_once() -> None:
    assert len(parse_addresses(read("addr-6.1") * 2)) == 13


def test_no_address_at_all_is_an_answer() -> None:
    assert parse_addresses("") == ()


@pytest.mark.parametrize(
    "line",
    [
        "2: eth0    inet 192.168.2.300/24 scope global eth0" + FOREVER,
        "2: eth0    inet fe80::1%\x1b[2J/64 scope link " + FOREVER,
        "2: eth0    inet 192.168.2.1/24",
        "2: eth0    inet " + "1" * 5000 + FOREVER,
        "Dump was interrupted and may be inconsistent.",
    ],
)
def test_what_is_no_address_is_an_error(line: str) -> None:
    if line.endswith("/24"):  # all that matters is there
        assert str(one(line).address) == "192.168.2.1/24"
        return
    with pytest.raises(ParseError) as caught:
        parse_addresses(line)
    assert "\x1b" not in str(caught.value)


# --- monitor ------------------------------------------------------------------


def test_a_vip_appears_and_goes() -> None:
    vip = Address(interface="eth0", address=ip_interface("192.168.2.102/24"), label="eth0:2")
    assert changes("monitor-4.11")[:2] == [AddressAdded(address=vip), AddressRemoved(address=vip)]


def test_a_link_loses_its_carrier_and_another_one_goes() -> None:
    changed, removed = changes("monitor-4.11")[2:]
    assert isinstance(changed, LinkChanged)
    assert (changed.link.name, changed.link.up, changed.link.carrier) == ("eth1", True, False)
    assert removed == LinkRemoved(name="eth0.100")


def test_every_line_of_a_real_run_is_understood() -> None:
    assert len(changes("monitor-6.1")) == len(read("monitor-6.1").splitlines())


def test_prefixes_of_the_label_option_are_passed_over() -> None:
    assert changes("monitor-label-6.1") == changes("monitor-6.1")


def test_routes_neighbours_and_the_like_are_none_of_ours() -> None:
    lines = read("monitor-all-6.1").splitlines()
    mine = [line for line in lines if line.startswith(("[LINK]", "[ADDR]"))]
    assert len(changes("monitor-all-6.1")) == len(mine) < len(lines)


@pytest.mark.parametrize("version", ["5.9", "6.15"])
def test_a_port_that_leaves_its_bridge_is_not_gone(version: str) -> None:
    told = changes(f"monitor-bridge-{version}")
    removed = [change.name for change in told if isinstance(change, LinkRemoved)]
    assert removed == ["eth0", "eth1"]  # when the pair is really deleted, at the end
    assert sum(line.startswith("Deleted 2: eth1@") for line in read(f"monitor-bridge-{version}").splitlines()) == 2


def test_an_address_is_announced_again_when_it_is_no_longer_tentative() -> None:
    told = [
        c.address.tentative
        for c in changes("monitor-6.1")
        if isinstance(c, AddressAdded) and "fd00::1/" in str(c.address.address)
    ]
    assert told == [True, False]


def test_after_a_rename_address_lines_keep_the_old_name() -> None:
    told = changes("monitor-6.1")
    names = {c.link.name for c in told if isinstance(c, LinkChanged) and c.link.index == 2}
    last = [c.address.interface for c in told if isinstance(c, AddressRemoved)][-1]
    assert names == {"eth0", "lan0"}
    assert last == "eth0"


@pytest.mark.parametrize(
    "line", ["", "Deleted ", "Timestamp: Tue Nov 24", "default via 192.168.2.1 dev eth0", "[LINK]", "x" * 1_000_000]
)
def test_other_lines_are_none(line: str) -> None:
    assert parse_monitor_line(line) is None


# --- limits -------------------------------------------------------------------


@pytest.mark.parametrize(("parse", "text"), [(parse_links, interfaces.links), (parse_addresses, interfaces.addresses)])
def test_the_work_on_many_interfaces_grows_with_their_number_and_not_faster(
    parse: Callable[[str], Sized], text: Callable[[int], str]
) -> None:
    assert len(parse(text(10_000))) == 10_000
    few, more = text(100), text(1000)
    base = lines_run(lambda: parse(few))
    assert base > 100
    assert lines_run(lambda: parse(more)) <= 11 * base


def test_a_line_of_a_megabyte_is_cut_or_refused() -> None:
    long_alias = read("link-4.11").splitlines()[1] + "\\    alias " + "a" * 1_000_000
    assert parse_links(long_alias)["eth0"].mac == "52:54:00:12:34:56"
    with pytest.raises(ParseError):
        parse_addresses("2: eth0    inet 192.168.2.1/24 scope global " + "a" * 1_000_000 + FOREVER)
    with pytest.raises(ParseError):
        parse_links("2: " + "a" * 1_000_000)
