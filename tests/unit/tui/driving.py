"""Driving the console in tests: a fixed clock, a clipboard that can be read, and waiting without sleeping."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from haconsole.cluster.conclude import Snapshot
from haconsole.tui.app import ConsoleApp
from haconsole.tui.view.text import plain
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar
from tests.unit.tui import scenes

os.environ.pop("TMUX", None)  # the paste buffer of whoever runs the tests stays his own


class Console(ConsoleApp):
    """The console as tests see it."""

    copied: str = ""

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text
        super().copy_to_clipboard(text)

    def pane(self, name: str) -> LinePane:
        return self.screen.query_one(f"#{name}", LinePane)

    def lines(self, name: str) -> list[str]:
        return [plain(row.line) for row in self.pane(name).rows]

    def bar(self, name: str) -> str:
        return plain(self.screen.query_one(f"#{name}", Bar).line)

    def picture(self) -> str:
        """All text on the screen, as it is drawn."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips(self.size)
        )


def console(*shown: Snapshot, **options: Any) -> Console:
    sources = [scenes.FixedSource(s) for s in shown]
    options = {"operator": scenes.OPERATOR, "zone": scenes.ZONE, "clock": lambda: scenes.NOW, **options}
    made = Console(sources, **options)
    made.test_sources = sources  # type: ignore[attr-defined]
    return made


@asynccontextmanager
async def driven(app: Console, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[Any]]:
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.screen.query(LinePane)) and bool(app.screen.query(LinePane).first().rows))
        yield pilot


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Let the console work until the condition holds. Raises: AssertionError when it does not by then."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never became true: {condition}"
        await pilot.pause(0.01)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Keys, each handled before the next."""
    for key in keys:
        await pilot.press(key)


def steady(app: ConsoleApp) -> None:
    """No cursor blinks in a picture."""
    for entry in app.screen.query(Input):
        entry.cursor_blink = False


def fleet(count: int, *, worst: Sequence[Snapshot] = ()) -> list[Snapshot]:
    """`count` clusters, all well but the last ones."""
    well = [scenes.healthy()] * (count - len(worst))
    return [scenes.renamed(s, f"site-{i:02d}") for i, s in enumerate([*well, *worst])]


def theme_folder(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / "own.toml").write_text(text, encoding="utf-8")
    return folder
