"""Rules that read keepalived's own log: checks that cannot run, adverts that it discards, time it did not get."""

from __future__ import annotations

import pytest

from haconsole.model.findings import Severity
from haconsole.model.readings import TrackedScript
from tests.unit.cluster.builders import (
    CONF,
    MASTER,
    ONE,
    T0,
    TWO,
    Play,
    config,
    faulty,
    healthy,
    moved_to_two,
    pair_daemon,
    squid,
    unit,
    units,
)

NAME = "chk_squid_service"
FAILED = f"VRRP_Script({NAME}) failed"
OWN = CONF.format(one=255, two=100).replace("/usr/sbin/squid -k check", "/usr/local/bin/check")


def failing(words: str) -> Play:
    """The check fails with these words, and the node is in FAULT for it."""
    return moved_to_two(healthy().log(ONE, words)).read(ONE, config(ONE, OWN), faulty({NAME: False}))


@pytest.mark.parametrize(
    ("words", "id_", "told"),
    [
        (
            f"{FAILED} (exited with status 126)",
            "check-cannot-run",
            "(may not be executed): it fails whatever squid does",
        ),
        (f"{FAILED} (exited with status 127)", "check-cannot-run", "(is not there): it fails whatever squid does"),
        (f"VRRP_Script({NAME}) timed_out", "check-timed-out", "does not end in time"),
        (f"VRRP_Script({NAME}) timed out", "check-timed-out", "does not end in time"),
    ],
)
def test_a_check_that_fails_for_its_own_sake(words: str, id_: str, told: str) -> None:
    play = failing(words)
    found = play.one(id_)
    assert (found.severity, found.node, found.instance, found.follows_from) == (Severity.WARNING, ONE, NAME, None)
    assert told in found.summary
    assert [e.source for e in found.evidence] == [f"keepalived's log on {ONE}", f"keepalived.conf on {ONE}"]
    assert "/usr/local/bin/check" in (found.remedy or "")
    assert play.one("instance-fault").follows_from == found.key


EXEC = "Error exec-ing command '/usr/local/bin/check', error 13: Permission denied"


def test_a_check_that_keepalived_cannot_run_passes_as_far_as_it_is_concerned() -> None:
    """As 2.2.7 does: it says so at every run, and the instance stays as it is."""
    play = healthy().read(ONE, config(ONE, OWN)).log(ONE, EXEC)
    found = play.one("check-cannot-run")
    assert (found.severity, found.node, found.instance) == (Severity.WARNING, ONE, NAME)
    assert "(Permission denied): it takes that for success, a dead squid would move nothing" in found.summary
    assert "ls -l /usr/local/bin/check" in (found.remedy or "")
    failed = healthy().read(ONE, config(ONE, OWN), faulty({NAME: False})).log(ONE, EXEC)
    assert "it fails whatever squid does" in failed.one("check-cannot-run").summary
    bare = healthy().read(ONE, config(ONE, OWN), pair_daemon(ONE, tracked_scripts=())).log(ONE, EXEC)
    assert "whether it counts as failed is not known" in bare.one("check-cannot-run").summary
    assert "check-cannot-run" not in play.later(40.0).ids(), "it is said again and again: now it is over"
    assert "check-cannot-run" not in healthy().log(ONE, EXEC).ids(), "a command of no check that is configured"


def test_a_check_that_ran_again_is_quiet() -> None:
    for words in (f"{FAILED} (exited with status 126)", f"VRRP_Script({NAME}) timed_out"):
        play = failing(words).wait(3.0).log(ONE, f"VRRP_Script({NAME}) succeeded")
        assert not {"check-cannot-run", "check-timed-out"} & set(play.ids())


def test_a_check_that_says_no_is_no_check_that_cannot_run() -> None:
    assert not {"check-cannot-run", "check-timed-out"} & set(failing(f"{FAILED} (exited with status 1)").ids())


def test_what_an_earlier_daemon_or_somebody_else_said_does_not_count() -> None:
    line = f"{FAILED} (exited with status 126)"
    play = healthy().log(ONE, line).wait(5.0)
    play.read(ONE, units(unit("keepalived", since=play.now - 2.0), at=play.now))
    assert "check-cannot-run" not in play.ids()
    assert "check-cannot-run" not in healthy().log(ONE, line, trusted=False).ids()


# --- disabled at the start ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"Disabling track script {NAME} due to insecure", "due to insecure"),
        (f"Disabling track script {NAME} since not found/accessible", "since not found/accessible"),
        (
            "WARNING - script '/usr/local/bin/check' is not executable for uid:gid 0:0 - disabling.",
            "since it is not executable for uid:gid 0:0",
        ),
        (f"(proxy_ip1) track script {NAME} not found, ignoring...", "since it is not defined"),
    ],
)
def test_a_check_that_keepalived_goes_on_without(words: str, why: str) -> None:
    play = healthy().read(ONE, config(ONE, OWN)).log(ONE, words).read(ONE, pair_daemon(ONE, tracked_scripts=()))
    found = play.one("check-disabled")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert found.summary == f"proxy-serv01: keepalived runs without the check {NAME} ({why})"
    assert {f.follows_from for f in play.all("tracking-ignored")} == {found.key}


def test_a_reload_since_then_makes_it_old() -> None:
    play = healthy().log(ONE, f"Disabling track script {NAME} due to insecure").wait(1.0).log(ONE, "Reloading ...")
    assert "check-disabled" not in play.ids()


# --- starved -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "age", "fires"), [("4.250000", 30.0, True), ("0.400000", 30.0, False), ("4.250000", 700.0, False)]
)
def test_a_keepalived_that_did_not_get_to_run(seconds: str, age: float, fires: bool) -> None:
    play = healthy().log(ONE, f"A thread timer expired {seconds} seconds ago").later(age)
    assert ("keepalived-starved" in play.ids()) is fires
    if fires:
        assert play.one("keepalived-starved").summary == "proxy-serv01: keepalived did not get to run for 4.2 s"


# --- adverts that it hears and discards ------------------------------------------------------------


def discarding(words: str) -> Play:
    return healthy().wait(20.0).refresh().log(TWO, f"(proxy_ip1) {words}")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("received an invalid passwd!", "the password is another"),
        ("received a 0 auth, expecting 1!", "received a 0 auth, expecting 1!"),
        ("received an unexpected ip number count 1, expected 2!", "unexpected ip number count 1"),
        ("advertisement interval mismatch with 192.168.2.251 mine=3 sec rcv'd=1 sec", "interval mismatch"),
        ("Invalid VRRPv2 checksum", "Invalid VRRPv2 checksum"),
        ("missing authentication trailer from 192.168.2.251", "missing authentication trailer"),
        ("invalid authentication HMAC from 192.168.2.251", "invalid authentication HMAC"),
        ("unknown authentication key id 7 from 192.168.2.251", "unknown authentication key id 7"),
    ],
)
def test_adverts_that_keepalived_says_it_does_not_take(words: str, why: str) -> None:
    play = discarding(words).read(TWO, pair_daemon(TWO, one=MASTER))
    found = play.one("adverts-discarded")
    assert (found.severity, [e.source for e in found.evidence]) == (Severity.WARNING, [f"keepalived's log on {TWO}"])
    assert found.summary.startswith(f"{TWO} does not take the adverts of proxy_ip1") and why in found.summary
    assert play.one("two-masters").follows_from == found.key


def test_an_advert_that_is_too_old_for_auth_hmac_is_a_matter_of_clocks() -> None:
    """Words of 2.4's source (TRIAGE R19)."""
    words = "stale authentication trailer from 192.168.2.251, clock skew 9 sec exceeds window 5 sec"
    found = discarding(words).one("adverts-discarded")
    assert "stale authentication trailer" in found.summary and "clocks together first" in (found.remedy or "")
    near = "authentication clock skew 3 sec from 192.168.2.251 approaching window 5 sec"
    assert "adverts-discarded" not in discarding(near).ids(), "it was taken"


def test_it_is_over_when_keepalived_says_it_no_more() -> None:
    assert "adverts-discarded" not in discarding("received an invalid passwd!").later(12.0).ids()
    assert "adverts-discarded" not in discarding("received lower priority (100) advert").ids()


def test_a_stopped_keepalived_complains_of_nothing() -> None:
    play = failing(f"{FAILED} (exited with status 126)").read(ONE, units(unit("keepalived", active=False)))
    assert "check-cannot-run" not in play.ids()
    assert play.now > T0


def test_squid_s_end_explains_a_check_before_its_own_trouble_does() -> None:
    play = failing(f"VRRP_Script({NAME}) timed_out").read(ONE, config(ONE), faulty({NAME: False}))
    play.read(ONE, units(unit("squid", active=False)), squid("", check_ok=False))
    assert play.one("instance-fault").follows_from == f"squid-down/{ONE}//"
    assert TrackedScript(name=NAME, ok=False) in play.picture().node(ONE).instances[0].tracked_scripts  # type: ignore[index]
