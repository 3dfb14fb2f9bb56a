"""The log in columns: what each node said, side by side and aligned in time; and the lines that a finding is about.

Rows stand in the order of time. Lines of different nodes share a row only where they followed on each other within
`TOGETHER_S`, so that nothing ever stands before what came earlier. Rows are made when they are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.events import Subject
from haconsole.model.findings import Finding
from haconsole.model.state import Occurrence
from haconsole.tui.view import times
from haconsole.tui.view.events import copy_of, event_details, highlighted, key_of, target_of
from haconsole.tui.view.findings import since_of
from haconsole.tui.view.text import KeyedRows, Line, Row, Tone, blank, middle, pad, say
from haconsole.tui.view.times import Times

Moment = tuple[Occurrence, ...]
"""One row: in the order of time, at most one line of each node; or one line of somebody else."""

TOGETHER_S: Final = 0.1
"""Lines of two nodes this close may share a row."""
COLUMNS_FROM: Final = 100
"""From so many cells on columns are what one begins with."""
COLUMN_LOW: Final = 30
_STAMP: Final = 12
_LEAD: Final = _STAMP + 3
"""Mark, time, how well the time is known, a blank."""
_SEPARATOR: Final = " │ "
_WIDE_CELL: Final = 60
_VAGUE_S: Final = 0.05
"""A time that is known no better than this gets a sign."""
_NEAR_S: Final = 5.0
_TAGS: Final = {
    "keepalived": "ka", "squid": "sq", "systemd": "sd", "selinux": "se", "kernel": "kn", "console": "co",
    "haconsole": "ha",
}  # fmt: skip
"""Sources where the room is short."""


def moments(log: Sequence[Occurrence], nodes: Collection[str], hidden: Collection[str] = ()) -> list[Moment]:
    """The log as rows. nodes: those that have a column; lines of the `hidden` ones are left out."""
    rows: list[Moment] = []
    last: list[Occurrence] = []
    for said in log:
        if said.origin in hidden:
            continue
        if (
            last
            and said.origin in nodes
            and said.at - last[0].at <= TOGETHER_S
            and all(o.origin in nodes and o.origin != said.origin for o in last)
        ):
            last.append(said)
            continue
        if last:
            rows.append(tuple(last))
        last = [said]
    if last:
        rows.append(tuple(last))
    return rows


def shown_nodes(names: Sequence[str], width: int, first: int) -> tuple[str, ...]:
    """The nodes whose columns fit, from the one numbered `first` on, round and round."""
    fit = max(2, (width - _LEAD) // (COLUMN_LOW + 20))
    if len(names) <= fit:
        return tuple(names)
    return tuple(names[(first + k) % len(names)] for k in range(fit))


class LogColumns(KeyedRows):
    """Rows of moments. marked: keys of lines that get a sign."""

    def __init__(  # noqa: PLR0917 - what is shown, of whom, and where
        self,
        rows: Sequence[Moment],
        now: float,
        nodes: Sequence[str],
        width: int,
        zone: Times,
        marked: Collection[str] = frozenset(),
    ) -> None:
        self.moments = rows
        self._now, self._nodes, self._zone, self._marked = now, nodes, zone, marked
        self._width = width
        self._cell = cell_width(width, len(nodes))
        self._tag = 10 if self._cell >= _WIDE_CELL else 2

    def __len__(self) -> int:
        return len(self.moments)

    def made(self, index: int) -> Row:
        return self._row(self.moments[index])

    def index_of(self, key: str) -> int | None:
        return next((i for i, m in enumerate(self.moments) if any(key_of(o) == key for o in m)), None)

    def _row(self, moment: Moment) -> Row:
        first = moment[0]
        lead = self._lead(first, marked=any(key_of(o) in self._marked for o in moment))
        copy = "\n".join(copy_of(o, self._zone) for o in moment)
        if first.origin not in self._nodes:
            who = first.origin if first.origin == first.source else f"{first.origin} {first.source}"
            line = (*lead, say(f"── {who}: ", Tone.KEY), *highlighted(first))
        else:
            line = (*lead, *self._cells(moment))
        return Row(key_of(first), line, copy=copy, target=target_of(first))

    def _lead(self, said: Occurrence, *, marked: bool) -> Line:
        error = said.error_s
        vague = "?" if error is None else "~" if error > _VAGUE_S else " "
        mark = say("▸", Tone.WARNING) if marked else blank(1)
        stamp = say(self._zone.stamp(said.at, self._now), Tone.QUIET)
        return (mark, stamp, say(vague, Tone.UNKNOWN), blank(1))

    def _cells(self, moment: Moment) -> Line:
        by = {o.origin: o for o in moment}
        line: Line = ()
        for number, name in enumerate(self._nodes):
            said = by.get(name)
            cell = () if said is None else self._said(said, said.at - moment[0].at)
            last = number == len(self._nodes) - 1
            line = (*line, *(cell if last else pad(cell, self._cell)))
            if not last:
                line = (*line, say(_SEPARATOR, Tone.QUIET))
        return line

    def _said(self, said: Occurrence, after_s: float) -> Line:
        source = said.source if self._tag > 2 else _TAGS.get(said.source, said.source[:2])
        later: Line = (say(f"+{after_s * 1000:.0f} ms ", Tone.QUIET),) if after_s > 0 else ()
        return (*pad((say(source, Tone.QUIET),), self._tag), blank(1), *later, *highlighted(said))


def cell_width(width: int, nodes: int) -> int:
    """Cells of one column."""
    return max(8, (width - _LEAD - len(_SEPARATOR) * (nodes - 1)) // max(1, nodes))


def heading(picture: ClusterPicture, nodes: Sequence[str], width: int, zone: Times) -> Line:
    """Whose column it is, how far its clock may be believed, and where it is not followed why not."""
    cell = cell_width(width, len(nodes))
    line: Line = (blank(1), *pad((say(zone.zone_name(picture.at) or "time", Tone.QUIET),), _STAMP + 2))
    by = {n.name: n for n in picture.nodes}
    for number, name in enumerate(nodes):
        node = by.get(name)
        head: Line = (say(middle(name, max(8, cell // 2)), Tone.STRONG), blank(2))
        head = (*head, *(() if node is None else standing(node, wide=cell >= _WIDE_CELL)))
        line = (*line, *(head if number == len(nodes) - 1 else pad(head, cell)))
        if number < len(nodes) - 1:
            line = (*line, say(_SEPARATOR, Tone.QUIET))
    return line


def standing(node: NodePicture, *, wide: bool = True) -> Line:
    """How far one node's lines may be believed: `clock +0.2 ms`, `? its log is not read`."""
    if not node.readable:
        age = "never heard" if node.age_s is None else f"nothing new for {times.short(node.age_s)}"
        return (say(f"? {age}", Tone.UNKNOWN),)
    if Subject.LOG in node.failed:
        return (say("? its log is not read", Tone.UNKNOWN),)
    if node.clock is None:
        return (say("? clock not measured", Tone.UNKNOWN),)
    error = f" {times.error(node.clock.error_s)}" if wide else ""
    return (say(f"clock {times.offset(node.clock)}{error}", Tone.QUIET),)


def moment_details(moment: Moment, now: float, width: int, zone: Times) -> tuple[Row, ...]:
    """Every line of a row in full."""
    rows: list[Row] = []
    for said in moment:
        if rows:
            rows.append(Row(f"gap/{key_of(said)}", ()))
        rows += event_details(key_of(said), (said,), now, width, zone)
    return tuple(rows)


# --- the lines that a finding is about ------------------------------------------------------------------


def began(finding: Finding, snapshot: Snapshot) -> float | None:
    """When it began; where that is not told, when the first of what follows from it did. None: not known."""
    since = since_of(finding, snapshot.picture)
    if since is not None:
        return since
    under, found = {finding.key}, list[float]()
    for each in snapshot.findings:  # what follows stands after its cause
        if each.follows_from in under:
            under.add(each.key)
            at = since_of(each, snapshot.picture)
            found += [at] if at is not None else []
    return min(found, default=None)


def lines_of(finding: Finding, snapshot: Snapshot) -> tuple[str, ...]:
    """Keys of the log's lines that are its evidence; where none is, those of its subject around its beginning."""
    log = snapshot.picture.log
    found = [o for o in log if any(_told(e.source, e.text, e.at, o) for e in finding.evidence)]
    if found:
        keys = _again(found, log)
        return tuple(key for o in log if (key := key_of(o)) in keys)
    since = began(finding, snapshot)
    if since is None:
        return ()
    return tuple(key_of(o) for o in log if abs(o.at - since) <= _NEAR_S and _about(finding, o))


def _again(found: Sequence[Occurrence], log: Sequence[Occurrence]) -> frozenset[str]:
    """With the same lines right before, again and again: the first of them is where it began."""
    keys, first = {key_of(o) for o in found}, {(o.origin, o.text): o.at for o in reversed(found)}
    for said in reversed(log):
        at = first.get((said.origin, said.text))
        if at is not None and 0 <= at - said.at <= _NEAR_S:
            keys.add(key_of(said))
            first[said.origin, said.text] = said.at
    return frozenset(keys)


def _told(source: str, text: str, at: float | None, said: Occurrence) -> bool:
    if not said.text or (said.text not in text and text not in said.text):
        return False
    if at is not None and abs(said.at - at) > 1.5:
        return False
    return said.origin in source or said.source in source


def _about(finding: Finding, said: Occurrence) -> bool:
    names = [n for n in (finding.instance, None if finding.vip is None else str(finding.vip)) if n]
    if any(n in said.text for n in names):
        return True
    return finding.node is not None and said.origin == finding.node and not names


def around(finding: Finding, snapshot: Snapshot, most: int) -> tuple[Occurrence, ...]:
    """The few lines of all nodes around its beginning, for reading beside the evidence."""
    since = began(finding, snapshot)
    if since is None or most <= 0:
        return ()
    near = [o for o in snapshot.picture.log if -2.0 <= o.at - since <= _NEAR_S]
    if len(near) <= most:
        return tuple(near)
    closest = sorted(near, key=lambda o: abs(o.at - since))[:most]
    kept = {key_of(o) for o in closest}
    return tuple(o for o in near if key_of(o) in kept)


def nearest(log: Sequence[Occurrence], at: float) -> str | None:
    """Key of the line that came last before `at`; else of the first."""
    before = [o for o in log if o.at <= at]
    chosen = before[-1] if before else next(iter(log), None)
    return None if chosen is None else key_of(chosen)
