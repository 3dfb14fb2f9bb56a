"""A drill while it runs: steps, the node's own timer, lanes, both nodes' log lines, expectations. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.drill import Claim, Measured, Phase, Predicted
from haconsole.tui.view.action_losses import Losses
from haconsole.tui.view.action_running import Shown, clock_rows, left, left_word, step_rows
from haconsole.tui.view.drill_strip import (
    BOTH,
    LOST,
    NOBODY,
    SERVED,
    UNKNOWN,
    Axis,
    axis,
    cell_word,
    client_cells,
    holder_cells,
)
from haconsole.tui.view.drill_words import claim_level, counted, short, span
from haconsole.tui.view.text import (
    Level,
    Line,
    Row,
    Span,
    Tone,
    blank,
    crop,
    middle,
    pad,
    say,
    short_names,
    sign,
    wrap,
)
from haconsole.tui.view.times import Times

if TYPE_CHECKING:
    from haconsole.operations.drills.seen import Seen
    from haconsole.tui.drilling import Drilling

WIDE_FROM: Final = 120
BIG_FROM: Final = 34
"""From so many lines of screen on, the node's timer is drawn large."""
SAID: Final = 2
"""Lines for what the running step says."""
_OPEN_S: Final = 0.2
"""Not served for longer, as far as is known, is an outage that goes on."""
_CLIENTS: Final = "clients"
_PROGRAMS: Final = {"keepalived": "", "squid": "squid: ", "systemd": "systemd: "}


def shown(drilling: Drilling, picture: ClusterPicture, now: float) -> Shown:
    """As an action's steps are shown."""
    return Shown(
        plan=drilling.plan, picture=picture, losses=Losses(drilling.started), steps=drilling.steps,
        current=drilling.current, report=None, left_s=drilling.left_s(now), stopping=drilling.stopping, now=now,
    )  # fmt: skip


# --- steps and the node's timer -----------------------------------------------------------------------------


def step_lines(drilling: Drilling, told: Shown, width: int, height: int) -> tuple[Row, ...]:
    """Steps, what is going on, and when the node heals itself."""
    steps = [s for s in step_rows(told, width, 0) if not s.key.startswith("said/")]
    said = _between(drilling, told.now) or _last(drilling)
    if said is not None:
        lines = list(wrap(said, width - 4))
        more = " …" if len(lines) > SAID else ""
        shown_lines = [*lines[: SAID - 1], lines[SAID - 1] + more] if len(lines) >= SAID else lines
        steps += [Row(f"said/{i}", (blank(2), say(t)), copy=said) for i, t in enumerate(shown_lines)]
    if height >= BIG_FROM:
        return (*clock_rows(told, width), Row("gap", ()), *steps)
    return (*steps, Row("left", _timer(told, width), copy=left(told)))


def _between(drilling: Drilling, now: float) -> str | None:
    """What goes on outside of the steps on the node."""
    live = drilling.live
    if drilling.asking:
        return f"the guards of {drilling.item.title} are asked"
    if not drilling.steps and drilling.current is None:
        return "before: clients are measured; a steady state must be seen, else nothing is touched"
    step = None if drilling.current is None else drilling.current.step
    if drilling.unreached is not None and (step == "put-back" or (drilling.wish and step in {"hold", "verify"})):
        return cut_words(drilling, now)
    if drilling.current is None and live is not None and live.seen.phase is Phase.AFTER:
        return "after: the last log lines, announcements and readings come in"
    return None


def cut_words(drilling: Drilling, now: float) -> str:
    """What comes of what the operator asked for while the way to the node is cut, and when the node acts by itself."""
    seconds = drilling.left_s(now)
    when = "by its own timer" if not seconds else f"by its own timer, in {left_word(seconds)}"
    asked = "put-back" if drilling.wish is None else f"asked for {drilling.wish}"
    return f"{asked}: {drilling.node} cannot be reached, its way is cut; it puts itself back {when}"


def _last(drilling: Drilling) -> str | None:
    """What the step says that runs, or that ended last; None: none has begun."""
    told = drilling.current or (drilling.steps[-1] if drilling.steps else None)
    if told is None:
        return None
    return told.text if told.text.startswith(told.step) else f"{told.step}: {told.text}"


def _timer(told: Shown, width: int) -> Line:
    if told.left_s is None:
        return clock_rows(told, width)[0].line
    tone = Tone.WARNING if told.left_s < 15 else Tone.STRONG
    line: Line = (blank(2), say(left_word(told.left_s), tone), say(" until the node heals itself"))
    own_path = told.plan.action.own_path
    if told.stopping:
        what = "waits for that, its way is cut" if own_path else "all is being put back"
        line = (*line, say(f"   aborted: {what}", Tone.WARNING))
    else:
        line = (*line, say(", by its own timer"), say("   own path cut" if own_path else "", Tone.WARNING))
    return crop(line, width)


# --- lanes --------------------------------------------------------------------------------------------------


def lane_rows(drilling: Drilling, nodes: Sequence[str], width: int, now: float) -> tuple[Row, ...]:
    """Two lines a VIP on one time axis: who holds it, what clients get; beside them lost and predicted."""
    live = drilling.live
    if drilling.trouble is not None:
        return (Row("lanes", crop((blank(2), sign(Level.UNKNOWN), say(f" {drilling.trouble}", Tone.UNKNOWN)), width)),)
    if live is None:
        return (Row("lanes", (blank(2), sign(Level.BUSY), say(" nothing is measured yet", Tone.QUIET))),)
    return tuple(_lanes(drilling, nodes, width, now))


def _lanes(drilling: Drilling, nodes: Sequence[str], width: int, now: float) -> Iterator[Row]:
    live = drilling.live
    if live is None:
        return
    measured, told = live.measured, live.expected.predicted
    vips = [*(m.vip for m in live.expected.moves), *(v for v, _ in live.expected.stays)]
    vips += [v for v in live.traffic.strips if v not in vips]
    label = max([len(_CLIENTS), *(len(short(v)) for v in vips)])
    beside = 46 if width >= WIDE_FROM else 26
    on = axis(live.seen.since, max(now, live.seen.since), width - label - 2 - beside - 2)
    yield Row("axis", crop(_axis_words(on, label, drilling, wide=width >= WIDE_FROM), width))
    names = short_names(nodes)
    for vip in vips:
        open_s = live.unserved_s.get(vip, 0.0)
        lost = _lost(vip, measured, told, back=False, open_s=open_s, phase=live.seen.phase)
        back = _lost(vip, measured, told, back=True, open_s=open_s, phase=live.seen.phase)
        if width >= WIDE_FROM and vip in told.takeover_s:
            took = measured.takeover_s.get(vip)
            words = "" if took is None else f"takeover {took:.2f} s"
            lost = (*pad(lost, 27), say(words, Tone.QUIET))
        lanes = (
            ("held", say(short(vip), Tone.STRONG), holder_cells(live.seen.lanes, vip, names, on), lost),
            ("client", say(_CLIENTS, Tone.QUIET), client_cells(drilling.strip, vip, on), back),
        )
        for name, head, cells, figures in lanes:
            line = (blank(1), *pad((head,), label), blank(1), *cells, blank(2), *figures)
            yield Row(f"{name}/{vip}", crop(line, width), copy=vip)


def _axis_words(on: Axis, label: int, drilling: Drilling, *, wide: bool) -> Line:
    live = drilling.live
    signs = ((NOBODY, "nobody"), (BOTH, "several"), (UNKNOWN, "unknown"), (SERVED, "served"), (LOST, "lost"))
    words = ("   " if wide else "  ").join([f"{cell_word(on.cell_s)} a cell", *(f"{s} {w}" for s, w in signs)])
    told: Line = (blank(label + 2), say(words, Tone.QUIET))
    if live is not None and live.traffic.problem is not None:
        return (blank(1), sign(Level.UNKNOWN), say(f" not measured: {live.traffic.problem}", Tone.UNKNOWN))
    if live is None or live.traffic.interval_ms is None or not wide:
        return told
    load = "" if live.traffic.load is None else f", {live.traffic.load.requests_per_s:.0f} requests/s in all"
    return (*told, say(f"   a request every {live.traffic.interval_ms:.0f} ms through each{load}", Tone.QUIET))


def _lost(vip: str, measured: Measured, told: Predicted, *, back: bool, open_s: float, phase: Phase) -> Line:
    """`lost 0.63 s ● 0.61–0.71 s`; `back` on the way back."""
    figures, ranges = (
        (measured.failback_outage_s, told.failback_outage_s) if back else (measured.outage_s, told.outage_s)
    )
    word = "back " if back else "lost "
    order = list(Phase)
    began = order.index(phase) >= order.index(Phase.PUT_BACK if back else Phase.INJECT)
    past = not back and order.index(phase) >= order.index(Phase.PUT_BACK)
    predicted = ranges.get(vip)
    moves = vip in {*told.takeover_s, *told.outage_s, *told.failback_outage_s}
    if not moves and back:
        return () if not figures.get(vip) else (say(word), *_figure(figures.get(vip), ok=False))
    tail = f" {span(predicted, few=True)}" if predicted is not None else " not known" if moves else " stays"
    if not began:
        return (say(word, Tone.QUIET), *pad((say("–", Tone.QUIET),), 8), sign(Level.NONE), say(tail, Tone.QUIET))
    if open_s > _OPEN_S and not past:
        return (say(word), *pad((say(f"{open_s:.1f} s", Tone.WARNING),), 8), sign(Level.BUSY), say(tail, Tone.QUIET))
    seconds = figures.get(vip)
    settled = order.index(phase) >= order.index(Phase.AFTER if back else Phase.HOLD)
    if seconds is None and not settled:
        return (say(word), *pad((say("–"),), 8), sign(Level.BUSY), say(tail, Tone.QUIET))
    ok = None if seconds is None else seconds == 0 if not moves else None
    if seconds is not None and predicted is not None:
        ok = predicted.agrees(seconds, measured.doubt("failback_outage_s" if back else "outage_s", vip))
        early = seconds == 0 or (not ok and (predicted.high is None or seconds <= predicted.high))
        if early and not settled:
            ok = None  # more may come
    return (say(word), *pad(_figure(seconds, ok=ok), 8), _judged(ok, seconds), say(tail, Tone.QUIET))


def _figure(seconds: float | None, *, ok: bool | None) -> Line:
    if seconds is None:
        return (say("?", Tone.UNKNOWN),)
    return (say("nothing" if seconds == 0 else f"{seconds:.2f} s", Tone.CRITICAL if ok is False else Tone.STRONG),)


def _judged(ok: bool | None, seconds: float | None) -> Span:
    return sign(Level.BUSY if ok is None and seconds is not None else claim_level(ok, over=True))


# --- both nodes' log ----------------------------------------------------------------------------------------


def log_rows(seen: Seen, node: str, width: int, zone: Times, injected: float | None) -> tuple[Row, ...]:
    """One node's own lines, by the console's clock; where there is little room, seconds from the injection on."""
    rows = []
    for number, line in enumerate(sorted((x for x in seen.lines if x.node == node), key=lambda x: x.at)):
        text = f"{_PROGRAMS.get(line.program, f'{line.program}: ')}{line.text}"
        stamp = zone.stamp(line.at, line.at)
        when = stamp if width >= 56 or injected is None else f"{line.at - injected:+.3f}".rjust(6)
        error = "" if line.error_s is None or width < 70 else f" ±{line.error_s * 1000:.0f} ms"
        tone = Tone.PLAIN if line.fact is not None else Tone.QUIET
        text = middle(text, width - len(when) - 1) if not error else text
        shown_line = (
            say(when, Tone.QUIET),
            say(error.ljust(8) if error else "", Tone.QUIET),
            blank(1),
            say(text, tone),
        )
        rows.append(Row(f"{number}/{line.at}/{line.text}", crop(shown_line, width), copy=f"{stamp} {line.text}"))
    if not rows:
        why = seen.log_unread.get(node)
        told = f"its log cannot be read: {why}" if why else "nothing since the drill began"
        level = Level.UNKNOWN if why else Level.NONE
        if seen.unreached == node:
            told, level = "way cut: its lines come later", Level.UNKNOWN
        rows.append(Row("none", crop((sign(level), say(f" {told}", Tone.QUIET)), width)))
    return tuple(rows)


# --- expectations -------------------------------------------------------------------------------------------


def claims_of(drilling: Drilling) -> tuple[tuple[Claim, Level], ...]:
    """Those of now, what is wrong first; those of the way back once it is put back."""
    live = drilling.live
    if live is None:
        return ()
    order = list(Phase)
    phase = order.index(live.seen.phase)
    back = phase >= order.index(Phase.PUT_BACK)
    told = [(c, claim_level(c.ok, over=back and live.seen.unreached is None)) for c in live.hypothesis.during]
    if back:
        told += [(c, claim_level(c.ok, over=phase >= order.index(Phase.OVER))) for c in live.hypothesis.after]
    if phase <= order.index(Phase.BEFORE):
        told = [(c, Level.BUSY) for c, _ in told]
    worst = {Level.CRITICAL: 0, Level.UNKNOWN: 1, Level.BUSY: 2, Level.OK: 3}
    return tuple(sorted(told, key=lambda t: worst.get(t[1], 2)))


def claim_rows(found: Sequence[tuple[Claim, Level]], width: int) -> tuple[Row, ...]:
    """A line each, its evidence behind it; in two columns where there is room."""
    columns = 2 if width >= WIDE_FROM else 1
    room = (width - 2 * (columns - 1)) // columns
    cells = [_claim(c, level, room) for c, level in found]
    half = -(-len(cells) // columns)
    rows = []
    for i in range(half):
        line, copy = cells[i], f"{found[i][1].sign} {found[i][0].text}: {found[i][0].evidence}"
        if columns == 2 and i + half < len(cells):
            line = (*pad(line, room + 2), *cells[i + half])
        rows.append(Row(f"claim/{found[i][0].text}", crop(line, width), found[i][1], copy))
    return tuple(rows)


def _claim(claim: Claim, level: Level, width: int) -> Line:
    tone = Tone.PLAIN if level in {Level.OK, Level.BUSY} else level.tone
    return crop((sign(level), say(f" {claim.text}", tone), say(f"  {claim.evidence}", Tone.QUIET)), width)


def claims_title(found: Sequence[tuple[Claim, Level]], drilling: Drilling) -> Line:
    """How many are true, open, wrong."""
    live = drilling.live
    tail: Line = ()
    if live is None:
        return (say("Expectations", Tone.STRONG),)
    if live.hypothesis.after and list(Phase).index(live.seen.phase) < 5:
        tail = (say(f"  then {len(live.hypothesis.after)} of the way back", Tone.QUIET),)
    return (say("Expectations  ", Tone.STRONG), *counted([level for _, level in found]), *tail)


def title(drilling: Drilling, width: int) -> Line:
    """Which drill, which of how many, and where it is."""
    phase = "" if drilling.live is None else drilling.live.seen.phase.value
    more = f"  {drilling.at + 1} of {len(drilling.items)}" if len(drilling.items) > 1 else ""
    left_part: Line = (say(f"Drill {drilling.item.title}", Tone.STRONG), say(f"{more}  {phase}", Tone.QUIET))
    return crop(left_part, max(10, width - 6))
