"""Past runs of drills, listed and compared: is failover getting slower? Pure, but for `load`, which reads a folder.

A trend is told per cluster, drill, node, VIP and figure, from the runs that came to their end under one console
(passed or deviated, not resumed) and measured that figure. With fewer than FEWEST of them nothing is told. Else the
median of the last third (two runs or more, five at most) is held against the median of those before. It is slower
or faster only where they differ by more than the spread of the earlier runs: while there are fewer than MANY of
them, the larger of their range and half of what was predicted as unknown; then the width of their middle half.
Never by less than SMALLEST_S.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from haconsole.model.drill import DrillRecord, Range, Verdict
from haconsole.model.record import dataclass
from haconsole.parse.text import clean
from haconsole.report import drill_words as words
from haconsole.report.adverts import stamp
from haconsole.report.drill_files import REPORT, DrillFilesError, read
from haconsole.report.drill_measured import missing

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

SCHEMA: Final = "haconsole.drill-runs/1"
FEWEST: Final = 4
MANY: Final = 8
SMALLEST_S: Final = 0.1
RULE: Final = (
    f"The median of the last third of the runs (2 to 5) against the median of those before; told from {FEWEST} runs "
    "on, where the difference is larger than the spread of the earlier ones."
)


_Key = tuple[str, str, str, str, str]
"""Cluster, drill, node, VIP, figure."""


class Direction(Enum):
    """Where a figure goes."""

    SLOWER = "slower"
    FASTER = "faster"
    STEADY = "steady"
    NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stored run."""

    path: Path
    record: DrillRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One figure of one VIP over the runs. Seconds; medians and spread None: not told."""

    cluster: str
    drill: str
    node: str
    vip: str
    figure: str
    runs: int
    unmeasured: int = 0
    """So many more were to measure it and did not: they stand in no median."""
    direction: Direction
    earlier_s: float | None = None
    latest_s: float | None = None
    spread_s: float | None = None

    @property
    def text(self) -> str:
        """In words."""
        more = "" if not self.unmeasured else f"; not measured in {self.unmeasured} more"
        return self._told + more

    @property
    def _told(self) -> str:
        if self.earlier_s is None or self.latest_s is None or self.spread_s is None:
            return f"not told: {self.runs} of the {FEWEST} runs that it takes"
        told = f"median {self.latest_s:.3f} s, before {self.earlier_s:.3f} s"
        if self.direction is Direction.STEADY:
            return f"steady: {told}, within the spread of {self.spread_s:.3f} s"
        return f"{self.direction.value}: {told}, more than the spread of {self.spread_s:.3f} s"


def load(folder: Path) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """(runs by date, what could not be read and why): reports in the folder and in the folders right inside of it.

    Raises: DrillFilesError: the folder cannot be read.
    """
    try:
        places = sorted({p.parent for pattern in (REPORT, f"*/{REPORT}") for p in folder.glob(pattern)})
        if not folder.is_dir():
            raise DrillFilesError(f"{clean(str(folder))} is no folder: there are no reports of drills")
    except OSError as error:
        raise DrillFilesError(f"{clean(str(folder))} cannot be read: {error.strerror or error}") from error
    runs, problems = [], []
    for place in places:
        try:
            runs.append(Run(path=place, record=read(place)))
        except DrillFilesError as error:
            problems.append(str(error))
    return tuple(sorted(runs, key=lambda r: (r.record.started, r.record.id))), tuple(problems)


def trends(runs: Iterable[Run]) -> tuple[Trend, ...]:
    """Of everything that was, or was to be, measured, in the order of cluster, drill, node and VIP."""
    found: dict[_Key, list[tuple[float, Range | None]]] = {}
    blind: Counter[_Key] = Counter()
    for run in sorted(runs, key=lambda r: r.record.started):
        record = run.record
        if record.resumed or record.result not in {Verdict.PASSED, Verdict.DEVIATED}:
            continue
        for vip in words.vips(record):
            for field, _ in words.FIGURES:
                seconds, range_ = getattr(record.measured, field).get(vip), getattr(record.predicted, field).get(vip)
                key = (record.cluster, record.drill, record.node, vip, field)
                if seconds is not None:
                    found.setdefault(key, []).append((seconds, range_))
                elif range_ is not None:
                    found.setdefault(key, [])
                    blind[key] += 1
    order = [field for field, _ in words.FIGURES]
    keys = sorted(found, key=lambda k: (*k[:3], words.by_address(k[3]), order.index(k[4])))
    return tuple(_trend(key, found[key], blind[key]) for key in keys)


def _trend(key: _Key, figures: Sequence[tuple[float, Range | None]], blind: int) -> Trend:
    cluster, drill, node, vip, field = key
    count, values = len(figures), [seconds for seconds, _ in figures]
    told: tuple[Direction, float | None, float | None, float | None] = (Direction.NOT_TOLD, None, None, None)
    if count >= FEWEST:
        last = min(5, max(2, count // 3))
        before, after = median(values[:-last]), median(values[-last:])
        spread = _spread(values[:-last], [r for _, r in figures])
        moved = abs(after - before) > spread
        direction = Direction.STEADY if not moved else Direction.SLOWER if after > before else Direction.FASTER
        told = (direction, before, after, spread)
    return Trend(
        cluster=cluster, drill=drill, node=node, vip=vip, figure=field, runs=count, unmeasured=blind,
        direction=told[0], earlier_s=told[1], latest_s=told[2], spread_s=told[3],
    )  # fmt: skip


def _spread(earlier: Sequence[float], ranges: Sequence[Range | None]) -> float:
    if len(earlier) >= MANY:
        low, _, high = quantiles(earlier, n=4, method="inclusive")
        return max(SMALLEST_S, high - low)
    unknown = [r.high - r.low for r in ranges if r is not None and r.high is not None]
    return max(SMALLEST_S, max(earlier) - min(earlier), median(unknown) / 2 if unknown else 0.0)


def document(runs: Sequence[Run], problems: Sequence[str] = ()) -> dict[str, object]:
    """`haconsole.drill-runs/1`, ready for `json.dumps`. Unknown is null."""
    return {
        "schema": SCHEMA,
        "rule": RULE,
        "runs": [_run(run) for run in runs],
        "trends": [
            {
                "cluster": clean(t.cluster), "drill": clean(t.drill), "node": clean(t.node), "vip": clean(t.vip),
                "figure": t.figure, "runs": t.runs, "unmeasured": t.unmeasured, "trend": t.direction.value,
                "earlier_s": _rounded(t.earlier_s), "latest_s": _rounded(t.latest_s),
                "spread_s": _rounded(t.spread_s), "text": t.text,
            }
            for t in trends(runs)
        ],
        "unreadable": [clean(problem) for problem in problems],
    }  # fmt: skip


def _run(run: Run) -> dict[str, object]:
    record = run.record
    return {
        "id": clean(record.id), "path": clean(str(run.path)), "cluster": clean(record.cluster),
        "drill": clean(record.drill), "node": clean(record.node), "operator": clean(record.operator),
        "ticket": None if record.ticket is None else clean(record.ticket), "started": stamp(record.started),
        "result": None if record.result is None else record.result.value, "resumed": record.resumed,
        "predicted": {
            field: {clean(v): {"low": r.low, "high": r.high} for v, r in getattr(record.predicted, field).items()}
            for field, _ in words.FIGURES
        },
        "measured": {
            field: {clean(v): s for v, s in getattr(record.measured, field).items()} for field, _ in words.FIGURES
        },
        "not_measured": [
            {"vip": clean(m.vip), "figure": m.figure, "why": clean(m.why) or None} for m in missing(record)
        ],
    }  # fmt: skip


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def table(runs: Sequence[Run], problems: Sequence[str] = ()) -> RenderableType:
    """What `haconsole drill report` prints: the runs, then what became of the figures."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [] if runs else [Text("no drill has been run yet")]
    for run in runs:
        parts += [_heading(run.record), _figures(run.record)]
        parts += [_with_sign(("?", "magenta"), one.text) for one in missing(run.record)]
    told = trends(runs)
    if told:
        title = Text("is failover getting slower?", style="bold")
        parts += [Text(""), title, _trend_table(told), Text(RULE, style="dim")]
    parts += [Text(clean(problem), style="yellow") for problem in problems]
    return Group(*parts)


def _with_sign(sign: tuple[str, str], text: str) -> RenderableType:
    """Whole words, the lines after the first under it."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text(" "), Text.assemble(sign), Text(clean(text), style="dim"))
    return grid


def _heading(record: DrillRecord) -> Text:
    from rich.text import Text

    styles = {Verdict.PASSED: ("●", "green"), Verdict.DEVIATED: ("▲", "yellow"), Verdict.FAILED: ("✖", "bold red")}
    sign, style = styles.get(record.result or Verdict.ABORTED, ("–", "dim"))
    when = f"{words.date(record, record.started)[:-3]} {words.zone_name(record)}"
    told = f"{record.drill} on {record.node}  {words.verdict_word(record)}"
    ticket = "" if record.ticket is None else f"  {clean(record.ticket)}"
    return Text.assemble((sign, style), f" {when}  ", (clean(told), "bold"), (f"\n  {clean(record.id)}{ticket}", "dim"))


def _figures(record: DrillRecord) -> RenderableType:
    """A line per VIP that was to move, or lost something: each figure, and below it what was predicted."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=17, no_wrap=True, overflow="fold")
    for _ in words.FIGURES:
        grid.add_column(min_width=17)
    for vip in words.vips(record):
        figures = [c for c in words.compared(record) if c.vip == vip]
        if all(c.predicted == words.STAYS and c.ok is not False for c in figures):
            continue
        cells = []
        for figure in figures:
            name = figure.figure.removeprefix("client outage on ").removeprefix("client ")
            measured = "?" if figure.measured == words.seconds(None) else figure.measured
            shown = Text(f"{name} {measured}", style="yellow" if figure.ok is False else "")
            cells.append(shown.append(f"\n{figure.predicted}", style="dim"))
        grid.add_row(Text(f"  {clean(vip)}"), *cells)
    return grid


def _trend_table(told: Sequence[Trend]) -> RenderableType:
    """Two lines a figure: of what, and what became of it. They fit into 80 columns."""
    from rich.table import Table
    from rich.text import Text

    names = dict(words.FIGURES)
    signs = {Direction.SLOWER: ("▲", "yellow"), Direction.STEADY: ("●", "green"), Direction.FASTER: ("●", "green")}
    grid = Table.grid(padding=(0, 2, 0, 0))
    young = sorted({f"{t.drill} on {t.node}" for t in told if t.direction is Direction.NOT_TOLD})
    for trend in told:
        if trend.direction is Direction.NOT_TOLD or trend.earlier_s == trend.latest_s == 0:
            continue  # a VIP that stays loses nothing, run after run
        sign = Text.assemble(signs.get(trend.direction, ("?", "magenta")))
        of = f"{trend.drill} on {trend.node}  {trend.vip}  {names[trend.figure]}"
        grid.add_row(sign, Text(f"{clean(of)}\n{trend.text}"))
    for drill in young:
        missing = f"not told: it takes {FEWEST} runs that measured a figure"
        grid.add_row(Text("?", style="magenta"), Text(f"{clean(drill)}\n{missing}"))
    return grid
