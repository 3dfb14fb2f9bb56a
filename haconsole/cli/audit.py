"""`haconsole audit`: what was done from here, by whom, why; and whether the log is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from haconsole.cli import output
from haconsole.cli.exits import Exit
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from rich.table import Table

    from haconsole.operations.audit import Chain, Written


@click.group("audit", epilog="Example: haconsole audit show --node proxy-serv01")
def command() -> None:
    """The audit log: every action, its commands with their exit status, who asked and why."""


@command.command("show", epilog="Example: haconsole audit show --last 20")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option(
    "-o", "form", type=click.Choice(["table", "json"]), default="table", help="json: the entries as they are."
)
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, help="So many entries.")
@click.option("--operation", help="Only this operation.", metavar="ID")
@click.option("--node", help="Only what concerns this node.", metavar="NODE")
@click.option("--no-color", is_flag=True, help="No colour (also: NO_COLOR).")
@click.pass_context
def show(
    ctx: click.Context,
    file: Path | None,
    *,
    form: str,
    last: int,
    operation: str | None,
    node: str | None,
    no_color: bool,
) -> None:
    """The last entries of FILE (default: the log of this user).

    Exit code: 0 shown, 1 it cannot be read.
    """
    chain = _read(ctx, file)
    wanted = [
        e
        for e in chain.entries
        if (operation is None or e.entry.operation == operation) and (node is None or e.entry.node == node)
    ][-last:]
    if form == "json":
        for each in wanted:
            fields = each.entry.model_dump(by_alias=True, mode="json")
            output.document({**fields, "number": each.number, "hash": each.hash})
    else:
        output.draw(_table(wanted), color=not (no_color or (ctx.obj or {}).get("no_color")))
    if chain.breaks:
        first = chain.breaks[0]
        output.talk(f"haconsole: this log is not whole, see `haconsole audit verify`: line {first.line}: {first.why}")


@command.command("verify", epilog="Example: haconsole audit verify --holds 3f2a9c81")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--holds", help="An entry's hash or its beginning, from a node's journal: is it there?", metavar="HASH")
@click.pass_context
def verify(ctx: click.Context, file: Path | None, holds: str | None) -> None:
    """Is every line of FILE as it was written, and in its place.

    The chain cannot tell that its end was cut off: the nodes' journals hold hashes of entries (lines of
    `haconsole`), look one up with --holds. Exit code: 0 whole, 1 not whole.
    """
    chain = _read(ctx, file)
    for each in chain.breaks:
        output.data(f"line {each.line}: {each.why}")
    for number in chain.cut:
        output.data(f"line {number}: unfinished (a console died while it wrote); the entry after it says so")
    if holds is not None and not chain.holds(holds.lower()):
        output.data(f"no entry has a hash that begins with {clean(holds)}: the log was cut off, or is another one")
    good = not chain.breaks and (holds is None or chain.holds(holds.lower()))
    output.data(f"{'whole' if good else 'NOT WHOLE'}: {len(chain.entries)} entries, last hash {chain.head}")
    ctx.exit(int(Exit.DONE if good else Exit.FAILED))


def _read(ctx: click.Context, file: Path | None) -> Chain:
    from haconsole.io.audit_file import AuditError, AuditFile, default_path

    path = file or default_path()
    if file is not None and not file.exists():
        output.talk(f"haconsole: there is no file {file}")
        ctx.exit(int(Exit.FAILED))
    try:
        return AuditFile(path).read()
    except AuditError as error:
        output.talk(f"haconsole: {error}")
        ctx.exit(int(Exit.FAILED))


def _table(entries: list[Written]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("time", "operator", "node", "action", "what", "text"):
        table.add_column(title)
    for each in entries:
        entry = each.entry
        # A script is named by its entry, which is in the text; its whole text is in the log (-o json).
        plain = entry.command if entry.command and "-c" not in entry.command else []
        words = [entry.text, " ".join(plain)]
        words += [f"exit {entry.exit_status}"] if entry.exit_status is not None else []
        words += [f"({entry.reason})"] if entry.reason else []
        cells = (
            entry.time, entry.operator, entry.node or "", entry.action or "", entry.result or entry.what,
            "  ".join(w for w in words if w),
        )  # fmt: skip
        table.add_row(*(Text(clean(c)) for c in cells))
    return table
