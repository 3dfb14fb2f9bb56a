"""The VIP strip: one row a VIP, one column a witness. A witness who was not asked says `–` or `?`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import VipPicture
from haconsole.model.events import ClientProbed
from haconsole.model.record import dataclass
from haconsole.tui.view import levels, times
from haconsole.tui.view.table import Column, Table
from haconsole.tui.view.text import (
    Kind,
    Level,
    Line,
    Row,
    Span,
    Target,
    Tone,
    crop,
    join,
    say,
    short_names,
    sign,
    width_of,
)

_BARS: Final = "▁▂▃▄▅▆▇█"
_STEPS_S: Final = (0.005, 0.010, 0.020, 0.050, 0.100, 0.200, 0.500)
"""Upper ends of the bars, the same for every VIP: a taller bar is a slower answer anywhere."""
WIDE_FROM: Final = 100
_CLIENT: Final = 6
"""Index of the client's column; its bars take what room the others leave."""
_LONGEST_SPARK: Final = 30
_SHORTEST_SPARK: Final = 4


@dataclass(frozen=True, slots=True)
class VipStrip:
    """Heading and rows, ready for a pane."""

    heading: Line
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """What nodes are called in a cell: one `alone`, several `together`, where room is short."""

    alone: Mapping[str, str]
    together: Mapping[str, str]


def vip_strip(snapshot: Snapshot, width: int, *, worst_first: bool = False) -> VipStrip:
    """worst_first: where not all rows fit, those in trouble come first."""
    picture = snapshot.picture
    nodes = [n.name for n in picture.nodes]
    short = short_names(nodes)
    names = Names({n: n for n in nodes} if width >= WIDE_FROM else short, short)
    columns = _columns(width, len(nodes))
    graded = [(levels.of_vip(v, snapshot), v) for v in picture.vips]
    if worst_first:
        graded.sort(key=lambda pair: -pair[0])
    cells = [_cells(v, level, names, picture.at) for level, v in graded]
    table = Table(columns, cells, width)
    for (_, vip), row in zip(graded, cells, strict=True):
        row[_CLIENT] = join((row[_CLIENT], _spark(vip, table.widths[_CLIENT] - width_of(row[_CLIENT]) - 1)), 1)
    rows = tuple(
        Row(
            key=f"vip/{vip.address}",
            line=table.line(i),
            level=level,
            copy=str(vip.address),
            target=Target(Kind.VIP, str(vip.address)),
        )
        for i, (level, vip) in enumerate(graded)
    )
    return VipStrip(table.heading(), rows or (_none_yet(snapshot, width),))


def _columns(width: int, nodes: int) -> Sequence[Column]:
    wide = width >= WIDE_FROM
    name = 16 if wide else 8
    several = min(nodes, 2) * name
    return (
        Column("", 1, 1),
        Column("address", 7, 39, middle=True, give=3),
        Column("preferred" if wide else "pref.", 5, name, middle=True, give=2),
        Column("daemon", 6, several, middle=True, give=1),
        Column("kernel", 6, several, middle=True, give=1),
        Column("wire", 4, several, middle=True, give=1),
        Column("client", 11, 60, stretch=True),
        Column("since", 8, 10, right=True, give=4),
    )


def _cells(vip: VipPicture, level: Level, names: Names, now: float) -> list[Line]:
    return [
        (sign(level),),
        (say(vip.address, Tone.STRONG),),
        _preferred(vip, names),
        _daemon(vip, names),
        _kernel(vip, names),
        _wire(vip, names),
        _client(vip, now),
        _since(vip, now),
    ]


def _preferred(vip: VipPicture, names: Names) -> Line:
    if vip.preferred is None:
        return (say("?", Tone.UNKNOWN),)
    return (say(names.alone.get(vip.preferred, vip.preferred), Tone.QUIET),)


def _names(who: Sequence[str], names: Names, tone: Tone) -> Line:
    known = names.alone if len(who) == 1 else names.together
    return (say("+".join(known.get(n, n) for n in who), tone),)


def _daemon(vip: VipPicture, names: Names) -> Line:
    if vip.masters is None:
        return (say("?", Tone.UNKNOWN),)
    if not vip.masters:
        return (say("none", Tone.UNKNOWN if vip.unread else Tone.CRITICAL if vip.settled else Tone.BUSY),)
    alone = len(vip.masters) == 1
    agrees = vip.holders is None or set(vip.masters) == set(vip.holders)
    return _names(vip.masters, names, _tone(alone=alone, agrees=agrees, settled=vip.settled))


def _kernel(vip: VipPicture, names: Names) -> Line:
    if vip.holders is None:
        return (say("?", Tone.UNKNOWN),)
    unread: Line = (say("?", Tone.UNKNOWN),) if vip.unread else ()
    if not vip.holders:
        return unread or (say("none", Tone.CRITICAL if vip.settled else Tone.BUSY),)
    expected = vip.preferred is None or vip.holders == (vip.preferred,)
    tone = _tone(alone=len(vip.holders) == 1, agrees=expected, settled=vip.settled)
    return join((_names(vip.holders, names, tone), unread), 1)


def _tone(*, alone: bool, agrees: bool, settled: bool) -> Tone:
    if not alone:
        return Tone.CRITICAL if settled else Tone.BUSY
    return Tone.PLAIN if agrees else Tone.WARNING


def _wire(vip: VipPicture, names: Names) -> Line:
    """`–`: nobody listened. That is no evidence for anything and must not look like it."""
    if vip.advertisers is None:
        return (say("–", Tone.QUIET),)
    if not vip.advertisers:
        return (say("silent", Tone.CRITICAL),)
    alone = len(vip.advertisers) == 1
    agrees = vip.holders is None or vip.advertisers == vip.holders
    return _names(vip.advertisers, names, _tone(alone=alone, agrees=agrees, settled=vip.settled))


def _client(vip: VipPicture, now: float) -> Line:
    if vip.client is None:
        return (say("? no answer known", Tone.UNKNOWN),)
    return join((answer(vip.client), _lost(vip, now)), 1)


def answer(probe: ClientProbed) -> Line:
    """What the last client got: `200   3 ms`, `✖ 503`, `✖ timed out`."""
    result = probe.result
    if result.ok:
        what = str(result.status) if result.status is not None else "open" if result.checked == "tcp" else "ok"
        latency = "?" if result.latency_s is None else times.millis(result.latency_s)
        return (say(f"{what} {latency:>7}"),)
    why = result.error or (f"status {result.status}" if result.status is not None else "no answer")
    return (sign(Level.CRITICAL), say(f" {why}", Tone.CRITICAL))


def _lost(vip: VipPicture, now: float) -> Line:
    if vip.failed_since is None:
        return ()
    return (say(f"for {times.span(now - vip.failed_since)}", Tone.CRITICAL),)


def _spark(vip: VipPicture, length: int) -> Line:
    """The last answers, oldest first; `×` is one that failed."""
    length = min(length, _LONGEST_SPARK)
    if length < _SHORTEST_SPARK:
        return ()
    shown = vip.latencies_s[-length:]
    spans: list[Span] = []
    for latency in shown:
        mark = "×" if latency is None else bar(latency)
        tone = Tone.CRITICAL if latency is None else Tone.QUIET
        if spans and spans[-1].tone is tone:
            spans[-1] = Span(spans[-1].text + mark, tone)
        else:
            spans.append(Span(mark, tone))
    return tuple(spans)


def bar(latency_s: float) -> str:
    """One of eight heights for a latency, on a scale that never changes."""
    return _BARS[sum(latency_s >= step for step in _STEPS_S)]


def _since(vip: VipPicture, now: float) -> Line:
    if vip.since is None:
        return (say("?" if vip.holders is None else "–", Tone.QUIET),)
    return (say(times.span(now - vip.since)),)


def _none_yet(snapshot: Snapshot, width: int) -> Row:
    why = "no VIP is known yet: none is configured, and no node has told of one"
    busy = any(levels.of_node(n, snapshot) is Level.BUSY for n in snapshot.picture.nodes)
    level = Level.BUSY if busy else Level.UNKNOWN
    return Row("vip/none", crop((sign(level), say(f" {why}", level.tone)), width), level)
