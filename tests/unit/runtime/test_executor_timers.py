"""The executor's timers, playbook by playbook: whatever is lost while they are moved, the node keeps one that heals it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from haconsole.model.operation import (
    DisarmAnswer,
    DisarmOutcome,
    LockAnswer,
    LockOutcome,
    NodeOperation,
    RevertTimers,
    Slot,
    StepAnswer,
    StepOutcome,
)
from haconsole.operations.job import Ending, Result
from haconsole.runtime import executor as module
from haconsole.runtime import executor_base
from haconsole.runtime.executor import Executor, Report, Told
from tests.unit.runtime import test_executor as scene
from tests.unit.runtime.test_executor import ONE, TWO, FakeDesk, World, done, executor, held, lost, quick

__all__ = ["quick"]


class Player(FakeDesk):
    """A node on which one thing goes as the test says."""

    loses_disarm: frozenset[Slot] = frozenset()
    """Carried out, the answer is lost, once each."""
    answers: StepOutcome | None = None
    """To clearing, which then does nothing."""
    untimed = False
    """A timer waits, and systemd does not tell until when."""
    revert_kind: str | None = None
    owner = "bea"
    disarm_began: asyncio.Event | None = None
    disarm_goes_on: asyncio.Event | None = None
    renewing: BaseException | None = None
    hangs = False
    renewed = 0

    async def disarm(self, operation: str, slot: Slot, patience_s: float) -> DisarmAnswer:
        if self.disarm_began is not None and self.disarm_goes_on is not None:
            self.disarm_began.set()
            await self.disarm_goes_on.wait()
        answer = await super().disarm(operation, slot, patience_s)
        if slot in self.loses_disarm:
            self.loses_disarm -= {slot}
            raise lost()
        return answer

    async def clear(self, operation: str, patience_s: float) -> StepAnswer:
        if self.answers is None:
            return await super().clear(operation, patience_s)
        return StepAnswer(outcome=self.answers, state=self.world.state(self.name))

    async def state(self, patience_s: float = 3.0) -> NodeOperation:
        return replace(await super().state(patience_s), revert=self.revert_kind)

    async def timers(self, patience_s: float = 3.0) -> RevertTimers:
        told = await super().timers(patience_s)
        if not self.untimed:
            return told
        a, b = (replace(t, next_uptime_s=None) for t in told.timers)
        return replace(told, timers=(a, b))

    async def renew(self, operation: str, patience_s: float = 0.0) -> LockAnswer:
        if self.hangs:
            await asyncio.sleep(60.0)
        type(self).renewed += self.name == ONE
        if self.renewing is not None:
            raise self.renewing
        told = await super().renew(operation, patience_s)
        lock = None if told.state.lock is None else replace(told.state.lock, owner=self.owner)
        return replace(told, state=replace(told.state, lock=lock))


@pytest.fixture(autouse=True)
def player(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "FakeDesk", Player)
    Player.renewed = 0


def node(run: Executor, name: str = ONE) -> Player:
    desk = run._desks[name]
    assert isinstance(desk, Player)
    return desk


async def holding(world: World, *, step: str = "hold", **more: object) -> tuple[Executor, asyncio.Future[Report]]:
    there = asyncio.Event()

    def told(one: Told) -> None:
        if one.step == step:
            there.set()

    run = executor(world, held(world, **{"hold_s": 600.0, **more}), observe=told)
    running = asyncio.ensure_future(run.run())
    await asyncio.wait_for(there.wait(), 30.0)
    return run, running


def left(**more: object) -> World:
    """In the hold its console was killed."""
    fields: dict[str, object] = {"saved": True, "changed": True, "locks": {ONE: "op-1"}, "armed": {Slot.A}}
    return World(**{**fields, **more})  # type: ignore[arg-type]


# --- the deadline is moved --------------------------------------------------------------------------


async def test_when_the_answer_to_disarming_the_first_timer_is_lost_the_second_is_the_one_that_heals() -> None:
    world = World()
    run, running = await holding(world)
    node(run).loses_disarm = frozenset({Slot.A})
    assert not await run.extend(120), "not surely moved"
    assert (world.armed, run._slot, run._doubtful) == ({Slot.B}, Slot.B, Slot.A)
    assert await run.extend(120), "once more"
    assert len(world.armed) == 1
    run.stop.set()
    report = await done(running)
    assert (report.result, world.changed, world.armed) == (Result.REVERTED, False, set())


async def test_a_second_timer_that_was_not_seen_is_asked_when_the_first_is_gone() -> None:
    world = World()
    run, running = await holding(world)
    world.lose.add(len(world.calls))  # the answer to arming
    assert not await run.extend(120)
    assert (run._slot, run._doubtful, world.armed) == (Slot.A, Slot.B, {Slot.A, Slot.B})
    world.armed.discard(Slot.A)
    run.stop.set()
    report = await done(running)
    assert (report.result, world.changed, world.armed) == (Result.REVERTED, False, set())


@pytest.mark.usefixtures("quick")
async def test_what_was_not_seen_put_back_keeps_its_timers_and_is_never_called_put_back() -> None:
    world = World()
    run, running = await holding(world)
    world.drop = set(range(len(world.calls), 4000))
    run.stop.set()
    report = await done(running)
    assert (report.result, world.changed, world.armed) == (Result.UNVERIFIED, True, {Slot.A})
    assert "NOT seen to be put back" in report.text and "its timer is left armed" in report.text
    assert not [c for c in world.calls if c.startswith("disarm")]


@pytest.mark.parametrize("outcome", [DisarmOutcome.BUSY, DisarmOutcome.STILL_ARMED, DisarmOutcome.UNKNOWN])
async def test_a_first_timer_that_may_still_run_is_not_called_moved(outcome: DisarmOutcome) -> None:
    world = World()
    run, running = await holding(world)
    world.disarms = outcome
    assert not await run.extend(120)
    assert (run._slot, run._doubtful) == (Slot.B, Slot.A)
    world.disarms = None
    run.stop.set()
    assert (await done(running)).result is Result.REVERTED


async def test_a_first_timer_that_has_run_meanwhile_ends_the_hold() -> None:
    world = World()
    run, running = await holding(world)
    world.disarms = DisarmOutcome.FIRED
    world.reverted, world.changed, world.saved = 1, False, False
    assert not await run.extend(120)
    report = await done(running)
    assert report.result is Result.REVERTED
    assert "has put it back already" in report.text
    assert world.armed == set()


async def test_who_asked_may_be_cancelled_and_the_deadline_is_moved_to_the_end_before_it_is_put_back() -> None:
    world = World()
    run, running = await holding(world)
    desk = node(run)
    desk.disarm_began, desk.disarm_goes_on = asyncio.Event(), asyncio.Event()
    asked = asyncio.ensure_future(run.extend(120))
    await asyncio.wait_for(desk.disarm_began.wait(), 30.0)
    asked.cancel()
    run.stop.set()
    with pytest.raises(asyncio.CancelledError):
        await asked
    desk.disarm_goes_on.set()
    report = await done(running)
    assert (report.result, world.changed, world.armed) == (Result.REVERTED, False, set())
    assert world.calls.index("disarm a") < world.calls.index("revert now")
    assert not await run.extend(120), "nothing is armed any more afterwards"
    assert world.armed == set()


async def test_what_stays_is_left_with_no_timer_of_either_slot() -> None:
    world = World(takes_effect=False)  # so that it is still being verified
    run, running = await holding(world, step="verify", ending=Ending.STAYS)
    node(run).loses_disarm = frozenset({Slot.A})
    assert not await run.extend(120)
    world.changed = True
    report = await done(running)
    assert (report.result, world.changed, world.armed, world.saved) == (Result.DONE, True, set(), False)
    assert {"disarm a", "disarm b"} <= set(world.calls)


async def test_what_stays_and_could_not_be_cleared_is_not_called_done() -> None:
    world = World()
    run = executor(world, held(world, ending=Ending.STAYS))
    node(run).answers = StepOutcome.ARMED
    report = await done(run.run())
    assert report.result is Result.UNVERIFIED and report.look_at
    assert "its revert may still run" in report.text


# --- what another console left ----------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_a_timer_that_waits_without_a_time_is_the_one_that_puts_back() -> None:
    world = left(armed={Slot.B})
    run = executor(world, held(world, changes=(), expect=()))
    node(run).untimed = True
    report = await done(run.abort())
    assert (report.result, world.changed, world.reverted) == (Result.DONE, False, 1)
    assert "clear" not in world.calls


@pytest.mark.usefixtures("quick")
async def test_what_was_armed_once_is_never_cleared_as_if_it_had_not_been() -> None:
    """Its console died while it disarmed, or somebody stopped the timer by hand: the change is in force."""
    world = left(armed=set())
    run = executor(world, held(world, changes=(), expect=()))
    node(run).revert_kind = "squid"
    report = await done(run.abort())
    assert (report.result, world.saved, world.changed) == (Result.UNVERIFIED, True, True)
    assert "clear" not in world.calls and "NOT seen to be put back" in report.text


@pytest.mark.usefixtures("quick")
async def test_where_the_node_does_not_clear_something_is_still_there() -> None:
    world = left(armed=set())
    run = executor(world, held(world, changes=(), expect=()))
    node(run).answers = StepOutcome.ARMED
    assert (await done(run.abort())).result is Result.UNVERIFIED
    assert world.saved


# --- who wakes late ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [Ending.HOLD, Ending.LAPSE])
async def test_who_wakes_late_and_was_taken_over_from_touches_nothing(
    monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    monkeypatch.setattr(executor_base, "HEARTBEAT_S", 3600.0)
    world = World()
    run, running = await holding(world, ending=ending)
    node(run).owner = "carl"
    run.hold_over.set()
    report = await done(running)
    assert (report.result, world.changed, world.reverted, world.armed) == (Result.UNVERIFIED, True, 0, {Slot.A})
    assert "carl on other has taken op-1 over" in report.text and report.look_at
    assert world.locks == {ONE: "op-1", TWO: "op-1"}


async def test_who_is_taken_over_from_in_the_middle_of_putting_back_asks_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executor_base, "HEARTBEAT_S", 3600.0)
    world = World()
    run, running = await holding(world)
    world.drop.add(len(world.calls))  # the first time it is asked to put back
    desk, once = node(run), run._ask_to_revert

    async def ask() -> None:
        desk.owner = "carl"
        await once()

    monkeypatch.setattr(run, "_ask_to_revert", ask)
    run.stop.set()
    report = await done(running)
    assert (report.result, world.changed, world.reverted, world.armed) == (Result.UNVERIFIED, True, 0, {Slot.A})
    assert world.locks == {ONE: "op-1", TWO: "op-1"}


async def test_a_second_stop_while_it_is_verified_changes_nothing() -> None:
    world = World()
    run = executor(world, held(world, hold_s=0.0), observe=lambda t: run.stop.set() if t.step == "restored" else None)
    report = await done(run.run())
    assert (report.result, world.changed) == (Result.DONE, False)


# --- the heartbeat ----------------------------------------------------------------------------------


async def test_a_heartbeat_that_breaks_or_hangs_ends_nothing_and_starves_no_other_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executor_base, "HEARTBEAT_S", 0.01)
    world = World()
    run, running = await holding(world)
    node(run, TWO).hangs = True
    node(run).renewing = RuntimeError("not foreseen")
    since = Player.renewed
    async with asyncio.timeout(10.0):
        while Player.renewed < since + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not running.done()
    node(run).renewing = None
    run.stop.set()
    assert (await done(running)).result is Result.REVERTED
    assert not world.changed


async def test_what_a_heartbeat_heard_before_the_lock_was_had_tells_nothing() -> None:
    world = World()
    run = executor(world, held(world))
    run._heard(LockAnswer(outcome=LockOutcome.LOST, state=world.state(ONE)))
    assert run._gone.is_set()
    assert (await done(run.run())).result is Result.DONE
    assert module.HEARTBEAT_S == 5.0
