"""Drills as playbooks: what is expected follows from who holds what; what is seen decides, and says why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface

import pytest

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.capture import Heard
from haconsole.model.drill import Claim, DrillRecord, Hypothesis, Phase, Request, Verdict
from haconsole.model.events import Event, KernelEvent, LinkPhase, LogHeard
from haconsole.model.events import Phase as Connection
from haconsole.model.packets import Announcement
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import (
    Address,
    AddressAdded,
    AddressRemoved,
    KernelReading,
    Link,
    LinkChanged,
    SquidShutdown,
)
from haconsole.operations.actions import Action, Drain, Kind, Method
from haconsole.operations.drills import figures, judge, steady
from haconsole.operations.drills.expect import Expected, expected
from haconsole.operations.drills.own import OwnDrillsError, own_drills
from haconsole.operations.drills.parts import CATALOGUE, Drill, Expects
from haconsole.operations.drills.phases import phases
from haconsole.operations.drills.seen import Seen
from haconsole.operations.drills.verdict import Ended, verdict
from haconsole.operations.job import Result
from haconsole.report.drill_measured import how_measured, missing, not_measured
from haconsole.report.drill_words import compared
from tests.unit.cluster.builders import (
    BACKUP,
    FAULT,
    MASTER,
    ONE,
    T0,
    TWO,
    V1,
    V2,
    Play,
    address,
    daemon,
    faulty,
    healthy,
    instance,
    link,
    log_line,
    pair_daemon,
    problem,
    squid,
)
from tests.unit.operations.cases import lossless

MACS = {ONE: "02:00:00:00:00:51", TWO: "02:00:00:00:00:52"}


def action(name: str, node: str = ONE, *, own_path: bool = False, drain: Drain | None = None) -> Action:
    drill = CATALOGUE[name]
    interface = {"lan": "eth0", "public": "eth1", None: None}[drill.interface]
    return Action(kind=drill.kind, node=node, interface=interface, own_path=own_path, drain=drain)


def told(play: Play, name: str, node: str = ONE) -> Expected:
    return expected(play.picture(), action(name, node))


# --- what is expected -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("node", "other", "vip"), [(ONE, TWO, "192.168.2.101"), (TWO, ONE, "192.168.2.102")])
def test_on_either_node_it_is_that_nodes_own_vip_that_moves(node: str, other: str, vip: str) -> None:
    found = told(healthy(), "public-link-down", node)
    (move,) = found.moves
    assert (move.vip, move.old, move.new, move.returns, move.home) == (vip, node, other, True, node)
    assert [v for v, _ in found.stays] == [v for v in ("192.168.2.101", "192.168.2.102") if v != vip]
    takeover, outage = found.predicted.takeover_s[vip], found.predicted.outage_s[vip]
    assert takeover.low == pytest.approx(156 / 256), "skew of priority 100"
    assert takeover.high == pytest.approx(156 / 256 + 0.1), "no wider than 100 ms where nothing is unknown"
    assert outage.holds(0.63)
    assert found.predicted.failback_outage_s[vip].holds(0.046)
    assert any("priority 0" in words for words in found.predicted.because)


def test_the_ranges_are_those_of_what_is_truly_unknown() -> None:
    silent = told(healthy(), "lan-link-down").predicted.outage_s["192.168.2.101"]
    assert [silent.low, silent.high] == pytest.approx([2.609, 3.709], abs=0.001)
    play = healthy()
    for node in (ONE, TWO):
        play.read(node, replace(squid(), shutdown=SquidShutdown(lifetime_s=1.0, text="squid.conf")))
    slow = told(play, "squid-stop").predicted.outage_s["192.168.2.101"]
    assert [slow.low, slow.high] == pytest.approx([2.609, 6.709], abs=0.001)
    nobody_knows = told(healthy(), "squid-stop")
    assert nobody_knows.predicted.outage_s["192.168.2.101"].high is None
    assert nobody_knows.outage_allowed_s("192.168.2.101") > 40, "squid's own default still fits"


def test_log_lines_are_those_of_the_version_that_runs() -> None:
    lines = {(x.node, x.text) for x in told(healthy(), "lan-link-down").lines if not x.back}
    assert lines == {
        (ONE, "Netlink reports eth0 down"), (ONE, "(proxy_ip1) Entering FAULT STATE"),
        (ONE, "(proxy_ip2) Entering FAULT STATE"), (TWO, "(proxy_ip1) Entering MASTER STATE"),
    }  # fmt: skip
    back = {(x.node, x.text) for x in told(healthy(), "squid-stop").lines if x.back}
    assert (ONE, "VRRP_Script(chk_squid_service) succeeded") in back
    assert (TWO, "(proxy_ip1) Entering BACKUP STATE") in back


def test_a_drain_by_track_file_is_expected_to_lose_a_request_under_way_at_most() -> None:
    drain = Drain(method=Method.TRACK_FILE, value=-155, cost="")
    found = expected(lossless().picture(), action("drain", drain=drain))
    (move,) = found.moves
    assert (move.new, dict(found.states)) == (TWO, {"proxy_ip1": "BACKUP", "proxy_ip2": "BACKUP"})
    assert found.predicted.outage_s[move.vip].high == pytest.approx(0.1)


def test_a_vip_that_does_not_preempt_is_expected_to_stay_where_it_went() -> None:
    play = healthy()
    for node, states in ((ONE, (MASTER, BACKUP)), (TWO, (BACKUP, MASTER))):
        same = (instance(f"proxy_ip{i}", s, 200, preempt=False) for i, s in zip((1, 2), states, strict=True))
        play.read(node, daemon(*same))
    (move,) = told(play, "public-link-down").moves
    assert (move.returns, move.home) == (False, TWO)


def test_revert_only_changes_and_moves_nothing() -> None:
    found = told(healthy(), "revert-only")
    assert (found.moves, found.lines, found.states, dict(found.predicted.outage_s)) == ((), (), (), {})
    assert len(found.stays) == 2


# --- what is seen -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Step:
    step: str
    started: float
    text: str = ""
    ended: float | None = None
    ok: bool | None = None
    left_s: float | None = None
    commands: tuple[str, ...] = ()


class Stage:
    """The second drill of the article on proxy-serv01, told by hand. Times: seconds after T0."""

    def __init__(self, drill: Drill = CATALOGUE["public-link-down"]) -> None:
        self.play = healthy()
        self.drill = drill
        self.expected = expected(
            self.play.picture(), action(drill.name if drill.name in CATALOGUE else "public-link-down")
        )
        self.was = steady.steady(self.play.picture())
        self.seen = Seen(self.play.spec, T0, (str(V1), str(V2)))
        self.seen.listening = {ONE: True, TWO: True}
        self.seen.picture(self.play.picture())
        self.requests: list[Request] = []
        self.client = figures.Clients(interval_ms=20.0)
        self.now = T0

    def at(self, second: float) -> float:
        self.now = max(self.now, T0 + second)
        self.play.now = T0 + second
        return T0 + second

    def event(self, event: Event) -> None:
        self.play.event(event)
        node = self.play.state.nodes[event.node] if not hasattr(event, "vip") else None  # type: ignore[union-attr]
        self.seen.event(event, node.clock if node else None, 0.002)
        if isinstance(event, KernelEvent):
            self.seen.picture(self.play.picture())

    def step(self, name: str, began: float, ended: float | None = None, text: str = "", *, ok: bool = True) -> None:
        self.seen.told(Step(step=name, started=T0 + began, text=text), self.at(began))
        if ended is not None:
            done = Step(step=name, started=T0 + began, ended=T0 + ended, ok=ok, text=text)
            self.seen.told(done, self.at(ended))

    def log(self, second: float, node: str, text: str, *, backlog: bool = False, heard: float | None = None) -> None:
        at = self.at(second if heard is None else heard)
        self.event(LogHeard(node=node, at=at, line=log_line(text, T0 + second), backlog=backlog))

    def moves(self, second: float, vip: str, old: str | None, new: str | None) -> None:
        at = self.at(second)
        if old is not None:
            self.event(KernelEvent(node=old, at=at, change=AddressRemoved(address=address(f"{vip}/24"))))
        if new is not None:
            self.event(KernelEvent(node=new, at=at + 0.002, change=AddressAdded(address=address(f"{vip}/24"))))

    def garp(self, second: float, vip: str, node: str) -> None:
        packet = Announcement(address=ip_address(vip), mac=MACS[node], source_mac=MACS[node])
        heard = Heard(place=TWO, at=self.at(second), error_s=0.001, packet=packet, frame=b"", length=60, link_type=1)
        self.seen.heard(heard, {}, frozenset({1, 2}))

    def clients(self, until: float, *lost: tuple[float, float], vip: str = str(V1)) -> None:
        """A request every 20 ms to both VIPs from -2 s on; those of `vip` begun in `lost` fail."""
        for number in range(-100, round(until / 0.02)):
            began = number * 0.02
            for each in (str(V1), str(V2)):
                bad = each == vip and any(a <= began < b for a, b in lost)
                took = 0.5 if bad else 0.003
                self.requests.append(Request(vip=each, started=T0 + began, ended=T0 + began + took, ok=not bad))

    def case(self, *, over: bool = True) -> figures.Case:
        known = None if not self.requests else (T0 - 2.0, self.now + 5.0)
        clients = replace(self.client, requests=self.requests, known=known)
        return figures.Case(
            drill=self.drill, expected=self.expected, seen=self.seen, clients=clients, now=self.now, over=over
        )

    def forth(self, took: float = 0.62) -> None:
        """eth1 goes down at 10 s; .101 is on proxy-serv02 so much later."""
        self.step("change", 9.99, 10.05)
        self.event(KernelEvent(node=ONE, at=self.at(10.004), change=LinkChanged(link=link("eth1", up=False))))
        self.log(10.002, ONE, "Netlink reports eth1 down")
        for name in ("proxy_ip1", "proxy_ip2"):
            self.log(10.003, ONE, f"({name}) Entering FAULT STATE")
        self.log(10.002 + took, TWO, "(proxy_ip1) Entering MASTER STATE")
        self.moves(10.0 + took, str(V1), ONE, TWO)
        self.garp(10.01 + took, str(V1), TWO)
        self.step("verify", 10.06, 12.0)
        self.play.now = self.now
        self.play.read(ONE, faulty(link_up=False))
        self.seen.picture(self.play.picture())
        self.step("hold", 12.0, 15.0)

    def back(self) -> None:
        """It is put back at 15 s; .101 returns at 19 s."""
        self.step("put-back", 15.0, 15.8)
        self.log(15.2, ONE, "Netlink reports eth1 up")
        self.log(19.0, ONE, "(proxy_ip1) Entering MASTER STATE")
        self.moves(19.0, str(V1), None, ONE)
        self.log(19.01, TWO, "(proxy_ip1) Entering BACKUP STATE")
        self.moves(19.01, str(V1), TWO, None)
        self.garp(19.02, str(V1), ONE)
        self.step("restored", 15.8, 21.0)
        self.at(22.0)
        self.play.link(ONE, "eth1").read(ONE, pair_daemon(ONE)).read(TWO, pair_daemon(TWO)).refresh().served(V1, V2)
        self.seen.picture(self.play.picture())

    def claims(self, *, over: bool = True) -> list[Claim]:
        case = self.case(over=over)
        return [*judge.during(case), *judge.failback(case), *(steady.again(self.was, self.picture()) if over else ())]

    def picture(self) -> ClusterPicture:
        return self.play.picture()

    def ends(self, result: Result = Result.DONE, **more: object) -> tuple[Verdict, str]:
        ended = Ended(result=result, text="put back", **more)  # type: ignore[arg-type]
        return verdict(ended, self.claims(), self.expected, figures.measured(self.case()))


def whole(*lost: tuple[float, float], drill: Drill = CATALOGUE["public-link-down"], vip: str = str(V1)) -> Stage:
    stage = Stage(drill)
    stage.forth()
    stage.back()
    stage.clients(22.0, *(lost or ((10.0, 10.62),)), vip=vip)
    return stage


def test_all_as_expected_is_passed_and_measured_on_one_time_line() -> None:
    stage = whole()
    assert [c for c in stage.claims() if c.ok is not True] == []
    found = figures.measured(stage.case())
    assert found.takeover_s == {"192.168.2.101": pytest.approx(0.62, abs=0.001)}
    assert found.outage_s["192.168.2.101"] == pytest.approx(0.64, abs=0.03)
    assert (found.outage_s["192.168.2.102"], found.failback_outage_s["192.168.2.101"]) == (0.0, 0.0)
    assert stage.ends() == (Verdict.PASSED, "everything was as expected")
    times = [m.time for m in stage.seen.moments()]
    assert times == sorted(times)
    assert [h.holders for h in stage.seen.lanes if h.vip == "192.168.2.101"][:3] == [(ONE,), (), (TWO,)]


@pytest.mark.parametrize("took", [0.590, 0.603, 0.607, 0.612, 0.700, 0.714, 0.730])
@pytest.mark.parametrize("lost", [0.570, 0.586, 0.600, 0.640, 0.706, 0.722])
def test_the_report_judges_each_figure_as_the_verdict_does(took: float, lost: float) -> None:
    stage = Stage()
    stage.forth(took)
    stage.back()
    stage.clients(22.0, (10.0, 10.0 + lost), vip=str(V1))
    record = DrillRecord(
        id="run", cluster="proxy", drill="public-link-down", node=ONE, operator="anna@desk", ticket=None, started=T0,
        ended=T0 + 22.0, result=None, predicted=stage.expected.predicted, measured=figures.measured(stage.case()),
    )  # fmt: skip
    rows = {row.figure: row for row in compared(record) if row.vip == str(V1)}

    def claimed(words: str) -> bool | None:
        (ok,) = (c.ok for c in judge.during(stage.case()) if c.text.startswith(words))
        return ok

    assert claimed(f"takeover of {V1} within") == rows["takeover"].ok == (0.600 <= took <= 0.72), rows["takeover"]
    assert claimed(f"clients of {V1} lose") == rows["client outage"].ok is not None, rows["client outage"]


def test_a_run_tells_its_phases_its_two_moments_and_every_command_line() -> None:
    stage = whole()
    change, back = figures.injected(stage.case()), figures.put_back(stage.case())
    assert change is not None and change.how == f"{ONE}: Netlink reports eth1 down"
    assert back is not None and back.how == f"{ONE}: Netlink reports eth1 up"
    found = phases(T0, stage.seen.steps, T0 + 22.0)
    assert [p.phase for p in found] == [
        Phase.BEFORE, Phase.INJECT, Phase.TAKEOVER, Phase.HOLD, Phase.PUT_BACK, Phase.FAILBACK, Phase.OVER,
    ]  # fmt: skip
    assert [p.since for p in found] == sorted(p.since for p in found)
    failed = Stage()
    failed.step("change", 10.0, 10.1, ok=False)
    assert figures.injected(failed.case()) is None, "nobody saw anything of a change that failed"
    stage.seen.told(Step(step="disarm", started=T0 + 21, ended=T0 + 22, ok=True, commands=("a$ x", "b$ y")), T0 + 22)
    assert stage.seen.steps[-1].command == "a$ x\nb$ y"


def test_addresses_are_told_as_ip_a_show_prints_them() -> None:
    node = healthy().picture().node(ONE)
    eth0 = Link(name="eth0", up=True, carrier=True, index=2, state="UP")
    eth1 = Link(name="eth1", up=True, carrier=False, index=3, state="DOWN")
    kernel = KernelReading(
        links={"eth1": eth1, "eth0": eth0, "lo": Link(name="lo", up=True, carrier=True, index=1)},
        addresses=(
            Address(interface="lo", address=ip_interface("127.0.0.1/8"), scope="host"),
            Address(interface="eth0", address=ip_interface("192.168.2.101/24"), label="eth0:1"),
            Address(interface="eth0", address=ip_interface("fe80::1/64"), scope="link", dad_failed=True),
            Address(interface="eth0", address=ip_interface("192.168.2.251/24")),
        ),
    )
    assert steady.addresses(replace(node, kernel=kernel)) == (
        "2: eth0: <UP,LOWER_UP> state UP",
        "    inet 192.168.2.251/24 scope global eth0",
        "    inet 192.168.2.101/24 scope global eth0:1",
        "    inet6 fe80::1/64 scope link dadfailed",
        "3: eth1: <NO-CARRIER,UP> state DOWN",
    )
    assert steady.addresses(replace(node, kernel=None)) is None


def test_while_it_runs_what_was_not_seen_yet_is_not_known_rather_than_wrong() -> None:
    stage = Stage()
    stage.step("change", 9.99, 10.05)
    stage.log(10.002, ONE, "Netlink reports eth1 down")
    stage.clients(10.3, (10.0, 10.3))
    assert [c for c in stage.claims(over=False) if c.ok is False] == []


def test_while_it_runs_an_outage_is_told_as_far_as_it_goes_and_no_figure_is_said_to_be_nothing() -> None:
    stage = Stage()
    stage.step("change", 9.99, 10.05)
    stage.log(10.002, ONE, "Netlink reports eth1 down")
    lose = "clients of 192.168.2.101 lose 0.61 to 0.71 s"

    def told(now: float, lost_until: float) -> tuple[bool | None, str]:
        """What is known at `now`: every request that has ended, and all that were begun half a second ago."""
        stage.requests.clear()
        stage.clients(now, (10.0, lost_until))
        stage.requests = [r for r in stage.requests if r.ended <= T0 + now]
        stage.at(now)
        case = replace(stage.case(over=False), clients=replace(stage.client, requests=stage.requests,
                       known=(T0 - 2.0, T0 + now - 0.5)))  # fmt: skip
        (claim,) = (c for c in judge.during(case) if c.text == lose)
        return claim.ok, claim.evidence

    assert told(10.3, 99.0)[0] is None
    assert told(10.55, 99.0) == (None, "lost for 0.56 s by now")
    ok, evidence = told(10.75, 10.62)
    assert ok is not False and evidence.startswith("0.64"), evidence
    assert told(12.0, 10.62)[0] is True
    stage.step("put-back", 12.5)
    stage.clients(14.0)
    stage.at(14.0)
    (back,) = (c for c in judge.failback(stage.case(over=False)) if c.text.startswith("clients of 192.168.2.101 lose"))
    assert (back.ok, back.evidence) == (None, "it has not moved yet")


def test_an_outage_longer_than_predicted_is_a_deviation_with_its_figure() -> None:
    result, why = whole((10.0, 12.5)).ends()
    assert result is Verdict.DEVIATED
    assert "192.168.2.101 lose 0.61 to 0.71 s" in why and "2.5" in why


def test_a_vip_that_stays_may_lose_nothing() -> None:
    result, why = whole((10.0, 10.1), vip="192.168.2.102").ends()
    assert result is Verdict.DEVIATED and "192.168.2.102, which stays, lose nothing" in why


def test_ones_own_promise_is_held_beside_the_prediction() -> None:
    strict = replace(CATALOGUE["public-link-down"], outage_at_most_s=0.5)
    result, why = whole(drill=strict).ends()
    assert result is Verdict.DEVIATED and "lose 0.5 s at most" in why


def test_without_witnesses_it_may_pass_and_says_what_could_not_be_told() -> None:
    stage = whole()
    stage.seen.announced.clear()
    stage.seen.listening = {ONE: False, TWO: False}
    result, why = stage.ends()
    assert result is Verdict.PASSED and "announces 192.168.2.101" in why and "nobody listens" in why
    deaf = whole()
    deaf.seen.announced.clear()
    assert deaf.ends()[0] is Verdict.DEVIATED, "somebody listened, and nothing was announced"


def test_without_a_measuring_client_it_has_not_passed() -> None:
    stage = whole()
    stage.requests.clear()
    result, why = stage.ends()
    assert result is Verdict.DEVIATED and "was not measured" in why
    assert figures.measured(stage.case()).outage_s["192.168.2.101"] is None


def test_where_this_machine_was_too_busy_to_measure_the_verdict_says_so_and_blames_no_cluster() -> None:
    stage = whole()
    stage.requests = [r for r in stage.requests if not 13.0 <= r.started - T0 < 14.2]
    stage.client = figures.Clients(interval_ms=20.0, begun=2310, unjudged=110, missed=10)
    result, why = stage.ends(busy=stage.case().clients.busy)
    assert result is Verdict.DEVIATED
    assert why.startswith("nothing was other than expected, but what clients of 192.168.2.101 lost was not measured")
    assert "for 1.22 s no request was begun, or none could be judged" in why
    assert "this machine was busy while it measured: 110 of 2310 requests could not be judged" in why
    record = DrillRecord(
        id="run", cluster="proxy", drill="public-link-down", node=ONE, operator="anna@desk", ticket=None, started=T0,
        ended=T0 + 22.0, result=result, predicted=stage.expected.predicted, measured=figures.measured(stage.case()),
        hypothesis=Hypothesis(during=judge.during(stage.case()), after=judge.failback(stage.case())), injected=T0 + 10.0,
    )  # fmt: skip
    (lacking,) = missing(record)
    assert (lacking.vip, lacking.figure) == (str(V1), "client outage")
    assert lacking.why.startswith("for 1.22 s no request was begun, or none could be judged")
    assert not_measured(record, wire=True)[0] == f"The client outage of {V1} was not measured: {lacking.why}."
    told = " ".join(how_measured(record, wire=True))
    assert "110 could not be judged" in told and "10 were not begun in time" in told
    assert figures.Clients(begun=2310).busy is None, "a quiet machine has nothing to say"
    assert "busy" not in whole((10.0, 12.5)).ends()[1]


def test_silence_of_a_busy_machine_is_no_outage_for_the_stop_condition() -> None:
    assert figures.unserved_s(good=10.0, failed=None, until=19.0) == 0.0
    assert figures.unserved_s(good=10.0, failed=9.98, until=19.0) == 0.0, "it failed before, and was served since"
    assert figures.unserved_s(good=10.0, failed=12.0, until=19.0) == 2.0, "of what came later nothing is known"
    assert figures.unserved_s(good=10.0, failed=19.4, until=19.0) == 9.0


def test_lines_of_a_node_that_was_cut_off_count_when_they_are_read_later_and_once() -> None:
    stage = Stage(CATALOGUE["lan-link-down"])
    stage.expected = expected(stage.play.picture(), action("lan-link-down", own_path=True))
    stage.seen.cut_off(ONE)
    stage.step("change", 9.5, 9.6)
    stage.log(13.3, TWO, "(proxy_ip1) Entering MASTER STATE")
    stage.moves(13.3, str(V1), None, TWO)
    assert stage.seen.holders("192.168.2.101", stage.now) == (TWO,), "what is believed of the other is old"
    open_now = {c.text: c for c in judge.during(stage.case(over=False))}
    waits = open_now[f"{ONE} logs `Netlink reports eth0 down`"]
    assert (waits.ok, "read when it is reached again" in waits.evidence) == (None, True), waits
    stage.step("put-back", 25.0, 31.0)
    stage.event(
        LinkPhase(node=ONE, at=stage.at(31.0), phase=Connection.WAITING, problem=problem(ProblemKind.LINK_LOST))
    )
    stage.event(LinkPhase(node=ONE, at=stage.at(32.0), phase=Connection.CONNECTED))
    stage.play.now = T0 + 32.0
    stage.play.beat(ONE)
    for _ in range(2):
        stage.log(10.0, ONE, "Netlink reports eth0 down", backlog=True, heard=32.1)
        stage.log(10.0, ONE, "(proxy_ip1) Entering FAULT STATE", backlog=True, heard=32.1)
    stage.log(-500.0, ONE, "(proxy_ip2) Entering FAULT STATE", backlog=True, heard=32.1)
    claims = {c.text: c for c in judge.during(stage.case())}
    assert claims[f"{ONE} logs `Netlink reports eth0 down`"].ok is True
    assert claims[f"{ONE} logs `(proxy_ip2) Entering FAULT STATE`"].ok is False, "that one was of long before"
    assert figures.measured(stage.case()).takeover_s["192.168.2.101"] == pytest.approx(3.3, abs=0.01)
    assert len([x for x in stage.seen.lines if x.node == ONE]) == 2


def test_how_it_was_ended_decides_the_verdict() -> None:
    stage = whole()
    aborted = Ended(result=Result.REVERTED, text="put back: stopped by the operator", by_operator=True)
    assert verdict(aborted, (), stage.expected, figures.measured(stage.case())) == (
        Verdict.ABORTED, "stopped by the operator; everything was put back",
    )  # fmt: skip
    elsewhere = Ended(result=Result.REVERTED, text="put back: bea on laptop has aborted drill-1", elsewhere=True)
    assert verdict(elsewhere, (), stage.expected, figures.measured(stage.case())) == (
        Verdict.ABORTED, "bea on laptop has aborted drill-1; everything was put back",
    )  # fmt: skip
    assert stage.ends(Result.REVERTED, tripped="x", held=True)[0] is Verdict.ABORTED
    result, why = stage.ends(Result.REVERTED, tripped="x", causes=("two-masters: both",))
    assert result is Verdict.DEVIATED and "two-masters" in why
    against = stage.ends(Result.REVERTED, tripped="x", against=("peer-serves (no answer)",))[1]
    assert "went on against peer-serves (no answer)" in against, "the cause was known beforehand"
    assert stage.ends(Result.UNVERIFIED)[0] is Verdict.FAILED
    assert stage.ends(Result.REFUSED)[0] is Verdict.REFUSED


# --- the steady state, drills of one's own ----------------------------------------------------------------


def test_the_steady_state_names_what_is_not_so() -> None:
    assert all(c.ok for c in steady.claims(healthy().picture()))
    play = healthy()
    was = steady.steady(play.picture())
    play.read(ONE, pair_daemon(ONE, one=FAULT)).moved(f"{V1}/24", ONE, TWO)
    bad = {c.text for c in steady.again(was, play.picture()) if c.ok is not True}
    assert bad == {f"{V1} is on {ONE}", f"instances of {ONE} are as before"}
    expectations = {e.text: e.holds(play.picture()) for e in steady.checks(was, ONE)}
    assert expectations[f"{V1} is on {ONE}"] is False


OWN = """
[[drill]]
name = "two-minutes"
action = "link-down"
interface = "public"
hold = "2m"
expect = ["holders", "times"]
outage_at_most = "800ms"
"""


def test_own_drills_have_the_same_parts() -> None:
    (found,) = own_drills(OWN).values()
    assert (found.kind, found.hold_s, found.outage_at_most_s) == (Kind.LINK_DOWN, 120.0, 0.8)
    assert found.expects == {Expects.HOLDERS, Expects.TIMES}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OWN.replace("link-down", "garp"), "not held and put back"),
        (OWN.replace("link-down", "reboot"), "one of drain, keepalived-stop"),
        (OWN.replace('interface = "public"', ""), "an interface belongs to link-down"),
        (OWN.replace("2m", "long"), "a length of time"),
        (OWN + 'command = "rm"', "drill 1 command"),
        (OWN + OWN, "there twice"),
        ("[[drill", "no TOML"),
        ("", "drill"),
    ],
)
def test_own_drills_that_cannot_be_are_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(OwnDrillsError, match=says):
        own_drills(text)
