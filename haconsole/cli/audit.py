"""`haconsole audit`: what was done from here, by whom, why; and whether the log is whole."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit
from haconsole.parse.text import clean

if TYPE_CHECKING:
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
@click.pass_context
def show(
    ctx: click.Context,
    file: Path | None,
    *,
    form: str,
    last: int,
    operation: str | None,
    node: str | None,
) -> None:
    """The last entries of FILE (default: the log of this user), each day under its date, in local time.

    One line an entry where standard output is no terminal.
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
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for told in _lines(wanted, width):
            output.data(told)
    if file is None and ctx.obj.get("clusters") is not None and not chain.entries:
        output.talk("haconsole: nothing yet: a demo's log begins and ends with the demo")
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
    from haconsole.io.audit_file import AuditError, AuditFile

    if file is not None and not file.exists():
        output.talk(f"haconsole: there is no file {file}")
        ctx.exit(int(Exit.FAILED))
    try:
        return (setup.audit_file() if file is None else AuditFile(file)).read()
    except AuditError as error:
        output.talk(f"haconsole: {error}")
        ctx.exit(int(Exit.FAILED))


def _lines(entries: Sequence[Written], width: int | None) -> Iterator[str]:
    """An entry a line, under its local date and who did it; a reason is said once an operation.

    width: longer ones go on below; None: they do not.
    """
    nodes, actions, results = (_widest(entries, what) for what in (_node, _action, _result))
    above, reasons = "", set[tuple[str | None, str]]()
    for each in entries:
        entry = each.entry
        day, clock = _local(entry.time)
        if above != (above := f"{day}  {clean(entry.operator)}".strip()):
            yield above
        # A script is named by its entry, which is in the text; its whole text is in the log (-o json).
        plain = entry.command if entry.command and "-c" not in entry.command else []
        words = [entry.text, " ".join(plain)]
        words += [f"exit {entry.exit_status}"] if entry.exit_status is not None else []
        if entry.reason and (why := (entry.operation, entry.reason)) not in reasons:
            words.append(f"({entry.reason})")
            reasons.add(why)
        head = f"{clock}  {_node(each):{nodes}}  {_action(each):{actions}}  {_result(each):{results}}"
        told = f"{head}  {clean('  '.join(w for w in words if w))}".rstrip()
        indent = " " * (len(clock) + 2)
        yield from (
            [told]
            if width is None
            else textwrap.wrap(told, max(width, 40), subsequent_indent=indent, break_on_hyphens=False)
        )


def _node(each: Written) -> str:
    return clean(each.entry.node or "")


def _action(each: Written) -> str:
    return clean(each.entry.action or "")


def _result(each: Written) -> str:
    return clean(each.entry.result or each.entry.what)


def _widest(entries: Sequence[Written], what: Callable[[Written], str]) -> int:
    return min(24, max((len(what(e)) for e in entries), default=0))


def _local(time: str) -> tuple[str, str]:
    """(date with the zone, HH:MM:SS) of an entry's time; what is none is told as it is."""
    try:
        here = datetime.fromisoformat(time).astimezone()
    except (ValueError, OverflowError):
        return "", clean(time)
    return f"{here:%Y-%m-%d %Z}", f"{here:%H:%M:%S}"
