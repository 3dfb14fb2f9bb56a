"""A node that wants a password asks on the screen; the answer goes to the login and nowhere else."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Input

from haconsole.tui.screens.secret import SecretScreen
from tests.unit.tui import scenes
from tests.unit.tui.driving import console, driven, press, until


async def test_the_answer_is_hidden_and_handed_back() -> None:
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        asked = asyncio.ensure_future(app.ask("proxy-serv01", "Password [bold]x[/bold] \x1b[2J", echo=False))
        await until(pilot, lambda: isinstance(app.screen, SecretScreen))
        assert app.screen.query_one(Input).password
        await press(pilot, "s", "q", "t", "enter")
        assert await asked == "sqt"
        await until(pilot, lambda: not isinstance(app.screen, SecretScreen))


async def test_escape_goes_on_without_an_answer_and_the_next_question_waits_its_turn() -> None:
    app = console(scenes.healthy())
    async with driven(app) as pilot:
        first = asyncio.ensure_future(app.ask("n1", "Password", echo=False))
        second = asyncio.ensure_future(app.ask("n2", "Code", echo=True))
        await until(pilot, lambda: isinstance(app.screen, SecretScreen))
        assert not second.done()
        await press(pilot, "escape")
        assert await first is None
        await until(pilot, lambda: isinstance(app.screen, SecretScreen) and not app.screen.query_one(Input).password)
        await press(pilot, "7", "enter")
        assert await second == "7"


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_it_fits_a_small_terminal(size: tuple[int, int]) -> None:
    app = console(scenes.healthy())
    async with driven(app, size) as pilot:
        asked = asyncio.ensure_future(app.ask("proxy-serv01", "Password", echo=False))
        await until(pilot, lambda: isinstance(app.screen, SecretScreen))
        box = app.screen.query_one("#secret").region
        assert box.width <= size[0]
        assert box.height <= size[1]
        await press(pilot, "escape")
        assert await asked is None
