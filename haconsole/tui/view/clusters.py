"""The list of clusters: the worst first, each in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from haconsole.cluster.conclude import Snapshot
from haconsole.model.findings import Severity
from haconsole.model.record import dataclass
from haconsole.tui.view import levels, times
from haconsole.tui.view.findings import since_of
from haconsole.tui.view.table import Column, Table
from haconsole.tui.view.text import Kind, Level, Line, Row, Target, Tone, join, say, sign


@dataclass(frozen=True, slots=True)
class ClusterList:
    """Heading and rows, ready for a pane."""

    heading: Line
    rows: tuple[Row, ...]


def ordered(clusters: Iterable[tuple[str, Snapshot | None]], words: str = "") -> list[tuple[str, Snapshot | None]]:
    """The worst first, then by name; `words` must all be in the name, the verdict or a node's name."""
    wanted = words.casefold().split()
    kept = [(n, s) for n, s in clusters if all(w in _haystack(n, s) for w in wanted)]
    return sorted(kept, key=lambda pair: (-level_of(pair[1]), pair[0]))


def same(one: Sequence[tuple[str, Snapshot | None]], other: Sequence[tuple[str, Snapshot | None]]) -> bool:
    """The very same snapshots: nothing to draw anew."""
    return len(one) == len(other) and all(a[1] is b[1] for a, b in zip(one, other, strict=True))


def _haystack(name: str, snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return name.casefold()
    return " ".join([name, levels.word_of(snapshot), *(n.name for n in snapshot.picture.nodes)]).casefold()


def level_of(snapshot: Snapshot | None) -> Level:
    """A cluster that was not looked at yet is in progress."""
    return Level.BUSY if snapshot is None else levels.of_snapshot(snapshot)


def cluster_list(clusters: Sequence[tuple[str, Snapshot | None]], width: int) -> ClusterList:
    """One row a cluster, in the given order. A cluster that was not looked at yet says so."""
    columns = (
        Column("", 1, 1),
        Column("cluster", 8, 32, middle=True),
        Column("verdict", 8, 10),
        Column("VIPs", 5, 7, right=True),
        Column("nodes", 5, 7, right=True),
        Column("first finding", 12, 200, stretch=True),
        Column("since", 6, 10, right=True),
    )
    table = Table(columns, [_cells(name, snapshot) for name, snapshot in clusters], width)
    rows = tuple(
        Row(
            f"cluster/{name}",
            table.line(i),
            level_of(snapshot),
            copy=_copy(name, snapshot),
            target=Target(Kind.CLUSTER, name),
        )
        for i, (name, snapshot) in enumerate(clusters)
    )
    return ClusterList(table.heading(), rows or (Row("cluster/none", (say("no cluster matches", Tone.QUIET),)),))


def _cells(name: str, snapshot: Snapshot | None) -> list[Line]:
    level = level_of(snapshot)
    head: list[Line] = [(sign(level),), (say(name, Tone.STRONG),)]
    if snapshot is None:
        return [*head, (say("not yet", level.tone),), (), (), (), ()]
    picture = snapshot.picture
    served = sum(v.client is not None and v.client.result.ok for v in picture.vips)
    read = sum(n.readable for n in picture.nodes)
    first = next((f for f in snapshot.findings if f.severity is not Severity.INFO), None)
    since = None if first is None else since_of(first, picture)
    return [
        *head,
        (say(levels.word_of(snapshot), level.tone),),
        _part(served, len(picture.vips)),
        _part(read, len(picture.nodes)),
        _awaited(snapshot) if level is Level.BUSY else () if first is None else (say(first.summary),),
        () if since is None else (say(times.short(max(0.0, picture.at - since)), Tone.QUIET),),
    ]


def _awaited(snapshot: Snapshot) -> Line:
    """What a cluster that is looked at for the first time waits for."""
    starting = [n for n in snapshot.picture.nodes if n.starting]
    to, of = (", ".join(n.name for n in starting if n.readable is r) for r in (False, True))
    words = [f"connecting … to {to}"] if to else []
    words += [f"reading {of}: not all is told yet"] if of else []
    return (say("; ".join(words) or "the first answers are on their way", Tone.QUIET),)


def _part(done: int, of: int) -> Line:
    """`2/2`: VIPs that serve, nodes that can be read. Fewer than all stand out."""
    return (say(f"{done}/{of}", Tone.PLAIN if done == of and of else Tone.WARNING),)


def _copy(name: str, snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return name
    return "\n".join([f"{name}: {levels.word_of(snapshot)}", *(f"  {f.summary}" for f in snapshot.findings)])


def tally(snapshots: Iterable[Snapshot | None]) -> Line:
    """`✖ 1  ▲ 3  ● 46`: how many clusters stand how, the worst first; none at zero."""
    counted = Counter(level_of(s) for s in snapshots)
    return join(
        [(sign(lv), say(f" {counted[lv]}", lv.tone)) for lv in sorted(counted, reverse=True) if counted[lv]],
    )


def elsewhere(snapshots: Iterable[Snapshot | None]) -> Line:
    """`elsewhere ✖ 1`: clusters that are not on the screen and not well; empty when all are."""
    bad = [s for s in snapshots if level_of(s) > Level.BUSY]
    return (say("elsewhere ", Tone.QUIET), *tally(bad)) if bad else ()
