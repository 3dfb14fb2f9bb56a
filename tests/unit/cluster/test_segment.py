"""The tracker: who is master on the wire, and how it became so. Playbooks of adverts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.cluster.segment import ROUTERS_KEPT, Kind, Tracker
from haconsole.model.packets import Advert, Checksum, Envelope

A, B = IPv4Address("192.168.2.251"), IPv4Address("192.168.2.252")
KEY = (1, 4)


def advert(source: IPv4Address = A, priority: int = 255, vrid: int = 1, interval_s: float = 1.0) -> Advert:
    envelope = Envelope(source=source, destination=IPv4Address("224.0.0.18"), hop_limit=255)
    return Advert(
        envelope=envelope, version=2, vrid=vrid, priority=priority, interval_s=interval_s,
        addresses=(IPv4Address("192.168.2.101"),), auth_type=0, checksum=Checksum.OK,
    )  # fmt: skip


def steady(tracker: Tracker, source: IPv4Address, priority: int, start: float, count: int) -> float:
    for n in range(count):
        tracker.feed(start + n, advert(source, priority))
    return start + count - 1


def test_a_steady_master_has_an_interval_and_a_deadline() -> None:
    tracker = Tracker()
    last = steady(tracker, A, 255, 100.0, 10)
    router = tracker.routers[KEY]
    assert router.master == A
    assert router.senders[A].observed_interval_s() == pytest.approx(1.0)
    assert router.senders[A].jitter_s() == pytest.approx(0.0)
    assert router.senders[A].deadline(backup_priority=100) == pytest.approx(last + 3.609, abs=0.001)
    assert not tracker.takeovers


def test_priority_zero_is_an_orderly_hand_over() -> None:
    tracker = Tracker()
    last = steady(tracker, A, 255, 100.0, 5)
    tracker.feed(last + 0.5, advert(A, 0))
    assert tracker.routers[KEY].senders[A].deadline(100) == pytest.approx(last + 0.5 + 0.609, abs=0.001)
    takeover = tracker.feed(last + 1.11, advert(B, 100))
    assert takeover is not None
    assert (takeover.old, takeover.new, takeover.kind) == (A, B, Kind.HAND_OVER)
    assert takeover.gap_s == pytest.approx(0.61)


def test_silence_beyond_the_master_down_time() -> None:
    tracker = Tracker()
    last = steady(tracker, A, 255, 100.0, 5)
    takeover = tracker.feed(last + 3.61, advert(B, 100))
    assert takeover is not None
    assert takeover.kind is Kind.SILENCE


def test_preemption_by_a_higher_priority() -> None:
    tracker = Tracker()
    last = steady(tracker, B, 100, 100.0, 5)
    takeover = tracker.feed(last + 0.3, advert(A, 255))
    assert takeover is not None
    assert (takeover.kind, takeover.new) == (Kind.PREEMPTION, A)


def test_a_drain_is_told_from_silence() -> None:
    tracker = Tracker()
    last = steady(tracker, A, 254, 100.0, 5)
    for n in range(1, 4):
        tracker.feed(last + n, advert(A, 54))
    takeover = tracker.feed(last + 3.2, advert(B, 100))
    assert takeover is not None
    assert takeover.kind is Kind.LOWERED


def test_a_lower_priority_that_speaks_up_does_not_become_master() -> None:
    tracker = Tracker()
    last = steady(tracker, A, 255, 100.0, 5)
    assert tracker.feed(last + 0.1, advert(B, 100)) is None
    assert tracker.routers[KEY].master == A


def test_two_masters_are_told_after_three_intervals_and_clear_when_one_stops() -> None:
    tracker = Tracker()
    for n in range(6):
        tracker.feed(100.0 + n, advert(A, 255))
        tracker.feed(100.2 + n, advert(B, 100))
        found = {s.source for s in tracker.routers[KEY].two_masters(100.3 + n)}
        assert found == (set() if n < 3 else {A, B})
    for n in range(6, 11):
        tracker.feed(100.0 + n, advert(A, 255))
    assert tracker.routers[KEY].two_masters(110.1) == []


def test_a_hand_over_is_never_two_masters() -> None:
    tracker = Tracker()
    last = steady(tracker, B, 100, 100.0, 10)
    tracker.feed(last + 0.5, advert(A, 255))
    assert tracker.routers[KEY].two_masters(last + 0.6) == []


def test_virtual_routers_and_families_are_apart() -> None:
    tracker = Tracker()
    tracker.feed(1.0, advert(vrid=1))
    tracker.feed(1.0, advert(vrid=2))
    assert set(tracker.routers) == {(1, 4), (2, 4)}


def test_memory_is_bounded_and_what_is_beyond_is_counted() -> None:
    tracker = Tracker()
    for n in range(300):
        tracker.feed(1.0, advert(IPv4Address(n + 1)))
    assert len(tracker.routers[KEY].senders) == 64
    assert tracker.overflow == 300 - 64
    assert len(tracker.routers) <= ROUTERS_KEPT


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5), st.sampled_from([A, B]), st.integers(0, 255), st.sampled_from([0.0, 0.01, 1.0, 40.95])
        ),
        max_size=60,
    )
)
def test_any_order_of_adverts_is_survived_and_the_master_is_somebody_heard(
    steps: list[tuple[float, IPv4Address, int, float]],
) -> None:
    tracker, at = Tracker(), 0.0
    for gap, source, priority, interval in steps:
        at += gap
        tracker.feed(at, replace(advert(source, priority), interval_s=interval))
    for router in tracker.routers.values():
        assert router.master is None or router.senders[router.master].count >= 1
        router.two_masters(at)
    assert tracker.adverts == len(steps)
