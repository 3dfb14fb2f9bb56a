"""A capture of a pair's adverts as keepalived sends them: the same but for IP's identification, day after day."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from pathlib import Path

from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.wire import frames, pcap, vrrp
from haconsole.wire.checksums import checksum

SENDERS = (
    # VRID, version, source, its MAC, priority
    (1, 2, "192.168.2.251", "02:00:c0:a8:02:fb", 255),
    (2, 2, "192.168.2.252", "02:00:c0:a8:02:fc", 255),
    (51, 3, "192.168.2.251", "02:00:c0:a8:02:fb", 150),
    (52, 3, "192.168.2.252", "02:00:c0:a8:02:fc", 150),
)


def _frame(vrid: int, version: int, source: str, mac: str, priority: int) -> bytes:
    envelope = Envelope(source=IPv4Address(source), destination=IPv4Address("224.0.0.18"), hop_limit=255)
    advert = Advert(
        envelope=envelope, version=version, vrid=vrid, priority=priority, interval_s=1.0,
        addresses=(IPv4Address(f"192.168.2.{100 + vrid}"),), auth_type=1 if version == 2 else None, checksum=Checksum.OK,
    )  # fmt: skip
    body = vrrp.encode(advert, auth=b"secret" if version == 2 else b"")
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0xC0, 20 + len(body), 0, 0, 255, 112, 0,
        envelope.source.packed, envelope.destination.packed,
    )  # fmt: skip
    return frames.ethernet(head + body, source_mac=mac, destination_mac="01:00:5e:00:00:12", ethertype=0x0800)


def write(path: Path, count: int) -> None:
    """`count` adverts; every four of them make a second."""
    made = [_frame(*sender) for sender in SENDERS]
    sums = [checksum(frame[14:34]) for frame in made]
    with path.open("wb") as out:
        out.write(pcap.header())
        for start in range(0, count, 4096):
            block = bytearray()
            for number in range(start, min(count, start + 4096)):
                which, number_of_sender = number % 4, (number // 4 + 1) & 0xFFFF
                frame = bytearray(made[which])
                struct.pack_into("!H", frame, 18, number_of_sender)
                total = (~sums[which] & 0xFFFF) + number_of_sender
                struct.pack_into("!H", frame, 24, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
                block += pcap.record(1.8e9 + number / 4, bytes(frame))
            out.write(block)
