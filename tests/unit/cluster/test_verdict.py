"""The contract's verdicts: critical outranks unknown outranks warning, and nothing is ok unproven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.cluster.picture import ClusterPicture
from haconsole.cluster.verdict import verdict
from haconsole.model.events import Phase
from haconsole.model.findings import Finding, Severity, Verdict
from haconsole.model.problems import ProblemKind
from tests.unit.cluster.builders import ONE, TWO, V1, Play, eth1_down, healthy, no_answer, problem

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
LOST = problem(ProblemKind.LINK_LOST)


def finding(severity: Severity, *, unknown: bool = False) -> Finding:
    return Finding(id="x", severity=severity, summary="x", unknown=unknown)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Verdict.OK),
        ([finding(INFO)], Verdict.OK),
        ([finding(WARNING)], Verdict.WARNING),
        ([finding(WARNING), finding(INFO, unknown=True)], Verdict.UNKNOWN),
        ([finding(CRITICAL), finding(WARNING, unknown=True)], Verdict.CRITICAL),
        ([finding(CRITICAL)], Verdict.CRITICAL),
    ],
    ids=["nothing", "info", "warning", "unknown over warning", "critical over unknown", "critical"],
)
def test_precedence(found: list[Finding], expected: Verdict) -> None:
    assert verdict(healthy().picture(), found) is expected


def without(picture: ClusterPicture, **changes: object) -> ClusterPicture:
    first = replace(picture.vips[0], **changes)  # type: ignore[arg-type]
    return replace(picture, vips=(first, *picture.vips[1:]))


@pytest.mark.parametrize(
    "changes",
    [{"holders": None}, {"holders": ()}, {"holders": (ONE, TWO)}, {"client": None}],
    ids=["holders unknown", "on none", "on two", "no client"],
)
def test_without_evidence_it_is_never_ok_whatever_the_rules_say(changes: dict[str, object]) -> None:
    assert verdict(without(healthy().picture(), **changes), []) is Verdict.UNKNOWN


def test_a_failing_client_is_never_ok_whatever_the_rules_say() -> None:
    assert verdict(healthy().probe(V1, no_answer()).picture(), []) is Verdict.UNKNOWN


def test_without_vips_it_is_unknown() -> None:
    assert verdict(replace(healthy().picture(), vips=()), []) is Verdict.UNKNOWN


# --- the situations of the contract ------------------------------------------------


def test_all_well() -> None:
    assert healthy().verdict == "ok"


def test_nothing_read_yet() -> None:
    assert Play().verdict == "unknown"


def test_one_node_down_while_every_vip_serves() -> None:
    play = healthy().wait(1.0).phase(TWO, Phase.WAITING, LOST)
    assert play.verdict == "warning"


def test_one_node_lost_its_public_link_and_the_other_serves_all() -> None:
    assert eth1_down(healthy()).verdict == "warning"


def test_a_vip_on_no_node() -> None:
    assert healthy().removed(ONE, f"{V1}/24").wait(2.0).beat().served().verdict == "critical"


def test_a_vip_on_two_nodes() -> None:
    assert healthy().added(TWO, f"{V1}/24").wait(2.0).beat().served().verdict == "critical"


def test_a_vip_that_does_not_serve() -> None:
    assert healthy().probe(V1, no_answer()).verdict == "critical"


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_the_probe_is_never_ok(status: int) -> None:
    play = healthy()
    for vip in tuple(play.state.vips):
        play.probe(vip, no_answer("refused", status))
    assert play.verdict == "warning"


def test_no_node_readable_is_unknown_even_when_clients_are_served() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST).phase(TWO, Phase.WAITING, LOST).served()
    assert play.verdict == "unknown"


def test_no_node_readable_and_clients_fail_is_critical() -> None:
    play = healthy().wait(1.0).phase(ONE, Phase.WAITING, LOST).phase(TWO, Phase.WAITING, LOST)
    assert play.probe(V1, no_answer()).verdict == "critical"


def test_no_fresh_answer_of_a_client_is_unknown() -> None:
    assert healthy().wait(9.0).beat().verdict == "unknown"


@pytest.mark.parametrize(
    ("answered", "expected"),
    [(True, "warning"), (False, "critical"), (None, "unknown")],
    ids=["ok", "fails", "unknown"],
)
def test_a_vip_on_no_readable_node(answered: bool | None, expected: str) -> None:
    play = healthy().wait(6.0).beat().phase(ONE, Phase.WAITING, LOST).served()
    if answered is False:
        play.probe(V1, no_answer())
    if answered is None:
        play.wait(6.0).beat(TWO).wait(3.0).beat(TWO)
        play.served(*[v for v in play.state.vips if v != V1])
    assert play.verdict == expected
