"""Forecasts against what was measured on real nodes (the drill timings of keepalived 1.3.5, 2.1.5, 2.2.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.cluster.forecast import each_failure, forecast
from haconsole.cluster.forecast_changes import Change, Thing, UnknownNameError, single_failures, without
from haconsole.cluster.forecast_times import Span, slack
from haconsole.cluster.forecast_tracked import squid_ends
from haconsole.cluster.forecast_values import Assumed, Forecast
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.events import Phase
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import (
    KeepalivedVersion,
    SquidCounters,
    SquidShutdown,
    TrackedFile,
    TrackedScript,
    VersionsReading,
)
from tests.unit.cluster.builders import (
    BACKUP,
    CONF,
    FAULT,
    MASTER,
    ONE,
    THREE,
    TWO,
    V1,
    V2,
    Play,
    config,
    daemon,
    healthy,
    instance,
    kernel,
    link,
    pair_daemon,
    problem,
    spec,
    squid,
    unit,
    units,
)

LAB = Assumed(shutdown_lifetime_s=1.0)
"""The nodes that were measured had `shutdown_lifetime 1 seconds`."""
TRACK_FILE = 'track_file haconsole_drain {{ file "/run/haconsole-drain"\n weight 1\n init_file 0\n}}\n'


def change(word: str, picture: ClusterPicture) -> Change:
    return without([picture], word)[1]


def told(play: Play, *words: str) -> Forecast:
    picture = play.picture()
    return forecast(picture, [change(w, picture) for w in words], LAB)


def drain(node: str, value: int, *, restored: bool = False) -> Change:
    return Change(node=node, thing=Thing.DRAIN, value=value, restored=restored)


def lossless(value: int = 0) -> Play:
    """254 and a track file on both nodes."""
    play = healthy()
    for node, priorities in ((ONE, (254, 100)), (TWO, (100, 254))):
        files = (TrackedFile(name="haconsole_drain", value=value if node == ONE else 0, weight=1),)
        text = (TRACK_FILE + CONF).format(one=priorities[0], two=priorities[1])
        first = node == ONE
        states = (MASTER, BACKUP) if first else (BACKUP, MASTER)
        play.read(
            node,
            config(node, text),
            daemon(
                *(
                    instance(f"proxy_ip{i}", s, p, tracked_files=files)
                    for i, s, p in zip((1, 2), states, priorities, strict=True)
                )
            ),
        )
    return play


def version(play: Play, *triple: int) -> Play:
    found = KeepalivedVersion(major=triple[0], minor=triple[1], patch=triple[2])
    for node in (ONE, TWO):
        play.read(node, VersionsReading(keepalived=found, squid="5.7", systemd=252, kernel="6.1"))
    return play


def contains(span: Span | None, *measured: float) -> bool:
    return span is not None and all(span.low <= m and span.high is not None and m <= span.high for m in measured)


def width(span: Span | None) -> float:
    assert span is not None and span.high is not None
    return span.high - span.low


# --- the drills that were measured ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "measured", "unknown_s"),
    [
        (f"{ONE}:eth0", (3.10, 3.30, 3.31), 1.0),
        (f"{ONE}:lan", (3.10, 3.30, 3.31), 1.0),
        (f"{ONE}:eth1", (0.63,), 0.0),
        (f"{ONE}:public", (0.63,), 0.0),
        (f"{ONE}:keepalived", (0.63, 0.65), 0.0),
        (f"{ONE}:squid", (4.3, 4.46, 6.0, 6.3), 4.0),
    ],
)
def test_the_outage_that_clients_had_is_in_the_forecast_which_is_no_wider_than_the_phases(
    word: str, measured: tuple[float, ...], unknown_s: float
) -> None:
    found = told(healthy(), word).vip(V1)
    assert (found.before, found.after, found.serves) == (ONE, TWO, True)
    assert contains(found.outage, *measured), found.outage
    assert contains(found.failback_outage, 0.0, 0.046)
    assert width(found.outage) <= unknown_s + 0.1 + 1e-9


def test_the_other_vip_stays_and_loses_nothing() -> None:
    for word in (f"{ONE}:eth0", f"{ONE}:eth1", f"{ONE}:squid", f"{ONE}:keepalived", ONE):
        found = told(healthy(), word).vip(V2)
        assert (found.before, found.after, found.outage, found.takeover) == (TWO, TWO, Span(0.0, 0.0), None), word


def test_keepalived_2_takes_over_3_04_s_after_its_interface_went_down() -> None:
    assert contains(told(healthy(), f"{ONE}:eth0").vip(V1).takeover, 3.04)


@pytest.mark.parametrize(
    ("word", "measured"),
    [(f"{ONE}:keepalived", 1.61), (f"{ONE}:eth1", 1.61), (f"{ONE}:eth1", 4.61), (f"{ONE}:eth0", 4.06)],
)
def test_keepalived_1_needs_an_advert_more(word: str, measured: float) -> None:
    found = told(version(healthy(), 1, 3, 5), word).vip(V1)
    assert contains(found.takeover, measured), found.takeover
    assert contains(found.failback_outage, 1.0, 2.0)


def test_2_1_5_ignores_the_failing_script_of_an_owner_and_its_clients_are_lost() -> None:
    found = told(version(healthy(), 2, 1, 5), f"{ONE}:squid")
    vip = found.vip(V1)
    assert (vip.after, vip.serves, vip.lost, vip.outage) == (ONE, False, True, None)
    assert any("2.1.5 with priority 255" in w for w in vip.why)
    states = {(i.node, i.name): i.state for i in found.instances}
    assert states[ONE, "proxy_ip1"] is MASTER
    assert states[ONE, "proxy_ip2"] is FAULT


def test_an_owner_whose_script_keepalived_dropped_is_named_as_the_reason() -> None:
    play = version(healthy(), 2, 1, 5).read(
        ONE,
        daemon(
            instance("proxy_ip1", MASTER, 255, tracked_scripts=(), tracked_interfaces=()),
            instance("proxy_ip2", BACKUP, 100),
        ),
    )
    vip = told(play, f"{ONE}:squid").vip(V1)
    assert (vip.after, vip.lost) == (ONE, True)
    assert vip.not_served_because[0] == (
        f"proxy_ip1 on {ONE} does not watch chk_squid_service, which keepalived 2.1 ignores with priority 255"
    )
    moved = told(play, f"{ONE}:eth1").vip(V1)
    assert moved.after == TWO and moved.not_served_because == ()  # its dump leaves the link out, and it watches it


def test_2_1_5_follows_the_link_and_254_follows_the_script() -> None:
    assert told(version(healthy(), 2, 1, 5), f"{ONE}:eth1").vip(V1).after == TWO
    assert told(version(lossless(), 2, 1, 5), f"{ONE}:squid").vip(V1).after == TWO


def test_another_2_1_was_not_measured_and_an_unread_version_may_be_2_1_5() -> None:
    other = told(version(healthy(), 2, 1, 3), f"{ONE}:squid").vip(V1)
    assert (other.after, other.known) == (None, False)
    play = healthy().read(ONE, VersionsReading(keepalived=None))
    assert "version was not read" in (told(play, f"{ONE}:squid").vip(V1).unknown or "")


# --- drains ---------------------------------------------------------------------------------------------------


def test_a_lossless_drain_loses_nothing_and_takes_2_6_to_3_6_seconds() -> None:
    found = forecast(lossless().picture(), [drain(ONE, -200)])
    vip = found.vip(V1)
    assert (vip.after, vip.outage, vip.failback_outage) == (TWO, Span(0.0, 0.0), Span(0.0, 0.0))
    assert contains(vip.takeover, 2.63, 3.6)
    by_name = {(i.node, i.name): i for i in found.instances}
    assert by_name[ONE, "proxy_ip1"].effective_priority == 54
    assert by_name[ONE, "proxy_ip1"].state is BACKUP
    assert by_name[ONE, "proxy_ip2"].effective_priority == 1


def test_a_drain_that_leaves_the_priority_above_the_peers_moves_nothing() -> None:
    assert forecast(lossless().picture(), [drain(ONE, -154)]).vip(V1).after == ONE  # a tie leaves the master alone
    assert forecast(lossless().picture(), [drain(ONE, -155)]).vip(V1).after == TWO


def test_254_below_is_fault_and_costs_the_skew() -> None:
    vip = forecast(lossless().picture(), [drain(ONE, -254)]).vip(V1)
    assert vip.after == TWO
    assert contains(vip.outage, 0.65)


def test_255_with_a_track_file_goes_to_fault() -> None:
    play = lossless()
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(ONE, pair_daemon(ONE, tracked_files=files))
    vip = forecast(play.picture(), [drain(ONE, -200)]).vip(V1)
    assert contains(vip.outage, 0.65)


def test_keepalived_1_drains_with_a_gap_of_two_seconds() -> None:
    vip = forecast(version(lossless(), 1, 3, 5).picture(), [drain(ONE, -200)]).vip(V1)
    assert contains(vip.outage, 2.0)


def test_ending_a_drain_brings_the_vip_back_without_loss() -> None:
    play = lossless(-200).moved(f"{V1}/24", ONE, TWO).wait(2.0)
    files = (TrackedFile(name="haconsole_drain", value=-200, weight=1),)
    play.read(
        ONE,
        daemon(
            instance("proxy_ip1", BACKUP, 254, effective_priority=54, tracked_files=files),
            instance("proxy_ip2", BACKUP, 100, effective_priority=1, tracked_files=files),
        ),
    )
    zero = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(
        TWO,
        daemon(
            instance("proxy_ip1", MASTER, 100, tracked_files=zero),
            instance("proxy_ip2", MASTER, 254, tracked_files=zero),
        ),
    )
    vip = forecast(play.picture(), [drain(ONE, -200, restored=True)]).vip(V1)
    assert (vip.before, vip.after, vip.outage) == (TWO, ONE, Span(0.0, 0.0))
    assert contains(vip.takeover, 2.6)


def test_a_drain_moves_nothing_where_the_peer_has_nopreempt() -> None:
    play = lossless()
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(
        TWO,
        daemon(
            instance("proxy_ip1", BACKUP, 100, preempt=False, tracked_files=files),
            instance("proxy_ip2", MASTER, 254, tracked_files=files),
        ),
    )
    assert forecast(play.picture(), [drain(ONE, -200)]).vip(V1).after == ONE


def test_preempt_delay_makes_a_drain_later_but_not_a_takeover_from_the_dead() -> None:
    play = lossless()
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(
        TWO,
        daemon(
            instance("proxy_ip1", BACKUP, 100, preempt_delay_s=30.0, tracked_files=files),
            instance("proxy_ip2", MASTER, 254, tracked_files=files),
        ),
    )
    takeover = forecast(play.picture(), [drain(ONE, -200)]).vip(V1).takeover
    assert takeover is not None and takeover.low >= 30.0
    assert contains(told(play, f"{ONE}:eth1").vip(V1).takeover, 0.61)


# --- timers ---------------------------------------------------------------------------------------------------


def test_v3_scales_skew_by_the_interval_and_v2_does_not() -> None:
    for number, expected in ((2, 156 / 256), (3, 156 / 256 * 5)):
        play = healthy()
        for node in (ONE, TWO):
            play.read(node, pair_daemon(node, version=number, advert_interval_s=5.0))
        found = told(play, f"{ONE}:eth1").vip(V1).takeover
        assert found is not None and found.low == pytest.approx(expected)


def test_a_script_that_must_fail_three_times_tells_two_intervals_later() -> None:
    text = CONF.format(one=255, two=100).replace("interval 3", "interval 3\n fall 3")
    slow = told(healthy().read(ONE, config(ONE, text)), f"{ONE}:squid").vip(V1).outage
    quick = told(healthy(), f"{ONE}:squid").vip(V1).outage
    assert slow is not None and quick is not None
    assert slow.low == pytest.approx(quick.low + 6.0)


@pytest.mark.parametrize(("lifetime_s", "measured"), [(1.0, (2.13, 3.01)), (5.0, (6.16, 7.01))])
def test_squid_ends_one_to_two_seconds_after_its_shutdown_lifetime(
    lifetime_s: float, measured: tuple[float, ...]
) -> None:
    assert contains(slack(squid_ends(lifetime_s)), *measured)
    assert squid_ends(None) == Span(0.0, None)


def test_without_squids_shutdown_lifetime_the_upper_end_is_not_known() -> None:
    picture = healthy().picture()
    found = forecast(picture, [change(f"{ONE}:squid", picture)]).vip(V1)
    assert found.after == TWO
    assert found.outage is not None and found.outage.high is None


def test_squids_own_file_closes_the_range_and_what_is_supposed_goes_before_it() -> None:
    read = SquidShutdown(lifetime_s=5.0, text="/etc/squid/squid.conf: shutdown_lifetime 5 seconds")
    picture = healthy().read(ONE, replace(squid(), shutdown=read)).picture()
    stopped = [change(f"{ONE}:squid", picture)]
    found = forecast(picture, stopped).vip(V1)
    assert found.outage == forecast(picture, stopped, Assumed(shutdown_lifetime_s=5.0)).vip(V1).outage
    assert "shutdown_lifetime 5 s: /etc/squid/squid.conf" in " ".join(found.why)
    assert forecast(picture, stopped, LAB).vip(V1).outage != found.outage
    other = forecast(picture, [change(f"{TWO}:squid", picture)])
    assert "is not known: squid.conf was not read" in " ".join(other.vip(V2).why)
    assert other.vip(V2).outage is not None and other.vip(V2).outage.high is None


def test_a_weighted_script_lowers_and_its_clients_wait_all_the_while() -> None:
    play = lossless()
    scripts = (TrackedScript(name="chk_squid_service", ok=True, weight=-200),)
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(
        ONE,
        daemon(
            instance("proxy_ip1", MASTER, 254, tracked_scripts=scripts, tracked_files=files),
            instance("proxy_ip2", BACKUP, 100, tracked_scripts=scripts, tracked_files=files),
        ),
    )
    found = told(play, f"{ONE}:squid").vip(V1)
    assert found.after == TWO
    assert found.outage is not None and found.outage.low == pytest.approx(2.0 + 2 + 156 / 256)


# --- who is left ----------------------------------------------------------------------------------------------


def test_both_nodes_gone_is_a_total_loss() -> None:
    found = told(healthy(), ONE, TWO)
    assert {v.address for v in found.lost} == {V1, V2}
    assert all(v.nobody and v.able == () for v in found.vips)


def test_several_changes_add_up() -> None:
    found = told(healthy(), f"{ONE}:squid", f"{TWO}:eth1")
    assert all(v.nobody for v in found.vips)


def test_redundancy_afterwards_is_the_one_node_left() -> None:
    assert told(healthy(), f"{ONE}:eth1").vip(V2).able == (TWO,)
    assert told(healthy()).vip(V2).able == (ONE, TWO)


def test_of_three_nodes_the_next_priority_takes_over() -> None:
    assert told(healthy(spec(nodes=3)), ONE, TWO).vip(V1).after == THREE


def test_an_untracked_public_link_leaves_the_vip_and_loses_its_clients() -> None:
    play = healthy().read(ONE, pair_daemon(ONE, tracked_interfaces=()))
    vip = told(play, f"{ONE}:public").vip(V1)
    assert (vip.after, vip.serves, vip.lost) == (ONE, False, True)


def test_with_nopreempt_nothing_comes_back() -> None:
    play = healthy()
    play.read(ONE, daemon(instance("proxy_ip1", MASTER, 200, preempt=False), instance("proxy_ip2", BACKUP, 100)))
    vip = told(play, f"{ONE}:eth1").vip(V1)
    assert vip.after == TWO
    assert vip.failback_outage is None
    assert any("nopreempt" in w for w in vip.why)


def test_both_loads_come_together() -> None:
    play = healthy().read(TWO, SquidCounters(requests_per_s=8.0))
    loads = {x.node: (x.now, x.after) for x in told(play, f"{ONE}:eth1").loads}
    assert loads == {ONE: (42.0, 0.0), TWO: (8.0, 50.0)}


def test_what_comes_back_takes_its_vip_again() -> None:
    play = healthy().link(ONE, "eth1", up=False, carrier=False).moved(f"{V1}/24", ONE, TWO)
    play.read(TWO, pair_daemon(TWO, one=MASTER)).read(ONE, pair_daemon(ONE, one=FAULT, two=FAULT)).wait(3.0)
    up = Change(node=ONE, thing=Thing.LINK, interface="eth1", restored=True)
    vip = forecast(play.picture(), [up]).vip(V1)
    assert (vip.before, vip.after) == (TWO, ONE)
    assert contains(vip.takeover, 3.004)
    assert contains(vip.outage, 0.0, 0.046)


def test_an_owner_that_starts_is_master_at_once() -> None:
    play = healthy().moved(f"{V1}/24", ONE, TWO).read(TWO, pair_daemon(TWO, one=MASTER))
    play.wait(3.0).read(ONE, units(unit("keepalived", active=False)))
    assert forecast(play.picture()).vip(V1).after == TWO
    start = Change(node=ONE, thing=Thing.KEEPALIVED, restored=True)
    vip = forecast(play.picture(), [start]).vip(V1)
    assert vip.after == ONE
    assert vip.takeover is not None and vip.takeover.low == 0.0


# --- what is not known ----------------------------------------------------------------------------------------


def test_an_unreadable_peer_makes_the_takeover_unknown_but_not_what_stays() -> None:
    play = healthy().phase(TWO, Phase.WAITING, problem(ProblemKind.CONNECTION_REFUSED))
    vip = told(play, f"{ONE}:eth1").vip(V1)
    assert (vip.after, vip.nobody, vip.outage) == (None, False, None)
    assert TWO in (vip.unknown or "")
    assert told(play).vip(V1).after == ONE


def test_a_configuration_that_was_not_read_leaves_it_open_whether_a_script_watches_squid() -> None:
    play = healthy()
    state = replace(play.state.nodes[ONE], config=None)
    play.state = replace(play.state, nodes={**play.state.nodes, ONE: state})
    assert "watches squid is not known" in (told(play, f"{ONE}:squid").vip(V1).unknown or "")


def test_a_split_is_not_forecast() -> None:
    play = healthy().added(TWO, f"{V1}/24").read(TWO, pair_daemon(TWO, one=MASTER)).wait(3.0).beat()
    vip = told(play).vip(V1)
    assert (vip.before, vip.after, vip.known) == (None, None, False)
    assert told(play, TWO).vip(V1).after == ONE


def test_a_priority_that_the_weights_do_not_explain_is_not_computed_on() -> None:
    play = lossless()
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    play.read(
        ONE,
        daemon(
            instance("proxy_ip1", MASTER, 254, effective_priority=200, tracked_files=files),
            instance("proxy_ip2", BACKUP, 100, tracked_files=files),
        ),
    )
    assert forecast(play.picture(), [drain(ONE, -200)]).vip(V1).known is False


@given(st.sampled_from([ONE, TWO]), st.data())
def test_nothing_is_claimed_of_a_vip_that_must_move_to_a_node_that_cannot_be_read(
    lost: str, data: st.DataObject
) -> None:
    other = TWO if lost == ONE else ONE
    picture = healthy().phase(other, Phase.WAITING, problem(ProblemKind.CONNECTION_REFUSED)).picture()
    some = data.draw(st.sampled_from([c for c in single_failures(picture) if c.node == lost]))
    for vip in forecast(picture, [some], LAB).vips:
        assert vip.after != other
        assert vip.before != lost or vip.after is None


def test_every_single_failure_of_a_healthy_pair_is_known() -> None:
    found = each_failure(healthy().picture(), LAB)
    assert [f.changes[0].word for f in found[:5]] == [
        ONE,
        f"{ONE}:eth0",
        f"{ONE}:eth1",
        f"{ONE}:squid",
        f"{ONE}:keepalived",
    ]
    assert all(v.known and v.serves for f in found for v in f.vips)


def test_an_address_that_a_dead_keepalived_left_behind_is_not_forecast() -> None:
    play = healthy().added(TWO, f"{V1}/24").read(TWO, pair_daemon(TWO, one=MASTER))
    play.read(ONE, units(unit("keepalived", active=False))).wait(3.0).beat()
    vip = told(play).vip(V1)
    assert (vip.after, vip.known) == (None, False)
    assert "keepalived does not run on proxy-serv01" in (vip.unknown or "")
    assert told(play, ONE).vip(V1).after == TWO


def test_a_v3_backup_goes_by_its_masters_interval() -> None:
    play = healthy().read(ONE, pair_daemon(ONE, version=3, advert_interval_s=2.0))
    play.read(TWO, pair_daemon(TWO, version=3, advert_interval_s=1.0))
    takeover = told(play, f"{ONE}:eth0").vip(V1).takeover
    assert takeover is not None and takeover.low == pytest.approx(2 * 2.0 + 2.0 * 156 / 256)


def test_1_3_5_tells_no_effective_priority_and_it_is_reckoned_from_the_weights() -> None:
    play = version(healthy(), 1, 3, 5)
    for node, states, priorities in ((ONE, (MASTER, BACKUP), (200, 100)), (TWO, (BACKUP, MASTER), (100, 200))):
        read = (
            instance(f"proxy_ip{i}", s, p, effective_priority=None)
            for i, s, p in zip((1, 2), states, priorities, strict=True)
        )
        play.read(node, daemon(*read))
    vip = told(play, f"{ONE}:keepalived").vip(V1)
    assert vip.after == TWO
    assert contains(vip.failback_outage, 2.0)


# --- names ----------------------------------------------------------------------------------------------------


def test_names_of_nodes_and_interfaces_are_checked_and_the_nearest_is_said() -> None:
    picture = healthy().read(ONE, kernel(ONE, "192.168.2.101", links=[link("bond0.7")])).picture()
    assert without([picture], f"{ONE}:bond0.7")[1].interface == "bond0.7"
    with pytest.raises(UnknownNameError, match="did you mean 'proxy-serv01'"):
        without([picture], "proxy-srv01")
    with pytest.raises(UnknownNameError, match="did you mean 'eth1'"):
        without([picture], f"{ONE}:eth11")
    with pytest.raises(UnknownNameError, match="did you mean 'squid'"):
        without([picture], f"{ONE}:sqiud")


def test_a_vip_bound_squid_on_the_peer_does_not_serve() -> None:
    play = healthy().read(TWO, squid("192.168.2.102:3128"))
    vip = told(play, f"{ONE}:eth1").vip(V1)
    assert (vip.after, vip.serves, vip.lost) == (TWO, False, True)
