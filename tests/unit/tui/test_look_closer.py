"""Triage, its way to the log, the closer look and the configuration, by their keys."""

from dataclasses import replace

import pytest

from haconsole.tui.screens.closer import CloserScreen
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.config import ConfigScreen
from haconsole.tui.screens.help import HelpScreen
from haconsole.tui.screens.logs import LogsScreen
from haconsole.tui.screens.pages import PageScreen
from haconsole.tui.screens.triage import TriageScreen
from haconsole.tui.view.text import Kind, Row, Target
from tests.unit.tui import scenes
from tests.unit.tui.driving import console, driven, press, until
from tests.unit.tui.looking import FAILS, FakeLooker
from tests.unit.tui.operating import whole

SMALL, LARGE = (80, 24), (160, 48)


def looking(shown=None, **options):
    """A console whose looker is `app.test_looker`."""
    looker = FakeLooker(**options)
    app = console(shown or whole(), lookers={"proxy": looker})
    app.test_looker = looker
    return app


async def judged(pilot, app):
    await press(pilot, "6")
    await until(pilot, lambda: isinstance(app.screen, ConfigScreen) and app.screen.judged is not None)
    await until(pilot, lambda: "judging" not in app.picture())


# --- triage --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_to_do_and_the_proof_stand_under_the_tree_of_causes(size):
    app = console(scenes.eth1_down())
    async with driven(app, size) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen) and app.lines("page"))
        assert app.lines("findings")[1].startswith("└─ ▲ 192.168.2.102")
        page = "\n".join(app.lines("page"))
        assert page.index("Look at the cable") < page.index("Evidence") < page.index("Entering MASTER STATE")
        await press(pilot, "y")
        assert "remedy: Look at the cable" in app.copied


async def test_a_filter_keeps_the_cause_above_its_consequence():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "3", "slash", *"preferred", "enter")
        await until(pilot, lambda: "2 of 2 pass" in app.picture())
        await press(pilot, "slash", *" -cable")
        await until(pilot, lambda: "2 of 2 pass" in app.picture())
        await press(pilot, "escape", "slash", *"squid")
        await until(pilot, lambda: "no finding passes" in app.picture())


async def test_from_a_finding_to_its_lines_in_the_log_and_back():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "3", "l")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        await until(pilot, lambda: app.pane("list").row and "FAULT" in app.pane("list").row.copied)
        assert "▸" in app.picture()
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen))


async def test_a_finding_on_a_whole_screen_leads_to_its_lines_and_to_the_closer_look_as_well():
    app = looking(scenes.eth1_down())
    async with driven(app, SMALL) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen) and "l log  c closer" in app.picture())
        await press(pilot, "c")
        await until(pilot, lambda: isinstance(app.screen, CloserScreen) and app.screen.finding is not None)
        await press(pilot, "escape", "l")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen) and "▸" in app.picture())
        depth = len(app.screen_stack)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        assert len(app.screen_stack) == depth, "no page is left under them"


async def test_other_pages_have_no_such_keys():
    app = looking()
    async with driven(app) as pilot:
        app.open(Row("node", (), target=Target(Kind.NODE, "proxy-serv01")))
        await until(pilot, lambda: isinstance(app.screen, PageScreen) and "─ Node" in app.picture())
        await press(pilot, "l", "c")
        assert isinstance(app.screen, PageScreen) and "closer" not in app.picture().splitlines()[-1]


# --- logs ------------------------------------------------------------------------------


async def test_columns_where_there_is_room_one_list_where_not_and_either_by_key():
    app = console(scenes.eth1_down())
    async with driven(app, LARGE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: " │ " in app.picture())
        await press(pilot, "v")
        await until(pilot, lambda: " │ " not in app.picture())
    app = console(scenes.eth1_down())
    async with driven(app, SMALL) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen) and app.lines("list"))
        assert " │ " not in app.picture()
        await press(pilot, "v")
        await until(pilot, lambda: " │ " in app.picture())


async def test_a_log_that_is_held_stands_still_whatever_comes_and_says_so():
    app = console(scenes.eth1_down())
    async with driven(app, LARGE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "follows" in app.picture())
        await press(pilot, "space")
        await until(pilot, lambda: "still, 0 below" in app.picture())
        shown = scenes.eth1_down()
        more = tuple(scenes.said(0.5 - k / 10, scenes.ONE, "squid", f"new {k}", serial=90 + k) for k in range(3))
        later = replace(shown, picture=replace(shown.picture, log=(*shown.picture.log, *more)))
        app.test_sources[0].become(later)
        await until(pilot, lambda: "3 below" in app.picture())
        await press(pilot, "end")
        await until(pilot, lambda: "follows" in app.picture() and app.pane("list").row.copied.endswith("new 2"))


# --- the closer look -----------------------------------------------------------------------


async def test_commands_are_on_the_screen_before_anything_runs_and_then_what_they_prove():
    app = looking()
    async with driven(app, LARGE) as pilot:
        await press(pilot, "3", "c")
        await until(pilot, lambda: isinstance(app.screen, CloserScreen) and app.lines("offers"))
        await press(pilot, "down", "down", "down")
        await until(pilot, lambda: "squid -k check" in "\n".join(app.lines("page")))
        assert app.test_looker.looked == []
        assert "not looked at" in app.picture()
        app.test_looker.ready.clear()
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: "running" in app.picture())
        app.test_looker.ready.set()
        await until(pilot, lambda: "fails as root with exit 1" in app.picture())
        assert app.test_looker.looked == [f"script/{scenes.ONE}/chk_squid_service"]
        assert FAILS in "\n".join(app.lines("page"))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen))


async def test_what_cannot_be_looked_at_from_here_says_why_and_runs_nothing():
    shown = whole()
    node = replace(shown.picture.nodes[0], instances=())
    app = looking(replace(shown, picture=replace(shown.picture, nodes=(node, shown.picture.nodes[1]))))
    async with driven(app, LARGE) as pilot:
        await press(pilot, "3", "c", "down", "down", "down")
        await until(pilot, lambda: "does not run is not run here" in " ".join(" ".join(app.lines("page")).split()))
        await press(pilot, "enter")
        assert app.test_looker.looked == []


async def test_without_anybody_to_look_there_is_no_such_key():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "3", "c")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen))
        assert "closer" not in app.bar("keys")


# --- configuration ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_findings_have_their_file_and_line_and_the_line_to_write(size):
    app = looking()
    async with driven(app, size) as pilot:
        await judged(pilot, app)
        assert "serv01 keepalived.conf:2" in app.lines("findings")[0]
        assert "files read 20 s ago" in app.picture()
        assert any("fall 2" in line for line in app.lines("page"))


async def test_settings_say_which_rule_holds_and_what_is_not_told_looks_so():
    app = looking()
    async with driven(app, SMALL) as pilot:
        await judged(pilot, app)
        await press(pilot, "v")
        await until(pilot, lambda: any("virtual_router_id" in line for line in app.lines("settings")))
        line = next(x for x in app.lines("settings") if "priority" in x)
        assert line.split() == ["●", "proxy_ip1", "priority", "differ", "255", "100"]
    shown = whole()
    blind = replace(shown.picture.nodes[1], config=None)
    app = looking(replace(shown, picture=replace(shown.picture, nodes=(shown.picture.nodes[0], blind))))
    async with driven(app, LARGE) as pilot:
        await judged(pilot, app)
        assert "not read: proxy-serv02" in app.picture()
        assert app.lines("settings")[0].startswith("? nothing to compare")


async def test_the_running_file_beside_the_recommended_one_difference_by_difference():
    app = looking()
    async with driven(app, LARGE) as pilot:
        await judged(pilot, app)
        await press(pilot, "v", "v", "n", "n")
        await until(pilot, lambda: app.pane("beside").row.copied == "priority 254")
        assert "9 " + " " * 4 + "priority 255" in app.lines("beside")[app.pane("beside").cursor]
        await press(pilot, "o")
        await until(pilot, lambda: "Recommended for proxy-serv02 (2 of 2, o: next)" in app.picture())


async def test_nodes_are_asked_at_the_second_press_when_the_commands_are_on_the_screen():
    app = looking()
    async with driven(app, LARGE) as pilot:
        await judged(pilot, app)
        assert "not asked: scripts' files, passwords, firewall" in app.picture()
        await press(pilot, "r")
        await until(pilot, lambda: any("$ stat -L" in line for line in app.lines("page")))
        assert app.test_looker.asks == 0
        await press(pilot, "r")
        await until(pilot, lambda: any("is not there: keepalived drops the check" in x for x in app.lines("findings")))
        assert app.test_looker.asks == 1
        assert "asked proxy-serv01, proxy-serv02" in app.picture()


@pytest.mark.parametrize("keys", [["3"], ["3", "l"], ["3", "c"], ["6"], ["6", "v", "v"]], ids="-".join)
async def test_help_fits_the_smallest_screen(keys):
    app = looking(scenes.eth1_down() if "l" in keys else None)
    async with driven(app, SMALL) as pilot:
        await press(pilot, *keys, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        pane = app.pane("help")
        await until(pilot, lambda: pane.size.height > 0)
        assert pane.max_scroll_y == 0


async def test_text_of_the_hostile_reaches_no_terminal():
    app = looking(scenes.hostile())
    async with driven(app, SMALL) as pilot:
        for keys in (
            ["3"],
            ["l"],
            ["v"],
            ["enter"],
            ["escape"],
            ["escape"],
            ["c"],
            ["enter"],
            ["escape"],
            ["6"],
            ["v"],
        ):
            await press(pilot, *keys)
            await pilot.pause()
            assert all(char.isprintable() or char == "\n" for char in app.picture())


def test_a_console_that_only_looks_on_starts_without_audit_and_closer_look():
    import subprocess
    import sys

    heavy = "{'haconsole.cluster.audit', 'haconsole.runtime.closer', 'haconsole.report.configuration', 'jinja2'}"
    code = f"import sys, haconsole.cli.console, haconsole.tui.run; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
