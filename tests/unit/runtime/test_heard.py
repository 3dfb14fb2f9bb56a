"""Records to packets heard: times, secrets, counts, and a flood that hides nobody."""

from __future__ import annotations

import random
from collections.abc import Sequence
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.model.capture import CaptureNews, Heard, Unread
from haconsole.model.packets import Advert, Announcement
from haconsole.runtime import heard
from haconsole.runtime.heard import Intake, Sieve, hand_over
from haconsole.wire import frames, pcap
from tests.unit.runtime.wires import advert_frame, garp_frame

A, B = "192.168.2.251", "192.168.2.252"


def record(at: float, data: bytes) -> pcap.Record:
    return pcap.Record(at, data, len(data), 1)


def test_times_come_to_the_console_s_clock_and_are_never_later_than_the_arrival() -> None:
    intake = Intake("n1")
    records = [record(1000.5, advert_frame(A)), record(1002.9, garp_frame("192.168.2.101"))]
    got = intake.take(records, offset_s=0.25, error_s=0.002, now=1002.0)
    assert [h.at for h in got] == [1000.25, 1002.0]
    assert {(h.place, h.error_s, h.link_type) for h in got} == {("n1", 0.002, 1)}
    assert [type(h.packet) for h in got] == [Advert, Announcement]


def test_what_does_not_concern_us_is_left_out_and_what_cannot_be_read_is_counted() -> None:
    arp = bytearray(garp_frame("10.0.0.1"))
    arp[38:42] = IPv4Address("10.0.0.2").packed  # asks for somebody else: an ordinary ARP
    broken = advert_frame(A)[:20]
    intake = Intake("n1")
    assert intake.take([record(1.0, bytes(arp)), record(2.0, broken)], error_s=None) == []
    counts = intake.counts(5.0)
    assert (counts.heard, counts.unreadable, counts.flooded, counts.dropped) == (0, 1, 0, None)


async def test_what_claims_to_be_vrrp_and_cannot_be_read_comes_in_its_place_where_it_is_wanted() -> None:
    class Both:
        def __init__(self) -> None:
            self.came: list[str] = []

        async def packets(self, heard: Sequence[Heard]) -> None:
            self.came += ["heard"] * len(heard)

        def news(self, news: CaptureNews) -> None:
            raise AssertionError(news)

        async def unread(self, found: Sequence[Unread]) -> None:
            self.came += [f"{one.envelope.source} {one.problem} {one.at}" for one in found]

    good = advert_frame(A)
    fragment = good[:20] + b"\x20\x01" + good[22:]
    records = [record(1.0, good), record(2.0, fragment), record(3.0, good), record(4.0, good[:20])]
    both, intake = Both(), Intake("n1")
    await hand_over(intake.take_all(records, offset_s=0.5, error_s=None), both, both)
    assert both.came == ["heard", f"{A} fragment 1.5", "heard"]
    assert intake.unreadable == 2, "the last one does not even say whose it is"


def test_no_secret_is_in_what_is_heard() -> None:
    data = advert_frame(A, auth=b"s3cret!!")
    assert b"s3cret!!" in data
    (got,) = Intake("n1").take([record(1.0, data)], error_s=None)
    assert b"s3cret" not in got.frame
    assert isinstance(got.packet, Advert)
    assert got.packet.checksum.ok
    again = frames.decode(got.frame)
    assert isinstance(again, Advert)
    assert again.checksum.ok
    assert b"s3cret" not in repr(got).encode()


def test_a_storm_of_one_sender_hides_nobody_else() -> None:
    intake = Intake("n1", Sieve())
    ours, storm = advert_frame(A, vrid=1), advert_frame(B, vrid=77)
    got = []
    for n in range(200_000):  # ten seconds of 20,000 a second, and one of ours each second
        at = n / 20_000
        got += intake.take([record(at, storm)], error_s=None)
        if n % 20_000 == 0:
            got += intake.take([record(at, ours)], error_s=None)
    by = [h.packet.vrid for h in got if isinstance(h.packet, Advert)]
    assert by.count(1) == 10
    assert by.count(77) <= heard.STRANGERS_BURST + heard.SENDER_BURST + 10 * heard.SENDER_RATE
    counts = intake.counts(0.0)
    assert counts.heard + counts.flooded == 200_010


def test_a_storm_of_invented_senders_does_not_push_out_a_real_one() -> None:
    sieve, chance = Sieve(), random.Random(7)
    taken = ours = 0
    for n in range(200_000):
        at = n / 20_000
        taken += sieve.take(("storm", chance.randrange(1 << 32)), at)
        if n % 5_000 == 0:
            ours += sieve.take("ours", at)
    assert ours >= 35
    assert taken <= heard.STRANGERS_BURST + 10 * heard.STRANGERS_RATE + 1
    assert len(sieve._known) <= heard.KNOWN
    assert len(sieve._strangers) <= heard.STRANGERS


def test_the_shortest_interval_of_vrrp_is_no_flood() -> None:
    sieve = Sieve()
    assert all(sieve.take("fast", n * 0.01) for n in range(10_000))


def test_one_that_fell_silent_makes_room() -> None:
    sieve = Sieve()
    for n in range(heard.KNOWN):
        for _ in range(heard.FAMILIAR):
            sieve.take(n, 0.0)
    assert len(sieve._known) == heard.KNOWN
    later = heard.IDLE_S + 1
    for _ in range(heard.FAMILIAR):
        sieve.take("new", later)
    assert "new" in sieve._known
    assert len(sieve._known) == heard.KNOWN


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=80), max_size=30))
def test_no_bytes_do_harm(blobs: list[bytes]) -> None:
    intake = Intake("n1", Sieve())
    got = intake.take([record(float(n), blob) for n, blob in enumerate(blobs)], error_s=0.0, now=3.0)
    counts = intake.counts(1.0)
    assert counts.heard == len(got)
    assert counts.heard + counts.flooded + counts.unreadable <= len(blobs)


def test_without_a_sieve_everything_is_taken() -> None:
    intake = Intake("n1")
    assert len(intake.take([record(0.0, advert_frame(A))] * 5000, error_s=None)) == 5000
