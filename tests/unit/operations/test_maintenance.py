"""Rolling maintenance: what a picture means for the flow, without any node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.events import Phase
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import ConfigTest, TrackedFile, VrrpState
from haconsole.operations import maintenance
from haconsole.operations.actions import Method
from haconsole.operations.guards_context import Answer
from haconsole.operations.maintenance import Do, Evidence, Flow, FlowError, Stage
from tests.unit.cluster.builders import (
    BACKUP,
    MASTER,
    ONE,
    T0,
    TWO,
    V1,
    Play,
    daemon,
    healthy,
    identity,
    instance,
    no_answer,
    problem,
    unit,
    units,
)
from tests.unit.operations.cases import lossless

ROUTES = ("default via 203.0.113.80 dev eth1",)
NOTE = DrainNote(by="anna@desk", reason="patches", method="track_file", since=None, until=None)
WELL = Evidence(request=Answer(ok=True, text="200 at 192.168.2.251 in 3 ms"), routes=ROUTES)


def flow_of(picture: ClusterPicture, *nodes: str) -> Flow:
    return maintenance.begin(picture, nodes, T0, operator="anna@desk", reason="patches", ticket="CHG1")


def told(play: Play, **more: object) -> Play:
    """What /run/haconsole on proxy-serv01 tells."""
    made = NodeOperation(uptime_s=1000.0, boot_id="b")
    return play.read(ONE, replace(made, **more))  # type: ignore[arg-type]


def drained_play() -> Play:
    """proxy-serv01 is drained by its track file, with a note."""
    return told(lossless(value=-200), drain=NOTE)


def waiting(play: Play) -> Flow:
    begun = maintenance.draining(flow_of(play.picture(), ONE, TWO), play.picture(), ROUTES, Method.TRACK_FILE, T0)
    return maintenance.drained(begun, T0).flow


def away(play: Play) -> Play:
    play.phase(ONE, Phase.WAITING, problem(ProblemKind.LINK_LOST))
    return play


def rebooted(play: Play) -> Play:
    """proxy-serv01 after a reboot: another boot id, /run empty, the track file at 0."""
    play.connect(ONE)
    play.read(ONE, replace(identity(), boot_id="after"))
    play.read(ONE, NodeOperation(uptime_s=20.0, boot_id="after"))
    files = (TrackedFile(name="haconsole_drain", value=0, weight=1),)
    return play.read(
        ONE,
        daemon(
            instance("proxy_ip1", MASTER, 254, tracked_files=files),
            instance("proxy_ip2", BACKUP, 100, tracked_files=files),
        ),
    )


# --- the order, and what is kept ----------------------------------------------------------------------


def test_without_names_all_nodes_are_taken_standby_first() -> None:
    play = healthy()
    assert flow_of(play.picture()).nodes == (ONE, TWO), "both hold a VIP: as configured"
    play.moved(f"{V1}/24", ONE, TWO)
    assert flow_of(play.later(2.0).picture()).nodes == (ONE, TWO)
    play = healthy().moved("192.168.2.102/24", TWO, ONE)
    assert flow_of(play.later(2.0).picture()).nodes == (TWO, ONE)


def test_an_unknown_node_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FlowError, match="no node proxy-serv09; there are: proxy-serv01, proxy-serv02"):
        flow_of(healthy().picture(), "proxy-serv09")


def test_what_is_kept_is_read_back_the_same() -> None:
    for flow in (flow_of(healthy().picture()), waiting(drained_play())):
        assert maintenance.read(maintenance.written(flow)) == flow


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"schema": "haconsole.maintenance/2"}', '{"schema": "haconsole.maintenance/1"}', "[" * 100_000]
)  # fmt: skip
def test_what_is_no_flow_is_refused(text: str) -> None:
    with pytest.raises(FlowError):
        maintenance.read(text)


# --- the operator works -------------------------------------------------------------------------------


def test_a_drained_node_is_waited_for_and_the_operator_is_told_to_reboot_it() -> None:
    play = drained_play()
    begun = maintenance.draining(flow_of(play.picture(), ONE), play.picture(), ROUTES, Method.TRACK_FILE, T0)
    turn = maintenance.drained(begun, T0)
    assert turn.said[0] == f"{ONE} is drained: patch and reboot it now; this waits"
    assert "drain ends with the reboot" in turn.said[1], "said before"
    again = maintenance.look(turn.flow, play.picture(), T0 + 60)
    assert (again.do, again.flow, again.said) == (Do.WAIT, turn.flow, ())


def test_a_node_that_goes_and_comes_back_with_another_boot_id_is_checked() -> None:
    play = drained_play()
    flow = waiting(play)
    gone = maintenance.look(flow, away(play).picture(), T0 + 5)
    assert gone.flow.stage is Stage.AWAY
    assert gone.said == (f"{ONE} does not answer: expected, it reboots",)
    assert maintenance.look(gone.flow, play.picture(), T0 + 6).said == (), "said once"
    back = maintenance.look(gone.flow, rebooted(play).picture(), T0 + 30)
    assert (back.do, back.flow.stage, back.flow.rebooted) == (Do.CHECK, Stage.CHECKS, True)
    assert back.said == (f"{ONE} is back after a reboot; its drain ended with it",), "noticed after"


def test_a_lost_connection_is_no_reboot() -> None:
    play = drained_play()
    gone = maintenance.look(waiting(play), away(play).picture(), T0 + 5)
    play.connect(ONE)
    back = maintenance.look(gone.flow, play.picture(), T0 + 9)
    assert (back.do, back.flow.stage) == (Do.WAIT, Stage.WAITING)
    assert "was not rebooted" in back.said[0]


def test_the_operator_s_word_ends_the_wait_without_a_reboot() -> None:
    play = drained_play()
    turn = maintenance.look(waiting(play), play.picture(), T0 + 5, done=True)
    assert (turn.flow.stage, turn.flow.rebooted) == (Stage.CHECKS, False)
    unreadable = maintenance.look(waiting(play), away(play).picture(), T0 + 5, done=True)
    assert unreadable.flow.stage is Stage.AWAY, "not while the node does not answer"


def test_a_drain_that_ended_meanwhile_is_told() -> None:
    play = lossless()
    told(play)
    turn = maintenance.look(waiting(play), play.picture(), T0 + 5)
    assert "drained no more" in turn.waits_for


def test_a_vip_that_does_not_serve_meanwhile_is_told() -> None:
    play = drained_play()
    play.probe(V1, no_answer())
    assert f"{V1} does not serve" in maintenance.look(waiting(play), play.picture(), T0 + 1).waits_for


# --- a console died while it drained ------------------------------------------------------------------


def interrupted(play: Play) -> Flow:
    picture = play.picture()
    return maintenance.draining(flow_of(picture, ONE), picture, ROUTES, Method.TRACK_FILE, T0, "drain-1")


def test_the_stale_lock_that_our_own_dead_console_left_is_named_and_nobody_else_s() -> None:
    ours = OperationLock(operation="drain-1", boot_id="b", expires_uptime_s=990)
    for lock, named in (
        (ours, "drain-1"),
        (replace(ours, expires_uptime_s=1010), None),
        (replace(ours, operation="drain-2"), None),
    ):
        play = told(lossless(), lock=lock)
        assert maintenance.left_lock(interrupted(play), play.picture()) == named


def test_after_a_drain_that_was_taken_back_vips_go_home_before_it_begins_anew() -> None:
    play = told(lossless())
    play.moved(f"{V1}/24", ONE, TWO)
    play.later(2.0).served()
    turn = maintenance.look(interrupted(play), play.picture(), T0 + 5)
    assert turn.flow.stage is Stage.DRAINING and str(V1) in turn.waits_for


def test_an_interrupted_drain_is_left_to_the_node_as_long_as_it_is_locked_or_armed() -> None:
    lock = OperationLock(operation="drain-1", boot_id="b", expires_uptime_s=1010)
    for more in ({"lock": lock}, {"saved": "drain-1", "deadlines_uptime_s": ((Slot.A, 1020),)}):
        play = told(lossless(value=-200), drain=NOTE, **more)
        turn = maintenance.look(interrupted(play), play.picture(), T0 + 5)
        assert (turn.do, turn.flow.stage) == (Do.WAIT, Stage.DRAINING)
        assert "takes back" in turn.waits_for


def test_an_interrupted_drain_that_was_finished_goes_on_and_one_that_was_taken_back_begins_anew() -> None:
    play = drained_play()
    assert maintenance.look(interrupted(play), play.picture(), T0 + 40).flow.stage is Stage.WAITING
    play = told(lossless())
    assert maintenance.look(interrupted(play), play.picture(), T0 + 40).flow.stage is Stage.DRAIN


# --- checks -------------------------------------------------------------------------------------------


def back(play: Play) -> Flow:
    flow = waiting(play)
    rebooted(play)
    return maintenance.look(flow, play.picture(), play.now).flow


def failing(play: Play, flow: Flow, evidence: Evidence = WELL) -> dict[str, bool | None]:
    found = maintenance.checks(flow, play.picture(), evidence)
    return {c.name: c.ok for c in found if c.ok is not True}


def test_a_node_that_came_back_as_it_was_passes_every_check() -> None:
    play = drained_play()
    flow = back(play)
    assert failing(play, flow) == {}
    found = maintenance.checks(flow, play.picture(), WELL)
    turn = maintenance.checked(flow, play.picture(), found, play.now)
    assert turn.flow.stage is Stage.PLACES, "the reboot ended the drain: nothing is to be undrained"
    assert all(line.startswith("● ") for line in turn.said)


def unit_of(play: Play, name: str, **more: object) -> None:
    other = "squid" if name == "keepalived" else "keepalived"
    play.read(ONE, units(unit(name, **more), unit(other), at=play.now))  # type: ignore[arg-type]


BROKEN: dict[str, Callable[[Play], object]] = {
    "keepalived": lambda p: unit_of(p, "keepalived", enabled=False),
    "squid": lambda p: unit_of(p, "squid", active=False),
    "configuration": lambda p: p.read(ONE, ConfigTest(ok=False, messages=("(Line 3) unknown keyword",))),
    "instances": lambda p: p.read(ONE, daemon(instance("proxy_ip1", VrrpState.FAULT, 254))),
    "clock": lambda p: [p.beat(ONE, offset=9.0) for _ in range(20)],
    "addresses": lambda p: p.removed(ONE, "192.168.2.251/24"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_alone_says_no(name: str) -> None:
    play = drained_play()
    flow = back(play)
    BROKEN[name](play)
    assert failing(play, flow).get(name, True) is False
    assert all(c.look_at for c in maintenance.checks(flow, play.picture(), WELL) if c.ok is False), "where to look"


def test_a_request_that_fails_and_a_route_that_is_missing_are_no() -> None:
    play = drained_play()
    flow = back(play)
    refused = replace(WELL, request=Answer(ok=False, text="refused"))
    assert failing(play, flow, refused) == {"request": False}
    assert failing(play, flow, replace(WELL, routes=())) == {"routes": False}


def test_what_could_not_be_asked_is_not_passed() -> None:
    play = drained_play()
    flow = back(play)
    assert failing(play, flow, Evidence()) == {"request": None, "routes": None}
    turn = maintenance.checked(flow, play.picture(), maintenance.checks(flow, play.picture(), Evidence()), play.now)
    assert turn.do is Do.WAIT and turn.flow == flow


def test_checks_that_do_not_hold_in_time_stop_the_flow_there() -> None:
    play = drained_play()
    flow = back(play)
    unit_of(play, "squid", active=False)
    found = maintenance.checks(flow, play.picture(), WELL)
    late = maintenance.checked(flow, play.picture(), found, flow.since + maintenance.BACK_S + 1)
    assert (late.do, late.flow) == (Do.STOP, flow)
    assert "squid" in late.said[-1] and any("systemctl status squid" in place for place in late.look_at)
    again = maintenance.resumed(late.flow, flow.since + 500)
    assert maintenance.checked(again, play.picture(), found, flow.since + 501).do is Do.WAIT, (
        "a resume has its own time"
    )


def test_a_node_that_is_still_drained_is_undrained_next() -> None:
    play = drained_play()
    flow = maintenance.look(waiting(play), play.picture(), T0 + 5, done=True).flow
    turn = maintenance.checked(flow, play.picture(), maintenance.checks(flow, play.picture(), WELL), T0 + 5)
    assert (turn.do, turn.flow.stage) == (Do.UNDRAIN, Stage.UNDRAIN)


def test_keepalived_that_the_drain_stopped_is_not_missed_before_the_undrain() -> None:
    play = told(lossless(), drain=replace(NOTE, method="stop"))
    begun = maintenance.draining(flow_of(play.picture(), ONE), play.picture(), ROUTES, Method.STOP, T0)
    flow = maintenance.look(maintenance.drained(begun, T0).flow, play.picture(), T0, done=True).flow
    unit_of(play, "keepalived", active=False)
    assert failing(play, flow) == {}


# --- places -------------------------------------------------------------------------------------------


def given_back(play: Play, *nodes: str) -> Flow:
    return maintenance.undrained(flow_of(play.picture(), *nodes), play.now)


def test_the_next_node_follows_only_when_every_vip_was_in_its_place_for_some_seconds() -> None:
    play = lossless()
    first = maintenance.look(given_back(play, ONE, TWO), play.picture(), play.now)
    assert (first.do, first.flow.stage, first.flow.good_since) == (Do.WAIT, Stage.PLACES, play.now)
    soon = maintenance.look(first.flow, play.picture(), play.now + maintenance.STAYS_S - 1)
    assert soon.flow.at == 0
    after = maintenance.look(first.flow, play.picture(), play.now + maintenance.STAYS_S)
    assert (after.flow.at, after.flow.stage, after.flow.boot_id) == (1, Stage.DRAIN, None)
    assert maintenance.look(after.flow, play.picture(), play.now).do is Do.DRAIN


def test_a_vip_that_stops_serving_begins_the_wait_anew_and_stops_the_flow_in_the_end() -> None:
    play = lossless()
    flow = maintenance.look(given_back(play, ONE), play.picture(), play.now).flow
    play.probe(V1, no_answer())
    bad = maintenance.look(flow, play.picture(), play.now + 1)
    assert bad.do is Do.WAIT and bad.flow.good_since is None and f"{V1} does not serve" in bad.waits_for
    late = maintenance.look(flow, play.picture(), play.now + maintenance.PLACE_S + 1)
    assert late.do is Do.STOP and late.look_at


def test_a_vip_on_another_node_than_the_forecast_s_is_out_of_place() -> None:
    play = lossless().moved(f"{V1}/24", ONE, TWO)
    play.later(2.0).served()
    assert any(str(V1) in word for word in maintenance.out_of_place(play.picture()))


def test_after_the_last_node_it_is_over() -> None:
    play = lossless()
    flow = maintenance.look(given_back(play, ONE), play.picture(), play.now).flow
    turn = maintenance.look(flow, play.picture(), play.now + maintenance.STAYS_S)
    assert (turn.do, turn.flow.stage) == (Do.END, Stage.DONE)
    assert maintenance.look(turn.flow, play.picture(), play.now).do is Do.END


# --- what is told -------------------------------------------------------------------------------------


def test_where_it_stands_is_told_for_each_node_without_escapes() -> None:
    flow = replace(waiting(drained_play()), reason="\x1b[31mred\x1b[0m")
    lines = maintenance.stands(flow)
    assert lines[0].startswith("maintenance of proxy by anna@desk") and "CHG1" in lines[0]
    assert f"  {ONE}: drained" in lines[1] and f"  {TWO}: its turn comes later" in lines[2]
    assert "\x1b" not in "".join(lines)
    assert any(f"haconsole node undrain {ONE}" in line for line in maintenance.how_to_go_on(flow))
