"""Somebody else's drill: have its node put back now, whoever armed it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from haconsole.io.ports import Clock, Connector
from haconsole.model.drill import DrillStep
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.runtime.desk import Desk
from haconsole.runtime.monitor import Monitor

PUT_BACK_S: Final = 90.0


async def put_back_now(
    monitor: Monitor, connector: Connector, clock: Clock, node: str, told: Callable[[DrillStep], None]
) -> str:
    """Have `node` run what is armed on it, whoever armed it: its own console sees that and ends. What was done.

    Raises: ProblemError: the node did not answer, or was not seen to put back; KeyError: no such node.
    """
    spec = monitor.spec
    desk = Desk(spec, spec.node(node), connector, clock, lambda _: None)
    try:
        state, timers = await desk.state(), await desk.timers()
        waiting = [t.slot for t in timers.timers if t.waiting]
        if state.saved is None or not waiting:
            return f"no revert is armed on {node}: nothing is to be put back"
        began = clock.now()
        for slot in waiting:
            await desk.revert_now(slot, 5.0)
        until = began + PUT_BACK_S
        while (state := await desk.state(5.0)).saved is not None and clock.now() < until and not state.incomplete:
            told(DrillStep(name="put-back", started=began, ended=None, ok=None, text=f"{node} puts back"))
            await asyncio.sleep(0.5)
        if state.saved is not None:
            why = "its revert ended incomplete" if state.incomplete else "it was not seen to end"
            raise ProblemError(_problem(f"{node} was asked to put back, and {why}"))
        return f"{node} has put back what was armed on it"
    finally:
        await desk.close()


def _problem(summary: str) -> Problem:
    return Problem(kind=ProblemKind.COMMAND_FAILED, summary=summary)
