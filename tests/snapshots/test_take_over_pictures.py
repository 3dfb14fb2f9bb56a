"""Pictures of what another console began: the offers, the question, and what is seen of it here.

Look at them before updating: `pytest tests/snapshots --snapshot-update`.
"""

import pytest

from haconsole.tui.screens.take_over import LeftWordsScreen
from tests.unit.tui import scenes
from tests.unit.tui.driving import press, until
from tests.unit.tui.operating import left_behind, offering, pictured
from tests.unit.tui.test_actions import at
from tests.unit.tui.test_take_over import ABORT, TAKE, offered, question

SIZES = {"small": (80, 24), "large": (160, 48)}


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


async def list_(pilot, app):
    await offered(pilot, app, ABORT)


async def asked(pilot, app):
    await question(pilot, app, TAKE)


async def worded(pilot, app):
    await offered(pilot, app, TAKE)
    await press(pilot, "enter")
    await at(pilot, app, LeftWordsScreen)


async def held(pilot, app):
    await asked(pilot, app)
    await press(pilot, "tab", *scenes.ONE, "enter")
    await until(pilot, lambda: app.acting is not None and app.acting.holds)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("far", [list_, worded, asked, held], ids=["offers", "words", "question", "held"])
def test_of_a_dead_console(snap_compare, far, size):
    app, _ = offering(left_behind())

    async def go(pilot):
        await far(pilot, app)

    assert snap_compare(pictured(app), terminal_size=size, run_before=go)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_of_a_console_that_lives(snap_compare, size):
    app, _ = offering(left_behind(peer_left_s=13))

    async def go(pilot):
        await question(pilot, app, ABORT)

    assert snap_compare(pictured(app), terminal_size=size, run_before=go)
