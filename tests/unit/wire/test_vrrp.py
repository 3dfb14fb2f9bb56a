"""The advert decoder: known packets byte by byte, checksum verdicts, CARP, trailers, secrets."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from haconsole.model.packets import Advert, Carp, Checksum, Envelope
from haconsole.wire import vrrp
from haconsole.wire.errors import WireError

V4 = Envelope(source=IPv4Address("192.168.2.251"), destination=IPv4Address("224.0.0.18"), hop_limit=255)
V6 = Envelope(source=IPv6Address("fe80::1"), destination=IPv6Address("ff02::12"), hop_limit=255)
UNICAST = replace(V4, destination=IPv4Address("192.168.2.252"))


def advert(text: str, envelope: Envelope = V4) -> Advert:
    found = vrrp.parse(bytes.fromhex(text.replace(" ", "")), envelope)
    assert isinstance(found, Advert)
    return found


def test_v2_with_two_addresses_as_captured_from_keepalived() -> None:
    """1.3.5, 2.2.7 and 2.4.3 send the same octets."""
    found = advert("21 0b 96 02 00 01 c2c0 c0a8026f c0a80270 0000000000000000")
    assert (found.version, found.vrid, found.priority, found.interval_s, found.auth_type) == (2, 11, 150, 1.0, 0)
    assert found.addresses == (IPv4Address("192.168.2.111"), IPv4Address("192.168.2.112"))
    assert (found.checksum, found.problems) == (Checksum.OK, ())


def test_a_password_is_summed_and_not_kept() -> None:
    found = advert("21 0c 96 01 01 02 48bc c0a80271 7333637265740000")
    assert (found.auth_type, found.interval_s, found.checksum) == (1, 2.0, Checksum.OK)
    assert "s3cret" not in repr(found)


def test_a_stopping_master_says_priority_zero() -> None:
    assert advert("21 0b 00 02 00 01 58c1 c0a8026f c0a80270 0000000000000000").priority == 0


def test_v3_intervals_are_centiseconds() -> None:
    found = advert("31 0d 96 01 0032 0000 c0a80272")
    assert (found.version, found.interval_s, found.auth_type) == (3, 0.5, None)


@pytest.mark.parametrize("form", [Checksum.OK, Checksum.OK_MESSAGE_ONLY, Checksum.OK_OLD_UNICAST, Checksum.BAD])
def test_each_form_of_the_v3_checksum_is_told_apart(form: Checksum) -> None:
    model = replace(advert("31 0d 96 01 0032 0000 c0a80272"), envelope=UNICAST, checksum=form, problems=())
    found = vrrp.parse(vrrp.encode(model, form=form), UNICAST)
    assert isinstance(found, Advert)
    assert found.checksum is form
    assert found.problems == (("checksum",) if form is Checksum.BAD else ())


def test_ipv6_is_always_summed_with_its_pseudo_header() -> None:
    model = replace(
        advert("31 0e 96 01 0064 0000 c0a80272"), envelope=V6, addresses=(IPv6Address("fe80::14"), IPv6Address("fd00:2::14"))
    )  # fmt: skip
    found = vrrp.parse(vrrp.encode(model), V6)
    assert isinstance(found, Advert)
    assert (found.checksum, found.addresses) == (Checksum.OK, model.addresses)
    without = vrrp.parse(vrrp.encode(model, form=Checksum.OK_MESSAGE_ONLY), V6)
    assert isinstance(without, Advert)
    assert without.checksum is Checksum.BAD


def test_carp_is_not_taken_for_vrrp() -> None:
    carp = bytes([0x21, 1, 0, 7, 0, 1, 0, 0]) + bytes(28)
    assert vrrp.parse(carp, V4) == Carp(envelope=V4, vhid=1, advskew=0, advbase_s=1)
    seven = bytes([0x21, 1, 100, 7, 0, 1, 0, 0]) + bytes(4 * 7 + 8)
    assert isinstance(vrrp.parse(seven, V4), Advert)


def test_a_packet_cut_by_the_capture_has_an_unknown_checksum() -> None:
    whole = bytes.fromhex("210b96020001c2c0c0a8026fc0a802700000000000000000")
    found = vrrp.parse(whole[:14], V4, missing=10)
    assert isinstance(found, Advert)
    assert found.checksum is Checksum.UNKNOWN
    assert found.checksum.ok is None
    assert found.addresses == (IPv4Address("192.168.2.111"),)
    assert found.problems == ("cut-short",)


def test_a_message_shorter_than_its_count_is_a_length_problem() -> None:
    assert "length" in advert("21 0b 96 09 00 01 c2c0 c0a8026f c0a80270 0000000000000000").problems


def test_ttl_matters_for_multicast_only() -> None:
    text = "21 0b 96 02 00 01 c2c0 c0a8026f c0a80270 0000000000000000"
    assert advert(text, replace(V4, hop_limit=254)).problems == ("ttl",)
    assert advert(text, replace(UNICAST, hop_limit=254)).problems == ()


def test_the_authentication_trailer_of_keepalived_2_4_is_read() -> None:
    trailer = bytes([1, 5, 0, 0]) + (1795488100).to_bytes(4, "big") + b"\0\1\0\7" + bytes(16)
    found = vrrp.parse(bytes.fromhex("210b96020001c2c0c0a8026fc0a802700000000000000000") + trailer, V4)
    assert isinstance(found, Advert)
    assert found.trailer is not None
    assert (found.trailer.key_id, found.trailer.seconds, found.trailer.counter) == (5, 1795488100, 7)
    assert found.checksum is Checksum.OK


@pytest.mark.parametrize("text", ["", "21", "41 01 64 01 00 01 0000 c0a80201", "22 01 64 01 00 01 0000 c0a80201"])
def test_what_is_no_advert_raises(text: str) -> None:
    with pytest.raises(WireError):
        vrrp.parse(bytes.fromhex(text.replace(" ", "")), V4)


def test_secrets_are_zeroed_and_the_checksum_stays_what_it_was() -> None:
    good = bytes.fromhex("210c9601010248bcc0a802717333637265740000")
    blank = vrrp.without_secret(good)
    assert b"s3cret" not in blank
    assert len(blank) == len(good)
    assert isinstance(found := vrrp.parse(blank, V4), Advert)
    assert found.checksum is Checksum.OK
    bad = vrrp.without_secret(good[:6] + b"\x12\x34" + good[8:])
    assert isinstance(found := vrrp.parse(bad, V4), Advert)
    assert found.checksum is Checksum.BAD
