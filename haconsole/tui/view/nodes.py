"""A node as a column: title, sign and rows; and many nodes in one line."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import NodePicture
from haconsole.model.events import Phase
from haconsole.model.record import dataclass
from haconsole.tui.view import levels, times
from haconsole.tui.view.node_rows import WIDE_FROM, readable_rows, silent_rows
from haconsole.tui.view.text import Level, Line, Row, Tone, crop, middle, say, short_names, sign, spread, width_of
from haconsole.tui.view.times import Times


@dataclass(frozen=True, slots=True)
class NodeColumn:
    """One node, ready for a pane."""

    name: str
    title: Line
    rows: tuple[Row, ...]
    level: Level


def node_column(
    node: NodePicture, snapshot: Snapshot, width: int, zone: Times, *, worst_first: bool = False, place: str = ""
) -> NodeColumn:
    """worst_first: rows that differ from healthy come before the others. place: `2/3`, of columns that scroll."""
    now = snapshot.picture.at
    rows = list(readable_rows(node, snapshot, width) if node.readable else silent_rows(node, now, width, zone))
    level = _level(node, snapshot, rows)
    if worst_first and node.readable:
        rows.sort(key=lambda r: -r.level if r.level > Level.INFO else 0)
    return NodeColumn(node.name, _title(node, level, width - 1, place), tuple(rows), level)


def roll(columns: Sequence[NodeColumn], width: int) -> Line:
    """One line for columns that do not fit side by side: every node with its sign, the worst first.

    What has no room is counted, with the sign of the worst of it.
    """
    ranked = sorted(columns, key=lambda c: -c.level)
    short = short_names([c.name for c in columns])
    lead: Line = (say(f" all {len(columns)} nodes", Tone.QUIET),)
    keys: Line = (say("n and → go to each ", Tone.QUIET),)
    room = width - width_of(keys) - 2
    names = {c.name: c.name for c in columns}
    wanted = sum(len(n) + 4 for n in names.values()) + width_of(lead)
    if wanted > room:
        names.update(short)
    line = lead
    for i, column in enumerate(ranked):
        item: Line = (say("  "), sign(column.level), say(f" {names[column.name]}", Tone.STRONG))
        left = ranked[i:]
        rest: Line = (say("  "), sign(left[0].level), say(f" +{len(left)} more", Tone.QUIET))
        spare = width_of(rest) if len(left) > 1 else 0
        if width_of(line) + width_of(item) + spare > room:
            line = (*line, *rest)
            break
        line = (*line, *item)
    return spread(crop(line, room), keys, width)


def node_level(node: NodePicture, snapshot: Snapshot) -> Level:
    """The sign of a node."""
    return _level(node, snapshot, list(readable_rows(node, snapshot, WIDE_FROM)) if node.readable else [])


def _level(node: NodePicture, snapshot: Snapshot, rows: Sequence[Row]) -> Level:
    """What findings say; a node is never well while one of its own rows is not."""
    level = levels.of_node(node, snapshot)
    worst = max((r.level for r in rows), default=Level.NONE)
    return worst if level is Level.OK and worst > Level.INFO else level


def _title(node: NodePicture, level: Level, width: int, place: str) -> Line:
    """Sign, name, address; latency and clock where there is room."""
    name = middle(node.name, max(8, width - 8)) if width < WIDE_FROM else middle(node.name, 24)
    parts: list[Line] = [(say(place, Tone.KEY),)] if place else []
    if node.spec.known_as != node.name:
        parts.append((say(node.spec.known_as, Tone.QUIET),))
    if node.readable and node.latency_s is not None:
        parts.append((say(f"ssh {times.millis(node.latency_s)}", Tone.QUIET),))
    if node.readable and node.clock is not None:
        parts.append((say(f"clock {times.offset(node.clock)}", Tone.QUIET),))
    if not node.readable:
        parts.append(_phase(node, level))
    title: Line = (sign(level), say(f" {name}", Tone.STRONG))
    for part in parts:
        if width_of(title) + 2 + width_of(part) <= width:
            title = (*title, say("  "), *part)
    return title


def _phase(node: NodePicture, level: Level) -> Line:
    if node.stale:
        return (say("silent", Tone.UNKNOWN),)
    word = {Phase.IDLE: "not tried yet", Phase.CONNECTING: "connecting"}.get(node.phase, "not reachable")
    return (say(word, level.tone),)
