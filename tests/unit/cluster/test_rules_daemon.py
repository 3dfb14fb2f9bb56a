"""Rules about keepalived as a service: down, not at boot, restarted, configuration, sources, flapping."""

from __future__ import annotations

import pytest

from haconsole.model.events import Subject
from haconsole.model.findings import Severity
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import ConfigTest, UnitReading
from tests.unit.cluster.builders import ONE, TWO, V1, Play, healthy, moved_to_two, pair_daemon, problem, unit, units

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


def test_the_words_of_1_3_5_count_too() -> None:
    play = healthy()
    for _ in range(3):
        play.wait(30.0).beat().log(TWO, "VRRP_Instance(proxy_ip2) Entering MASTER STATE")
    assert play.one("instance-flapping").node == TWO


def test_a_single_failover_is_no_flapping() -> None:
    assert "instance-flapping" not in moved_to_two(healthy()).ids()
    assert V1 in healthy().state.vips
