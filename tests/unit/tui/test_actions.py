"""Guarded actions in the console: nothing begins but by the node's name, and nothing is left half-way."""

import signal
import string

import pytest

from haconsole.model.operation import DrainNote, NodeOperation, OperationLock
from haconsole.operations.actions import Kind
from haconsole.operations.guards_context import Answer
from haconsole.tui.commands import ConsoleCommands
from haconsole.tui.screens.action_words import WordsScreen
from haconsole.tui.screens.actions import ActionsScreen
from haconsole.tui.screens.asking import FieldLine
from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.confirm import ConfirmScreen
from haconsole.tui.screens.help import HelpScreen
from haconsole.tui.screens.logs import LogsScreen
from haconsole.tui.screens.running import RunningScreen
from haconsole.tui.widgets.lines import LinePane
from tests.unit.tui import scenes
from tests.unit.tui.driving import console, driven, press, until
from tests.unit.tui.operating import offering, whole

SMALL = (80, 24)
BAD_PEER = {"requests": {scenes.ONE: Answer(ok=True, text="200"), scenes.TWO: Answer(ok=False, text="503")}}


def shows(app, *texts):
    picture = app.picture()
    return all(text in picture for text in texts)


async def at(pilot, app, screen):
    await until(pilot, lambda: isinstance(app.screen, screen) and app.screen.focused is not None)


async def offered(pilot, app, title="squid-stop", node="node-0"):
    """From the cluster screen to the list of actions, the cursor on one of them."""
    await press(pilot, "n", *(["right"] if node == "node-1" else []))
    await until(pilot, lambda: app.focused is not None and app.focused.id == node)
    await press(pilot, "a")
    await at(pilot, app, ActionsScreen)
    await until(pilot, lambda: bool(app.pane("offers").rows))
    index = next(i for i, line in enumerate(app.lines("offers")) if line.startswith(title))
    await press(pilot, *["down"] * index)


async def asked(pilot, app, **options):
    """The question, guards answered."""
    await offered(pilot, app, **options)
    await press(pilot, "enter")
    await at(pilot, app, WordsScreen)
    await press(pilot, "enter")
    await at(pilot, app, ConfirmScreen)
    await until(pilot, lambda: bool(app.pane("confirm").rows))


async def begun(pilot, app, **options):
    """An action that is being held."""
    await asked(pilot, app, **options)
    await press(pilot, "tab", *scenes.ONE, "enter")
    await at(pilot, app, RunningScreen)
    await until(pilot, lambda: app.acting is not None and app.acting.holds)


# --- what is offered ------------------------------------------------------------------------------------


async def test_a_on_a_node_lists_its_actions_with_what_each_would_cost_and_why_some_cannot_be():
    app, _ = offering()
    async with driven(app, SMALL) as pilot:
        await offered(pilot, app)
        lines = app.lines("offers")
        assert any(line.startswith("squid-stop") and ".101 → serv02" in line for line in lines)
        assert any(line.startswith("squid-start") and "not possible: squid runs" in line for line in lines)
        assert any(line.startswith("link-down public (eth1)") for line in lines)
        assert any(line.startswith("link-up lan (eth0)") and "eth0 is up" in line for line in lines)
        assert len(lines) == 14
        await until(pilot, lambda: shows(app, "stop squid, then start it again", "clients lose 0.61 s or more"))


async def test_a_elsewhere_lets_one_choose_the_node_first():
    app, _ = offering()
    async with driven(app, SMALL) as pilot:
        await press(pilot, "v", "a")
        await at(pilot, app, ActionsScreen)
        await until(pilot, lambda: shows(app, "Actions on which node?", "holds 192.168.2.102"))
        await press(pilot, "down", "enter")
        await until(pilot, lambda: shows(app, "Actions on proxy-serv02"))
        await press(pilot, "escape", "escape")
        assert isinstance(app.screen, ClusterScreen)


async def test_an_action_that_is_impossible_goes_no_further_than_its_reason():
    app, operations = offering()
    async with driven(app) as pilot:
        await offered(pilot, app, "squid-start")
        await press(pilot, "enter")
        await until(pilot, lambda: shows(app, "not possible: squid runs"))
        assert isinstance(app.screen, ActionsScreen)
        assert operations.wishes == []


async def test_a_drain_says_which_it_is_what_it_costs_and_how_to_get_the_better_one():
    app, _ = offering()
    async with driven(app, (120, 40)) as pilot:
        await offered(pilot, app, "drain")
        await until(
            pilot,
            lambda: shows(app, "keepalived is stopped: clients lose a hand-over", "priority 255", "track_file"),
        )


async def test_of_a_node_that_cannot_be_read_nothing_is_possible():
    app, _ = offering(scenes.unreachable())
    async with driven(app) as pilot:
        await offered(pilot, app, "drain", "node-1")
        assert all("not possible: proxy-serv02 cannot be read" in line for line in app.lines("offers"))


# --- what is said ---------------------------------------------------------------------------------------


async def test_what_was_typed_reaches_the_guards_and_empty_fields_were_not_said():
    app, operations = offering()
    async with driven(app) as pilot:
        await offered(pilot, app, "link-down public")
        await press(pilot, "enter")
        await at(pilot, app, WordsScreen)
        assert [line.field.key for line in app.screen.query(FieldLine)] == [
            "interface", "reason", "ticket", "revert_after", "wait_idle",
        ]  # fmt: skip
        await press(pilot, "tab", *"cable q", "tab", *"CHG-7", "tab", *"1m", "enter")
        await until(pilot, lambda: bool(operations.wishes))
        wish = operations.wishes[0]
        assert (wish.kind, wish.node, wish.interface) == (Kind.LINK_DOWN, scenes.ONE, "public")
        assert (wish.reason, wish.ticket, wish.revert_after) == ("cable q", "CHG-7", "1m")
        assert (wish.until, wish.wait_idle, wish.phrase, wish.break_lock) == (None, None, None, None)
        assert wish.overrides == {}


async def test_what_cannot_be_is_said_under_the_fields():
    app, operations = offering()
    operations.problem = "revert after: '1y' is no time: [b]write 90s"
    async with driven(app) as pilot:
        await offered(pilot, app)
        await press(pilot, "enter")
        await at(pilot, app, WordsScreen)
        await press(pilot, "enter")
        await until(pilot, lambda: shows(app, "✖ revert after: '1y' is no time: [b]write 90s"))
        assert isinstance(app.screen, WordsScreen)


async def test_asking_takes_its_time_and_can_be_given_up():
    app, operations = offering()
    operations.ready.clear()
    async with driven(app) as pilot:
        await offered(pilot, app)
        await press(pilot, "enter")
        await at(pilot, app, WordsScreen)
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: shows(app, "asking what the guards need"))
        await press(pilot, "escape")
        await until(pilot, lambda: shows(app, "not asked any more; nothing was touched"))
        operations.ready.set()
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ActionsScreen))
        assert len(operations.wishes) == 1


# --- the question ---------------------------------------------------------------------------------------


async def test_the_question_has_the_exact_line_the_forecast_the_evidence_and_what_was_not_checked():
    app, _ = offering()
    async with driven(app) as pilot:
        await asked(pilot, app)
        text = " ".join(" ".join(app.lines("confirm")).split())
        assert "exec systemctl stop squid.service" in text
        assert "put it back by itself after 2 min" in text
        assert "192.168.2.101 ▲ proxy-serv01 → proxy-serv02, clients lose 0.61 s or more" in text
        assert "192.168.2.102 ● stays on proxy-serv02" in text
        assert "118 that are open now break" in text
        assert "● yes squid answers a real request on proxy-serv02 proxy-serv02: 200 in 3 ms" in text
        assert "NOT checked – whether proxy-serv02 can bear the whole load" in text
        assert "what clients do with requests that fail" in text


async def test_every_guard_stands_on_the_first_page_and_the_text_is_moved_while_the_field_has_the_focus():
    app, operations = offering()
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        assert shows(app, "lines 1–")
        shown = " ".join(app.picture().split())
        assert all(guard.id in shown for guard in app.screen.prepared.plan.guards), shown
        assert shown.index(" OK: ") < shown.index("Will happen")
        assert not shows(app, "exec systemctl stop squid.service"), "command lines come last"
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: shows(app, "the field is empty", "nothing was touched"))
        assert app.focused.id == "typed" and isinstance(app.screen, ConfirmScreen)
        count = len(app.screen.query_one("#confirm", LinePane).rows)
        await press(pilot, "end")
        await until(pilot, lambda: shows(app, f"–{count} of {count}"))
        await press(pilot, "pageup")
        await until(pilot, lambda: not shows(app, f"–{count} of {count}"))
        await press(pilot, "home")
        await until(pilot, lambda: shows(app, "lines 1–"))
        assert operations.carried == [] and app.focused.value == ""


async def test_the_focus_is_on_cancel_and_enter_there_goes_back():
    app, operations = offering()
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        assert app.focused.id == "cancel"
        assert shows(app, "type proxy-serv01 to go on", "[ Cancel ]")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, WordsScreen))
        assert operations.carried == []


async def test_the_name_typed_while_the_focus_is_on_cancel_goes_to_the_field():
    """Digits of a name are keys of other screens, q leaves the console: none of that in front of this question."""
    app, operations = offering()
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        assert app.focused.id == "cancel"
        await press(pilot, *"q1yt0a")
        assert isinstance(app.screen, ConfirmScreen)
        assert app.focused.id == "typed"
        assert app.focused.value == "q1yt0a"
        await press(pilot, *["backspace"] * 6, "tab", *scenes.ONE)
        assert app.focused.value == scenes.ONE
        assert operations.carried == []
        await press(pilot, "enter")
        await at(pilot, app, RunningScreen)


@pytest.mark.parametrize("key", ["0", "1", "2", "4"])
async def test_no_key_of_another_screen_throws_a_question_away(key):
    app, _ = offering(answers=BAD_PEER)
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        await press(pilot, key)
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.refused


async def test_the_question_scrolls_from_where_the_keys_are():
    app, _ = offering()
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        await until(pilot, lambda: shows(app, "lines 1–", "↓ more"))
        for _ in range(len(app.lines("confirm")) // 17):
            await press(pilot, "pagedown")
            if shows(app, "Will be run"):
                break
        assert shows(app, "Will be run")
        await press(pilot, "tab", *["pageup"] * 6, "up")
        await until(pilot, lambda: shows(app, "lines 1–"))
        assert app.focused.id == "typed"


@pytest.mark.parametrize("typed", ["proxy-serv02", "proxy-serv0", "PROXY-SERV01", "y", ""])
async def test_another_word_than_the_nodes_name_begins_nothing(typed):
    app, operations = offering()
    async with driven(app) as pilot:
        await asked(pilot, app)
        await press(pilot, "tab", *typed, "enter")
        if typed:
            await until(pilot, lambda: shows(app, "that is not proxy-serv01: nothing was touched"))
        assert isinstance(app.screen, ConfirmScreen)
        assert operations.carried == []


async def test_no_key_begins_anything_on_any_screen():
    """Every key, once on each screen on the way to the question; on the question itself, without its field."""
    keys = [k for k in (*string.ascii_letters, *string.digits, "space", "delete", "enter") if k != "q"]
    for stop in (0, 1, 2, 3):
        app, operations = offering()
        async with driven(app) as pilot:
            if stop == 1:
                await offered(pilot, app)
            elif stop > 1:
                await asked(pilot, app)
            if stop == 2:
                await press(pilot, "escape")
            for key in keys:
                await pilot.press(key)
            await pilot.pause()
            assert operations.carried == []
            assert app.acting is None


async def test_a_guard_that_refuses_leaves_no_field_but_the_reason():
    app, operations = offering(answers=BAD_PEER)
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        assert shows(app, "✖ REFUSED by 1 of", "✖ NO", "proxy-serv02: 503", "refused by peer-serves")
        assert not app.screen.query("#typed")
        assert [p.plan.refused[0].id for p in operations.refusals] == ["peer-serves"]
        await press(pilot, *"prxy-serv01", "enter")
        assert operations.carried == []


async def test_an_override_is_asked_for_its_reason_and_what_was_typed_stays():
    app, operations = offering(answers=BAD_PEER)
    async with driven(app, SMALL) as pilot:
        await offered(pilot, app)
        await press(pilot, "enter")
        await at(pilot, app, WordsScreen)
        await press(pilot, *"patching", "enter")
        await at(pilot, app, ConfirmScreen)
        await press(pilot, "o")
        await until(pilot, lambda: shows(app, "override peer-serves", "say why to go on against the guards"))
        await press(pilot, *"serv02 was looked at", "enter")
        await at(pilot, app, ConfirmScreen)
        assert operations.wishes[-1].overrides == {"peer-serves": "serv02 was looked at"}
        assert operations.wishes[-1].reason == "patching"
        text = " ".join(" ".join(app.lines("confirm")).split())
        assert "▲ OVERRIDE squid answers a real request" in text
        assert "overridden: serv02 was looked at" in text
        assert app.screen.query("#typed")


async def test_a_guard_that_nobody_may_override_has_no_way_out():
    app, _ = offering(answers={"rights": {}})
    async with driven(app, SMALL) as pilot:
        await asked(pilot, app)
        assert shows(app, "? not known", "way out: none here", "refused by rights-present")
        await press(pilot, "o")
        assert isinstance(app.screen, ConfirmScreen)


async def test_the_last_healthy_node_wants_a_phrase_of_its_own():
    app, operations = offering(scenes.eth1_down())
    async with driven(app, (120, 40)) as pilot:
        await asked(pilot, app)
        assert "not-last-healthy" in {g.id for g in app.screen.prepared.plan.refused}
        await press(pilot, "o")
        await until(pilot, lambda: shows(app, "nothing will serve without proxy-serv01"))
        keys = [line.field.key for line in app.screen.query(FieldLine)]
        assert {"override:not-last-healthy", "phrase"} <= set(keys)
        assert operations.carried == []


# --- while it runs --------------------------------------------------------------------------------------


async def test_the_typed_name_begins_and_the_screen_shows_timer_steps_vips_and_log():
    app, operations = offering()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        assert len(operations.carried) == 1
        await until(
            pilot,
            lambda: shows(app, "until proxy-serv01 heals itself", "● change", "… hold", "● serv01", "by its own timer"),
        )
        assert shows(app, "╭─╮ ╶╮ ", "e extend", "n end the hold now", "X abort and put everything back")


async def test_clients_losses_are_counted_while_it_runs():
    app, _ = offering()
    async with driven(app) as pilot:
        await begun(pilot, app)
        shown = whole()
        later = scenes.NOW + 3
        vips = [
            scenes.probes(scenes.VIP1, [0.003, 0.003, None], now=later),
            scenes.probes(scenes.VIP2, scenes.SLOWER, now=later),
        ]
        nodes = [make() for make in scenes.BOTH_WELL]
        app.test_sources[0].become(scenes.snapshot(scenes.state(nodes, vips), [], shown.verdict, now=scenes.NOW + 3))
        await until(pilot, lambda: shows(app, "✖ timed out", "lost 1 of 1"))
        await until(pilot, lambda: shows(app, "0 of 1 failed"))


async def test_capital_x_puts_back_at_once_and_asks_nothing():
    app, operations = offering()
    operations.back.clear()
    async with driven(app) as pilot:
        await begun(pilot, app)
        await press(pilot, "x")
        assert not operations.handle.stop.is_set()
        await press(pilot, "X")
        assert operations.handle.stop.is_set()
        await until(pilot, lambda: shows(app, "everything is being put back"))
        assert not shows(app, "X abort")
        operations.back.set()
        await until(pilot, lambda: shows(app, "REVERTED", "put back: stopped by the operator"))


async def test_n_ends_the_hold_and_the_result_has_evidence_that_y_copies():
    app, operations = offering()
    async with driven(app) as pilot:
        await begun(pilot, app)
        await press(pilot, "n")
        assert operations.handle.hold_over.is_set()
        assert not operations.handle.stop.is_set()
        await until(pilot, lambda: shows(app, "● DONE", "all is as before", "nothing that was read differs"))
        await press(pilot, "y")
        assert app.copied.startswith("squid-stop on proxy-serv01 (operation squid-stop-1f2e3d4c), 2025-11-24T14:02:31")
        assert "seen: 192.168.2.101 is on proxy-serv01" in app.copied
        assert "squid answers a real request on proxy-serv02" in app.copied


async def test_e_winds_the_nodes_timer_up_again_and_says_when_it_could_not():
    app, operations = offering()
    async with driven(app) as pilot:
        await begun(pilot, app)
        assert round(app.acting.left_s(scenes.NOW)) == 101
        await press(pilot, "e")
        await until(pilot, lambda: operations.handle.extended == [120])
        assert round(app.acting.left_s(scenes.NOW)) == 120
        operations.handle.extends = False
        await press(pilot, "e")
        await until(pilot, lambda: shows(app, "not extended: the node's timer is as it was"))


async def test_where_the_consoles_own_way_is_cut_it_says_that_abort_must_wait():
    app, operations = offering()
    operations.own_path = True
    operations.back.clear()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app, title="link-down lan")
        await until(pilot, lambda: shows(app, "own path cut: abort must wait"))
        await press(pilot, "X")
        await until(pilot, lambda: shows(app, "its way is cut: abort waits for the node"))
        operations.back.set()
        await until(pilot, lambda: not app.acting.runs)


async def test_leaving_the_screen_changes_nothing_and_every_header_says_what_is_under_way():
    app, operations = offering()
    async with driven(app, SMALL) as pilot:
        await begun(pilot, app)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        await until(pilot, lambda: "squid-stop proxy-serv01 01:4" in app.bar("head"))
        await press(pilot, "5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        await until(pilot, lambda: "squid-stop proxy-serv01" in app.bar("head"))
        assert not operations.handle.stop.is_set()
        await press(pilot, "a")
        await at(pilot, app, RunningScreen)
        await press(pilot, "n")
        await until(pilot, lambda: not app.acting.runs)


async def test_a_result_that_nobody_saw_waits_behind_a():
    app, operations = offering()
    async with driven(app) as pilot:
        await begun(pilot, app)
        await press(pilot, "escape")
        operations.handle.hold_over.set()
        await until(pilot, lambda: "squid-stop done: a" in app.bar("head"))
        await press(pilot, "a")
        await until(pilot, lambda: isinstance(app.screen, RunningScreen) and shows(app, "● DONE"))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen) and "squid-stop" not in app.bar("head"))


async def test_one_action_at_a_time():
    app, operations = offering()
    async with driven(app) as pilot:
        await begun(pilot, app)
        app.begin("proxy", operations.carried[0])
        await until(pilot, lambda: shows(app, "not begun: squid-stop on proxy-serv01 is under way"))
        assert len(operations.carried) == 1


async def test_an_action_that_fails_in_the_console_itself_is_not_verified_and_says_where_to_look():
    app, operations = offering()

    async def broken(prepared, observe, started):
        raise RuntimeError("boom")

    operations.carry_out = broken
    async with driven(app) as pilot:
        await asked(pilot, app)
        await press(pilot, "tab", *scenes.ONE, "enter")
        await until(pilot, lambda: shows(app, "? UNVERIFIED", "boom", "look at", "systemctl list-timers"))


# --- leaving the console --------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [["q"], ["ctrl+c"], ["q", "q", "ctrl+c"]])
async def test_quitting_puts_back_first_and_a_second_time_changes_nothing(keys):
    app, operations = offering()
    operations.back.clear()
    async with driven(app) as pilot:
        await begun(pilot, app)
        await press(pilot, *keys)
        await until(pilot, lambda: shows(app, "everything is put back first, then the console leaves"))
        assert operations.handle.stop.is_set()
        assert app.is_running
        assert app.return_value is None
        operations.back.set()
        await until(pilot, lambda: app.return_value == 4)


async def test_quitting_from_another_screen_shows_what_is_put_back():
    app, operations = offering()
    operations.back.clear()
    async with driven(app) as pilot:
        await begun(pilot, app)
        await press(pilot, "escape", "5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        await press(pilot, "q")
        await at(pilot, app, RunningScreen)
        assert app.return_value is None
        operations.back.set()
        await until(pilot, lambda: app.return_value == 4)


async def test_a_signal_puts_back_first_too():
    app, operations = offering()
    operations.back.clear()
    async with driven(app) as pilot:
        await begun(pilot, app)
        app._obey(signal.SIGTERM)
        assert operations.handle.stop.is_set()
        assert app.return_value is None
        operations.back.set()
        await until(pilot, lambda: app.return_value == 4)


async def test_without_an_action_quitting_waits_for_nothing():
    app, _ = offering()
    async with driven(app) as pilot:
        await press(pilot, "q")
        await until(pilot, lambda: app.return_value == 0)


# --- read-only, and other consoles ----------------------------------------------------------------------


async def commands(app):
    return [hit.text async for hit in ConsoleCommands(app.screen).discover()]


async def test_read_only_has_no_key_no_palette_entry_and_no_hint():
    for app in (console(whole()), offering(read_only=True)[0]):
        async with driven(app) as pilot:
            assert "a actions" not in app.bar("keys")
            await press(pilot, "n", "a")
            assert isinstance(app.screen, ClusterScreen)
            assert not any("ction" in title for title in await commands(app))
            await press(pilot, "question_mark")
            await until(pilot, lambda app=app: isinstance(app.screen, HelpScreen))
            assert not shows(app, "Actions on a node")


async def test_the_palette_finds_actions_by_their_words_and_only_opens_their_list():
    app, operations = offering()
    async with driven(app) as pilot:
        for word in ("drain", "stop"):
            found = [hit async for hit in ConsoleCommands(app.screen).search(word) if "Actions on" in hit.text]
            assert len(found) == 2, word
        found[0].command()
        await at(pilot, app, ActionsScreen)
        assert operations.carried == operations.wishes == []


async def test_where_actions_are_allowed_key_palette_and_help_have_them():
    app, _ = offering()
    async with driven(app) as pilot:
        assert "a actions" in app.bar("keys")
        assert {"Actions on proxy-serv01", "Actions on proxy-serv02"} <= set(await commands(app))
        await press(pilot, "question_mark")
        await until(pilot, lambda: shows(app, "Actions on a node"))


async def test_what_another_console_does_is_in_the_header():
    lock = OperationLock(
        operation="drain-1", boot_id="b", expires_uptime_s=1015, owner="berta", host="jump", name="drain",
        node=scenes.TWO,
    )  # fmt: skip
    note = DrainNote(by="berta@jump", reason="kernel", method="stop", since=None, until=None)
    shown = whole(NodeOperation(uptime_s=1000.0, boot_id="b", lock=lock, drain=note))
    app = console(shown)
    async with driven(app, (120, 40)):
        assert "drain proxy-serv02 by berta@jump" in app.bar("head")
        assert "▲ proxy-serv01 drained" in app.bar("head")


async def test_a_stale_lock_is_nothing_under_way():
    lock = OperationLock(operation="drain-1", boot_id="b", expires_uptime_s=990, owner="berta", host="jump")
    app = console(whole(NodeOperation(uptime_s=1000.0, boot_id="b", lock=lock)))
    async with driven(app, (120, 40)):
        assert "berta" not in app.bar("head")
