"""A drill whose console died, and who has it by now: what `resume` may take, and from whom it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from haconsole.cluster.left import Told
from haconsole.model.drill import DrillRecord, DrillStep
from haconsole.model.operation import NodeOperation, OperationLock, Slot
from haconsole.operations.drills.steady import Steady
from haconsole.operations.drills.story import Begun, Entry, story, written
from haconsole.operations.drills.whose import Free, Hindrance, whose

DRILL, ONE, TWO = "drill-squid-stop-0123abcd", "proxy-serv01", "proxy-serv02"
BEGAN, LOCKED, DIED, NOW = 5000.0, 5003.0, 5010.0, 5012.0


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


STORY = story(
    written(e)
    for e in (
        Entry(
            what="begun", at=BEGAN,
            begun=Begun(
                record=DrillRecord(
                    id=DRILL, cluster="proxy", drill="squid-stop", node=ONE, operator="anna@desk", ticket=None,
                    started=BEGAN, ended=None, result=None,
                ),
                steady=Steady(), kind="squid-stop", deadline_s=30, pid=1, host="desk",
            ),
        ),
        Entry(what="step", at=LOCKED, step=DrillStep(name="lock", started=LOCKED - 0.5, ended=LOCKED, ok=True, text="")),
        Entry(what="step", at=DIED, step=DrillStep(name="hold", started=5004.0, ended=DIED, ok=True, text="")),
    )
)  # fmt: skip
DEAD = OperationLock(
    operation=DRILL, boot_id="b", expires_uptime_s=1048, owner="anna", host="desk", name="drill squid-stop", node=ONE,
    started=stamp(LOCKED - 0.4),
)  # fmt: skip
BEA = replace(DEAD, owner="bea", host="bastion", started=stamp(5011.0))
AGAIN = replace(DEAD, started=stamp(5011.0))
"""anna's second console, which adopted it."""
FREE = NodeOperation(uptime_s=1000.0, boot_id="b")


def nodes(lock: OperationLock, peer_left_s: int, **here: object) -> dict[str, Told]:
    """The drill's node, where what is armed keeps the lock, and its peer, where only a heartbeat does."""
    armed = replace(FREE, lock=lock, saved=DRILL, revert="squid", deadlines_uptime_s=((Slot.A, 1043),))
    peer = replace(FREE, lock=replace(lock, expires_uptime_s=1000 + peer_left_s))
    return {ONE: Told(state=replace(armed, **here), at=NOW), TWO: Told(state=peer, at=NOW)}  # type: ignore[arg-type]


def judged(told: dict[str, Told], named: str | None = None) -> Free | Hindrance:
    return whose(STORY, told, (ONE, TWO), NOW, named)


@pytest.mark.parametrize(
    "told",
    [
        nodes(DEAD, 12), nodes(DEAD, -3), nodes(replace(DEAD, owner="root", started=stamp(BEGAN)), 12),
        {ONE: Told(state=FREE, at=NOW)}, {},
    ],
    ids=["just died", "died before", "a resume that died too", "put back since", "nobody answers"],
)  # fmt: skip
def test_what_its_own_dead_console_left_is_ended_unasked(told: dict[str, Told]) -> None:
    assert judged(told) == Free()


@pytest.mark.parametrize("lock", [BEA, AGAIN], ids=["another's", "another one of the same operator"])
def test_what_a_living_console_has_adopted_is_not_taken_from_it_unless_it_is_named(lock: OperationLock) -> None:
    found = judged(nodes(lock, 12))
    assert isinstance(found, Hindrance)
    assert f"{lock.owner} on {lock.host} has taken" in found.text and "renewed its lock on proxy-serv02" in found.text
    assert any(f"--break-lock {DRILL}" in way for way in found.ways)
    assert isinstance(judged(nodes(lock, 12), "another"), Hindrance)
    named = judged(nodes(lock, 12), DRILL)
    assert isinstance(named, Free) and named.taken_from is not None and f"{lock.owner} on" in named.taken_from


def test_what_may_live_counts_as_living_and_what_died_since_does_not() -> None:
    only = {ONE: nodes(BEA, 12)[ONE]}
    unsure = judged(only)
    assert isinstance(unsure, Hindrance) and "may live" in unsure.text
    cut = judged({TWO: nodes(BEA, 12)[TWO]})
    assert isinstance(cut, Hindrance) and "its console may live" in cut.text, "the drill's node may be cut off"
    dead = judged(nodes(BEA, -3))
    assert isinstance(dead, Free) and "bea on bastion" in str(dead.taken_from)


def test_another_operation_on_the_node_is_neither_put_back_nor_robbed_of_its_lock() -> None:
    other = replace(BEA, operation="drain-77aa", name="drain")
    held = judged(nodes(other, 12, saved=None, deadlines_uptime_s=()))
    assert isinstance(held, Hindrance) and "bea on bastion runs drain" in held.text
    assert not any("--break-lock" in way for way in held.ways)
    waits = judged({ONE: Told(state=replace(FREE, saved="drain-77aa", revert="drain"), at=NOW)})
    assert isinstance(waits, Hindrance) and "drain-77aa" in waits.text

    stale = replace(other, expires_uptime_s=990)
    left = {ONE: Told(state=replace(FREE, lock=stale), at=NOW), TWO: Told(state=FREE, at=NOW)}
    refused = judged(left, None)
    assert isinstance(refused, Hindrance) and any("--break-lock drain-77aa" in way for way in refused.ways)
    assert judged(left, "drain-77aa") == Free(instead_of="drain-77aa")
