"""The console's maintenance and its file: what is found, who may go on, what is refused before a node is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from haconsole.cli.console_maintenance import ConsoleMaintenance, Doors
from haconsole.io.maintenance_file import FlowFile
from haconsole.operations.maintenance import Flow, Stage
from haconsole.tui.maintaining import FlowWords, Maintaining
from haconsole.tui.source import CannotError
from tests.unit.cluster.builders import ONE, TWO, spec

FLOW = Flow(cluster="proxy", operator="berta@jump", nodes=(ONE, TWO), started=1.0, since=1.0, stage=Stage.WAITING)


@pytest.fixture
def file(tmp_path: Path) -> FlowFile:
    return FlowFile("proxy", tmp_path)


@pytest.fixture
def maintenance(file: FlowFile) -> ConsoleMaintenance:
    """Its monitor is never asked here: every test ends before a node would be."""
    parts = SimpleNamespace(clock=SimpleNamespace(now=lambda: 2000.0))
    doors = Doors(monitor=SimpleNamespace(spec=spec()), operate=None, parts=parts, file=file)  # type: ignore[arg-type]
    return ConsoleMaintenance(doors, "anna@desk", demo=False)


def test_what_is_kept_is_found_with_who_drives_it(file: FlowFile, maintenance: ConsoleMaintenance) -> None:
    assert maintenance.found().flow is None
    file.save(FLOW)
    assert (maintenance.found().flow, maintenance.found().driven) == (FLOW, False)
    with file.driving():
        assert maintenance.found().driven
        with pytest.raises(CannotError, match="another haconsole of yours drives"):
            maintenance.forget()
    assert not maintenance.found().driven
    maintenance.forget()
    assert maintenance.found().flow is None
    file.path.write_text("{")
    trouble = maintenance.found().trouble
    assert trouble is not None and str(file.path) in trouble


def test_looking_for_it_makes_nothing(tmp_path: Path) -> None:
    file = FlowFile("proxy", tmp_path / "state")
    assert file.load() is None and not file.driven()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [(FlowWords(until="25:00"), "25:00 is no time of day"), (FlowWords(wait_idle="soon"), "'soon' is no time")],
)
async def test_times_that_cannot_be_are_said(
    maintenance: ConsoleMaintenance, words: FlowWords, told: str
) -> None:  # fmt: skip
    with pytest.raises(CannotError, match=told):
        await maintenance.plan(words)


async def test_a_second_one_is_not_planned_and_a_node_that_is_gone_is_not_gone_on_with(
    file: FlowFile, maintenance: ConsoleMaintenance
) -> None:
    with pytest.raises(CannotError, match="no maintenance is under way"):
        await maintenance.resume(FlowWords())
    file.save(FLOW)
    with pytest.raises(CannotError, match="a maintenance is under way"):
        await maintenance.plan(FlowWords())
    file.save(replace(FLOW, nodes=("proxy-serv07",)))
    with pytest.raises(CannotError, match="proxy-serv07, which is not configured"):
        await maintenance.resume(FlowWords())


async def test_one_that_another_process_took_meanwhile_is_not_driven(
    file: FlowFile, maintenance: ConsoleMaintenance
) -> None:
    file.save(FLOW)
    for meanwhile in ("driven", "ended"):
        acting = Maintaining("proxy", await maintenance.resume(FlowWords()), lambda: 2000.0)
        if meanwhile == "driven":
            with file.driving():
                acting.begin(lambda: None)
                await acting.over()
        else:
            file.forget()
            acting.begin(lambda: None)
            await acting.over()
        assert acting.result is not None and acting.result.result == "failed"
        assert "another" in acting.result.text
