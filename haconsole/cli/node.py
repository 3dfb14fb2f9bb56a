"""`haconsole node ACTION NODE`: one guarded action, from the guards to the verified end."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, overrides, setup
from haconsole.cli.exits import Exit
from haconsole.cli.operating import operated
from haconsole.cli.steps import Steps, stoppable, typed
from haconsole.cli.times import SpanType, until
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.model.spec import ClusterSpec
    from haconsole.operations.job import Result
    from haconsole.runtime.executor import Report
    from haconsole.runtime.operate import Operate, Prepared, Words

ACTIONS = (
    "drain", "undrain", "keepalived-stop", "keepalived-start", "keepalived-restart", "keepalived-reload",
    "squid-stop", "squid-start", "squid-restart", "link-down", "link-up", "garp", "abort", "take-over",
)  # fmt: skip


@click.command(
    "node",
    epilog="Examples: haconsole node drain proxy-serv01 --reason 'kernel update' --until 23:30; "
    "haconsole node link-down proxy-serv01 --interface public --revert-after 1m --dry-run; "
    "haconsole node abort proxy-serv01 --confirm proxy-serv01",
)
@click.argument("action", type=click.Choice(ACTIONS), metavar="ACTION")
@click.argument("node", metavar="NODE")
@click.option("--interface", help="Of link-down and link-up.", metavar="lan|public|NAME")
@click.option("--dry-run", is_flag=True, help="Guards, forecast and every command line; nothing is touched.")
@click.option("--confirm", help="Instead of the question: the node's name.", metavar="NODE")
@click.option(
    "--revert-after",
    type=SpanType(),
    help="The node puts it back after this, rounded up to 15 or 30 s, 1, 2, 5, 10, 30 min, 1, 2, 4 or 8 h.",
    metavar="2m",
)
@click.option(
    "--until", "until_word", help="End of a drain, rounded up to a fixed time: HH:MM local, RFC 3339.", metavar="TIME"
)
@click.option("--wait-idle", type=SpanType(), help="Wait so long for open connections to end first.", metavar="5m")
@click.option("--reason", help="Why: for the drain note and the audit log.", metavar="TEXT")
@click.option("--ticket", help="The change's number, for the audit log.", metavar="ID")
@click.option("--outside-window", help="Go on outside of the maintenance windows; why.", metavar="REASON")
@overrides.option
@click.option("--phrase", help="What the guard of the last healthy node asks to be typed.", metavar="TEXT")
@click.option(
    "--break-lock", help="Take over from this operation; of abort and take-over: its console may live.", metavar="ID"
)
@click.option("--leave", is_flag=True, help="Of take-over: give it back to the node's own timer.")
@click.option("-o", "form", type=click.Choice(["text", "json"]), default="text", help="What to print.")
@click.option("--cluster", "cluster", help="The node's cluster.", metavar="NAME")
@click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
@click.pass_context
def command(ctx: click.Context, /, **options: object) -> None:
    """Disturb a node, or bring it back, so that it heals itself whatever happens to this console.

    \b
    drain, undrain                  take the VIPs away; give the node back
    keepalived-stop|start|restart|reload
    squid-stop|start|restart
    link-down, link-up              with --interface
    garp                            announce the VIPs that the node holds
    abort, take-over                end, or go on with, what another console began there

    Waits until the action is over; Ctrl-C puts everything back. Exit code: 0 done, 1 failed, 2 a wrong
    call or not confirmed, 3 refused by a guard (nothing was touched), 4 stopped half-way and put back,
    5 not verified (says what to look at).
    """
    ctx.obj.update({k: options[k] for k in ("cluster", "config") if options[k] is not None})
    spec = cluster_of(setup.clusters(ctx), str(options["node"]))
    if options["action"] in {"abort", "take-over"}:
        from haconsole.cli.node_take_over import taken_over

        ctx.exit(taken_over(ctx, spec, options))
    if options["leave"]:
        raise click.UsageError("--leave is for take-over")
    words = _words(spec, options, read_only=bool(ctx.obj.get("read_only")))
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    confirm = options["confirm"]
    ctx.exit(
        runner(
            _run(
                spec, words, form=str(options["form"]), dry_run=bool(options["dry_run"]),
                confirm=None if confirm is None else str(confirm),
            )
        )
    )  # fmt: skip


def cluster_of(clusters: Sequence[ClusterSpec], node: str) -> ClusterSpec:
    """The cluster that has the node. Raises: click.exceptions.Exit."""
    from difflib import get_close_matches

    found = [c for c in clusters if any(n.name == node for n in c.nodes)]
    if len(found) == 1:
        return found[0]
    if found:
        output.talk(
            f"haconsole: several clusters have a node {node}; say --cluster {' or '.join(c.name for c in found)}"
        )
    else:
        names = [n.name for c in clusters for n in c.nodes]
        near = get_close_matches(node, names, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
        output.talk(f"haconsole: there is no node {clean(node)}; {hint}")
    raise click.exceptions.Exit(int(Exit.USAGE))


def _words(spec: ClusterSpec, options: dict[str, object], *, read_only: bool) -> Words:
    from haconsole.io.clock import SystemClock
    from haconsole.operations.actions import Kind
    from haconsole.runtime.operate import Words

    def text(name: str) -> str | None:
        value = options[name]
        return None if value is None else str(value)

    def span(name: str) -> float | None:
        value = options[name]
        return float(value) if isinstance(value, (int, float)) else None

    now = SystemClock().now()
    wanted, ends = span("revert_after"), None
    if (word := text("until_word")) is not None:
        if options["action"] != "drain" or wanted is not None:
            raise click.UsageError("--until is for a drain, and instead of --revert-after")
        try:
            end = until(word, now)
        except ValueError as error:
            raise click.UsageError(f"--until: {error}") from None
        wanted, ends = end - now, datetime.fromtimestamp(end, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Words(
        kind=Kind(str(options["action"])), node=str(options["node"]), operator=getpass.getuser(),
        host=os.uname().nodename, interface=text("interface"), wanted_s=wanted, until=ends,
        wait_idle_s=span("wait_idle"), reason=text("reason"), ticket=text("ticket"),
        outside_window=text("outside_window"), overrides=overrides.overrides(options["overrides"]),
        phrase=text("phrase"), break_lock=text("break_lock"), read_only=read_only or spec.read_only,
    )  # fmt: skip


async def _run(spec: ClusterSpec, words: Words, *, form: str, dry_run: bool, confirm: str | None) -> int:
    return await operated(
        spec, words.node, confirm, lambda operate: _act(operate, words, form=form, dry_run=dry_run, confirm=confirm)
    )


async def _act(operate: Operate, words: Words, *, form: str, dry_run: bool, confirm: str | None) -> int:
    from haconsole.operations.job import Result

    progress = output.Progress()
    progress.show("reading every node …")
    await operate.ready()
    progress.show("asking what the guards need …")
    try:
        prepared = await operate.prepare(words)
    finally:
        progress.clear()
    output.talk(prepared.plan.question)
    if dry_run:
        _show_dry(prepared, form)
        return int(Exit.REFUSED if prepared.plan.refused else Exit.DONE)
    if prepared.plan.refused:
        operate.refused(prepared)
        guards = ", ".join(g.id for g in prepared.plan.refused)
        return _show(prepared, Result.REFUSED, f"refused by {guards}: nothing was touched", form)
    if confirm is None and not await typed(words.node):
        output.talk(f"haconsole: not confirmed, nothing was touched (--confirm {words.node} where nobody can be asked)")
        return int(Exit.USAGE)
    steps = Steps()
    with stoppable(steps) as started:
        report = await operate.carry_out(prepared, steps.told, started)
    steps.progress.clear()
    return _show(prepared, report.result, report.text, form, report)


def _show_dry(prepared: Prepared, form: str) -> None:
    from haconsole.operations.plan import described
    from haconsole.report.action import action_document

    plan, words = prepared.plan, prepared.words
    lines = described(plan.steps)
    if form == "json":
        output.document(
            action_document(
                operation=prepared.operation, action=words.kind.value, node=words.node,
                operator=f"{words.operator}@{words.host}", ticket=words.ticket, result=None, text="dry run",
                guards=plan.guards, predicted=plan.predicted, planned=lines,
            )
        )  # fmt: skip
        return
    for line in lines:
        output.data(line)


def _show(prepared: Prepared, result: Result, text: str, form: str, report: Report | None = None) -> int:
    """Print how it ended; returns the exit code."""
    from haconsole.operations.guards_context import Guard
    from haconsole.report.action import action_document

    words, look_at = prepared.words, report.look_at if report is not None else ()
    if form == "json":
        judged = [g for g in report.guards if isinstance(g, Guard)] if report is not None else []
        output.document(
            action_document(
                operation=prepared.operation, action=words.kind.value, node=words.node,
                operator=f"{words.operator}@{words.host}", ticket=words.ticket, result=result, text=text,
                look_at=look_at, guards=judged or prepared.plan.guards, predicted=prepared.plan.predicted,
                steps=report.steps if report is not None else (),
                before=report.before if report is not None else None,
                after=report.after if report is not None else None,
            )
        )  # fmt: skip
    else:
        output.data(f"{result.value}: {clean(text)}")
        for place in look_at:
            output.data(f"  look at: {clean(place)}")
    return code(result)


def code(result: Result) -> int:
    """The exit code of a result, as README.md says."""
    return int({
        "done": Exit.DONE, "failed": Exit.FAILED, "refused": Exit.REFUSED, "reverted": Exit.REVERTED,
        "unverified": Exit.UNVERIFIED,
    }[result.value])  # fmt: skip
