"""How the cluster screen shares its lines and columns; the rows decide, within what there is."""

from __future__ import annotations

from typing import Final

from haconsole.model.record import dataclass

FLAT_BELOW: Final = 34
"""Fewer lines than this: panes have a rule above instead of a frame around."""
COLUMN_LOW: Final = 38
"""A node column is never narrower than this; more nodes than fit are scrolled."""
CHROME: Final = 2
"""The header's and the key line."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Cells inside the panes. `column` is a node pane's outer width."""

    flat: bool
    pane: int
    column: int
    inside: int
    visible: int
    """Node columns that fit side by side."""


@dataclass(frozen=True, slots=True)
class Heights:
    """Outer heights; 0 hides a pane."""

    vips: int
    nodes: int
    findings: int
    events: int


def widths(width: int, height: int, nodes: int) -> Widths:
    """What panes may be wide on a screen of this size."""
    flat = height < FLAT_BELOW
    fit = max(1, min(nodes, width // COLUMN_LOW))
    column = max(COLUMN_LOW, width // fit) if nodes > fit else width // max(1, nodes)
    column = min(column, width)
    frame = 3 if flat else 4
    return Widths(flat, width - (2 if flat else 4), column, column - frame, fit)


def heights(height: int, *, flat: bool, vips: int, nodes: int, findings: int, roll: int = 0) -> Heights:
    """vips, nodes, findings: rows that want to be seen. roll: lines of the nodes' roll under their columns."""
    frame = 1 if flat else 2
    room = max(0, height - CHROME - roll)
    vip = min(vips, vips_that_fit(height, flat=flat)) + 1 + frame
    finding = frame + min(findings, 1 if room < 20 else 3 if flat else 4)
    rest = room - vip - finding
    node = max(frame + 3, min(nodes + frame, rest, max(frame + 9, rest - frame - 3)))
    rest = room - vip - node - finding
    more = min(findings - (finding - frame), max(0, rest - frame - (4 if flat else 8)))
    if more > 0:
        finding, rest = finding + more, rest - more
    if rest < frame + 2:
        node, rest = node + max(0, rest), 0
    return Heights(vip, node, finding, rest)


def vips_that_fit(height: int, *, flat: bool) -> int:
    """Rows of the VIP strip before it is scrolled: at most two fifths of the screen."""
    return max(2, max(0, height - CHROME) * 2 // 5 - (2 if flat else 3))
