"""VRRP's timers as tables, one instance's life as playbooks: what keepalived 2.2.7 was seen to do."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.cluster import vrrp_instance as v
from haconsole.cluster.vrrp import (
    Candidate,
    Track,
    TrackKind,
    effective_priority,
    elect,
    master_down_s,
    outranks,
    skew_s,
)
from haconsole.model.readings import VrrpState

ONE, TWO = ip_address("192.168.2.251"), ip_address("192.168.2.252")
VIP = ip_address("192.168.2.101")
INIT, BACKUP, MASTER, FAULT = VrrpState.INIT, VrrpState.BACKUP, VrrpState.MASTER, VrrpState.FAULT


@pytest.mark.parametrize(
    ("priority", "v2_1s", "v2_5s", "v3_100ms", "v3_1s", "v3_5s", "skew"),
    [  # RFC 3768 6.1, RFC 9568 6.1
        (50, 3.805, 15.805, 0.380, 3.805, 19.023, 0.805),
        (100, 3.609, 15.609, 0.361, 3.609, 18.047, 0.609),
        (150, 3.414, 15.414, 0.341, 3.414, 17.070, 0.414),
        (200, 3.219, 15.219, 0.322, 3.219, 16.094, 0.219),
        (254, 3.008, 15.008, 0.301, 3.008, 15.039, 0.008),
    ],
)
def test_timers(
    priority: int, v2_1s: float, v2_5s: float, v3_100ms: float, v3_1s: float, v3_5s: float, skew: float
) -> None:
    close = pytest.approx
    assert master_down_s(2, priority, 1.0) == close(v2_1s, abs=0.0006)
    assert master_down_s(2, priority, 5.0) == close(v2_5s, abs=0.0006)
    assert master_down_s(3, priority, 0.1) == close(v3_100ms, abs=0.0006)
    assert master_down_s(3, priority, 1.0) == close(v3_1s, abs=0.0006)
    assert master_down_s(3, priority, 5.0) == close(v3_5s, abs=0.0006)
    assert skew_s(2, priority, 5.0) == close(skew, abs=0.0006), "v2's skew knows no interval"
    assert skew_s(3, priority, 5.0) == close(5 * skew, abs=0.003)


@pytest.mark.parametrize(
    ("priority", "interval", "version", "usecs"),
    [  # `Master down timer` in real dumps of 2.2.7
        (255, 1.0, 2, 3003906),
        (100, 1.0, 2, 3609375),
        (54, 1.0, 2, 3789062),
        (1, 1.0, 2, 3996093),
        (150, 2.0, 2, 6414062),
        (150, 0.5, 3, 1707031),
        (150, 1.0, 3, 3414062),
    ],
)
def test_timers_of_real_dumps(priority: int, interval: float, version: int, usecs: int) -> None:
    assert int(master_down_s(version, priority, interval) * 1e6) == usecs


def test_down_timer_adverts() -> None:
    assert master_down_s(2, 100, 1.0, down_timer_adverts=5) == pytest.approx(5.609375)


@pytest.mark.parametrize(
    ("base", "weights", "effective"),
    [
        (100, (), 100),
        (254, (-200,), 54),
        (100, (-200,), 1),
        (200, (30, 40), 254),
        (254, (-20, 10), 244),
        (255, (-200,), 255),
        (255, (), 255),
    ],
)
def test_effective_priority(base: int, weights: tuple[int, ...], effective: int) -> None:
    assert effective_priority(base, weights) == effective


@pytest.mark.parametrize(
    ("kind", "weight", "value", "owner", "fault", "adjustment"),
    [
        (TrackKind.INTERFACE, 0, 1, False, False, 0),
        (TrackKind.INTERFACE, 0, 0, False, True, 0),
        (TrackKind.INTERFACE, -60, 0, False, False, -60),
        (TrackKind.INTERFACE, -60, 1, False, False, 0),
        (TrackKind.INTERFACE, 20, 1, False, False, 20),
        (TrackKind.INTERFACE, 20, 0, False, False, 0),
        (TrackKind.SCRIPT, 0, None, False, False, 0),
        (TrackKind.SCRIPT, 0, 0, False, True, 0),
        (TrackKind.SCRIPT, -200, 0, True, False, -200),  # run: dropped for an owner
        (TrackKind.SCRIPT, 20, None, False, False, 0),
        (TrackKind.FILE, 1, -200, False, False, -200),
        (TrackKind.FILE, 1, -253, False, False, -253),
        (TrackKind.FILE, 1, -254, False, True, -254),
        (TrackKind.FILE, 2, -127, False, True, -254),
        (TrackKind.FILE, 1, None, False, False, 0),
        (TrackKind.FILE, 0, 1, False, True, 0),
        (TrackKind.FILE, 1, -200, True, True, -200),  # run: an owner's drain is FAULT
        (TrackKind.FILE, 1, 0, True, False, 0),
    ],
)
def test_tracks(kind: TrackKind, weight: int, value: int | None, owner: bool, fault: bool, adjustment: int) -> None:
    track = Track(kind=kind, name="x", weight=weight, value=value)
    assert track.fault(owner=owner) is fault
    assert track.adjustment() == adjustment


def test_outranks_by_priority_then_address() -> None:
    assert outranks(101, ONE, 100, TWO)
    assert outranks(100, TWO, 100, ONE)
    assert not outranks(100, ONE, 100, ONE)


@pytest.mark.parametrize(
    ("one", "two", "master", "winner"),
    [
        ({"priority": 255}, {"priority": 100}, None, "one"),
        ({"priority": 100}, {"priority": 100}, None, "two"),
        ({"priority": 100}, {"priority": 100}, "one", "one"),
        ({"priority": 255, "fit": False}, {"priority": 100}, "one", "two"),
        ({"priority": 200, "preempt": False}, {"priority": 100}, "two", "two"),
        ({"priority": 200}, {"priority": 100, "preempt": False}, "two", "one"),
        ({"priority": 200, "preempt": False}, {"priority": 100, "fit": False}, "two", "one"),
        ({"priority": 255, "preempt": False}, {"priority": 100}, "two", "one"),
        ({"priority": 255, "fit": False}, {"priority": 100, "fit": False}, "one", None),
    ],
)
def test_election(one: dict[str, int], two: dict[str, int], master: str | None, winner: str | None) -> None:
    candidates = [
        Candidate(node="one", address=ONE, **one),  # type: ignore[arg-type]
        Candidate(node="two", address=TWO, **two),  # type: ignore[arg-type]
    ]
    found = elect(candidates, master)
    assert (None if found is None else found.node) == winner


# --- one instance ---------------------------------------------------------------

CONFIG = v.InstanceConfig(name="proxy_ip1", vrid=1, base_priority=100, address=TWO, vips=frozenset({VIP}))
ETH1 = Track(kind=TrackKind.INTERFACE, name="eth1", value=1)
SCRIPT = Track(kind=TrackKind.SCRIPT, name="chk_squid_service")
DRAIN = Track(kind=TrackKind.FILE, name="drain", weight=1, value=0)


def advert(priority: int, **changes: object) -> v.Heard:
    plain = v.Heard(sender=ONE, version=2, priority=priority, interval_s=1.0, addresses=frozenset({VIP}))
    return replace(plain, **changes)  # type: ignore[arg-type]


def backup(**changes: object) -> v.Instance:
    """A backup that began at 0 and heard its master (255) at 0."""
    config = replace(CONFIG, **changes)  # type: ignore[arg-type]
    instance, _ = v.start(v.Instance(config=config, tracks=(ETH1, DRAIN)), 0.0)
    return v.heard(instance, advert(255), 0.0)[0]


def master(**changes: object) -> v.Instance:
    """A master since 3.609375."""
    instance = replace(backup(), config=replace(CONFIG, **changes))  # type: ignore[arg-type]
    return v.timer(instance, 3.609375)[0]


def test_start_waits_for_the_unweighted_script() -> None:
    instance, out = v.start(v.Instance(config=CONFIG, tracks=(ETH1, SCRIPT)), 0.0)
    assert (instance.state, out) == (INIT, ())
    instance, out = v.track(instance, replace(SCRIPT, value=1), 0.02)
    assert instance.state is BACKUP
    assert out == (v.Entered(BACKUP, INIT),)
    assert instance.due == pytest.approx(0.02 + 3.609375)


def test_start_does_not_wait_for_a_weighted_script() -> None:
    instance, _ = v.start(v.Instance(config=CONFIG, tracks=(replace(SCRIPT, weight=-20),)), 0.0)
    assert instance.state is BACKUP


def test_start_with_a_dead_interface_is_fault() -> None:
    instance, out = v.start(v.Instance(config=CONFIG, tracks=(replace(ETH1, value=0), SCRIPT)), 0.0)
    assert out == (v.Entered(FAULT, INIT),)
    assert instance.due is None


def test_owner_is_master_at_once() -> None:
    instance, out = v.start(v.Instance(config=replace(CONFIG, base_priority=255)), 0.0)
    assert instance.state is MASTER
    assert out == (v.Advertise(255), v.Entered(MASTER, INIT), v.TakeVips())


def test_owner_waits_as_a_backup_after_fault() -> None:
    """2.2.7's log: `Entering BACKUP STATE`, three lower adverts discarded, MASTER after 3.004 s."""
    config = replace(CONFIG, base_priority=255)
    instance, _ = v.start(v.Instance(config=config, tracks=(replace(ETH1, value=0),)), 0.0)
    instance, out = v.track(instance, ETH1, 10.0)
    assert out == (v.Entered(BACKUP, FAULT),)
    instance, out = v.heard(instance, advert(100), 10.5)
    assert out == (v.HeardOther(ONE, 100, 255, higher=False, state=BACKUP),)
    assert v.timer(instance, 13.0)[1] == ()
    instance, out = v.timer(instance, 10.0 + 3.00390625)
    assert out == (v.MasterTimedOut(), v.Advertise(255), v.Entered(MASTER, BACKUP), v.TakeVips())


def test_silence_of_the_master() -> None:
    instance = v.heard(backup(), advert(255), 7.0)[0]
    assert (instance.master, instance.master_priority) == (ONE, 255)
    assert v.timer(instance, 10.609)[1] == ()
    instance, out = v.timer(instance, 10.609375)
    assert instance.state is MASTER
    assert v.TakeVips() in out
    assert instance.master is None


def test_priority_zero_leaves_only_the_skew() -> None:
    instance, out = v.heard(backup(), advert(0), 5.0)
    assert out == (v.HeardZero(ONE, BACKUP),)
    assert instance.due == pytest.approx(5.609375)


def test_lower_adverts_do_not_keep_a_backup_quiet() -> None:
    """The lossless drain: the master says 54 and serves on until our time runs out (docs/keepalived-versions.md)."""
    instance = backup()
    for at in (1.0, 2.0, 3.0):
        instance, out = v.heard(instance, advert(54), at)
        assert out == (v.HeardOther(ONE, 54, 100, higher=False, state=BACKUP),)
    assert instance.due == pytest.approx(3.609375)


def test_nopreempt_leaves_a_living_lower_master_alone() -> None:
    instance, out = v.heard(backup(preempt=False), advert(54), 2.0)
    assert out == ()
    assert instance.due == pytest.approx(5.609375)
    assert instance.master_priority == 54


def test_preempt_delay() -> None:
    instance, out = v.heard(backup(preempt_delay_s=3.0), advert(54), 2.0)
    assert out == (v.PreemptDelay(3.0),)
    instance, out = v.heard(instance, advert(54), 3.0)
    assert out == ()
    assert instance.due == pytest.approx(6.609375)
    instance, out = v.heard(instance, advert(54), 5.5)
    assert out == (v.HeardOther(ONE, 54, 100, higher=False, state=BACKUP),)
    assert instance.due == pytest.approx(6.609375)
    assert v.heard(instance, advert(100), 6.0)[0].preempt_at is None


def test_master_advertises_on_time() -> None:
    instance = master()
    for due in (4.609375, 5.609375, 6.609375):
        assert instance.due == pytest.approx(due)
        instance, out = v.timer(instance, due)
        assert out == (v.Advertise(100),)


def test_master_that_was_late_does_not_catch_up() -> None:
    instance, out = v.timer(master(), 60.0)
    assert out == (v.Advertise(100),)
    assert instance.due == pytest.approx(60.0, abs=1.0)
    assert instance.due is not None
    assert instance.due > 59.9


def test_master_steps_back_before_a_higher_one() -> None:
    instance, out = v.heard(master(), advert(255), 8.0)
    assert out == (
        v.HeardOther(ONE, 255, 100, higher=True, state=MASTER),
        v.Entered(BACKUP, MASTER),
        v.ReleaseVips(),
    )
    assert instance.master == ONE
    assert instance.due == pytest.approx(11.609375)


def test_master_answers_a_lower_one() -> None:
    instance, out = v.heard(master(), advert(99), 8.0)
    assert instance.state is MASTER
    assert out == (v.HeardOther(ONE, 99, 100, higher=False, state=MASTER), v.Advertise(100))


def test_a_tie_goes_to_the_higher_address() -> None:
    assert v.heard(master(), advert(100), 8.0)[0].state is MASTER
    assert v.heard(master(address=ip_address("192.168.2.250")), advert(100), 8.0)[0].state is BACKUP


def test_master_answers_priority_zero() -> None:
    instance, out = v.heard(master(), advert(0), 8.0)
    assert (instance.state, out) == (MASTER, (v.HeardZero(ONE, MASTER), v.Advertise(100)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 3}, v.Discard.VERSION),
        ({"interval_s": 2.0}, v.Discard.INTERVAL),
        ({"addresses": frozenset({VIP, ip_address("192.168.2.109")})}, v.Discard.ADDRESSES),
    ],
)
def test_adverts_that_differ_are_discarded(changes: dict[str, object], why: v.Discard) -> None:
    for instance in (backup(), master()):
        after, out = v.heard(instance, advert(255, **changes), 5.0)
        assert after is instance
        assert out == (v.Discarded(ONE, why),)


def test_v3_adopts_the_masters_interval() -> None:
    instance = v.heard(backup(version=3), advert(255, version=3, interval_s=0.5), 4.0)[0]
    assert instance.due == pytest.approx(4.0 + 1.5 + 0.5 * 156 / 256)
    instance = v.heard(instance, advert(0, version=3, interval_s=0.5), 4.2)[0]
    assert instance.due == pytest.approx(4.2 + 0.5 * 156 / 256)


def test_own_advert_that_comes_back_is_ignored() -> None:
    instance = master()
    assert v.heard(instance, advert(255, sender=TWO), 8.0) == (instance, ())


def test_fault_of_a_master() -> None:
    instance, out = v.track(master(), replace(ETH1, value=0), 8.0)
    assert out == (v.Entered(FAULT, MASTER), v.Advertise(0), v.ReleaseVips())
    assert (instance.state, instance.due) == (FAULT, None)
    assert v.heard(instance, advert(255), 9.0) == (instance, ())
    assert v.timer(instance, 99.0) == (instance, ())


def test_two_faults_have_to_heal_both() -> None:
    broken = replace(ETH1, value=0)
    instance = v.Instance(config=CONFIG, tracks=(ETH1, replace(SCRIPT, value=1)))
    instance = v.start(instance, 0.0)[0]
    instance = v.track(instance, broken, 1.0)[0]
    instance, out = v.track(instance, replace(SCRIPT, value=0), 2.0)
    assert out == ()
    instance, out = v.track(instance, ETH1, 3.0)
    assert (instance.state, out) == (FAULT, ())
    instance, out = v.track(instance, replace(SCRIPT, value=1), 4.0)
    assert out == (v.Entered(BACKUP, FAULT),)


def test_drain_changes_the_priority_and_the_deadline() -> None:
    instance, out = v.track(backup(), replace(DRAIN, value=-50), 1.0)
    assert out == (v.PriorityChanged(100, 50),)
    assert instance.due == pytest.approx(3 + 206 / 256)
    instance, out = v.track(master(), replace(DRAIN, value=-50), 5.0)
    assert (instance.state, instance.priority, out) == (MASTER, 50, (v.PriorityChanged(100, 50),))


def test_drain_of_an_owner_is_fault() -> None:
    instance, _ = v.start(v.Instance(config=replace(CONFIG, base_priority=255), tracks=(ETH1, DRAIN)), 0.0)
    instance, out = v.track(instance, replace(DRAIN, value=-200), 1.0)
    assert out == (v.Entered(FAULT, MASTER), v.Advertise(0), v.ReleaseVips())


def test_vip_removed_by_hand_comes_back() -> None:
    instance, out = v.vip_lost(master(), 8.0)
    assert out == (v.Entered(BACKUP, MASTER), v.Advertise(0), v.ReleaseVips())
    assert v.timer(instance, 8.7)[0].state is MASTER
    assert v.vip_lost(backup(), 8.0)[1] == ()


def test_stop() -> None:
    instance, out = v.stop(master(), 8.0)
    assert out == (v.Advertise(0), v.ReleaseVips())
    assert (instance.state, instance.running, instance.due) == (INIT, False, None)
    assert v.stop(backup(), 8.0)[1] == ()
    stopped, out = v.track(instance, replace(ETH1, value=0), 9.0)
    assert out == ()
    assert v.start(stopped, 10.0)[0].state is FAULT, "what it tracks is remembered"
