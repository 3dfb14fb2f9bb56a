"""What `haconsole drill`'s commands share: a watched cluster, the report, the outcome on stdout."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haconsole.cli import output, setup
from haconsole.model.drill import DrillRecord
from haconsole.parse.text import clean

if TYPE_CHECKING:
    import click

    from haconsole.io.drill_file import DrillFolder
    from haconsole.model.spec import ClusterSpec
    from haconsole.runtime.assemble import Parts
    from haconsole.runtime.monitor import Monitor

_SIGNS: Final = {True: "●", False: "✖", None: "?"}


def drill_folder(ctx: click.Context, spec: ClusterSpec | None) -> DrillFolder:
    """Of a demo beside its key, which goes with it: its cluster's name may be a real one's."""
    from haconsole.io.drill_file import ENVIRONMENT, DrillFolder, default_folder

    key = None if spec is None else spec.nodes[0].ssh.identity_file
    if ctx.obj.get("clusters") is not None and key is not None and not os.environ.get(ENVIRONMENT):
        return DrillFolder(key.parent / "drills")
    return DrillFolder(default_folder())


@asynccontextmanager
async def followed(
    spec: ClusterSpec, made: Callable[[Monitor, Parts], object] = lambda m, p: None
) -> AsyncIterator[tuple[Monitor, Parts]]:
    """One cluster, watched as long as the block lasts. made: called before anything is read."""
    from haconsole.runtime.assemble import production
    from haconsole.runtime.monitor import Monitor, run_all

    parts = production(setup.TerminalPrompter())
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    made(monitor, parts)
    following = asyncio.ensure_future(run_all([monitor], parts.connector))
    try:
        yield monitor, parts
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


# --- outcome ----------------------------------------------------------------------------------------------


def write_report(record: DrillRecord, folder: DrillFolder, target: Path | None) -> None:
    """The report of `record`, whose run is in `folder`, to `target`; None: none is wanted. What fails is told."""
    if target is None:
        return
    from haconsole.report import drill_files

    try:
        drill_files.write(record, _pcap(record, folder), target)
    except (drill_files.DrillFilesError, OSError) as error:
        output.talk(
            f"haconsole: the report could not be written to {target}: {error}; "
            f"`haconsole drill report {record.id} --report DIR` tries again"
        )
        return
    output.talk(f"haconsole: the report is in {target}")


def _pcap(record: DrillRecord, folder: DrillFolder) -> bytes | None:
    """What was recorded of the wire; None: nothing, or it cannot be read."""
    from haconsole.io.drill_file import DrillFileError

    try:
        return folder.run(record.id).pcap()
    except DrillFileError:
        return None


def show(record: DrillRecord, folder: DrillFolder, form: str) -> None:
    """The outcome, on stdout: `haconsole.drill/1` as its report has it, or claims and figures for a person.

    folder: of the run, in which its capture is.
    """
    if form == "json":
        from haconsole.report.drill import document
        from haconsole.report.drill_files import CAPTURE

        output.document(document(record, capture=None if _pcap(record, folder) is None else CAPTURE))
        return
    result = "?" if record.result is None else record.result.value
    output.data(f"{result}: {clean(record.text)}")
    for phase, claims in (
        ("before", record.hypothesis.before),
        ("during", record.hypothesis.during),
        ("after", record.hypothesis.after),
    ):
        for claim in claims:
            if phase != "before" or claim.ok is not True:
                output.data(f"  {_SIGNS[claim.ok]} {phase}: {clean(claim.text)}: {clean(claim.evidence)}")
    from haconsole.report import drill_measured, drill_words

    lacking = {(m.vip, m.figure): m.why for m in drill_measured.missing(record)}
    for row in drill_words.compared(record):
        if row.measured != "–":
            words = row.words or clean(lacking.get((row.vip, row.figure), ""))
            judged = f", {words}" if words else ""
            told = f"{row.vip} {row.figure}: {row.measured}{row.error}"
            output.data(f"  {_SIGNS[row.ok]} {told} (predicted: {row.predicted}){judged}")
    for place in record.look_at:
        output.data(f"  look at: {clean(place)}")
    output.data(f"  id: {record.id}")
