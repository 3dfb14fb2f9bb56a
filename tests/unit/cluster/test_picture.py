"""What may be believed, and for how long: staleness, the best witness of an instance, VIPs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model.events import Phase, Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import SquidCounters, StateSource, UnitsReading
from tests.unit.cluster.builders import (
    BACKUP,
    BOOT,
    CONF,
    FAULT,
    MASTER,
    ONE,
    TWO,
    V1,
    V2,
    Play,
    config,
    daemon,
    drained_daemon,
    healthy,
    instance,
    kernel,
    moved_to_two,
    no_answer,
    pair_daemon,
    problem,
    spec,
    squid,
    unit,
    units,
)

LOST = problem(ProblemKind.LINK_LOST, "proxy-serv01: lost")


def node(play: Play, name: str = ONE) -> NodePicture:
    return play.picture().node(name)


def vip(play: Play, index: int = 0) -> VipPicture:
    return play.picture().vips[index]


def inst(play: Play, name: str = "proxy_ip1", of: str = ONE) -> InstancePicture:
    return next(i for i in node(play, of).instances or () if i.name == name)


# --- what of a node is believed -----------------------------------------------------


def test_a_healthy_node_is_believed_whole() -> None:
    one = node(healthy())
    assert one.readable and not one.stale
    assert None not in (one.kernel, one.keepalived, one.squid_unit, one.instances, one.squid, one.config_test)
    assert one.keepalived_since == pytest.approx(BOOT)
    assert one.requests_per_s == 42.0


def test_a_silent_link_makes_everything_unknown() -> None:
    play = healthy().wait(7.5).beat(TWO)
    one = node(play)
    assert one.stale and not one.readable
    assert (one.kernel, one.instances, one.squid, one.clock, one.requests_per_s) == (None,) * 5
    assert one.age_s == pytest.approx(7.5)
    assert node(play, TWO).readable


def test_a_lost_link_makes_everything_unknown_and_says_why() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST, retry_at=1.0)
    one = node(play)
    assert not one.readable and not one.stale
    assert one.problem == LOST
    assert one.kernel is None and one.instances is None


def test_a_value_of_an_earlier_connection_is_never_believed() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST).wait(1.0).phase(ONE, Phase.CONNECTED)
    one = node(play)
    assert one.readable
    assert (one.kernel, one.keepalived, one.instances, one.squid, one.clock) == (None,) * 5


def test_the_clock_is_known_again_with_the_first_beat_of_a_new_connection() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST).wait(1.0).phase(ONE, Phase.CONNECTED)
    assert node(play.wait(0.3).beat(ONE, trip=0.25)).clock is not None


@pytest.mark.parametrize(
    ("seconds", "gone"),
    [(19.0, set()), (21.0, {"keepalived", "squid_unit"}), (26.0, {"keepalived", "squid_unit", "squid"})],
)
def test_values_grow_old_each_at_its_own_pace(seconds: float, gone: set[str]) -> None:
    one = node(healthy().wait(seconds).beat())
    unknown = {n for n in ("keepalived", "squid_unit", "squid", "kernel", "config") if getattr(one, n) is None}
    assert unknown == gone


def test_units_are_told_apart_by_their_names_not_by_their_order() -> None:
    play = healthy()
    only_squid = UnitsReading(units={"squid": unit("squid", active=False)}, uptime_s=5.0)
    play.read(ONE, only_squid)
    assert node(play).keepalived is None
    assert node(play).squid_unit == unit("squid", active=False)


def test_other_names_of_services() -> None:
    cluster = spec(keepalived_service="keepalived-lan.service", squid_service="squid4")
    play = Play(cluster).connect()
    both = {"squid4": unit("squid4"), "keepalived-lan": unit("keepalived-lan")}
    play.read(ONE, UnitsReading(units=both, uptime_s=5.0))
    one = node(play)
    assert (one.keepalived, one.squid_unit) == (both["keepalived-lan"], both["squid4"])


def test_the_request_rate_is_our_own_difference_when_there_are_two_readings() -> None:
    play = healthy().read(ONE, SquidCounters(client_requests=1000, requests_per_s=9.0))
    assert (node(play).requests_per_s, node(play).rate_is_mean) == (9.0, True)
    play.wait(5.0).beat().read(ONE, SquidCounters(client_requests=1050, requests_per_s=9.0))
    assert node(play).requests_per_s == pytest.approx(10.0) and not node(play).rate_is_mean
    play.wait(5.0).beat().read(ONE, SquidCounters(client_requests=3, requests_per_s=0.5))  # squid was restarted
    assert node(play).requests_per_s == 0.5


def test_readings_say_when_they_were_had() -> None:
    play = healthy()
    at = play.now
    play.wait(3.0).read(ONE, units())
    one = node(play)
    assert (one.kernel_at, one.squid_at, one.units_at, one.config_test_at) == (at, at, at + 3.0, at)


# --- the state of an instance ----------------------------------------------------------


def test_the_dump_tells_the_state() -> None:
    found = inst(healthy())
    assert (found.state, found.state_source) == (MASTER, StateSource.DUMP)
    assert found.since == pytest.approx(BOOT, abs=0.1)


def test_a_newer_log_line_outranks_the_dump_until_the_next_one() -> None:
    play = healthy().wait(5.0).log(ONE, "(proxy_ip1) Entering FAULT STATE")
    assert (inst(play).state, inst(play).state_source, inst(play).since) == (FAULT, StateSource.LOG, play.now)
    play.wait(1.0).read(ONE, pair_daemon(ONE, one=FAULT))
    assert inst(play).state_source is StateSource.DUMP


def without_dump(play: Play) -> Play:
    return play.failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED))


def test_without_a_dump_the_log_tells() -> None:
    play = without_dump(healthy()).log(ONE, "(proxy_ip1) Entering MASTER STATE")
    found = inst(play)
    assert (found.state, found.state_source, found.priority) == (MASTER, StateSource.LOG, 255)
    assert found.effective_priority is None


def test_without_dump_and_log_addresses_hint_at_a_master_and_at_nothing_else() -> None:
    play = without_dump(healthy())
    assert (inst(play).state, inst(play).state_source) == (MASTER, StateSource.ADDRESSES)
    second = inst(play, "proxy_ip2")
    assert (second.state, second.state_source) == (None, StateSource.ADDRESSES)
    assert not inst(play).state_from_daemon


def test_a_stopped_daemon_has_no_state_whatever_dump_and_log_last_said() -> None:
    play = healthy().wait(1.0).log(ONE, "(proxy_ip1) Entering MASTER STATE")
    play.read(ONE, units(unit("keepalived", active=False)))
    found = inst(play)
    assert (found.state, found.state_source, found.vrid) == (None, None, 1)


def test_a_dump_of_the_daemon_before_the_restart_is_not_believed() -> None:
    play = healthy().wait(10.0).beat()
    play.read(ONE, units(unit("keepalived", since=play.now - 2.0), at=play.now))
    found = inst(play)
    assert found.state_source is StateSource.ADDRESSES
    play.wait(1.0).read(ONE, pair_daemon(ONE))
    assert inst(play).state_source is StateSource.DUMP


def test_a_log_line_of_the_daemon_before_the_restart_is_not_believed() -> None:
    play = without_dump(healthy()).log(ONE, "(proxy_ip2) Entering MASTER STATE").wait(10.0).beat()
    play.read(ONE, units(unit("keepalived", since=play.now - 2.0), at=play.now))
    assert inst(play, "proxy_ip2").state is None


def test_tracked_links_are_as_the_kernel_has_them_now() -> None:
    play = healthy().wait(1.0).link(ONE, "eth1", carrier=False)
    assert inst(play).tracked_interfaces[0].up is False


def test_without_any_witness_there_are_no_instances() -> None:
    play = without_dump(healthy()).failed(ONE, Subject.CONFIG, problem(ProblemKind.NOT_PERMITTED))
    assert node(play).instances is None


# --- VIPs ---------------------------------------------------------------------------------


def test_vips_come_as_configured_then_by_address() -> None:
    play = Play(spec(vips=["192.168.2.102"])).connect()
    assert [v.address for v in play.picture().vips] == [V2, V1]


def test_holders_masters_and_who_could_not_be_asked() -> None:
    play = healthy()
    assert (vip(play).holders, vip(play).masters, vip(play).unread) == ((ONE,), (ONE,), ())
    play.phase(ONE, Phase.WAITING, LOST)
    assert (vip(play).holders, vip(play).masters, vip(play).unread) == ((), (), (ONE,))
    play.phase(TWO, Phase.WAITING, LOST)
    assert (vip(play).holders, vip(play).masters, vip(play).unread) == (None, None, (ONE, TWO))


def test_a_client_s_answer_grows_old() -> None:
    play = healthy()
    assert vip(play).client is not None
    assert vip(play.wait(8.5).beat()).client is None
    assert len(vip(play).latencies_s) == 1


def test_a_hand_over_settles() -> None:
    play = healthy().wait(5.0).moved(f"{V1}/24", ONE, TWO)
    assert not vip(play).settled
    assert vip(play.wait(1.6)).settled
    assert vip(play).since == pytest.approx(play.now - 1.6)


def test_since_is_the_master_s_own_word_where_no_change_was_seen() -> None:
    assert vip(healthy()).since == pytest.approx(BOOT, abs=0.1)


def test_preferred_is_configured_or_the_highest_base_priority() -> None:
    assert [v.preferred for v in healthy().picture().vips] == [ONE, TWO]
    told = healthy(spec(vips=["192.168.2.101"], preferred=TWO))
    assert vip(told).preferred == TWO


def test_preferred_is_unknown_while_one_node_has_not_told_and_kept_when_it_falls_silent() -> None:
    assert vip(Play().connect(ONE)).preferred is None
    play = healthy().phase(ONE, Phase.WAITING, LOST)
    assert vip(play).preferred == ONE


def test_preferred_of_equals_is_unknown() -> None:
    play = healthy().read(TWO, daemon(instance("proxy_ip1", BACKUP, 255), instance("proxy_ip2", MASTER, 255)))
    assert vip(play).preferred is None


def test_prefix_and_vrid_come_from_instances_else_the_prefix_from_the_holder() -> None:
    play = healthy()
    assert (vip(play).prefix, vip(play).vrid) == (24, 1)
    bare = Play(spec(vips=["192.168.2.101"])).phase(ONE, Phase.CONNECTED).read(ONE, kernel(ONE, "192.168.2.101"))
    assert (vip(bare).prefix, vip(bare).vrid) == (24, None)


def test_an_ipv6_vip_is_like_any_other() -> None:
    text = CONF.format(one=255, two=100).replace("192.168.2.101/24 dev eth0 label eth0:1", "fd00:2::101/64")
    play = Play().phase(ONE, Phase.CONNECTED).read(ONE, kernel(ONE, "fd00:2::101/64"), config(ONE, text))
    found = play.picture().vips[-1]
    assert (found.address, found.prefix, found.holders) == (ip_address("fd00:2::101"), 64, (ONE,))


def test_the_drain_is_in_the_picture() -> None:
    play = moved_to_two(healthy()).read(ONE, drained_daemon())
    assert inst(play).tracked_files[0].value == -200
    assert (inst(play).priority, inst(play).effective_priority) == (254, 54)


def test_failures_are_those_of_the_present_connection() -> None:
    play = healthy().failed(ONE, Subject.SQUID_COUNTERS, problem(ProblemKind.NOT_PERMITTED))
    assert set(node(play).failed) == {Subject.SQUID_COUNTERS}
    play.phase(ONE, Phase.WAITING, LOST).phase(ONE, Phase.CONNECTED)
    assert node(play).failed == {}


def test_a_stopped_client_witness_keeps_its_history() -> None:
    play = healthy().wait(2.0).probe(V1, no_answer())
    assert vip(play).latencies_s == (0.003, None)
    assert vip(play).failed_since == play.now


def test_squid_s_two_halves() -> None:
    play = healthy().read(ONE, replace(squid(), listening=None))
    found = node(play).squid
    assert found is not None and found.listening is None and found.check_ok is True
