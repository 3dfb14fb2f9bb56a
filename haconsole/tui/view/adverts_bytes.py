"""The octets of a frame, field by field: where each begins and ends, what it is called, what it says.

For any bytes: a frame that ends early has fewer fields, what is not understood is called the rest.
Sources: IEEE 802.3, draft-ietf-opsawg-pcap (cooked links), RFC 791, RFC 8200, RFC 826, RFC 4861 4.4,
RFC 4302 2, RFC 3768 5.1, RFC 9568 5.1.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from haconsole.tui.view.text import Line, Row, Span, Tone, blank, crop, pad, say
from haconsole.wire.frames import ARP, ETHERNET, IPV4, IPV6, LINUX_SLL, LINUX_SLL2

_VRRP, _AH, _ICMPV6 = 112, 51, 58
_VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_TYPES: Final = {IPV4: "IPv4", IPV6: "IPv6", ARP: "ARP"}
_EXTENSIONS: Final = frozenset({0, 43, 60})
_TRAILER: Final = 28
_SHOWN: Final = 512
"""Octets of a frame that are drawn; VRRP with 255 addresses is longer than anybody reads."""


class Part(NamedTuple):
    """Octets `start` to `end` (exclusive) of the frame."""

    start: int
    end: int
    name: str
    value: str


class _EndError(Exception):
    """The frame ends here."""


class _Walk:
    """Goes through a frame from its start; each octet belongs to one part."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.at = 0
        self.parts: list[Part] = []

    @property
    def left(self) -> int:
        return len(self.frame) - self.at

    def take(self, size: int, name: str, value: Callable[[bytes], str] | str = "") -> bytes:
        """The next field. Raises: _EndError when the frame ends within it."""
        octets = self.frame[self.at : self.at + size]
        if octets:
            whole = len(octets) == size
            text = (value if isinstance(value, str) else value(octets)) if whole else "cut short"
            self.parts.append(Part(self.at, self.at + len(octets), name, text))
            self.at += len(octets)
        if len(octets) < size:
            raise _EndError
        return octets


def parts(frame: bytes, link_type: int) -> tuple[Part, ...]:
    """The fields of a frame, in order, without gaps; never raises."""
    walk = _Walk(frame)
    try:
        ethertype = _link(walk, link_type)
        if ethertype == IPV4:
            _ipv4(walk)
        elif ethertype == IPV6:
            _ipv6(walk)
        elif ethertype == ARP:
            _arp(walk)
        if walk.left:
            walk.take(walk.left, "padding" if not any(frame[walk.at :]) else "rest")
    except _EndError:
        pass
    return tuple(walk.parts)


# --- link layers ----------------------------------------------------------------------


def _link(walk: _Walk, link_type: int) -> int:
    if link_type == ETHERNET:
        walk.take(6, "destination MAC", _mac)
        walk.take(6, "source MAC", _mac)
        return _tags(walk)
    if link_type == LINUX_SLL:
        walk.take(2, "packet type", _number)
        walk.take(2, "device type", _number)
        walk.take(2, "address length", _number)
        walk.take(8, "source address", _mac)
        return _tags(walk)
    if link_type == LINUX_SLL2:
        ethertype = walk.take(2, "protocol", _ethertype)
        walk.take(2, "reserved")
        walk.take(4, "interface index", _number)
        walk.take(2, "device type", _number)
        walk.take(1, "packet type", _number)
        walk.take(1, "address length", _number)
        walk.take(8, "source address", _mac)
        return int.from_bytes(ethertype, "big")
    return {4: IPV4, 6: IPV6}.get(walk.frame[0] >> 4, 0) if walk.frame else 0


def _tags(walk: _Walk) -> int:
    ethertype = int.from_bytes(walk.take(2, "Ethertype", _ethertype), "big")
    while ethertype in _VLANS:
        walk.take(2, "VLAN tag", lambda b: f"VLAN {int.from_bytes(b, 'big') & 0x0FFF}")
        ethertype = int.from_bytes(walk.take(2, "Ethertype", _ethertype), "big")
    return ethertype


# --- network layers -------------------------------------------------------------------


def _ipv4(walk: _Walk) -> None:
    start = walk.at
    first = walk.take(1, "version, header", lambda b: f"IPv{b[0] >> 4}, {(b[0] & 15) * 4} octets")[0]
    walk.take(1, "DSCP, ECN", _number)
    total = int.from_bytes(walk.take(2, "total length", _number), "big")
    walk.take(2, "identification", _hex)
    walk.take(2, "flags, fragment", _hex)
    walk.take(1, "TTL", _number)
    protocol = walk.take(1, "protocol", _protocol)[0]
    walk.take(2, "header checksum", _hex)
    walk.take(4, "source", _v4)
    walk.take(4, "destination", _v4)
    options = (first & 15) * 4 - 20
    if options > 0:
        walk.take(options, "IP options")
    _above(walk, protocol, start + total, 4)


def _ipv6(walk: _Walk) -> None:
    walk.take(4, "version, class, flow", _hex)
    size = int.from_bytes(walk.take(2, "payload length", _number), "big")
    following = walk.take(1, "next header", _protocol)[0]
    walk.take(1, "hop limit", _number)
    walk.take(16, "source", _v6)
    walk.take(16, "destination", _v6)
    end = walk.at + size
    for _ in range(8):
        if following not in _EXTENSIONS or walk.left < 8:
            break
        following, length = walk.frame[walk.at], (walk.frame[walk.at + 1] + 1) * 8
        walk.take(length, "extension header")
    _above(walk, following, end, 16)


def _above(walk: _Walk, protocol: int, end: int, size: int) -> None:
    if protocol == _AH:
        protocol = walk.take(1, "next header", _protocol)[0]
        words = walk.take(1, "AH length", _number)[0]
        walk.take((words + 2) * 4 - 2, "authentication header (IPsec)")
    if protocol == _VRRP:
        _vrrp(walk, min(end, len(walk.frame)), size)
    elif protocol == _ICMPV6:
        _neighbour(walk, min(end, len(walk.frame)))


def _vrrp(walk: _Walk, end: int, size: int) -> None:
    length = end - walk.at
    version = walk.take(1, "version, type", lambda b: f"VRRP version {b[0] >> 4}, type {b[0] & 15}")[0] >> 4
    if version == 2 and length == 36 and walk.frame[walk.at + 2] == 7:  # OpenBSD ip_carp.h
        _carp(walk)
        return
    walk.take(1, "VRID", _number)
    walk.take(1, "priority", _priority)
    count = walk.take(1, "addresses", _number)[0]
    if version == 2:
        walk.take(1, "authentication type", _number)
        walk.take(1, "interval", lambda b: f"{b[0]} s")
    else:
        walk.take(2, "interval", lambda b: f"{(int.from_bytes(b, 'big') & 0x0FFF) / 100:g} s")
    walk.take(2, "checksum", _hex)
    for i in range(count):
        if walk.at + size > end:
            break
        walk.take(size, f"address {i + 1}", _v4 if size == 4 else _v6)
    if version == 2 and end - walk.at >= 8:
        walk.take(8, "authentication data", "not kept: zeroed by haconsole" if not _any(walk, 8) else "not shown")
    if end - walk.at == _TRAILER:
        walk.take(_TRAILER, "HMAC trailer", "keepalived 2.4")
    elif end > walk.at:
        walk.take(end - walk.at, "rest")


def _any(walk: _Walk, size: int) -> bool:
    return any(walk.frame[walk.at : walk.at + size])


def _carp(walk: _Walk) -> None:
    for name in ("VHID", "advskew", "authentication length", "demotion", "advbase"):
        walk.take(1, name, _number)
    walk.take(2, "checksum", _hex)
    walk.take(8, "counter", _hex)
    walk.take(20, "HMAC")


def _arp(walk: _Walk) -> None:
    walk.take(2, "hardware type", _number)
    walk.take(2, "protocol type", _ethertype)
    walk.take(1, "hardware length", _number)
    walk.take(1, "protocol length", _number)
    walk.take(2, "operation", lambda b: {1: "request", 2: "reply"}.get(int.from_bytes(b, "big"), _number(b)))
    walk.take(6, "sender MAC", _mac)
    walk.take(4, "sender address", _v4)
    walk.take(6, "target MAC", _mac)
    walk.take(4, "target address", _v4)


def _neighbour(walk: _Walk, end: int) -> None:
    walk.take(1, "ICMPv6 type", lambda b: "136, neighbour advertisement" if b[0] == 136 else _number(b))
    walk.take(1, "code", _number)
    walk.take(2, "checksum", _hex)
    walk.take(4, "flags", _flags)
    walk.take(16, "target", _v6)
    while walk.at + 8 <= end and walk.frame[walk.at + 1]:
        kind, size = walk.frame[walk.at], walk.frame[walk.at + 1] * 8
        value = walk.frame[walk.at + 2 : walk.at + 8].hex(":") if kind == 2 else ""
        walk.take(size, "target MAC" if kind == 2 else f"option {kind}", value)


# --- values ---------------------------------------------------------------------------


def _number(octets: bytes) -> str:
    return str(int.from_bytes(octets, "big"))


def _hex(octets: bytes) -> str:
    return "0x" + octets.hex()


def _mac(octets: bytes) -> str:
    return octets[:6].hex(":")


def _v4(octets: bytes) -> str:
    return str(IPv4Address(octets))


def _v6(octets: bytes) -> str:
    return str(IPv6Address(octets))


def _ethertype(octets: bytes) -> str:
    return _TYPES.get(int.from_bytes(octets, "big"), _hex(octets))


def _protocol(octets: bytes) -> str:
    known = {_VRRP: "112, VRRP", _AH: "51, AH", _ICMPV6: "58, ICMPv6"}
    return known.get(octets[0], str(octets[0]))


def _priority(octets: bytes) -> str:
    return {0: "0: gives up", 255: "255: address owner"}.get(octets[0], str(octets[0]))


def _flags(octets: bytes) -> str:
    names = [name for bit, name in ((0x80, "router"), (0x40, "solicited"), (0x20, "override")) if octets[0] & bit]
    return ", ".join(names) or "none"


# --- drawn ----------------------------------------------------------------------------


def hex_rows(frame: bytes, found: tuple[Part, ...], width: int) -> list[Row]:
    """The octets with every other field set off, so that each can be told from its neighbours."""
    step = 16 if width >= 4 + 2 + 48 + 1 + 16 else 8
    tones = _tones(frame[:_SHOWN], found)
    rows = []
    for start in range(0, min(len(frame), _SHOWN), step):
        octets = frame[start : start + step]
        line: list[Span] = [say(f"{start:04x}", Tone.QUIET), blank(2)]
        line += pad(_runs(octets, tones[start : start + step]), step * 3)
        line += [blank(1), say("".join(chr(b) if 0x20 <= b < 0x7F else "." for b in octets), Tone.QUIET)]
        rows.append(Row(f"octets/{start}", crop(tuple(line), width), copy=f"{start:04x}  {octets.hex(' ')}"))
    if len(frame) > _SHOWN:
        text = f"{len(frame) - _SHOWN} more octets"
        rows.append(Row("octets/more", crop((say(text, Tone.QUIET),), width)))
    return rows


def _tones(frame: bytes, found: tuple[Part, ...]) -> list[Tone]:
    tones = [Tone.QUIET] * len(frame)
    for i, part in enumerate(found):
        tone = Tone.QUIET if part.name == "padding" else Tone.KEY if i % 2 else Tone.PLAIN
        tones[part.start : min(part.end, len(frame))] = [tone] * (min(part.end, len(frame)) - part.start)
    return tones


def _runs(octets: bytes, tones: list[Tone]) -> Line:
    out: list[Span] = []
    for octet, tone in zip(octets, tones, strict=True):
        if out and out[-1].tone is tone:
            out[-1] = out[-1]._replace(text=f"{out[-1].text}{octet:02x} ")
        else:
            out.append(Span(f"{octet:02x} ", tone))
    return tuple(out)


def part_rows(frame: bytes, found: tuple[Part, ...], width: int) -> list[Row]:
    """One row a field: where it begins, its octets, its name, its value."""
    room = 17 if width >= 60 else 11
    rows = []
    for i, part in enumerate(found):
        octets = frame[part.start : part.end]
        text = octets[:6].hex(" ") if len(octets) <= 6 else f"{octets[:4].hex(' ')} … "
        tone = Tone.QUIET if part.name == "padding" else Tone.KEY if i % 2 else Tone.PLAIN
        value = part.value or f"{len(octets)} octets"
        line: Line = (
            say(f"{part.start:04x}", Tone.QUIET),
            blank(2),
            *pad((say(text, tone),), room),
            blank(1),
            *pad((say(part.name, Tone.QUIET),), 22 if width >= 60 else 14),
            blank(1),
            say(value),
        )
        copy = f"{part.start:04x} {part.name}: {value} ({octets.hex(' ')})"
        rows.append(Row(f"part/{part.start}", crop(line, width), copy=copy))
    return rows
