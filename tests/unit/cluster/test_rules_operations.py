"""What operations left on nodes: noted drains, locks, reverts that could not bring everything back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.cluster.rules import findings, operations
from haconsole.model.findings import Finding, Severity
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot
from tests.unit.cluster.builders import ONE, healthy, unit, units

BOOT = "0b" * 16


def lock(left_s: float = 10.0, **more: object) -> OperationLock:
    fields: dict[str, object] = {
        "operation": "drain-1f", "boot_id": BOOT, "expires_uptime_s": int(1000 + left_s), "owner": "anna", "host": "bastion",
        "name": "drain", "node": "proxy-serv01",
    }  # fmt: skip
    return OperationLock(**{**fields, **more})  # type: ignore[arg-type]


def judged(told: NodeOperation, *, age_s: float = 0.0) -> dict[str, tuple[Severity, str]]:
    picture = healthy().snapshot().picture
    nodes = (replace(picture.nodes[0], operation=told, operation_at=picture.at - age_s), *picture.nodes[1:])
    return {f.id: (f.severity, f.summary) for f in operations.rules(replace(picture, nodes=nodes))}


def told(**more: object) -> NodeOperation:
    return NodeOperation(uptime_s=1000.0, boot_id=BOOT, **more)  # type: ignore[arg-type]


def test_nothing_there_is_nothing_told() -> None:
    assert judged(told()) == {}


def test_an_operation_under_way_is_information() -> None:
    assert judged(told(lock=lock())) == {
        "operation-under-way": (Severity.INFO, "anna on bastion runs drain on proxy-serv01: proxy-serv01 is locked")
    }


def test_a_lock_that_nobody_renews_is_a_warning() -> None:
    assert set(judged(told(lock=lock(-3)))) == {"operation-left"}
    assert set(judged(told(lock=lock(10)), age_s=12.0)) == {"operation-left"}, "time goes on between readings"
    assert set(judged(told(lock=lock(10, boot_id="0c" * 16)))) == {"operation-left"}, "of another boot"


def test_who_finds_an_operation_of_a_dead_console_is_told_how_to_end_it_or_go_on() -> None:
    """Where a revert is armed the lock outlives its console; the other node tells that it is gone."""
    picture = healthy().snapshot().picture
    armed = told(lock=lock(90), saved="drain-1f", revert="drain", deadlines_uptime_s=((Slot.A, 1085),))
    states = (armed, told(lock=lock(-3)))
    nodes = [replace(n, operation=t, operation_at=picture.at) for n, t in zip(picture.nodes, states, strict=True)]
    found = {f.id: f for f in operations.rules(replace(picture, nodes=tuple(nodes)))}
    for id_ in ("operation-under-way", "operation-left"):
        assert "the key a on proxy-serv01, or haconsole node abort proxy-serv01" in str(found[id_].remedy)
    assert "nobody renews it on proxy-serv02" in found["operation-under-way"].evidence[0].text


def test_a_stale_lock_on_the_peer_of_a_node_that_healed_itself_is_ended_where_it_lies() -> None:
    picture = healthy().snapshot().picture
    states = (told(), told(lock=lock(-3)))
    nodes = [replace(n, operation=t, operation_at=picture.at) for n, t in zip(picture.nodes, states, strict=True)]
    (finding,) = operations.rules(replace(picture, nodes=tuple(nodes)))
    assert finding.id == "operation-left"
    assert "haconsole node abort proxy-serv02;" in str(finding.remedy) and "take-over" not in str(finding.remedy)


@pytest.mark.parametrize(("until", "id_"), [(None, "drain-noted"), ("1970-01-01T00:00:00Z", "drain-overdue")])
def test_a_noted_drain_says_who_why_and_whether_it_is_late(until: str | None, id_: str) -> None:
    note = DrainNote(by="anna@bastion", reason="kernel", method="stop", since="2026-01-01T00:00:00Z", until=until)
    found = judged(told(drain=note))
    assert set(found) == {id_}
    assert "drained by anna@bastion: kernel" in found[id_][1]


def test_words_of_a_node_that_are_no_time_change_nothing() -> None:
    note = DrainNote(by="\x1b[31m", reason=None, method=None, since="yesterday", until="9999999-13-99")
    found = judged(told(drain=note))
    assert set(found) == {"drain-noted"}
    assert "\x1b" not in found["drain-noted"][1]


def test_a_revert_that_was_incomplete_is_a_warning() -> None:
    assert judged(told(saved="op-1", incomplete=True))["revert-incomplete"][0] is Severity.WARNING


# --- what was done on purpose is the cause of what it does -------------------------------------------------


def armed(revert: str, **more: object) -> NodeOperation:
    """An operation under way, its revert due in a minute."""
    fields: dict[str, object] = {"lock": lock(), "saved": "drain-1f", "deadlines_uptime_s": ((Slot.A, 1060),), **more}
    return told(revert=revert, **fields)


def found_with(operation: NodeOperation, *, keepalived: str = "active", squid: str = "active") -> dict[str, Finding]:
    states = {"keepalived": keepalived, "squid": squid}
    play = healthy().read(ONE, units(*(unit(n, active=s == "active", active_state=s) for n, s in states.items())))
    picture = play.snapshot().picture
    nodes = (replace(picture.nodes[0], operation=operation, operation_at=picture.at), *picture.nodes[1:])
    return {f.id: f for f in findings(replace(picture, nodes=nodes))}


def test_a_keepalived_that_a_drain_stopped_follows_from_the_drain() -> None:
    note = DrainNote(by="anna@bastion", reason="kernel", method="stop", since=None, until=None)
    found = found_with(armed("drain-stop", lock=None, drain=note), keepalived="inactive")
    assert found["keepalived-down"].follows_from == found["drain-noted"].key
    assert (found["keepalived-down"].remedy or "").startswith(
        "probably done on purpose (drain-noted): end it there first"
    )
    assert "undrain" in (found["drain-noted"].remedy or "")


def test_a_squid_that_an_operation_stopped_follows_from_it() -> None:
    found = found_with(armed("squid"), squid="inactive")
    assert found["squid-down"].follows_from == found["operation-under-way"].key


@pytest.mark.parametrize(
    ("operation", "squid"),
    [
        (armed("link-eth1"), "inactive"),
        (armed("squid"), "failed"),
        (armed("squid", incomplete=True), "inactive"),
        (armed("squid", deadlines_uptime_s=((Slot.A, 990),)), "inactive"),
        (armed("squid", decided=((Slot.A, "disarmed"),)), "inactive"),
        (armed("squid", saved="another"), "inactive"),
        (armed("squid", lock=lock(node="proxy-serv02")), "inactive"),
        (armed("squid", lock=lock(name="drill revert-only")), "inactive"),
    ],
    ids=[
        "another kind",
        "crashed",
        "incomplete",
        "over",
        "disarmed",
        "another's",
        "on the other node",
        "changes nothing",
    ],
)
def test_what_is_over_or_another_s_excuses_no_fault(operation: NodeOperation, squid: str) -> None:
    found = found_with(operation, squid=squid)
    assert found["squid-down"].follows_from is None
    assert (found["squid-down"].remedy or "").startswith("on proxy-serv01:")
