"""Rules about squid: down, not at boot, its check, its listening sockets."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.cluster.rules.common import covers
from haconsole.model.events import LogHeard, Subject
from haconsole.model.findings import Severity
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import LogLine, SquidCounters
from tests.unit.cluster.builders import (
    ONE,
    TWO,
    V1,
    V2,
    Play,
    healthy,
    listener,
    no_answer,
    problem,
    spec,
    squid,
    unit,
    units,
)


def test_squid_down() -> None:
    play = healthy()
    stopped = unit("squid", active=False, since=play.now - 40.0)
    found = play.read(ONE, units(stopped), squid("", check_ok=False, text="no running copy")).one("squid-down")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert found.summary == "proxy-serv01: squid is not running for 40 s"
    assert found.remedy is not None and "systemctl start squid" in found.remedy
    assert play.one("squid-check-failed").follows_from == found.key
    assert play.one("squid-not-listening").follows_from == found.key


def test_a_squid_that_hangs_is_told_at_its_node_and_explains_the_vip() -> None:
    play = healthy().wait(4.0).beat().probe(V1, no_answer("connected, but no answer within 2 s")).served(V2)
    assert not {"squid-not-answering", "origin-not-answering"} & set(play.ids()), "its cache manager is asked first"
    play.wait(3.0).beat().failed(ONE, Subject.SQUID_COUNTERS, problem(ProblemKind.TIMED_OUT, "no answer within 3 s"))
    found = play.one("squid-not-answering")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert "squid does not answer clients of 192.168.2.101 although its check is well" in found.summary
    assert {e.source for e in found.evidence} == {"client", f"squid on {ONE}"}
    assert play.one("vip-not-serving").follows_from == found.key
    assert play.verdict == "critical"


def test_a_squid_whose_cache_manager_answers_waits_for_its_origin() -> None:
    play = healthy().wait(4.0).beat().probe(V1, no_answer("no answer within 2 s")).probe(V2, no_answer("no answer"))
    play.wait(1.0).beat().read(ONE, SquidCounters(clients=5)).read(TWO, SquidCounters(clients=5))
    found = play.one("origin-not-answering")
    assert (found.severity, found.node) == (Severity.WARNING, None)
    assert "proxy-serv01 and proxy-serv02: squid answers its cache manager and not clients" in found.summary
    assert found.summary.endswith("what it fetches from does not answer (so it is through every VIP)")
    assert {f.follows_from for f in play.all("vip-not-serving")} == {found.key}
    assert "squid-not-answering" not in play.ids()
    assert "origin-not-answering" not in play.served(V1, V2).ids()


def test_a_cache_manager_that_may_not_be_asked_leaves_squid_to_blame() -> None:
    play = healthy().failed(ONE, Subject.SQUID_COUNTERS, problem(ProblemKind.NOT_PERMITTED)).wait(4.0).beat()
    assert play.probe(V1, no_answer("no answer within 2 s")).one("squid-not-answering").node == ONE


@pytest.mark.parametrize(
    ("error", "status"), [("connection refused", None), ("no route to the address", None), ("refused", 403), ("x", 503)]
)
def test_a_closed_port_a_cut_way_and_an_answer_are_no_hang(error: str, status: int | None) -> None:
    assert "squid-not-answering" not in healthy().wait(2.0).probe(V1, no_answer(error, status)).ids()


def test_nobody_is_blamed_for_a_vip_that_two_nodes_hold_or_a_port_that_is_closed() -> None:
    shared = healthy().added(TWO, f"{V1}/24").wait(2.0).beat().probe(V1, no_answer())
    assert "squid-not-answering" not in shared.ids()
    assert "squid-not-answering" not in healthy().read(ONE, squid("")).probe(V1, no_answer()).ids()


def test_a_squid_outside_of_its_unit_is_told_as_such() -> None:
    found = healthy().read(ONE, units(unit("squid", active=False))).one("squid-down")
    assert "yet somebody listens on port 3128" in found.summary


def test_a_squid_unit_that_systemd_does_not_know() -> None:
    found = healthy().read(ONE, units(unit("squid", active=False, loaded=False))).one("squid-down")
    assert "knows no unit squid" in found.summary


def test_squid_that_runs_or_is_not_known_is_quiet() -> None:
    assert "squid-down" not in healthy().ids()
    play = healthy().failed(ONE, Subject.UNITS, problem(ProblemKind.COMMAND_FAILED))
    assert "squid-down" not in play.ids()


@pytest.mark.parametrize(("enabled", "fires"), [(False, True), (True, False), (None, False)])
def test_not_started_at_boot(enabled: bool | None, fires: bool) -> None:
    play = healthy().read(ONE, units(unit("squid", enabled=enabled)))
    assert ("squid-not-enabled" in play.ids()) is fires


def test_restarted_by_systemd() -> None:
    play = healthy()
    play.read(ONE, units(unit("squid", since=play.now - 60.0, restarts=1)))
    assert "systemd restarted squid once" in play.one("squid-flapping").summary
    assert "squid-flapping" not in play.later(700.0).ids()


# --- squid-check-failed ---------------------------------------------------------------------


def test_the_check_fails_although_squid_serves() -> None:
    play = healthy().read(ONE, squid(check_ok=False, text="FATAL: Bungled squid.conf line 3"))
    found = play.one("squid-check-failed")
    assert "although squid listens" in found.summary and "Bungled squid.conf line 3" in found.summary
    assert found.severity is Severity.WARNING


def test_one_bad_configuration_on_both_nodes_is_told() -> None:
    play = healthy()
    for node in (ONE, TWO):
        play.read(node, squid(check_ok=False, text="Bungled"))
    assert "was one bad squid.conf brought to all?" in play.all("squid-check-failed")[0].summary


@pytest.mark.parametrize("ok", [True, None])
def test_the_check_is_quiet_when_good_or_unknown(ok: bool | None) -> None:
    assert "squid-check-failed" not in healthy().read(ONE, squid(check_ok=ok)).ids()


# --- squid-not-listening ----------------------------------------------------------------------


def test_nobody_listens_although_the_unit_is_active() -> None:
    play = healthy().read(ONE, squid("")).probe(V1, no_answer("connection refused"))
    found = play.one("squid-not-listening")
    assert (found.summary, found.follows_from) == ("proxy-serv01: nobody listens on port 3128", None)
    assert play.one("vip-not-serving").follows_from == found.key


def test_squid_on_particular_addresses_misses_a_vip_after_a_failover() -> None:
    play = healthy().read(ONE, squid("192.168.2.251:3128", "192.168.2.101:3128"))
    found = play.one("squid-not-listening")
    assert "not on 192.168.2.102: its clients would find a closed port after a failover" in found.summary
    assert found.remedy is not None and "ip_nonlocal_bind" in found.remedy


def test_squid_on_particular_addresses_misses_a_vip_that_is_here() -> None:
    play = healthy().read(ONE, squid("192.168.2.251:3128"))
    assert "192.168.2.101 is on this node now" in play.one("squid-not-listening").summary


def test_sockets_that_could_not_be_read_are_no_proof() -> None:
    play = healthy().read(ONE, replace(squid(), listening=None))
    play.failed(ONE, Subject.SQUID_SOCKETS, problem(ProblemKind.TOOL_MISSING))
    assert "squid-not-listening" not in play.ids()


@pytest.mark.parametrize(
    ("text", "vip", "expected"),
    [
        ("0.0.0.0:3128", "192.168.2.101", True),
        ("*:3128", "192.168.2.101", True),
        ("*:3128", "fd00::101", True),
        ("[::]:3128", "fd00::101", True),
        ("[::]:3128", "192.168.2.101", True),
        (":::3128", "192.168.2.101", True),
        ("0.0.0.0:3128", "fd00::101", False),
        ("192.168.2.101:3128", "192.168.2.101", True),
        ("192.168.2.251:3128", "192.168.2.101", False),
        ("[fd00::101]:3128", "fd00::101", True),
    ],
)
def test_which_socket_serves_which_address(text: str, vip: str, expected: bool) -> None:
    assert covers([listener(text)], ip_address(vip)) is expected


def test_an_ipv6_vip_needs_an_ipv6_socket() -> None:
    play = healthy(spec(vips=["fd00::101"])).served()
    found = play.all("squid-not-listening")
    assert len(found) == 2 and "not on fd00::101" in found[0].summary
    for node in (ONE, TWO):
        play.read(node, squid("*:3128"))
    assert "squid-not-listening" not in play.ids()


def test_all_vips_covered_is_quiet() -> None:
    play = healthy().read(ONE, squid(f"{V1}:3128", f"{V2}:3128"))
    assert "squid-not-listening" not in play.ids()


# --- a standby that hangs, workers that die -------------------------------------------------------

DIED = "Squid Parent: (squid-1) process 4711 exited due to signal 9 with status 0"
GIVEN_UP = (
    "Squid Parent: (squid-1) process 99 will not be restarted for 3600 seconds due to repeated, frequent failures"
)


def test_a_standby_s_squid_that_hangs_is_told_by_its_silent_cache_manager() -> None:
    play = healthy().failed(TWO, Subject.SQUID_COUNTERS, problem(ProblemKind.TIMED_OUT, f"{TWO}: no answer in 3 s"))
    found = play.one("squid-not-answering")
    assert found.node == TWO and "does not answer its own cache manager although its check is well" in found.summary
    assert play.one("no-redundancy").follows_from == found.key


@pytest.mark.parametrize("kind", [ProblemKind.NOT_PERMITTED, ProblemKind.NOT_RUNNING, ProblemKind.COMMAND_FAILED])
def test_a_cache_manager_that_refuses_is_no_hang(kind: ProblemKind) -> None:
    assert "squid-not-answering" not in healthy().failed(TWO, Subject.SQUID_COUNTERS, problem(kind)).ids()


def test_a_squid_that_has_just_started_has_time_to_answer() -> None:
    play = healthy().later(60.0)
    play.read(TWO, units(unit("squid", since=play.now - 4.0), at=play.now))
    play.failed(TWO, Subject.SQUID_COUNTERS, problem(ProblemKind.TIMED_OUT))
    assert "squid-not-answering" not in play.ids()


def squid_says(play: Play, text: str) -> Play:
    line = LogLine(program="squid", ident="squid", text=text, node_time_s=play.now)
    return play.event(LogHeard(node=ONE, at=play.now, line=line))


def test_workers_that_die_are_told_by_squid_s_parent() -> None:
    play = squid_says(squid_says(healthy(), DIED).wait(1.0), DIED)
    found = play.one("squid-worker-died")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert found.summary == "proxy-serv01: squid lost its worker 2 times (exited due to signal 9 with status 0)"
    assert len(found.evidence) == 2
    gone = squid_says(play.wait(1.0), GIVEN_UP).one("squid-worker-died")
    assert "gave its worker up" in gone.summary and "squid -k reconfigure" in (gone.remedy or "")


def test_an_orderly_end_an_old_death_and_one_before_the_last_start_are_quiet() -> None:
    assert "squid-worker-died" not in squid_says(healthy(), DIED.replace("due to signal 9 ", "")).ids()
    assert "squid-worker-died" not in squid_says(healthy(), DIED).later(700.0).ids()
    play = squid_says(healthy(), DIED).later(5.0)
    assert "squid-worker-died" not in play.read(ONE, units(unit("squid", since=play.now - 2.0), at=play.now)).ids()
