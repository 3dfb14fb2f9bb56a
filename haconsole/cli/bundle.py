"""`haconsole bundle`: one archive with what keepalived's maintainers ask for, redacted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit
from haconsole.cli.times import SpanType

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec
    from haconsole.report.bundle import Manifest


@click.command("bundle", epilog="Example: haconsole bundle -o case-4711.tar.gz --for 10s")
@click.option(
    "-o", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Default: haconsole-bundle-TIME.tar.gz here. It must not exist.",
)  # fmt: skip
@click.option("--for", "listen", default="5s", show_default=True, type=SpanType(), help="How long to listen.")
@click.option(
    "--minutes", default=60, show_default=True, type=click.IntRange(1, 1440), help="How far back the logs go."
)
@click.option("--cluster", "cluster", help="Only this cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(
    ctx: click.Context, *, target: Path | None, listen: float, minutes: int, cluster: str | None, config: str | None
) -> None:
    """Collect versions, configurations, logs, dumps, adverts, links and firewall of all nodes in a tar.gz.

    Passwords are left out; addresses and names are not: look through it before you give it away. The file is
    readable by you alone. Its path goes to standard output, what is missing to standard error.
    Exit code: 0 written, 1 no node could be read (it is written all the same) or it could not be written,
    2 wrong call, or the file exists.
    """
    ctx.obj.update({k: v for k, v in (("cluster", cluster), ("config", config)) if v is not None})
    found = setup.clusters(ctx)
    if not 0 < listen <= 300:
        raise click.BadParameter("between a moment and 5 minutes, as 10s", param_hint="--for")
    path = target or Path(f"haconsole-bundle-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    if os.path.lexists(path):
        output.talk(f"haconsole: {path} exists: nothing was collected; name another file with -o")
        ctx.exit(int(Exit.USAGE))
    runner: Callable[..., tuple[bytes, Manifest, bool]] = ctx.obj.get("runner", asyncio.run)
    data, manifest, reached = runner(_collect(found, _folder(path), listen, float(minutes)))
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
    except OSError as error:
        output.talk(f"haconsole: {path}: {error.strerror}: nothing was written")
        ctx.exit(int(Exit.FAILED))
    for entry in manifest.entries:
        if entry.missing is not None:
            where = entry.node or entry.cluster
            output.talk(f"haconsole: {where}: missing: {entry.what}: {entry.missing.removeprefix(f'{where}: ')}")
    output.data(str(path))
    ctx.exit(int(Exit.DONE if reached else Exit.FAILED))


def _folder(path: Path) -> str:
    return path.name.removesuffix(".tar.gz").removesuffix(".tgz") or "haconsole-bundle"


async def _collect(
    clusters: Sequence[ClusterSpec], folder: str, seconds: float, minutes: float
) -> tuple[bytes, Manifest, bool]:
    from haconsole.report.bundle import pack
    from haconsole.report.bundle_redact import Redactor
    from haconsole.runtime.assemble import production
    from haconsole.runtime.bundle import Bundler

    parts, redactor = production(setup.TerminalPrompter()), Redactor()
    bundlers = [Bundler(c, parts.connector, parts.clock, redactor, seconds=seconds, minutes=minutes) for c in clusters]
    progress = output.Progress()
    progress.show(f"reading and listening for {seconds:g} s …")
    try:
        async with asyncio.TaskGroup() as tasks:
            for bundler in bundlers:
                tasks.create_task(bundler.run(parts.probe))
    finally:
        progress.clear()
        await parts.connector.close()
    pieces = [piece for bundler in bundlers for piece in bundler.pieces]
    data, manifest = pack(pieces, redactor, folder, parts.clock.now())
    return data, manifest, any(bundler.reached for bundler in bundlers)
