"""The reducer: what each kind of news changes, and what is forgotten when a link is made anew."""

from __future__ import annotations

import pytest

from haconsole.cluster.kernel_changes import changed_kernel
from haconsole.cluster.reduce import LOG_LENGTH, PROBES_KEPT
from haconsole.model.events import Heartbeat, KernelEvent, LogHeard, Phase, Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import (
    AddressAdded,
    AddressRemoved,
    KernelReading,
    LinkChanged,
    LinkRemoved,
    SquidCounters,
)
from tests.unit.cluster.builders import (
    BACKUP,
    MASTER,
    ONE,
    TWO,
    V1,
    V2,
    Play,
    address,
    config,
    daemon,
    healthy,
    instance,
    kernel,
    link,
    log_line,
    no_answer,
    pair_daemon,
    problem,
    spec,
    squid,
    units,
)

REFUSED = problem(ProblemKind.CONNECTION_REFUSED, "proxy-serv01: refused")


def test_at_first_nothing_is_believed_but_the_configured_names() -> None:
    play = Play(spec(vips=["192.168.2.101"]))
    assert set(play.state.nodes) == {ONE, TWO}
    assert list(play.state.vips) == [V1]
    assert play.state.vips[V1].holders is None


def test_events_of_unknown_nodes_change_nothing_but_the_count() -> None:
    play = Play()
    before = play.state
    play.beat("stranger")
    assert play.state.nodes == before.nodes
    assert play.state.serial == before.serial + 1


def test_vips_are_learned_from_daemon_and_configuration() -> None:
    play = Play()
    play.phase(ONE, Phase.CONNECTED).read(ONE, pair_daemon(ONE))
    assert list(play.state.vips) == [V1, V2]


# --- connections --------------------------------------------------------------


def test_the_last_problem_is_kept_while_the_next_try_is_under_way() -> None:
    """Else an unreachable node would look like one that was never tried, at every try."""
    play = Play().phase(ONE, Phase.CONNECTING).phase(ONE, Phase.WAITING, REFUSED).phase(ONE, Phase.CONNECTING)
    assert play.state.nodes[ONE].problem == REFUSED
    play.phase(ONE, Phase.CONNECTED)
    assert play.state.nodes[ONE].problem is None


def test_the_same_failure_at_every_try_is_told_once() -> None:
    play = Play()
    for _ in range(5):
        play.phase(ONE, Phase.CONNECTING).phase(ONE, Phase.WAITING, REFUSED).wait(4.0)
    assert [o.text for o in play.state.log] == ["proxy-serv01: refused"]
    other = problem(ProblemKind.TIMED_OUT, "proxy-serv01: no answer")
    play.phase(ONE, Phase.CONNECTING).phase(ONE, Phase.WAITING, other)
    play.phase(ONE, Phase.CONNECTING).phase(ONE, Phase.CONNECTED).phase(ONE, Phase.WAITING, other)
    assert [o.text for o in play.state.log][1:] == ["proxy-serv01: no answer", "connected", "proxy-serv01: no answer"]


def test_a_new_connection_forgets_what_the_old_one_taught_about_clock_log_and_failures() -> None:
    play = healthy()
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE").failed(ONE, Subject.LOG, problem(ProblemKind.NOT_PERMITTED))
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE")
    play.phase(ONE, Phase.WAITING, problem(ProblemKind.LINK_LOST)).wait(100.0).phase(ONE, Phase.CONNECTED)
    node = play.state.nodes[ONE]
    assert (node.clock, node.failed, node.logged, node.latency_s) == (None, {}, {}, None)


# --- readings -------------------------------------------------------------------


def test_a_failed_reading_takes_its_value_away_and_a_good_one_takes_the_failure_away() -> None:
    play = healthy().failed(ONE, Subject.KERNEL, problem(ProblemKind.COMMAND_TIMED_OUT))
    assert play.state.nodes[ONE].kernel is None
    assert Subject.KERNEL in play.state.nodes[ONE].failed
    play.read(ONE, kernel(ONE))
    assert Subject.KERNEL not in play.state.nodes[ONE].failed


def test_squid_check_and_sockets_fail_each_for_itself() -> None:
    play = healthy()
    play.read(ONE, squid(check_ok=None)).failed(ONE, Subject.SQUID_CHECK, problem(ProblemKind.NOT_PERMITTED))
    node = play.state.nodes[ONE]
    assert node.squid is not None and node.squid.value.listening
    assert set(node.failed) == {Subject.SQUID_CHECK}
    play.read(ONE, squid())
    assert play.state.nodes[ONE].failed == {}


def test_rates_keep_the_reading_before() -> None:
    play = healthy()
    first = play.state.nodes[ONE].counters
    play.wait(5.0).read(ONE, SquidCounters(client_requests=10))
    assert play.state.nodes[ONE].counters_before == first


def test_a_rate_does_not_span_the_time_without_a_connection() -> None:
    play = healthy().read(ONE, SquidCounters(client_requests=1_000))
    play.phase(ONE, Phase.WAITING, problem(ProblemKind.LINK_LOST)).wait(3600.0).phase(ONE, Phase.CONNECTED)
    play.beat(ONE).read(ONE, SquidCounters(client_requests=37_000, requests_per_s=90.0))
    node = play.picture().node(ONE)
    assert (node.requests_per_s, node.rate_is_mean) == (90.0, True), "squid's own, not our mean of an hour"


def test_the_late_answer_of_a_vip_that_no_node_names_any_more_does_not_bring_it_back() -> None:
    """A probe of an address that has just been taken away runs into its time limit: it ends after the VIP."""
    play = healthy()
    for node in (ONE, TWO):
        play.read(node, daemon(instance("proxy_ip1", BACKUP)), config(node, "vrrp_instance proxy_ip1 {\n}\n"))
    assert V2 not in play.state.vips
    play.wait(4.0).probe(V2, no_answer())
    assert V2 not in play.state.vips


# --- kernel ---------------------------------------------------------------------

START = KernelReading(links={"eth0": link("eth0")}, addresses=(address("192.168.2.251/24"),))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (AddressAdded(address=address("192.168.2.101/24")), 2),
        (AddressAdded(address=address("192.168.2.251/24")), 1),
        (AddressAdded(address=address("192.168.2.251/24", label="eth0:9")), 1),
        (AddressRemoved(address=address("192.168.2.251/24")), 0),
        (AddressRemoved(address=address("10.0.0.1/24")), 1),
        (AddressRemoved(address=address("192.168.2.251/24", "eth1")), 1),
        (LinkRemoved(name="eth0"), 0),
        (LinkChanged(link=link("eth0", carrier=False)), 1),
    ],
    ids=["new", "again", "new label", "removed", "not there", "other interface", "link gone", "link down"],
)
def test_one_line_of_ip_monitor(change: object, expected: int) -> None:
    after = changed_kernel(START, change)  # type: ignore[arg-type]
    assert len(after.addresses) == expected


def test_the_kernel_s_news_waits_for_the_first_whole_reading() -> None:
    play = Play().phase(ONE, Phase.CONNECTED).added(ONE, "192.168.2.101/24")
    assert play.state.nodes[ONE].kernel is None


def test_a_change_does_not_make_addresses_of_the_last_connection_young_again() -> None:
    play = healthy().phase(ONE, Phase.WAITING, problem(ProblemKind.LINK_LOST)).wait(60.0).phase(ONE, Phase.CONNECTED)
    play.beat(ONE).added(ONE, "192.168.2.102/24")
    assert play.picture().node(ONE).kernel is None, "who has what was not read over this connection"


def test_the_first_look_teaches_holders_and_is_no_change() -> None:
    play = healthy()
    assert play.state.vips[V1].holders == {ONE}
    assert play.state.vips[V1].holders_since is None


def test_a_hand_over_is_a_change_with_its_time() -> None:
    play = healthy().wait(10.0).moved("192.168.2.101/24", ONE, TWO)
    assert play.state.vips[V1].holders == {TWO}
    assert play.state.vips[V1].holders_since == play.now
    texts = [o.text for o in play.state.log if o.source == "kernel"]
    assert texts == ["192.168.2.101/24 removed from eth0", "192.168.2.101/24 added to eth0"]


def test_what_changed_while_nobody_looked_has_no_time() -> None:
    """Lost link, hand-over, new link: the console knows the new holders, not since when."""
    play = healthy().wait(10.0).moved("192.168.2.101/24", ONE, TWO).wait(100.0)
    for node in (ONE, TWO):
        play.phase(node, Phase.WAITING, REFUSED)
    play.wait(500.0).phase(ONE, Phase.CONNECTED).read(ONE, kernel(ONE, "192.168.2.101"))
    play.phase(TWO, Phase.CONNECTED).read(TWO, kernel(TWO, "192.168.2.102"))
    assert play.state.vips[V1].holders == {ONE}
    assert play.state.vips[V1].holders_since is None


def test_a_difference_between_two_readings_of_one_connection_is_a_change() -> None:
    play = healthy().wait(15.0).read(ONE, kernel(ONE))
    assert play.state.vips[V1].holders == frozenset()
    assert play.state.vips[V1].holders_since == play.now


# --- log --------------------------------------------------------------------------


def test_a_state_line_is_kept_at_the_console_s_time() -> None:
    play = healthy().wait(1.0)
    play.beat(ONE, offset=30.0).wait(1.0).log(ONE, "(proxy_ip1) Entering FAULT STATE", at=play.now + 30.0 - 0.25)
    # the tighter of two measurements is kept, so a step needs its own beat to be believed
    assert play.state.nodes[ONE].logged["proxy_ip1"].at == pytest.approx(play.now - 0.25, abs=0.01)


def test_an_older_line_does_not_replace_a_newer_state() -> None:
    play = healthy().wait(60.0)
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE", at=play.now)
    play.log(ONE, "(proxy_ip1) Entering BACKUP STATE", at=play.now - 30.0, backlog=True)
    assert play.state.nodes[ONE].logged["proxy_ip1"].state is MASTER
    assert [o.at for o in play.state.log] == sorted(o.at for o in play.state.log)


@pytest.mark.parametrize(
    ("ident", "text"),
    [
        ("Keepalived", "Starting Keepalived v2.2.7 (01/16,2022)"),
        ("Keepalived", "Starting VRRP child process, pid=7"),
        ("Keepalived", "Stopped Keepalived v2.2.7 (01/16,2022)"),
    ],
)
def test_states_of_a_daemon_that_ended_are_forgotten(ident: str, text: str) -> None:
    """An instance that starts as BACKUP may log no state at all (docs/keepalived-versions.md)."""
    play = healthy().wait(5.0).log(ONE, "(proxy_ip1) Entering MASTER STATE").wait(5.0)
    play.event(LogHeard(node=ONE, at=play.now, line=log_line(text, play.now, ident=ident)))
    assert play.state.nodes[ONE].logged == {}
    play.wait(1.0).log(ONE, "(proxy_ip1) Entering BACKUP STATE")
    assert play.state.nodes[ONE].logged["proxy_ip1"].state is BACKUP


def test_a_start_in_the_backlog_does_not_forget_what_came_after_it() -> None:
    play = healthy().wait(60.0).log(ONE, "(proxy_ip1) Entering MASTER STATE", at=play_time(-5.0))
    line = log_line("Starting Keepalived v2.2.7 (01/16,2022)", play_time(-50.0), ident="Keepalived")
    play.event(LogHeard(node=ONE, at=play.now, line=line, backlog=True))
    assert play.state.nodes[ONE].logged["proxy_ip1"].state is MASTER


def play_time(offset: float) -> float:
    return healthy().now + 60.0 + offset


def test_when_the_log_cannot_be_followed_any_more_its_states_are_not_believed() -> None:
    play = healthy().log(ONE, "(proxy_ip1) Entering MASTER STATE")
    play.failed(ONE, Subject.LOG, problem(ProblemKind.NOT_PERMITTED))
    assert play.state.nodes[ONE].logged == {}


def test_an_unverified_line_is_shown_as_such_and_changes_nothing() -> None:
    play = healthy().log(ONE, "(proxy_ip1) Entering FAULT STATE", trusted=False)
    assert play.state.nodes[ONE].logged == {}
    assert play.state.log[-1].text.endswith("(sender not verified)")


def test_our_own_dumps_are_not_in_the_log() -> None:
    play = healthy()
    before = len(play.state.log)
    play.log(ONE, "Printing VRRP data for process(7) on signal")
    assert len(play.state.log) == before


def test_the_merged_log_is_bounded_and_in_order() -> None:
    play = healthy()
    for n in range(LOG_LENGTH + 50):
        play.log(ONE, f"line {n}", at=play.now + (n % 7))
    assert len(play.state.log) == LOG_LENGTH
    assert [o.at for o in play.state.log] == sorted(o.at for o in play.state.log)


# --- clients ----------------------------------------------------------------------


def test_an_outage_has_a_beginning_and_a_length() -> None:
    play = healthy().wait(2.0).probe(V1, no_answer()).wait(2.0)
    play.probe(V1, no_answer())
    assert play.state.vips[V1].failed_since == play.now - 2.0
    play.wait(1.5).probe(V1)
    assert play.state.vips[V1].failed_since is None
    assert play.state.vips[V1].ok_since == play.now
    texts = [o.text for o in play.state.log if o.origin == "client"]
    assert texts[-2:] == [
        "192.168.2.101 does not serve: timed out",
        "192.168.2.101 serves clients again, after 3.5 s without",
    ]


def test_probes_kept_are_bounded() -> None:
    play = healthy()
    for _ in range(PROBES_KEPT * 2):
        play.probe(V1)
    assert len(play.state.vips[V1].probes) == PROBES_KEPT


# --- proof of life ------------------------------------------------------------------


def test_everything_that_arrives_proves_the_link_alive() -> None:
    play = healthy().wait(3.0)
    for event in (
        Heartbeat(node=ONE, at=play.now, sent_at=play.now, node_time_s=play.now),
        KernelEvent(node=ONE, at=play.now + 1, change=LinkChanged(link=link("eth0"))),
        LogHeard(node=ONE, at=play.now + 2, line=log_line("x")),
    ):
        play.event(event)
        assert play.state.nodes[ONE].heard_at == event.at
    play.read(TWO, units())
    assert play.state.nodes[TWO].heard_at == play.now


def test_a_new_connection_begins_with_the_journals_last_lines_and_adds_only_those_that_are_new() -> None:
    """Each reconnect brought 300 lines again, a few milliseconds off: hand-overs were counted twice."""
    play = healthy()
    written = [(play.now + n, f"(proxy_ip1) Entering {s} STATE") for n, s in enumerate(("BACKUP", "MASTER"))]
    for at, text in written:
        play.wait(1.0).log(ONE, text, at)
    play.wait(30.0).phase(ONE, Phase.WAITING, REFUSED).wait(5.0).phase(ONE, Phase.CONNECTING)
    play.phase(ONE, Phase.CONNECTED).beat(ONE, offset=0.022)
    missed = (play.now - 3.0, "(proxy_ip1) Entering FAULT STATE")
    for at, text in (*written, missed):
        play.log(ONE, text, at, backlog=True)
    play.wait(1.0).log(ONE, written[-1][1], play.now)  # once more, for real
    said = [o.text for o in play.state.log if o.source == "keepalived" and o.origin == ONE]
    assert said == [written[0][1], written[1][1], missed[1], written[1][1]]


def test_two_lines_alike_of_one_connection_stay_two() -> None:
    play = healthy()
    for _ in range(2):
        play.log(ONE, "Script `chk_squid_service` now returning 1", play.now)
    assert len([o for o in play.state.log if o.text.startswith("Script")]) == 2
