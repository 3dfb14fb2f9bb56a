"""Rolling maintenance from the console's keys to the demo's nodes and back, over a reboot and a second console."""

from __future__ import annotations

import contextlib

from haconsole.cli.console_maintenance import ConsoleMaintenance, Doors
from haconsole.demo.cluster import DemoCluster
from haconsole.demo.scenarios import ONE, TWO
from haconsole.io.audit_file import AuditFile
from haconsole.io.maintenance_file import FlowFile
from haconsole.operations.maintenance import Stage
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.runtime.operate import Operate
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.maintenance import FlowPlanScreen, FlowWordsScreen, FoundScreen
from haconsole.tui.screens.maintenance_live import MaintenanceScreen, TurnScreen
from tests.unit.runtime.test_maintenance import reboot
from tests.unit.tui import scenes
from tests.unit.tui.driving import Console, driven, press

PATIENCE = 9000
"""Looks of 10 ms and more: what is waited for takes seconds of the simulated nodes' time."""


class Here:
    """A console on the demo's pair."""

    def __init__(self, demo, folder):
        parts = production()
        self.monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock)
        operate = Operate(self.monitor, parts.connector, parts.clock, AuditFile(folder / "audit.jsonl"))
        self.file = FlowFile(demo.spec.name, folder)
        doors = Doors(monitor=self.monitor, operate=operate, parts=parts, file=self.file)
        self.app = Console(
            [self.monitor],
            clock=parts.clock.now,
            operator=scenes.OPERATOR,
            maintenance={demo.spec.name: ConsoleMaintenance(doors, scenes.OPERATOR, demo=True)},
            run_sources=lambda: run_all([self.monitor], parts.connector),
        )

    async def until(self, condition):
        for _ in range(PATIENCE):
            if condition():
                return
            await self.pilot.pause(0.01)
        raise AssertionError(f"never became true\n{self.app.picture()}")

    def shows(self, *texts):
        picture = " ".join(self.app.picture().split())
        return all(text in picture for text in texts)


@contextlib.asynccontextmanager
async def opened(demo, folder):
    here = Here(demo, folder)
    async with driven(here.app, (80, 24)) as here.pilot:
        yield here


async def test_a_node_reboots_while_one_console_leaves_and_the_next_one_goes_on_to_the_other_node(tmp_path):
    async with DemoCluster("drainable") as demo:
        async with opened(demo, tmp_path) as here:
            await here.until(lambda: "all well" in here.app.bar("head"))
            await press(here.pilot, "M")
            await here.until(lambda: isinstance(here.app.screen, FlowWordsScreen) and here.app.focused is not None)
            await press(here.pilot, "tab", *"kernel", "enter")
            await here.until(lambda: isinstance(here.app.screen, FlowPlanScreen) or "✖" in here.app.picture())
            assert here.app.screen.query("#typed"), here.app.picture()
            assert any("track_file" in line for line in here.app.lines("confirm"))
            await press(here.pilot, "tab", *ONE, "enter")
            await here.until(lambda: isinstance(here.app.screen, MaintenanceScreen))
            await here.until(lambda: here.app.acting.waits or not here.app.acting.runs)
            assert here.app.acting.waits, here.app.picture()
            await here.until(lambda: here.shows("stays drained until its reboot", "● serv02", "0 of "))
            how = here.app.acting.run.reboot(ONE)
            assert how is not None and "reboots by" in here.app.picture()
            await reboot(demo, ONE)
            await here.until(lambda: here.app.acting.flow.stage is Stage.AWAY)
            await press(here.pilot, "escape")
            await here.until(lambda: isinstance(here.app.screen, ClusterScreen))
            assert here.file.driven()
            await press(here.pilot, "q")
            await here.until(lambda: here.app.return_value == 130)
        assert here.file.load().stage is Stage.AWAY
        async with opened(demo, tmp_path) as here:
            await here.until(lambda: f"maintenance left at {ONE}: M" in here.app.bar("head"))
            await press(here.pilot, "M")
            await here.until(lambda: isinstance(here.app.screen, FoundScreen) and here.shows("reason kernel"))
            await press(here.pilot, "tab", "enter")
            await here.until(lambda: isinstance(here.app.screen, TurnScreen) or not here.app.acting.runs)
            said = "\n".join(each.text for each in here.app.acting.said)
            assert "its drain ended with it" in said and f"{ONE} is done" in said, said
            await press(here.pilot, "tab", *TWO, "enter")
            await here.until(lambda: here.app.acting.waits or not here.app.acting.runs)
            await press(here.pilot, "d")
            await here.until(lambda: not here.app.acting.runs)
            assert here.app.acting.result.result == "done", here.app.acting.result
            await here.until(lambda: here.shows("● DONE", f"{ONE} done", f"{TWO} done"))
            said = "\n".join(each.text for each in here.app.acting.said)
            assert "still drained: undrained next" in said
            assert here.file.load() is None and not here.file.driven()


async def test_a_drain_with_an_end_is_extended_from_here_and_its_node_tells_the_new_one(tmp_path):
    async with DemoCluster("healthy") as demo, opened(demo, tmp_path) as here:
        await here.until(lambda: "all well" in here.app.bar("head"))
        await press(here.pilot, "M")
        await here.until(lambda: isinstance(here.app.screen, FlowWordsScreen) and here.app.focused is not None)
        await press(here.pilot, "enter")
        await here.until(lambda: isinstance(here.app.screen, FlowPlanScreen) or "✖" in here.app.picture())
        await press(here.pilot, "tab", *here.app.screen.prepared.plan.action.node, "enter")
        await here.until(lambda: isinstance(here.app.screen, MaintenanceScreen))
        await here.until(lambda: here.app.acting.waits or not here.app.acting.runs)
        await here.until(lambda: here.shows("e extend to 1 h"))
        await press(here.pilot, "e")
        await here.until(lambda: not here.app.acting.extending and here.shows("ends it by itself in 3"))
        await here.until(lambda: here.shows("ends its drain by itself in 59:"))
        await press(here.pilot, "X")
        await here.until(lambda: not here.app.acting.runs)
        assert here.app.acting.result.result == "left"
