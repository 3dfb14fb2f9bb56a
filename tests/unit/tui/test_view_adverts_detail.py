"""Adverts: one packet with every field and its octets; a virtual router; a place. A password is in none of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.model.capture import Heard
from haconsole.tui.view.adverts import Ours, learn
from haconsole.tui.view.adverts_bytes import hex_rows, part_rows, parts
from haconsole.tui.view.adverts_detail import lane_details, packet_details, place_details
from haconsole.tui.view.adverts_lanes import lane_of
from haconsole.tui.view.adverts_look import look_at
from haconsole.tui.view.adverts_words import takeovers_of
from haconsole.tui.view.text import Level, plain, width_of
from haconsole.wire import frames
from tests.unit.runtime.wires import advert_frame
from tests.unit.tui import hearings, scenes
from tests.unit.tui.scenes import NOW, ONE, TIMES, TWO

OURS = learn(Ours(), scenes.healthy().picture)
LINKS = [1, 101, 113, 276, 228, 147]


def details(hearing, number=-1, width=78):
    kept = hearing.since(0)[1]
    return packet_details(kept[number], kept, takeovers_of(hearing), OURS, width=width, zone=TIMES)


def text(rows):
    return "\n".join(plain(row.line) for row in rows)


def named(frame, link_type=1):
    return {part.name: part.value for part in parts(frame, link_type)}


# --- octets ----------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(LINKS))
def test_every_octet_of_any_frame_belongs_to_exactly_one_field(frame, link_type):
    found = parts(frame, link_type)
    assert [part.start for part in found] == [0, *(part.end for part in found)][: len(found)]
    assert (found[-1].end if found else 0) == len(frame)
    for width in (40, 78):
        rows = [*hex_rows(frame, found, width), *part_rows(frame, found, width)]
        assert all(width_of(row.line) <= width for row in rows)


@given(st.data())
def test_a_frame_that_is_cut_anywhere_has_fewer_fields_and_the_same_beginning(data):
    whole = hearings.advert(ONE, 7, version=data.draw(st.sampled_from([2, 3])))
    cut = data.draw(st.integers(0, len(whole)))
    found, all_of_it = parts(whole[:cut], 1), parts(whole, 1)
    assert [p.name for p in found[:-1]] == [p.name for p in all_of_it[: max(0, len(found) - 1)]]


def test_the_fields_of_a_version_2_advert():
    found = named(hearings.advert(ONE, 7, priority=120, interval=3.0, addresses=("192.168.2.107", "192.168.2.108")))
    assert found["source MAC"] == "52:54:00:00:02:fb"
    assert found["TTL"] == "255"
    assert found["protocol"] == "112, VRRP"
    assert found["version, type"] == "VRRP version 2, type 1"
    assert (found["VRID"], found["priority"], found["addresses"]) == ("7", "120", "2")
    assert found["interval"] == "3 s"
    assert found["address 2"] == "192.168.2.108"
    assert "authentication data" in found


def test_the_fields_of_a_version_3_advert_over_ipv6_with_a_vlan_tag():
    found = named(advert_frame("fe80::251", vrid=9, version=3, vlan=42))
    assert found["VLAN tag"] == "VLAN 42"
    assert found["next header"] == "112, VRRP"
    assert found["hop limit"] == "255"
    assert found["address 1"] == "fe80::101"
    assert found["interval"] == "1 s"
    assert "authentication data" not in found


def test_the_fields_of_announcements():
    arp = named(hearings.garp(ONE, "192.168.2.101"))
    assert (arp["operation"], arp["sender address"]) == ("request", "192.168.2.101")
    packet = frames.neighbour_advertisement(hearings.ip_address("2001:db8::1"), hearings.CARDS[ONE])
    frame = frames.ethernet(
        packet, source_mac=hearings.CARDS[ONE], destination_mac="33:33:00:00:00:01", ethertype=frames.IPV6
    )
    neighbour = named(frame)
    assert neighbour["target"] == "2001:db8::1"
    assert neighbour["flags"] == "override"
    assert neighbour["target MAC"] == hearings.CARDS[ONE]


# --- one packet ---------------------------------------------------------------------------


def test_a_packet_says_when_and_where_it_was_heard_and_every_field():
    said = text(details(hearings.takeover()))
    for word in (
        "2025-11-24T14:02:31.400+01:00 ±2 ms", "heard by      proxy-serv02", "192.168.2.252 (proxy-serv02)",
        "52:54:00:00:02:fc (proxy-serv02)", "224.0.0.18", "VRID          1, IPv4", "priority      100",
        "1.000 s after the one before", "0000  01 00 5e 00 00 12",
    ):  # fmt: skip
        assert word in said


def test_a_takeover_is_told_with_its_kind():
    hearing = hearings.takeover()
    kept = hearing.since(0)[1]
    number = next(i for i, h in enumerate(kept) if h.at == NOW - 30.0 and getattr(h.packet, "vrid", 0) == 1)
    assert "from 192.168.2.251 after 3.600 s: silence" in text(details(hearing, number))


def test_a_password_is_not_in_the_details_though_its_kind_is():
    hearing = hearings.strange()
    kept = hearing.since(0)[1]
    numbers = [i for i, h in enumerate(kept) if getattr(h.packet, "auth_type", 0) == 1]
    assert numbers
    for number in numbers:
        rows = details(hearing, number)
        everything = text(rows) + "\n".join(row.copied for row in rows)
        assert "password, readable for all" in everything
        assert "not kept: zeroed" in everything
        assert hearings.SECRET.decode() not in everything
        assert hearings.SECRET.hex(" ") not in everything
        assert hearings.SECRET[:4].hex(" ") not in everything


def test_problems_are_told_in_words():
    hearing = hearings.strange()
    kept = hearing.since(0)[1]
    number = next(i for i, h in enumerate(kept) if getattr(h.packet, "vrid", 0) == 3)
    rows = details(hearing, number)
    assert "TTL is not 255" in text(rows)
    assert "checksum      bad" in text(rows)
    assert any(row.level is Level.WARNING for row in rows)


def test_octets_that_were_not_kept_are_counted():
    frame = hearings.advert(ONE)
    cut = hearings.heard(ONE, NOW, frame[:46], length=60)
    said = text(packet_details(cut, [cut], {}, OURS, width=78, zone=TIMES))
    assert "60 octets, 46 of them kept" in said
    assert "the first that is kept" in said


@pytest.mark.parametrize("width", [30, 78, 80])
@pytest.mark.parametrize("name", ["takeover", "strange", "hostile"])
def test_details_of_every_packet_fit(name, width):
    hearing = getattr(hearings, name)()
    for number in range(0, len(hearing.since(0)[1]), 7):
        for row in details(hearing, number, width):
            assert width_of(row.line) <= width
            assert all(span.text.isprintable() for span in row.line)


def test_a_packet_of_a_file_has_no_place():
    one = hearings.heard(ONE, NOW, hearings.advert(ONE))
    read = Heard(
        place=None, at=one.at, error_s=None, packet=one.packet, frame=one.frame, length=one.length, link_type=1
    )
    assert "heard by      not told" in text(packet_details(read, [], {}, OURS, width=78, zone=TIMES))


# --- virtual routers and places --------------------------------------------------------------


def test_a_virtual_router_shows_every_sender_and_its_takeovers():
    hearing = hearings.takeover()
    lanes = hearing.lanes(NOW, 300.0, OURS.addresses)
    look = look_at(hearing, OURS, NOW, window_s=300.0, width=78)
    said = text(lane_details(lane_of("lane/1/4/192.168.2.251", lanes), look, TIMES))
    assert "proxy-serv01 192.168.2.251" in said
    assert "heard by      proxy-serv01, proxy-serv02" in said
    assert "proxy-serv01 → proxy-serv02 after 3.600 s: silence" in said


def test_a_virtual_router_that_was_forgotten_says_so():
    look = look_at(hearings.healthy(), OURS, NOW, window_s=300.0, width=78)
    (row,) = lane_details(lane_of("lane/77/4/192.168.2.251", ()), look, TIMES)
    assert "nothing was heard of this virtual router" in plain(row.line)


def test_a_place_that_may_not_listen_shows_what_was_said_and_what_to_do():
    hearing = hearings.not_permitted()
    rows = place_details(hearing.places[TWO], NOW, width=78, zone=TIMES)
    assert "sudo: a password is required" in text(rows)
    assert hearings.SUDOERS in [row.copied for row in rows]
    assert "not told yet" in text(rows)
    counts = text(place_details(hearing.places[ONE], NOW, width=78, zone=TIMES))
    assert "1,234,567 heard, 2 unreadable, 815 left out, 3 dropped" in counts
