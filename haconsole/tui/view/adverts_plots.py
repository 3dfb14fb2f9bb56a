"""What is drawn beside a sender: its time line, how near the master-down deadline is, the last gaps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from haconsole.cluster.hearing import SenderLane
from haconsole.tui.view.adverts_look import LATE_S, Look
from haconsole.tui.view.text import Line, Span, Tone, pad, say
from haconsole.tui.view.times import short

_SHADES: Final = "░▒▓"
_SILENT: Final = "·"
_TOUCHED: Final = 0.01
"""A single advert takes no time and is not nothing."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"
_NOMINAL: Final = 3
"""Height of a gap that is as long as announced; twice as long is twice as high."""


def _cells(look: Look) -> tuple[float, float]:
    """(start of the first cell, seconds a cell). The cells stand still and move on by whole cells, so that a
    line is drawn anew only then."""
    cell = look.window_s / look.lane
    return (ceil(look.now / cell) - look.lane) * cell, cell


def coverage(sender: SenderLane, look: Look) -> list[float]:
    """For each cell of the time line the share of it, as far as it is over, in which the sender spoke."""
    start, cell = _cells(look)
    spoken = [0.0] * look.lane
    spans = list(sender.spans)
    if spans and sender.priority > 0 and look.now - sender.last_at <= 1.5 * sender.interval_s + LATE_S:
        spans[-1] = (spans[-1][0], look.now)  # it speaks: the time since its last advert is no gap
    for first, last in spans:
        if last < start:
            continue
        begin, end = max(0, int((first - start) / cell)), min(look.lane - 1, int((last - start) / cell))
        for i in range(begin, end + 1):
            left = start + i * cell
            right = min(left + cell, look.now)
            share = max(0.0, min(last, right) - max(first, left)) / max(right - left, 1e-6)
            spoken[i] += max(share, _TOUCHED)
    return spoken


def listened(look: Look) -> list[bool]:
    """For each cell of the time line: did somebody listen for most of it."""
    start, cell = _cells(look)
    if look.since is None:
        return [False] * look.lane
    return [look.since <= start + (i + 0.5) * cell for i in range(look.lane)]


def time_line(spoken: Sequence[float], loud: Sequence[int], heard: Sequence[bool]) -> Line:
    """`█` spoke all the time, shades: not all of it, `·` silent, blank: nobody listened."""
    out: list[Span] = []
    for share, speakers, there in zip(spoken, loud, heard, strict=True):
        if share >= 0.999:
            glyph = "█"
        elif share > 0:
            glyph = _SHADES[min(2, int(share * 3))]
        else:
            glyph = _SILENT if there else " "
        tone = Tone.CRITICAL if share > 0.5 and speakers > 1 else Tone.PLAIN if share else Tone.QUIET
        if out and out[-1].tone is tone:
            out[-1] = out[-1]._replace(text=out[-1].text + glyph)
        else:
            out.append(Span(glyph, tone))
    return tuple(out)


def _used(sender: SenderLane, now: float) -> tuple[float, float]:
    """(seconds since the last advert, seconds that the master-down time has)."""
    return max(0.0, now - sender.last_at), max(1e-3, sender.deadline_at - sender.last_at)


def _bar_tone(used: float, whole: float) -> Tone:
    if used > whole + LATE_S:
        return Tone.CRITICAL
    return Tone.WARNING if used > 0.5 * whole + LATE_S else Tone.OK


def deadline_bar(sender: SenderLane, now: float, cells: int) -> Line:
    """Fills from the last advert to the deadline; each advert empties it."""
    used, whole = _used(sender, now)
    eighths = min(cells * 8, round(used / whole * cells * 8))
    full, part = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[part] if part else "")
    return (Span(bar, _bar_tone(used, whole)), Span("─" * (cells - len(bar)), Tone.QUIET))


def deadline_words(sender: SenderLane, now: float) -> Line:
    """`0.4/3.6 s`, in nine cells."""
    used, whole = _used(sender, now)
    number = f"{used:.1f}" if used < 99.95 else short(used)
    return pad((say(f"{number}/{whole:.1f} s", _bar_tone(used, whole)),), 9)


def gap_plot(sender: SenderLane, cells: int, *, quiet: bool = False) -> Line:
    """The last gaps between adverts, against the announced interval."""
    out: list[Span] = []
    for gap in sender.gaps_s[-cells:]:
        ratio = gap / max(sender.interval_s, 1e-3)
        height = min(len(_HEIGHTS) - 1, max(0, round(ratio * _NOMINAL)))
        late = not quiet and ratio > 1.5
        out.append(Span(_HEIGHTS[height], Tone.WARNING if late else Tone.QUIET))
    return pad(tuple(out), cells)
