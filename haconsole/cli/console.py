"""`haconsole`: the full-screen console on the clusters of this call."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    import click


def open_console(ctx: click.Context) -> int:
    """Run the console until the operator quits; returns the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        output.talk("haconsole: the console wants a terminal; without one use `haconsole status` (see --help)")
        return int(Exit.USAGE)
    clusters = setup.clusters(ctx)
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import Monitor, run_all
    from haconsole.tui.run import run_console

    if ctx.obj.get("no_color"):
        os.environ["NO_COLOR"] = "1"
    parts = production()
    monitors = [Monitor(c, parts.connector, parts.probe, parts.clock) for c in clusters]
    return run_console(
        monitors,
        clock=parts.clock.now,
        operator=setup.operator(),
        run_sources=lambda: run_all(monitors, parts.connector),
        read_only=all(c.read_only for c in clusters),
    )
