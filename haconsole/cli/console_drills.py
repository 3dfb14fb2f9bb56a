"""The console's drills on one cluster: what was typed becomes a `runtime.drill.DrillRun`, its record a report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from haconsole.cli import drill as drill_command
from haconsole.cli.drill_run import healthy
from haconsole.cli.times import SpanType
from haconsole.io.drill_file import DrillFileError, DrillFolder
from haconsole.model.drill import DrillRecord
from haconsole.model.problems import ProblemError
from haconsole.operations.drills.expect import Expected
from haconsole.operations.drills.own import OwnDrillsError, own_drills
from haconsole.operations.drills.parts import CATALOGUE, Drill
from haconsole.operations.plan import Plan
from haconsole.parse.text import clean
from haconsole.report import drill_files
from haconsole.runtime.drill import DrillRun
from haconsole.runtime.drill_live import Live, Wish
from haconsole.runtime.monitor import Monitor
from haconsole.runtime.operate import Operate, WordsError
from haconsole.tui.drilling import Outcome, Shelf, Words
from haconsole.tui.source import CannotError

if TYPE_CHECKING:
    from haconsole.io.ports import Clock
    from haconsole.runtime.executor import Told

PAST: Final = 100
"""So many of the newest runs are looked at."""
REPORT: Final = "report"
"""The folder of a run's report inside of the run's own, unless another was named."""


class ConsoleDrills:
    """Implements `tui.drilling.Drills`. operator: `user@host`. own: a TOML file of drills, which need not exist."""

    def __init__(
        self, operate: Operate, monitor: Monitor, clock: Clock, folder: DrillFolder, *, operator: str, own: Path
    ) -> None:
        self._operate, self._monitor, self._clock, self._folder = operate, monitor, clock, folder
        self._user, _, self._host = operator.partition("@")
        self._own = own
        self._known: dict[tuple[str, float], DrillRecord] = {}

    async def shelf(self) -> Shelf:
        """Which drills there are, and past runs."""
        return await asyncio.to_thread(self._shelf)

    def run(self, drill: Drill, node: str, words: Words) -> ConsoleDrill:
        """Raises: CannotError."""
        hold: float | None = None
        if words.hold is not None:
            try:
                hold = SpanType().convert(words.hold, None, None)
                replace(drill, hold_s=hold)
            except click.UsageError as error:
                raise CannotError(f"hold: {error.message}") from None
            except ValueError as error:
                raise CannotError(f"hold: {error}") from None
        wish = Wish(
            drill=drill, node=node, operator=self._user, host=self._host, hold_s=hold, ticket=words.ticket,
            reason=words.reason, outside_window=words.outside_window, overrides=words.overrides, phrase=words.phrase,
            break_lock=words.break_lock, read_only=self._monitor.spec.read_only,
        )  # fmt: skip
        run = DrillRun(self._operate, self._monitor, self._clock, self._folder, wish)
        return ConsoleDrill(run, self._operate, self._folder, None if words.report is None else Path(words.report))

    def _shelf(self) -> Shelf:
        problems: list[str] = []
        drills: dict[str, Drill] = dict(CATALOGUE)
        try:
            own = own_drills(self._own.read_text("utf-8"))
            problems += [f"{self._own}: {n} is a drill of haconsole's own" for n in own if n in CATALOGUE]
            drills |= {n: d for n, d in own.items() if n not in CATALOGUE}
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError, OwnDrillsError) as error:
            problems.append(f"{self._own}: {error}")
        past: list[DrillRecord] = []
        try:
            for run in self._folder.runs()[:PAST]:
                try:
                    record = self._record(run.id, run.began_at, run.record) if run.over else None
                except DrillFileError as error:
                    problems.append(str(error))
                    continue
                if record is not None and record.cluster == self._monitor.spec.name:
                    past.append(record)
                elif not run.over and not run.alive:
                    problems.append(f"drill {run.id} is not over and its console is gone: `haconsole drill resume`")
        except DrillFileError as error:
            problems.append(str(error))
        return Shelf(drills=drills, past=tuple(past), problems=tuple(clean(p) for p in problems))

    def _record(self, name: str, at: float, read: Callable[[], DrillRecord | None]) -> DrillRecord | None:
        """Read once, and without what is only for the report."""
        key = (name, at)
        if key not in self._known:
            record = read()
            if record is None:
                return None
            self._known[key] = replace(record, requests=(), timeline=())
        return self._known[key]


class ConsoleDrill:
    """Implements `tui.drilling.Run`."""

    def __init__(self, run: DrillRun, operate: Operate, folder: DrillFolder, report: Path | None) -> None:
        self._run, self._operate, self._folder, self._report = run, operate, folder, report

    @property
    def drill(self) -> Drill:
        return self._run.drill

    @property
    def node(self) -> str:
        return self._run.wish.node

    @property
    def plan(self) -> Plan:
        """Raises: RuntimeError: not prepared."""
        if self._run.prepared is None:
            raise RuntimeError("prepare it first")
        return self._run.prepared.plan

    @property
    def expected(self) -> Expected:
        """Raises: RuntimeError: not prepared."""
        if self._run.expected is None:
            raise RuntimeError("prepare it first")
        return self._run.expected

    async def settled(self) -> None:
        """After a drill before this one, whose hand-over is still fresh."""
        await self._run.settled()

    async def prepare(self) -> None:
        """Look, ask, predict. Raises: CannotError."""
        await self._operate.ready()
        try:
            await self._run.prepare()
        except (WordsError, ProblemError) as error:
            raise CannotError(str(error)) from error
        except KeyError:
            raise CannotError(f"there is no node {self.node}") from None

    async def refused(self) -> Outcome:
        """Written down; there is a record, and no report."""
        record = self._run.refused()
        return Outcome(record=record, healthy=False, code=drill_command.code(record), trouble=self._audit())

    async def carry_out(self, observe: Callable[[Told], None]) -> Outcome:
        """To the end, and the report. Raises: CannotError: nothing was touched."""
        try:
            record = await self._run.carry_out(observe)
        except (WordsError, DrillFileError) as error:
            raise CannotError(str(error)) from error
        files, trouble = await asyncio.to_thread(self._write, record)
        return Outcome(
            record=record, healthy=healthy(record), code=drill_command.code(record), files=files,
            trouble=(*trouble, *self._audit()),
        )  # fmt: skip

    def live(self) -> Live | None:
        return self._run.live()

    def abort(self) -> None:
        self._run.abort()

    def end_hold(self) -> None:
        self._run.end_hold()

    async def extend(self, seconds: float) -> bool:
        return await self._run.extend(seconds)

    def _audit(self) -> tuple[str, ...]:
        unkept = None if self._run.unkept is None else f"not all of {self._run.id} is kept: {self._run.unkept}"
        return tuple(told for told in (unkept, self._operate.audit_trouble) if told is not None)

    def _write(self, record: DrillRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(files, what went wrong)."""
        try:
            kept = self._folder.run(record.id)
            target = kept.path / REPORT if self._report is None else self._report.expanduser()
            files = drill_files.write(record, kept.pcap(), target)
        except (DrillFileError, drill_files.DrillFilesError, OSError) as error:
            return (), (f"the report was not written: {error}",)
        return tuple(str(f) for f in files), ()
