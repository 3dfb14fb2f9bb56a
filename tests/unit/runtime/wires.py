"""Frames as they pass a wire, and tcpdump's channel played by hand."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import ip_address

from haconsole.catalogue import script
from haconsole.io.ports import RunResult
from haconsole.model.capture import CaptureCounts, CaptureNews, CaptureState, Heard
from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.wire import frames, pcap, vrrp
from haconsole.wire.checksums import checksum
from tests.unit.runtime.fakes import FakeClock, FakeConnection

MULTICAST = {4: "224.0.0.18", 6: "ff02::12"}


def advert_frame(
    source: str, *, vrid: int = 1, priority: int = 255, version: int = 2, auth: bytes = b"", vlan: int | None = None
) -> bytes:
    """An Ethernet frame with one advert."""
    sender = ip_address(source)
    target = ip_address(MULTICAST[sender.version])
    advert = Advert(
        envelope=Envelope(source=sender, destination=target, hop_limit=255),
        version=version,
        vrid=vrid,
        priority=priority,
        interval_s=1.0,
        addresses=(ip_address("192.168.2.101" if sender.version == 4 else "fe80::101"),),
        auth_type=(1 if auth else 0) if version == 2 else None,
        checksum=Checksum.OK,
    )
    payload = vrrp.encode(advert, auth=auth)
    if sender.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 255, 112, 0)
        whole = head + sender.packed + target.packed
        packet = whole[:10] + struct.pack("!H", checksum(whole)) + whole[12:] + payload
    else:
        packet = struct.pack("!IHBB", 0x60000000, len(payload), 112, 255) + sender.packed + target.packed + payload
    return frames.ethernet(
        packet,
        source_mac="02:00:00:00:02:fb",
        destination_mac="01:00:5e:00:00:12",
        ethertype=0x0800 if sender.version == 4 else 0x86DD,
        vlan=vlan,
    )


def garp_frame(address: str, mac: str = "02:00:00:00:02:fb") -> bytes:
    """A gratuitous ARP."""
    own, ip = bytes.fromhex(mac.replace(":", "")), ip_address(address).packed
    body = b"\x00\x01\x08\x00\x06\x04\x00\x01" + own + ip + bytes(6) + ip
    return frames.ethernet(body, source_mac=mac, destination_mac="ff:ff:ff:ff:ff:ff", ethertype=0x0806)


class Wire:
    """A channel with tcpdump behind it. `say` and `send` play the node; beats are answered by `ahead_s`."""

    def __init__(self, *, ahead_s: float = 0.0) -> None:
        self.out: asyncio.Queue[bytes] = asyncio.Queue()
        self.err: asyncio.Queue[bytes] = asyncio.Queue()
        self.ahead_s = ahead_s
        self.answers = True
        self.ends_at_q = True
        self.marker = ""
        self._early: list[bytes] = []
        self.beats = b""
        self.stopped = False
        self.counts = "tcpdump: 9 packets captured, 9 packets received by filter, 0 packets dropped by kernel"

    async def read(self) -> bytes:
        return await self.out.get()

    async def read_errors(self) -> bytes:
        return await self.err.get()

    async def write(self, data: bytes) -> None:
        if not self.marker:
            self.marker = data.decode().strip()
            self.send(script.capture_mark(self.marker) + pcap.header() + b"".join(self._early))
            return
        self.beats += data
        for beat in data:
            self._beat(chr(beat))

    def _beat(self, beat: str) -> None:
        if beat == "." and self.answers:
            self.say(f"T {FakeClock().now() + self.ahead_s:.6f}\n")
        elif beat == "c":
            self.say(f"W {self.counts}\n")
        elif beat == "q" and self.ends_at_q:
            self.over(0)

    async def stop(self) -> None:
        self.stopped = True

    def listening(self) -> None:
        self.say("W tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 4400 bytes\n")

    def say(self, text: str) -> None:
        self.err.put_nowait(text.encode())

    def send(self, data: bytes) -> None:
        if self.marker:
            self.out.put_nowait(data)
        else:  # nothing comes before the console has begun
            self._early.append(data)

    def packet(self, frame: bytes, at: float | None = None) -> None:
        self.send(pcap.record(FakeClock().now() + self.ahead_s if at is None else at, frame))

    def over(self, status: int, *words: str) -> None:
        """tcpdump has ended."""
        self.say("".join(f"W {word}\n" for word in words) + f"E {status}\n")
        for queue in (self.err, self.out):
            queue.put_nowait(b"")


class WireConnection(FakeConnection):
    """A node that answers what a capture asks, and gives out `wires` in turn."""

    def __init__(self, *wires: Wire, uid: str = "0", user: str = "ops", check: str | None = None) -> None:
        answers = {
            "host.time": lambda: f"{FakeClock().now() + wires[0].ahead_s if wires else 1.0:.6f}\n",
            "id.user": lambda: f"{user}\n",
            "id.uid": lambda: f"{uid}\n",
            "capture.check": lambda: "/usr/bin/tcpdump\n0x1003\neth0\nlo\n" if check is None else check,
        }
        super().__init__(lambda line: (answers[line.id]().encode(), "", 0))
        self.wires = list(wires)
        self.opened: list[str] = []

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        return await super().run(command, stdin=stdin, limit=limit, timeout_s=timeout_s)

    async def stream(self, command: str, *, errors: bool = False) -> Wire:  # type: ignore[override]
        assert errors
        self.opened.append(command)
        return self.wires[min(len(self.opened), len(self.wires)) - 1]


class Ears:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.told: list[CaptureNews] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def packets(self, heard: list[Heard]) -> None:
        await self.gate.wait()
        self.heard += heard

    def news(self, news: CaptureNews) -> None:
        self.told.append(news)

    @property
    def phases(self) -> list[str]:
        return [n.phase.value for n in self.told if isinstance(n, CaptureState)]

    @property
    def problems(self) -> list[str]:
        return [n.problem.summary for n in self.told if isinstance(n, CaptureState) and n.problem]

    @property
    def counts(self) -> CaptureCounts:
        return [n for n in self.told if isinstance(n, CaptureCounts)][-1]
