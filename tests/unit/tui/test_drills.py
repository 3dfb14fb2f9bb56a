"""Drills in the console: planned, begun by the nodes' typed names alone, seen live, put back, and judged."""

import asyncio
import string

import pytest

from haconsole.model.drill import Phase
from haconsole.operations.guards_context import Answer
from haconsole.runtime.executor import Told
from haconsole.tui.commands import ConsoleCommands
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.drill_live import DrillScreen
from haconsole.tui.screens.drill_plan import DrillPlanScreen
from haconsole.tui.screens.drill_words import DrillWordsScreen
from haconsole.tui.screens.drills import DrillsScreen
from haconsole.tui.view import drill_live
from haconsole.tui.view.text import Level, plain
from tests.support import drill_sample
from tests.unit.tui import scenes
from tests.unit.tui.drill_scenes import INJECTED, drilling
from tests.unit.tui.driving import console, driven, press, until
from tests.unit.tui.operating import whole

SMALL, LARGE = (80, 24), (160, 48)
BAD_PEER = {"requests": {scenes.ONE: Answer(ok=True, text="200"), scenes.TWO: Answer(ok=False, text="503")}}


def shows(app, *texts):
    picture = app.picture()
    return all(text in picture for text in texts)


async def listed(pilot, app, down=0):
    await press(pilot, "4")
    await until(pilot, lambda: isinstance(app.screen, DrillsScreen) and len(app.pane("drills").rows) == 12)
    await press(pilot, *["down"] * down)


async def planned(pilot, app, *keys, down=1):
    await listed(pilot, app, down)
    await press(pilot, *keys, "enter")
    await until(pilot, lambda: isinstance(app.screen, DrillWordsScreen) and app.focused is not None)
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(app.screen, DrillPlanScreen) and bool(app.pane("confirm").rows))


async def begun(pilot, app, *keys, down=1, names=scenes.ONE):
    await planned(pilot, app, *keys, down=down)
    await press(pilot, "tab", *names, "enter")
    await until(pilot, lambda: isinstance(app.screen, DrillScreen) and app.acting.holds)


async def test_key_4_lists_each_drill_on_each_node_with_guards_forecast_and_its_last_run():
    app, drills = drilling(past=[drill_sample.passed()])
    async with driven(app, LARGE) as pilot:
        await listed(pilot, app, 1)
        lines = app.lines("drills")
        assert sum("public-link-down" in line for line in lines) == 2
        assert "● passed" in lines[1] and "never" in lines[0]
        await until(pilot, lambda: "● allow" in app.lines("drills")[1])
        await until(pilot, lambda: shows(app, "proxy-serv01 → proxy-serv02 within", "stays on proxy-serv02"))
        assert drills.carried == []
        await press(pilot, "v")
        await until(pilot, lambda: shows(app, "PASSED: drill public-link-down", "Predicted and measured"))


async def test_the_plan_says_in_words_what_is_predicted_and_begins_by_the_typed_name_alone():
    app, drills = drilling()
    async with driven(app, SMALL) as pilot:
        await planned(pilot, app)
        words = "\n".join(app.lines("confirm"))
        for told in ("Predicted", "Because", "Will be run", "exec ip link set dev", "Checked", "NOT checked",
                     "clients lose", "Must be seen"):  # fmt: skip
            assert told in words
        assert app.focused.id == "cancel"
        every = (*string.ascii_lowercase, *string.digits)
        await press(pilot, *every, "enter")
        await until(pilot, lambda: shows(app, "that is not proxy-serv01: nothing was touched"))
        await press(pilot, *["backspace"] * len(every), *"proxy-serv02", "enter")
        assert drills.carried == []
        await press(pilot, *["backspace"] * 12, *scenes.ONE, "enter")
        await until(pilot, lambda: isinstance(app.screen, DrillScreen))
        assert len(drills.carried) == 1


async def test_a_refused_drill_has_no_field_and_says_which_guard():
    app, drills = drilling(answers=BAD_PEER)
    async with driven(app, SMALL) as pilot:
        await planned(pilot, app)
        assert shows(app, "REFUSED") and not app.screen.query("#typed")
        assert len(drills.refusals) == 1


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_live_it_shows_steps_timer_lanes_clients_both_logs_and_expectations(size):
    app, _ = drilling(hostile=True)
    async with driven(app, size) as pilot:
        await begun(pilot, app)
        await until(pilot, lambda: shows(app, "░", "✖", "0.63 s", "FAULT STATE", "2 ●", "1 …", "1 ✖"))
        assert shows(app, "heals itself", "hold, 7 s more", "e extend", "n end the hold", "X abort")
        assert "\x1b[31m" not in app.picture() and "\u202e" not in app.picture()


async def test_to_a_node_whose_way_is_cut_nothing_is_said_to_be_missing_and_who_puts_back_is_told():
    app, _ = drilling()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        acting = app.acting
        seen = acting.live.seen
        seen.cut_off(scenes.ONE)
        seen.lines[:] = [x for x in seen.lines if x.node != scenes.ONE]
        seen.phase = Phase.PUT_BACK
        acting.current = Told(step="put-back", text="proxy-serv01 puts back", started=scenes.NOW, left_s=18.0)
        acting.deadline = scenes.NOW + 18.0
        picture = app.snapshot(acting.cluster).picture
        told = drill_live.shown(acting, picture, scenes.NOW)
        words = [w for r in drill_live.step_lines(acting, told, 77, 24) for w in plain(r.line).split()]
        assert "put-back: proxy-serv01 cannot be reached, its way is cut; it puts itself back" in " ".join(words), words
        assert "by its own timer, in 00:18" in " ".join(words), words
        (line,) = drill_live.log_rows(seen, scenes.ONE, 37, app.zone, INJECTED)
        assert plain(line.line).rstrip() == "? way cut: its lines come later"
        open_now = [level for claim, level in drill_live.claims_of(acting) if claim.ok is None]
        assert open_now == [Level.BUSY], "it is still to come"


@pytest.mark.parametrize("key", ["e", "n", "X"])
async def test_what_is_asked_for_on_a_cut_way_is_answered_at_once_and_by_how_long_it_takes(key):
    app, drills = drilling()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        acting, run = app.acting, drills.carried[0]
        acting.live.seen.cut_off(scenes.ONE)
        acting.deadline = scenes.NOW + 23.0
        answered = asyncio.Event()

        async def never(_):
            await answered.wait()
            return False

        run.extend, run.abort, run.end_hold = never, lambda: None, lambda: None
        await press(pilot, key)
        wish = {"e": "more time", "n": "the end of the hold", "X": "the abort"}[key]
        await until(pilot, lambda: shows(app, f"asked for {wish}: proxy-serv01 cannot be reached", "timer, in 00:23"))
        acting.deadline = scenes.NOW + 9.0
        app.screen.tick(scenes.NOW)
        await until(pilot, lambda: shows(app, "timer, in 00:09"))
        answered.set()
        if key == "e":
            await until(pilot, lambda: acting.wish is None)
        run.over.set()
        await until(pilot, lambda: not acting.runs)


async def test_in_80_columns_what_is_put_back_and_what_a_row_would_lose_is_read_whole():
    app, _ = drilling()
    async with driven(app, SMALL) as pilot:
        await planned(pilot, app, "m", down=0)
        head = " ".join(plain(r.line).strip() for r in app.pane("confirm").rows[:8])
        for name, lost in (("lan", "2.61–3.71 s"), ("public", "0.61–0.71 s")):
            assert f"{name}-link-down on proxy-serv01: allowed; .101 lost for {lost}" in head, head
        await press(pilot, "tab", *scenes.ONE, "enter")
        await until(pilot, lambda: isinstance(app.screen, DrillScreen) and app.acting.holds)
        assert shows(app, "hold, 7 s more") and not shows(app, "hold: hold")
        acting = app.acting
        acting.stopping, acting.deadline = True, scenes.NOW + 54.0
        told = drill_live.shown(acting, app.snapshot(acting.cluster).picture, scenes.NOW)
        last = plain(drill_live.step_lines(acting, told, 77, 24)[-1].line)
        assert last.rstrip().endswith("aborted: all is being put back"), last


async def test_e_extends_n_ends_the_hold_and_the_verdict_names_the_report():
    app, drills = drilling()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        await press(pilot, "e")
        await until(pilot, lambda: drills.carried[0].extended != [])
        await press(pilot, "n")
        await until(pilot, lambda: shows(app, "PASSED", "Predicted and measured"))
        assert {"report        ● /drills/1/report/", "report.html"} <= {line.strip() for line in app.lines("page")}
        await press(pilot, "Y")
        assert "PASSED: drill public-link-down" in app.copied


async def test_a_row_of_drills_goes_on_only_as_long_as_each_leaves_the_cluster_healthy():
    app, drills = drilling()
    async with driven(app, LARGE) as pilot:
        await begun(pilot, app, "m", down=0)
        assert shows(app, "1 of 3")
        asked, second = asyncio.Event(), app.acting.items[1].run
        second.prepare = asked.wait
        drills.carried[0].over.set()
        await until(pilot, lambda: shows(app, "2 of 3", "the guards of public-link-down on proxy-serv01 are asked"))
        assert app.lines("log-0") == [], "the lines of the one before are none of this one's"
        asked.set()
        await until(pilot, lambda: len(drills.carried) == 2)
        assert drills.settled == ["proxy-serv01"], "the VIPs had rested after the first before guards were asked"
        drills.healthy = False
        drills.carried[1].over.set()
        await until(pilot, lambda: shows(app, "not begun: public-link-down on proxy-serv01 did not leave all well"))
        assert len(drills.carried) == 2
        assert app.acting.ended.well is False
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, DrillsScreen))
        assert app.screen.marked == [], "Enter would begin them all once more"


async def test_leaving_mid_drill_puts_back_and_begins_no_other_one():
    app, drills = drilling()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app, "m", down=0)
        await press(pilot, "escape")
        assert shows(app, "drill lan-link-down")
        await press(pilot, "q")
        await until(pilot, lambda: app.left_with is not None)
    assert app.left_with == 4
    assert drills.carried[0].stopped and len(drills.carried) == 1


async def test_where_nothing_may_be_changed_there_are_no_drills_at_all():
    shown = whole()
    app, _ = drilling(shown, read_only=True)
    for one in (app, console(shown)):
        async with driven(one, SMALL) as pilot:
            await press(pilot, "4")
            assert isinstance(one.screen, ClusterScreen)
            assert "Drills" not in one.bar("keys")
            provider = ConsoleCommands(one.screen)
            assert "Drills" not in [c.title for c in provider._commands()]
            await press(pilot, "question_mark")
            assert not shows(one, "Drills")
