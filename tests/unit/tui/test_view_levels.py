"""Nothing gets the sign for well without evidence."""

from dataclasses import replace

import pytest

from haconsole.model.findings import Finding, Severity, Verdict
from haconsole.tui.view import levels
from haconsole.tui.view.text import Level
from tests.unit.tui import scenes


def vip_level(shown, index=0, **changes):
    vip = replace(shown.picture.vips[index], **changes)
    return levels.of_vip(vip, shown)


def test_a_vip_is_well_when_one_kernel_has_it_and_a_client_is_served():
    assert vip_level(scenes.healthy()) is Level.OK


@pytest.mark.parametrize("missing", [{"holders": None}, {"client": None}])
def test_a_vip_without_evidence_is_unknown(missing):
    assert vip_level(scenes.healthy(), **missing) is Level.UNKNOWN


def test_a_vip_on_two_nodes_is_critical_once_it_is_no_hand_over():
    both = (scenes.ONE, scenes.TWO)
    assert vip_level(scenes.healthy(), holders=both) is Level.CRITICAL
    assert vip_level(scenes.healthy(), holders=both, settled=False) is Level.BUSY


def test_a_vip_on_no_node_is_critical_unless_a_node_could_not_be_asked():
    assert vip_level(scenes.healthy(), holders=()) is Level.CRITICAL
    assert vip_level(scenes.healthy(), holders=(), unread=(scenes.TWO,)) is Level.UNKNOWN


def test_a_vip_that_does_not_serve_is_critical():
    shown = scenes.split_brain()
    assert levels.of_vip(shown.picture.vips[0], shown) is Level.CRITICAL


def test_witnesses_that_disagree_are_never_well():
    assert vip_level(scenes.healthy(), masters=(scenes.TWO,)) is Level.WARNING
    assert vip_level(scenes.healthy(), advertisers=(scenes.TWO,)) is Level.WARNING


def test_a_finding_about_the_vip_takes_the_sign():
    shown = scenes.eth1_down()
    assert levels.of_vip(shown.picture.vips[1], shown) is Level.WARNING
    assert levels.of_vip(shown.picture.vips[0], shown) is Level.OK


def test_what_is_only_worth_knowing_does_not_take_the_sign_for_well_away():
    note = Finding(id="note", severity=Severity.INFO, summary="a note", node=scenes.ONE)
    shown = replace(scenes.healthy(), findings=(note,))
    assert levels.of_node(shown.picture.nodes[0], shown) is Level.OK
    assert levels.of_finding(note) is Level.INFO


def test_a_node_that_is_being_connected_is_in_progress_and_one_that_refuses_is_unknown():
    shown = scenes.connecting()
    assert [levels.of_node(n, shown) for n in shown.picture.nodes] == [Level.BUSY, Level.UNKNOWN]


def test_a_node_that_was_not_read_whole_is_not_well():
    shown = scenes.unprivileged()
    assert levels.of_node(shown.picture.nodes[1], shown) is Level.UNKNOWN


def test_both_nodes_of_a_split_brain_are_critical_though_no_finding_names_one():
    shown = scenes.split_brain()
    assert [levels.of_node(n, shown) for n in shown.picture.nodes] == [Level.CRITICAL, Level.CRITICAL]


def test_verdicts_keep_their_order():
    order = [levels.of_verdict(v) for v in (Verdict.OK, Verdict.WARNING, Verdict.UNKNOWN, Verdict.CRITICAL)]
    assert order == sorted(order)
