"""Who became master in the last five minutes, what explains it, and when that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.cluster.believe import picture
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.events import Phase
from haconsole.model.readings import LogFact, LogFactKind, LogLine
from haconsole.model.state import ClockOffset, Known
from haconsole.operations.guards_context import MasterChange
from haconsole.runtime.master_changes import Witness, by_journal, by_log, changes
from tests.unit.cluster.builders import BACKUP, MASTER, ONE, T0, TWO, V1, Play, healthy, pair_daemon, spec

CLOCK = Known(ClockOffset(offset_s=2.0, error_s=0.01), T0, "heartbeat")
"""The node's clock is two seconds ahead."""


def line(ago_s: float, text: str = "", program: str = "keepalived", fact: LogFact | None = None) -> LogLine:
    return LogLine(program=program, ident=program, text=text, node_time_s=T0 - ago_s + 2.0, fact=fact)


def master(ago_s: float) -> LogLine:
    fact = LogFact(kind=LogFactKind.STATE, instance="proxy_ip1", state=MASTER)
    return line(ago_s, "(proxy_ip1) Entering MASTER STATE", fact=fact)


def backup(ago_s: float) -> LogLine:
    return line(ago_s, fact=LogFact(kind=LogFactKind.STATE, instance="proxy_ip1", state=BACKUP))


def heard(node: str, *lines: LogLine, whole: bool = False, started: float | None = T0 - 9000) -> Witness:
    return by_journal(node, lines, whole=whole, started=started, clock=CLOCK)


OLD = line(1000.0)
BY_NOW = T0


def told(*lines: LogLine, at: ClusterPicture | None = None) -> tuple[MasterChange, ...] | None:
    """What is told when ONE's journal has these lines, and TWO's is quiet."""
    seen = at or _moved()
    return changes(seen, {ONE: heard(ONE, OLD, *lines), TWO: heard(TWO, OLD)}, BY_NOW)


def _moved() -> ClusterPicture:
    """A pair whose daemons changed their states a minute ago."""
    play = healthy()
    for node in (ONE, TWO):
        play.read(node, pair_daemon(node, last_transition_node_s=T0 - 60.0))
    return _picture(play)


def _picture(play: Play) -> ClusterPicture:
    return picture(spec(), play.state, T0)


def test_each_time_that_it_became_master_is_a_change() -> None:
    found = told(master(100.0), backup(90.0), master(80.0))
    assert found == (
        MasterChange(vip=V1, at=T0 - 100.0, explained=False),
        MasterChange(vip=V1, at=T0 - 80.0, explained=False),
    )


def test_what_lies_before_is_of_no_interest() -> None:
    assert told(master(400.0)) == ()


def test_a_link_that_changed_a_service_that_started_and_haconsole_explain_it() -> None:
    link = LogFact(kind=LogFactKind.INTERFACE, subject="eth1", up=False)
    started = LogFact(kind=LogFactKind.STARTED)
    for cause in (
        line(104.0, fact=link),
        line(104.0, fact=started),
        line(98.5, "Started squid.service - Squid Web Proxy Server.", "systemd"),
        line(104.0, "reverted: squid started", "haconsole"),
        line(104.0, "Stopped squid.service - Squid Web Proxy Server.", "systemd"),
    ):
        found = told(cause, master(100.0))
        assert found is not None and [c.explained for c in found] == [True], cause


def test_what_is_too_far_away_or_something_else_explains_nothing() -> None:
    script = LogFact(kind=LogFactKind.SCRIPT, subject="chk_squid_service", up=False)
    for other in (
        line(130.0, "Started squid.service - x.", "systemd"),
        line(90.0, "reverted: squid started", "haconsole"),
        line(101.0, "squid.service: Main process exited, code=killed", "systemd"),
        line(101.0, fact=script),
    ):
        found = told(other, master(100.0))
        assert found is not None and [c.explained for c in found] == [False], other


def test_a_cause_on_the_other_node_explains_it_too() -> None:
    link = LogFact(kind=LogFactKind.INTERFACE, subject="eth1", up=False)
    found = changes(
        _moved(), {ONE: heard(ONE, OLD, master(100.0)), TWO: heard(TWO, OLD, line(101.0, fact=link))}, BY_NOW
    )
    assert found is not None and found[0].explained


def test_a_journal_that_does_not_reach_back_is_not_known() -> None:
    assert changes(_moved(), {ONE: heard(ONE, OLD), TWO: heard(TWO, line(120.0))}, BY_NOW) is None
    assert changes(_moved(), {ONE: heard(ONE, OLD)}, BY_NOW) is None
    assert changes(_moved(), {ONE: heard(ONE, OLD), TWO: heard(TWO)}, BY_NOW) is None


def test_a_whole_journal_reaches_back_if_it_has_the_start_of_keepalived() -> None:
    young = heard(TWO, line(120.0), whole=True, started=T0 - 119.0)
    thrown_away = heard(TWO, line(120.0), whole=True, started=T0 - 9000.0)
    stopped = heard(TWO, line(120.0), whole=True, started=None)
    assert changes(_moved(), {ONE: heard(ONE, OLD), TWO: young}, BY_NOW) == ()
    assert changes(_moved(), {ONE: heard(ONE, OLD), TWO: thrown_away}, BY_NOW) is None
    assert changes(_moved(), {ONE: heard(ONE, OLD), TWO: stopped}, BY_NOW) is None


def test_too_many_are_told_even_when_more_may_have_been_missed() -> None:
    many = heard(ONE, *(master(float(ago)) for ago in (100, 90, 80, 70)))
    found = changes(_moved(), {ONE: many, TWO: heard(TWO, OLD)}, BY_NOW)
    assert found is not None and len(found) == 4


def test_daemons_that_have_not_changed_by_their_own_word_are_quiet() -> None:
    assert changes(_picture(healthy()), {}, BY_NOW) == ()


def test_without_a_clock_nothing_is_known() -> None:
    assert by_journal(ONE, [OLD], whole=False, started=None, clock=None) == Witness(heard=(), since=None)


# --- the console's own log ------------------------------------------------------------------------------


def test_the_consoles_log_tells_the_same() -> None:
    play = healthy()
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE", at=T0 - 50.0)
    witness = by_log(ONE, play.state.log, followed=True)
    ((node, instance, at),) = [(h.node, h.instance, h.at) for h in witness.heard if h.instance]
    assert (node, instance) == (ONE, "proxy_ip1") and abs(at - (T0 - 50.0)) < 0.1


def test_it_reaches_back_to_the_beginning_of_this_connection_at_most() -> None:
    play = healthy()
    play.log(ONE, "(proxy_ip1) Entering BACKUP STATE", at=T0 - 900.0)
    assert by_log(ONE, play.state.log, followed=True).since == pytest.approx(T0 - 900.0, abs=0.1)
    assert by_log(ONE, play.state.log, followed=False).since is None
    play.wait(100.0).phase(ONE, Phase.WAITING).wait(100.0).phase(ONE, Phase.CONNECTED).beat(ONE)
    assert by_log(ONE, play.state.log, followed=True).since == T0 + 200.0
    play.log(ONE, "(proxy_ip2) Entering BACKUP STATE", at=T0 + 150.0, backlog=True)
    assert abs((by_log(ONE, play.state.log, followed=True).since or 0.0) - (T0 + 150.0)) < 0.1


def test_a_line_without_proof_of_its_sender_explains_nothing() -> None:
    play = healthy()
    forged = "Started squid.service - x.  (sender not verified)"
    occurrence = replace(play.state.log[0], origin=ONE, source="systemd", text=forged)
    assert by_log(ONE, [occurrence], followed=True).heard == ()
    genuine = replace(occurrence, text="Started squid.service - x.")
    assert len(by_log(ONE, [genuine], followed=True).heard) == 1
