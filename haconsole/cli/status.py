"""`haconsole status`: one picture and an exit code, for people, scripts and Nagios."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import NAGIOS, STATUS_USAGE

if TYPE_CHECKING:
    from haconsole.cluster.conclude import Snapshot
    from haconsole.model.spec import ClusterSpec
    from haconsole.runtime.assemble import Parts

WATCH_S = 2.0


@click.command(
    "status",
    epilog="Examples: haconsole status -o json | jq .clusters[0].verdict; haconsole status --watch",
)
@click.option("-o", "form", type=click.Choice(["table", "json", "nagios"]), default="table", help="What to print.")
@click.option("--watch", is_flag=True, help="Follow: print anew at every change, until Ctrl-C.")
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(ctx: click.Context, form: str, cluster: str | None, config: str | None, *, watch: bool) -> None:
    """Who holds which VIP, does it serve clients, what is wrong and what to do.

    Exit code: 0 all well, 1 warning, 2 critical, 3 unknown; 64 for a wrong call or configuration.
    """
    from haconsole.runtime.assemble import warm_up

    warm_up()
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    found = setup.clusters(ctx, usage_exit=STATUS_USAGE)
    color = not ctx.obj.get("no_color")
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    ctx.exit(runner(_watch(found, form, color=color) if watch else _once(found, form, color=color)))


async def _once(clusters: Sequence[ClusterSpec], form: str, *, color: bool) -> int:
    from haconsole.runtime.assemble import production_ahead

    progress = output.Progress()
    names = ", ".join(n.name for c in clusters for n in c.nodes)
    progress.show(f"reading {names if len(names) < 60 else f'{len(clusters)} clusters'} …")
    parts = await production_ahead(setup.TerminalPrompter(), [n for c in clusters for n in c.nodes])
    try:
        await asyncio.to_thread(_imports, form)  # while the nodes shake hands
        snapshots = await look(clusters, parts)
    finally:
        progress.clear()
        await parts.connector.close()
    try:
        show(snapshots, form, color=color)
    except BrokenPipeError:
        output.left()  # the verdict stays what it is
    return exit_code(snapshots)


def _imports(form: str) -> None:
    """What the look and the telling need."""
    importlib.import_module("haconsole.runtime.once")
    if form != "nagios":
        importlib.import_module("haconsole.report.status" if form == "json" else "haconsole.report.status_table")


async def look(clusters: Sequence[ClusterSpec], parts: Parts) -> list[Snapshot]:
    """One look at every cluster, all at once."""
    from haconsole.runtime.once import Look

    looks = [Look(c, parts.connector, parts.probe, parts.clock) for c in clusters]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(x.run()) for x in looks]
    return [task.result() for task in running]


async def look_once(clusters: Sequence[ClusterSpec]) -> list[Snapshot]:
    """`look` over connections of its own, which are closed again; stderr tells that it takes a moment."""
    from haconsole.runtime.assemble import production

    parts = production(setup.TerminalPrompter())
    progress = output.Progress()
    progress.show("asking every node …")
    try:
        return await look(clusters, parts)
    finally:
        progress.clear()
        await parts.connector.close()


async def _watch(clusters: Sequence[ClusterSpec], form: str, *, color: bool) -> int:
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import LISTENING, Monitor, run_all

    parts = production(setup.TerminalPrompter())
    listen = len(clusters) <= LISTENING
    monitors = [Monitor(c, parts.connector, parts.probe, parts.clock, listen=listen) for c in clusters]

    async def printing() -> None:
        shown: object = None
        while True:
            snapshots = [m.snapshot(parts.clock.now()) for m in monitors]
            # Machines get a line at every change of what is told; people a fresh picture.
            told = [(s.verdict, s.findings, [(v.address, v.holders) for v in s.picture.vips]) for s in snapshots]
            if form == "table" or told != shown:
                shown = told
                if form == "table":
                    output.clear()
                show(snapshots, form, color=color)
            await asyncio.sleep(WATCH_S)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_all(monitors, parts.connector))
            tasks.create_task(printing())
    except* BrokenPipeError:
        output.left()
    return 0


def show(snapshots: Sequence[Snapshot], form: str, *, color: bool) -> None:
    """Print in the wanted form."""
    if form == "json":
        from haconsole.report.status import status_document

        output.document(status_document(snapshots))
    elif form == "nagios":
        from haconsole.report.status_nagios import nagios_lines

        output.data(nagios_lines(snapshots))
    else:
        from haconsole.report.status_table import status_table

        output.draw(status_table(snapshots), color=color)


def exit_code(snapshots: Sequence[Snapshot]) -> int:
    """Of the worst cluster."""
    return NAGIOS[max(s.verdict for s in snapshots)]
