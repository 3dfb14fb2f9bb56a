"""Input that arrives in one read does what it does when it is typed slowly."""

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from haconsole.tui.screens.cluster import ClusterScreen
from haconsole.tui.screens.clusters import ClustersScreen
from haconsole.tui.screens.help import HelpScreen
from haconsole.tui.screens.pages import PageScreen
from haconsole.tui.screens.triage import TriageScreen
from haconsole.tui.view.text import Kind
from haconsole.tui.widgets.filter import FilterLine
from tests.unit.tui import scenes
from tests.unit.tui.driving import console, driven, fleet, until

SIZES = [(80, 24), (160, 48)]


def burst(app, text):
    """What a terminal sends, in one piece."""
    for event in XTermParser().feed(text):
        app.post_message(event)


def quiet(app):
    """All input has had its effect."""
    return not app._inputs and app._timer is None and app._message_queue.empty()


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_typed_at_once_filters(size):
    app = console(scenes.eth1_down())
    async with driven(app, size) as pilot:
        burst(app, "/squid")
        await until(pilot, lambda: app.screen.query_one(FilterLine).value == "squid")
        assert app.is_running


async def test_a_filter_typed_and_kept_at_once_leaves_the_keys_on_the_events():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        burst(app, "/fault\rf")
        await until(pilot, lambda: app.focused.id == "findings")
        assert app.screen.query_one(FilterLine).value == "fault"
        assert len(app.pane("events").rows) == 1


@pytest.mark.parametrize("size", SIZES)
async def test_f_and_enter_at_once_open_the_finding(size):
    app = console(scenes.eth1_down())
    async with driven(app, size) as pilot:
        burst(app, "f\r")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        assert app.screen.target.kind is Kind.FINDING


async def test_keys_behind_one_that_opens_a_page_move_on_that_page():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        burst(app, "f\r\x1b[F\r")  # end, enter: what follows from it
        await until(pilot, lambda: isinstance(app.screen, PageScreen) and quiet(app))
        await until(pilot, lambda: app.screen.target.name == scenes.NOT_PREFERRED.key)


async def test_a_key_behind_one_that_opens_the_help_goes_to_the_help():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        burst(app, "?q")
        await until(pilot, lambda: quiet(app) and isinstance(app.screen, ClusterScreen))
        assert app.is_running
        assert app.return_value is None
        burst(app, "??3")
        await until(pilot, lambda: isinstance(app.screen, TriageScreen))


async def test_through_several_screens_at_once():
    app = console(*fleet(3, worst=[scenes.eth1_down()]))
    async with driven(app) as pilot:
        burst(app, "/site-02\r\r3j\r")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        assert app.cluster == "site-02"
        assert app.screen.target.name == scenes.NOT_PREFERRED.key
        burst(app, "0?")
        await until(
            pilot, lambda: isinstance(app.screen, HelpScreen) and isinstance(app.screen_stack[-2], ClustersScreen)
        )


async def test_a_paste_comes_behind_the_key_that_opened_the_line():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        burst(app, "/\x1b[200~squid\x1b[201~-x")
        await until(pilot, lambda: app.screen.query_one(FilterLine).value == "squid-x")


async def test_a_click_comes_in_its_turn():
    app = console(scenes.eth1_down())
    async with driven(app) as pilot:
        vips = app.pane("vips").region
        x, y = vips.x + 4, vips.y + 2
        burst(app, f"/ab\x1b[<0;{x};{y}M\x1b[<0;{x};{y}mf")
        await until(pilot, lambda: app.focused.id == "findings")
        assert app.screen.query_one(FilterLine).value == "ab"


async def test_q_in_the_middle_of_a_burst_still_leaves():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        burst(app, "fq3")
        await until(pilot, lambda: app.return_value == 0)


async def test_moves_of_the_mouse_that_wait_are_one_move():
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        burst(app, "f" + "".join(f"\x1b[<35;{x};9M" for x in range(5, 60)) + "e")
        most = 0
        forwarded = []
        kept = app.screen._forward_event

        def forward(event):
            nonlocal most
            most = max(most, len(app._inputs))
            if isinstance(event, events.MouseMove):
                forwarded.append(event)
            kept(event)

        app.screen._forward_event = forward
        await until(pilot, lambda: app.focused.id == "events")
        assert [event.x for event in forwarded] == [58]
        assert most <= 2


async def test_a_lost_marker_stops_nothing_for_long(monkeypatch):
    monkeypatch.setattr("haconsole.tui.in_order.LIMIT_S", 0.05)
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        pane = app.focused
        passed_on = pane.call_later
        lost = []

        def lose(*callback):
            """The first marker is never come back to."""
            if lost or "_round" not in callback[0].__qualname__:
                return passed_on(*callback)
            lost.append(callback)
            return True

        pane.call_later = lose
        burst(app, "fe")
        await until(pilot, lambda: app.focused.id == "events")
        assert lost


async def test_a_screen_that_never_gets_ready_takes_keys_after_a_while(monkeypatch):
    monkeypatch.setattr("haconsole.tui.in_order.LIMIT_S", 0.05)
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        app.takes_input = lambda _: False
        burst(app, "e")
        await until(pilot, lambda: app.focused.id == "events")
