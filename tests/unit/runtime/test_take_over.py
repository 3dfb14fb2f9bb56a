"""What is found of another console's operation, and that it is asked for once more before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from haconsole.cluster.left import Console, Told
from haconsole.io.clock import SystemClock
from haconsole.model.operation import DrainNote, NodeOperation, OperationLock, Slot
from haconsole.operations.job import Result
from haconsole.operations.take_over import Way, question
from haconsole.runtime.operate import WordsError
from haconsole.runtime.take_over import NothingError, TakeOver, TakeWords
from tests.unit.cluster.builders import ONE, TWO, healthy

PICTURE = healthy().picture()
LOCK = OperationLock(
    operation="squid-stop-1f", boot_id="b", expires_uptime_s=1048, owner="bea", host="other", name="squid-stop", node=ONE
)  # fmt: skip
FREE = NodeOperation(uptime_s=1000.0, boot_id="b")
ARMED = replace(FREE, lock=LOCK, saved=LOCK.operation, revert="squid", deadlines_uptime_s=((Slot.A, 1043),))


def peer(left_s: int) -> NodeOperation:
    return replace(FREE, lock=replace(LOCK, expires_uptime_s=1000 + left_s))


@dataclass
class Records:
    """What was written down."""

    written: list[str] = field(default_factory=list)

    def write(self, deed: Any, what: Any, **more: Any) -> None:
        self.written.append(f"{what.value}: {more.get('text')}")


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def taking(records: Records, monkeypatch: pytest.MonkeyPatch) -> TakeOver:
    """Nodes tell what is put into `tells`, one look after the other."""
    monitor = SimpleNamespace(spec=PICTURE.spec, picture=lambda: PICTURE)
    made = TakeOver(SimpleNamespace(monitor=monitor, connector=None, clock=SystemClock(), records=records))  # type: ignore[arg-type]
    made.tells = []  # type: ignore[attr-defined]

    async def told(_: object) -> dict[str, Told]:
        now = SystemClock().now()
        return {n: Told(state=s, at=now) for n, s in made.tells.pop(0).items()}  # type: ignore[attr-defined]

    monkeypatch.setattr(made, "_told", told)
    return made


def words(way: Way = Way.ABORT, **more: Any) -> TakeWords:
    return TakeWords(way=way, node=ONE, operator="anna", host="desk", **more)


async def test_of_a_dead_console_it_is_found_with_everything_that_the_node_tells(taking: TakeOver) -> None:
    taking.tells = [{ONE: ARMED, TWO: peer(-3)}]  # type: ignore[attr-defined]
    found = await taking.prepare(words())
    assert (found.left.console, found.left.who, found.operation) == (Console.GONE, "bea on other", "squid-stop-1f")
    assert not found.plan.refused


async def test_where_there_is_nothing_it_is_said_what_there_is(taking: TakeOver) -> None:
    note = DrainNote(by="bea", reason=None, method="track_file", since=None, until=None)
    taking.tells = [{ONE: FREE, TWO: FREE}, {ONE: replace(FREE, drain=note)}, {TWO: FREE}]  # type: ignore[attr-defined]
    with pytest.raises(NothingError, match="tells of no operation") as nothing:
        await taking.prepare(words())
    assert not nothing.value.drained
    with pytest.raises(NothingError, match=f"haconsole node undrain {ONE}") as nothing:
        await taking.prepare(words())
    assert nothing.value.drained
    with pytest.raises(WordsError, match="did not tell") as unread:
        await taking.prepare(words())
    assert not isinstance(unread.value, NothingError), "not known is not nothing"


async def test_of_a_node_that_has_healed_itself_the_stale_lock_of_its_peer_is_what_is_found(taking: TakeOver) -> None:
    taking.tells = [{ONE: FREE, TWO: peer(-3)}, {ONE: FREE, TWO: peer(3)}]  # type: ignore[attr-defined]
    found = await taking.prepare(words())
    assert (found.left.node, found.left.acted_on, found.plan.refused) == (TWO, ONE, ())
    text = question(found.taking, found.plan)
    assert f"squid-stop on {ONE} (squid-stop-1f); what is left of it on {TWO} is its lock" in text
    assert "only its lock is left" in text and "systemctl start" not in text
    with pytest.raises(NothingError):
        await taking.prepare(words())


async def test_who_was_quicker_while_the_question_was_read_is_not_taken_from(
    taking: TakeOver, records: Records
) -> None:
    taking.tells = [{ONE: ARMED, TWO: peer(-3)}, {ONE: ARMED, TWO: peer(14)}]  # type: ignore[attr-defined]
    found = await taking.prepare(words(Way.TAKE_OVER))
    report = await taking.carry_out(found, lambda _: None, lambda _: pytest.fail("nothing is begun"))
    assert report.result is Result.REFUSED
    assert "its console may live: it renewed its lock on" in report.text and "counts as dead in 14 s" in report.text
    assert records.written == [f"refused: take-over of squid-stop on {ONE}, begun by bea on other: console-gone"]


async def test_named_by_the_operator_it_is_refused_no_more(taking: TakeOver) -> None:
    taking.tells = [{ONE: ARMED, TWO: peer(14)}]  # type: ignore[attr-defined]
    found = await taking.prepare(words())
    assert [g.id for g in found.plan.refused] == ["console-gone"]
    assert not taking.named(found, "squid-stop-1f").plan.refused
    assert taking.named(found, "another").plan.refused
