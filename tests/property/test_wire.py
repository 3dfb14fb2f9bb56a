"""No bytes crash the decoder; what it encodes it decodes; no password comes out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.wire import frames, glance, pcap, vrrp
from haconsole.wire.errors import WireError

LINKS = st.sampled_from([1, 12, 101, 113, 276, 228, 229, 107])
REAL = (Path(__file__).parents[1] / "fixtures" / "pcaps" / "tcpdump_vrrp.pcap").read_bytes()
V4 = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
V6 = st.builds(IPv6Address, st.integers(0, 2**128 - 1))


def attempt(frame: bytes, link_type: int) -> None:
    try:
        frames.decode(frame, link_type)
    except WireError:
        return


@given(st.binary(max_size=200), LINKS)
def test_any_bytes_give_a_packet_nothing_or_the_typed_error(frame: bytes, link_type: int) -> None:
    attempt(frame, link_type)


@given(st.integers(40, len(REAL) - 1), st.integers(0, 255), LINKS)
def test_a_changed_real_frame_too(at: int, value: int, link_type: int) -> None:
    data = REAL[:at] + bytes([value]) + REAL[at + 1 :]
    reader = pcap.Reader()
    try:
        for record in reader.feed(data):
            attempt(record.data, link_type)
    except WireError:
        return


TYPES = st.sampled_from([b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x81\0\0\x07\x08\x06"])
ARP = st.sampled_from([b"\0\x01\x08\0\x06\x04\0\x01", b"\0\x01\x08\0\x06\x05\0\x01"])


@given(
    st.one_of(
        st.binary(max_size=90), st.builds(lambda t, a, b: bytes(12) + t + a + b, TYPES, ARP, st.binary(max_size=40))
    ),
    LINKS,
)
def test_what_is_passed_over_at_a_glance_is_nothing_of_ours(frame: bytes, link_type: int) -> None:
    if glance.sender(frame, link_type) == glance.NOTHING:
        assert frames.decode(frame, link_type) is None


@given(V4, V4, st.integers(1, 255), st.integers(1, 255), st.integers(0, 4095))
def test_a_glance_tells_senders_apart_as_decoding_does(
    a: IPv4Address, b: IPv4Address, one: int, two: int, vlan: int
) -> None:
    def seen(source: IPv4Address, vrid: int, priority: int, vlan: int | None = None) -> bytes:
        message = bytes([0x21, vrid, priority, 0, 0, 1, 0, 0])
        packet = frames.ipv4(message, source, IPv4Address("224.0.0.18"))
        macs = {"source_mac": "02:00:00:00:00:01", "destination_mac": "01:00:5e:00:00:12"}
        return glance.sender(frames.ethernet(packet, ethertype=frames.IPV4, vlan=vlan, **macs))

    assert seen(a, one, 1) == seen(a, one, 100) == seen(a, one, 1, vlan) != glance.UNCLEAR
    assert (seen(a, one, 1) == seen(b, two, 1)) is ((a, one) == (b, two))


@given(st.binary(max_size=300), st.sampled_from([b"", REAL[:24], b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a"]))
def test_any_bytes_are_a_capture_or_the_typed_error(data: bytes, start: bytes) -> None:
    reader = pcap.Reader()
    try:
        list(reader.feed(start + data))
        reader.end()
    except WireError:
        return


@st.composite
def models(draw: st.DrawFn) -> tuple[Advert, bytes]:
    version = draw(st.sampled_from([2, 3]))
    family = V4 if version == 2 else draw(st.sampled_from([V4, V6]))
    envelope = Envelope(source=draw(family), destination=draw(family), hop_limit=255)
    interval = draw(st.integers(0, 255)) if version == 2 else draw(st.integers(0, 4095)) / 100
    return Advert(
        envelope=envelope,
        version=version,
        vrid=draw(st.integers(0, 255)),
        priority=draw(st.integers(0, 255)),
        interval_s=float(interval),
        addresses=tuple(draw(st.lists(family, min_size=1, max_size=20))),
        auth_type=draw(st.integers(0, 255)) if version == 2 else None,
        checksum=Checksum.OK,
    ), draw(st.binary(max_size=8))


@given(models())
def test_what_is_encoded_decodes_to_the_same(case: tuple[Advert, bytes]) -> None:
    model, auth = case
    decoded = vrrp.parse(vrrp.encode(model, auth=auth), model.envelope)
    assert decoded == model


@given(models())
def test_no_authentication_octet_survives(case: tuple[Advert, bytes]) -> None:
    model, auth = case
    payload = vrrp.encode(model, auth=auth)
    blank = vrrp.without_secret(payload)
    if model.version == 2:
        assert blank[-8:] == bytes(8)
    assert vrrp.parse(blank, model.envelope) == model
