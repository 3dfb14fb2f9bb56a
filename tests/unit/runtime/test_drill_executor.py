"""The executor's two ways that drills need: a timer that is only watched, and an operation whose console is gone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from haconsole.catalogue import operation as op
from haconsole.model.operation import NodeOperation, RevertTimers, Slot
from haconsole.operations.job import Ending, Job, Result, Revert
from haconsole.runtime.executor import Executor
from tests.unit.runtime import test_executor as scene
from tests.unit.runtime.test_executor import ONE, TWO, FakeDesk, World, done, held


class Firing(FakeDesk):
    """Its timer fires 0.6 s after it was armed."""

    def _tick(self) -> None:
        if self.world.armed and not hasattr(self, "_due"):
            self._due = asyncio.get_running_loop().time() + 0.6
        if self.world.armed and asyncio.get_running_loop().time() >= self._due and not self.world.reverted:
            self.world.revert()
            self.world.armed.clear()

    async def state(self, patience_s: float = 3.0) -> NodeOperation:
        self._tick()
        return await super().state(patience_s)

    async def timers(self, patience_s: float = 3.0) -> RevertTimers:
        self._tick()
        told = await super().timers(patience_s)
        near = [replace(t, next_uptime_s=10.6 if t.waiting else None) for t in told.timers]
        return replace(told, timers=(near[0], near[1]))


def lapse() -> Job:
    return Job(
        operation="op-1", action="revert-only", node=ONE, ending=Ending.LAPSE,
        revert=Revert(save=op.SAVE, arm=op.ARM_SQUID, deadline_s=15),
    )  # fmt: skip


async def test_a_timer_that_is_watched_is_not_asked_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(scene, "FakeDesk", Firing)
    report = await done(scene.executor(world, lapse()).run())
    assert (report.result, world.changes, world.reverted, world.locks) == (Result.DONE, 0, 1, {})
    assert "revert now" not in world.calls
    (told,) = [s.text for s in report.steps if s.step == "put-back"]
    assert "the node's own timer" in told


async def test_stopped_while_it_is_watched_it_is_put_back_at_once() -> None:
    world = World()
    executors: list[Executor] = []

    def stop(_: object) -> None:
        if world.armed:
            executors[0].stop.set()

    executors.append(scene.executor(world, lapse(), observe=stop))
    report = await done(executors[0].run())
    assert (report.result, world.reverted) == (Result.REVERTED, 1)
    assert "revert now" in world.calls


async def test_what_a_dead_console_left_is_taken_over_by_its_name_and_put_back() -> None:
    world = World(saved=True, changed=True, locks={ONE: "op-1", TWO: "op-1"}, armed={Slot.B})
    report = await done(scene.executor(world, held(world)).finish("its console died"))
    assert (report.result, world.changed, world.reverted, world.locks) == (Result.REVERTED, False, 1, {})
    assert [s.step for s in report.steps] == ["lock", "see-armed", "put-back", "restored", "disarm", "unlock"]


async def test_of_a_console_that_died_before_arming_only_its_traces_are_removed() -> None:
    world = World(saved=True, locks={ONE: "op-1"})
    report = await done(scene.executor(world, held(world)).finish("its console died"))
    assert (report.result, world.saved, world.reverted, world.locks) == (Result.REVERTED, False, 0, {})
    assert "clear" in world.calls and "revert now" not in world.calls


async def test_nothing_is_taken_over_from_another_operation() -> None:
    world = World(saved=True, changed=True, locks={ONE: "op-other"})
    report = await done(scene.executor(world, held(world)).finish("its console died"))
    assert (report.result, world.changed, world.locks) == (Result.UNVERIFIED, True, {ONE: "op-other"})
    assert report.look_at and "not taken over" in report.text
