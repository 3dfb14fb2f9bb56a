"""Rules about nodes: reach, links, rights, readings, clocks, redundancy."""

from __future__ import annotations

import pytest

from haconsole.model.events import Phase, Subject
from haconsole.model.findings import Severity
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import Rights
from tests.unit.cluster.builders import (
    BACKUP,
    FAULT,
    MASTER,
    ONE,
    THREE,
    TWO,
    V1,
    V2,
    Play,
    daemon,
    eth1_down,
    faulty,
    healthy,
    identity,
    instance,
    kernel,
    link,
    moved_to_two,
    pair_daemon,
    problem,
    spec,
    squid,
    unit,
    units,
)

REFUSED = problem(ProblemKind.CONNECTION_REFUSED, "proxy-serv01: 192.168.2.251:22 refused the connection", "start sshd")


# --- node-unreachable, node-stale, node-connecting ---------------------------------------------


def test_unreachable() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, REFUSED).wait(3.0).beat(TWO).served()
    found = play.one("node-unreachable")
    assert (found.severity, found.node) == (Severity.WARNING, ONE)
    assert (found.summary, found.remedy) == (REFUSED.summary, "start sshd")
    assert found.evidence[0].text == "proxy-serv01 was last heard 4 s ago"


def test_unreachable_stays_during_the_next_try() -> None:
    play = Play().connect(TWO).phase(ONE, Phase.WAITING, REFUSED).phase(ONE, Phase.CONNECTING)
    assert "node-unreachable" in play.ids() and "node-connecting" not in play.ids()


def test_unreachable_names_the_node_and_a_next_step_in_any_case() -> None:
    play = Play().connect(TWO).phase(ONE, Phase.WAITING, problem(ProblemKind.TIMED_OUT, "no answer", None))
    found = play.one("node-unreachable")
    assert found.summary == "proxy-serv01: no answer"
    assert (
        found.remedy
        == "try: ssh -v 192.168.2.251; from proxy-serv02: ping -c 3 192.168.2.251; else the node's own console"
    )
    assert "was never heard" in found.evidence[0].text


def test_stale() -> None:
    play = healthy().wait(8.0).beat(TWO).served()
    found = play.one("node-stale")
    assert found.summary == "proxy-serv01 is connected but silent for 8 s: nothing is known of it now"
    assert play.one("vip-holders-unknown").follows_from == found.key
    assert "node-unreachable" not in play.ids()


def test_connecting_is_unknown_and_no_trouble() -> None:
    play = Play().phase(ONE, Phase.CONNECTING)
    found = {f.node: f for f in play.all("node-connecting")}
    assert found[ONE].summary == "proxy-serv01 is being connected"
    assert found[TWO].summary == "proxy-serv02 is not tried yet"
    assert all(f.unknown and f.severity is Severity.INFO for f in found.values())


def test_a_node_that_has_not_told_everything_is_still_connecting() -> None:
    play = healthy().phase(ONE, Phase.WAITING, REFUSED).wait(1.0).phase(ONE, Phase.CONNECTED).beat(ONE)
    play.read(ONE, kernel(ONE, str(V1))).served()
    found = play.one("node-connecting")
    assert found.summary == "proxy-serv01 has not told everything yet: services, VRRP instances and squid not read"
    assert play.verdict == "unknown"


def test_what_failed_is_not_waited_for() -> None:
    play = healthy()
    for subject in (Subject.SQUID_CHECK, Subject.SQUID_SOCKETS):
        play.failed(ONE, subject, problem(ProblemKind.TOOL_MISSING))
    assert "node-connecting" not in play.ids()


def test_a_node_that_is_read_is_quiet() -> None:
    assert not {"node-unreachable", "node-stale", "node-connecting"} & set(healthy().ids())


# --- link-down -----------------------------------------------------------------------------------


def test_a_link_without_carrier() -> None:
    play = eth1_down(healthy())
    found = play.one("link-down")
    assert found.summary == "proxy-serv01: public link eth1 is down (no carrier)"
    assert found.evidence[0].at == pytest.approx(play.now - 3.602, abs=0.01)
    assert found.remedy is not None and "ip link set eth1 up" in found.remedy


def test_both_links_are_one_finding() -> None:
    play = healthy().read(ONE, kernel(ONE, links=[link("eth0", carrier=False), link("eth1", up=False)]))
    found = play.one("link-down")
    assert "LAN link eth0 is down (no carrier) and public link eth1 is down (switched off)" in found.summary


def test_a_watched_link_that_is_no_more() -> None:
    play = healthy().read(ONE, kernel(ONE, str(V1), without=["eth1"]))
    assert play.one("link-down").severity is Severity.WARNING


def test_an_interface_that_only_the_console_s_configuration_names_is_worth_knowing() -> None:
    bare = daemon(instance("proxy_ip1", MASTER, 255, tracked_interfaces=()))
    play = healthy().read(ONE, bare, kernel(ONE, str(V1), without=["eth1"]))
    found = play.one("link-down")
    assert (found.severity, found.summary) == (Severity.INFO, "proxy-serv01: there is no interface eth1")


def test_other_links_do_not_matter() -> None:
    play = healthy().read(ONE, kernel(ONE, str(V1), links=[link("eth7", carrier=False)]))
    assert "link-down" not in play.ids()


# --- rights-missing --------------------------------------------------------------------------------


def denied(text: str, remedy: str = "visudo") -> object:
    return problem(ProblemKind.NOT_PERMITTED, f"proxy-serv01: plain may not {text}", remedy)


def plain(play: Play) -> Play:
    play.read(ONE, identity("plain", Rights.PLAIN))
    for subject, text in ((Subject.DAEMON, "ask"), (Subject.LOG, "read"), (Subject.CONFIG_TEST, "test")):
        play.failed(ONE, subject, denied(text, f"permit {text}"))  # type: ignore[arg-type]
    return play


def test_rights_missing() -> None:
    play = plain(healthy())
    found = play.one("rights-missing")
    expected = (
        "proxy-serv01: plain may not see keepalived's own state, keepalived's log or the verdict of keepalived -t"
    )
    assert found.summary == expected
    assert found.remedy == "permit ask; permit read; 1 more lines: haconsole doctor"
    assert found.evidence[0].text == "proxy-serv01: plain may not ask"
    # a standby cannot be told from a fault: trouble could hide there
    assert (found.severity, play.verdict) == (Severity.WARNING, "warning")


def test_rights_that_hide_nothing_are_worth_knowing() -> None:
    play = healthy().failed(ONE, Subject.CONFIG_TEST, denied("test"))  # type: ignore[arg-type]
    assert play.one("rights-missing").severity is Severity.INFO
    assert play.verdict == "ok"


def test_rights_missing_for_the_dump_with_the_log_as_witness_are_worth_knowing() -> None:
    play = healthy().failed(ONE, Subject.DAEMON, denied("ask"))  # type: ignore[arg-type]
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE").log(ONE, "(proxy_ip2) Entering BACKUP STATE")
    assert play.one("rights-missing").severity is Severity.INFO


def test_rights_that_hide_the_addresses_are_trouble() -> None:
    play = healthy().failed(ONE, Subject.UNITS, denied("look"))  # type: ignore[arg-type]
    assert play.one("rights-missing").severity is Severity.WARNING


def test_rights_are_quiet_when_all_was_read() -> None:
    assert "rights-missing" not in healthy().ids()


def test_what_failed_over_a_lost_connection_is_not_told() -> None:
    play = plain(healthy()).phase(ONE, Phase.WAITING, REFUSED)
    assert "rights-missing" not in play.ids()


# --- reading-failed ---------------------------------------------------------------------------------


def test_reading_failed() -> None:
    why = problem(ProblemKind.COMMAND_TIMED_OUT, "proxy-serv01: no answer from squid in time", "look at the load")
    play = healthy().failed(ONE, Subject.SQUID_CHECK, why)
    found = play.one("reading-failed")
    assert (found.summary, found.remedy) == (why.summary, "look at the load")
    assert found.severity is Severity.INFO


def test_several_failures_are_one_finding_as_bad_as_the_worst() -> None:
    play = healthy()
    for subject in (Subject.SQUID_COUNTERS, Subject.UNITS):
        play.failed(ONE, subject, problem(ProblemKind.COMMAND_FAILED, "failed"))
    found = play.one("reading-failed")
    assert found.summary == "proxy-serv01: squid's counters and systemd's units could not be read: failed"
    assert found.severity is Severity.WARNING


def test_what_does_not_run_cannot_be_read_and_is_told_elsewhere() -> None:
    play = healthy().failed(ONE, Subject.SQUID_COUNTERS, problem(ProblemKind.NOT_RUNNING))
    assert "reading-failed" not in play.ids()


# --- clocks-apart -------------------------------------------------------------------------------------


def offsets(*values: float, trip: float = 0.004) -> Play:
    play = healthy(spec(nodes=len(values))).wait(61.0).refresh()
    for node, value in zip((ONE, TWO, THREE), values, strict=False):
        play.beat(node, offset=value, trip=trip)
    return play.served(V1, V2)


def test_clocks_of_nodes_apart() -> None:
    play = offsets(0.0, 3.0)
    found = play.one("clocks-apart")
    assert (found.severity, found.node) == (Severity.WARNING, TWO)
    assert found.summary == "the clocks of proxy-serv01 and proxy-serv02 are 3.0 s apart"
    assert len(found.evidence) == 2


def test_a_console_that_is_apart_from_all_is_no_trouble_of_the_cluster() -> None:
    play = offsets(3.0, 3.1)
    found = play.one("clocks-apart")
    assert (found.severity, found.node) == (Severity.INFO, None)
    assert "the clock of this console differs" in found.summary
    assert play.verdict == "ok"


def test_only_what_exceeds_the_error_of_the_measurement_counts() -> None:
    assert "clocks-apart" not in offsets(0.0, 0.4).ids()
    assert "clocks-apart" not in offsets(0.0, 0.8, trip=0.6).ids()
    assert "clocks-apart" in offsets(-0.3, 0.4).ids()


def test_three_nodes_name_the_one_that_is_off() -> None:
    assert offsets(0.0, 0.01, 5.0).one("clocks-apart").node == THREE


# --- no-redundancy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "why",
    [
        lambda p: eth1_down(p),
        lambda p: moved_to_two(p).read(ONE, faulty({"chk_squid_service": False})),
        lambda p: moved_to_two(p).read(ONE, units(unit("keepalived", active=False))),
        lambda p: moved_to_two(p).read(ONE, squid("")),
        lambda p: moved_to_two(p).read(ONE, squid("192.168.2.251:3128")),
        lambda p: moved_to_two(p).link(ONE, "eth1", up=False),
    ],
    ids=["FAULT by link", "FAULT by check", "keepalived", "no socket", "particular socket", "public link"],
)
def test_only_one_node_can_serve(why: object) -> None:
    play = why(healthy())  # type: ignore[operator]
    found = play.one("no-redundancy")
    assert found.summary == "no redundancy: only proxy-serv02 can serve, the next failure is an outage"
    assert (found.severity, found.node, found.vip) == (Severity.WARNING, None, None)
    assert found.follows_from is not None and f"/{ONE}/" in found.follows_from


def test_a_node_that_cannot_be_read_is_not_proven_to_be_unable() -> None:
    play = moved_to_two(healthy()).phase(ONE, Phase.WAITING, REFUSED)
    found = play.one("no-redundancy")
    assert found.summary == (
        "redundancy is not assured: only proxy-serv02 is known to be able to serve, proxy-serv01 cannot be read"
    )
    assert found.follows_from == f"node-unreachable/{ONE}//"


def test_redundancy_for_one_vip_only() -> None:
    half = daemon(instance("proxy_ip1", MASTER, 255), instance("proxy_ip2", FAULT))
    found = healthy().read(ONE, half).one("no-redundancy")
    assert (found.vip, found.follows_from) == (V2, f"instance-fault/{ONE}/proxy_ip2/")
    assert found.summary == (
        "no redundancy for 192.168.2.102: only proxy-serv02 can serve, the next failure is an outage"
    )


def test_three_nodes_lose_redundancy_with_the_second() -> None:
    play = healthy(spec(nodes=3)).phase(THREE, Phase.WAITING, REFUSED).served()
    assert "no-redundancy" not in play.ids()
    assert "no-redundancy" in eth1_down(play).phase(THREE, Phase.WAITING, REFUSED).served(V1, V2).ids()


def test_redundancy_is_quiet_when_well_when_unknown_and_when_nobody_can_serve() -> None:
    assert "no-redundancy" not in healthy().ids()
    assert "no-redundancy" not in Play().connect(ONE).phase(TWO, Phase.CONNECTING).served().ids()
    unknown = healthy().failed(ONE, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED))
    assert "no-redundancy" not in unknown.ids()
    nobody = healthy().read(ONE, pair_daemon(ONE, FAULT, FAULT)).read(TWO, pair_daemon(TWO, FAULT, FAULT))
    assert "no-redundancy" not in nobody.ids()


def test_a_served_holder_is_able_even_without_rights_to_see_its_state() -> None:
    play = moved_to_two(healthy()).failed(TWO, Subject.DAEMON, problem(ProblemKind.NOT_PERMITTED))
    play.read(ONE, pair_daemon(ONE, FAULT, BACKUP)).served()
    assert "for 192.168.2.101" in play.one("no-redundancy").summary
