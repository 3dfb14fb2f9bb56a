"""`haconsole node abort NODE` and `take-over NODE`: what another console began is ended, or gone on with, from here."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from haconsole.cli import output
from haconsole.cli.exits import Exit
from haconsole.cli.node import code
from haconsole.cli.operating import operated
from haconsole.cli.steps import Steps, stoppable, typed
from haconsole.cli.times import local
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec
    from haconsole.operations.job import Result
    from haconsole.runtime.executor import Report
    from haconsole.runtime.operate import Operate
    from haconsole.runtime.take_over import Found, NothingError, TakeOver, TakeWords

_OTHERS: Final = {
    "interface": "--interface", "until_word": "--until", "wait_idle": "--wait-idle", "phrase": "--phrase",
    "outside_window": "--outside-window", "overrides": "--override",
}  # fmt: skip
"""Options of actions that disturb: what restores service, or goes on, needs none of them."""


def taken_over(ctx: click.Context, spec: ClusterSpec, options: dict[str, object]) -> int:
    """Returns the exit code. Raises: click.UsageError."""
    action = str(options["action"])
    for name, word in _OTHERS.items():
        if options[name]:
            raise click.UsageError(f"{word} is not for {action}")
    if action == "abort" and (options["revert_after"] is not None or options["leave"]):
        raise click.UsageError("--revert-after and --leave are for take-over: an abort puts back now")
    words = _words(spec, options, read_only=bool(ctx.obj.get("read_only")))
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    confirm = options["confirm"]
    return runner(
        _run(
            spec, words, form=str(options["form"]), dry_run=bool(options["dry_run"]),
            confirm=None if confirm is None else str(confirm),
        )
    )  # fmt: skip


def _words(spec: ClusterSpec, options: dict[str, object], *, read_only: bool) -> TakeWords:
    from haconsole.operations.actions import deadline
    from haconsole.operations.take_over import Way
    from haconsole.runtime.take_over import TakeWords

    def text(name: str) -> str | None:
        value = options[name]
        return None if value is None else str(value)

    given = options["revert_after"]
    wanted = float(given) if isinstance(given, (int, float)) else None
    try:
        if wanted is not None:
            deadline(wanted)
    except ValueError as error:
        raise click.UsageError(f"--revert-after: {error}") from None
    return TakeWords(
        way=Way(str(options["action"])), node=str(options["node"]), operator=getpass.getuser(),
        host=os.uname().nodename,
        wanted_s=wanted, leave=bool(options["leave"]),
        reason=text("reason"), ticket=text("ticket"), named=text("break_lock"), read_only=read_only or spec.read_only,
    )  # fmt: skip


async def abort_anyway(spec: ClusterSpec, words: TakeWords, *, form: str) -> int:
    """`words` is an abort: of whatever the node tells of, though its console lives. Returns the exit code."""
    return await _run(spec, words, form=form, dry_run=False, confirm=words.node, anyway=True)


async def _run(
    spec: ClusterSpec, words: TakeWords, *, form: str, dry_run: bool, confirm: str | None, anyway: bool = False
) -> int:
    from haconsole.runtime.take_over import NothingError, TakeOver

    async def act(operate: Operate) -> int:
        try:
            return await _act(TakeOver(operate), words, form=form, dry_run=dry_run, confirm=confirm, anyway=anyway)
        except NothingError as error:
            return _nothing(error, words, form)

    return await operated(spec, words.node, confirm, act)


async def _act(
    take_over: TakeOver, words: TakeWords, *, form: str, dry_run: bool, confirm: str | None, anyway: bool
) -> int:
    """anyway: what is found is taken by its name, unasked."""
    from haconsole.operations.job import Result
    from haconsole.operations.plan import described
    from haconsole.operations.take_over import question

    progress = output.Progress()
    progress.show("reading every node …")
    await take_over.ready()
    progress.show("asking what is under way …")
    try:
        found = await take_over.prepare(words)
    finally:
        progress.clear()
    if anyway:
        found = take_over.named(found, found.left.lock_name)
    output.talk(question(found.taking, found.plan, local))
    if found.left.node != words.node:
        what = "only its lock is left of it, on" if found.left.only_locked else "it acts on"
        told = f"haconsole: {what} {found.left.node}: haconsole node {words.way.value} {found.left.node}"
        output.talk(f"{told}. Nothing was touched.")
        return int(Exit.REFUSED)
    if dry_run:
        _document(found, None, "dry run", form, planned=described(found.plan.steps))
        return int(Exit.REFUSED if found.plan.refused else Exit.DONE)
    if found.plan.refused:
        take_over.refused(found)
        guards = ", ".join(g.id for g in found.plan.refused)
        return _document(found, Result.REFUSED, f"refused by {guards}: nothing was touched", form)
    if confirm is None and not await typed(words.node):
        output.talk(f"haconsole: not confirmed, nothing was touched (--confirm {words.node} where nobody can be asked)")
        return int(Exit.USAGE)
    steps = Steps()
    with stoppable(steps) as started:
        report = await take_over.carry_out(found, steps.told, started)
    steps.progress.clear()
    return _document(found, report.result, report.text, form, report)


def _document(
    found: Found,
    result: Result | None,
    text: str,
    form: str,
    report: Report | None = None,
    *,
    planned: tuple[str, ...] = (),
) -> int:
    """Print how it ended; returns the exit code."""
    from haconsole.operations.guards_context import Guard
    from haconsole.report.action import action_document

    words, look_at = found.words, report.look_at if report is not None else ()
    if form == "json":
        judged = [g for g in report.guards if isinstance(g, Guard)] if report is not None else []
        output.document(
            action_document(
                operation=found.operation, action=words.way.value, node=found.left.node,
                operator=f"{words.operator}@{words.host}", ticket=words.ticket, result=result, text=text,
                look_at=look_at, guards=judged or found.plan.guards, predicted=found.plan.predicted,
                steps=report.steps if report is not None else (), planned=planned,
                before=report.before if report is not None else None,
                after=report.after if report is not None else None,
            )
        )  # fmt: skip
    elif result is None:
        for line in planned:
            output.data(line)
    else:
        output.data(f"{result.value}: {clean(text)}")
        for place in look_at:
            output.data(f"  look at: {clean(place)}")
    return int(Exit.DONE) if result is None else code(result)


def _nothing(error: NothingError, words: TakeWords, form: str) -> int:
    """There is nothing to be taken over; for an abort all is as it should be, unless the node is drained."""
    from haconsole.operations.job import Result
    from haconsole.operations.take_over import Way
    from haconsole.report.action import action_document

    well = words.way is Way.ABORT and not error.drained
    result = Result.DONE if well else Result.REFUSED
    if form == "json":
        output.document(
            action_document(
                operation="", action=words.way.value, node=words.node, operator=f"{words.operator}@{words.host}",
                ticket=words.ticket, result=result, text=str(error),
            )
        )  # fmt: skip
    else:
        output.data(f"{result.value}: {clean(str(error))}")
    return code(result)
