"""Start the console and leave it: the terminal is restored, and nothing that hangs delays the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final

from haconsole.tui.app import ConsoleApp
from haconsole.tui.source import Clock, ClusterSource, RunSources

GRACE_S: Final = 0.3
"""What cancelled monitors get to say goodbye; a node that hangs gets no more."""


def run_console(
    sources: Sequence[ClusterSource],
    *,
    clock: Clock,
    operator: str,
    run_sources: RunSources | None = None,
    read_only: bool = False,
    zone: tzinfo | None = None,
    remember: Path | None = None,
    user_themes: Path | None = None,
    theme: str | None = None,
    no_color: bool = False,
    made: Callable[[ConsoleApp], None] | None = None,
) -> int:
    """Show the console until the operator leaves; returns the exit code.

    made: gets the app before it runs, for instance to ask the operator through it.
    remember, user_themes: None means the user's own state and configuration folders.
    The caller has checked that there is a terminal.
    """
    import platformdirs

    if no_color:
        os.environ["NO_COLOR"] = "1"
    app = ConsoleApp(
        sources,
        clock=clock,
        operator=operator,
        run_sources=run_sources,
        read_only=read_only,
        zone=zone,
        remember=remember or platformdirs.user_state_path("haconsole") / "console.json",
        theme=theme,
        theme_folders=[user_themes or platformdirs.user_config_path("haconsole") / "themes"],
    )
    if made is not None:
        made(app)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with _short_collections():
            result = app.run(loop=loop)
    finally:
        _leave(loop)
    return result if result is not None else app.return_code or 0


@contextlib.contextmanager
def _short_collections() -> Iterator[None]:
    """A full garbage collection stops the screen for up to 0.15 s, and a flood of packets caused one every two
    seconds. What is there at the start stays until the end anyway and is not looked at; the rest seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _leave(loop: asyncio.AbstractEventLoop) -> None:
    """End what still runs, but wait for it no longer than GRACE_S."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _, left = loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE_S))
        if left:
            # Thrown away half-way, their clean-up code complains of it to a terminal that is the shell's again.
            sys.unraisablehook = lambda _unraisable: None
    loop.set_exception_handler(lambda _loop, _context: None)  # what was left behind has nobody to tell
    asyncio.set_event_loop(None)
    loop.close()
