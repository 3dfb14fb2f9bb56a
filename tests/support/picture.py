"""Makes the README's picture: the real console on a real demo cluster, as an SVG.

python -m tests.support.picture eth1-down docs/cluster.svg
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import click

from haconsole.cli import console
from haconsole.cli.demo import embedded
from haconsole.cli.main import cli
from haconsole.model.spec import ClusterSpec
from haconsole.runtime.assemble import production
from haconsole.runtime.monitor import Monitor, listen_where_open, run_all
from haconsole.tui.app import ConsoleApp
from tests.support.wait import until


async def draw(ctx: click.Context, clusters: tuple[ClusterSpec, ...], size: tuple[int, int]) -> str:
    """Run the console, with all that `haconsole` gives it, until everything has been read; returns what it shows, as
    an SVG.
    """
    parts = production()
    monitors = [Monitor(c, parts.connector, parts.probe, parts.clock) for c in clusters]
    operates = console._operates(monitors, parts)

    async def run_sources() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen_where_open(monitors, lambda: app.cluster))
            tasks.create_task(run_all(monitors, parts.connector))

    app = ConsoleApp(
        monitors,
        clock=parts.clock.now,
        operator="anna@bastion",
        run_sources=run_sources,
        operations=console._operations(operates, parts),
        drills=console._drills(ctx, monitors, operates, parts),
        maintenance=console._maintenance(ctx, monitors, operates, parts),
        lookers=console.Closers(clusters, parts),
    )
    async with app.run_test(size=size) as pilot:
        started = parts.clock.now()
        await until(lambda: parts.clock.now() - started > 15, 60)
        await pilot.pause()
        return app.export_screenshot(title="haconsole")


def main() -> None:
    """Scenario and file from the command line."""
    scenario, target = sys.argv[1], Path(sys.argv[2])
    size = (int(sys.argv[3]), int(sys.argv[4])) if len(sys.argv) > 4 else (120, 38)
    with embedded(scenario, 1.0) as clusters, click.Context(cli, obj={"clusters": clusters}) as ctx:
        picture = asyncio.run(draw(ctx, clusters, size))
    # Textual names fonts of a web server; a picture in a repository must not fetch anything.
    target.write_text(re.sub(r'url\("https?://[^"]*"\)', 'url("")', picture), "utf-8")


if __name__ == "__main__":
    main()
