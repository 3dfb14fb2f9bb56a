"""Before drills: for each what is predicted and why, then what any action shows before it is confirmed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from haconsole.tui.view.action_confirm import confirm_rows
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.drill_words import short, span, vip_rows
from haconsole.tui.view.text import Level, Row, Tone, crop, say, sign, wrap

if TYPE_CHECKING:
    from haconsole.operations.drills.expect import Expected
    from haconsole.operations.drills.parts import Drill
    from haconsole.tui.drilling import Run


def plan_rows(runs: Sequence[Run], width: int) -> tuple[Row, ...]:
    """Everything that is known of a row of drills before anything is touched."""
    return tuple(_rows(runs, width))


def _rows(runs: Sequence[Run], width: int) -> Iterator[Row]:
    if len(runs) > 1:
        yield from _list(runs, width)
    for number, run in enumerate(runs, 1):
        first = f"{number} of {len(runs)}: " if len(runs) > 1 else ""
        if first:
            yield Row(f"gap/{number}", ())
            yield Row(f"rule/{number}", (say("─" * width, Tone.QUIET),))
        title = f"{first}drill {run.drill.name} on {run.node}"
        told = (*_about(run.drill, width), *predicted_rows(run.expected, run.drill, width))
        for row in confirm_rows(run.plan, width, title=title, told=told):
            yield Row(f"{number}/{row.key}", row.line, row.level, row.copy, row.target)


def _list(runs: Sequence[Run], width: int) -> Iterator[Row]:
    yield Row("row", crop((say(f"{len(runs)} drills, one after the other", Tone.STRONG),), width))
    for number, run in enumerate(runs, 1):
        refused = run.plan.refused
        level = Level.CRITICAL if refused else Level.OK
        word = f"REFUSED by {', '.join(g.id for g in refused)}" if refused else "allowed"
        losses = [f"{short(v)} lost for {span(r, few=True)}" for v, r in run.expected.predicted.outage_s.items()]
        lost = f"; {', '.join(losses)}" if losses else ""
        for i, text in enumerate(wrap(f"{run.drill.name} on {run.node}: {word}{lost}", max(8, width - 6))):
            head = (say(f"  {number} "), sign(level), say(" ")) if i == 0 else (say(" " * 6),)
            yield Row(f"row/{number}/{i}", crop((*head, say(text)), width), level)
    told = "each is only begun if the one before left the cluster healthy, and its guards, asked again then, allow it"
    for i, text in enumerate(wrap(told, max(8, width - 2))):
        yield Row(f"row/each/{i}", (say(f"  {text}", Tone.QUIET),))


def _about(drill: Drill, width: int) -> Iterator[Row]:
    for i, text in enumerate(wrap(drill.about, max(8, width - 2))):
        yield Row(f"about/{i}", (say("  "), say(text)), copy=drill.about)


def predicted_rows(expected: Expected, drill: Drill, width: int) -> Iterator[Row]:
    """Ranges per VIP in words, with the reasons."""
    yield from heading("Predicted", width)
    yield from vip_rows(expected, width)
    hold = f"{drill.hold_s:g} s" if drill.hold_s < 120 else f"{drill.hold_s / 60:g} min"
    told = f"{hold} from the takeover on, then it is put back"
    if expected.own_path:
        told = f"{hold} at least: the console's own way is cut, so the node alone puts back, when its timer runs out"
    yield from fact("held", told, width)
    yield from heading("Because", width)
    for text in expected.predicted.because or ("nothing moves",):
        for i, piece in enumerate(wrap(text, max(8, width - 4))):
            yield Row(f"because/{text}/{i}", (say("  – " if i == 0 else "    ", Tone.QUIET), say(piece)), copy=text)
    lines = [x for x in expected.lines if not x.back]
    if lines or expected.states:
        yield from heading("Must be seen", width)
    for name, state in expected.states:
        yield from fact("", f"{name} is {state} on {expected.node}", width, level=Level.NONE)
    for line in lines:
        yield from fact("", f"{line.node} logs `{line.text}`", width, level=Level.NONE)
