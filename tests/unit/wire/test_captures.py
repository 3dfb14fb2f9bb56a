"""Real captures: every packet agrees with tshark and with scapy; fuzzed files raise nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from haconsole.model.packets import Advert, Checksum
from haconsole.wire import frames, pcap
from haconsole.wire.errors import WireError
from tests.support.readers import by_haconsole, by_scapy, by_tshark

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
def test_tshark_says_the_same_of_every_packet() -> None:
    told = by_tshark(REAL)
    assert len(told) == 165 and told == by_haconsole(REAL)


def test_scapy_says_the_same_of_every_packet() -> None:
    assert by_scapy(REAL) == by_haconsole(REAL)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_all_agree_on_a_checksum_that_is_bad(tmp_path: Path) -> None:
    """One bit of the checksum of every advert is another one."""
    broken = tmp_path / "broken.pcap"
    data = pcap.header()
    for each in records(REAL):
        frame = bytearray(each.data)
        at = 14 + (40 if frame[12:14] == b"\x86\xdd" else 4 * (frame[14] & 15)) + 6
        frame[at] ^= 1
        data += pcap.record(each.at, bytes(frame), each.length)
    broken.write_bytes(data)
    told = by_haconsole(broken)
    assert len(told) == 165 and told == by_scapy(broken) == by_tshark(broken)
    assert not any(each.checksum_ok for each in told)


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
