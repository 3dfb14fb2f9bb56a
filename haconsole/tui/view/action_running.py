"""An action while it runs and when it is over: the node's own timer, the steps, who holds what, the result. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.cluster.forecast_times import Span
from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.operations.guards_context import Guard
from haconsole.operations.job import Result
from haconsole.operations.plan import Do, Plan
from haconsole.tui.view import details
from haconsole.tui.view.action_differences import differences
from haconsole.tui.view.action_losses import Loss, Losses
from haconsole.tui.view.action_losses import told as losses_told
from haconsole.tui.view.details import fact
from haconsole.tui.view.text import (
    Level,
    Line,
    Row,
    Tone,
    blank,
    crop,
    flow,
    join,
    middle,
    pad,
    say,
    short_names,
    sign,
    wrap,
)
from haconsole.tui.view.times import Times

if TYPE_CHECKING:
    from haconsole.runtime.executor import Report, Told

_DIGITS: Final[Mapping[str, tuple[str, str, str]]] = {
    "0": ("╭─╮", "│ │", "╰─╯"), "1": ("╶╮ ", " │ ", "╶┴╴"), "2": ("╶─╮", "╭─╯", "╰─╴"), "3": ("╶─╮", " ─┤", "╶─╯"),
    "4": ("╷ ╷", "╰─┤", "  ╵"), "5": ("╭─╴", "╰─╮", "╶─╯"), "6": ("╭─╴", "├─╮", "╰─╯"), "7": ("╶─┐", "  │", "  ╵"),
    "8": ("╭─╮", "├─┤", "╰─╯"), "9": ("╭─╮", "╰─┤", "╶─╯"), ":": (" ", ":", " "), "?": ("╭─╮", " ┌╯", " ∙ "),
}  # fmt: skip
"""Three lines high."""
_NAMES: Final = {
    Do.LOCK: ("lock",), Do.GUARDS: ("guards",), Do.WAIT_IDLE: ("wait-idle",), Do.SAVE: ("save",), Do.ARM: ("arm",),
    Do.SEE_ARMED: ("see-armed",), Do.CHANGE: ("change",), Do.VERIFY: ("verify",), Do.HOLD: ("hold",),
    Do.PUT_BACK: ("put-back",), Do.VERIFY_BACK: ("put-back", "restored", "routes"), Do.DISARM: ("disarm",),
    Do.UNLOCK: ("unlock",),
}  # fmt: skip
"""A planned step -> the names under which it is told when it is carried out."""
_RESULTS: Final = {
    Result.DONE: (Level.OK, "DONE"),
    Result.REVERTED: (Level.WARNING, "REVERTED: stopped half-way, all was put back"),
    Result.REFUSED: (Level.WARNING, "REFUSED: nothing was touched"),
    Result.FAILED: (Level.CRITICAL, "FAILED"),
    Result.UNVERIFIED: (Level.UNKNOWN, "UNVERIFIED: what it is like now was not proven"),
}
WIDE_FROM: Final = 100
ROW_EACH_FROM: Final = 34
"""From so many lines of screen on, every step has a line of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What there is to show at `now`. left_s: until the node heals itself; None: nothing is armed, or not known."""

    plan: Plan
    picture: ClusterPicture
    losses: Losses
    steps: Sequence[Told]
    current: Told | None
    report: Report | None
    left_s: float | None
    stopping: bool
    now: float


# --- the clock --------------------------------------------------------------------------------------------


def left_word(seconds: float) -> str:
    """`00:41`, `1:02:09`."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def clock_rows(shown: Shown, width: int) -> tuple[Row, ...]:
    """The node's own timer, three lines high, with what it means beside it."""
    tone, big, beside = _clock(shown)
    if big is None:
        return tuple(Row(f"clock/{i}", crop(line, width)) for i, line in enumerate(beside))
    drawn = [" ".join(_DIGITS[c][i] for c in big) for i in range(3)]
    rows = []
    for i, text in enumerate(drawn):
        more = beside[i] if i < len(beside) else ()
        rows.append(Row(f"clock/{i}", crop((blank(1), say(text, tone), blank(3), *more), width), copy=left(shown)))
    return tuple(rows)


def left(shown: Shown) -> str:
    """In words, for copying."""
    told = "not known" if shown.left_s is None else left_word(shown.left_s)
    return f"{shown.plan.action.node} heals itself in {told}"


def _clock(shown: Shown) -> tuple[Tone, str | None, list[Line]]:
    node = shown.plan.action.node
    if shown.left_s is None:
        return Tone.PLAIN, None, [_unarmed(shown)]
    beside: list[Line] = [(say(f"until {middle(node, 24)} heals itself,", Tone.STRONG),), (say("by its own timer"),)]
    if shown.stopping:
        beside.append(_stopping(shown))
    elif shown.plan.action.own_path:
        beside.append((sign(Level.WARNING), say(" own path cut: abort must wait for it", Tone.WARNING)))
    tone = Tone.WARNING if shown.left_s < 15 else Tone.STRONG
    return tone, left_word(shown.left_s), beside


def _unarmed(shown: Shown) -> Line:
    if any(s.step == "put-back" and s.ok for s in shown.steps):
        return (sign(Level.OK), say(f" {shown.plan.action.node} has put back"))
    if any(s.step == "disarm" and s.ok for s in shown.steps):
        return (sign(Level.NONE), say(" no timer waits on the node"))
    if not shown.plan.action.kind.disturbs:
        return (sign(Level.NONE), say(" it brings service back: nothing has to be armed"))
    return (sign(Level.BUSY), say(" nothing is armed yet, and nothing was changed"))


def _stopping(shown: Shown) -> Line:
    if shown.plan.action.own_path:
        return (sign(Level.BUSY), say(" its way is cut: abort waits for the node", Tone.WARNING))
    return (sign(Level.BUSY), say(" everything is being put back", Tone.BUSY))


# --- steps ------------------------------------------------------------------------------------------------


def planned(plan: Plan) -> tuple[str, ...]:
    """Names of the steps to come, as they will be told."""
    found: list[str] = []
    for step in plan.steps:
        found += [n for n in _NAMES.get(step.do, ()) if not found or found[-1] != n]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Stage:
    """A step: ended, running (BUSY), or still to come (NONE). took_s None: it has not begun."""

    name: str
    level: Level
    text: str = ""
    took_s: float | None = None


def progress(shown: Shown) -> tuple[Stage, ...]:
    """Every step, in order."""
    found: list[Stage] = []
    for told in shown.steps:
        took = None if told.ended is None else told.ended - told.started
        found.append(Stage(told.step, Level.OK if told.ok else Level.CRITICAL, told.text, took))
    running = shown.current
    if running is not None:
        found.append(Stage(running.step, Level.BUSY, running.text, max(0.0, shown.now - running.started)))
    if shown.report is not None:
        return tuple(found)
    names = list(planned(shown.plan))
    at = 0
    for stage in found:
        if stage.name in names[at:]:
            at = names.index(stage.name, at) + 1
    return (*found, *(Stage(name, Level.NONE) for name in names[at:]))


def step_rows(shown: Shown, width: int, height: int) -> tuple[Row, ...]:
    """The steps: a line each where there is room, else as few lines as they fit in, with the words of the last."""
    every = progress(shown)
    if height >= ROW_EACH_FROM:
        return tuple(_step_row(i, stage, width) for i, stage in enumerate(every))
    items: list[Line] = []
    for stage in every:
        mark: Line = (sign(stage.level), blank(1)) if stage.level is not Level.NONE else ()
        items.append((*mark, say(stage.name, Tone.QUIET if stage.level is Level.NONE else Tone.PLAIN)))
    rows = [Row(f"steps/{i}", line) for i, line in enumerate(flow(items, width, gap=2))]
    last = next((s for s in reversed(every) if s.level is not Level.NONE), None)
    if last is not None and shown.report is None:
        texts = list(wrap(f"{last.name}: {last.text}", width - 2))[:2]
        rows += [Row(f"said/{i}", (blank(2), say(text))) for i, text in enumerate(texts)]
    return tuple(rows)


def _step_row(index: int, stage: Stage, width: int) -> Row:
    later = stage.level is Level.NONE
    tone = Tone.QUIET if later else Tone.PLAIN
    seconds = "" if stage.took_s is None else f"{stage.took_s:.1f} s"
    line: Line = (blank(1), blank(1) if later else sign(stage.level), blank(1), *pad((say(stage.name, tone),), 10))
    line = (*line, *pad((say(seconds, Tone.QUIET),), 8, right=True), blank(2), say(stage.text, tone))
    return Row(f"step/{index}", crop(line, width), stage.level, f"{stage.name}: {stage.text}")


# --- who holds what, and what clients lost ----------------------------------------------------------------


def vip_rows(shown: Shown, width: int) -> tuple[Row, ...]:
    """A line for each VIP: holder by kernel, the client's answer, lost so far beside what was predicted."""
    return vip_table(shown.picture, shown.losses, shown.now, width, shown.plan)


def vip_table(
    picture: ClusterPicture, losses: Losses, now: float, width: int, plan: Plan | None = None
) -> tuple[Row, ...]:
    """plan None: nothing was predicted."""
    narrow = width < WIDE_FROM
    titles = (("VIP", 15), ("kernel", 10 if narrow else 24), ("client", 6 if narrow else 15), ("lost so far", 12))
    heading = (blank(1), *join([pad((say(text, Tone.QUIET),), size) for text, size in titles], 2))
    rows: list[Row] = []
    for vip in picture.vips:
        lost = (*lost_line(losses.of(vip.address), now), say(_predicted(plan, vip.address), Tone.QUIET))
        rows.append(_vip_row(vip, picture, lost, width))
    return (Row("vips", crop(heading, width)), *rows)


def _vip_row(vip: VipPicture, picture: ClusterPicture, lost: Line, width: int) -> Row:
    holder = _holder(vip, picture, width)
    narrow = width < WIDE_FROM
    parts = [
        pad((say(vip.address),), 15), pad(holder, 10 if narrow else 24), pad(_client(vip), 6 if narrow else 15),
        lost,
    ]  # fmt: skip
    return Row(f"vip/{vip.address}", crop((blank(1), *join(parts, 2)), width), copy=str(vip.address))


def _holder(vip: VipPicture, picture: ClusterPicture, width: int) -> Line:
    """By the kernels of the nodes that can be read."""
    if vip.holders is None:
        return (sign(Level.UNKNOWN), say(" unknown", Tone.UNKNOWN))
    every = [n.name for n in picture.nodes]
    names = short_names(every) if width < WIDE_FROM else {n: n for n in every}
    told = " + ".join(middle(names.get(h, h), 20) for h in vip.holders) or "nobody"
    if len(vip.holders) == 1:
        return (sign(Level.OK), say(f" {told}"))
    if vip.settled:
        return (sign(Level.CRITICAL), say(f" {told}", Tone.CRITICAL))
    return (sign(Level.BUSY), say(f" {told}"))


def _client(vip: VipPicture) -> Line:
    if vip.client is None:
        return (sign(Level.UNKNOWN), say(" not known", Tone.UNKNOWN))
    result = vip.client.result
    if result.ok:
        return (sign(Level.OK), say(" ok"))
    return (sign(Level.CRITICAL), say(f" {result.error or result.status or 'refused'}", Tone.CRITICAL))


def lost_line(loss: Loss | None, now: float) -> Line:
    """What was lost so far, by the console's own requests: at most so much."""
    if loss is None or loss.asked == 0:
        return (say("not asked yet", Tone.UNKNOWN),)
    if loss.failed == 0:
        return (say(f"{loss.failed} of {loss.asked} failed"),)
    seconds = loss.lost_until(now)
    told = "for how long is not known" if seconds is None else f"≤ {seconds:.1f} s"
    return (say(f"lost {loss.failed} of {loss.asked}, {told}", Tone.WARNING),)


def lost_rows(address: IpAddress, losses: Losses, now: float, width: int, plan: Plan | None = None) -> Iterator[Row]:
    """What clients of one VIP lost when all is over. plan None: nothing was predicted."""
    level, told_lost = losses_told(losses.of(address), now, _outage(plan, address))
    label = str(address)
    if len(label) < details.LABEL:
        yield from fact(label, told_lost, width, level=level)
    else:
        yield from fact("", f"{label}: {told_lost}", width, level=level)


def _predicted(plan: Plan | None, address: IpAddress) -> str:
    outage = _outage(plan, address)
    return "" if outage is None else f"  predicted {outage}"


def _outage(plan: Plan | None, address: IpAddress) -> Span | None:
    """Of a VIP that moves."""
    vip = next((v for v in plan.predicted.vips if v.address == address), None) if plan is not None else None
    return vip.outage if vip is not None and vip.moves is True else None


# --- the result -------------------------------------------------------------------------------------------


def result_level(report: Report) -> Level:
    """Of how it ended."""
    return _RESULTS[report.result][0]


def result_rows(shown: Shown, width: int, zone: Times) -> tuple[Row, ...]:
    """How it ended, with evidence, and what to look at. Empty while it runs."""
    return () if shown.report is None else tuple(_result(shown, shown.report, width, zone))


def _result(shown: Shown, report: Report, width: int, zone: Times) -> Iterator[Row]:
    level, word = _RESULTS[report.result]
    yield Row("result", crop((sign(level), say(f" {word}", level.tone)), width), level)
    for i, text in enumerate(wrap(report.text, width - 2)):
        yield Row(f"result/{i}", (blank(2), say(text)), copy=report.text)
    for place in report.look_at:
        yield from fact("look at", place, width, level=Level.WARNING)
    if shown.left_s is not None and report.result is not Result.REFUSED:
        yield from fact("still armed", left(shown), width)
    yield from details.heading("Clients", width)
    for vip in shown.picture.vips:
        yield from lost_rows(vip.address, shown.losses, shown.now, width, shown.plan)
    yield from _differences(report, width)
    yield from details.heading("Steps", width)
    for i, told in enumerate(report.steps):
        level = Level.OK if told.ok else Level.CRITICAL
        yield from fact(told.step, f"{zone.clock(told.ended or told.started)} {told.text}", width, level=level)
        if i > 200:
            break
    guards = [g for g in report.guards if isinstance(g, Guard)]
    if guards:
        yield from details.heading("Guards, under the lock", width)
    for guard in guards:
        level = Level.OK if guard.ok is True else Level.WARNING if guard.passes else Level.CRITICAL
        yield from fact("", f"{guard.text}: {guard.evidence}", width, level=level, copy=f"{guard.id}: {guard.evidence}")


def _differences(report: Report, width: int) -> Iterator[Row]:
    """What is not as it was, by the facts before and after."""
    if report.before is None or report.after is None:
        return
    yield from details.heading("Before and after", width)
    for line in list(differences(report.before, report.after)) or ["nothing that was read differs"]:
        yield from fact("", line, width)


def result_text(shown: Shown, zone: Times) -> str:
    """The result for a ticket: plain lines."""
    from haconsole.tui.view.text import plain

    action = shown.plan.action
    head = f"{action.text} (operation {shown.plan.operation}), {zone.full(shown.now)}"
    return "\n".join([head, *(plain(r.line).rstrip() for r in result_rows(shown, 400, zone))])
