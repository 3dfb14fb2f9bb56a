"""Pictures of drills: the list, the plan, live, the verdict, small and large.

Look at them before updating: `pytest tests/snapshots --snapshot-update`.
"""

import pytest

from tests.support import drill_sample
from tests.unit.tui.drill_scenes import drilling
from tests.unit.tui.driving import press, until
from tests.unit.tui.operating import pictured
from tests.unit.tui.test_drills import begun, listed, planned, shows

SIZES = {"small": (80, 24), "large": (160, 48)}


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


async def list_(pilot, app, _):
    await listed(pilot, app, 1)
    await until(pilot, lambda: "● allow" in app.lines("drills")[1])
    await press(pilot, "space")


async def plan(pilot, app, _):
    await planned(pilot, app)


async def live(pilot, app, _):
    await begun(pilot, app)
    await until(pilot, lambda: shows(app, "░", "✖"))


async def verdict(pilot, app, drills):
    await begun(pilot, app)
    drills.carried[0].over.set()
    await until(pilot, lambda: shows(app, "PASSED"))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("far", [list_, plan, live, verdict], ids=["list", "plan", "live", "verdict"])
def test_drill(snap_compare, far, size):
    app, drills = drilling(past=[drill_sample.passed()])

    async def go(pilot):
        await far(pilot, app, drills)

    assert snap_compare(pictured(app), terminal_size=size, run_before=go)


def test_live_without_colour_and_with_hostile_lines(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, drills = drilling(hostile=True)

    async def go(pilot):
        await live(pilot, app, drills)

    assert snap_compare(pictured(app), terminal_size=(80, 24), run_before=go)
