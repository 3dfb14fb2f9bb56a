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
    from haconsole.report.doctor import Permits
    from haconsole.report.doctor_check import Check


@click.command("doctor", epilog="Example: haconsole doctor --cluster proxy")
@click.option("-o", "form", type=click.Choice(["table", "json"]), default="table", help="What to print.")
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(ctx: click.Context, form: str, cluster: str | None, config: str | None) -> None:
    """Reach, host key, login, rights, programs, versions, clock: each with what to do about it.

    Exit code: 0 all there, 1 something is missing.
    """
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    found = setup.clusters(ctx)
    color = not ctx.obj.get("no_color")
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    ctx.exit(runner(_run(found, form, color=color)))


async def _run(clusters: Sequence[ClusterSpec], form: str, *, color: bool) -> int:
    from haconsole.report.doctor import all_well, checks, doctor_document

    told = [(p.spec.name, checks(p, permits)) for p, permits in await _ask(clusters)]
    if form == "json":
        output.document(doctor_document(told))
    else:
        _draw(told, color=color)
    return int(Exit.DONE if all(all_well(found) for _, found in told) else Exit.FAILED)


async def _ask(clusters: Sequence[ClusterSpec]) -> list[tuple[ClusterPicture, Permits]]:
    """One look at every cluster, and what sudo would permit on its nodes."""
    from haconsole.cli.status import look
    from haconsole.runtime.assemble import production
    from haconsole.runtime.doctor_rights import ask_permits

    parts = production(setup.TerminalPrompter())
    progress = output.Progress()
    progress.show("asking every node …")
    try:
        pictures = [s.picture for s in await look(clusters, parts)]
        return [(p, await ask_permits(p, parts.connector)) for p in pictures]
    finally:
        progress.clear()
        await parts.connector.close()


def _draw(told: Sequence[tuple[str, Sequence[Check]]], *, color: bool) -> None:
    from rich.text import Text

    signs = {True: ("●", "green"), False: ("✖", "red"), None: ("?", "yellow")}
    for name, found in told:
        output.draw(Text(name, style="bold"), color=color)
        node = None
        for check in found:
            if check.node != node:
                node = check.node
                output.draw(Text(f"  {node}", style="bold"), color=color)
            sign, style = signs[check.ok]
            output.draw(Text.assemble("    ", (sign, style), f" {clean(check.text)}"), color=color)
            # Lines to copy: never broken by us, however narrow the terminal is.
            for index, line in enumerate(check.remedy.split("\n") if check.remedy else ()):
                lead = " " * 8 if index else "      → "
                output.draw(Text(lead + clean(line), style="dim"), color=color, whole=True)
