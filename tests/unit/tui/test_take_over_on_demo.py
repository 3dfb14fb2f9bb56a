"""A console dies in a hold; the next one finds its operation, says whose it is, and takes it over or aborts it."""

import asyncio
import contextlib

from haconsole.io.audit_file import AuditFile
from haconsole.operations.actions import Kind
from haconsole.operations.job import Result
from haconsole.runtime.operate import Operate, Words
from haconsole.tui.screens.actions import ActionsScreen
from haconsole.tui.screens.running import RunningScreen
from haconsole.tui.screens.take_over import LeftWordsScreen, TakeOverScreen
from tests.unit.tui import scenes
from tests.unit.tui.driving import press
from tests.unit.tui.test_actions_on_demo import opened


async def left_by_bea(here, tmp_path, *, gone):
    """bea's console stops squid on proxy-serv01, and is no more. gone: so long ago that her lock has expired."""
    operate = Operate(here.monitor, here.operate.connector, here.operate.clock, AuditFile(tmp_path / "bea.jsonl"))
    await operate.ready()
    words = Words(kind=Kind.SQUID_STOP, node=scenes.ONE, operator="bea", host="other", wanted_s=120.0)
    prepared = await operate.prepare(words)
    assert not prepared.plan.refused, prepared.plan.question
    holds = asyncio.Event()
    killed = asyncio.ensure_future(
        operate.carry_out(prepared, lambda t: holds.set() if t.step == "hold" else None, lambda _: None)
    )
    await asyncio.wait_for(holds.wait(), 60.0)
    killed.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await killed
    if gone:  # on the peer nothing is armed: there a lock ends 15 s after its last heartbeat
        here.demo.sim.nodes[scenes.TWO].operations._kept.lock.expires = 0
    await here.until(lambda: here.told() is not None and here.squid() is False)
    return prepared.operation


async def chosen(here, title):
    """The question about it."""
    await press(here.pilot, "n", "a")
    await here.until(lambda: isinstance(here.app.screen, ActionsScreen) and bool(here.app.pane("offers").rows))
    await here.until(lambda: any(line.startswith(title) for line in here.app.lines("offers")))
    index = next(i for i, line in enumerate(here.app.lines("offers")) if line.startswith(title))
    await press(here.pilot, *["down"] * index, "enter")
    await here.until(lambda: isinstance(here.app.screen, LeftWordsScreen))
    await press(here.pilot, "enter")
    await here.until(lambda: isinstance(here.app.screen, TakeOverScreen))


async def test_a_hold_of_a_dead_console_is_taken_over_extended_and_ended(tmp_path):
    async with opened(tmp_path) as here:
        operation = await left_by_bea(here, tmp_path, gone=True)
        await here.until(lambda: here.peer_told_stale())
        await chosen(here, "take over: hold on, here")
        assert here.shows("bea on other", "its console is gone", "type proxy-serv01 to go on"), here.app.picture()
        await press(here.pilot, "tab", *scenes.ONE, "enter")
        await here.until(lambda: isinstance(here.app.screen, RunningScreen))
        await here.until(lambda: here.app.acting.holds or not here.app.acting.runs)
        assert here.app.acting.holds, here.app.picture()
        before = here.app.acting.deadline
        await press(here.pilot, "e")
        await here.until(lambda: here.app.acting.deadline > before)
        assert here.squid() is False
        await press(here.pilot, "n")
        await here.until(lambda: not here.app.acting.runs)
        report = here.app.acting.report
        assert report.result is Result.DONE, report
        assert here.squid() is True
        await here.until(lambda: here.told().lock is None)
        words = here.words()
        assert all(word in words for word in (operation, '"lock-broken"', '"take-over"', "bea on other", '"done"'))


async def test_a_console_that_may_live_is_named_too_before_its_operation_is_aborted(tmp_path):
    async with opened(tmp_path) as here:
        operation = await left_by_bea(here, tmp_path, gone=False)
        await chosen(here, "abort: put everything back now")
        assert here.shows("its console may live", f"type {scenes.ONE} {operation} to go on"), here.app.picture()
        await press(here.pilot, "tab", *scenes.ONE, "enter")
        await here.until(lambda: here.shows("nothing was touched"))
        assert here.app.acting is None and here.squid() is False
        await press(here.pilot, "space", *operation, "enter")
        await here.until(lambda: isinstance(here.app.screen, RunningScreen))
        await here.until(lambda: not here.app.acting.runs)
        report = here.app.acting.report
        assert report.result is Result.DONE, report
        assert f"squid-stop on {scenes.ONE} is aborted" in report.text
        assert here.squid() is True
