"""`haconsole drill resume` and `abort` at work."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haconsole.cli import drill, output, setup
from haconsole.cli.drill_shared import followed, show, write_report
from haconsole.cli.exits import Exit
from haconsole.cli.steps import Steps, stoppable
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.io.drill_file import Run
    from haconsole.model.spec import ClusterSpec

ABORTED_S: Final = 180.0
"""A console that was asked to abort is done within this: a revert, and what it puts back is verified."""


def _spec_of(specs: Sequence[ClusterSpec], cluster: str) -> ClusterSpec | None:
    return next((s for s in specs if s.name == cluster), None)


async def resume_drill(
    specs: Sequence[ClusterSpec],
    run: Run,
    *,
    form: str,
    report: Path | None,
    wait: bool = False,
    named: str | None = None,
) -> int:
    """named: the operation that it is taken from (`--break-lock`). Returns the exit code."""
    from haconsole.io.drill_file import DrillFileError, DrillFolder
    from haconsole.runtime.drill_resume import HinderedError, Resume, Who
    from haconsole.runtime.operate import Operate

    try:
        if run.alive:
            output.talk(
                f"haconsole: drill {run.id} is under way in another console; `haconsole drill abort {run.id}` ends it"
            )
            return int(Exit.REFUSED)
        story = run.story()
    except DrillFileError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.FAILED)
    spec = _spec_of(specs, story.record.cluster)
    if spec is None:
        output.talk(
            f"haconsole: drill {run.id} was on cluster {clean(story.record.cluster)}, which is not configured here"
        )
        return int(Exit.USAGE)
    made: list[Resume] = []
    audit = setup.audit_file()
    try:
        async with followed(
            spec, lambda monitor, parts: made.append(Resume(monitor, parts.connector, parts.clock, audit, run))
        ) as (monitor, parts):
            steps = Steps()
            steps.progress.show("reading every node …")
            await Operate(monitor, parts.connector, parts.clock, audit).ready()
            steps.progress.clear()
            with stoppable(steps):
                record = await made[0].finish(
                    Who(operator=getpass.getuser(), host=os.uname().nodename), steps.told, wait=wait,
                    named=named,
                )  # fmt: skip
            steps.progress.clear()
    except HinderedError as error:
        output.talk(f"haconsole: {clean(str(error))}. Nothing was touched")
        for way in error.ways:
            output.talk(f"  {clean(way)}")
        return int(Exit.REFUSED)
    except DrillFileError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.FAILED)
    write_report(record, DrillFolder(run.path.parent), report)
    show(record, DrillFolder(run.path.parent), form)
    return drill.code(record)


async def abort_drill(
    specs: Sequence[ClusterSpec], run: Run, *, form: str, report: Path | None, named: str | None = None
) -> int:
    """Ask its console, or end it here; named as of `resume_drill`. Returns the exit code."""
    from haconsole.io.drill_file import DrillFileError, DrillFolder

    if not run.alive:
        return await resume_drill(specs, run, form=form, report=report, named=named)
    try:
        run.ask_to_abort()
        output.talk(f"haconsole: the console that carries out {run.id} was asked to put everything back …")
        loop = asyncio.get_running_loop()
        until = loop.time() + ABORTED_S
        while loop.time() < until and not run.over:
            await asyncio.sleep(0.3)
            if not run.alive and not run.over:
                output.talk("haconsole: its console has died meanwhile")
                return await resume_drill(specs, run, form=form, report=report, named=named)
        record = run.record()
    except DrillFileError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.FAILED)
    if record is None:
        output.talk(
            f"haconsole: {run.id} was not over after {ABORTED_S:.0f} s; its node puts back by itself at its deadline"
        )
        return int(Exit.UNVERIFIED)
    show(record, DrillFolder(run.path.parent), form)
    return drill.code(record)


async def abort_on_node(spec: ClusterSpec, node: str, *, form: str, read_only: bool) -> int:
    """As `haconsole node abort`, but whoever's it is, and unasked; returns the exit code."""
    from haconsole.cli.node_take_over import abort_anyway
    from haconsole.operations.take_over import Way
    from haconsole.runtime.take_over import TakeWords

    words = TakeWords(
        way=Way.ABORT, node=node, operator=getpass.getuser(), host=os.uname().nodename, reason="drill abort --node",
        read_only=read_only or spec.read_only,
    )  # fmt: skip
    return await abort_anyway(spec, words, form=form)
