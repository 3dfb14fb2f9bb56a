"""Pictures of rolling maintenance: fields, plan, the operator's turn, the end, one that was left; small and large.

Look at them before updating: `pytest tests/snapshots --snapshot-update`.
"""

import pytest

from tests.unit.tui.driving import press, until
from tests.unit.tui.maintenance_scenes import drained_whole, left_flow, maintained
from tests.unit.tui.operating import pictured
from tests.unit.tui.test_maintenance import begun, ended, planned, shows, worded

SIZES = {"small": (80, 24), "large": (160, 48)}


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


async def words(pilot, app, _):
    await worded(pilot, app)


async def plan(pilot, app, _):
    await planned(pilot, app)


async def turn(pilot, app, _):
    await begun(pilot, app)
    app.test_sources[0].become(drained_whole())
    await until(pilot, lambda: shows(app, "26:38 left"))


async def end(pilot, app, maintenance):
    await ended(pilot, app, maintenance)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("far", [words, plan, turn, end], ids=["words", "plan", "turn", "end"])
def test_maintenance(snap_compare, far, size):
    app, maintenance = maintained(demo=True)

    async def go(pilot):
        await far(pilot, app, maintenance)

    assert snap_compare(pictured(app), terminal_size=size, run_before=go)


def test_one_that_was_left_without_colour(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, _ = maintained(kept=left_flow())

    async def go(pilot):
        await press(pilot, "M")
        await until(pilot, lambda: shows(app, "Go on with it"))

    assert snap_compare(app, terminal_size=(80, 24), run_before=go)
