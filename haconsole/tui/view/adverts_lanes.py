"""Lanes: for each virtual router one row a sender: when it spoke, how near the master-down deadline is.

The signs are `adverts_look`'s, what is drawn `adverts_plots`'. Pure; `now` is an input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.cluster.hearing import Lane, SenderLane
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.tui.view.adverts import Ours, seconds, vrid_text
from haconsole.tui.view.adverts_look import Look, judge, unheard_at
from haconsole.tui.view.adverts_plots import coverage, deadline_bar, deadline_words, gap_plot, listened, time_line
from haconsole.tui.view.text import KeyedRows, Level, Line, Row, Span, Tone, blank, crop, middle, pad, say, sign, spread
from haconsole.tui.view.times import short, span

WINDOWS_S: Final = (60.0, 300.0, 900.0)
"""What a lane may span."""
MANY: Final = 200
"""More senders than this are a storm."""


@dataclass(frozen=True, slots=True)
class LaneTable:
    """The rows, the heading over them, and what does not fit in either."""

    heading: Line
    rows: Sequence[Row]
    summary: str


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

    def made(self, index: int) -> Row:
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
        drawn = time_line(worked.spoken[index], worked.loud, listened(look))
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
    if look.narrow and not past and (missing := unheard_at(sender, look)):
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


def _heard_by(sender: SenderLane, look: Look, *, past: bool) -> Line:
    """`both`, or the names of those that hear it."""
    if past or not sender.heard_by:
        return ()
    if set(sender.heard_by) >= set(look.listeners):
        return (say({1: "", 2: "both"}.get(len(look.listeners), "all"), Tone.QUIET),)
    return (say(" ".join(look.ours.name(n, narrow=True) for n in sender.heard_by), Tone.WARNING),)
