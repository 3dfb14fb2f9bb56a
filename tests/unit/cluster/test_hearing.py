"""What several places heard, as one: packets by number, lanes with their spans, take-overs told once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from haconsole.cluster.hearing import PACKETS_KEPT, Hearing, Lane
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState, Heard
from haconsole.model.hearing import Kind
from haconsole.model.packets import Announcement, Packet
from tests.unit.cluster.builders import ONE, TWO, V1
from tests.unit.cluster.ears import STRANGER, A, B, advert

NAMES = {A: ONE, B: TWO}


def heard(at: float, packet: Packet, place: str = ONE) -> Heard:
    return Heard(place=place, at=at, error_s=0.001, packet=packet, frame=b"", length=60, link_type=1)


def hearing(*said: tuple[float, Packet], places: tuple[str, ...] = (ONE, TWO), since: float = 0.0) -> Hearing:
    made = Hearing([ONE, TWO])
    for place in (ONE, TWO):
        made.news(CaptureState(place=place, at=since, phase=CapturePhase.LISTENING, interface="eth0"))
    for at, packet in said:
        for place in places:
            made.take([heard(at, packet, place)])
    return made


def steady(start: float, end: float, packet: Packet | None = None) -> list[tuple[float, Packet]]:
    return [(start + n, packet or advert(A, 1)) for n in range(int(end - start + 1e-6) + 1)]


def lane(made: Hearing, now: float, window: float = 60.0) -> Lane:
    (found,) = made.lanes(now, window, NAMES)
    return found


def test_packets_have_numbers_and_those_that_are_gone_are_skipped() -> None:
    made = Hearing([ONE])
    for n in range(PACKETS_KEPT + 10):
        made.take([heard(float(n), advert())])
    assert made.total == PACKETS_KEPT + 10
    first, packets = made.since(0)
    assert (first, len(packets), packets[0].at) == (10, PACKETS_KEPT, 10.0)
    assert [p.at for p in made.since(made.total - 2)[1]] == [made.total - 2.0, made.total - 1.0]
    assert made.since(made.total) == (made.total, [])
    assert made.since(made.total + 5) == (made.total, [])


def test_a_place_that_the_cluster_does_not_have_is_left_out() -> None:
    made = Hearing([ONE])
    assert made.take([heard(1.0, advert(), "elsewhere")]) == []
    made.news(CaptureCounts(place="elsewhere", at=1.0))
    assert made.total == 0


def test_a_lane_says_who_is_master_since_when_and_how_regular() -> None:
    found = lane(hearing(*steady(1.0, 20.0)), 20.3)
    assert (found.key, found.master, found.master_since, found.adverts) == ((1, 4), A, 1.0, 20)
    (sender,) = found.senders
    assert (sender.node, sender.heard_by, sender.last_at, sender.priority) == (ONE, (ONE, TWO), 20.0, 255)
    assert sender.observed_interval_s == pytest.approx(1.0) and sender.jitter_s == pytest.approx(0.0)
    assert sender.deadline_at == pytest.approx(20.0 + 3.609, abs=0.001)
    assert sender.spans == ((1.0, 20.0),)
    assert len(sender.gaps_s) == 19


def test_the_deadline_is_that_of_the_best_backup_that_was_heard() -> None:
    made = hearing(*steady(1.0, 3.0, advert(B, 1, 200)), *steady(3.5, 20.5))
    own = next(s for s in lane(made, 20.6).senders if s.source == A)
    assert own.deadline_at == pytest.approx(20.5 + 3 + 56 / 256, abs=0.001)


def test_each_run_is_a_span_and_what_one_place_heard_whole_is_whole() -> None:
    made = hearing(*steady(1.0, 10.0), *steady(20.0, 30.0))
    (sender,) = lane(made, 30.2).senders
    assert sender.spans == ((1.0, 10.0), (20.0, 30.0))
    for at in range(11, 20):
        made.take([heard(float(at), advert(A, 1), "nobody")])
    whole = Hearing([ONE, TWO])
    for at, packet in (*steady(1.0, 10.0), *steady(20.0, 30.0)):
        whole.take([heard(at, packet, ONE)])
    for at, packet in steady(1.0, 30.0):
        whole.take([heard(at + 0.001, packet, TWO)])
    (sender,) = lane(whole, 30.2).senders
    assert len(sender.spans) == 1


def test_what_lies_before_the_window_is_cut_and_then_gone() -> None:
    made = hearing(*steady(1.0, 30.0))
    (sender,) = lane(made, 30.2, window=10.0).senders
    assert sender.spans == ((20.2, 30.0),)
    assert made.lanes(100.0, 10.0, NAMES) == ()


def test_our_nodes_come_first_in_their_order_then_strangers_by_address() -> None:
    other = IPv4Address("192.168.2.9")
    said = [(5.0, advert(STRANGER, 1, 1)), (5.1, replace(advert(B, 1, 1))), (5.2, advert(A, 1, 1))]
    said.append((5.3, replace(advert(A, 1, 1), envelope=replace(advert(A).envelope, source=other))))
    assert [s.source for s in lane(hearing(*said), 6.0).senders] == [A, B, other, STRANGER]


def test_a_takeover_that_both_places_hear_is_told_once() -> None:
    made = hearing(*steady(1.0, 5.0))
    first = made.take([heard(5.5, advert(A, 1, 0), ONE), heard(6.1, advert(B, 1, 100), ONE)])
    second = made.take([heard(5.5, advert(A, 1, 0), TWO), heard(6.1002, advert(B, 1, 100), TWO)])
    assert [t.kind for t in first] == [Kind.HAND_OVER]
    assert second == []
    assert len(lane(made, 7.0).takeovers) == 1


def test_two_takeovers_of_the_same_kind_at_one_place_are_two() -> None:
    made = hearing(*steady(1.0, 5.0))
    found = 0
    for at in (5.5, 6.5):
        found += len(made.take([heard(at, advert(A, 1, 0)), heard(at + 0.2, advert(B, 1, 100))]))
        found += len(made.take([heard(at + 0.4, advert(A, 1, 255))]))
    assert found == 4


def test_nothing_is_concluded_across_a_time_in_which_nobody_listened() -> None:
    made = hearing(*steady(1.0, 5.0))
    for place in (ONE, TWO):
        made.news(CaptureState(place=place, at=6.0, phase=CapturePhase.WAITING))
        made.news(CaptureState(place=place, at=300.0, phase=CapturePhase.LISTENING, interface="eth0"))
        assert made.take([heard(300.5, advert(B, 1, 100), place)]) == []
    assert made.places[ONE].since == 300.0


def test_losses_are_noted_with_their_time() -> None:
    made = hearing()
    made.news(CaptureCounts(place=ONE, at=5.0, heard=10, dropped=0))
    assert made.places[ONE].doubtful_at is None
    made.news(CaptureCounts(place=ONE, at=6.0, heard=11, dropped=3))
    made.news(CaptureCounts(place=ONE, at=7.0, heard=12, dropped=3))
    made.news(CaptureCounts(place=TWO, at=7.5, heard=1, flooded=2))
    assert (made.places[ONE].doubtful_at, made.places[TWO].doubtful_at) == (6.0, 7.5)


def test_the_last_announcement_of_each_address_is_kept_whatever_else_is_announced() -> None:
    made = hearing((1.0, Announcement(address=V1, mac="02:00:00:00:00:01")))
    for n in range(500):
        made.take([heard(2.0, Announcement(address=ip_address(n + 1), mac="02:00:00:00:00:05"))])
    at, said = made.places[ONE].tracker.announced[V1]
    assert (at, said.mac) == (1.0, "02:00:00:00:00:01")
    for n in range(5000):
        made.take([heard(3.0, Announcement(address=ip_address(n + 1), mac="02:00:00:00:00:05"))])
    assert len(made.places[ONE].tracker.announced) <= 2048
