"""What operations left on nodes: noted drains, locks, reverts that could not bring everything back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.cluster.rules import operations
from haconsole.model.findings import Severity
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock
from tests.unit.cluster.builders import healthy

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
