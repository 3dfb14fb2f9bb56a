"""The lanes of a drill's time line: for each VIP who holds it (by the kernels), what its client got, and the outage
as predicted and as measured. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import Final
from xml.etree.ElementTree import Element

from haconsole.model.drill import DrillRecord, Holding, Outage, Range
from haconsole.model.record import dataclass
from haconsole.report import drill_svg as svg
from haconsole.report import drill_words as words

LANE: Final = 82
"""Height of a VIP's lane."""
_UNDER_WAY_S: Final = 0.5
"""An outage may seem to begin this much before the change was taken back: with the request before it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one picture is drawn on."""

    root: Element
    record: DrillRecord
    scale: svg.Scale
    name: str

    def bar(self, css: str, pattern: str, reach: tuple[float, float], y: float, height: float) -> Element:
        """A holder's bar: colour by class, and a pattern over it."""
        found = svg.rect(self.root, f"held {css}", reach, y, height)
        if pattern != "plain":
            svg.rect(self.root, "over", reach, y, height).set("fill", f"url(#{self.name}-{pattern})")
        return found


def on_way_back(record: DrillRecord, outage: Outage) -> bool:
    """Did it begin after the change was taken back? As the figures count: from the step on."""
    known = [t for t in (words.put_back(record), words.step_began(record, "put-back")) if t is not None]
    return bool(known) and outage.began >= min(known) - _UNDER_WAY_S


def anchor(record: DrillRecord, vip: str, *, back: bool) -> float | None:
    """Where the prediction's bar begins: with the outage that it is for, else with the cause; on the way back that is
    when the VIP went back."""
    began = [o.began for o in record.outages if o.vip == vip and on_way_back(record, o) == back]
    if began or not back:
        return min(began) if began else words.injected(record)
    again = words.taken_back(record, vip)
    return words.put_back(record) if again is None else again


def draw_lane(sheet: Sheet, vip: str, y: float) -> None:
    """One VIP."""
    svg.text(sheet.root, "vip", svg.LEFT - 10, y + 15, svg.shorten(vip, 24), anchor="end")
    for label, at in (("client", 35), ("predicted", 49), ("measured", 62)):
        svg.text(sheet.root, "small", svg.LEFT - 10, y + at, label, anchor="end")
    _holders(sheet, vip, y)
    _client(sheet, vip, y + 26)
    drawn = [_outages(sheet, vip, y + 41, back=back) for back in (False, True)]
    if any(drawn):
        return
    rows = [c for c in words.compared(sheet.record) if c.vip == vip]
    told = list(dict.fromkeys(c.predicted for c in rows))
    svg.text(sheet.root, "small", svg.LEFT + 4, y + 49, told[0] if len(told) == 1 else "see the table")
    lost = [sheet.record.measured.outage_s.get(vip), sheet.record.measured.failback_outage_s.get(vip)]
    known = [x for x in lost if x is not None]
    nothing = "not measured" if not known else "see the table" if any(known) else "nothing lost"
    svg.text(sheet.root, "small", svg.LEFT + 4, y + 62, nothing)


def _holders(sheet: Sheet, vip: str, y: float) -> None:
    record, scale = sheet.record, sheet.scale
    lanes = sorted((h for h in record.lanes if h.vip == vip), key=lambda h: h.since)
    if not lanes:
        svg.text(sheet.root, "small", svg.LEFT + 4, y + 15, "who holds it is not known")
    ends = [h.since for h in lanes[1:]] + [scale.end]
    for holding, until in zip(lanes, ends, strict=False):
        if not scale.shows(holding.since, until):
            continue
        left, right = scale.x(holding.since), scale.x(until)
        css, pattern, label = _look(record, holding)
        bar = sheet.bar(css, pattern, (left, right), y, 20)
        svg.titled(bar, f"{vip}: {label} from {words.clock(record, holding.since)}, {until - holding.since:.3f} s")
        if svg.fits(label, right - left, bold=True):
            svg.text(sheet.root, f"held-text on-{css}", left + 7, y + 14.5, label)


def _look(record: DrillRecord, holding: Holding) -> tuple[str, str, str]:
    """(class, pattern, words)."""
    if holding.holders is None:
        return "unknown", "plain", "not known"
    if not holding.holders:
        return "nobody", "plain", "nobody"
    if len(holding.holders) > 1:
        return "split", "grid", " and ".join(holding.holders)
    nodes = list(record.nodes)
    number = nodes.index(holding.holders[0]) if holding.holders[0] in nodes else len(nodes)
    return f"n{number % 4}", svg.PATTERNS[number % 4], holding.holders[0]


def _client(sheet: Sheet, vip: str, y: float) -> None:
    record, scale, root = sheet.record, sheet.scale, sheet.root
    asked = [r for r in record.requests if r.vip == vip]
    if not asked:
        svg.text(root, "small", svg.LEFT + 4, y + 9, "no client asked")
        return
    first, last = min(r.started for r in asked), max(r.ended for r in asked)
    lost = sorted((o.began, last if o.ended is None else o.ended) for o in record.outages if o.vip == vip)
    for (_, since), (until, _) in pairwise([(first, first), *lost, (last, last)]):
        if until > since and scale.shows(since, until):
            bar = svg.rect(root, "served", (scale.x(since), scale.x(until)), y, 10)
            svg.titled(bar, f"{vip} served from {words.clock(record, since)}, {until - since:.3f} s")
    for since, until in lost:
        if scale.shows(since, until):
            svg.rect(root, "unserved", (scale.x(since), scale.x(until)), y, 10)
    # Strokes at the same place would only make the page larger.
    failed = {round(scale.x(r.started)): r for r in asked if not r.ok and scale.shows(r.started)}
    for x, request in sorted(failed.items()):
        tick = svg.add(root, "line", "failed", x1=x, x2=x, y1=y - 3, y2=y + 13)
        why = request.error or (f"status {request.status}" if request.status is not None else "failed")
        svg.titled(tick, f"{words.clock(record, request.started)} {vip}: {why}")


def _outages(sheet: Sheet, vip: str, y: float, *, back: bool) -> bool:
    """The prediction's bar above those of the outages; True when something was drawn."""
    record, scale = sheet.record, sheet.scale
    ranges = record.predicted.failback_outage_s if back else record.predicted.outage_s
    range_, at = ranges.get(vip), anchor(record, vip, back=back)
    reach: list[tuple[float, float]] = []
    if range_ is not None and at is not None and scale.shows(at):
        reach.append(_predicted(sheet, range_, at, y))
    found = [o for o in record.outages if o.vip == vip and on_way_back(record, o) == back]
    for outage in found:
        until = scale.end if outage.ended is None else outage.ended
        if scale.shows(outage.began, until):
            reach.append((scale.x(outage.began), scale.x(until)))
            bar = svg.rect(sheet.root, "lost", reach[-1], y + 13, 8)
            svg.titled(bar, f"{vip} lost: {_lasted(outage)}, {outage.failed} requests failed")
    if not reach:
        return False
    whole = (min(left for left, _ in reach), max(right for _, right in reach))
    moves = vip in {**record.predicted.takeover_s, **record.predicted.outage_s, **record.predicted.failback_outage_s}
    svg.beside(sheet.root, "small", whole, y + 8, words.span(range_) if moves or range_ else words.STAYS)
    svg.beside(sheet.root, "figure", whole, y + 21, _told(record, vip, found, back=back))
    return True


def _told(record: DrillRecord, vip: str, found: list[Outage], *, back: bool) -> str:
    if len(found) == 1:
        return _lasted(found[0])
    if found:
        return f"{len(found)} outages, the longest {_lasted(max(found, key=lambda o: o.lasted_s or float('inf')))}"
    lost = (record.measured.failback_outage_s if back else record.measured.outage_s).get(vip)
    return "nothing lost" if lost == 0 else words.seconds(lost)


def _lasted(outage: Outage) -> str:
    return "not over when measuring ended" if outage.lasted_s is None else words.seconds(outage.lasted_s)


def _predicted(sheet: Sheet, range_: Range, at: float, y: float) -> tuple[float, float]:
    """Solid until the shortest, hatched until the longest. Returns where it begins and ends."""
    scale = sheet.scale
    left, sure = scale.x(at), scale.x(at + range_.low)
    right = scale.x(scale.end if range_.high is None else at + range_.high)
    if sure > left:
        svg.titled(svg.rect(sheet.root, "sure", (left, sure), y, 8), f"predicted: {words.span(range_)}")
    if right > sure:
        band = svg.rect(sheet.root, "perhaps", (sure, right), y, 8)
        band.set("fill", f"url(#{sheet.name}-range)")
        svg.titled(band, f"predicted: {words.span(range_)}")
    return left, max(sure, right)
