"""Pictures of triage, logs, the closer look and the configuration, each in one telling situation, small and large."""

import pytest

from haconsole.tui.screens.config import ConfigScreen
from tests.unit.tui.driving import console, until
from tests.unit.tui.looking import FakeLooker, failing, mismatched

SIZES = {"small": (80, 24), "large": (160, 48)}


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


def looking(shown):
    return console(shown, lookers={"proxy": FakeLooker()})


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "keys", [["3"], ["3", "l"], ["3", "c"], ["3", "c", "enter"]], ids=["triage", "its-lines", "closer", "proof"]
)
def test_from_a_finding(snap_compare, keys, size):
    assert snap_compare(looking(failing()), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("keys", [[], ["v"], ["v", "v", "n", "n"]], ids=["audit", "settings", "recommended"])
def test_configuration(snap_compare, keys, size):
    async def judged(pilot):
        app = pilot.app
        await pilot.press("6")
        await until(pilot, lambda: isinstance(app.screen, ConfigScreen) and app.screen.judged is not None)
        await until(pilot, lambda: "judging" not in app.picture())
        await pilot.press(*keys)

    assert snap_compare(looking(mismatched()), terminal_size=size, run_before=judged)


def test_log_columns_on_a_small_screen(snap_compare):
    assert snap_compare(looking(failing()), terminal_size=SIZES["small"], press=["5", "v", "enter"])
