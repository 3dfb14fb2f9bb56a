"""`haconsole drill`: failover drills, predicted, carried out, measured, and their evidence."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haconsole.cli import output, setup
from haconsole.cli.exits import Exit
from haconsole.cli.times import SpanType
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haconsole.io.drill_file import DrillFolder
    from haconsole.model.drill import DrillRecord
    from haconsole.model.spec import ClusterSpec
    from haconsole.operations.drills.parts import Drill
    from haconsole.runtime.drill_live import Wish


@click.group(
    "drill",
    epilog="Examples: haconsole drill run revert-only --node proxy-serv01; "
    "haconsole drill run lan-link-down public-link-down squid-stop --node proxy-serv01 --report ./evidence",
)
def command() -> None:
    """Failover drills: predicted before, measured during, put back after, with evidence for the change ticket.

    Each injects by a guarded action, whose revert is armed on the node first: whatever happens to this console, the
    node puts it back. Own drills: --file, TOML, the same parts.
    """


_CONFIG = click.option("--config", "config", type=click.Path(), help="The configuration file.", metavar="FILE")
_CLUSTER = click.option("--cluster", "cluster", help="The cluster.", metavar="NAME")
_FORM = click.option("-o", "form", type=click.Choice(["text", "json"]), default="text", help="What to print.")
_TAKE = click.option("--break-lock", help="Take it from this operation, whose console lives, or may.", metavar="ID")
_FILE = click.option("--file", "file", type=click.Path(dir_okay=False), help="Own drills, TOML.", metavar="FILE")


@command.command("list", epilog="Example: haconsole drill list --file our-drills.toml")
@_FILE
@_FORM
@_CLUSTER
@click.pass_context
def list_(ctx: click.Context, file: str | None, form: str, cluster: str | None) -> None:
    """Which drills there are, and how each went last time on each node. No node is asked."""
    from haconsole.cli.drill_list import list_drills

    ctx.exit(list_drills(_drills(file), _past(ctx), cluster=cluster, form=form))


@command.command(
    "run",
    epilog="Example: haconsole drill run squid-stop --node proxy-serv01 --hold 10s --confirm proxy-serv01 -o json",
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--node", "node", required=True, help="On which node.", metavar="NODE")
@click.option("--hold", type=SpanType(), help="How long it is held, from the takeover on.", metavar="10s")
@click.option("--confirm", help="Instead of the question: the node's name.", metavar="NODE")
@click.option("--ticket", help="The change's number, for the report and the audit log.", metavar="ID")
@click.option("--reason", help="Why: for the audit log.", metavar="TEXT")
@click.option("--report", "report", type=click.Path(file_okay=False), help="Write the report here.", metavar="DIR")
@click.option("--dry-run", is_flag=True, help="Guards, prediction and every command line; nothing is touched.")
@click.option("--outside-window", help="Go on outside of the maintenance windows; why.", metavar="REASON")
@click.option(
    "--override", "overrides", multiple=True, metavar="GUARD=REASON", help="Go on against this guard; why. Several."
)
@click.option("--phrase", help="What the guard of the last healthy node asks to be typed.", metavar="TEXT")
@click.option("--break-lock", help="Take over from this operation, whose console is gone.", metavar="ID")
@_FILE
@_FORM
@_CLUSTER
@_CONFIG
@click.pass_context
def run(ctx: click.Context, /, **options: object) -> None:
    """Carry a drill out, or several one after the other, each only if the one before left the cluster healthy.

    Waits until it is over; Ctrl-C puts everything back. Exit code: passed 0, deviated 1, a wrong call or not
    confirmed 2, refused 3, aborted 4, failed 1, or 5 where the state could not be verified.
    """
    from haconsole.cli.drill_run import run_drills
    from haconsole.cli.drill_shared import drill_folder

    _remember(ctx, options)
    drills = _drills(_text(options["file"]))
    names = options["names"] if isinstance(options["names"], tuple) else ()
    chosen = [_named(drills, str(n)) for n in names]
    spec = _cluster_of(ctx, str(options["node"]))
    confirm = _text(options["confirm"])
    if confirm is not None and confirm != options["node"]:
        output.talk(f"haconsole: --confirm says {clean(confirm)}, the node is {options['node']}: nothing was touched")
        ctx.exit(int(Exit.USAGE))
    wishes = [_wish(spec, drill, options, read_only=bool(ctx.obj.get("read_only"))) for drill in chosen]
    report = _text(options["report"])
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    ctx.exit(
        runner(
            run_drills(
                spec, wishes, drill_folder(ctx, spec), form=str(options["form"]), confirm=confirm,
                dry_run=bool(options["dry_run"]), report=None if report is None else Path(report),
            )
        )
    )  # fmt: skip


@command.command("resume", epilog="Example: haconsole drill resume")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--wait", is_flag=True, help="Leave it to the node's own timer instead of asking it to put back now.")
@click.option("--report", "report", type=click.Path(file_okay=False), help="Write the report here.", metavar="DIR")
@_TAKE
@_FORM
@_CLUSTER
@_CONFIG
@click.pass_context
def resume(ctx: click.Context, /, id_: str | None, **options: object) -> None:
    """End a drill whose console died: the node puts back, what it put back is verified, an honest report is written.

    Exit code: 4 all is as it was, 5 not verified (says what to look at), 2 there is none, 3 a living console has it
    (`haconsole node take-over`), or its node is in another operation: nothing was touched.
    """
    from haconsole.cli.drill_end import resume_drill

    _remember(ctx, options)
    _finish(ctx, resume_drill, id_, options, wait=bool(options["wait"]), named=_text(options["break_lock"]))


@command.command("abort", epilog="Examples: haconsole drill abort; haconsole drill abort --node proxy-serv01")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--node", "node", help="Of a drill that no console here knows: have NODE put back now.", metavar="NODE")
@_TAKE
@_FORM
@_CLUSTER
@_CONFIG
@click.pass_context
def abort(ctx: click.Context, /, id_: str | None, **options: object) -> None:
    """End a drill now and have everything put back: one of another console of yours, of a dead one, of anybody.

    The console that carries it out is asked to; where it is gone this one does it. Exit code as of `resume`.
    """
    from haconsole.cli.drill_end import abort_drill, abort_on_node

    _remember(ctx, options)
    node = _text(options["node"])
    if node is not None:
        if id_ is not None or options["break_lock"] is not None:
            raise click.UsageError("--node excludes ID and --break-lock: it asks nobody whose the drill is")
        runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
        read_only = bool(ctx.obj.get("read_only"))
        ctx.exit(runner(abort_on_node(_cluster_of(ctx, node), node, form=str(options["form"]), read_only=read_only)))
    _finish(ctx, abort_drill, id_, options, named=_text(options["break_lock"]))


@command.command("report", epilog="Examples: haconsole drill report; haconsole drill report --from ./evidence -o json")
@click.argument("ids", nargs=-1, metavar="[ID ...]")
@click.option("--last", type=click.IntRange(1, 1000), default=20, help="So many of the newest.", metavar="N")
@click.option("--report", "report", type=click.Path(file_okay=False), help="Write its report anew.", metavar="DIR")
@click.option("--from", "place", type=click.Path(file_okay=False), help="Reports in this folder.", metavar="DIR")
@_FORM
@_CLUSTER
@_CONFIG
@click.pass_context
def report(ctx: click.Context, /, **options: object) -> None:
    """Past runs: list them, compare them. No node is asked.

    Is failover getting slower? Without ID the newest runs; with one ID and --report DIR its report is written anew.
    """
    from haconsole.cli.drill_report import report_drills, report_from

    _remember(ctx, options)
    ids = tuple(str(i) for i in options["ids"]) if isinstance(options["ids"], tuple) else ()
    target, place = (None if options[k] is None else Path(str(options[k])) for k in ("report", "place"))
    form, color = str(options["form"]), not ctx.obj.get("no_color")
    if (target is not None and len(ids) != 1) or (place is not None and (ids or target is not None)):
        raise click.UsageError("--report is for one ID, --from for none")
    if place is not None:
        ctx.exit(report_from(place, form=form, color=color))
    last = options["last"] if isinstance(options["last"], int) else 20
    ctx.exit(
        report_drills(
            _past(ctx), ids, last=last, cluster=_text(options["cluster"]), form=form, target=target, color=color
        )
    )  # fmt: skip


# --- what is shared ---------------------------------------------------------------------------------------


def _past(ctx: click.Context) -> DrillFolder:
    """Where past runs are; no configuration is needed."""
    from haconsole.cli.drill_shared import drill_folder

    return drill_folder(ctx, None if ctx.obj.get("clusters") is None else setup.clusters(ctx)[0])


def _remember(ctx: click.Context, options: Mapping[str, object]) -> None:
    ctx.obj.update({k: options[k] for k in ("cluster", "config") if options.get(k) is not None})


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _drills(file: str | None) -> Mapping[str, Drill]:
    """The catalogue's, and those of the file. Raises: click.UsageError."""
    from haconsole.operations.drills.own import OwnDrillsError, own_drills
    from haconsole.operations.drills.parts import CATALOGUE

    if file is None:
        return CATALOGUE
    try:
        own = own_drills(Path(file).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    except OwnDrillsError as error:
        raise click.UsageError(f"{file}: {error}") from None
    if both := sorted(set(own) & set(CATALOGUE)):
        raise click.UsageError(f"{file}: {', '.join(both)}: that is a drill of haconsole's own; give it another name")
    return {**CATALOGUE, **own}


def _named(drills: Mapping[str, Drill], name: str) -> Drill:
    from difflib import get_close_matches

    if name in drills:
        return drills[name]
    near = get_close_matches(name, drills, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(drills)}"
    raise click.UsageError(f"there is no drill {clean(name)}; {hint}")


def _cluster_of(ctx: click.Context, node: str) -> ClusterSpec:
    from haconsole.cli.node import cluster_of

    return cluster_of(setup.clusters(ctx), node)


def _wish(spec: ClusterSpec, drill: Drill, options: Mapping[str, object], *, read_only: bool) -> Wish:
    from haconsole.runtime.drill_live import Wish

    overrides: dict[str, str] = {}
    given = options["overrides"]
    for each in given if isinstance(given, tuple) else ():
        guard, sign, reason = str(each).partition("=")
        if not sign or not reason.strip():
            raise click.UsageError(f"--override {guard}=REASON: the reason is missing")
        overrides[guard] = reason
    hold = options["hold"]
    if isinstance(hold, float) and not hold > 0:
        raise click.UsageError("--hold: a drill is held for more than nothing")
    return Wish(
        drill=drill, node=str(options["node"]), operator=getpass.getuser(), host=os.uname().nodename,
        hold_s=float(hold) if isinstance(hold, (int, float)) else None, ticket=_text(options["ticket"]),
        reason=_text(options["reason"]), outside_window=_text(options["outside_window"]), overrides=overrides,
        phrase=_text(options["phrase"]), break_lock=_text(options["break_lock"]),
        read_only=read_only or spec.read_only,
    )  # fmt: skip


def _finish(
    ctx: click.Context, how: Callable[..., object], id_: str | None, options: Mapping[str, object], **more: object
) -> None:
    """Resume or abort the run that is meant. Raises: click.exceptions.Exit."""
    from haconsole.cli.drill_shared import drill_folder
    from haconsole.io.drill_file import DrillFileError

    specs = setup.clusters(ctx)
    folder = drill_folder(ctx, specs[0])
    try:
        open_ = folder.unfinished()
        chosen = folder.run(id_) if id_ is not None else next(iter(open_), None)
        if chosen is None or chosen.over:
            what = f"drill {chosen.id} is over" if chosen is not None else f"no drill is under way in {folder.path}"
            output.talk(f"haconsole: {what}: nothing to do")
            if chosen is None:
                output.talk("  one that was begun on another machine: haconsole drill abort --node NODE")
            ctx.exit(int(Exit.USAGE))
    except DrillFileError as error:
        output.talk(f"haconsole: {error}")
        ctx.exit(int(Exit.USAGE))
    if len(open_) > 1 and id_ is None:
        output.talk(f"haconsole: {len(open_)} drills are not over; this is the newest, {chosen.id}")
    report = _text(options.get("report"))
    runner: Callable[..., int] = ctx.obj.get("runner", asyncio.run)
    ctx.exit(
        runner(how(specs, chosen, form=str(options["form"]), report=None if report is None else Path(report), **more))
    )


def code(record: DrillRecord) -> int:
    """The exit code of a record (contract)."""
    from haconsole.model.drill import Verdict

    codes = {
        Verdict.PASSED: Exit.DONE, Verdict.DEVIATED: Exit.FAILED, Verdict.ABORTED: Exit.REVERTED,
        Verdict.REFUSED: Exit.REFUSED,
    }  # fmt: skip
    if record.result is None or record.result is Verdict.FAILED:
        return int(Exit.UNVERIFIED if record.look_at or record.result is None else Exit.FAILED)
    return int(codes[record.result])
