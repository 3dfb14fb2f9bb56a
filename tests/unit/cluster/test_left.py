"""Whose an operation is that a node tells of, does its console live, and where it is: proven, or not known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.catalogue import operation, operation_text
from haconsole.cluster.left import LEASE_S, Console, Told, left_on
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot

ONE, TWO = "proxy-serv01", "proxy-serv02"
NODES = (ONE, TWO)
NOW = 5000.0


def lock(left_s: float, **more: Any) -> OperationLock:
    fields = {"operation": "squid-stop-1f", "boot_id": "b", "expires_uptime_s": int(1000 + left_s), "node": ONE}
    return OperationLock(**{**fields, "owner": "bea", "host": "other", "name": "squid-stop", **more})


def state(**more: Any) -> Told:
    return Told(state=NodeOperation(uptime_s=1000.0, boot_id="b", **more), at=NOW - 2)


ARMED = {"saved": "squid-stop-1f", "revert": "squid", "deadlines_uptime_s": ((Slot.A, 1043),)}


def test_the_lease_is_the_node_s() -> None:
    assert LEASE_S == operation_text.LEASE_S


def test_where_a_revert_is_armed_its_lock_says_nothing_of_the_console_elsewhere_it_does() -> None:
    armed = state(lock=lock(48), **ARMED)
    cases = {
        Console.UNKNOWN: {ONE: armed},
        Console.LIVES: {ONE: armed, TWO: state(lock=lock(12))},
        Console.GONE: {ONE: armed, TWO: state(lock=lock(0))},
        Console.LEFT: {ONE: state(**ARMED)},
    }
    for console, told in cases.items():
        left = left_on(told, NODES, ONE, NOW)
        assert left is not None
        assert left.console is console, left.evidence
        assert left.needs_name is (console in {Console.LIVES, Console.UNKNOWN})
        assert (left.armed, left.left_s, left.understood) == (True, 41.0, True)
    lives = left_on(cases[Console.LIVES], NODES, ONE, NOW)
    assert lives is not None and "renewed its lock on proxy-serv02 5 s ago" in lives.evidence


def test_a_lock_that_is_over_only_by_reckoning_proves_no_dead_console() -> None:
    left = left_on({ONE: state(lock=lock(48), **ARMED), TWO: state(lock=lock(1))}, NODES, ONE, NOW)
    assert left is not None and left.console is Console.UNKNOWN


def test_the_lock_of_an_owner_before_proves_nothing_of_the_one_who_took_over() -> None:
    old = lock(0, owner="berta", started="2026-01-01T00:00:00Z")
    left = left_on({ONE: state(lock=lock(48), **ARMED), TWO: state(lock=old)}, NODES, ONE, NOW)
    assert left is not None and left.console is not Console.GONE


def test_after_a_reboot_a_lock_is_a_dead_one() -> None:
    left = left_on({ONE: state(lock=lock(900, boot_id="before"))}, NODES, ONE, NOW)
    assert left is not None and left.console is Console.GONE and not left.armed


def test_from_the_peer_it_is_found_where_it_acts() -> None:
    told = {ONE: state(lock=lock(48), **ARMED), TWO: state(lock=lock(12))}
    left = left_on(told, NODES, TWO, NOW)
    assert left is not None and (left.node, left.armed) == (ONE, True)
    del told[ONE]  # its own way is cut
    left = left_on(told, NODES, TWO, NOW)
    assert left is not None and (left.node, left.answers, left.left_s) == (ONE, False, None)
    told[ONE] = state()  # it has rebooted: only a lock is left, and it is here
    left = left_on(told, NODES, TWO, NOW)
    assert left is not None and (left.node, left.saved) == (TWO, False)


def test_a_stale_lock_of_a_node_that_has_healed_itself_is_found_from_both_and_taken_where_it_lies() -> None:
    """Its own revert removed its own lock; nobody was left to remove the peer's."""
    told = {ONE: state(), TWO: state(lock=lock(-3))}
    for node in NODES:
        left = left_on(told, NODES, node, NOW)
        assert left is not None and (left.node, left.acted_on, left.only_locked) == (TWO, ONE, True)
        assert left.console is Console.GONE and not left.needs_name
    assert left_on({**told, TWO: state(lock=lock(3))}, NODES, ONE, NOW) is None, "it may be renewed"
    assert left_on({ONE: state(), TWO: state(lock=lock(-3, node=TWO))}, NODES, ONE, NOW) is None


def test_our_own_and_a_drain_without_a_timer_are_none() -> None:
    note = DrainNote(by="bea@other", reason=None, method="track_file", since=None, until=None)
    assert left_on({ONE: state(lock=lock(48), **ARMED)}, NODES, ONE, NOW, ours="squid-stop-1f") is None
    assert left_on({ONE: state(drain=note)}, NODES, ONE, NOW) is None
    assert left_on({}, NODES, ONE, NOW) is None
    left = left_on({ONE: state(drain=note, **{**ARMED, "revert": "drain"})}, NODES, ONE, NOW)
    assert left is not None and (left.console, left.who, left.what) == (Console.LEFT, "bea@other", "drain")


def test_a_lock_of_another_operation_is_replaced_by_its_name() -> None:
    told = {ONE: state(lock=lock(-3, operation="garp-2e", name="garp"), **ARMED)}
    left = left_on(told, NODES, ONE, NOW)
    assert left is not None
    assert (left.operation, left.instead_of, left.lock_name) == ("squid-stop-1f", "garp-2e", "garp-2e")


@pytest.mark.parametrize("revert", ["raid-5", "link-", "link-lo", "link-eth1;reboot", "link-" + "x" * 16, ""])
def test_what_this_haconsole_does_not_arm_is_not_understood(revert: str) -> None:
    left = left_on({ONE: state(lock=lock(48), **{**ARMED, "revert": revert})}, NODES, ONE, NOW)
    assert left is not None and not left.understood


@pytest.mark.parametrize("name", ["abc", "a" * 65, "Abcd", "ab_d", "-abc", "abcd", "0-aa", "a" * 64])
def test_only_what_the_catalogue_takes_for_a_name_is_one(name: str) -> None:
    left = left_on({ONE: state(**{**ARMED, "saved": name})}, NODES, ONE, NOW)
    well = True
    try:
        operation.operation_id(name)
    except ValueError:
        well = False
    assert left is not None and left.nameable is well


locks = st.none() | st.builds(
    lambda left_s, op, node, boot: lock(left_s, operation=op, node=node, boot_id=boot),
    st.integers(-100, 100), st.sampled_from(["aaaa-1", "bbbb-2"]), st.sampled_from([None, ONE, TWO, "stranger", ""]),
    st.sampled_from(["b", "before"]),
)  # fmt: skip
states = st.builds(
    lambda lock, saved, revert, ends: state(lock=lock, saved=saved, revert=revert, deadlines_uptime_s=ends),
    locks, st.sampled_from([None, "aaaa-1", "bbbb-2"]), st.sampled_from([None, "squid", "link-eth1", "?"]),
    st.sampled_from([(), ((Slot.A, 10),), ((Slot.A, 1040), (Slot.B, 1090))]),
)  # fmt: skip


@given(told=st.dictionaries(st.sampled_from(NODES), states), node=st.sampled_from(NODES))
def test_whatever_nodes_tell_it_is_on_a_node_that_exists_and_never_ours_by_mistake(
    told: dict[str, Told], node: str
) -> None:
    left = left_on(told, NODES, node, NOW, ours="aaaa-1")
    if left is not None:
        assert left.node in NODES
        assert "aaaa-1" not in {left.operation, left.lock_name}
        assert left.left_s is None or left.left_s >= 0
