"""`haconsole drill list` at work: which drills there are, and how each went last time on each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.cli import output
from haconsole.cli.exits import Exit
from haconsole.model.drill import DrillRecord
from haconsole.parse.text import clean
from haconsole.report import drill_words as words
from haconsole.report.adverts import stamp

if TYPE_CHECKING:
    from haconsole.io.drill_file import DrillFolder
    from haconsole.operations.drills.parts import Drill

PAST: Final = 200
"""So many of the newest runs are looked at."""


def list_drills(drills: Mapping[str, Drill], folder: DrillFolder, *, cluster: str | None, form: str) -> int:
    """Print them; returns the exit code. cluster: only runs on it; None: on any."""
    runs, problems = last_runs(folder, cluster)
    if form == "json":
        output.document({"drills": [_listed(d, runs.get(d.name, ())) for d in drills.values()]})
    else:
        several = len({r.cluster for found in runs.values() for r in found}) > 1
        for drill in drills.values():
            output.data(f"{drill.name:<20} {drill.about}")
            for record in runs.get(drill.name, ()):
                output.data(f"{'':<20} {_last(record, several=several)}")
            if drill.name not in runs:
                output.data(f"{'':<20} never run, as far as {clean(str(folder.path))} goes")
    for problem in problems:
        output.talk(f"haconsole: {problem}")
    return int(Exit.DONE)


def last_runs(folder: DrillFolder, cluster: str | None) -> tuple[Mapping[str, Sequence[DrillRecord]], list[str]]:
    """(drill -> its last run on each node, the newest first; what could not be read)."""
    from haconsole.io.drill_file import DrillFileError

    found: dict[tuple[str, str, str], DrillRecord] = {}
    problems: list[str] = []
    try:
        for run in folder.runs()[:PAST]:
            try:
                record = run.record() if run.over else run.story().record
            except DrillFileError as error:
                problems.append(str(error))
                continue
            if record is not None and cluster in {None, record.cluster}:
                key = (record.drill, record.cluster, record.node)
                found[key] = max(found.get(key, record), record, key=lambda r: r.started)
    except DrillFileError as error:
        problems.append(str(error))
    told: dict[str, list[DrillRecord]] = {}
    for record in sorted(found.values(), key=lambda r: r.started, reverse=True):
        told.setdefault(record.drill, []).append(record)
    return told, problems


def _listed(drill: Drill, last: Sequence[DrillRecord]) -> dict[str, object]:
    return {
        "name": drill.name, "about": drill.about, "action": drill.kind.value, "interface": drill.interface,
        "hold_s": drill.hold_s, "expects": sorted(e.value for e in drill.expects),
        "outage_at_most_s": drill.outage_at_most_s,
        "last_runs": [
            {
                "id": clean(r.id), "cluster": clean(r.cluster), "node": clean(r.node), "started": stamp(r.started),
                "result": None if r.result is None else r.result.value,
                "outage_s": {clean(vip): seconds for vip, seconds in r.measured.outage_s.items()},
            }
            for r in last
        ],
    }  # fmt: skip


_SIGNS: Final[Mapping[str, str]] = {"passed": words.GOOD, "deviated": words.BAD, "failed": words.BAD}


def _last(record: DrillRecord, *, several: bool) -> str:
    """`● passed on proxy-serv01, 2026-11-28 13:09:20 UTC+01:00: clients of 192.168.2.101 lost 0.628 s`."""
    word = words.verdict_word(record)
    known = words.lost(record)
    lost = [
        f"what clients of {vip} lost was not measured" if s is None else f"clients of {vip} lost {words.seconds(s)}"
        for vip, s in known.items()
        if s != 0
    ]
    nothing = "nothing lost" if known else "nothing measured"
    where = f"{record.node} of {record.cluster}" if several else record.node
    when = f"{words.date(record, record.started)} {words.zone_name(record)}"
    open_ = (
        "" if record.result is not None else f"; not over: if its console is gone, haconsole drill resume {record.id}"
    )
    return clean(f"{_SIGNS.get(word, words.UNKNOWN)} {word} on {where}, {when}: {'; '.join(lost) or nothing}{open_}")
