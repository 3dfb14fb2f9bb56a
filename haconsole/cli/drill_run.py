"""`haconsole drill run` at work: prediction and question, progress on stderr, the outcome on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from haconsole.cli import drill, output, setup
from haconsole.cli.drill_shared import followed, show, write_report
from haconsole.cli.exits import Exit
from haconsole.cli.steps import Steps, stoppable, typed
from haconsole.model.drill import DrillRecord, Verdict

if TYPE_CHECKING:
    from haconsole.io.drill_file import DrillFolder
    from haconsole.model.spec import ClusterSpec
    from haconsole.runtime.drill import DrillRun
    from haconsole.runtime.drill_live import Wish
    from haconsole.runtime.executor import Told
    from haconsole.runtime.operate import Prepared


async def run_drills(
    spec: ClusterSpec,
    wishes: Sequence[Wish],
    folder: DrillFolder,
    *,
    form: str,
    confirm: str | None,
    dry_run: bool,
    report: Path | None,
) -> int:
    """One after the other; returns the exit code: 5 where one could not be verified, else that of the first which did
    not pass, or 0."""
    from haconsole.io.drill_file import DrillFileError
    from haconsole.runtime.drill import DrillRun
    from haconsole.runtime.operate import Operate, WordsError

    worst = int(Exit.DONE)
    try:
        async with followed(spec) as (monitor, parts):
            operate = Operate(monitor, parts.connector, parts.clock, setup.audit_file())
            for number, wish in enumerate(wishes):
                run = DrillRun(operate, monitor, parts.clock, folder, wish)
                if number and not dry_run:
                    await run.settled()
                told = await _one(run, operate, form=form, confirm=confirm, dry_run=dry_run)
                if isinstance(told, int):
                    worst = worst or told
                    if dry_run:
                        continue
                    return worst
                write_report(told, folder, None if report is None else _place(report, wish, number, len(wishes)))
                show(told, folder, form)
                code = drill.code(told)
                worst = code if code == Exit.UNVERIFIED else worst or code
                rest = [w.drill.name for w in wishes[number + 1 :]]
                if rest and not healthy(told):
                    output.talk(f"haconsole: {', '.join(rest)}: not begun, since this one did not leave all well")
                    break
    except (WordsError, DrillFileError) as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.USAGE if isinstance(error, WordsError) else Exit.FAILED)
    return worst


def healthy(record: DrillRecord) -> bool:
    """It was carried out to its end, and after it all was as before."""
    carried = record.result in {Verdict.PASSED, Verdict.DEVIATED}
    return carried and all(c.ok is not False for c in record.hypothesis.after)


def _place(report: Path, wish: Wish, number: int, count: int) -> Path:
    return report if count == 1 else report / f"{number + 1}-{wish.drill.name}"


async def _one(run: DrillRun, operate: object, *, form: str, confirm: str | None, dry_run: bool) -> DrillRecord | int:
    """The record, or the exit code of what was not begun."""
    from haconsole.runtime.operate import Operate

    progress = output.Progress()
    if isinstance(operate, Operate):
        progress.show("reading every node …")
        await operate.ready()
    progress.show("asking what the guards need …")
    try:
        prepared = await run.prepare()
    finally:
        progress.clear()
    output.talk(_question(run, prepared))
    if dry_run:
        _show_dry(run, prepared, form)
        return int(Exit.REFUSED if prepared.plan.refused else Exit.DONE)
    if prepared.plan.refused:
        return run.refused()
    if confirm is None and not await typed(run.wish.node):
        output.talk(
            f"haconsole: not confirmed, nothing was touched (--confirm {run.wish.node} where nobody can be asked)"
        )
        return int(Exit.USAGE)
    steps = Steps(lambda: _stop(run))
    with stoppable(steps):
        record = await run.carry_out(lambda told: steps.told(_of_cut(run, told)))
    steps.progress.clear()
    if run.unkept is not None:
        output.talk(f"haconsole: not all of {run.id} is kept: {run.unkept}")
    if isinstance(operate, Operate) and operate.audit_trouble is not None:
        output.talk(f"haconsole: {operate.audit_trouble}")
    return record


def _stop(run: DrillRun) -> None:
    """Ask it to end; where the drill cut the way the node must do it, and when is said at once."""
    run.abort()
    if run.unreached is not None:
        node, left = run.unreached
        when = "" if left is None else f", in {left:.0f} s"
        output.talk(f"{node} cannot be reached, its way is cut: it puts itself back by its own timer{when}")


def _of_cut(run: DrillRun, told: Told) -> Told:
    """A put-back that waits for a node which cannot be asked says so."""
    if told.step != "put-back" or told.ended is not None or run.unreached is None:
        return told
    return replace(told, text=f"{run.unreached[0]} cannot be reached, its way is cut: it puts back by its own timer")


def _question(run: DrillRun, prepared: Prepared) -> str:
    """What is shown before the node's name is typed: prediction and its reasons, then the action's own words."""
    told = run.expected
    lines = [f"Drill {run.drill.name} on {run.wish.node}: {run.drill.about}", ""]
    if told is not None:
        lines += ["Predicted:", *(f"  {p}" for p in predicted_lines(told.predicted, told.stays)), "Because:"]
        lines += [f"  {b}" for b in told.predicted.because] or ["  nothing moves"]
        lines.append("")
    return "\n".join(lines) + prepared.plan.question


def predicted_lines(predicted: object, stays: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each VIP."""
    from haconsole.model.drill import Predicted, Range

    if not isinstance(predicted, Predicted):
        return []

    def words(span: Range | None) -> str:
        if span is None:
            return "not known"
        return f"{span.low:.2f} s or more" if span.high is None else f"{span.low:.2f} to {span.high:.2f} s"

    vips = dict.fromkeys((*predicted.takeover_s, *predicted.outage_s, *predicted.failback_outage_s))
    found = [
        f"{vip}: takeover {words(predicted.takeover_s.get(vip))}, clients lose {words(predicted.outage_s.get(vip))}, "
        f"on the way back {words(predicted.failback_outage_s.get(vip))}"
        for vip in vips
    ]
    return found + [f"{vip}: stays on {node}, clients lose nothing" for vip, node in stays]


def _show_dry(run: DrillRun, prepared: Prepared, form: str) -> None:
    from haconsole.operations.plan import described
    from haconsole.report.drill import document

    lines = described(prepared.plan.steps)
    if form == "json":
        output.document({**document(run.planned()), "planned": list(lines)})
        return
    for line in lines:
        output.data(line)
