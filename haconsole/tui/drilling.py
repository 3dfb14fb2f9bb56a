"""Drills that this console carries out, one after the other, each only if the one before left the cluster healthy.

Knows no screen and does no I/O.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.drill import DrillRecord
from haconsole.model.record import dataclass
from haconsole.tui.carrying import Carrying, cut_off, where_to_look
from haconsole.tui.source import CannotError, Clock
from haconsole.tui.under_way import Ended
from haconsole.tui.view.drill_strip import Strip

if TYPE_CHECKING:
    from haconsole.operations.drills.expect import Expected
    from haconsole.operations.drills.parts import Drill
    from haconsole.operations.plan import Plan
    from haconsole.runtime.drill_live import Live
    from haconsole.runtime.executor import Told

LOOK_S = 0.4
"""What is measured is asked for no more often: it costs milliseconds of a long drill."""
UNVERIFIED = 5
MORE_TIME = "more time"


# --- what the console needs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the operator said of drills, as it was typed; None: nothing."""

    hold: str | None = None
    """`30s`, `2m`: from the takeover on."""
    ticket: str | None = None
    reason: str | None = None
    report: str | None = None
    """The folder for the report."""
    outside_window: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Guard -> the reason to go on against it."""
    phrase: str | None = None
    break_lock: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A drill that is over. record None: there is none, `trouble` says why.

    healthy: it was carried out, and after it all was as before. code: as of `haconsole drill run`.
    """

    record: DrillRecord | None
    healthy: bool
    code: int
    files: tuple[str, ...] = ()
    """The report's."""
    trouble: tuple[str, ...] = ()
    """What could not be written; why there is no record."""


class Run(Protocol):
    """One drill on one node; `cli.console_drills.ConsoleDrill` is one. plan, expected: once it was prepared."""

    @property
    def drill(self) -> Drill: ...

    @property
    def node(self) -> str: ...

    @property
    def plan(self) -> Plan: ...

    @property
    def expected(self) -> Expected: ...

    async def settled(self) -> None:
        """Return when the VIPs rest after a drill before this one, a short time is over, or it is aborted."""

    async def prepare(self) -> None:
        """Look, ask the guards, predict; touches nothing. Raises: CannotError."""

    async def refused(self) -> Outcome:
        """A guard said no: written down, nothing touched."""

    async def carry_out(self, observe: Callable[[Told], None]) -> Outcome:
        """To the end, with its report; must not be cancelled. Raises: CannotError: nothing was touched."""

    def live(self) -> Live | None:
        """None: it has not begun."""

    def abort(self) -> None:
        """Put everything back. Once more changes nothing."""

    def end_hold(self) -> None:
        """Put back now, as planned."""

    async def extend(self, seconds: float) -> bool:
        """Move the node's own deadline to so many seconds from now. False: as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Which drills there are, and past runs of this cluster, the newest first. problems: what could not be read."""

    drills: Mapping[str, Drill]
    past: tuple[DrillRecord, ...] = ()
    problems: tuple[str, ...] = ()


class Drills(Protocol):
    """The drills of one cluster. There is none for a cluster that is only to be looked at."""

    async def shelf(self) -> Shelf:
        """Reads this machine's files; no node is asked. Never raises."""

    def run(self, drill: Drill, node: str, words: Words) -> Run:
        """Raises: CannotError: the words cannot be."""


# --- carrying out -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Item:
    """One drill of the row. not_begun: why it was not; outcome None and no reason: it is to come, or runs."""

    run: Run
    outcome: Outcome | None = None
    not_begun: str | None = None

    @property
    def title(self) -> str:
        return f"{self.run.drill.name} on {self.run.node}"


class Drilling(Carrying):
    """Runs from `begin` until `over`. What is shown of it are its attributes."""

    def __init__(self, cluster: str, runs: Sequence[Run], clock: Clock) -> None:
        """runs: prepared, in their order, at least one."""
        super().__init__(cluster, clock)
        self.items = [Item(run) for run in runs]
        self.at = 0
        """Which one runs."""
        self.live: Live | None = None
        self.strip = Strip()
        self.trouble: str | None = None
        """Why `live` is old or missing."""
        self.asking = False
        """The guards of the next drill are being asked."""
        self.wish: str | None = None
        """What the operator asked for last while it was held, in words: `more time`."""
        self._finished = False
        self._looked = float("-inf")

    # --- as all screens see it ----------------------------------------------------------------------------

    @property
    def item(self) -> Item:
        """The one that runs, or the last one that did."""
        return self.items[self.at]

    @property
    def plan(self) -> Plan:
        return self.item.run.plan

    @property
    def node(self) -> str:
        return self.item.run.node

    @property
    def runs(self) -> bool:
        return not self._finished

    @property
    def title(self) -> str:
        more = f", {self.at + 1} of {len(self.items)}" if len(self.items) > 1 else ""
        return f"drill {self.item.title}{more}"

    @property
    def mark(self) -> str:
        return f"drill {self.item.run.drill.name}"

    @property
    def ended(self) -> Ended | None:
        """Of the whole row: one that could not be verified, else the first that did not pass, else the last. None: it
        runs."""
        if self.runs:
            return None
        over = [i for i in self.items if i.outcome is not None]
        if not over:
            return Ended(word="not begun", text=self.items[0].not_begun or "", well=False, code=1)
        wrong = [i for i in over if i.outcome is not None and i.outcome.code]
        unverified = (i for i in wrong if i.outcome is not None and i.outcome.code == UNVERIFIED)
        shown = next(unverified, wrong[0] if wrong else over[-1])
        outcome = shown.outcome
        if outcome is None or outcome.record is None or outcome.record.result is None:
            told = "" if outcome is None else "; ".join(outcome.trouble)
            return Ended(word="failed", text=told, well=False, code=UNVERIFIED if outcome is None else outcome.code)
        record, result = outcome.record, outcome.record.result
        return Ended(
            word=result.value if result is not None else "failed", text=f"{shown.title}: {record.text}",
            well=outcome.code == 0 and len(over) == len(self.items), code=outcome.code,
            look_at=(*record.look_at, *outcome.trouble),
        )  # fmt: skip

    @property
    def unreached(self) -> str | None:
        """The node to which the drill itself cut the way: it hears of nothing until it has put back. None: it hears."""
        return None if self.live is None or not self.runs else self.live.seen.unreached

    @property
    def unserved(self) -> bool:
        return self.runs and self.live is not None and any(s > 0 for s in self.live.unserved_s.values())

    @property
    def armed(self) -> bool:
        """The node's timer can be moved: only while the drill is held."""
        return self.holds

    # --- life ---------------------------------------------------------------------------------------------

    def begin(self, over: Callable[[], None]) -> None:
        """Start. `over` is called once, when all are over."""
        self._start(self._all(), self._done, over)

    async def _all(self) -> None:
        why: str | None = None
        for index, item in enumerate(self.items):
            if self.stopping:
                why = why or "aborted before"
            if why is not None:
                item.not_begun = why
                continue
            self._next(index)
            item.outcome = await self._one(item, again=index > 0)
            if item.outcome is not None and not item.outcome.healthy:
                why = f"{item.title} did not leave all well"

    def _next(self, index: int) -> None:
        self._anew()
        self.at, self.live, self.strip, self.wish = index, None, Strip(), None
        self._looked = float("-inf")

    async def _one(self, item: Item, *, again: bool) -> Outcome | None:
        """again: time has gone by since its guards were asked. None: it was not begun."""
        try:
            if again:
                self.asking = True
                try:
                    await item.run.settled()
                    await item.run.prepare()
                finally:
                    self.asking = False
                if item.run.plan.refused:
                    return await item.run.refused()
                if self.stopping:
                    item.not_begun = "aborted before"
                    return None
            outcome = await item.run.carry_out(self._observe)
        except CannotError as error:
            return Outcome(record=None, healthy=False, code=1, trouble=(f"nothing was touched: {error}",))
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear where things stand
            told = (cut_off(error), where_to_look(item.run.node))
            return Outcome(record=None, healthy=False, code=UNVERIFIED, trouble=told)
        finally:
            self.deadline, self.current = None, None
        self._take()
        return outcome

    def look(self, picture: ClusterPicture) -> None:
        """Take what was measured, not too often; the drill has eyes of its own."""
        now = self._clock()
        if self.runs and not 0 <= now - self._looked < LOOK_S:
            self._looked = now
            self._take()

    def _take(self) -> None:
        try:
            live = self.item.run.live()
        except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn must not end a drill
            self.trouble = f"what it measures cannot be shown: {error!r}"
            return
        self.trouble = None
        if live is not None:
            self.live = live
            self.strip.take(live.traffic)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._finished, self.current, self.deadline = True, None, None
        error = None if task.cancelled() else task.exception()
        if (error is not None or task.cancelled()) and self.item.outcome is None:
            self.item.outcome = Outcome(record=None, healthy=False, code=UNVERIFIED, trouble=(cut_off(error),))
        self._told_over()

    # --- what the operator may ask for --------------------------------------------------------------------

    def abort(self) -> bool:
        """Put everything back, and begin no other drill. False: asked for before, or over; nothing changes."""
        if self.stopping or not self.runs:
            return False
        self.stopping, self.wish = True, "the abort"
        self.item.run.abort()
        return True

    def end_hold(self) -> bool:
        """Put back now, as planned. False: it is not being held."""
        if not self.holds:
            return False
        self.wish = "the end of the hold"
        self.item.run.end_hold()
        return True

    async def extend(self) -> int | None:
        """Wind the node's timer up again, to its whole time; the seconds, None: it stays as it was."""
        limit = self.plan.action.deadline
        if not self.holds or limit is None:
            return None
        at, self.wish = self.at, MORE_TIME
        try:
            extended = await self.item.run.extend(limit.seconds)
        finally:
            if self.wish == MORE_TIME:
                self.wish = None
        if not extended or self.at != at:
            return None
        self.deadline = self._clock() + limit.seconds
        return limit.seconds
