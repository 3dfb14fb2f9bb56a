"""`haconsole check`: the audit of keepalived.conf, of files (in a repository's CI) or of the running nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import NAGIOS, STATUS_USAGE

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec
    from haconsole.report.check import Checked


@click.command(
    "check",
    epilog="Examples: haconsole check proxy-serv01.conf proxy-serv02.conf; haconsole check -o sarif *.conf > x.sarif; "
    "haconsole check (the running cluster); haconsole demo -- check",
)
@click.argument("files", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("-o", "form", type=click.Choice(["table", "json", "sarif"]), default="table", help="What to print.")
@click.option("--apart", is_flag=True, help="The files have nothing to do with each other: no comparison.")
@click.option(
    "--config-id",
    "ids",
    multiple=True,
    metavar="NAME",
    help="What `@NAME` lines are compared with (keepalived -i): one for each FILE, in their order.",
)
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(  # noqa: PLR0917 - click's
    ctx: click.Context,
    files: tuple[str, ...],
    form: str,
    ids: tuple[str, ...],
    cluster: str | None,
    config: str | None,
    *,
    apart: bool,
) -> None:
    """Will it work at the next failover? An audit of keepalived.conf, with file and line.

    With FILEs nothing else is needed: no cluster, no keepalived; two or more are the nodes of one cluster. Without,
    the files that run on the configured nodes are read, and what only nodes can tell is checked too.
    Exit code: 0 well, 1 warning, 2 critical, 3 something could not be checked; 64 for a wrong call.
    """
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    color = not ctx.obj.get("no_color")
    if files:
        checked = [_of_files(files, ids, together=not apart)]
    else:
        if ids or apart:
            msg = "--config-id and --apart are for files"
            raise click.UsageError(msg)
        found = setup.clusters(ctx, usage_exit=STATUS_USAGE)
        runner: Callable[..., list[Checked]] = ctx.obj.get("runner", asyncio.run)
        checked = runner(_of_clusters(found))
    try:
        show(checked, form, color=color)
    except BrokenPipeError:
        output.left()  # the verdict stays what it is
    ctx.exit(exit_code(checked))


def _of_files(files: Sequence[str], ids: Sequence[str], *, together: bool) -> Checked:
    from haconsole.cluster.audit import audit
    from haconsole.io.conf_files import UnreadableError, read_conf
    from haconsole.report.check import Checked

    if ids and len(ids) != len(files):
        msg = f"{len(files)} files and {len(ids)} --config-id: one for each file"
        raise click.UsageError(msg)
    if together and not ids and (twice := next((f for f in files if files.count(f) > 1), None)) is not None:
        msg = f"{twice} is named twice: each FILE is another node's (of one file for all nodes: --config-id)"
        raise click.UsageError(msg)
    try:
        read = read_conf(files, ids)
    except UnreadableError as error:
        output.talk(f"haconsole: {error}")
        raise click.exceptions.Exit(STATUS_USAGE) from None
    return Checked(audit=audit(read, together=together))


async def _of_clusters(clusters: Sequence[ClusterSpec]) -> list[Checked]:
    from haconsole.runtime.assemble import production
    from haconsole.runtime.check import check

    progress = output.Progress()
    progress.show(f"reading {', '.join(n.name for c in clusters for n in c.nodes)} …")
    parts = production(setup.TerminalPrompter())
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(check(c, parts)) for c in clusters]
        return [task.result() for task in running]
    finally:
        progress.clear()
        await parts.connector.close()


def show(checked: Sequence[Checked], form: str, *, color: bool) -> None:
    """Print in the wanted form."""
    if form == "json":
        from haconsole.report.check import check_document

        output.document(check_document(checked))
    elif form == "sarif":
        from haconsole.report.check_sarif import sarif_document

        output.document(sarif_document(checked))
    else:
        from haconsole.report.check_table import check_table

        output.draw(check_table(checked), color=color)


def exit_code(checked: Sequence[Checked]) -> int:
    """Of the worst."""
    from haconsole.report.check import verdict

    return NAGIOS[verdict(checked)]
