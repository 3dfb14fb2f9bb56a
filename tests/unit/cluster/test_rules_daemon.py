"""Rules about keepalived as a service: down, not at boot, restarted, configuration, sources, flapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from haconsole.model.events import LogHeard, Subject
from haconsole.model.findings import Severity
from haconsole.model.operation import NodeOperation, OperationLock
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import ConfigTest, UnitReading
from tests.unit.cluster.builders import (
    ONE,
    TWO,
    V1,
    Play,
    healthy,
    log_line,
    moved_to_two,
    pair_daemon,
    problem,
    unit,
    units,
)

DENIED = problem(ProblemKind.NOT_PERMITTED, "proxy-serv01: ops may not ask keepalived for its state", "permit it")


def with_unit(change: UnitReading, seconds: float = 60.0) -> Play:
    return healthy().wait(seconds).refresh().served().read(ONE, units(change, at=healthy().now + seconds))


# --- keepalived-down ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"),
    [("inactive", "is not running"), ("failed", "has failed"), ("activating", "is activating")],
)
def test_keepalived_down(state: str, words: str) -> None:
    play = healthy()
    stopped = unit("keepalived", active=False, active_state=state, sub_state="x", since=play.now - 200.0)
    found = play.read(ONE, units(stopped)).one("keepalived-down")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert f"keepalived {words} for 3 min" in found.summary
    assert found.remedy is not None and "systemctl start keepalived" in found.remedy
    assert found.evidence[0].at == pytest.approx(play.now - 200.0)


def test_a_unit_that_systemd_does_not_know() -> None:
    found = healthy().read(ONE, units(unit("keepalived", active=False, loaded=False))).one("keepalived-down")
    assert "knows no unit keepalived" in found.summary


def test_keepalived_that_runs_or_is_not_known_is_quiet() -> None:
    assert "keepalived-down" not in healthy().ids()
    play = healthy().failed(ONE, Subject.UNITS, problem(ProblemKind.COMMAND_FAILED))
    assert "keepalived-down" not in play.ids()


# --- keepalived-not-enabled, keepalived-flapping ---------------------------------------------


@pytest.mark.parametrize(("enabled", "fires"), [(False, True), (True, False), (None, False)])
def test_not_started_at_boot(enabled: bool | None, fires: bool) -> None:
    play = healthy().read(ONE, units(unit("keepalived", enabled=enabled)))
    assert ("keepalived-not-enabled" in play.ids()) is fires
    if fires:
        assert play.one("keepalived-not-enabled").remedy == f"on {ONE}: systemctl enable keepalived"


@pytest.mark.parametrize(
    ("restarts", "ago", "fires"), [(2, 60.0, True), (0, 60.0, False), (2, 900.0, False), (None, 60.0, False)]
)
def test_restarted_by_systemd(restarts: int | None, ago: float, fires: bool) -> None:
    play = healthy()
    play.read(ONE, units(unit("keepalived", since=play.now - ago, restarts=restarts)))
    assert ("keepalived-flapping" in play.ids()) is fires
    if fires:
        assert "2 times, the last time 1 min ago" in play.one("keepalived-flapping").summary


# --- config-test-failed -------------------------------------------------------------------


def test_a_configuration_that_does_not_pass() -> None:
    play = healthy().read(ONE, ConfigTest(ok=False, messages=("(Line 3) Unknown keyword 'vrp_instance'", "more")))
    found = play.one("config-test-failed")
    assert "Unknown keyword" in found.summary and len(found.evidence) == 2
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize("ok", [True, None])
def test_a_configuration_that_passes_or_could_not_be_tested_is_quiet(ok: bool | None) -> None:
    assert "config-test-failed" not in healthy().read(ONE, ConfigTest(ok=ok, why_unknown="timed out")).ids()


# --- state-source-weak -------------------------------------------------------------------------


def test_states_from_the_log_only() -> None:
    play = healthy().failed(ONE, Subject.DAEMON, DENIED)
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE").log(ONE, "(proxy_ip2) Entering BACKUP STATE")
    found = play.one("state-source-weak")
    assert "known only from its log" in found.summary
    assert found.follows_from == f"rights-missing/{ONE}//"
    assert (found.severity, play.verdict) == (Severity.INFO, "ok")


def test_states_guessed_from_addresses() -> None:
    found = healthy().failed(ONE, Subject.DAEMON, DENIED).one("state-source-weak")
    assert "guessed from its addresses (proxy_ip1 and proxy_ip2)" in found.summary


def test_sources_are_quiet_with_a_dump_and_without_a_daemon() -> None:
    play = healthy().wait(5.0).beat().log(ONE, "(proxy_ip1) Entering MASTER STATE")
    assert "state-source-weak" not in play.ids()
    play = healthy().failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_RUNNING))
    play.read(ONE, units(unit("keepalived", active=False)))
    assert "state-source-weak" not in play.ids()


# --- instance-flapping ------------------------------------------------------------------------


def flaps(times: int, every: float, *, trusted: bool = True) -> Play:
    play = healthy()
    for _ in range(times):
        play.wait(every).beat().log(ONE, "(proxy_ip1) Entering MASTER STATE", trusted=trusted)
    return play.read(ONE, pair_daemon(ONE)).served()


def test_master_again_and_again() -> None:
    found = flaps(4, 60.0).one("instance-flapping")
    assert (found.node, found.instance) == (ONE, "proxy_ip1")
    assert "became master of proxy_ip1 4 times within 10 minutes" in found.summary
    assert len(found.evidence) == 4
    assert found.since == found.evidence[0].at


def test_flapping_is_quiet_below_three_when_slow_and_for_forged_lines() -> None:
    assert "instance-flapping" not in flaps(2, 60.0).ids()
    assert "instance-flapping" not in flaps(4, 301.0).ids()
    assert "instance-flapping" not in flaps(4, 60.0, trusted=False).ids()


ARMED = NodeOperation(
    uptime_s=50.0, boot_id="b", saved="drill-1", revert="squid",
    lock=OperationLock(operation="drill-1", boot_id="b", expires_uptime_s=65, name="drill squid-stop", node=ONE),
)  # fmt: skip
FREE = NodeOperation(uptime_s=50.0, boot_id="b")
MASTER_LINE, FAILED_LINE = "(proxy_ip1) Entering MASTER STATE", "VRRP_Script(chk_squid_service) failed"


def hand_overs(told: Callable[[Play, bool], object], times: int = 4) -> Play:
    """The VIP goes over and comes back; told: just before each change (False: of it; True: of the way back)."""
    play = healthy()
    for _ in range(times):
        for node, back in ((TWO, False), (ONE, True)):
            play.wait(30.0).beat()
            told(play, back)
            play.wait(4.0).beat().log(node, MASTER_LINE)
    return play.refresh().served()


def operated(play: Play, back: bool) -> None:
    play.read(ONE, FREE if back else ARMED)


def stopped_and_started(play: Play, back: bool) -> None:
    what = "Started squid.service - Squid." if back else "Stopping squid.service - Squid..."
    play.event(LogHeard(node=ONE, at=play.now, line=replace(log_line(what, play.now), program="systemd", fact=None)))


@pytest.mark.parametrize("told", [
    operated, stopped_and_started, lambda play, back: play.log(ONE, f"Netlink reports eth1 {'up' if back else 'down'}"),
])  # fmt: skip
def test_what_somebody_did_or_a_link_explains_is_no_flapping(told: Callable[[Play, bool], object]) -> None:
    assert "instance-flapping" in hand_overs(lambda play, back: None).ids(), "nothing explains these"
    assert "instance-flapping" not in hand_overs(told).ids()


def test_an_operation_explains_what_changed_with_it_and_not_what_happens_while_it_lasts() -> None:
    play = healthy().read(ONE, ARMED)
    for _ in range(4):
        play.wait(30.0).beat().read(ONE, ARMED).log(ONE, MASTER_LINE)
    assert "instance-flapping" in play.refresh().served().ids()


@pytest.mark.parametrize(("during", "fires"), [(ARMED, False), (FREE, True)])
def test_checks_and_links_that_an_operation_took_down_do_not_flap(during: NodeOperation, fires: bool) -> None:
    play = healthy().read(ONE, FREE)
    for _ in range(4):
        play.wait(30.0).beat().read(ONE, during).wait(2.0).link(ONE, "eth1", carrier=False).log(ONE, FAILED_LINE)
        play.wait(20.0).read(ONE, FREE).link(ONE, "eth1").log(ONE, "VRRP_Script(chk_squid_service) succeeded")
    ids = play.refresh().served().ids()
    assert ("link-flapping" in ids, "check-flapping" in ids) == (fires, fires)


def link_flaps(play: Play, times: int = 4, *, kernel: bool = True) -> Play:
    """proxy-serv01's public link goes and comes, .101 with it."""
    for _ in range(times):
        play.wait(13.0).beat()
        if kernel:
            play.link(ONE, "eth1", carrier=False)
        play.log(ONE, "Netlink reports eth1 down").log(ONE, "(proxy_ip1) Entering FAULT STATE")
        play.log(TWO, "(proxy_ip1) Entering MASTER STATE").wait(13.0).beat()
        if kernel:
            play.link(ONE, "eth1")
        play.log(ONE, "Netlink reports eth1 up").log(ONE, "(proxy_ip1) Entering MASTER STATE")
    return play.refresh().read(ONE, pair_daemon(ONE)).served()


@pytest.mark.parametrize("kernel", [True, False])
def test_masters_that_change_with_a_link_that_flaps_are_told_as_the_link(kernel: bool) -> None:
    play = link_flaps(healthy(), kernel=kernel)
    cause = play.one("link-flapping")
    assert f"haconsole node drain {cause.node}" in (cause.remedy or "") and "ethtool -S" in (cause.remedy or "")
    assert cause.summary == "proxy-serv01: public link eth1 went down 4 times within 10 minutes"
    assert [f.id for f in play.findings()] == ["link-flapping"]
    assert "link-flapping" not in link_flaps(healthy(), times=2, kernel=kernel).ids()


def test_a_link_that_flapped_and_is_down_now_is_the_root_of_it_all() -> None:
    play = link_flaps(healthy()).wait(1.0).link(ONE, "eth1", carrier=False).served()
    assert play.one("link-flapping").follows_from == play.one("link-down").key
    assert "instance-flapping" not in play.ids()


def test_masters_that_flap_with_a_check_follow_from_it() -> None:
    play = healthy()
    for _ in range(3):
        play.wait(20.0).beat().log(ONE, "VRRP_Script(chk_squid_service) failed (exited with status 1)")
        play.log(TWO, "(proxy_ip1) Entering MASTER STATE").wait(5.0)
        play.log(ONE, "VRRP_Script(chk_squid_service) succeeded")
    play.refresh().served()
    cause = play.one("check-flapping")
    assert cause.summary == "proxy-serv01: the check chk_squid_service went down 3 times within 10 minutes"
    assert play.one("instance-flapping").follows_from == cause.key


def test_a_check_that_fails_again_and_again_without_coming_back_does_not_flap() -> None:
    play = healthy()
    for _ in range(5):
        play.wait(3.0).log(ONE, "VRRP_Script(chk_squid_service) failed (exited with status 1)")
    assert "check-flapping" not in play.ids()


def test_a_link_that_went_down_at_another_time_explains_nothing() -> None:
    play = link_flaps(healthy(), times=2).wait(700.0).beat()
    for _ in range(4):
        play.wait(30.0).beat().log(ONE, "(proxy_ip1) Entering MASTER STATE")
    play.refresh().served()
    assert play.one("instance-flapping").follows_from is None


# --- adverts-blocked ----------------------------------------------------------------------------


BLOCKED = "(proxy_ip1): send advert error 1 (Operation not permitted)"


def blocked(play: Play, text: str = BLOCKED, seconds: int = 5, *, trusted: bool = True) -> Play:
    """keepalived says it with every advert; proxy-serv02 hears none and becomes master too."""
    play.wait(1.0).added(TWO, f"{V1}/24").log(TWO, "(proxy_ip1) Entering MASTER STATE")
    for _ in range(seconds):
        play.wait(1.0).beat().log(ONE, text, trusted=trusted)
    return play.served()


def test_a_firewall_of_its_own_that_keeps_adverts_in_is_told_without_the_wire() -> None:
    play = blocked(healthy())
    found = play.one("adverts-blocked")
    assert found.summary == (
        "proxy-serv01 cannot send adverts of proxy_ip1: its own firewall drops VRRP on the way out "
        "(Operation not permitted)"
    )
    assert [(e.source, e.text) for e in found.evidence] == [(f"keepalived's log on {ONE}", BLOCKED)]
    assert found.remedy is not None
    assert "iptables -S OUTPUT" in found.remedy and "nft list ruleset" in found.remedy
    assert play.one("two-masters").follows_from == found.key
    assert [f.id for f in play.findings() if f.follows_from is None] == ["adverts-blocked"]


def test_other_errors_of_sending_are_no_firewall() -> None:
    found = blocked(healthy(), "(proxy_ip1): send advert error 100 (Network is down)").one("adverts-blocked")
    assert "Network is down" in found.summary and "firewall" not in found.summary


def test_sending_that_works_again_or_a_forged_line_is_quiet() -> None:
    assert "adverts-blocked" not in blocked(healthy()).later(10.0).ids()
    assert "adverts-blocked" not in blocked(healthy(), trusted=False).ids()


def test_the_words_of_1_3_5_count_too() -> None:
    play = healthy()
    for _ in range(3):
        play.wait(30.0).beat().log(TWO, "VRRP_Instance(proxy_ip2) Entering MASTER STATE")
    assert play.one("instance-flapping").node == TWO


def test_a_single_failover_is_no_flapping() -> None:
    assert "instance-flapping" not in moved_to_two(healthy()).ids()
    assert V1 in healthy().state.vips


# --- keepalived-hung -------------------------------------------------------------------------------

NO_DUMP = Problem(
    kind=ProblemKind.COMMAND_FAILED, summary=f"{ONE}: keepalived's dump failed", detail="no new dump within 3 s"
)


def test_a_daemon_that_answered_and_answers_no_more_hangs_and_explains_the_split() -> None:
    play = healthy().added(TWO, f"{V1}/24").later(4.0).failed(ONE, Subject.DAEMON, NO_DUMP)
    found = play.one("keepalived-hung")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert found.summary == "proxy-serv01: keepalived runs and does not answer for 0 s"
    assert [e.text for e in found.evidence][1:] == ["no new dump within 3 s", "its last dump"]
    assert play.one("vip-held-by-several").follows_from == found.key
    assert "reading-failed" not in play.ids()


def test_a_daemon_that_never_answered_or_fails_otherwise_is_not_called_hung() -> None:
    fresh = healthy().later(30.0).wait(5.0)
    fresh.read(ONE, units(unit("keepalived", since=fresh.now), at=fresh.now)).beat().wait(3.0)
    fresh.failed(ONE, Subject.DAEMON, NO_DUMP)
    assert "keepalived-hung" not in fresh.ids()
    play = healthy().failed(ONE, Subject.DAEMON, replace(NO_DUMP, detail="no such unit"))
    assert "keepalived-hung" not in play.ids()
    stopped = healthy().read(ONE, units(unit("keepalived", active=False))).failed(ONE, Subject.DAEMON, NO_DUMP)
    assert "keepalived-hung" not in stopped.ids()
