"""Capture files: pcap and pcapng read record by record from any blocks of bytes; pcap written. Sans-I/O.

A broken file gives what came before the break and then a `WireError`; nothing is guessed.
Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from haconsole.wire.errors import WireError

SNAPLEN: Final = 262_144
_MAGIC: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
}
_SECTION, _INTERFACE, _SIMPLE, _ENHANCED, _PACKET = 0x0A0D0D0A, 1, 3, 6, 2
_BLOCK_LIMIT: Final = 16 << 20


class Record(NamedTuple):
    """One captured frame. `length`: on the wire; `len(data)` may be less. `at`: seconds since the epoch."""

    at: float
    data: bytes
    length: int
    link_type: int


@dataclass(slots=True)
class _Interface:
    link_type: int
    unit_s: float


@dataclass(slots=True)
class Reader:
    """Feed it blocks of any size; it yields the records that are complete."""

    _buffer: bytearray = field(default_factory=bytearray)
    _kind: str = ""
    _order: str = "<"
    _unit_s: float = 1e-6
    _link_type: int = 1
    _interfaces: list[_Interface] = field(default_factory=list)

    def feed(self, block: bytes) -> Iterator[Record]:
        """The records that are complete now. Raises: WireError when the bytes are no capture."""
        self._buffer += block
        if not self._kind and not self._start():
            return
        yield from self._pcap() if self._kind == "pcap" else self._pcapng()

    def end(self) -> None:
        """Say that nothing more comes. Raises: WireError: no capture at all, or cut in the middle."""
        if not self._kind:
            raise WireError("not a capture: too short" if self._buffer else "not a capture: empty")
        if self._buffer:
            raise WireError(f"cut short: {len(self._buffer)} octets of an unfinished record at the end")

    def _start(self) -> bool:
        if len(self._buffer) < 4:
            return False
        magic = bytes(self._buffer[:4])
        if magic == b"\x0a\x0d\x0d\x0a":
            self._kind = "pcapng"
            return True
        if magic not in _MAGIC:
            raise WireError("not a capture: neither pcap nor pcapng")
        if len(self._buffer) < 24:
            return False
        self._kind = "pcap"
        self._order, self._unit_s = _MAGIC[magic]
        # The upper bits hold FCS length and a class; the link type proper has 16 bits.
        self._link_type = struct.unpack_from(f"{self._order}I", self._buffer, 20)[0] & 0xFFFF
        del self._buffer[:24]
        return True

    def _pcap(self) -> Iterator[Record]:
        head = struct.Struct(f"{self._order}IIII")
        buffer, at, unit, link_type = bytes(self._buffer), 0, self._unit_s, self._link_type
        size = len(buffer)
        while size - at >= 16:
            seconds, fraction, kept, length = head.unpack_from(buffer, at)
            if kept > _BLOCK_LIMIT:
                raise WireError(f"a record of {kept} octets: the file is broken here")
            if size - at - 16 < kept:
                break
            at += 16
            yield Record(seconds + fraction * unit, buffer[at : at + kept], length, link_type)
            at += kept
        self._buffer = bytearray(buffer[at:])

    def _pcapng(self) -> Iterator[Record]:
        while len(self._buffer) >= 12:
            if self._buffer[:4] == b"\x0a\x0d\x0d\x0a":
                self._byte_order()
            kind, size = struct.unpack_from(f"{self._order}II", self._buffer)
            if size < 12 or size % 4 or size > _BLOCK_LIMIT:
                raise WireError(f"a block of {size} octets: the file is broken here")
            if len(self._buffer) < size:
                return
            block = bytes(self._buffer[8 : size - 4])
            del self._buffer[:size]
            record = self._block(kind, block)
            if record is not None:
                yield record

    def _byte_order(self) -> None:
        order = bytes(self._buffer[8:12])
        if order not in {b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"}:
            raise WireError("a section header without byte order: the file is broken here")
        self._order = ">" if order == b"\x1a\x2b\x3c\x4d" else "<"
        self._interfaces = []

    def _block(self, kind: int, block: bytes) -> Record | None:
        try:
            if kind == _INTERFACE:
                (link_type,) = struct.unpack_from(f"{self._order}H", block)
                self._interfaces.append(_Interface(link_type, self._resolution(block[8:])))
            elif kind == _ENHANCED:
                number, high, low, kept, length = struct.unpack_from(f"{self._order}IIIII", block)
                return self._record(number, (high << 32) | low, block[20:], kept, length)
            elif kind == _PACKET:
                number, _, high, low, kept, length = struct.unpack_from(f"{self._order}HHIIII", block)
                return self._record(number, (high << 32) | low, block[20:], kept, length)
            elif kind == _SIMPLE:
                (length,) = struct.unpack_from(f"{self._order}I", block)
                return self._record(0, 0, block[4:], min(length, len(block) - 4), length)
        except struct.error as error:
            raise WireError(f"a block that is too short: {error}") from error
        return None

    def _record(self, number: int, ticks: int, data: bytes, kept: int, length: int) -> Record:
        if number >= len(self._interfaces):
            raise WireError(f"a packet of interface {number}, which the file does not describe")
        if kept > len(data):
            raise WireError("a packet that is longer than its block")
        interface = self._interfaces[number]
        return Record(ticks * interface.unit_s, data[:kept], length, interface.link_type)

    def _resolution(self, options: bytes) -> float:
        """if_tsresol (option 9): a power of ten, or of two when the top bit is set; 1 µs without it."""
        at = 0
        while len(options) >= at + 4:
            code, size = struct.unpack_from(f"{self._order}HH", options, at)
            if code == 0:
                break
            if code == 9 and size == 1 and len(options) > at + 4:
                value = options[at + 4]
                return float(2.0 ** -(value & 0x7F)) if value & 0x80 else float(10.0**-value)
            at += 4 + (size + 3) // 4 * 4
        return 1e-6


def header(link_type: int = 1) -> bytes:
    """The start of a pcap file: microseconds, little endian, version 2.4."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, link_type)


def record(at: float, data: bytes, length: int | None = None) -> bytes:
    """One record of a pcap file."""
    micros = round(at * 1e6)
    seconds, fraction = divmod(max(0, micros), 1_000_000)
    return struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, len(data), length or len(data)) + data
