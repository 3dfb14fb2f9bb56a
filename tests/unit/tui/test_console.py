"""The console, driven by its keys: what an operator does, and what must not happen."""

from dataclasses import replace

import pytest

from haconsole.tui.screens.adverts import AdvertsScreen
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.clusters import ClustersScreen
from haconsole.tui.screens.config import ConfigScreen
from haconsole.tui.screens.help import HelpScreen
from haconsole.tui.screens.logs import LogsScreen
from haconsole.tui.screens.pages import PageScreen
from haconsole.tui.screens.triage import TriageScreen
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from tests.support.work import lines_run
from tests.unit.tui import scenes
from tests.unit.tui.driving import console, driven, fleet, press, theme_folder, until

SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (160, 48)


def shows(app, *texts):
    picture = app.picture()
    return all(text in picture for text in texts)


# --- the cluster screen ------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_the_first_screen_has_the_answer_and_the_evidence(size):
    app = console(scenes.eth1_down())
    said = ("2 warnings", "192.168.2.102", "FAULT", "proxy-serv02 cannot be a master", "Entering FAULT STATE")
    async with driven(app, size) as pilot:
        assert isinstance(app.screen, ClusterScreen)
        await until(pilot, lambda: shows(app, *said, "14:02:31 CET", "anna@bastion", "1 Cluster", "q quit"))


async def test_news_is_on_the_screen_within_a_tick():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        assert shows(app, "all well")
        app.test_sources[0].become(scenes.split_brain())
        await until(pilot, lambda: shows(app, "1 critical", "split brain", "timed out"))


async def test_a_node_that_goes_away_leaves_none_of_its_values_on_the_screen():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        assert any("MASTER" in line for line in app.lines("node-1"))
        app.test_sources[0].become(scenes.unreachable())
        await until(pilot, lambda: "not reachable" in app.lines("node-1")[0])
        assert not any("MASTER" in line or "req/s" in line for line in app.lines("node-1"))


async def test_only_lines_that_differ_are_painted_again():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        pane = app.pane("node-0")
        painted = []
        pane.refresh_row = painted.append
        shown = scenes.healthy()
        node = replace(shown.picture.nodes[0], requests_per_s=77.0)
        app.test_sources[0].become(replace(shown, picture=replace(shown.picture, nodes=(node, shown.picture.nodes[1]))))
        await until(pilot, lambda: any("77 req/s" in line for line in app.lines("node-0")))
        assert painted == [5]


async def test_nothing_is_made_while_nothing_changes():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        rows = app.pane("vips").rows
        looks = app.test_sources[0].looks
        await until(pilot, lambda: app.test_sources[0].looks > looks + 2)
        assert app.pane("vips").rows is rows


async def test_tab_and_arrows_go_through_the_panes_and_letters_jump():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        seen = []
        for _ in range(5):
            seen.append(app.focused.id)
            await press(pilot, "tab")
        assert seen == ["vips", "node-0", "node-1", "findings", "events"]
        for key, pane in (
            ("e", "events"),
            ("f", "findings"),
            ("n", "node-0"),
            ("right", "node-1"),
            ("left", "node-0"),
            ("v", "vips"),
        ):
            await press(pilot, key)
            assert app.focused.id == pane


async def test_enter_on_a_finding_shows_its_evidence_and_escape_goes_back():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "f", "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        await until(
            pilot, lambda: shows(app, "Evidence", "kernel on proxy-serv02", "eth1: up, no carrier", "What to do")
        )
        await press(pilot, "escape")
        assert isinstance(app.screen, ClusterScreen)
        assert app.focused.id == "findings"


async def test_a_page_stays_up_to_date_while_it_is_open():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "f", "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        app.test_sources[0].become(scenes.healthy())
        await until(pilot, lambda: shows(app, "this finding is no longer there", "all well"))


async def test_from_a_page_one_can_go_on_to_what_follows():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "f", "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen) and bool(app.pane("page").rows))
        await press(pilot, "end", "enter")
        await until(pilot, lambda: app.screen.target.name == scenes.NOT_PREFERRED.key)
        await press(pilot, "escape", "escape")
        assert isinstance(app.screen, ClusterScreen)


@pytest.mark.parametrize(
    ("key", "text"), [("v", "Witnesses"), ("n", "VRRP instances"), ("e", "on the console's clock")]
)
async def test_enter_on_a_vip_a_node_or_an_event_shows_it_in_full(key, text):
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, key, "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        await until(pilot, lambda: shows(app, text))


# --- screens -------------------------------------------------------------------------


async def test_numbers_go_to_the_screens_that_exist_and_others_do_nothing():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        places = (
            ("2", AdvertsScreen),
            ("3", TriageScreen),
            ("5", LogsScreen),
            ("6", ConfigScreen),
            ("1", ClusterScreen),
        )
        for key, screen in places:
            await press(pilot, key)
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen))
        await press(pilot, "4")
        assert isinstance(app.screen, ClusterScreen)
        assert "Drills" not in app.bar("keys")


async def test_escape_from_a_screen_goes_to_the_cluster_and_stays_there():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "5", "escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        await press(pilot, "escape")
        assert isinstance(app.screen, ClusterScreen)


async def test_triage_shows_the_evidence_of_the_finding_under_the_cursor():
    app = console(scenes.eth1_down())
    async with driven(app, SMALL) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen) and shows(app, "eth1: up, no carrier"))
        await press(pilot, "down")
        await until(pilot, lambda: shows(app, "It goes back by itself"))


async def test_the_help_names_the_keys_of_the_screen_one_is_on_and_no_others():
    app = console(scenes.healthy())
    async with driven(app, SMALL) as pilot:
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until(
            pilot, lambda: shows(app, "Filter events", "Next theme", "unknown: it cannot be told", "esc closes")
        )
        await press(pilot, "question_mark")
        assert isinstance(app.screen, ClusterScreen)
        await press(pilot, "5", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and not shows(app, "Findings"))


async def test_a_terminal_that_is_made_smaller_and_larger_again_is_drawn_anew():
    app = console(scenes.eth1_down())
    async with driven(app, LARGE) as pilot:
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: shows(app, "serv01", "FAULT", "eth1 down", "1 Cluster"))
        assert app.screen.has_class("-flat")
        await pilot.resize_terminal(*LARGE)
        await until(pilot, lambda: not app.screen.has_class("-flat") and shows(app, "operator anna@bastion"))


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (79, 23), (500, 200)])
async def test_any_size_of_terminal_is_survived(size):
    app = console(scenes.hostile())
    async with driven(app, size) as pilot:
        await press(pilot, "3", "5", "1", "question_mark", "escape")


async def test_three_nodes_scroll_in_a_narrow_terminal_and_stand_side_by_side_in_a_wide_one():
    app = console(scenes.three_nodes())
    async with driven(app, SMALL) as pilot:
        assert shows(app, "1/3", "2/3")
        assert shows(app, "all 3 nodes", "● serv03", "n and → go to each"), "what is not on the screen has its sign"
        assert not shows(app, "192.168.2.253")
        await press(pilot, "n", "right", "right")
        await until(pilot, lambda: shows(app, "proxy-serv03"))
        await pilot.resize_terminal(*LARGE)
        await until(pilot, lambda: shows(app, "proxy-serv01", "proxy-serv02", "proxy-serv03"))


# --- events and filters ------------------------------------------------------------------


async def test_slash_filters_the_events_as_one_types_and_escape_brings_all_back():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        whole = len(app.pane("events").rows)
        await press(pilot, "slash", *"fault")
        await until(pilot, lambda: len(app.pane("events").rows) == 1)
        await press(pilot, "enter")
        assert app.focused.id == "events"
        assert shows(app, "1 of 12 pass `fault`")
        await press(pilot, "slash", "escape")
        await until(pilot, lambda: len(app.pane("events").rows) == whole)
        assert not app.screen.query_one(FilterLine).has_class("-open")


async def test_a_filter_can_hold_markup_and_letters_that_are_keys():
    app = console(scenes.hostile())
    async with driven(app) as pilot:
        await press(pilot, "slash", *"qy[/bold]")
        await until(pilot, lambda: len(app.pane("events").rows) == 0)
        assert app.is_running
        assert shows(app, "0 of 30 pass `qy[/bold]`")


async def test_where_events_have_no_room_they_have_a_screen_of_their_own():
    app = console(scenes.hostile())
    async with driven(app, (80, 20)) as pilot:
        assert not app.pane("events").display
        await press(pilot, "e")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))


async def test_the_log_follows_its_end_until_one_looks_back():
    app = console(scenes.large(links=0, lines=300))
    async with driven(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen) and shows(app, "line 299 of"))
        app.test_sources[0].become(scenes.large(links=0, lines=310))
        await until(pilot, lambda: shows(app, "line 309 of"))
        await press(pilot, "up", "up")
        key = app.pane("list").row.key
        app.test_sources[0].become(scenes.large(links=0, lines=320))
        await until(pilot, lambda: len(app.pane("list").rows) == 320)
        assert app.pane("list").row.key.split("/")[1] == key.split("/")[1]
        await press(pilot, "end")
        await until(pilot, lambda: shows(app, "line 319 of"))


# --- copying ----------------------------------------------------------------------------------


async def test_y_copies_what_the_row_is_about_and_says_so():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "y")
        assert app.copied == "192.168.2.101"
        await until(pilot, lambda: shows(app, "copied: 192.168.2.101"))
        await press(pilot, "f", "y")
        assert app.copied.startswith("[warning] proxy-serv02 cannot be a master")
        assert "remedy: Look at the cable" in app.copied
        await press(pilot, "e", "y")
        assert app.copied.startswith("2025-11-24T14:01:20.502+01:00")


async def test_capital_y_copies_the_whole_pane():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await press(pilot, "n", "Y")
        assert app.copied.splitlines()[0] == "keepalived ● active 12 d, at boot, 2.2.7"
        assert len(app.copied.splitlines()) == len(app.pane("node-0").rows)


async def test_what_is_copied_cannot_obey_a_terminal_either():
    app = console(scenes.hostile())
    async with driven(app) as pilot:
        for pane in ("v", "n", "f", "e"):
            await press(pilot, pane, "y")
            assert app.copied
            assert all(line.isprintable() for line in app.copied.split("\n"))


# --- mouse -------------------------------------------------------------------------------------


async def test_a_click_selects_and_a_double_click_opens():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await pilot.click("#vips", offset=(10, 3))
        assert app.focused.id == "vips"
        assert app.pane("vips").cursor == 1
        await pilot.click("#vips", offset=(10, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        assert app.screen.target.name == "192.168.2.102"


async def test_keys_in_the_last_line_can_be_clicked():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        await pilot.click("#keys", offset=(app.bar("keys").index("5 Logs"), 0))
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        await pilot.click("#head", offset=(app.bar("head").index("? help"), 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_a_click_beside_the_rows_does_nothing():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        await pilot.click("#findings", offset=(5, 0))
        await pilot.click("#vips", offset=(5, 1))
        assert isinstance(app.screen, ClusterScreen)


# --- several clusters ------------------------------------------------------------------------------


async def test_several_clusters_begin_with_the_list_worst_first():
    app = console(*fleet(6, worst=[scenes.eth1_down(), scenes.split_brain()]))
    async with driven(app, SMALL) as pilot:
        assert isinstance(app.screen, ClustersScreen)
        assert [row.key for row in app.pane("list").rows][:3] == [
            "cluster/site-05",
            "cluster/site-04",
            "cluster/site-00",
        ]
        assert "6 clusters ✖ 1  ▲ 1  ● 4" in app.bar("head")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        assert app.cluster == "site-05"


async def test_one_cluster_shows_that_another_is_in_trouble():
    app = console(*fleet(3, worst=[scenes.split_brain()]))
    async with driven(app, LARGE) as pilot:
        await press(pilot, "down", "enter")
        await until(pilot, lambda: app.cluster == "site-00")
        await until(pilot, lambda: "elsewhere ✖ 1" in app.bar("head"))


async def test_escape_and_zero_come_back_to_the_list():
    app = console(*fleet(3))
    async with driven(app) as pilot:
        for keys in (["enter", "escape"], ["enter", "5", "0"], ["enter", "f", "enter", "0"]):
            await press(pilot, *keys)
            await until(pilot, lambda: isinstance(app.screen, ClustersScreen))


async def test_clusters_are_filtered():
    app = console(*fleet(12, worst=[scenes.split_brain()]))
    async with driven(app) as pilot:
        await press(pilot, "slash", *"critical")
        await until(pilot, lambda: len(app.pane("list").rows) == 1)
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: app.cluster == "site-11")


async def test_the_cursor_stays_on_its_cluster_when_the_order_changes():
    app = console(*fleet(5))
    async with driven(app) as pilot:
        await press(pilot, "down")
        assert app.pane("list").row.key == "cluster/site-01"
        app.test_sources[4].become(scenes.renamed(scenes.split_brain(), "site-04"))
        await until(pilot, lambda: app.pane("list").rows[0].key == "cluster/site-04")
        assert app.pane("list").row.key == "cluster/site-01"


# --- palette, themes ----------------------------------------------------------------------------------


async def test_the_palette_has_our_commands_and_only_ours():
    app = console(*fleet(2))
    async with driven(app) as pilot:
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: app.screen.__class__.__name__ == "CommandPalette")
        await until(pilot, lambda: shows(app, "Cluster site-00", "Theme haconsole-light"))
        assert not shows(app, "Screenshot")
        await press(pilot, *"site-01")
        await until(pilot, lambda: not shows(app, "Cluster site-00") and shows(app, "site-01"))
        await press(pilot, "down", "enter")
        await until(pilot, lambda: app.cluster == "site-01")


async def test_a_cluster_with_a_hostile_name_can_be_in_the_palette():
    app = console(scenes.hostile(), scenes.healthy())
    async with driven(app) as pilot:
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: shows(app, "Cluster [b]proxy[/b]"))
        await press(pilot, *"proxy")
        await until(pilot, lambda: shows(app, "[b]proxy[/b]"))


async def test_t_changes_the_theme_at_once_and_the_next_start_remembers_it(tmp_path):
    path = tmp_path / "console.json"
    app = console(scenes.healthy(), remember=path)
    async with driven(app) as pilot:
        before = app.theme
        await press(pilot, "t")
        await until(pilot, lambda: app.theme != before and shows(app, f"theme: {app.theme}"))
        chosen = app.theme
    assert console(scenes.healthy(), remember=path).theme == chosen


async def test_a_theme_that_does_not_exist_is_not_a_reason_to_fail(tmp_path):
    path = tmp_path / "console.json"
    path.write_text('{"theme": "gone"}', encoding="utf-8")
    assert console(scenes.healthy(), remember=path, theme="no-such").theme == "haconsole-dark"


async def test_a_bad_theme_file_is_a_note_and_the_console_runs(tmp_path):
    app = console(scenes.healthy(), theme_folders=[theme_folder(tmp_path, 'name = "[/b]"')])
    async with driven(app) as pilot:
        await until(pilot, lambda: shows(app, "theme own.toml:"))


# --- monitors, leaving -----------------------------------------------------------------------------------


async def test_when_the_monitors_die_every_header_says_that_nothing_is_up_to_date():
    async def die():
        raise RuntimeError("boom [/b]")

    app = console(scenes.healthy(), run_sources=die)
    async with driven(app) as pilot:
        await until(pilot, lambda: "NOT UPDATED: the monitors ended: RuntimeError('boom [/b]')" in app.bar("head"))
        assert "all well" not in app.bar("head")


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_q_leaves_at_once_with_zero(key):
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running or app._exit)
    assert app.return_value == 0


@pytest.mark.parametrize("key", ["a", "M", "4"])
async def test_read_only_is_in_the_header_and_the_help_and_the_answer_of_keys_that_act_elsewhere(key):
    app = console(scenes.healthy(), read_only=True)
    async with driven(app, SMALL) as pilot:
        assert "READ-ONLY" in app.bar("head")
        await press(pilot, "slash", key, "escape")
        assert not app._notifications, "in a filter it is a letter"
        await press(pilot, key)
        told = "read-only: no action, drill or maintenance here"
        await until(pilot, lambda: [x.message for x in app._notifications] == [told])
        await press(pilot, "question_mark")
        await until(pilot, lambda: shows(app, "READ-ONLY: no action (a), drill (4) or maintenance (M) exists here"))


# --- hostile and large -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_hostile_text_is_harmless_on_every_screen(size):
    app = console(scenes.hostile())
    async with driven(app, size) as pilot:
        for keys in (
            ["v", "enter"],
            ["escape", "n", "enter"],
            ["escape", "f", "enter"],
            ["escape", "3"],
            ["5"],
            ["enter"],
            ["escape", "1"],
        ):
            await press(pilot, *keys)
            await until(pilot, lambda: bool(app.screen.query(LinePane).first().rows))
            assert all(line.isprintable() for line in app.picture().splitlines())
        titles = [str(pane.border_title) for pane in app.screen.query(LinePane)]
        assert all(title.isprintable() for title in titles)
        assert app.is_running


async def test_ten_thousand_interfaces_and_two_thousand_lines_are_looked_through_and_not_drawn():
    async def work(shown):
        app = console(shown)
        async with driven(app, LARGE):
            app.test_sources[0].become(replace(shown, picture=replace(shown.picture, at=scenes.NOW + 1)))
            return lines_run(lambda: app.screen.tick(scenes.NOW + 1))

    few = await work(scenes.large(links=50, lines=50))
    assert few > 100
    assert await work(scenes.large(links=10_000)) <= few + 2 * 10_000


async def test_ten_thousand_interfaces_and_two_thousand_lines_can_be_walked():
    app = console(scenes.large())
    async with driven(app, LARGE) as pilot:
        await press(pilot, "n")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        await press(pilot, "escape", "5", "home", "end")
        assert app.is_running


async def test_lines_that_come_faster_than_the_screen_scrolls_are_followed_too():
    app = console(scenes.large(links=0, lines=3))
    async with driven(app, LARGE) as pilot:
        for lines in (40, 80, 120):  # what a node tells first comes in some batches
            app.test_sources[0].become(scenes.large(links=0, lines=lines))
            app.screen.tick(scenes.NOW)
        await until(pilot, lambda: shows(app, "line 119 of"))


async def test_who_scrolled_back_with_the_wheel_is_not_pulled_to_the_end():
    app = console(scenes.large(links=0, lines=300))
    async with driven(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen) and shows(app, "line 299 of"))
        pane = app.pane("list")
        pane.scroll_to(y=100, animate=False)
        await until(pilot, lambda: pane.scroll_offset.y == 100)
        app.test_sources[0].become(scenes.large(links=0, lines=310))
        await until(pilot, lambda: len(pane.rows) == 310)
        assert pane.scroll_offset.y == 100
        pane.scroll_end(animate=False)
        await until(pilot, lambda: pane.scroll_offset.y == pane.max_scroll_y)
        app.test_sources[0].become(scenes.large(links=0, lines=320))
        await until(pilot, lambda: shows(app, "line 319 of"))


async def test_the_log_is_made_anew_only_when_it_is_another_one():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        events = app.pane("events").rows
        shown = scenes.healthy()
        log = app.test_sources[0].snapshot(scenes.NOW).picture.log
        node = replace(shown.picture.nodes[0], requests_per_s=77.0)
        nodes = (node, shown.picture.nodes[1])
        app.test_sources[0].become(replace(shown, picture=replace(shown.picture, nodes=nodes, log=log)))
        await until(pilot, lambda: any("77 req/s" in line for line in app.lines("node-0")))
        assert app.pane("events").rows is events
        later = replace(shown.picture, log=log, at=shown.picture.at + 86_400)
        app.test_sources[0].become(replace(shown, picture=later))
        await until(pilot, lambda: app.pane("events").rows is not events)
        app.test_sources[0].become(scenes.eth1_down())
        await until(pilot, lambda: any("Entering FAULT STATE" in line for line in app.lines("events")))
