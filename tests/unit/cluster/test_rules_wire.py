"""What the wire proves, and what it does not: masters, silence, one-way hearing, strangers, hand-overs."""

from __future__ import annotations

import pytest

from haconsole.cluster.rules.causes_rank import RANK
from haconsole.cluster.wire_picture import FRESH_S
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState
from haconsole.model.events import Phase
from tests.unit.cluster.builders import (
    BACKUP,
    MASTER,
    ONE,
    T0,
    TWO,
    V1,
    V2,
    Play,
    healthy,
    kernel,
    link,
    moved_to_two,
    pair_daemon,
    unit,
    units,
)
from tests.unit.cluster.ears import STRANGER, A, B, Ears, advert, advertisers, listening, log, wire_ids


def pair(end: float, ears: Ears | None = None) -> Ears:
    """Both masters go about their business until `end`."""
    return (ears or listening()).steady(advert(A, 1), 0.1, end).second(end)


def moved() -> Play:
    """The first VIP is on the second node, and both daemons say so."""
    return moved_to_two(healthy()).read(ONE, pair_daemon(ONE, one=BACKUP))


# --- the healthy pair, and who is said to advertise --------------------------------------------------


def test_a_healthy_pair_is_heard_and_nothing_is_wrong() -> None:
    play = pair(60).tell(60)
    assert advertisers(play) == {str(V1): (ONE,), str(V2): (TWO,)}
    assert play.findings() == ()
    assert play.verdict == "ok"
    assert log(play) == []


def test_nobody_listens_is_unknown() -> None:
    assert advertisers(healthy()) == {str(V1): None, str(V2): None}


def test_a_capture_that_just_began_proves_nothing() -> None:
    ears = listening()
    assert advertisers(ears.tell(4.0)) == {str(V1): None, str(V2): None}
    assert advertisers(ears.tell(6.0)) == {str(V1): (), str(V2): ()}


def test_silence_after_losses_proves_nothing() -> None:
    ears = pair(20)
    ears.tell(20)
    for place in (ONE, TWO):
        ears.news(CaptureCounts(place=place, at=T0 + 24, heard=40, dropped=7))
    play = ears.tell(25.5)
    assert advertisers(play)[str(V1)] is None
    assert wire_ids(play) == []


def test_silence_on_a_link_that_is_down_proves_nothing() -> None:
    ears = pair(20)
    for node in (ONE, TWO):
        ears.play.read(node, kernel(node, links=[link("eth0", carrier=False)]))
    assert advertisers(ears.tell(40))[str(V1)] is None


def test_a_reading_that_grew_old_and_a_node_that_is_silent_prove_nothing() -> None:
    play = pair(20).tell(20)
    assert advertisers(play)[str(V1)] == (ONE,)
    assert advertisers(play.later(FRESH_S + 1))[str(V1)] is None
    play = pair(20).tell(20)
    assert advertisers(play.phase(ONE, Phase.WAITING).phase(TWO, Phase.WAITING))[str(V1)] is None


def test_one_place_is_enough_to_name_the_masters() -> None:
    play = pair(20, listening(places=[TWO])).tell(20)
    assert advertisers(play) == {str(V1): (ONE,), str(V2): (TWO,)}


# --- two masters ----------------------------------------------------------------------------------


def split(end: float = 20.0, **more: object) -> Ears:
    """From second 10 on the second node is a master of the first virtual router too."""
    return pair(end, listening(**more)).steady(advert(B, 1, 100), 10.4, end)  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [2.5, 3.0, 9.0])
def test_two_masters_are_critical_within_three_intervals_with_both_sources_named(after: float) -> None:
    play = split().tell(10.4 + after)
    found = play.one("wire-two-masters")
    assert found.severity.word == "critical" and play.verdict == "critical"
    assert all(x in found.summary for x in (ONE, TWO, str(A), str(B), str(V1)))
    assert {e.text.split(",")[0] for e in found.evidence} == {f"advert from {ONE} ({A})", f"advert from {TWO} ({B})"}
    assert all(e.at is not None and e.source.startswith("wire at ") for e in found.evidence)
    assert found.remedy
    assert advertisers(play)[str(V1)] == (ONE, TWO)


def test_two_masters_clear_when_one_falls_silent() -> None:
    ears = split(20.0).steady(advert(A, 1), 21.1, 40).second(40, 20.2)
    assert "wire-two-masters" in ears.tell(20).ids()
    play = ears.tell(24)
    assert wire_ids(play) == []
    assert advertisers(play)[str(V1)] == (ONE,)


def test_what_the_network_cards_hear_and_keepalived_does_not_is_a_firewall() -> None:
    found = split().tell(20).one("wire-two-masters")
    assert "network card" in found.summary
    assert "nft list ruleset" in (found.remedy or "")


def test_a_split_brain_is_one_tree() -> None:
    ears = split()
    ears.play.wait(12).added(TWO, f"{V1}/24").log(TWO, "(proxy_ip1) Entering MASTER STATE")
    ears.play.read(TWO, pair_daemon(TWO, one=MASTER))
    play = ears.tell(20)
    (root,) = [f for f in play.findings() if f.follows_from is None]
    assert (root.id, root.node) == ("wire-unheard", TWO)
    assert "its firewall drops VRRP on the way in" in root.summary and "iptables -I INPUT" in (root.remedy or "")
    assert {"wire-two-masters", "two-masters", "vip-held-by-several"} <= {
        f.id for f in play.findings() if f.follows_from is not None
    }


@pytest.mark.parametrize("kind", ["priority 0", "silence", "preemption", "lowered"])
def test_a_hand_over_fires_nothing_at_any_moment(kind: str) -> None:
    ears = listening(since=T0 - 60).second(40)
    ears.steady(advert(A, 1, 255 if kind != "preemption" else 100), 2.1, 10.1)
    begin = {"priority 0": 11.1, "silence": 13.71, "preemption": 10.4, "lowered": 11.2}[kind]
    if kind == "priority 0":
        ears.hear(10.5, advert(A, 1, 0))
    if kind == "lowered":
        ears.hear(11.1, advert(A, 1, 54))
    ears.steady(advert(B, 1, 254 if kind == "preemption" else 100), begin, 40).announced(begin)
    play = ears.tell(8.9)
    for step in range(60):
        at = 9.0 + step / 4
        if at >= begin and play.state.vips[V1].holders == {ONE}:
            play.moved(f"{V1}/24", ONE, TWO).read(ONE, pair_daemon(ONE, one=BACKUP))
            play.read(TWO, pair_daemon(TWO, one=MASTER))
        ears.tell(at)
        assert wire_ids(play) == [], at
        assert len(advertisers(play)[str(V1)] or ()) <= 1
    assert advertisers(play)[str(V1)] == (TWO,)


def muted() -> Ears:
    """From second 10 on no advert of the first node leaves it; the second takes over."""
    ears = listening(since=T0 - 60).steady(advert(A, 1), 0.1, 10.1).second(30)
    return ears.steady(advert(B, 1, 100), 13.71, 30).announced(13.71)


def test_a_master_whose_adverts_do_not_leave_it() -> None:
    ears = muted()
    ears.play.wait(14).added(TWO, f"{V1}/24").read(TWO, pair_daemon(TWO, one=MASTER))
    play = ears.tell(25)
    found = play.one("wire-master-mute")
    assert found.node == ONE and "OUTPUT" in (found.remedy or "")
    assert found.since is not None and 9 < found.since - T0 < 11, "since its last advert, not since it is master"
    assert play.one("two-masters").follows_from == found.key
    assert [f.id for f in play.findings() if f.follows_from is None] == ["wire-master-mute"]
    assert advertisers(play)[str(V1)] == (TWO,)


def test_a_mute_master_whose_log_says_why_follows_from_that() -> None:
    ears = muted()
    ears.play.wait(14).added(TWO, f"{V1}/24").read(TWO, pair_daemon(TWO, one=MASTER))
    play = ears.tell(25).log(ONE, "(proxy_ip1): send advert error 1 (Operation not permitted)")
    assert play.one("wire-master-mute").follows_from == play.one("adverts-blocked").key
    assert [f.id for f in play.findings() if f.follows_from is None] == ["adverts-blocked"]


def test_a_master_that_has_just_stepped_back_is_not_mute() -> None:
    ears = muted()
    ears.play.wait(12).read(ONE, pair_daemon(ONE, one=BACKUP))
    assert "wire-master-mute" not in ears.tell(25).ids()
    assert "wire-master-mute" not in muted().tell(13.8).ids(), "its silence is no master-down time old"


# --- no master ------------------------------------------------------------------------------------


def test_nobody_advertises_though_somebody_should() -> None:
    play = listening().steady(advert(A, 1), 0.1, 10.1).second(20).tell(20)
    found = play.one("wire-no-master")
    assert (found.vip, found.severity.word) == (V1, "warning")
    assert f"though {ONE} should be" in found.summary
    assert {e.source for e in found.evidence} == {f"wire at {ONE}", f"wire at {TWO}"}


def test_it_is_critical_together_with_the_kernels_and_said_once() -> None:
    ears = listening().steady(advert(A, 1), 0.1, 10.1).second(20)
    ears.play.wait(11).removed(ONE, f"{V1}/24").read(ONE, pair_daemon(ONE, one=BACKUP))
    play = ears.tell(20)
    assert play.one("wire-no-master").severity.word == "critical"
    assert [f.id for f in play.findings() if f.follows_from is None] == ["vip-held-by-none"]


def test_a_stopped_keepalived_explains_the_silence() -> None:
    ears = listening().steady(advert(A, 1), 0.1, 10.1).second(20)
    ears.play.wait(11).read(ONE, units(unit("keepalived", active=False), at=T0 + 11))
    play = ears.tell(20)
    assert play.one("wire-no-master").follows_from is not None


def test_a_missed_advert_is_no_silence() -> None:
    play = pair(10).tell(13)
    assert wire_ids(play) == []


# --- one-way hearing ----------------------------------------------------------------------------------


def deaf(*, back: bool = True) -> Ears:
    """From second 10 on the adverts of the first node do not reach the second, which becomes a master."""
    ears = listening().steady(advert(A, 1), 0.1, 10.1).steady(advert(A, 1), 11.1, 30, places=[ONE])
    ears.steady(advert(B, 1, 100), 13.8, 30, places=[ONE, TWO] if back else [TWO])
    return ears.steady(advert(B, 2), 0.2, 30, places=[ONE, TWO])


def test_adverts_that_leave_one_node_and_do_not_reach_the_other() -> None:
    play = deaf().tell(20)
    found = play.one("wire-one-way")
    assert found.node == TWO
    assert f"{ONE} ({A})" in found.summary and "the other way they arrive" in found.summary
    assert {e.source for e in found.evidence} == {f"wire at {ONE}", f"wire at {TWO}"}
    assert play.one("wire-two-masters").follows_from == found.key


def test_neither_direction_is_told_so() -> None:
    ears = listening().steady(advert(A, 1), 0.1, 10.1).steady(advert(A, 1), 11.1, 30, places=[ONE])
    ears.steady(advert(B, 1, 100), 13.8, 30, places=[TWO]).steady(advert(B, 2), 0.2, 10.2)
    play = ears.steady(advert(B, 2), 11.2, 30, places=[TWO]).tell(25)
    found = play.all("wire-one-way")
    assert {f.node for f in found} == {ONE, TWO}
    assert all("nor the other way" in f.summary for f in found)
    assert play.one("wire-two-masters")


def test_a_place_that_lost_packets_or_began_late_is_not_deaf() -> None:
    ears = deaf()
    ears.news(CaptureCounts(place=TWO, at=T0 + 19, heard=10, flooded=5))
    assert "wire-one-way" not in ears.tell(20).ids()
    ears = deaf()
    ears.news(CaptureState(place=TWO, at=T0 + 17, phase=CapturePhase.WAITING))
    ears.news(CaptureState(place=TWO, at=T0 + 18, phase=CapturePhase.LISTENING, interface="eth0"))
    assert "wire-one-way" not in ears.tell(20).ids()


def test_unicast_to_somebody_else_is_not_missed() -> None:
    ears = listening()
    ears.steady(advert(A, 1, to=STRANGER), 0.1, 30, places=[ONE]).second(30)
    assert "wire-one-way" not in ears.tell(30).ids()


# --- strangers ---------------------------------------------------------------------------------------


def test_a_foreign_router_on_our_vrid() -> None:
    play = pair(20).steady(advert(STRANGER, 1, 50), 5.3, 20).tell(20)
    found = play.one("wire-foreign-router")
    assert str(STRANGER) in found.summary and "02:00:00:00:00:77" in (found.remedy or "")
    assert play.one("wire-two-masters").follows_from == found.key
    assert advertisers(play)[str(V1)] == (ONE, str(STRANGER))


def test_who_is_a_stranger_is_not_told_before_every_node_s_addresses_are_known() -> None:
    play = Play().connect(TWO).served(V1, V2)
    play = pair(20, listening(play, places=[TWO])).steady(advert(STRANGER, 1, 50), 5.3, 20).tell(20)
    assert "wire-foreign-router" not in play.ids()


def test_other_virtual_routers_are_listed_and_nothing_more() -> None:
    play = pair(20).steady(advert(STRANGER, 77), 0.3, 20).tell(20)
    found = play.one("wire-other-routers")
    assert found.severity.word == "info" and "VRID 77" in found.summary
    assert wire_ids(play) == ["wire-other-routers"] and play.verdict == "ok"


def test_a_stranger_that_has_left_is_not_listed() -> None:
    assert wire_ids(pair(30).steady(advert(STRANGER, 77), 0.3, 20).tell(30)) == []


# --- changes ------------------------------------------------------------------------------------------


def test_priority_zero_is_an_orderly_hand_over_in_the_log_once() -> None:
    ears = listening(moved(), since=T0 - 60).second(20)
    ears.steady(advert(A, 1), 2.1, 6.1).hear(6.5, advert(A, 1, 0)).steady(advert(B, 1, 100), 7.11, 20).announced(7.11)
    assert log(ears.tell(20)) == [
        f"{A} VRID 1 priority 0: orderly hand-over from {ONE} to {TWO} in 0.61 s",
        f"gratuitous ARP: {V1} is at 02:00:00:00:00:02",
    ]


def test_silence_is_told_with_its_duration() -> None:
    ears = listening(moved(), since=T0 - 60).second(20)
    ears.steady(advert(A, 1), 2.1, 6.1).steady(advert(B, 1, 100), 9.71, 20)
    assert log(ears.tell(20)) == [f"takeover of VRID 1 by {TWO} after 3.6 s silence of {ONE}"]


def flaps(times: int, *, ordered: bool = False) -> Ears:
    """The first node falls silent (or stops in good order) and comes back, again and again."""
    ears = listening(since=T0 - 60).second(20 * times + 20)
    for n in range(times):
        start = 20.0 * n
        ears.steady(advert(A, 1), start + 0.1, start + 9.1).announced(start + 0.1, source=A)
        if ordered:
            ears.hear(start + 9.5, advert(A, 1, 0))
        ears.steady(advert(B, 1, 100), start + 13, start + 20).announced(start + 13)
    return ears.steady(advert(A, 1), 20.0 * times + 0.1, 20.0 * times + 20).announced(20.0 * times + 0.1, source=A)


def test_more_than_two_unexplained_changes_in_ten_minutes_are_flapping() -> None:
    play = flaps(2).tell(60)
    found = play.one("wire-flapping")
    assert "4 times" in found.summary and len(found.evidence) == 4
    assert "wire-flapping" not in flaps(2).tell(60).later(700).ids()


def test_one_loss_and_its_return_are_not_flapping_nor_is_what_was_ordered() -> None:
    assert wire_ids(flaps(1).tell(40)) == []
    assert wire_ids(flaps(4, ordered=True).tell(100)) == []


def taken_over(*, announced: float | None, since: float = T0 - 60, vip: object = V1) -> Ears:
    ears = listening(moved(), since=since).second(30)
    ears.steady(advert(A, 1), 2.1, 6.1).steady(advert(B, 1, 100), 9.71, 30)
    return ears if announced is None else ears.announced(announced, vip)  # type: ignore[arg-type]


def test_a_takeover_without_gratuitous_arp() -> None:
    found = taken_over(announced=None).tell(20).one("wire-not-announced")
    assert (found.vip, found.severity.word) == (V1, "warning")
    assert TWO in found.summary


def test_a_takeover_with_it_or_of_which_not_all_was_heard_is_quiet() -> None:
    assert wire_ids(taken_over(announced=9.72).tell(20)) == []
    assert wire_ids(taken_over(announced=None).tell(10.5)) == [], "too early to tell"
    late = taken_over(announced=None)
    for place in (ONE, TWO):
        late.news(CaptureCounts(place=place, at=T0 + 9.8, heard=10, dropped=1))
    assert wire_ids(late.tell(20)) == []
    assert wire_ids(taken_over(announced=9.72, vip=V2).tell(20)) == ["wire-not-announced"]


def test_every_cause_of_two_masters_stands_before_it() -> None:
    wire = [i for i in RANK if i.startswith("wire-")]
    assert wire.index("wire-two-masters") > wire.index("wire-one-way")
