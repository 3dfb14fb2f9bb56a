"""`haconsole keepalived-config`: the keepalived.conf that the nodes should have, and the difference to what runs.

It prints; installing stays with the operator.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec, NodeSpec
    from haconsole.report.keepalived_config import Rendered
    from haconsole.report.keepalived_diff import Compared
    from haconsole.report.keepalived_values import NodeFacts, Plan, Wishes

T = TypeVar("T")
PARTS = ("conf", "firewall", "squid")


@click.group("keepalived-config", epilog="Example: haconsole keepalived-config render --node proxy-serv01")
def command() -> None:
    """The pair of keepalived.conf that the cluster should have; the difference to what runs."""


def _shared(function: Callable[..., None]) -> Callable[..., None]:
    """Options that both commands have."""
    for option in reversed((
        click.option("--node", "node", help="Only this node.", metavar="NODE"),
        click.option("--unicast/--multicast", "unicast", default=None, help="Default: as it runs, else multicast."),
        click.option(
            "--check", "check", type=click.Choice(["keep", "request"]), default="keep", show_default=True,
            help="How keepalived asks squid: as it runs, else `squid -k check`; or by a real request (curl).",
        ),
        click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME"),
        click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE"),
    )):  # fmt: skip
        function = option(function)
    return function


@command.command(
    "render",
    epilog="Examples: haconsole keepalived-config render; haconsole keepalived-config render --offline --out new/",
)
@_shared
@click.option("--offline", is_flag=True, help="Ask no node: from haconsole's configuration alone.")
@click.option("--prefix", "prefix", type=click.IntRange(1, 32), help="Prefix length of IPv4 VIPs that nobody told.")
@click.option("--version", "version", help="keepalived's version where it is not read, as 2.0.", metavar="X.Y")
@click.option("--out", "out", type=click.Path(path_type=Path), help="Write NODE.keepalived.conf there.", metavar="DIR")
@click.option(
    "--part", "part", type=click.Choice(PARTS), default="conf", show_default=True,
    help="The file, or only the lines for the firewall or for squid.",
)  # fmt: skip
@click.option("-o", "form", type=click.Choice(["text", "json"]), default="text", help="What to print.")
@click.pass_context
def render_command(
    ctx: click.Context,
    *,
    node: str | None,
    unicast: bool | None,
    check: str,
    cluster: str | None,
    config: str | None,
    offline: bool,
    prefix: int | None,
    version: str | None,
    out: Path | None,
    part: str,
    form: str,
) -> None:
    """Print each node's keepalived.conf as it should be, every choice explained in it. Nothing is installed.

    Exit code: 0 printed, 1 a node could not be read (its file is printed all the same) or a file could not be
    written, 2 wrong call. No password is ever printed.
    """
    wishes = _wishes(unicast, check, prefix, version)
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    plans = _plans(ctx, setup.clusters(ctx), wishes, offline=offline)
    chosen = _chosen(ctx, plans, node)
    from haconsole.report.keepalived_config import render

    files = [(p, _or_exit(ctx, partial(render, p, n))) for p, n in chosen]
    for _, each in files:
        for note in each.notes:
            output.talk(f"haconsole: {each.node}: {note}")
    if out is not None:
        _write(ctx, out, files)
    elif form == "json":
        from haconsole.report.keepalived_diff import render_document

        output.document(render_document(files))
    else:
        _print(chosen, files, part)
    unread = not offline and any(p.facts[f.node].conf is None for p, f in files)
    ctx.exit(int(Exit.FAILED if unread else Exit.DONE))


@command.command("diff", epilog="Example: haconsole keepalived-config diff --node proxy-serv01 --side-by-side")
@_shared
@click.option("--side-by-side", "columns", is_flag=True, help="Two columns instead of a unified diff.")
@click.option("-o", "form", type=click.Choice(["text", "json"]), default="text", help="What to print.")
@click.pass_context
def diff_command(
    ctx: click.Context,
    *,
    node: str | None,
    unicast: bool | None,
    check: str,
    cluster: str | None,
    config: str | None,
    columns: bool,
    form: str,
) -> None:
    """What the nodes run against what they should: as keepalived reads it, without comments and order.

    Exit code: 0 the same on all nodes, 1 it differs or a node could not be read, 2 wrong call. Passwords are masked;
    whether they are the same on all nodes is said.
    """
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    plans = _plans(ctx, setup.clusters(ctx), _wishes(unicast, check, None, None), offline=False, passwords=True)
    from haconsole.report.keepalived_diff import compare, diff_document, passwords

    chosen = _chosen(ctx, plans, node)
    found = [_or_exit(ctx, partial(compare, p, n)) for p, n in chosen]
    secrets = [s for p in plans for s in passwords(p)]
    for each in found:
        if each.running is None:
            output.talk(f"haconsole: {each.problem or each.node + ': its configuration was not read'}")
    if form == "json":
        output.document(diff_document(found, secrets))
    else:
        color = not ctx.obj.get("no_color")
        for each in found:
            _draw(each, columns=columns, color=color)
        for told in secrets:
            output.data(told.text)
    ctx.exit(int(Exit.DONE if all(c.same for c in found) else Exit.FAILED))


def _wishes(unicast: bool | None, check: str, prefix: int | None, version: str | None) -> Wishes:
    from haconsole.report.keepalived_values import Check, Wishes

    wanted = None
    if version is not None:
        major, dot, minor = version.partition(".")
        if not (dot and major.isascii() and major.isdecimal() and minor.isascii() and minor.isdecimal()):
            raise click.BadParameter("two numbers, as 2.0", param_hint="--version")
        wanted = (int(major[:4]), int(minor[:4]))
    return Wishes(unicast=unicast, check=Check(check), prefix=prefix, version=wanted)


def _plans(
    ctx: click.Context,
    clusters: Sequence[ClusterSpec],
    wishes: Wishes,
    *,
    offline: bool,
    passwords: bool = False,
) -> list[Plan]:
    from haconsole.report.keepalived_plan import plan

    facts: list[Mapping[str, NodeFacts]] = [{} for _ in clusters]
    if not offline:
        runner = ctx.obj.get("runner", asyncio.run)
        facts = runner(_read(clusters, passwords=passwords))
    return [_or_exit(ctx, partial(plan, c, f, wishes)) for c, f in zip(clusters, facts, strict=True)]


async def _read(clusters: Sequence[ClusterSpec], *, passwords: bool) -> list[Mapping[str, NodeFacts]]:
    from haconsole.runtime.assemble import production
    from haconsole.runtime.configurations import read_cluster

    parts = production(setup.TerminalPrompter())
    progress = output.Progress()
    progress.show("reading every node …")
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(read_cluster(c, parts.connector, parts.clock, passwords=passwords)) for c in clusters
            ]
    finally:
        progress.clear()
        await parts.connector.close()
    return [{name: read.facts for name, read in task.result().items()} for task in running]


def _chosen(ctx: click.Context, plans: Sequence[Plan], node: str | None) -> list[tuple[Plan, NodeSpec]]:
    found = [(p, n) for p in plans for n in p.cluster.nodes if node is None or n.name == node]
    if not found:
        output.talk(f"haconsole: there is no node {node!r}")
        ctx.exit(int(Exit.USAGE))
    return found


def _or_exit(ctx: click.Context, make: Callable[[], T]) -> T:
    from haconsole.report.keepalived_values import PlanError

    try:
        return make()
    except PlanError as error:
        output.talk(f"haconsole: {error}")
        ctx.exit(int(Exit.USAGE))


def _print(chosen: Sequence[tuple[Plan, NodeSpec]], files: Sequence[tuple[Plan, Rendered]], part: str) -> None:
    from haconsole.report.keepalived_beside import firewall, squid

    for index, ((plan, node), (_, each)) in enumerate(zip(chosen, files, strict=True)):
        if len(files) > 1:
            output.data(f"{chr(10) if index else ''}# ======== {each.node}: {each.file} ========")
        match part:
            case "firewall":
                output.data("\n".join(firewall(plan, node)))
            case "squid":
                output.data("\n".join(squid(plan, node)))
            case _:
                output.data(each.text)


def _write(ctx: click.Context, folder: Path, files: Sequence[tuple[Plan, Rendered]]) -> None:
    """Each file anew, 0600: it goes to a node as root's. What is there already is never touched."""
    several = len({p.cluster.name for p, _ in files}) > 1
    paths = [folder / f"{f'{p.cluster.name}.' if several else ''}{f.node}.keepalived.conf" for p, f in files]
    there = [str(p) for p in paths if os.path.lexists(p)]
    if there:
        output.talk(f"haconsole: nothing written: {', '.join(there)} exists; name another folder or move it away")
        ctx.exit(int(Exit.USAGE))
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for path, (_, each) in zip(paths, files, strict=True):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                stream.write(each.text)
            output.data(str(path))
    except OSError as error:
        output.talk(f"haconsole: {error.filename}: {error.strerror}")
        ctx.exit(int(Exit.FAILED))


def _draw(compared: Compared, *, columns: bool, color: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from haconsole.report import keepalived_diff

    if compared.running is None:
        return
    if compared.same:
        output.talk(f"haconsole: {compared.node}: what runs is what is recommended")
        return
    if columns:
        table = Table(box=None, pad_edge=False, expand=False)
        table.add_column(f"{compared.node} runs")
        table.add_column("")
        table.add_column("recommended")
        styles = {" ": "", "<": "red", ">": "green", "|": "yellow"}
        for left, sign, right in keepalived_diff.columns(compared):
            table.add_row(Text(left), Text(sign), Text(right), style=styles[sign])
        output.draw(table, color=color)
        return
    for line in keepalived_diff.unified(compared):
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        output.draw(Text(line, style=style), color=color, whole=True)
