"""The executor with what another console began: aborted, or held on, whichever answer is lost, whoever comes between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from haconsole.model.operation import DrainNote, LockAnswer, LockRequest, NodeOperation, Slot
from haconsole.operations.job import Ending, Job, Result
from haconsole.runtime import executor_base, executor_take
from haconsole.runtime.executor import Executor, Report, Told
from tests.unit.runtime import test_executor as scene
from tests.unit.runtime.test_executor import ONE, TWO, FakeDesk, World, done, held, quick

__all__ = ["quick"]


@dataclass
class Crowded(World):
    """Another console may come and take the operation over, or have the node put back."""

    owner: str = "bea"
    aborts: bool = False
    """Whoever has the lock of `ONE` has taken it to have everything put back."""
    silent: str | None = None
    """This node does not answer."""
    another: str = ""
    """The operation that has something saved on the node now."""


class CrowdedDesk(FakeDesk):
    async def renew(self, operation: str, patience_s: float = 0.0) -> LockAnswer:
        told = await super().renew(operation, patience_s)
        lock = told.state.lock
        owner, aborts = getattr(self.world, "owner", "bea"), getattr(self.world, "aborts", False)
        lock = None if lock is None else replace(lock, owner=owner, aborts=aborts)
        saved = getattr(self.world, "another", "") or told.state.saved
        return replace(told, state=replace(told.state, lock=lock, saved=saved))

    async def state(self, patience_s: float = 3.0) -> NodeOperation:
        told = await super().state(patience_s)
        another = getattr(self.world, "another", "")
        return replace(told, saved=another) if another else told

    async def take(self, request: LockRequest, instead_of: str = "") -> LockAnswer:
        if self.name == getattr(self.world, "silent", None):
            raise scene.lost()
        return await super().take(request, instead_of)

    async def release(self, operation: str, patience_s: float) -> LockAnswer:
        if self.name == getattr(self.world, "silent", None):
            raise scene.lost()
        return await super().release(operation, patience_s)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "FakeDesk", CrowdedDesk)
    monkeypatch.setattr(executor_base, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(executor_take, "RETRY_S", 0.01)


def left(**more: object) -> Crowded:
    """In the hold its console was killed."""
    fields: dict[str, object] = {
        "saved": True, "changed": True, "locks": {ONE: "op-1", TWO: "op-1"}, "armed": {Slot.A},
    }  # fmt: skip
    return Crowded(**{**fields, **more})  # type: ignore[arg-type]


def ours(world: World, **more: object) -> Job:
    return held(world, changes=(), expect=(), **more)


async def holding(world: World, job: Job) -> tuple[Executor, asyncio.Future[Report]]:
    """An executor that has taken over and holds."""
    holds = asyncio.Event()

    def told(step: Told) -> None:
        if step.step == "hold":
            holds.set()

    run = scene.executor(world, job, observe=told)
    running = asyncio.ensure_future(run.adopt())
    await asyncio.wait_for(holds.wait(), 30.0)
    return run, running


# --- going on ---------------------------------------------------------------------------------------


async def test_a_hold_goes_on_here_and_ends_as_planned() -> None:
    world = left()
    run, running = await holding(world, ours(world))
    assert world.changed and world.armed == {Slot.A}, "only held"
    run.hold_over.set()
    report = await done(running)
    assert (report.result, world.changed, world.reverted, world.locks) == (Result.DONE, False, 1, {})
    assert world.calls == [
        "state", "state", f"take {ONE}", f"take {TWO}", "timers", "state", "revert now", "state", "disarm a", f"release {TWO}",
        f"release {ONE}",
    ]  # fmt: skip
    assert [s.step for s in report.steps] == [
        "lock", "locks", "see-armed", "hold", "put-back", "restored", "disarm", "unlock",
    ]  # fmt: skip


async def test_it_is_extended_with_the_other_timer_and_a_stop_puts_it_back() -> None:
    world = left()
    run, running = await holding(world, ours(world))
    assert await run.extend(120)
    assert world.armed == {Slot.B}
    run.stop.set()
    report = await done(running)
    assert (report.result, world.changed, world.locks) == (Result.REVERTED, False, {})


async def test_a_timer_left_over_from_extending_is_stopped_first() -> None:
    world = left(armed={Slot.A, Slot.B})
    run, running = await holding(world, ours(world))
    assert len(world.armed) == 1
    run.hold_over.set()
    assert (await done(running)).result is Result.DONE
    assert world.armed == set()


async def test_what_is_left_to_the_node_is_moved_and_given_back() -> None:
    world = left(locks={})
    note = DrainNote(by="bea", reason="disk", method="track_file", since=None, until="2026-01-01T00:00:00Z")
    report = await done(scene.executor(world, ours(world, ending=Ending.UNTIL, note=note)).adopt(120))
    assert (report.result, world.changed, world.armed, world.locks) == (Result.DONE, True, {Slot.B}, {})
    assert f"{ONE} ends it by itself in" in report.text
    assert world.until is not None and world.until != note.until, "the note tells the end as it is armed now"


async def test_a_timer_that_could_not_be_moved_is_never_called_moved() -> None:
    world = left(locks={}, arms=False)
    report = await done(scene.executor(world, ours(world, ending=Ending.UNTIL)).adopt(120))
    assert (report.result, world.changed, world.armed, world.locks) == (Result.FAILED, True, {Slot.A}, {})
    assert [s.ok for s in report.steps if s.step == "extend"] == [False]


async def test_where_nothing_is_armed_there_is_nothing_to_hold() -> None:
    world = left(armed=set())
    report = await done(scene.executor(world, ours(world)).adopt())
    assert report.result is Result.FAILED, "its lock was taken and given back: not untouched"
    assert f"nothing waits on {ONE} to be put back" in report.text
    assert world.reverted == 0


# --- who else is there ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["adopt", "abort"])
async def test_another_operation_s_lock_is_not_taken(way: str) -> None:
    world = left(locks={ONE: "op-other"})
    report = await done(getattr(scene.executor(world, ours(world)), way)())
    assert (report.result, world.changed, world.locks) == (Result.REFUSED, True, {ONE: "op-other"})
    assert "bea on other" in report.text


async def test_a_lock_that_is_lost_in_the_middle_puts_back() -> None:
    world = left()
    _, running = await holding(world, ours(world))
    del world.locks[ONE]  # it rebooted, or somebody broke the lock for another operation
    report = await done(running)
    assert (report.result, world.changed) == (Result.REVERTED, False)
    assert "the lock on the node is gone" in report.text


@pytest.mark.parametrize("way", ["run", "adopt"])
async def test_who_is_taken_over_from_lets_go_and_touches_neither_node_nor_lock(way: str) -> None:
    world = left() if way == "adopt" else Crowded()
    holds = asyncio.Event()

    def told(step: Told) -> None:
        if step.step == "hold":
            holds.set()

    job = ours(world) if way == "adopt" else held(world, hold_s=60.0)
    run = scene.executor(world, job, observe=told)
    running = asyncio.ensure_future(getattr(run, way)())
    await asyncio.wait_for(holds.wait(), 30.0)
    world.owner = "carl"
    report = await done(running)
    assert report.result is Result.UNVERIFIED
    assert "carl on other has taken op-1 over" in report.text
    assert (world.changed, world.reverted, world.armed) == (True, 0, {Slot.A})
    assert world.locks == {ONE: "op-1", TWO: "op-1"}


async def test_what_another_console_had_put_back_is_seen_in_the_hold() -> None:
    world = left()
    _, running = await holding(world, ours(world))
    world.revert()
    world.armed.clear()
    report = await done(running)
    assert (report.result, world.reverted) == (Result.REVERTED, 1)
    assert f"{ONE} has put it back already" in report.text


async def test_to_go_on_where_another_operation_has_the_peer_is_refused_but_not_to_abort() -> None:
    world = left(locks={ONE: "op-1", TWO: "op-other"})
    assert (await done(scene.executor(world, ours(world)).adopt())).result is Result.REFUSED
    assert world.changed
    world.locks[ONE] = "op-1"
    assert (await done(scene.executor(world, ours(world)).abort())).result is Result.DONE
    assert (world.changed, world.locks) == (False, {TWO: "op-other"})


class Quicker(CrowdedDesk):
    async def take(self, request: LockRequest, instead_of: str = "") -> LockAnswer:
        if self.name == TWO:
            self.world.locks[TWO] = "op-other"
        return await super().take(request, instead_of)


async def test_who_has_taken_a_lock_already_and_cannot_go_on_says_what_is_now_and_that_it_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A living console has lost its lock then: that is not untouched."""
    monkeypatch.setattr(scene, "FakeDesk", Quicker)
    world = left(locks={ONE: "op-1"})
    report = await done(scene.executor(world, ours(world)).adopt())
    assert (report.result, world.changed, world.armed) == (Result.FAILED, True, {Slot.A})
    assert "its console lets go and nobody holds it" in report.text
    assert f"{ONE} heals itself in 60 s by its own timer; `haconsole node abort {ONE}`" in report.text
    assert world.locks == {TWO: "op-other"}


async def test_what_was_asked_to_stop_before_the_first_lock_is_refused_and_untouched() -> None:
    world = left(locks={ONE: "op-1"})
    run = scene.executor(world, ours(world))
    run.stop.set()
    assert (await done(run.adopt())).result is Result.REFUSED
    assert world.locks == {ONE: "op-1"} and world.calls[:2] == ["state", "state"] and f"take {ONE}" not in world.calls


async def test_who_is_aborted_by_another_sees_it_put_back_and_ends_as_put_back() -> None:
    """As where the other one is through before the next heartbeat: one result, whoever is quicker."""
    world = left()
    _, running = await holding(world, ours(world))
    world.owner, world.aborts = "carl", True
    await asyncio.sleep(0.1)
    assert not running.done(), "it is not put back yet"
    world.revert()
    world.locks.clear()
    report = await done(running)
    assert (report.result, report.elsewhere, world.reverted) == (Result.REVERTED, True, 1)
    assert "carl on other has aborted op-1" in report.text
    assert "revert now" not in world.calls and f"release {ONE}" not in world.calls


async def test_where_another_operation_is_under_way_by_now_its_revert_is_not_asked_for() -> None:
    world = left()
    _, running = await holding(world, ours(world))
    world.another = "op-other"
    del world.locks[ONE]
    report = await done(running)
    assert report.result is Result.UNVERIFIED and report.look_at
    assert "op-other is under way there: that was not touched" in report.text
    assert (world.reverted, world.armed) == (0, {Slot.A})
    assert not {"revert now", "disarm a"} & set(world.calls)


# --- aborting ---------------------------------------------------------------------------------------


async def test_an_abort_needs_its_node_alone_and_says_what_it_saw() -> None:
    world = left(silent=TWO)
    report = await done(scene.executor(world, ours(world)).abort())
    assert (report.result, world.changed, world.reverted) == (Result.DONE, False, 1)
    assert f"squid-stop on {ONE} is aborted: {ONE} has put back; seen: it runs" in report.text
    assert world.locks == {TWO: "op-1"}, "it ends by itself"


async def test_of_what_was_never_armed_an_abort_removes_the_traces() -> None:
    world = left(armed=set(), changed=False)
    report = await done(scene.executor(world, ours(world)).abort())
    assert (report.result, world.saved, world.reverted, world.locks) == (Result.DONE, False, 0, {})
    assert "nothing was to be put back" in report.text


async def test_a_revert_that_this_haconsole_does_not_know_is_run_all_the_same() -> None:
    world = left()
    report = await done(scene.executor(world, ours(world, revert=None)).abort())
    assert (report.result, world.changed, world.locks) == (Result.DONE, False, {})


async def test_an_incomplete_revert_is_never_called_well() -> None:
    world = left(incomplete=True)
    report = await done(scene.executor(world, ours(world)).abort())
    assert report.result is Result.UNVERIFIED
    assert "incomplete" in report.text and report.look_at


# --- every answer lost once -------------------------------------------------------------------------

ADOPTED, ABORTED = 11, 7
"""Calls of the undisturbed runs."""


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("arrives", [True, False], ids=["answer lost", "never arrived"])
@pytest.mark.parametrize(("way", "number"), [
    *(("adopt", n) for n in range(ADOPTED)), *(("abort", n) for n in range(ABORTED)),
])  # fmt: skip
async def test_whichever_answer_is_lost_nothing_stays_changed_unarmed_and_nothing_is_guessed(
    way: str, number: int, arrives: bool
) -> None:
    world = left()
    (world.lose if arrives else world.drop).add(number)
    run = scene.executor(world, ours(world))
    run.hold_over.set()
    report = await done(getattr(run, way)())
    assert world.armed or not world.changed, "the node still heals itself"
    if report.result is Result.DONE:
        assert (world.changed, world.reverted) == (False, 1)
    else:
        assert report.result is Result.UNVERIFIED and report.look_at
    assert len(world.calls) > number, "that call was made"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("way", "number"), [
    *(("adopt", n) for n in range(ADOPTED)), *(("abort", n) for n in range(ABORTED)),
])  # fmt: skip
async def test_a_node_that_is_gone_for_good_is_never_called_well(way: str, number: int) -> None:
    world = left(drop=set(range(number, 4000)))
    run = scene.executor(world, ours(world))
    run.hold_over.set()
    report = await done(getattr(run, way)())
    if world.changed:
        assert report.result is Result.UNVERIFIED and report.look_at
        assert world.armed


async def test_the_lock_that_is_asked_for_again_is_taken_once() -> None:
    world = left(lose={0})
    run = scene.executor(world, ours(world))
    report = await done(run.abort())
    assert report.result is Result.DONE
    assert world.calls[:2] == [f"take {ONE}", f"take {ONE}"]


@pytest.mark.parametrize(("peer", "stale", "stays"), [
    ("op-dead", {ONE, TWO}, False), ("op-dead", {ONE}, True), ("op-other", {ONE, TWO}, True),
])  # fmt: skip
async def test_of_a_dead_operation_stale_locks_elsewhere_go_too_and_no_others(
    monkeypatch: pytest.MonkeyPatch, peer: str, stale: set[str], stays: bool
) -> None:
    class Aged(CrowdedDesk):
        async def state(self, patience_s: float = 3.0) -> NodeOperation:
            told = await super().state(patience_s)
            if told.lock is None or self.name not in self.world.stale:
                return told
            return replace(told, lock=replace(told.lock, expires_uptime_s=5))

    monkeypatch.setattr(scene, "FakeDesk", Aged)
    world = World(locks={ONE: "op-dead", TWO: peer}, stale=stale)
    report = await done(scene.executor(world, scene.start(world)).run())
    assert report.result is Result.DONE
    assert world.locks == ({TWO: peer} if stays else {})
    assert any("stale lock of op-dead" in s.text for s in report.steps) is not stays
