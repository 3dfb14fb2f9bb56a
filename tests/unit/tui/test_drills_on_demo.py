"""A drill from the console's keys to its verdict, on the demo's nodes at their real speed: all between is production's."""

from haconsole.cli.console_drills import ConsoleDrills
from haconsole.demo.cluster import DemoCluster
from haconsole.io.audit_file import AuditFile
from haconsole.io.drill_file import DrillFolder
from haconsole.model.drill import Verdict
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.runtime.operate import Operate
from haconsole.tui.screens.drill_live import DrillScreen
from haconsole.tui.screens.drill_plan import DrillPlanScreen
from haconsole.tui.screens.drill_words import DrillWordsScreen
from haconsole.tui.screens.drills import DrillsScreen
from tests.unit.tui import scenes
from tests.unit.tui.driving import Console, driven, press

PATIENCE = 9000
"""Looks of 10 ms and more: what is waited for takes seconds of the simulated nodes' time."""


async def test_a_drill_is_planned_run_and_judged_by_keyboard_alone(tmp_path):
    async with DemoCluster("healthy") as demo:
        parts = production()
        monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock)
        operate = Operate(monitor, parts.connector, parts.clock, AuditFile(tmp_path / "audit.jsonl"))
        folder = DrillFolder(tmp_path / "drills")
        own = tmp_path / "drills.toml"
        own.write_text('[[drill]]\nname = "short-one"\naction = "link-down"\ninterface = "public"\nhold = "2s"\n')
        drills = ConsoleDrills(operate, monitor, parts.clock, folder, operator=scenes.OPERATOR, own=own)
        app = Console(
            [monitor],
            clock=parts.clock.now,
            operator=scenes.OPERATOR,
            drills={demo.spec.name: drills},
            run_sources=lambda: run_all([monitor], parts.connector),
        )
        async with driven(app, (80, 24)) as pilot:

            async def until(condition):
                for _ in range(PATIENCE):
                    if condition():
                        return
                    await pilot.pause(0.01)
                raise AssertionError(f"never became true\n{app.picture()}")

            await until(lambda: "all well" in app.bar("head"))
            await press(pilot, "4")
            await until(lambda: isinstance(app.screen, DrillsScreen) and len(app.pane("drills").rows) == 14)
            index = next(i for i, line in enumerate(app.lines("drills")) if "short-one" in line)
            await press(pilot, *["down"] * index)
            await until(lambda: "● allow" in app.lines("drills")[index])
            await press(pilot, "enter")
            await until(lambda: isinstance(app.screen, DrillWordsScreen) and app.focused is not None)
            await press(pilot, *"CHG-7", "enter")
            await until(lambda: isinstance(app.screen, DrillPlanScreen))
            await press(pilot, "tab", *scenes.ONE, "enter")
            await until(lambda: isinstance(app.screen, DrillScreen))
            await until(lambda: app.acting.holds or not app.acting.runs)
            await until(lambda: "░" in app.picture() and "FAULT" in app.picture() and "heals itself" in app.picture())
            await until(lambda: not app.acting.runs)
            await until(lambda: bool(app.pane("page").rows))
            (kept,) = folder.runs()
            record = kept.record()
            assert record is not None
            assert record.result in {Verdict.PASSED, Verdict.DEVIATED}, record.text
            assert record.ticket == "CHG-7"
            page = "\n".join(app.lines("page"))
            assert record.result.value.upper() in page
            assert "report.html" in page and (kept.path / "report" / "report.html").exists()
            await press(pilot, "escape")
            await until(lambda: isinstance(app.screen, DrillsScreen))
            await until(lambda: record.result.value in app.lines("drills")[index])
