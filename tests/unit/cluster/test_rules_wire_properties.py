"""Whatever is on the wire: nothing raises, readings are bounded, and no silence is made of nothing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.cluster.wire_reading import ROUTERS_TOLD, SENDERS_TOLD
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState
from haconsole.model.packets import Announcement, Checksum, Packet
from tests.unit.cluster.builders import ONE, T0, TWO, V1, V2, healthy
from tests.unit.cluster.ears import STRANGER, A, B, Ears, advert
from tests.unit.cluster.stories import V6, played
from tests.unit.cluster.test_rules_properties import check

SOURCES = st.sampled_from([A, B, STRANGER])
ADVERTS = st.builds(
    lambda source, vrid, priority, **more: replace(advert(source, vrid, priority), **more),
    SOURCES, st.sampled_from([1, 2, 3, 255]), st.sampled_from([0, 1, 54, 100, 254, 255]),
    version=st.sampled_from([2, 3]), interval_s=st.sampled_from([0.0, 0.01, 1.0, 40.95, 255.0]),
    addresses=st.sampled_from([(), (V1,), (V1, V2), (V6,)]), auth_type=st.sampled_from([None, 0, 1, 2, 255]),
    checksum=st.sampled_from(Checksum), problems=st.sampled_from([(), ("ttl", "cut-short")]),
)  # fmt: skip
PACKETS = st.one_of(
    ADVERTS,
    ADVERTS,
    ADVERTS,
    st.builds(lambda vip, mac: Announcement(address=vip, mac=mac), st.sampled_from([V1, V2, V6]), st.text(max_size=3)),
)
PLACES = st.sampled_from([(ONE,), (TWO,), (ONE, TWO)])
STEPS = st.lists(st.tuples(st.floats(0, 6), PACKETS, PLACES, st.integers(1, 12)), max_size=25)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(0, 2**32), st.booleans())
def test_anything_on_the_wire_of_any_cluster(
    steps: list[tuple[float, Packet, tuple[str, ...], int]], seed: int, well: bool
) -> None:
    play = healthy() if well else played(seed, 20, well=True)
    ears, at = Ears(play, since=play.now - 1.0), play.now - T0
    for gap, packet, places, times in steps:
        ears.steady(packet, at, at + times - 1, places=places)
        at += gap
        check(ears.tell(at).snapshot())
    ears.news(CaptureCounts(place=ONE, at=play.now, heard=1, flooded=3))
    ears.news(CaptureState(place=TWO, at=play.now, phase=CapturePhase.WAITING))
    check(ears.tell(at + 3).snapshot())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_any_number_of_senders_makes_a_bounded_reading(seed: int) -> None:
    ears = Ears(healthy())
    for n in range(400):
        source = IPv4Address((seed + n * 2654435761) % 2**32)
        packet = advert(A, 1 + n % 255, n % 256)
        ears.hear(n / 100, replace(packet, envelope=replace(packet.envelope, source=source)))
    play = ears.tell(5.0)
    for reading in play.state.wire.values():
        assert len(reading.routers) <= ROUTERS_TOLD
        assert all(len(r.senders) <= SENDERS_TOLD for r in reading.routers)
        assert {1, 2} <= {r.key[0] for r in reading.routers}, "our own first"
    check(play.snapshot())


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 5.0), st.booleans())
def test_no_advert_before_a_master_down_time_of_listening_is_never_silence(listened: float, one_only: bool) -> None:
    ears = Ears(healthy(), since=T0 + 10.0, places=[ONE] if one_only else [ONE, TWO])
    play = ears.tell(10.0 + listened * 0.99)
    assert {v.advertisers for v in play.picture().vips} == {None}
    assert not [i for i in play.ids() if i.startswith("wire-")]
