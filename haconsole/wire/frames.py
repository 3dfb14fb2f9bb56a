"""Frames of a capture -> packets that concern us: Ethernet, VLAN, Linux cooked v1 and v2, raw IP.

`decode` is the hot path: equal frames (a master repeats itself for days, but for IP's identification
and header checksum, of which nothing is concluded) are remembered, bounded. Link types are those of the pcap format.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from haconsole.model.packets import Announcement, Envelope, Packet
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.wire import vrrp
from haconsole.wire.checksums import PROTOCOL, checksum
from haconsole.wire.errors import WireError

ETHERNET: Final = 1
RAW_IP: Final = 101
_RAW_KINDS: Final = frozenset({101, 12, 14, 228, 229})
LINUX_SLL: Final = 113
LINUX_SLL2: Final = 276

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
"""Ethertypes."""
VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
ALL_NODES: Final = IPv6Address("ff02::1")
_AH: Final = 51
_ICMPV6: Final = 58
_EXTENSIONS: Final = frozenset({0, 43, 60})
"""IPv6 hop-by-hop, routing, destination options (RFC 8200 4)."""


@dataclass(frozen=True, slots=True)
class Link:
    """What the link layer told. `start`: where its payload begins in the frame."""

    ethertype: int
    start: int
    source_mac: str | None
    vlan: int | None


def decode(frame: bytes, link_type: int = ETHERNET, length: int | None = None) -> Packet | None:
    """What the frame says; None: nothing that concerns us (an ordinary ARP, TCP, ...).

    length: of the frame on the wire, where the capture kept less; None: it is whole.
    Raises: WireError, and nothing else, for frames that claim to be ours and are not.
    """
    if link_type == ETHERNET and frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        frame = frame[:18] + b"\0\0" + frame[20:24] + b"\0\0" + frame[26:]
    return _decode(frame, link_type)


@lru_cache(maxsize=8192)
def _decode(frame: bytes, link_type: int) -> Packet | None:
    link = link_layer(frame, link_type)
    if link.ethertype == IPV4:
        return _ipv4(frame, link)
    if link.ethertype == IPV6:
        return _ipv6(frame, link)
    if link.ethertype == ARP:
        return _arp(frame, link)
    return None


def link_layer(frame: bytes, link_type: int) -> Link:
    """Where the network layer starts, and what it is. Raises: WireError."""
    if link_type == ETHERNET:
        if len(frame) < 14:
            raise WireError("an Ethernet header has 14 octets")
        return _tags(frame, 12, frame[6:12].hex(":"))
    if link_type == LINUX_SLL:
        if len(frame) < 16:
            raise WireError("a Linux cooked header has 16 octets")
        return _tags(frame, 14, _sll_mac(frame[4:6], frame[6:14]))
    if link_type == LINUX_SLL2:
        if len(frame) < 20:
            raise WireError("a Linux cooked v2 header has 20 octets")
        ethertype = int.from_bytes(frame[0:2], "big")
        return Link(ethertype, 20, _sll_mac(b"\0" + frame[11:12], frame[12:20]), None)
    if link_type in _RAW_KINDS:
        version = frame[0] >> 4 if frame else 0
        return Link({4: IPV4, 6: IPV6}.get(version, 0), 0, None, None)
    raise WireError(f"link type {link_type} is not known here")


def _sll_mac(size: bytes, octets: bytes) -> str | None:
    return octets[:6].hex(":") if int.from_bytes(size, "big") == 6 else None


def _tags(frame: bytes, at: int, mac: str | None) -> Link:
    """Ethertype at `at`, behind any VLAN tags (802.1Q, 802.1ad); the innermost VLAN is told."""
    vlan = None
    for _ in range(4):
        if len(frame) < at + 2:
            raise WireError("cut short in the link header")
        ethertype = int.from_bytes(frame[at : at + 2], "big")
        if ethertype not in VLANS:
            return Link(ethertype, at + 2, mac, vlan)
        if len(frame) < at + 4:
            raise WireError("cut short in a VLAN tag")
        vlan = int.from_bytes(frame[at + 2 : at + 4], "big") & 0x0FFF
        at += 4
    raise WireError("more than four VLAN tags")


def _ipv4(frame: bytes, link: Link) -> Packet | None:
    packet = frame[link.start :]
    if len(packet) < 20:
        raise WireError("an IPv4 header has 20 octets")
    header = (packet[0] & 0x0F) * 4
    total, protocol = int.from_bytes(packet[2:4], "big"), packet[9]
    if protocol not in {PROTOCOL, _AH}:
        return None
    envelope = Envelope(
        source=IPv4Address(packet[12:16]),
        destination=IPv4Address(packet[16:20]),
        hop_limit=packet[8],
        source_mac=link.source_mac,
        vlan=link.vlan,
        authentication_header=protocol == _AH,
    )
    if packet[0] >> 4 != 4 or header < 20 or total < header or len(packet) < header:
        raise WireError("an IPv4 header that contradicts itself", envelope=envelope)
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:
        raise WireError("a fragment: adverts are never fragmented", problem="fragment", envelope=envelope)
    return _protocol_112(packet[header:total], protocol, envelope, missing=max(0, total - len(packet)))


def _ipv6(frame: bytes, link: Link) -> Packet | None:
    packet = frame[link.start :]
    if len(packet) < 40:
        raise WireError("an IPv6 header has 40 octets")
    if packet[0] >> 4 != 6:
        raise WireError("not IPv6")
    end = 40 + int.from_bytes(packet[4:6], "big")
    at, following = 40, packet[6]
    for _ in range(8):
        if following not in _EXTENSIONS or len(packet) < at + 8:
            break
        following, at = packet[at], at + (packet[at + 1] + 1) * 8
    if following == _ICMPV6:
        return _neighbour(packet[at:end], link)
    if following not in {PROTOCOL, _AH}:
        return None
    envelope = Envelope(
        source=IPv6Address(packet[8:24]),
        destination=IPv6Address(packet[24:40]),
        hop_limit=packet[7],
        source_mac=link.source_mac,
        vlan=link.vlan,
        authentication_header=following == _AH,
    )
    return _protocol_112(packet[at:end], following, envelope, missing=max(0, end - len(packet)))


def _protocol_112(payload: bytes, protocol: int, envelope: Envelope, *, missing: int) -> Packet | None:
    if protocol == _AH:  # RFC 4302 2: length in 32-bit words, less two
        if len(payload) < 12:
            raise WireError("cut short in the authentication header", problem="length", envelope=envelope)
        if payload[0] != PROTOCOL:
            return None
        payload = payload[(payload[1] + 2) * 4 :]
    return vrrp.parse(payload, envelope, missing=missing)


def payload_span(frame: bytes, link_type: int) -> tuple[int, int]:
    """(start, end) of the VRRP message in a frame that `decode` called an IPv4 advert. Raises: WireError."""
    start = link_layer(frame, link_type).start
    packet = frame[start:]
    at, end = (packet[0] & 0x0F) * 4, int.from_bytes(packet[2:4], "big")
    if packet[9] == _AH:
        at += (packet[at + 1] + 2) * 4
    return start + at, min(start + end, len(frame))


def _arp(frame: bytes, link: Link) -> Announcement | None:
    """Gratuitous ARP: sender and target address are the same (RFC 5227 3, keepalived sends both forms)."""
    body = frame[link.start : link.start + 28]
    if len(body) < 28:
        raise WireError("an ARP packet for IPv4 over Ethernet has 28 octets")
    if body[:6] != b"\x00\x01\x08\x00\x06\x04" or body[14:18] != body[24:28] or body[14:18] == b"\0\0\0\0":
        return None
    if int.from_bytes(body[6:8], "big") not in {1, 2}:
        return None
    return Announcement(
        address=IPv4Address(body[14:18]), mac=body[8:14].hex(":"), source_mac=link.source_mac, vlan=link.vlan
    )


def _neighbour(message: bytes, link: Link) -> Announcement | None:
    """An unsolicited neighbour advertisement: type 136, solicited flag off (RFC 4861 4.4)."""
    if len(message) < 24 or message[0] != 136 or message[4] & 0x40:
        return None
    mac, at = link.source_mac, 24
    while len(message) >= at + 8 and message[at + 1]:
        if message[at] == 2:  # target link-layer address
            mac = message[at + 2 : at + 8].hex(":")
        at += message[at + 1] * 8
    if mac is None:
        return None
    return Announcement(address=IPv6Address(message[8:24]), mac=mac, source_mac=link.source_mac, vlan=link.vlan)


def ethernet(packet: bytes, *, source_mac: str, destination_mac: str, ethertype: int, vlan: int | None = None) -> bytes:
    """An Ethernet frame around `packet`, padded to 60 octets. Raises: WireError."""
    try:
        macs = bytes.fromhex(destination_mac.replace(":", "")) + bytes.fromhex(source_mac.replace(":", ""))
        tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
        head = macs + tag + struct.pack("!H", ethertype)
    except (ValueError, struct.error) as error:
        raise WireError(str(error)) from error
    return (head + packet).ljust(60, b"\0")


def ipv4(
    payload: bytes,
    source: IPv4Address,
    destination: IPv4Address,
    *,
    protocol: int = PROTOCOL,
    ttl: int = 255,
    tos: int = 0,
    identification: int = 0,
) -> bytes:
    """An IPv4 packet around `payload`, without options (RFC 791 3.1). Raises: WireError."""
    total = 20 + len(payload)
    try:
        head = struct.pack("!BBHHHBBH", 0x45, tos, total, identification, 0, ttl, protocol, 0)
    except struct.error as error:
        raise WireError(str(error)) from error
    head += source.packed + destination.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(
    payload: bytes, source: IPv6Address, destination: IPv6Address, *, next_header: int = PROTOCOL, hop_limit: int = 255
) -> bytes:
    """An IPv6 packet around `payload`, traffic class and flow label 0 (RFC 8200 3). Raises: WireError."""
    try:
        head = struct.pack("!IHBB", 6 << 28, len(payload), next_header, hop_limit)
    except struct.error as error:
        raise WireError(str(error)) from error
    return head + source.packed + destination.packed + payload


def multicast_mac(group: IpAddress) -> str:
    """Where Ethernet sends what is for a multicast group: RFC 1112 6.4, RFC 2464 7."""
    if group.version == 4:
        return (b"\x01\x00\x5e" + (int(group) & 0x7FFFFF).to_bytes(3, "big")).hex(":")
    return (b"\x33\x33" + group.packed[-4:]).hex(":")


def gratuitous_arp(address: IPv4Address, mac: str) -> bytes:
    """The ARP packet by which `mac` says that it has `address`: a request, as keepalived sends it, which
    puts the broadcast address where RFC 5227 3 wants zeros. Raises: WireError.
    """
    own = _mac(mac)
    return b"\x00\x01\x08\x00\x06\x04\x00\x01" + own + address.packed + b"\xff" * 6 + address.packed


def neighbour_advertisement(address: IPv6Address, mac: str) -> bytes:
    """The IPv6 packet by which `mac` says unasked that it has `address`: from the address itself to all
    nodes, override set, with its link-layer address (RFC 4861 4.4, 7.2.6). Raises: WireError.
    """
    option = struct.pack("!BB6s", 2, 1, _mac(mac))
    message = struct.pack("!BBHI", 136, 0, 0, 0x2000_0000) + address.packed + option
    pseudo = address.packed + ALL_NODES.packed + struct.pack("!II", len(message), _ICMPV6)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    return ipv6(message, address, ALL_NODES, next_header=_ICMPV6)


def _mac(text: str) -> bytes:
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError as error:
        raise WireError(str(error)) from error
    if len(octets) != 6:
        raise WireError(f"a MAC address has 6 octets, not {len(octets)}")
    return octets
