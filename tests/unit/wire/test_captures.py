"""Real captures: every packet agrees with tshark and with scapy; fuzzed files raise nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from haconsole.model.packets import Advert, Checksum
from haconsole.wire import frames, pcap
from haconsole.wire.errors import WireError

PCAPS = Path(__file__).parents[2] / "fixtures" / "pcaps"
REAL = PCAPS / "tcpdump_vrrp.pcap"


def records(path: Path) -> list[pcap.Record]:
    reader = pcap.Reader()
    found = list(reader.feed(path.read_bytes()))
    reader.end()
    return found


def adverts(path: Path) -> list[Advert]:
    found = [frames.decode(r.data, r.link_type, r.length) for r in records(path)]
    return [p for p in found if isinstance(p, Advert)]


def test_all_165_adverts_are_read_with_good_checksums() -> None:
    found = adverts(REAL)
    assert len(found) == 165
    assert {a.checksum for a in found} == {Checksum.OK}
    assert {a.problems for a in found} == {()}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_says_the_same() -> None:
    fields = ("vrrp.version", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.checksum.status", "vrrp.ip_addr", "vrrp.ipv6_addr")
    options = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-r", str(REAL), "-T", "fields", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 165, done.stderr
    for line, ours in zip(lines, adverts(REAL), strict=True):
        version, vrid, priority, _, v4, v6 = line.split("\t")
        assert (int(version), int(vrid), int(priority)) == (ours.version, ours.vrid, ours.priority)
        assert ",".join(map(str, ours.addresses)) == (v4 or v6)


def test_scapy_says_the_same() -> None:
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers.l2 import Ether
    from scapy.layers.vrrp import VRRP, VRRPv3

    for record, ours in zip(records(REAL), adverts(REAL), strict=True):
        packet = Ether(record.data)
        layer = packet[VRRPv3] if VRRPv3 in packet else packet[VRRP]
        assert (layer.version, layer.vrid, layer.priority) == (ours.version, ours.vrid, ours.priority)
        assert list(map(str, layer.addrlist)) == list(map(str, ours.addresses))
        assert (layer.adv / 100 if ours.version == 3 else layer.adv) == ours.interval_s


@pytest.mark.parametrize("path", sorted(PCAPS.glob("*oobr*.pcap")), ids=lambda p: p.stem)
def test_fuzzed_captures_raise_only_the_typed_error(path: Path) -> None:
    seen = 0
    for record in records(path):
        seen += 1
        try:
            frames.decode(record.data, record.link_type, record.length)
        except WireError:
            continue
    assert seen > 0


def test_a_capture_in_blocks_of_any_size_gives_the_same_records() -> None:
    data, whole = REAL.read_bytes(), records(REAL)
    for size in (1, 7, 24, 1000):
        reader = pcap.Reader()
        got = [r for i in range(0, len(data), size) for r in reader.feed(data[i : i + size])]
        assert got == whole


def test_what_is_written_reads_back() -> None:
    data = pcap.header() + b"".join(pcap.record(r.at, r.data, r.length) for r in records(REAL))
    reader = pcap.Reader()
    back = list(reader.feed(data))
    reader.end()
    assert [(r.data, round(r.at, 6)) for r in back] == [(r.data, round(r.at, 6)) for r in records(REAL)]


@pytest.mark.parametrize(("data", "why"), [(b"", "empty"), (b"abc", "too short"), (b"hello world", "neither")])
def test_what_is_no_capture_is_said(data: bytes, why: str) -> None:
    def read() -> None:
        reader = pcap.Reader()
        list(reader.feed(data))
        reader.end()

    with pytest.raises(WireError, match=why):
        read()
