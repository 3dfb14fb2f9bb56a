"""Lanes: for each virtual router one row a sender: when it spoke, how near the master-down deadline is.

`judge` says which sign stands beside a sender. Where nobody listens, silence means nothing and every
sign is `?`. Pure; `now` is an input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, overload

from haconsole.cluster.hearing import Hearing, Lane, SenderLane
from haconsole.cluster.segment import TWO_MASTERS_INTERVALS
from haconsole.model.spec import IpAddress
from haconsole.tui.view.adverts import NARROW_BELOW, Ours, listeners, listening_since, seconds, vrid_text
from haconsole.tui.view.text import KeyedRows, Level, Line, Row, Span, Tone, blank, crop, middle, pad, say, sign, spread
from haconsole.tui.view.times import short, span

WINDOWS_S: Final = (60.0, 300.0, 900.0)
"""What a lane may span."""
MANY: Final = 200
"""More senders than this are a storm."""
LATE_S: Final = 0.5
"""An advert takes a moment from the wire to here: only then is it missing."""
_SHADES: Final = "░▒▓"
_SILENT: Final = "·"
_TOUCHED: Final = 0.01
"""A single advert takes no time and is not nothing."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"
_NOMINAL: Final = 3
"""Height of a gap that is as long as announced; twice as long is twice as high."""


@dataclass(frozen=True, slots=True)
class LaneTable:
    """The rows, the heading over them, and what does not fit in either."""

    heading: Line
    rows: Sequence[Row]
    summary: str


@dataclass(frozen=True, slots=True)
class Look:
    """What all rows are made with."""

    ours: Ours
    now: float
    window_s: float
    width: int
    since: float | None
    """Since when somebody listens; None: nobody does."""
    listeners: Mapping[str, float]
    """Place -> since when it listens."""

    @property
    def narrow(self) -> bool:
        return self.width < NARROW_BELOW

    @property
    def sender(self) -> int:
        """Cells for the sender's name."""
        return 12 if self.narrow else 16

    @property
    def bar(self) -> int:
        return 6 if self.narrow else 10

    @property
    def plot(self) -> int:
        return 9 if self.narrow else 12 if self.width < 130 else 16

    @property
    def lane(self) -> int:
        """Cells for the time line: what the other columns leave."""
        fixed = 3 + 1 + 2 + self.sender + 1 + 3 + 1 + self.bar + 1 + 9 + 1 + 9 + 1 + self.plot + 1
        return max(4, self.width - fixed - (0 if self.narrow else 9 + 9 + 12))


def look_at(hearing: Hearing, ours: Ours, now: float, *, window_s: float, width: int) -> Look:
    """What the rows of this moment are made with."""
    return Look(ours, now, window_s, width, listening_since(hearing), listeners(hearing))


def lane_table(lanes: Sequence[Lane], look: Look) -> LaneTable:
    """Our virtual routers first, then others on the segment, each by VRID."""
    ordered = sorted(lanes, key=lambda lane: all(s.node is None for s in lane.senders))
    rows: Sequence[Row] = LaneRows(ordered, look)
    return LaneTable(_heading(look), rows if len(rows) else (_none(look),), _summary(lanes, look))


def _none(look: Look) -> Row:
    """No advert within the window: what that means depends on how long somebody listened."""
    if look.since is None:
        level, text = Level.UNKNOWN, "not known: nobody listens"
    elif look.now - look.since < 4.0:
        level, text = Level.BUSY, "nothing heard yet"
    else:
        level, text = Level.WARNING, f"no advert in {short(min(look.now - look.since, look.window_s))} of listening"
    return Row("lane/none", crop((sign(level), say(f" {text}", level.tone)), look.width), level)


def _summary(lanes: Sequence[Lane], look: Look) -> str:
    """`2 virtual routers, the last 5 min`"""
    count = f"{len(lanes)} virtual router{'' if len(lanes) == 1 else 's'}"
    left_out = sum(lane.left_out for lane in lanes)
    senders = sum(len(lane.senders) for lane in lanes) + left_out
    more = f", {senders:,} senders" if senders > MANY or left_out else ""
    more += f" ({left_out:,} not shown)" if left_out else ""
    return f"{count}{more}, the last {short(look.window_s)}"


def _heading(look: Look) -> Line:
    scale = spread((say(f"−{short(look.window_s)}", Tone.QUIET),), (say("now", Tone.QUIET),), look.lane)
    cells = [("VR", 3), ("", 1), ("sender", look.sender), ("pri", 3)]
    line: list[Span] = []
    for title, width in cells:
        line += [*pad((say(title, Tone.QUIET),), width), blank(1)]
    if not look.narrow:
        line += [*pad((say("speaks", Tone.QUIET),), 8), blank(1)]
    line += [*scale, blank(1), *pad((say("master down in", Tone.QUIET),), look.bar + 1 + 9), blank(1)]
    line += [*pad((say("interval", Tone.QUIET),), 9), blank(1)]
    if not look.narrow:
        line += [*pad((say("jitter", Tone.QUIET),), 8), blank(1), *pad((say("heard by", Tone.QUIET),), 11), blank(1)]
    line += pad((say("gaps", Tone.QUIET),), look.plot)
    return crop(tuple(line), look.width)


# --- rows -----------------------------------------------------------------------------


class LaneRows(KeyedRows):
    """One row a sender, made when it is looked at; the VRID stands in the first of a lane. A storm of
    thousands of invented senders costs no more than the rows that are seen."""

    def __init__(self, lanes: Sequence[Lane], look: Look) -> None:
        self._entries = [(lane, i) for lane in lanes for i in range(len(lane.senders))]
        self._look = look
        self._worked: dict[int, _Worked] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._row(lane, i) for lane, i in self._entries[index]]
        return self._row(*self._entries[index])

    def index_of(self, key: str) -> int | None:
        kind, _, rest = key.partition("/")
        vrid, _, rest = rest.partition("/")
        version, _, source = rest.partition("/")
        if kind != "lane" or not (vrid.isdigit() and version.isdigit()):
            return None
        wanted = (int(vrid), int(version))
        matching = (n for n, (lane, i) in enumerate(self._entries) if lane.key == wanted)
        return next((n for n in matching if str(self._sender(n).source) == source), None)

    def _sender(self, index: int) -> SenderLane:
        lane, i = self._entries[index]
        return lane.senders[i]

    def _row(self, lane: Lane, index: int) -> Row:
        look, sender = self._look, lane.senders[index]
        worked = self._worked.get(id(lane)) or self._work(lane)
        level, word = worked.judged[sender.source]
        lead = (*pad((say(vrid_text(lane.key) if index == 0 else "", Tone.STRONG),), 3), blank(1))
        drawn = _drawn(worked.spoken[index], worked.loud, listened(look))
        line = crop((*lead, *_line(sender, (level, word), drawn, look)), look.width)
        return Row(_key(lane, sender), line, level, copy=copy_of(lane, sender, word, look))

    def _work(self, lane: Lane) -> _Worked:
        spoken = [coverage(sender, self._look) for sender in lane.senders]
        loud = [sum(1 for share in cell if share > 0.5) for cell in zip(*spoken, strict=True)]
        worked = self._worked[id(lane)] = _Worked(judge(lane, self._look), spoken, loud)
        return worked


@dataclass(frozen=True, slots=True)
class _Worked:
    """What the rows of one lane have in common."""

    judged: Mapping[IpAddress, tuple[Level, str]]
    spoken: Sequence[Sequence[float]]
    loud: Sequence[int]
    """For each cell how many spoke for most of it: more than one is a split."""


def _key(lane: Lane, sender: SenderLane) -> str:
    return f"lane/{lane.key[0]}/{lane.key[1]}/{sender.source}"


def lane_of(key: str, lanes: Sequence[Lane]) -> Lane | None:
    """The lane that a row is about."""
    parts = key.split("/")
    return next((x for x in lanes if len(parts) == 4 and [str(x.key[0]), str(x.key[1])] == parts[1:3]), None)


def _line(sender: SenderLane, judged: tuple[Level, str], drawn: Line, look: Look) -> Line:
    level, word = judged
    tone = Tone.QUIET if level is Level.NONE else Tone.STRONG
    name = sender_name(sender, look.ours, narrow=look.narrow)
    past = level is Level.NONE
    line: list[Span] = [sign(level), blank(1)]
    line += [*pad((say(middle(name, look.sender), tone),), look.sender), blank(1)]
    line += [*pad((say(sender.priority, tone),), 3, right=True), blank(1)]
    if not look.narrow:
        line += [*pad((say(_speaks(sender, look, past=past), Tone.QUIET),), 8), blank(1)]
    line += [*drawn, blank(1)]
    if past or look.since is None:
        line += [*pad((say(word, level.tone),), look.bar + 1 + 9), blank(1)]
    else:
        line += [*deadline_bar(sender, look.now, look.bar), blank(1), *deadline_words(sender, look.now), blank(1)]
    line += [*pad((_interval(sender, past=past),), 9), blank(1)]
    if not look.narrow:
        jitter = "" if sender.jitter_s is None else f"±{_millis(sender.jitter_s)}"
        line += [*pad((say(jitter, Tone.QUIET),), 8), blank(1)]
        line += [*pad(_heard_by(sender, look, past=past), 11), blank(1)]
    if look.narrow and not past and (missing := _missing(sender, look)):
        line += pad(
            (say(f"heard {len(look.listeners) - len(missing)}/{len(look.listeners)}", Tone.WARNING),), look.plot
        )
    else:
        line += gap_plot(sender, look.plot, quiet=past)
    return tuple(line)


def sender_name(sender: SenderLane, ours: Ours, *, narrow: bool) -> str:
    """The node, or the address of a stranger."""
    return str(sender.source) if sender.node is None else ours.name(sender.node, narrow=narrow)


def _speaks(sender: SenderLane, look: Look, *, past: bool) -> str:
    if past or not sender.spans:
        return ""
    return span(max(0.0, look.now - sender.spans[-1][0]))


def _interval(sender: SenderLane, *, past: bool) -> Span:
    """`1/1.00s`: announced and observed."""
    tone = Tone.QUIET if past else Tone.PLAIN
    observed = sender.observed_interval_s
    if observed is None:
        return say(f"{sender.interval_s:g}/?s", tone)
    if not past and abs(observed - sender.interval_s) > max(0.5 * sender.interval_s, 0.05):
        tone = Tone.WARNING
    return say(f"{sender.interval_s:g}/{observed:.2f}s", tone)


def _millis(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.1f} s"


def copy_of(lane: Lane, sender: SenderLane, word: str, look: Look) -> str:
    """The sender in words, for a ticket."""
    who = str(sender.source) if sender.node is None else f"{sender.node} ({sender.source})"
    heard = ", ".join(sender.heard_by) or "nobody now"
    return (
        f"VRID {lane.key[0]} IPv{lane.key[1]}: {who} {word}, priority {sender.priority}, VRRPv{sender.version}, "
        f"every {seconds(sender.interval_s)}, observed {seconds(sender.observed_interval_s)}, heard by {heard}, "
        f"last {max(0.0, look.now - sender.last_at):.1f} s ago"
    )


# --- which sign -----------------------------------------------------------------------


def judge(lane: Lane, look: Look) -> dict[IpAddress, tuple[Level, str]]:
    """Sender -> (sign, what it is)."""
    if not look.listeners:
        return {s.source: (Level.UNKNOWN, "not known now") for s in lane.senders}
    speaking = [s for s in lane.senders if _speaking(s, look.now)]
    masters = [s for s in speaking if _established(s)]
    several = {s.source for s in masters} if len(masters) > 1 else set()
    return {s.source: _judged(s, lane, speaking, several, look) for s in lane.senders}


def _speaking(sender: SenderLane, now: float) -> bool:
    """As `cluster.segment.Router.speaking` has it."""
    return sender.priority > 0 and now - sender.last_at <= TWO_MASTERS_INTERVALS * sender.interval_s + LATE_S


def _established(sender: SenderLane) -> bool:
    """Speaks for longer than a hand-over takes."""
    first, last = sender.spans[-1] if sender.spans else (sender.last_at, sender.last_at)
    return last - first >= TWO_MASTERS_INTERVALS * sender.interval_s * 0.9


def _judged(
    sender: SenderLane, lane: Lane, speaking: Sequence[SenderLane], several: set[IpAddress], look: Look
) -> tuple[Level, str]:
    if sender.source in several:
        return Level.CRITICAL, "one of several masters"
    if sender in speaking:
        return _speaker(sender, lane, look)
    latest = max(lane.senders, key=lambda s: s.last_at)
    if speaking or sender is not latest or all(s.node is None for s in lane.senders):
        return Level.NONE, f"silent {short(max(0.0, look.now - sender.last_at))}"
    if look.now <= sender.deadline_at + LATE_S:
        return Level.BUSY, "gave up" if sender.priority == 0 else "late"
    return Level.CRITICAL, "silent: no master"


def _speaker(sender: SenderLane, lane: Lane, look: Look) -> tuple[Level, str]:
    if sender.source != lane.master:
        return Level.BUSY, "speaks too"
    if sender.node is None:
        known = look.ours.complete
        return (Level.WARNING, "master, no node of ours") if known else (Level.UNKNOWN, "master, not known whose")
    missing = _missing(sender, look)
    if missing:
        return Level.WARNING, f"master, not heard by {', '.join(missing)}"
    return Level.OK, "master"


def _missing(sender: SenderLane, look: Look) -> list[str]:
    """Places that listen for long enough and do not hear this sender."""
    down_s = sender.deadline_at - sender.last_at + LATE_S
    return [n for n, since in look.listeners.items() if n not in sender.heard_by and look.now - since > down_s]


def _heard_by(sender: SenderLane, look: Look, *, past: bool) -> Line:
    """`both`, or the names of those that hear it."""
    if past or not sender.heard_by:
        return ()
    if set(sender.heard_by) >= set(look.listeners):
        return (say({1: "", 2: "both"}.get(len(look.listeners), "all"), Tone.QUIET),)
    return (say(" ".join(look.ours.name(n, narrow=True) for n in sender.heard_by), Tone.WARNING),)


# --- time lines, bars, plots ----------------------------------------------------------


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


def _drawn(spoken: Sequence[float], loud: Sequence[int], heard: Sequence[bool]) -> Line:
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
