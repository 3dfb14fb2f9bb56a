"""The same VRRP packets of a pcap file as three programs read them: haconsole, scapy, tshark."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import NamedTuple

from haconsole.model.packets import Advert
from haconsole.wire import frames, pcap


class Read(NamedTuple):
    """One packet."""

    version: int
    vrid: int
    priority: int
    interval_s: float
    addresses: tuple[str, ...]
    checksum_ok: bool


def by_haconsole(path: Path) -> list[Read]:
    reader = pcap.Reader()
    packets = [frames.decode(r.data, r.link_type, r.length) for r in reader.feed(path.read_bytes())]
    return [
        Read(p.version, p.vrid, p.priority, p.interval_s, tuple(map(str, p.addresses)), bool(p.checksum.ok))
        for p in packets
        if isinstance(p, Advert)
    ]


def by_tshark(path: Path) -> list[Read]:
    """Checksum status 1: good (0: bad, 2: not verified)."""
    names = (
        "version",
        "virt_rtr_id",
        "prio",
        "adver_int",
        "short_adver_int",
        "ip_addr",
        "ipv6_addr",
        "checksum.status",
    )
    options = [word for name in names for word in ("-e", f"vrrp.{name}")]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-Y", "vrrp", "-T", "fields", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = []
    for line in done.stdout.splitlines():
        version, vrid, priority, seconds, hundredths, four, six, status = line.split("\t")
        interval = float(seconds) if seconds else int(hundredths) / 100
        addresses = tuple(a for a in (four or six).split(",") if a)
        found.append(Read(int(version), int(vrid), int(priority), interval, addresses, status == "1"))
    return found


def by_scapy(path: Path) -> list[Read]:
    """It tells no verdict on a checksum: what it would write itself is compared."""
    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers import l2
    from scapy.layers.vrrp import VRRP, VRRPv3
    from scapy.utils import PcapReader

    found = []
    with PcapReader(str(path)) as packets:
        for packet in packets:
            kind = VRRPv3 if VRRPv3 in packet else VRRP
            if kind not in packet:
                continue
            layer, again = packet[kind], packet.copy()
            del again[kind].chksum
            wanted = l2.Ether(bytes(again))[kind].chksum
            interval = layer.adv / 100 if kind is VRRPv3 else float(layer.adv)
            addresses = tuple(map(str, layer.addrlist))
            found.append(Read(layer.version, layer.vrid, layer.priority, interval, addresses, layer.chksum == wanted))
    return found
