"""Actions from the console's keys to the (simulated) node and back: everything between is what production runs."""

import contextlib
from dataclasses import dataclass

import pytest

from haconsole.cli.console_operations import ConsoleOperations
from haconsole.demo.cluster import DemoCluster
from haconsole.io.audit_file import AuditFile
from haconsole.operations.job import Result
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.runtime.operate import Operate
from haconsole.tui.screens.action_words import WordsScreen
from haconsole.tui.screens.actions import ActionsScreen
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.screens.running import RunningScreen
from tests.unit.tui import scenes
from tests.unit.tui.driving import Console, driven, press

PATIENCE = 6000
"""Looks of 10 ms and more: what is waited for takes seconds of the simulated nodes' time."""


@dataclass
class Here:
    """A console on the demo's pair."""

    app: Console
    monitor: Monitor
    pilot: object
    audit: AuditFile
    operate: Operate
    demo: DemoCluster

    async def until(self, condition):
        for _ in range(PATIENCE):
            if condition():
                return
            await self.pilot.pause(0.01)
        raise AssertionError(f"never became true\n{self.app.picture()}")

    def shows(self, *texts):
        picture = self.app.picture()
        return all(text in picture for text in texts)

    def squid(self):
        unit = self.monitor.picture().node(scenes.ONE).squid_unit
        return None if unit is None else unit.active

    def told(self, node=scenes.ONE):
        """What /run/haconsole holds there, as last read."""
        return self.monitor.picture().node(node).operation

    def peer_told_stale(self):
        told = self.told(scenes.TWO)
        return told is not None and told.lock is not None and told.lock_left_s <= 0

    async def begin(self, title, *fields):
        """Choose the action on proxy-serv01, fill the fields in, and type the name."""
        await self.until(lambda: self.squid() and "all well" in self.app.bar("head"))
        await press(self.pilot, "n", "a")
        await self.until(lambda: isinstance(self.app.screen, ActionsScreen) and bool(self.app.pane("offers").rows))
        index = next(i for i, line in enumerate(self.app.lines("offers")) if line.startswith(title))
        await press(self.pilot, *["down"] * index, "enter")
        await self.until(lambda: isinstance(self.app.screen, WordsScreen))
        for field in fields:
            await press(self.pilot, *field, "tab")
        await press(self.pilot, "enter")
        await self.until(lambda: isinstance(self.app.screen, ConfirmScreen) or "✖" in self.app.picture())
        assert self.app.screen.query("#typed"), self.app.picture()
        await press(self.pilot, "tab", *scenes.ONE, "enter")
        await self.until(lambda: isinstance(self.app.screen, RunningScreen))

    def words(self):
        """What the audit log says, an entry a line."""
        return self.audit.path.read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def opened(tmp_path):
    async with DemoCluster("healthy") as demo:
        parts = production()
        monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock)
        audit = AuditFile(tmp_path / "audit.jsonl")
        operate = Operate(monitor, parts.connector, parts.clock, audit)
        app = Console(
            [monitor],
            clock=parts.clock.now,
            operator=scenes.OPERATOR,
            operations={demo.spec.name: ConsoleOperations(operate, parts.clock, scenes.OPERATOR)},
            run_sources=lambda: run_all([monitor], parts.connector),
        )
        async with driven(app, (120, 40)) as pilot:
            yield Here(app, monitor, pilot, audit, operate, demo)


async def test_a_squid_stop_is_aborted_and_squid_runs_again(tmp_path):
    async with opened(tmp_path) as here:
        await here.begin("squid-stop", "e2e abort", "CHG-1", "1m")
        await here.until(lambda: here.app.acting.holds or not here.app.acting.runs)
        assert here.app.acting.holds, here.app.picture()
        await here.until(lambda: here.squid() is False)
        await here.until(lambda: here.shows("until proxy-serv01 heals itself", "… hold", "X abort"))
        await press(here.pilot, "X")
        await here.until(lambda: not here.app.acting.runs)
        report = here.app.acting.report
        assert report.result is Result.REVERTED, report
        assert "stopped by the operator" in report.text
        assert here.squid() is True
        assert [s.step for s in report.steps[-4:]] == ["put-back", "restored", "disarm", "unlock"]
        assert all(s.ok for s in report.steps[-4:])
        await here.until(lambda: here.shows("REVERTED"))
        assert all(word in here.words() for word in ('"e2e abort"', '"CHG-1"', '"anna@bastion"', '"reverted"'))


async def test_the_hold_of_a_link_is_extended_and_ended_and_all_is_as_before(tmp_path):
    async with opened(tmp_path) as here:
        await here.begin("link-down public", "", "e2e hold", "", "30s")
        await here.until(lambda: here.app.acting.holds or not here.app.acting.runs)
        assert here.app.acting.holds, here.app.picture()
        before = here.app.acting.deadline
        await press(here.pilot, "e")
        await here.until(lambda: here.app.acting.deadline > before)
        await press(here.pilot, "n")
        await here.until(lambda: not here.app.acting.runs)
        report = here.app.acting.report
        assert report.result is Result.DONE, report
        link = here.monitor.picture().node(scenes.ONE).kernel.links["eth1"]
        assert link.up and link.carrier


@pytest.mark.parametrize(("said", "told"), [("1y", "revert after: '1y' is no time"), ("9h", "8")])
async def test_a_time_that_cannot_be_is_said_and_nothing_is_asked_for(tmp_path, said, told):
    async with opened(tmp_path) as here:
        await here.until(lambda: here.squid() and "all well" in here.app.bar("head"))
        await press(here.pilot, "n", "a")
        await here.until(lambda: isinstance(here.app.screen, ActionsScreen) and bool(here.app.pane("offers").rows))
        index = next(i for i, line in enumerate(here.app.lines("offers")) if line.startswith("squid-stop"))
        await press(here.pilot, *["down"] * index, "enter")
        await here.until(lambda: isinstance(here.app.screen, WordsScreen))
        await press(here.pilot, "tab", "tab", *said, "enter")
        await here.until(lambda: here.shows("✖", told))
        assert isinstance(here.app.screen, WordsScreen)
        assert here.app.acting is None
