"""Start the console and leave it: the terminal is restored, and nothing that hangs delays the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haconsole.tui import hangup
from haconsole.tui.app import ConsoleApp
from haconsole.tui.drilling import Drills
from haconsole.tui.garbage import Quiet, short_collections
from haconsole.tui.looking import Looker
from haconsole.tui.source import Clock, ClusterSource, Operations, RunSources

if TYPE_CHECKING:
    from haconsole.tui.maintaining import Maintenance

GRACE_S: Final = 0.3
"""What cancelled monitors get to say goodbye; a node that hangs gets no more."""


def run_console(
    sources: Sequence[ClusterSource],
    *,
    clock: Clock,
    operator: str,
    run_sources: RunSources | None = None,
    operations: Mapping[str, Operations] | None = None,
    drills: Mapping[str, Drills] | None = None,
    maintenance: Mapping[str, Maintenance] | None = None,
    lookers: Mapping[str, Looker] | None = None,
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
        run_sources=None if run_sources is None else _outliving(run_sources),
        operations=operations,
        drills=drills,
        maintenance=maintenance,
        lookers=lookers,
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
    app.quiet = Quiet(loop.time())
    with hangup.watched(_terminal(), loop, app.hung_up, lambda: app.under_way is not None):
        try:
            with short_collections():
                result = app.run(loop=loop)
        finally:
            _put_back(app, loop)
            _leave(loop)
    if app.left_with is not None:
        return app.left_with
    return result if result is not None else app.return_code or 0


def _terminal() -> int | None:
    """What the screen is drawn on; None: it cannot be told."""
    try:
        return sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _outliving(run_sources: RunSources) -> RunSources:
    """The monitors go on when the screen is gone, for what is put back has to be seen. `_leave` ends them."""

    async def run() -> None:
        await asyncio.shield(asyncio.ensure_future(run_sources()))

    return run


def _put_back(app: ConsoleApp, loop: asyncio.AbstractEventLoop) -> None:
    """The screen is gone, whyever; an action that is under way is put back all the same, whatever signals come."""
    acting = app.put_back()
    if acting is None:
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        loop.run_until_complete(acting.over())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
