"""The Internet checksum (RFC 1071) and the pseudo-headers that VRRP puts in front of it."""

from __future__ import annotations

import struct

from haconsole.model.spec import IpAddress

PROTOCOL = 112
"""IP protocol number of VRRP (IANA)."""


def ones_sum(data: bytes) -> int:
    """One's complement sum of 16-bit words, folded; an odd last octet is padded with zero."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data: bytes) -> int:
    """What to write into a checksum field that is zero in `data`."""
    return ~ones_sum(data) & 0xFFFF


def verifies(data: bytes) -> bool:
    """True: `data`, its checksum field included, sums to all ones."""
    return ones_sum(data) == 0xFFFF


def pseudo_header(source: IpAddress, destination: IpAddress, length: int) -> bytes:
    """IPv4: RFC 5798 5.2.8 (source, destination, 0, protocol, length). IPv6: RFC 8200 8.1."""
    if source.version == 4:
        return source.packed + destination.packed + struct.pack("!BBH", 0, PROTOCOL, length)
    return source.packed + destination.packed + struct.pack("!IBBBB", length, 0, 0, 0, PROTOCOL)
