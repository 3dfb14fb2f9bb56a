"""`haconsole`: the full-screen console on the clusters of this call."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    import click

    from haconsole.cli.console_operations import ConsoleOperations
    from haconsole.runtime.assemble import Parts
    from haconsole.runtime.monitor import Monitor
    from haconsole.tui.app import ConsoleApp


def open_console(ctx: click.Context) -> int:
    """Run the console until the operator quits; returns the exit code."""
    # Textual draws on stderr: `haconsole 2>file` would be an empty screen.
    on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if not on_terminal or os.environ.get("TERM", "dumb") == "dumb":
        output.talk("haconsole: the console wants a terminal; without one use `haconsole status` (see --help)")
        return int(Exit.USAGE)
    clusters = setup.clusters(ctx)
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import Monitor, listen_where_open, run_all
    from haconsole.tui.run import run_console

    if ctx.obj.get("no_color"):
        os.environ["NO_COLOR"] = "1"
    asking = AskOnScreen()
    parts = production(asking)
    monitors = [Monitor(c, parts.connector, parts.probe, parts.clock) for c in clusters]

    async def run_sources() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen_where_open(monitors, asking.cluster))
            tasks.create_task(run_all(monitors, parts.connector))

    operations = _operations(monitors, parts)
    return run_console(
        monitors,
        clock=parts.clock.now,
        operator=setup.operator(),
        run_sources=run_sources,
        operations=operations,
        read_only=all(c.read_only for c in clusters),
        made=asking.use,
    )


def _operations(monitors: Sequence[Monitor], parts: Parts) -> Mapping[str, ConsoleOperations]:
    """Of every cluster that is not read-only: for the others nothing is made that could change a node."""
    changing = [m for m in monitors if not m.spec.read_only]
    if not changing:
        return {}
    from haconsole.cli.console_operations import ConsoleOperations
    from haconsole.io.audit_file import AuditFile, default_path
    from haconsole.runtime.operate import Operate

    audit = AuditFile(default_path())
    return {
        m.spec.name: ConsoleOperations(Operate(m, parts.connector, parts.clock, audit), parts.clock, setup.operator())
        for m in changing
    }


class AskOnScreen:
    """Passwords and codes are asked for on the console's own screen, once it is there."""

    def __init__(self) -> None:
        self._app: ConsoleApp | None = None

    def use(self, app: ConsoleApp) -> None:
        """This one asks from now on."""
        self._app = app

    def cluster(self) -> str | None:
        """The cluster on the screen; None: none is."""
        return None if self._app is None else self._app.cluster

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        """None: there is nobody to ask."""
        return None if self._app is None else await self._app.ask(node, prompt, echo=echo)
