"""What the encoders write: octet for octet as known, and as `frames.decode` and scapy read it."""

from __future__ import annotations

import logging
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from haconsole.model.packets import Advert, Announcement, Checksum, Envelope
from haconsole.model.spec import IpAddress
from haconsole.wire import frames, vrrp
from haconsole.wire.errors import WireError

logging.getLogger("scapy").setLevel(logging.ERROR)
MAC = "52:54:00:00:01:00"
FOUR, SIX = IPv4Address("192.168.2.101"), IPv6Address("2001:db8:2::101")


def advert(source: str, version: int, group: str, vip: IpAddress) -> Advert:
    envelope = Envelope(source=ip_address(source), destination=ip_address(group), hop_limit=255, source_mac=MAC)
    auth = 0 if version == 2 else None
    return Advert(
        envelope=envelope, version=version, vrid=7, priority=150, interval_s=1.0, addresses=(vip,), auth_type=auth,
        checksum=Checksum.OK,
    )  # fmt: skip


def framed(packet: bytes, group: IpAddress) -> bytes:
    kind = frames.IPV4 if group.version == 4 else frames.IPV6
    return frames.ethernet(packet, source_mac=MAC, destination_mac=frames.multicast_mac(group), ethertype=kind)


def test_an_ipv4_advert_octet_for_octet() -> None:
    sent = advert("192.168.2.251", 2, "224.0.0.18", FOUR)
    packet = frames.ipv4(
        vrrp.encode(sent), IPv4Address("192.168.2.251"), IPv4Address("224.0.0.18"), tos=0xC0, identification=1
    )
    assert packet.hex(" ", 2) == (
        "45c0 0028 0001 0000 ff70 16ef c0a8 02fb e000 0012 2107 9601 0001 85e8 c0a8 0265 0000 0000 0000 0000"
    )
    frame = framed(packet, sent.envelope.destination)
    assert frame[:14].hex() == "01005e000012" + "525400000100" + "0800"
    assert len(frame) == 60
    assert frames.decode(frame) == sent


@pytest.mark.parametrize("version", [2, 3])
def test_scapy_reads_ipv4_adverts_and_finds_their_sums_right(version: int) -> None:
    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether
    from scapy.layers.vrrp import VRRP, VRRPv3

    sent = advert("192.168.2.251", version, "224.0.0.18", FOUR)
    packet = frames.ipv4(vrrp.encode(sent), IPv4Address("192.168.2.251"), IPv4Address("224.0.0.18"), tos=0xC0)
    frame = framed(packet, sent.envelope.destination)
    read = Ether(frame)
    kind = VRRP if version == 2 else VRRPv3
    assert (read.src, read.dst) == (MAC, "01:00:5e:00:00:12")
    assert (read[IP].tos, read[IP].ttl, read[IP].proto, read[IP].len) == (0xC0, 255, 112, len(packet))
    assert (read[kind].vrid, read[kind].priority, read[kind].addrlist) == (7, 150, ["192.168.2.101"])
    again = Ether(frame)
    del again[IP].chksum, again[kind].chksum
    assert bytes(again)[: 14 + len(packet)] == frame[: 14 + len(packet)], "scapy sums up the same"
    assert frames.decode(frame) == sent


def test_scapy_reads_ipv6_adverts() -> None:
    from scapy.layers.inet6 import IPv6, in6_chksum
    from scapy.layers.l2 import Ether

    source = "fe80::5054:ff:fe00:100"
    sent = advert(source, 3, "ff02::12", SIX)
    payload = vrrp.encode(sent)
    frame = framed(frames.ipv6(payload, IPv6Address(source), IPv6Address("ff02::12")), sent.envelope.destination)
    read = Ether(frame)
    assert (read.src, read.dst) == (MAC, "33:33:00:00:00:12")
    head = read[IPv6]
    assert (head.src, head.dst, head.hlim, head.nh, head.tc, head.fl, head.plen) == (
        source,
        "ff02::12",
        255,
        112,
        0,
        0,
        24,
    )
    blank = payload[:6] + b"\0\0" + payload[8:]
    assert in6_chksum(112, head, blank) == int.from_bytes(payload[6:8], "big")
    assert frames.decode(frame) == sent


def test_gratuitous_arp() -> None:
    from scapy.layers.l2 import ARP, Ether

    body = frames.gratuitous_arp(FOUR, MAC)
    assert body.hex() == "0001080006040001" + "525400000100" + "c0a80265" + "ffffffffffff" + "c0a80265"
    frame = frames.ethernet(body, source_mac=MAC, destination_mac="ff:ff:ff:ff:ff:ff", ethertype=frames.ARP)
    read = Ether(frame)[ARP]
    assert (read.op, read.hwsrc, read.psrc, read.pdst) == (1, MAC, str(FOUR), str(FOUR))
    assert frames.decode(frame) == Announcement(address=FOUR, mac=MAC, source_mac=MAC)


def test_neighbour_advertisement() -> None:
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
    from scapy.layers.l2 import Ether

    frame = framed(frames.neighbour_advertisement(SIX, MAC), frames.ALL_NODES)
    read = Ether(frame)
    assert (read.dst, read[IPv6].src, read[IPv6].dst, read[IPv6].hlim) == (
        "33:33:00:00:00:01", str(SIX), "ff02::1", 255,
    )  # fmt: skip
    said = read[ICMPv6ND_NA]
    assert (said.R, said.S, said.O, said.tgt, said[ICMPv6NDOptDstLLAddr].lladdr) == (0, 0, 1, str(SIX), MAC)
    again = Ether(frame)
    del again[ICMPv6ND_NA].cksum
    assert bytes(again) == frame, "scapy sums up the same"
    assert frames.decode(frame) == Announcement(address=SIX, mac=MAC, source_mac=MAC)


@pytest.mark.parametrize(
    ("group", "mac"),
    [
        ("224.0.0.18", "01:00:5e:00:00:12"),
        ("239.255.0.1", "01:00:5e:7f:00:01"),
        ("ff02::12", "33:33:00:00:00:12"),
        ("ff02::1:ff00:101", "33:33:ff:00:01:01"),
    ],
)
def test_multicast_macs(group: str, mac: str) -> None:
    assert frames.multicast_mac(ip_address(group)) == mac


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError):
        frames.ipv4(bytes(65_516), FOUR, FOUR)
    with pytest.raises(WireError):
        frames.ipv4(b"", FOUR, FOUR, ttl=256)
    with pytest.raises(WireError):
        frames.ipv6(bytes(65_536), SIX, SIX)
    for mac in ("no mac", "52:54:00", ""):
        with pytest.raises(WireError):
            frames.gratuitous_arp(FOUR, mac)
        with pytest.raises(WireError):
            frames.neighbour_advertisement(SIX, mac)
