"""Plans: every step in order, exact command lines, and the question that is asked before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.catalogue import change
from haconsole.catalogue.operation_text import heart
from haconsole.cluster.forecast_values import Assumed
from haconsole.model.operation import NodeOperation, Slot
from haconsole.model.readings import SquidShutdown, TrackedScript
from haconsole.operations.actions import Action, Drain, Kind, Method
from haconsole.operations.guards_context import Asked
from haconsole.operations.plan import Do, Plan, described, plan
from tests.unit.cluster.builders import ONE, T0, TWO, V1, Play, healthy, pair_daemon, squid
from tests.unit.operations.cases import action, asked, best_drain, lossless

BEFORE = [Do.LOCK, Do.GUARDS, Do.SAVE, Do.ARM, Do.SEE_ARMED, Do.CHANGE, Do.VERIFY]


def made(kind: Kind = Kind.LINK_DOWN, play: Play | None = None, **more: object) -> Plan:
    picture = (play or healthy()).picture()
    each = best_drain(picture) if kind is Kind.DRAIN else action(kind)
    return plan(picture, each, asked(), operation="op-1", **more)  # type: ignore[arg-type]


def order(found: Plan) -> list[Do]:
    return [s.do for s in found.steps]


@pytest.mark.parametrize("kind", [k for k in Kind if k.disturbs and k is not Kind.REVERT_ONLY])
def test_nothing_is_changed_before_the_revert_is_armed_and_seen_armed(kind: Kind) -> None:
    found = order(made(kind))
    assert found[: len(BEFORE)] == BEFORE
    assert found[-1] is Do.UNLOCK


def test_a_held_change_is_put_back_verified_disarmed_and_unlocked() -> None:
    found = made(hold_s=10.0)
    assert order(found)[len(BEFORE) :] == [
        Do.HOLD, Do.PUT_BACK, Do.VERIFY_BACK, Do.DISARM, Do.CLEAR, Do.UNLOCK,
    ]  # fmt: skip
    lines = {s.do: s.lines for s in found.steps}
    (now,) = lines[Do.PUT_BACK]
    assert heart(now.argv[-1]) == "systemctl start --no-block haconsole-revert-a.service"
    assert now.data == found.operation, "the node compares: another operation's is not run"
    assert [x.node for x in lines[Do.LOCK]] == [ONE, TWO]
    assert [x.node for x in lines[Do.UNLOCK]] == [TWO, ONE]
    assert {x.node for s in found.steps for x in s.lines if s.do not in {Do.LOCK, Do.UNLOCK}} == {ONE}


def test_without_a_hold_the_node_puts_it_back() -> None:
    found = made()
    assert Do.PUT_BACK not in order(found)
    hold = next(s for s in found.steps if s.do is Do.HOLD)
    assert hold.seconds == 120.0
    assert "the node puts it back" in hold.text


def test_of_a_revert_alone_the_nodes_own_timer_is_waited_for_whatever_hold_was_asked_for() -> None:
    found = made(Kind.REVERT_ONLY, hold_s=10.0)
    assert order(found) == [
        Do.LOCK, Do.GUARDS, Do.SAVE, Do.ARM, Do.SEE_ARMED, Do.HOLD, Do.VERIFY_BACK, Do.DISARM, Do.CLEAR, Do.UNLOCK,
    ]  # fmt: skip
    hold = next(s for s in found.steps if s.do is Do.HOLD)
    assert (hold.seconds, hold.text) == (120.0, "wait for the node's own timer: it fires 2 min after it was armed")
    assert not [x for s in found.steps for x in s.lines if x.argv[:2] == ("systemctl", "start")]
    assert "nothing but the revert" in found.question


def test_where_the_way_to_the_node_is_cut_the_node_puts_it_back() -> None:
    picture = healthy().picture()
    cut = replace(action(Kind.LINK_DOWN), own_path=True)
    hold = next(s for s in plan(picture, cut, asked(), operation="op-1", hold_s=10.0).steps if s.do is Do.HOLD)
    assert "by itself" in hold.text and "min after it was armed" in hold.text


def test_nothing_is_held_longer_than_to_its_own_deadline() -> None:
    with pytest.raises(ValueError, match="deadline"):
        made(hold_s=120.0)


def test_a_lossless_drain_is_noted_disarmed_and_stays() -> None:
    found = made(Kind.DRAIN, lossless())
    assert order(found)[len(BEFORE) :] == [Do.NOTE, Do.DISARM, Do.CLEAR, Do.UNLOCK]
    changed = next(s for s in found.steps if s.do is Do.CHANGE)
    assert (changed.lines[0].id, changed.lines[0].data) == ("drain.on", "-155")
    verify = next(s for s in found.steps if s.do is Do.VERIFY)
    assert verify.seconds == 2.0


def test_a_drain_by_stopping_stays_armed() -> None:
    found = made(Kind.DRAIN)
    assert order(found)[len(BEFORE) :] == [Do.NOTE, Do.HOLD, Do.UNLOCK]
    assert "if the peer dies meanwhile, nothing serves" in found.question
    assert "no better drain: proxy_ip1 has priority 255" in found.question


def test_what_restores_locks_its_own_node_and_arms_nothing() -> None:
    for kind in (k for k in Kind if not k.disturbs and k is not Kind.UNDRAIN):
        found = made(kind)
        assert order(found) == [Do.LOCK, Do.GUARDS, Do.CHANGE, Do.VERIFY, Do.UNLOCK]
        assert {x.node for s in found.steps for x in s.lines} == {ONE}


def test_an_undrain_ends_the_drains_own_operation() -> None:
    armed = NodeOperation(
        uptime_s=1.0, boot_id="b", saved="op-drain", revert="drain-stop", deadlines_uptime_s=((Slot.A, 9),)
    )
    how = Drain(method=Method.STOP, value=None, cost="")
    found = plan(healthy().picture(), action(Kind.UNDRAIN, drain=how), asked(operations={ONE: armed}), operation="op-2")
    assert found.operation == "op-drain"
    assert order(found) == [
        Do.LOCK, Do.GUARDS, Do.CHANGE, Do.VERIFY, Do.FORGET_NOTE, Do.DISARM, Do.CLEAR, Do.UNLOCK,
    ]  # fmt: skip
    disarm = next(s for s in found.steps if s.do is Do.DISARM)
    assert disarm.lines[0].data == "op-drain\na"


def test_waiting_for_idle_comes_before_anything_is_armed_and_guards_are_asked_again() -> None:
    found = order(made(wait_idle_s=300.0))
    assert found[:5] == [Do.LOCK, Do.GUARDS, Do.WAIT_IDLE, Do.GUARDS, Do.SAVE]


def test_addresses_that_keepalived_manages_are_never_saved() -> None:
    save = next(s for s in made().steps if s.do is Do.SAVE)
    assert save.lines[0].data == "op-1\n192.168.2.101 192.168.2.102"


def test_garp_announces_only_what_the_node_holds() -> None:
    changed = next(s for s in made(Kind.GARP).steps if s.do is Do.CHANGE)
    assert changed.lines[0].data == "eth0\n192.168.2.101"


def test_every_line_is_of_the_catalogue() -> None:
    from haconsole.operations.plan import _COMMANDS

    for kind in Kind:
        for step in made(kind).steps:
            for line in step.lines:
                assert line.id in _COMMANDS
                assert not any(p in w for w in line.argv for p in ("{interface}", "{drain_file}", "_unit}", "{data}"))
    assert set(change.COMMANDS) <= set(_COMMANDS)


# --- the question ---------------------------------------------------------------------------------------------


def test_the_question_says_what_runs_what_happens_what_was_and_was_not_checked() -> None:
    text = made(Kind.SQUID_STOP).question
    for words in (
        "Will be run:", "proxy-serv01: systemctl stop squid.service", "a revert is armed on proxy-serv01: 2 min",
        "192.168.2.101: proxy-serv01 → proxy-serv02, clients lose 0.61 s or more",
        "192.168.2.102: stays on proxy-serv02", "3 open connections break",
        "proxy-serv02 will answer 84 requests/s, now 42", "Checked:", "Not checked:",
        "shutdown_lifetime", "whether proxy-serv02 can bear the whole load", "Type proxy-serv01 to go on.",
    ):  # fmt: skip
        assert words in text, (words, text)


def test_a_known_shutdown_lifetime_is_no_gap() -> None:
    assert "which the outage depends" in made(Kind.SQUID_STOP).question
    assert "which the outage depends" not in made(Kind.SQUID_STOP, assumed=Assumed(shutdown_lifetime_s=1.0)).question


def test_a_revert_that_comes_before_squid_has_ended_is_said() -> None:
    words = "the node may put it back before a VIP has moved: that takes up to 131 s"
    long = SquidShutdown(lifetime_s=125.0, text="/etc/squid/squid.conf: shutdown_lifetime 125 seconds")
    assert words in made(Kind.SQUID_STOP, healthy().read(ONE, replace(squid(), shutdown=long))).question
    assert "before a VIP has moved" not in made(Kind.SQUID_STOP).question


def test_a_refused_plan_asks_for_nothing() -> None:
    found = plan(healthy().picture(), action(), Asked(now=T0, operator="ops"), operation="op-1")
    assert found.refused
    assert "Refused by:" in found.question
    assert "Type proxy-serv01" not in found.question


def test_what_is_not_counted_is_not_said_to_be_zero() -> None:
    found = plan(healthy().picture(), action(), asked(connections={}), operation="op-1")
    assert found.connections is None
    assert "open connections break" not in found.question
    assert "how many connections are open" in found.question


def test_a_rounded_deadline_is_said() -> None:
    each = action(Kind.LINK_DOWN, wanted_s=90.0)
    assert "90 s is rounded up to 2 min" in plan(healthy().picture(), each, asked(), operation="op-1").question


def test_the_consoles_own_way_is_said() -> None:
    each = Action(kind=Kind.LINK_DOWN, node=ONE, interface="eth0", own_path=True)
    found = plan(healthy().picture(), each, asked(), operation="op-1")
    assert "no abort until the node has put it back" in found.question
    assert found.predicted.vip(V1).after == TWO


def test_hostile_names_cannot_draw_in_question_or_dry_run() -> None:
    play = healthy().read(ONE, pair_daemon(ONE, tracked_scripts=(TrackedScript(name="\x1b[2Jx", ok=True),)))
    found = made(Kind.SQUID_STOP, play)
    assert "\x1b" not in found.question
    assert not any("\x1b" in line for line in described(found.steps))


def test_a_dry_run_shows_each_step_with_its_command_lines() -> None:
    text = described(made(hold_s=10.0).steps)
    assert text[0].startswith("1. lock:")
    assert any(line.endswith("exec systemctl start --no-block haconsole-revert-a.service; }") for line in text)
