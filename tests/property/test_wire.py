"""No bytes crash the decoder; what it encodes it decodes; no password comes out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.wire import frames, pcap, vrrp
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
