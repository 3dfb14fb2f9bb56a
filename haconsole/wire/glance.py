"""Who sent a frame, told at a glance: a flood is thinned out before anything of it is decoded.

Decoding a new frame costs some twenty times as much. Source of the offsets: as `wire.frames`.
"""

from __future__ import annotations

from typing import Final

from haconsole.wire.checksums import PROTOCOL
from haconsole.wire.frames import ETHERNET, LINUX_SLL, LINUX_SLL2, VLANS

NOTHING: Final = b""
"""The frame is whole and does not concern us: `frames.decode` gives None for it."""
UNCLEAR: Final = b"?"
"""Only decoding tells: another link type, several VLAN tags, options, extension headers, cut short."""
_TAGS: Final = frozenset(ethertype.to_bytes(2, "big") for ethertype in VLANS)
_ICMPV6: Final = 58
_ARP_FOR_IPV4: Final = b"\x00\x01\x08\x00\x06\x04"


def sender(frame: bytes, link_type: int = ETHERNET) -> bytes:
    """Equal for packets that one sender has for one virtual router (an ARP: for one address), else different;
    or NOTHING, or UNCLEAR."""
    if link_type != ETHERNET:
        frame = _as_ethernet(frame, link_type)
    kind = frame[12:14]
    if kind in _TAGS:
        frame = frame[:12] + frame[16:]
        kind = frame[12:14]
    if len(frame) < 42:
        return UNCLEAR
    if kind == b"\x08\x00":
        return _ip4(frame)
    if kind == b"\x08\x06":
        return _arp(frame)
    return _ip6(frame) if kind == b"\x86\xdd" and len(frame) >= 78 else UNCLEAR


def _as_ethernet(frame: bytes, link_type: int) -> bytes:
    """A cooked frame with ethertype and payload where Ethernet has them; of other link types nothing."""
    if link_type == LINUX_SLL:
        return frame[2:]
    return bytes(12) + frame[:2] + frame[20:] if link_type == LINUX_SLL2 else b""


def _ip4(frame: bytes) -> bytes:
    """Source address, and the second octet of the message: the VRID, of CARP the vhid."""
    if frame[14] == 0x45 and frame[23] == PROTOCOL:
        return b"4" + frame[26:30] + frame[35:36]
    return UNCLEAR


def _ip6(frame: bytes) -> bytes:
    """The same; of ICMPv6 the source and what a neighbour advertisement is about."""
    if frame[14] >> 4 == 6 and frame[20] == PROTOCOL:
        return b"6" + frame[22:38] + frame[55:56]
    return b"n" + frame[22:38] + frame[62:78] if frame[20] == _ICMPV6 else UNCLEAR


def _arp(frame: bytes) -> bytes:
    """An ARP that asks for, or answers, somebody else is no announcement."""
    if frame[28:32] != frame[38:42] and frame[14:20] == _ARP_FOR_IPV4:
        return NOTHING
    return b"a" + frame[22:28] + frame[28:32]
