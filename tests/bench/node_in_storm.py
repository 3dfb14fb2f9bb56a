"""A node's tcpdump in a storm of 20,000 adverts a second, as it is at the other end of a capture: run as a process.

Half of the storm comes from one sender, half from ever new ones on all VRIDs. Standard input, output and errors
are those of `haconsole.catalogue.script.capture`. What the pipe does not take is dropped and counted, as a kernel does.
"""

from __future__ import annotations

import os
import random
import select
import time
from ipaddress import IPv4Address

from haconsole.catalogue.script import capture_mark
from haconsole.io.clock import SystemClock
from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.wire import frames, pcap, vrrp

CLOCK = SystemClock()
PER_S = 20_000
CHUNK_S = 0.002
INVENTED = 50_000
BUFFER = 8 << 20
"""As much as tcpdump is told to have the kernel keep (`-B 8192`)."""
GROUP = IPv4Address("224.0.0.18")


def advert(source: IPv4Address, vrid: int) -> bytes:
    """An Ethernet frame with one advert."""
    value = Advert(
        envelope=Envelope(source=source, destination=GROUP, hop_limit=255), version=2, vrid=vrid, priority=100,
        interval_s=1.0, addresses=(IPv4Address("10.0.0.1"),), auth_type=0, checksum=Checksum.OK,
    )  # fmt: skip
    packet = frames.ipv4(vrrp.encode(value), source, GROUP)
    return frames.ethernet(
        packet, source_mac="02:00:00:00:00:66", destination_mac="01:00:5e:00:00:12", ethertype=frames.IPV4
    )


class Node:
    """`written` of `made` packets went down the pipe or wait for it; the others were dropped."""

    def __init__(self) -> None:
        chance = random.Random(1)
        sources = [IPv4Address(0x0A000000 + chance.randrange(1 << 24)) for _ in range(INVENTED)]
        self._invented = [advert(source, chance.randrange(1, 256)) for source in sources]
        self._loud = advert(IPv4Address("10.9.9.9"), 77)
        self._waiting = bytearray(pcap.header())
        self.made = self.dropped = 0

    def pass_by(self, due: int) -> None:
        """Packets up to number `due` come."""
        at = CLOCK.now()
        for number in range(self.made, due):
            if len(self._waiting) > BUFFER:
                self.dropped += 1
                continue
            frame = self._loud if number % 2 else self._invented[number // 2 % INVENTED]
            self._waiting += pcap.record(at, frame)
        self.made = max(self.made, due)

    def write(self) -> None:
        """What the pipe takes."""
        try:
            del self._waiting[: os.write(1, self._waiting[: 1 << 16])]
        except BlockingIOError:
            return

    def answer(self, beat: bytes) -> str:
        """What one octet of standard input asks for."""
        if beat == b".":
            return f"T {CLOCK.now()}\n"
        counts = f"{self.made - self.dropped} packets captured, {self.made} packets received by filter"
        return f"W {counts}, {self.dropped} packets dropped by kernel\n" if beat == b"c" else ""


def main() -> None:
    """Until standard input ends."""
    node = Node()
    marker = b""
    while not marker.endswith(b"\n"):
        marker += os.read(0, 1)
    os.write(1, capture_mark(marker.decode().strip()))
    os.write(2, b"W listening on eth0, link-type EN10MB (Ethernet), snapshot length 4400 bytes\n")
    os.set_blocking(1, False)
    begun = time.monotonic()
    while True:
        node.pass_by(int((time.monotonic() - begun) * PER_S))
        node.write()
        if select.select([0], [], [], CHUNK_S)[0]:
            beats = os.read(0, 100)
            if not beats or b"q" in beats:
                return
            for beat in beats:
                os.write(2, node.answer(bytes([beat])).encode())


if __name__ == "__main__":
    main()
