"""What actions, drills and maintenance share while this console carries them out: steps, the node's timer, the end.

Knows no screen and does no I/O. What is carried out is never cancelled: it is asked to stop, and is over when what was
changed was put back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from haconsole.tui.source import Clock

if TYPE_CHECKING:
    from haconsole.operations.plan import Plan
    from haconsole.runtime.executor import Told


class Carrying:
    """Runs from `begin` until `over`. What is shown of it are its attributes."""

    def __init__(self, cluster: str, clock: Clock) -> None:
        self.cluster = cluster
        self.started = clock()
        self.steps: list[Told] = []
        """The ended ones of the action that runs, in order."""
        self.current: Told | None = None
        self.deadline: float | None = None
        """When the node puts back by itself, console clock; None: nothing is armed, or not known."""
        self.stopping = False
        """It was asked to stop."""
        self._healed = False
        """The node has put back, or needs not: what its timer still tells means nothing."""
        self._clock = clock
        self._task: asyncio.Task[Any] | None = None
        self._told_over: Callable[[], None] = lambda: None

    @property
    def runs(self) -> bool:
        raise NotImplementedError

    @property
    def plan(self) -> Plan | None:
        """Of the action that runs, or the last one; None: none was begun."""
        raise NotImplementedError

    @property
    def operation(self) -> str:
        """Its name on the nodes."""
        return "" if self.plan is None else self.plan.operation

    @property
    def own_path(self) -> bool:
        """It cuts the console's own way: putting back must wait for the node."""
        return self.plan is not None and self.plan.action.own_path

    @property
    def holds(self) -> bool:
        """It is being held now, and that may be ended."""
        current = self.current
        return self.runs and current is not None and current.step == "hold" and not self.stopping

    @property
    def unserved(self) -> bool:
        """It measures, now, that clients of a VIP are not served."""
        return False

    @property
    def parting(self) -> str:
        """What is said when the console is to leave meanwhile."""
        waits = " once the node has done so by its own timer" if self.own_path else ""
        return f"everything is put back first, then the console leaves{waits}"

    def left_s(self, now: float) -> float | None:
        """Until the node heals itself, by its own timer."""
        return None if self.deadline is None else max(0.0, self.deadline - now)

    async def over(self) -> None:
        """Return when it has ended, however."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _start(
        self, work: Coroutine[Any, Any, Any], done: Callable[[asyncio.Task[Any]], None], over: Callable[[], None]
    ) -> None:
        """`done` takes the result; `over` is for the app, to be called once."""
        self._told_over = over
        self._task = asyncio.ensure_future(work)
        self._task.add_done_callback(done)

    def _anew(self) -> None:
        """Another action begins."""
        self.steps, self.current, self.deadline, self._healed = [], None, None, False

    def _observe(self, told: Told) -> None:
        if told.left_s is not None and not self._healed:
            self.deadline = self._clock() + told.left_s
        if told.ended is None:
            self.current = told
            return
        self.current = None
        self.steps.append(told)
        if told.ok and told.step in {"put-back", "disarm"}:
            self._healed, self.deadline = True, None


def cut_off(error: object) -> str:
    """What became of an action when its console failed in the middle."""
    why = "it was cut off" if error is None else repr(error)
    return f"this console failed ({why}): the node puts back by itself at its deadline"


def where_to_look(node: str) -> str:
    """Where what is left of an operation would be seen."""
    return f"on {node}: systemctl list-timers 'haconsole-revert-*'; ls /run/haconsole"
