"""What a node tells of another console's operation is offered first, and nothing begins but by what is typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconsole.cluster.left import left_on, told_in
from haconsole.model.operation import DrainNote, OperationLock
from haconsole.operations import take_over
from haconsole.operations.take_over import Taking, Way, plan_of
from haconsole.tui.screens.actions import ActionsScreen
from haconsole.tui.screens.running import RunningScreen
from haconsole.tui.screens.take_over import LeftWordsScreen, TakeOverScreen
from haconsole.tui.view.action_left import left_confirm_rows, left_details, left_fields, left_offers, left_rows
from haconsole.tui.view.text import width_of
from tests.unit.tui import scenes
from tests.unit.tui.driving import driven, press, until
from tests.unit.tui.operating import OPERATION, left_behind, offering, whole
from tests.unit.tui.test_actions import SMALL, at, offered, shows

ABORT, TAKE = "abort: put everything back now", "take over: hold on, here"


async def question(pilot, app, title, typed=()):
    await offered(pilot, app, title)
    await press(pilot, "enter")
    await at(pilot, app, LeftWordsScreen)
    await press(pilot, *typed, "enter")
    await at(pilot, app, TakeOverScreen)
    await until(pilot, lambda: bool(app.pane("confirm").rows))


async def test_it_is_offered_above_all_actions_with_whose_it_is_and_the_time_left():
    app, _ = offering(left_behind())
    async with driven(app, SMALL) as pilot:
        await offered(pilot, app, ABORT)
        lines = app.lines("offers")
        assert lines[0].startswith(f"{ABORT}  ▲ 00:41 left, squid-stop by bea on other, ")
        assert lines[1].startswith(TAKE)
        assert len(lines) == 16
        text = " ".join(" ".join(app.lines("about")).split())
        assert "its console is gone: it renews no lock on proxy-serv02" in text
        assert "proxy-serv01 heals itself in 41 s, by its own timer" in text


async def test_the_lock_that_stays_on_the_peer_of_a_node_that_healed_itself_is_ended_from_either():
    app, operations = offering(left_behind(lock=None, saved=None, revert=None, deadlines_uptime_s=()))
    async with driven(app, SMALL) as pilot:
        await question(pilot, app, ABORT)
        text = " ".join(" ".join(app.lines("confirm")).split())
        assert f"squid-stop on {scenes.ONE} ({OPERATION}); what is left of it on {scenes.TWO} is its lock" in text
        assert "only its lock is left" in text and "systemctl start" not in text.partition("Every step")[0]
        assert app.screen.phrase == scenes.TWO
        await press(pilot, *scenes.TWO, "enter")
        await until(pilot, lambda: bool(operations.carried))
        assert operations.carried[0].taking.left.node == scenes.TWO


async def test_of_a_node_that_tells_nothing_nothing_is_offered():
    app, _ = offering(whole())
    async with driven(app, SMALL) as pilot:
        await offered(pilot, app, "drain")
        assert not any(line.startswith((ABORT, TAKE)) for line in app.lines("offers"))


async def test_the_node_s_name_takes_over_from_a_dead_console_and_e_n_and_x_are_its_keys():
    app, operations = offering(left_behind())
    async with driven(app) as pilot:
        await question(pilot, app, TAKE)
        text = " ".join(" ".join(app.lines("confirm")).split())
        assert f"squid-stop on proxy-serv01 ({OPERATION})" in text
        assert "begun by bea on other" in text and "since 14:01:10, by the clock of its console" in text
        assert "proxy-serv01$ systemctl start --no-block haconsole-revert-a.service" in text
        assert "192.168.2.101 stays on proxy-serv01" in text
        assert "NOT checked – what was so before it began" in text
        await press(pilot, "tab", *"proxy-serv02", "enter")
        await until(pilot, lambda: shows(app, "nothing was touched"))
        await press(pilot, *["backspace"] * 2, *"01", "enter")
        await at(pilot, app, RunningScreen)
        await until(pilot, lambda: app.acting.holds)
        assert shows(app, "e extend", "n end the hold now", "X abort and put everything back")
        await press(pilot, "e")
        await until(pilot, lambda: operations.handle.extended == [120])
        await press(pilot, "n")
        await until(pilot, lambda: not app.acting.runs)
        assert operations.wishes[0].way is Way.TAKE_OVER
        assert app.acting.ended.word == "done"


async def test_from_a_console_that_lives_it_is_taken_by_the_operation_s_name_only():
    app, operations = offering(left_behind(peer_left_s=13))
    async with driven(app) as pilot:
        await question(pilot, app, ABORT)
        text = " ".join(" ".join(app.lines("confirm")).split())
        assert "its console may live: it renewed its lock on proxy-serv02 4 s ago" in text
        assert f"--break-lock {OPERATION}" in text
        await press(pilot, "tab", *scenes.ONE, "enter")
        await until(pilot, lambda: shows(app, "nothing was touched"))
        assert operations.carried == []
        await press(pilot, "space", *OPERATION, "enter")
        await at(pilot, app, RunningScreen)
        await until(pilot, lambda: not app.acting.runs)
        assert operations.carried[0].taking.named == OPERATION
        assert not operations.carried[0].plan.refused


@pytest.mark.parametrize(("scene", "why"), [
    ({"revert": "raid-5"}, "a revert of raid-5 is not of this haconsole: it can be aborted"),
    ({"saved": None, "deadlines_uptime_s": ()}, "nothing is armed there: nothing is to be held"),
])  # fmt: skip
async def test_what_cannot_be_held_on_here_can_be_aborted(scene, why):
    app, operations = offering(left_behind(**scene))
    async with driven(app, (160, 48)) as pilot:
        await offered(pilot, app, TAKE)
        await press(pilot, "enter")
        await until(pilot, lambda: shows(app, f"not possible: {why}"))
        assert isinstance(app.screen, ActionsScreen) and operations.wishes == []
        await press(pilot, "up", "enter")
        await at(pilot, app, LeftWordsScreen)
        await press(pilot, "enter")
        await at(pilot, app, TakeOverScreen)
        assert app.screen.query("#typed"), app.picture()


async def test_what_is_over_meanwhile_is_said():
    app, operations = offering(left_behind())
    operations.problem = "proxy-serv01 tells of no operation"
    async with driven(app) as pilot:
        await offered(pilot, app, ABORT)
        await press(pilot, "enter")
        await at(pilot, app, LeftWordsScreen)
        await press(pilot, "enter")
        await until(pilot, lambda: shows(app, "proxy-serv01 tells of no"))
        assert isinstance(app.screen, LeftWordsScreen)


async def test_reason_ticket_and_the_node_s_deadline_are_said_by_keyboard_as_on_the_command_line():
    app, operations = offering(left_behind())
    async with driven(app, SMALL) as pilot:
        typed = [*"disk", "tab", *"CHG-7", "tab", *"1h", "tab", *"yes"]
        await question(pilot, app, TAKE, ["space" if k == " " else {"-": "minus"}.get(k, k) for k in typed])
        wish = operations.wishes[0]
        assert (wish.reason, wish.ticket, wish.revert_after, wish.leave) == ("disk", "CHG-7", "1h", True)
        assert shows(app, "no console holds it")
        await press(pilot, "escape")
        await at(pilot, app, LeftWordsScreen)
        assert app.screen.typed()["ticket"] == "CHG-7", "what was typed stays"
        assert [f.key for f in left_fields(left_offers(operations.shown.picture, scenes.ONE)[0])] == [
            "reason",
            "ticket",
        ]


async def test_while_something_of_our_own_runs_nothing_is_taken_over():
    app, operations = offering(left_behind())
    async with driven(app) as pilot:
        await question(pilot, app, TAKE)
        await press(pilot, "tab", *scenes.ONE, "enter")
        await at(pilot, app, RunningScreen)
        await until(pilot, lambda: app.acting.holds)
        await press(pilot, "escape")
        app.push_screen(ActionsScreen(app.cluster, scenes.TWO))
        await at(pilot, app, ActionsScreen)
        await until(pilot, lambda: bool(app.pane("offers").rows))
        assert not any(line.startswith(TAKE) for line in app.lines("offers")), "it is ours"
        operations.handle.stop.set()
        await until(pilot, lambda: not app.acting.runs)


words = st.one_of(st.none(), st.sampled_from([scenes.EVIL, "", "x" * 300]), st.text(max_size=30))
names = st.sampled_from([OPERATION, "a", "drain-2e", "-" * 64])
locks = st.builds(
    OperationLock, operation=names, boot_id=st.sampled_from(["b", "c"]), expires_uptime_s=st.integers(0, 10**12),
    owner=words, host=words, name=words, node=st.one_of(words, st.sampled_from([scenes.ONE, scenes.TWO])), started=words,
)  # fmt: skip
notes = st.none() | st.builds(DrainNote, by=words, reason=words, method=words, since=words, until=words)


@settings(max_examples=40)
@given(
    lock=st.none() | locks, note=notes, saved=st.none() | names, width=st.integers(60, 160),
    revert=st.one_of(words, st.sampled_from(["squid", "link-eth1", "drain", "drain-stop"])), incomplete=st.booleans(),
)  # fmt: skip
def test_whatever_a_node_tells_it_is_offered_and_asked_about_without_failing(
    lock, note, saved, width, revert, incomplete
):
    told = {"drain": note, "saved": saved, "revert": revert, "incomplete": incomplete}
    shown = left_behind(**told) if lock is None else left_behind(**told, lock=lock)
    picture = shown.picture
    offers = left_offers(picture, scenes.ONE)
    rows = [*left_rows(offers, width), *(r for o in offers for r in left_details(o, picture, width, scenes.TIMES))]
    for way in Way:
        left = left_on(told_in(picture), [n.name for n in picture.nodes], scenes.ONE, picture.at)
        if left is not None:
            taking = Taking(left=left, way=way, seconds=60)
            rows += left_confirm_rows(taking, plan_of(picture, taking), width, scenes.TIMES, picture.at)
            assert "\x1b" not in take_over.question(taking, plan_of(picture, taking))
    assert all(width_of(r.line) <= width for r in rows)
