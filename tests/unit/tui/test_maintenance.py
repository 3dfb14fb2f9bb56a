"""Rolling maintenance in the console: planned, each drain begun by its node's typed name, left and gone on with."""

import string

import pytest

from haconsole.operations.guards_context import Answer
from haconsole.operations.maintenance import Stage
from haconsole.tui.commands import ConsoleCommands
from haconsole.tui.screens.actions import ActionsScreen
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.maintenance import FlowPlanScreen, FlowWordsScreen, FoundScreen, GoOnScreen
from haconsole.tui.screens.maintenance_live import MaintenanceScreen, TurnScreen
from tests.unit.tui import scenes
from tests.unit.tui.driving import console, driven, press, until
from tests.unit.tui.maintenance_scenes import REBOOT, FakeMaintenance, drained_whole, left_flow, maintained
from tests.unit.tui.operating import FREE, FakeOperations, whole

SMALL, LARGE = (80, 24), (160, 48)
BAD_PEER = {"requests": {scenes.ONE: Answer(ok=True, text="200"), scenes.TWO: Answer(ok=False, text="503")}}


def shows(app, *texts):
    picture = " ".join(app.picture().split())
    return all(text in picture for text in texts)


async def worded(pilot, app):
    await press(pilot, "M")
    await until(pilot, lambda: isinstance(app.screen, FlowWordsScreen) and app.focused is not None)


async def planned(pilot, app):
    await worded(pilot, app)
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(app.screen, FlowPlanScreen) and bool(app.pane("confirm").rows))


async def begun(pilot, app):
    """The first node is drained, and the operator's turn."""
    await planned(pilot, app)
    await press(pilot, "tab", *scenes.ONE, "enter")
    await until(
        pilot, lambda: isinstance(app.screen, MaintenanceScreen) and app.acting.waits and bool(app.pane("state").rows)
    )


async def ended(pilot, app, maintenance):
    """Both nodes rebooted."""
    await begun(pilot, app)
    maintenance.carried[0].rebooted.set()
    await until(pilot, lambda: isinstance(app.screen, TurnScreen))
    await press(pilot, "tab", *scenes.TWO, "enter")
    await until(pilot, lambda: isinstance(app.screen, MaintenanceScreen) and app.acting.waits)
    maintenance.carried[0].rebooted.set()
    await until(pilot, lambda: shows(app, "DONE"))


async def test_it_is_offered_where_a_node_is_chosen_in_the_palette_and_by_its_key():
    app, _ = maintained(operations={"proxy": FakeOperations(whole())})
    async with driven(app, SMALL) as pilot:
        await press(pilot, "v", "a")
        await until(pilot, lambda: isinstance(app.screen, ActionsScreen) and len(app.pane("offers").rows) == 3)
        assert "M maintenance" in app.bar("keys")
        assert "Maintenance of all nodes, one after the other" in [
            c.title for c in ConsoleCommands(app.screen)._commands()
        ]
        await press(pilot, "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, FlowWordsScreen) and app.focused is not None)
        assert shows(app, "each in turn: it is drained once its name is typed", "a drain ends with the node's reboot")
        await press(pilot, "escape")
        assert isinstance(app.screen, ClusterScreen)


async def test_the_plan_tells_every_drain_and_begins_by_the_first_nodes_typed_name_alone():
    app, maintenance = maintained()
    async with driven(app, SMALL) as pilot:
        await worded(pilot, app)
        await press(pilot, "tab", *"kernel", "tab", *"CHG-7", "enter")
        await until(pilot, lambda: isinstance(app.screen, FlowPlanScreen) and bool(app.pane("confirm").rows))
        said = maintenance.words[0]
        assert (said.nodes, said.reason, said.ticket) == (f"{scenes.ONE} {scenes.TWO}", "kernel", "CHG-7")
        words = "\n".join(app.lines("confirm"))
        for told in (
            "1 of 2: drain",
            "2 of 2: drain",
            "Checked",
            "NOT checked",
            "Will be run",
            "with the node's reboot",
        ):
            assert told in words
        letters = string.ascii_lowercase
        await press(pilot, "tab", *letters, "enter")
        await press(pilot, *["backspace"] * len(letters), *scenes.TWO, "enter")
        assert maintenance.carried == []
        await press(pilot, *["backspace"] * len(scenes.TWO), *scenes.ONE, "enter")
        await until(pilot, lambda: isinstance(app.screen, MaintenanceScreen))
        assert len(maintenance.carried) == 1


async def test_a_node_that_does_not_exist_is_said_and_nothing_is_planned():
    app, _ = maintained()
    async with driven(app, SMALL) as pilot:
        await worded(pilot, app)
        await press(pilot, *"9", "enter")
        await until(pilot, lambda: shows(app, "✖ there is no node proxy-serv029"))
        assert isinstance(app.screen, FlowWordsScreen)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_each_node_in_turn_and_the_end_is_copied(size):
    app, maintenance = maintained(demo=True)
    async with driven(app, size) as pilot:
        await begun(pilot, app)
        await until(pilot, lambda: shows(app, "now patch and reboot proxy-serv01", "reboots by, in another terminal"))
        assert shows(app, "d the work is done", "its turn comes later", "VIP kernel client")
        await press(pilot, "r")
        assert app.copied == REBOOT
        await press(pilot, "d")
        await until(pilot, lambda: isinstance(app.screen, TurnScreen) and shows(app, "2 of 2: drain"))
        await press(pilot, "escape")
        await until(pilot, lambda: shows(app, "Enter shows the plan for proxy-serv02", "proxy-serv01 done"))
        assert app.acting.asks is not None, "leaving the question answers nothing"
        await press(pilot, "enter", "tab", *scenes.TWO, "enter")
        await until(pilot, lambda: isinstance(app.screen, MaintenanceScreen) and app.acting.waits)
        maintenance.carried[0].rebooted.set()
        await until(pilot, lambda: shows(app, "● DONE", "maintenance of proxy-serv01, proxy-serv02 is done"))
        assert "\x1b[31m" not in app.picture() and "\u202e" not in app.picture()
        await press(pilot, "Y")
        assert app.copied.startswith(f"maintenance of proxy by {scenes.OPERATOR}")
        assert "its drain ended with it" in app.copied


async def test_the_first_node_refused_has_no_field_a_later_one_is_a_warning():
    app, maintenance = maintained(answers=BAD_PEER)
    async with driven(app, LARGE) as pilot:
        await planned(pilot, app)
        assert shows(app, "REFUSED by") and not app.screen.query("#typed")
        await press(pilot, "escape")
        await press(pilot, *["backspace"] * 30, *f"{scenes.TWO} {scenes.ONE}", "enter")
        await until(pilot, lambda: isinstance(app.screen, FlowPlanScreen) and bool(app.pane("confirm").rows))
        assert shows(app, "▲ proxy-serv01 stop: now refused by", "asked anew when its turn comes")
        await press(pilot, "tab", *scenes.TWO, "enter")
        await until(pilot, lambda: isinstance(app.screen, MaintenanceScreen) and app.acting.waits)
        maintenance.carried[0].rebooted.set()
        await until(pilot, lambda: shows(app, "REFUSED by a guard", "way out", "o override"))
        await press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, GoOnScreen) and app.focused is not None)
        await press(pilot, *"it is known", "enter")
        await until(pilot, lambda: isinstance(app.screen, TurnScreen))
        assert "it is known" in maintenance.words[-1].overrides.values()


# --- leaving it, and going on ---------------------------------------------------------------------------


async def test_leaving_the_screen_changes_nothing_and_it_is_the_only_thing_that_runs():
    app, maintenance = maintained(operations={"proxy": FakeOperations(whole())})
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        await until(pilot, lambda: "maintenance waits for proxy-serv01" in app.bar("head"))
        assert app.busy == "maintenance of proxy is under way"
        assert not maintenance.carried[0].left.is_set()
        maintenance.carried[0].rebooted.set()
        await until(pilot, lambda: "maintenance asks for proxy-serv02" in app.bar("head"))
        await press(pilot, "a")
        await until(pilot, lambda: isinstance(app.screen, TurnScreen))


@pytest.mark.parametrize(("stuck", "code"), [(False, 130), (True, 4)])
async def test_quitting_puts_back_what_is_being_changed_and_the_flow_stays(stuck, code):
    app, maintenance = maintained()
    maintenance.stuck = stuck
    async with driven(app, SMALL) as pilot:
        await planned(pilot, app)
        await press(pilot, "tab", *scenes.ONE, "enter")
        await until(
            pilot, lambda: isinstance(app.screen, MaintenanceScreen) and (app.acting.waits or app.acting.current)
        )
        await press(pilot, "q")
        await until(pilot, lambda: app.return_value == code)
    assert maintenance.kept.node == scenes.ONE
    assert app.left_with == code


async def test_a_question_that_is_open_does_not_keep_the_console():
    app, maintenance = maintained(kept=left_flow(Stage.DRAIN))
    async with driven(app, SMALL) as pilot:
        await press(pilot, "M", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, TurnScreen))
        await press(pilot, "escape", "X")
        await until(pilot, lambda: shows(app, "LEFT: it stays where it stands", "proxy-serv01 was not touched"))
        assert maintenance.kept.stage is Stage.DRAIN
        await press(pilot, "q")
        await until(pilot, lambda: app.return_value == 0)


async def test_one_that_was_left_is_in_the_header_and_goes_on():
    app, maintenance = maintained(kept=left_flow())
    async with driven(app, SMALL) as pilot:
        await until(pilot, lambda: "▲ maintenance left at proxy-serv01: M" in app.bar("head"))
        await press(pilot, "M")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen) and shows(app, "berta@jump", "kernel update"))
        assert app.focused.id == "back"
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, MaintenanceScreen) and app.acting.waits)
        assert len(maintenance.carried) == 1


async def test_one_that_was_left_is_forgotten_only_when_chosen_twice():
    app, maintenance = maintained(kept=left_flow())
    async with driven(app, SMALL) as pilot:
        await press(pilot, "M", "tab", "tab", "enter")
        await until(pilot, lambda: shows(app, "stays drained. Once more forgets it"))
        assert maintenance.kept is not None
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen) and "maintenance" not in app.bar("head"))
        assert maintenance.kept is None


async def test_of_several_clusters_the_one_that_was_left_is_told_at_the_start():
    shown = [scenes.renamed(whole(), name) for name in ("one", "two")]
    made = {s.picture.spec.name: FakeMaintenance(s) for s in shown}
    made["two"].kept = left_flow()
    app = console(*shown, maintenance=made)
    async with driven(app, SMALL) as pilot:
        await until(pilot, lambda: shows(app, "two: a maintenance was begun") and not shows(app, "one: a maint"))


async def test_one_that_another_process_drives_is_said_and_not_touched():
    app, _ = maintained(kept=left_flow(), driven=True)
    async with driven(app, SMALL) as pilot:
        await until(pilot, lambda: "… maintenance proxy-serv01, elsewhere: M" in app.bar("head"))
        await press(pilot, "M")
        await until(pilot, lambda: shows(app, "another haconsole of yours drives it now"))
        assert [c.id for c in app.screen.query("Choice")] == ["back"]


async def test_where_nothing_may_be_changed_there_is_no_maintenance_at_all():
    shown = whole()
    app, _ = maintained(shown, read_only=True, kept=left_flow())
    for one in (app, console(shown)):
        async with driven(one, SMALL) as pilot:
            await press(pilot, "M")
            assert isinstance(one.screen, ClusterScreen)
            told = "maintenance here"  # why the key does nothing: read-only
            assert "aintenance" not in one.picture().replace(told, "")
            assert not any("aintenance" in c.title for c in ConsoleCommands(one.screen)._commands())
            await press(pilot, "question_mark")
            assert "aintenance" not in one.picture().replace(told, "").replace("maintenance (M) exists here", "")


async def test_a_drain_that_its_node_ends_is_extended_by_a_key_that_is_shown_and_one_without_end_has_none():
    app, made = maintained(drained_whole(), answers={"operations": dict.fromkeys((scenes.ONE, scenes.TWO), FREE)})
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        assert shows(app, "e extend to 1 h")
        await press(pilot, "e")
        await until(pilot, lambda: any("ends it by itself in 3600 s" in s.text for s in app.acting.said))
        made.stuck_timer = True
        await press(pilot, "e")
        await until(pilot, lambda: shows(app, "not extended"))
        assert made.carried[0].extended == 2
    app, made = maintained()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        await press(pilot, "e")
        assert not shows(app, "e extend") and made.carried[0].extended == 0
