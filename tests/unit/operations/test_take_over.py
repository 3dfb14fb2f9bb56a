"""What an operation of another console becomes here: action, job, guards, plan and question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.catalogue import operation as entries
from haconsole.cluster.left import Console, Left
from haconsole.model.operation import DrainNote, OperationLock, Slot
from haconsole.operations.actions import Kind, Method
from haconsole.operations.job import Ending
from haconsole.operations.plan import Do
from haconsole.operations.take_over import Taking, Way, action_of, extension, guards_of, job_of, plan_of, question
from tests.unit.cluster.builders import ONE, healthy

PICTURE = healthy().picture()
LOCK = OperationLock(
    operation="squid-stop-1f", boot_id="b", expires_uptime_s=99, owner="bea", host="other", name="squid-stop", node=ONE,
    started="2026-01-01T00:00:00Z",
)  # fmt: skip
LEFT = Left(
    node=ONE, operation="squid-stop-1f", lock=LOCK, note=None, revert="squid", saved=True, left_s=41.0, incomplete=False,
    slots=(Slot.B,), console=Console.GONE, evidence="its console is gone: it renews no lock on proxy-serv02",
)  # fmt: skip


def left(**more: object) -> Left:
    return replace(LEFT, **more)  # type: ignore[arg-type]


def named(name: str) -> OperationLock:
    return replace(LOCK, name=name)


@pytest.mark.parametrize(("told", "kind", "arm"), [
    (left(), Kind.SQUID_STOP, entries.ARM_SQUID),
    (left(lock=named("squid-restart")), Kind.SQUID_RESTART, entries.ARM_SQUID),
    (left(lock=named("drill squid-stop")), Kind.SQUID_STOP, entries.ARM_SQUID),
    (left(lock=named("drill revert-only")), Kind.SQUID_STOP, entries.ARM_SQUID),
    (left(revert="keepalived", lock=named("keepalived-reload")), Kind.KEEPALIVED_RELOAD, entries.ARM_KEEPALIVED),
    (left(revert="keepalived", lock=None), Kind.KEEPALIVED_STOP, entries.ARM_KEEPALIVED),
    (left(revert="link-eth1", lock=named("link-down")), Kind.LINK_DOWN, entries.ARM_LINK),
    (left(revert="drain"), Kind.DRAIN, entries.ARM_DRAIN),
    (left(revert="drain-stop"), Kind.DRAIN, entries.ARM_DRAIN_STOP),
    (left(revert=None, saved=False, lock=named("drain")), Kind.DRAIN, None),
    (left(revert=None, saved=False, lock=named("link-down")), Kind.REVERT_ONLY, None),
    (left(revert="raid-5", lock=named("\x1b[31m")), Kind.REVERT_ONLY, None),
])  # fmt: skip
def test_what_is_armed_says_what_it_was_and_how_it_is_armed_anew(told: Left, kind: Kind, arm: object) -> None:
    assert action_of(told).kind is kind
    job = job_of(PICTURE, Taking(left=told, way=Way.TAKE_OVER))
    assert (None if job.revert is None else job.revert.arm) == arm
    assert job.interface == ("eth1" if kind is Kind.LINK_DOWN else "lo")
    assert job.operation == told.operation
    assert extension(told) > 0


def test_a_drain_goes_on_by_its_note_s_method_and_for_half_an_hour() -> None:
    note = DrainNote(by="bea", reason=None, method="script", since=None, until=None)
    action = action_of(left(revert="drain", note=note))
    assert (action.method, extension(left(revert="drain", note=note))) == (Method.SCRIPT, 1800)
    assert action_of(left(revert="drain-stop", note=note)).method is Method.STOP


def test_what_its_revert_brings_back_must_be_seen() -> None:
    (check,) = job_of(PICTURE, Taking(left=LEFT, way=Way.ABORT)).restored
    texts = [e.text for e in check.expectations]
    assert f"squid is active on {ONE}" in texts
    assert f"192.168.2.101 is on {ONE}" in texts
    assert "192.168.2.101 serves its clients" in texts
    assert all(e.holds(PICTURE) for e in check.expectations)


def words(told: Left, way: Way = Way.TAKE_OVER, **more: object) -> list[str]:
    return [g.id for g in guards_of(Taking(left=told, way=way, **more)) if not g.passes]  # type: ignore[arg-type]


def test_guards_refuse_what_cannot_be_gone_on_with_and_an_abort_only_what_is_another_s() -> None:
    assert words(LEFT) == []
    assert words(left(revert="raid-5")) == ["understood"]
    assert words(left(revert="raid-5"), Way.ABORT) == []
    assert words(left(saved=False, revert=None, left_s=None)) == ["armed"]
    assert words(left(saved=False, revert=None, left_s=None), Way.ABORT) == []
    assert words(left(answers=False), Way.ABORT) == ["node-answers"]
    assert words(LEFT, read_only=True) == ["not-read-only"]
    for console in (Console.LIVES, Console.UNKNOWN):
        assert words(left(console=console), Way.ABORT) == ["console-gone"]
        assert words(left(console=console), Way.ABORT, named="another") == ["console-gone"]
        assert words(left(console=console), Way.ABORT, named="squid-stop-1f") == []


def test_the_plan_has_every_command_line_of_its_way() -> None:
    def lines(**more: object) -> list[str]:
        plan = plan_of(PICTURE, Taking(left=LEFT, **more))  # type: ignore[arg-type]
        return [line.id for step in plan.steps for line in step.lines]

    assert lines(way=Way.ABORT) == [
        "operation.lock", "operation.timers", "operation.state", "operation.revert-now-b", "operation.disarm",
        "operation.lock", "operation.lock",
    ]  # fmt: skip
    assert "operation.arm-squid" in lines(way=Way.TAKE_OVER, seconds=300)
    assert lines(way=Way.TAKE_OVER, seconds=300, leave=True).count("operation.revert-now-b") == 0
    plan = plan_of(PICTURE, Taking(left=LEFT, way=Way.TAKE_OVER, seconds=300))
    assert plan.action.deadline is not None and plan.action.deadline.seconds == 300
    assert Do.HOLD in {s.do for s in plan.steps}
    assert job_of(PICTURE, Taking(left=LEFT, way=Way.TAKE_OVER, leave=True)).ending is Ending.UNTIL


def test_the_question_says_whose_since_when_whether_it_lives_how_long_and_the_way_past_a_living_console() -> None:
    taking = Taking(left=left(console=Console.LIVES, evidence="its console lives"), way=Way.ABORT)
    text = question(taking, plan_of(PICTURE, taking))
    for told in (
        "begun by     bea on other", "since        2026-01-01T00:00:00Z", f"{ONE} heals itself in 41 s",
        f"{ONE}$ systemctl start --no-block haconsole-revert-b.service", "Refused by: console-gone",
        "--break-lock squid-stop-1f", "192.168.2.101: stays on",
    ):  # fmt: skip
        assert told in text
    taking = replace(taking, named="squid-stop-1f")
    assert question(taking, plan_of(PICTURE, taking)).endswith(f"Type {ONE} to go on.")
