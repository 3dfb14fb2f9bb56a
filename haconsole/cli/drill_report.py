"""`haconsole drill report` at work: past runs, from this operator's own folder or from written reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from haconsole.cli import output
from haconsole.cli.drill_shared import show, write_report
from haconsole.cli.exits import Exit

if TYPE_CHECKING:
    from haconsole.io.drill_file import DrillFolder
    from haconsole.report import drill_compare


def report_drills(
    folder: DrillFolder,
    ids: Sequence[str],
    *,
    last: int,
    cluster: str | None,
    form: str,
    target: Path | None,
    color: bool,
) -> int:
    """Past runs; returns the exit code."""
    from haconsole.io.drill_file import DrillFileError
    from haconsole.report import drill_compare

    runs: list[drill_compare.Run] = []
    problems: list[str] = []
    try:
        for run in [folder.run(i) for i in ids] or folder.runs():
            try:
                record = run.record() if run.over else run.story().record
            except DrillFileError as error:
                problems.append(str(error))
                continue
            if record is not None and (cluster is None or record.cluster == cluster):
                runs.append(drill_compare.Run(path=run.path, record=record))
            if not ids and len(runs) == last:
                break
    except DrillFileError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.USAGE)
    if target is not None and runs:
        write_report(runs[0].record, folder, target)
    if len(ids) == 1 and runs:
        show(runs[0].record, folder, form)
        return int(Exit.DONE)
    return _compare(runs, problems, form, color=color)


def report_from(place: Path, *, form: str, color: bool) -> int:
    """Reports that were written to a folder, or to folders in it, are compared; returns the exit code."""
    from haconsole.report import drill_compare
    from haconsole.report.drill_files import DrillFilesError

    try:
        runs, problems = drill_compare.load(place)
    except DrillFilesError as error:
        output.talk(f"haconsole: {error}")
        return int(Exit.USAGE)
    return _compare(runs, problems, form, color=color)


def _compare(runs: Sequence[drill_compare.Run], problems: Sequence[str], form: str, *, color: bool) -> int:
    from haconsole.report import drill_compare

    ordered = sorted(runs, key=lambda r: r.record.started)
    if form == "json":
        output.document(drill_compare.document(ordered, problems))
    else:
        output.draw(drill_compare.table(ordered, problems), color=color)
    return int(Exit.FAILED if problems else Exit.DONE)
