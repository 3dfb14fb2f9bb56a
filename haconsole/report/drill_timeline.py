"""The picture of a drill's time line as SVG: the whole run, and larger around takeover and failback. Pure.

Above the lanes the phases and what was done; below them what kernels, keepalived, squid and the wire said, each
moment with what its clock may be wrong by. The lanes are in `drill_lanes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, tostring

from haconsole.model.drill import DrillRecord, Moment, Phase, Source
from haconsole.model.record import dataclass
from haconsole.report import drill_svg as svg
from haconsole.report import drill_words as words
from haconsole.report.drill_lanes import LANE, Sheet, anchor, draw_lane, on_way_back

ROW: Final = 18
MOST_LINES: Final = 26
"""Moments told in words in one picture; those of least weight are left to the tables."""
EARLY_S: Final = 2.0
"""An outage that began so long before its cause is none of its doing: it is not drawn larger."""
_WEIGHT: Final = (Source.KEEPALIVED, Source.WIRE, Source.CLIENT, Source.KERNEL, Source.SQUID, Source.CONSOLE)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its name (`whole`, `takeover`, `failback`), its title, and the SVG."""

    name: str
    title: str
    svg: str


def pictures(record: DrillRecord) -> tuple[Picture, ...]:
    """The pictures that the record has something for; none where nothing was watched."""
    return tuple(Picture(name, title, _draw(record, name, title, scale)) for name, title, scale in _windows(record))


def _windows(record: DrillRecord) -> Iterator[tuple[str, str, svg.Scale]]:
    seen = [m.time for m in record.timeline] + [r.ended for r in record.requests] + [h.since for h in record.lanes]
    if not seen:
        return
    last = max(seen) if record.ended is None else record.ended
    yield "whole", "The whole run", svg.Scale(record.started, max(last, record.started + 1.0))
    injected, put_back = words.injected(record), words.put_back(record)
    if injected is not None:
        until = last if put_back is None else put_back
        yield "takeover", "Takeover", _around(record, injected, until, back=False)
    if put_back is not None:
        yield "failback", "Failback", _around(record, put_back, last, back=True)


def _around(record: DrillRecord, cause: float, limit: float, *, back: bool) -> svg.Scale:
    """From just before the cause until everything that it led to is over."""
    outages = [o for o in record.outages if on_way_back(record, o) == back and o.began >= cause - EARLY_S]
    ranges = record.predicted.failback_outage_s if back else record.predicted.outage_s
    ends = [cause + 0.1, *(limit if o.ended is None else o.ended for o in outages)]
    ends += [(anchor(record, vip, back=back) or cause) + r.high for vip, r in ranges.items() if r.high is not None]
    ends += [] if back else [cause + t for t in record.measured.takeover_s.values() if t is not None]
    ends += [at + 0.1 for vip in ranges if (at := words.taken_back(record, vip)) is not None] if back else []
    start = min([cause, *(o.began for o in outages)])
    span = max(ends) - start
    return svg.Scale(start - 0.1 * span, min(max(ends) + 0.14 * span, max(limit, cause + 0.3)))


def _draw(record: DrillRecord, name: str, title: str, scale: svg.Scale) -> str:
    labels = svg.stacked((scale.x(at), label) for at, label in _marks(record) if scale.shows(at))
    top = 46 + 15 * (max((row for _, _, row in labels), default=-1) + 1)
    vips = words.vips(record)
    rows = list(_rows(record, scale, in_words=name != "whole"))
    bottom = top + LANE * len(vips) + ROW * len(rows) + 14
    height = bottom + (58 if name == "whole" else 30)
    root = Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "class": "tl", "viewBox": f"0 0 {svg.WIDTH} {height}", "role": "img",
         "aria-label": svg.legible(f"{title}: {words.verdict_sentence(record)}")},
    )  # fmt: skip
    sheet = Sheet(root, record, scale, name)
    svg.define(root, name)
    _phases(sheet, bottom)
    _axis(sheet, bottom)
    for x, label, row in labels:
        svg.add(root, "line", "mark", x1=x, x2=x, y1=30 + 15 * row, y2=bottom)
        svg.beside(root, "mark-text", (x, x), 42 + 15 * row, label)
    for number, vip in enumerate(vips):
        draw_lane(sheet, vip, top + LANE * number)
    y = top + LANE * len(vips) + 10
    for number, line in enumerate(rows):
        _row(sheet, line, y + ROW * number)
    if name == "whole":
        _legend(sheet, bottom + 46)
    return tostring(root, encoding="unicode")


def _marks(record: DrillRecord) -> Iterator[tuple[float, str]]:
    injected, put_back = words.injected(record), words.put_back(record)
    if injected is not None:
        yield injected, "injection"
    if record.injected is not None:
        for vip, took in record.measured.takeover_s.items():
            if took is not None:
                yield record.injected + took, f"takeover of {vip} after {took:.3f} s"
    if put_back is not None:
        yield put_back, "put back"
    for vip in record.predicted.failback_outage_s:
        if (at := words.taken_back(record, vip)) is not None:
            yield at, f"{vip} is back"


def _phases(sheet: Sheet, bottom: float) -> None:
    began = [p for p in sheet.record.phases if p.phase is not Phase.OVER]
    ends = [p.since for p in sheet.record.phases[1:]] + [sheet.scale.end]
    for number, (phase, until) in enumerate(zip(began, ends, strict=False)):
        if until <= phase.since or not sheet.scale.shows(phase.since, until):
            continue
        left, right = sheet.scale.x(phase.since), sheet.scale.x(until)
        band = svg.rect(sheet.root, f"phase p{number % 2}", (left, right), 8, bottom - 8)
        clock = words.clock(sheet.record, phase.since)
        svg.titled(band, f"{phase.phase.value}: {clock}, {until - phase.since:.3f} s")
        if svg.fits(phase.phase.value, right - left):
            svg.text(sheet.root, "phase-text", (left + right) / 2, 22, phase.phase.value, anchor="middle")


def _axis(sheet: Sheet, y: float) -> None:
    record, root = sheet.record, sheet.root
    injected = words.injected(record)
    zero = record.started if injected is None else injected
    step = sheet.scale.step()
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
    first = int((sheet.scale.start - zero) // step) + 1
    svg.add(root, "line", "axis", x1=svg.LEFT, x2=svg.WIDTH - svg.RIGHT, y1=y, y2=y)
    for number in range(first, first + 16):
        at = zero + number * step
        if at > sheet.scale.end:
            break
        x = sheet.scale.x(at)
        svg.add(root, "line", "axis", x1=x, x2=x, y1=y, y2=y + 5)
        label = f"{number * step:+.{digits}f} s".replace("-", "−") if number else "0"
        if x - len(label) * svg.CHARACTER / 2 > svg.LEFT - 6:  # left of that is the clock time of zero
            svg.titled(svg.text(root, "tick", x, y + 18, label, anchor="middle"), words.clock(record, at))
    svg.text(root, "tick", svg.LEFT - 10, y + 18, f"0 is {words.clock(record, zero)}", anchor="end")


@dataclass(frozen=True, slots=True)
class _Line:
    """Moments on one line below the lanes; `text` where they are told in words."""

    label: str
    moments: tuple[Moment, ...]
    text: str | None


def _rows(record: DrillRecord, scale: svg.Scale, *, in_words: bool) -> Iterator[_Line]:
    """One line per source and node, or (in words) one per moment."""
    inside = sorted((m for m in record.timeline if scale.shows(m.time)), key=lambda m: m.time)
    if in_words:
        chosen = sorted(inside, key=lambda m: (_WEIGHT.index(m.source), m.time))[:MOST_LINES]
        yield from (_Line(_who(m), (m,), m.text) for m in inside if m in chosen)
        return
    ordered = sorted(inside, key=lambda m: (m.node is None, m.node or "", _WEIGHT.index(m.source)))
    for who in dict.fromkeys(_who(m) for m in ordered):
        yield _Line(who, tuple(m for m in inside if _who(m) == who), None)


def _who(moment: Moment) -> str:
    return moment.source.value if moment.node is None else f"{moment.source.value} {moment.node}"


def _row(sheet: Sheet, line: _Line, y: float) -> None:
    root, x_of = sheet.root, sheet.scale.x
    svg.text(root, "small", svg.LEFT - 10, y + 4, svg.shorten(line.label, 27), anchor="end")
    svg.add(root, "line", "guide", x1=svg.LEFT, x2=svg.WIDTH - svg.RIGHT, y1=y, y2=y)
    for moment in line.moments:
        x, error = x_of(moment.time), moment.error_ms
        group = svg.add(root, "g", "unsure" if error is None else None)
        told = f"{words.clock(sheet.record, moment.time)} {words.error(moment)} {_who(moment)}: {moment.text}"
        svg.titled(group, told)
        left = right = x
        if error:
            left, right = x_of(moment.time - error / 1000), x_of(moment.time + error / 1000)
            svg.add(group, "path", "whisker", d=f"M{left:g} {y - 3:g}v6M{left:g} {y:g}H{right:g}M{right:g} {y - 3:g}v6")
        svg.glyph(group, moment.source.value, x, y)
        if line.text is not None:
            unsure = "" if error is not None else " (clock error not known)"
            svg.beside(root, "said", (min(left, x - 6), max(right, x + 6)), y + 4, svg.shorten(line.text, 92) + unsure)


def _legend(sheet: Sheet, y: float) -> None:
    x = 12.0
    bars = [(f"n{n % 4}", svg.PATTERNS[n % 4], node) for n, node in enumerate(sheet.record.nodes)]
    bars += [("nobody", "plain", "nobody"), ("split", "grid", "several"), ("unknown", "plain", "not known")]
    for css, pattern, label in bars:
        sheet.bar(css, pattern, (x, x + 22), y - 9, 11)
        svg.text(sheet.root, "small", x + 28, y, label)
        x += 44 + len(label) * svg.CHARACTER
    for source in svg.GLYPHS:
        svg.glyph(sheet.root, source, x + 6, y - 4)
        svg.text(sheet.root, "small", x + 16, y, source)
        x += 32 + len(source) * svg.CHARACTER
