"""`haconsole doctor`: is everything there that the console needs, node by node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.cluster.picture import ClusterPicture
    from haconsole.model.spec import ClusterSpec


@click.command("doctor", epilog="Example: haconsole doctor --cluster proxy")
@click.option("-o", "form", type=click.Choice(["table", "json"]), default="table", help="What to print.")
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.option("--no-color", is_flag=True, help="No colour (also: NO_COLOR).")
@click.pass_context
def command(ctx: click.Context, form: str, cluster: str | None, config: str | None, *, no_color: bool) -> None:
    """Reach, host key, login, rights, programs, versions, clock: each with what to do about it.

    Exit code: 0 all there, 1 something is missing.
    """
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    found = setup.clusters(ctx)
    color = not (no_color or ctx.obj.get("no_color"))
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    ctx.exit(runner(_run(found, form, color=color)))


async def _run(clusters: Sequence[ClusterSpec], form: str, *, color: bool) -> int:
    from haconsole.cli.status import look
    from haconsole.report.doctor import all_well, checks, doctor_document
    from haconsole.runtime.assemble import production

    parts = production(setup.TerminalPrompter())
    progress = output.Progress()
    progress.show("asking every node …")
    try:
        pictures = [s.picture for s in await look(clusters, parts)]
    finally:
        progress.clear()
        await parts.connector.close()
    if form == "json":
        output.document(doctor_document(pictures))
    else:
        _draw(pictures, color=color)
    return int(Exit.DONE if all(all_well(checks(p)) for p in pictures) else Exit.FAILED)


def _draw(pictures: Sequence[ClusterPicture], *, color: bool) -> None:
    from rich.text import Text

    from haconsole.report.doctor import checks

    signs = {True: ("●", "green"), False: ("✖", "red"), None: ("?", "yellow")}
    for picture in pictures:
        output.draw(Text(f"{picture.spec.name}", style="bold"), color=color)
        node = None
        for check in checks(picture):
            if check.node != node:
                node = check.node
                output.draw(Text(f"  {node}", style="bold"), color=color)
            sign, style = signs[check.ok]
            output.draw(Text.assemble("    ", (sign, style), f" {clean(check.text)}"), color=color)
            # Lines to copy: never broken by us, however narrow the terminal is.
            for index, line in enumerate(check.remedy.split("\n") if check.remedy else ()):
                lead = " " * 8 if index else "      → "
                output.draw(Text(lead + clean(line), style="dim"), color=color, whole=True)
