"""What headers say of operations that nodes tell of."""

from __future__ import annotations

from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot
from haconsole.tui.view.action_mark import told_mark, told_since
from haconsole.tui.view.text import plain


def drained(**more: object) -> NodeOperation:
    note = DrainNote(by="anna", reason=None, method="stop", since=None, until=None)
    fields: dict[str, object] = {"uptime_s": 1000.0, "boot_id": "0b" * 16, "drain": note, **more}
    return NodeOperation(**fields)  # type: ignore[arg-type]


def test_a_drain_with_an_end_tells_what_is_left_by_the_node_s_own_timer() -> None:
    one = drained(revert="drain-stop", deadlines_uptime_s=((Slot.A, 1090),))
    assert "serv01 drained 01:20" in plain(told_mark({"serv01": one}, None, {"serv01": 10.0}))


def test_no_end_is_told_where_none_waits_or_the_age_is_not_known() -> None:
    for one, ages in (
        (drained(), {"serv01": 10.0}),
        (drained(revert="drain-stop", deadlines_uptime_s=((Slot.A, 1090),)), {}),
        (
            drained(revert="drain-stop", deadlines_uptime_s=((Slot.A, 1090),), decided=((Slot.A, "fired"),)),
            {"serv01": 1.0},
        ),
        (drained(revert="squid", deadlines_uptime_s=((Slot.A, 1090),)), {"serv01": 1.0}),
    ):
        assert plain(told_mark({"serv01": one}, None, ages)).endswith("serv01 drained")


def test_what_was_read_before_our_own_ended_is_not_told_as_running_and_what_is_read_after_is() -> None:
    lock = OperationLock(
        operation="op-1", boot_id="b", expires_uptime_s=1010, owner="anna", name="drain", node="serv01"
    )
    one = NodeOperation(uptime_s=1000.0, boot_id="b", lock=lock)
    for read, over, told in ((99.0, {"op-1": 100.0}, False), (103.0, {"op-1": 100.0}, True), (99.0, {}, True)):
        assert ("by anna" in plain(told_mark(told_since({"serv01": one}, {"serv01": read}, over)))) is told
