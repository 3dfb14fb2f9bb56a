"""The confirmation: what will be run, what will happen, what was checked with its evidence, what was not. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.operations.actions import Kind, Lasting, Method, duration
from haconsole.operations.guards_context import Guard, Override
from haconsole.operations.plan import Do, Plan, described
from haconsole.operations.plan import Line as CommandLine
from haconsole.operations.plan_words import heart_of
from haconsole.tui.view.action_offers import drain_facts, fate
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.text import Level, Line, Row, Tone, crop, say, sign, wrap

_INDENT: Final = 2
ABORT: Final = "key a: abort puts back what was begun and removes its locks, take over goes on with it"
"""The way out where another operation is in the way; a stale lock is one, too."""


def confirm_rows(plan: Plan, width: int, *, title: str | None = None, told: Sequence[Row] = ()) -> tuple[Row, ...]:
    """Everything that is known before anything is touched: guards in short, what is lost, what was not checked, who
    holds what, the guards' evidence, and last every command line. What refuses comes first.

    title: instead of the action's own words. told: what a drill says of the VIPs, instead of the forecast's words.
    """
    return tuple(_rows(plan, width, title or plan.action.text, told))


def _rows(plan: Plan, width: int, title: str, told: Sequence[Row]) -> Iterator[Row]:
    yield Row("title", crop((say(title, Tone.STRONG),), width), copy=title)
    if plan.refused:
        words = f"REFUSED by {len(plan.refused)} of {len(plan.guards)} guards: nothing was touched"
        yield Row("refused", crop((sign(Level.CRITICAL), say(f" {words}", Tone.CRITICAL)), width), Level.CRITICAL)
        yield from refused_rows(plan, width)
    yield from short_rows(plan, width)
    yield from told
    yield from heading("Will happen", width)
    yield from _happens(plan, width, vips=not told)
    yield from heading("NOT checked", width)
    if not plan.not_checked:
        yield from _text("nothing is known to have been left out", width, _INDENT, Tone.QUIET)
    for what in plan.not_checked:
        yield from _text(f"– {what}", width, _INDENT)
    yield from heading("Checked", width)
    for guard in plan.guards:
        if guard not in plan.refused:
            yield from _guard(guard, width)
    yield from heading("Will be run", width)
    yield from _commands(plan, width)
    yield from heading("Every step, with every command line in full", width)
    for each in described(plan.steps):
        yield from _text(each, width, _INDENT, Tone.QUIET)


def refused_rows(plan: Plan, width: int) -> Iterator[Row]:
    """Each guard in the way, with its evidence and what can be done."""
    for guard in plan.refused:
        yield from _guard(guard, width)
        yield from _text(f"way out: {way_out(guard, plan.action.node)}", width, 6, Tone.QUIET)


def short_rows(plan: Plan, width: int) -> Iterator[Row]:
    """Every guard in a line or two of names: `● 17 OK: …`, `✖ 1 NO: …`; with their evidence further down."""
    by: dict[tuple[Level, str], list[str]] = {}
    for guard in plan.guards:
        level, word = _verdict(guard)
        by.setdefault((level, "OK" if guard.ok else word), []).append(guard.id)
    for level, word in sorted(by, key=lambda k: k[0], reverse=True):
        names = by[level, word]
        for i, text in enumerate(wrap(f"{len(names)} {word}: {', '.join(names)}", max(8, width - 4))):
            head: Line = (say("  "), sign(level), say(" ")) if i == 0 else (say("    "),)
            tone = Tone.QUIET if level is Level.OK else Tone.PLAIN
            yield Row(f"short/{word}/{i}", crop((*head, say(text, tone)), width), level, ", ".join(names))


def _commands(plan: Plan, width: int) -> Iterator[Row]:
    for step in plan.steps:
        if step.do in {Do.CHANGE, Do.PUT_BACK}:
            yield from _text(f"{step.do.value}: {step.text}", width, _INDENT)
            for line in step.lines:
                full, short = _shown(line), f"{line.node}$ {heart_of(line)}"
                if "-c" not in line.argv:
                    short, full = full, ""
                yield from _text(short, width, _INDENT, Tone.STRONG, copy=shlex.join(line.argv))
                if full:
                    yield from _text(f"in full: {full}", width, _INDENT + 2, Tone.QUIET, copy=shlex.join(line.argv))
    limit = plan.action.deadline
    if limit is not None:
        armed = f"before it, {plan.action.node} is told to put it back by itself after {duration(limit.seconds)}"
        if plan.action.lasting is not Lasting.HELD:
            armed += ", only until the change is seen to be done"
        yield from _text(armed, width, _INDENT)
        if limit.said is not None:
            yield from _text(limit.said, width, _INDENT, Tone.WARNING)


def _shown(line: CommandLine) -> str:
    """The exact words, as a shell would take them."""
    stdin = f"   with on its standard input: {' '.join(line.data.split())}" if line.data else ""
    return f"{line.node}$ {shlex.join(line.argv)}{stdin}"


def _happens(plan: Plan, width: int, *, vips: bool) -> Iterator[Row]:
    action = plan.action
    if vips:
        yield from _fates(plan, width)
    else:
        yield from fact("VIPs", "as predicted above", width)
    if plan.connections is not None and action.kind.disturbs:
        yield from fact("connections", f"{plan.connections} that are open now break", width)
    for load in plan.predicted.loads:
        if load.after is not None and load.now is not None and load.after > load.now:
            yield from fact("load", f"{load.node} answers {load.after:.0f} requests/s, now {load.now:.0f}", width)
    if action.kind is Kind.DRAIN:
        yield from drain_facts(action.drain, width)
        if action.method is Method.STOP:
            yield from fact(
                "", "if the peer dies meanwhile, nothing serves until the deadline", width, level=Level.WARNING
            )
        elif action.method is Method.TRACK_FILE:
            yield from fact("", "it ends by itself when the node reboots", width)
    if action.own_path:
        told = "it cuts this console's own way to the node: abort must wait until the node has put it back"
        yield from fact("own path", told, width, level=Level.WARNING)


def _fates(plan: Plan, width: int) -> Iterator[Row]:
    for vip in plan.predicted.vips:
        level, text = fate(vip)
        yield from fact(str(vip.address), text, width, level=level)
    if not plan.predicted.vips:
        yield from fact("VIPs", "not known", width, level=Level.UNKNOWN)


def _guard(guard: Guard, width: int) -> Iterator[Row]:
    """Sign, word, what was asked, and the evidence on its own lines."""
    level, word = _verdict(guard)
    lead = (say("  "), sign(level), say(f" {word:<9}", level.tone))
    texts = list(wrap(guard.text, max(8, width - 14)))
    copy = f"{guard.id}: {word}: {guard.text}: {guard.evidence}"
    for i, text in enumerate(texts):
        start = lead if i == 0 else (say(" " * 13),)
        yield Row(f"guard/{guard.id}/{i}", crop((*start, say(f" {text}")), width), level, copy)
    yield from _text(guard.evidence, width, 14, Tone.QUIET, key=f"evidence/{guard.id}", copy=copy)
    if guard.overridden is not None:
        yield from _text(f"overridden: {guard.overridden}", width, 14, Tone.WARNING, key=f"overridden/{guard.id}")


def _verdict(guard: Guard) -> tuple[Level, str]:
    if guard.ok is True:
        return Level.OK, "yes"
    if guard.overridden is not None:
        return Level.WARNING, "OVERRIDE"
    if guard.warns:
        return Level.WARNING, "warning"
    return (Level.CRITICAL, "NO") if guard.ok is False else (Level.UNKNOWN, "not known")


def way_out(guard: Guard, node: str) -> str:
    """What an operator can do about a guard that refuses."""
    match guard.override:
        case Override.NEVER if guard.id == "no-other-operation":
            return f"wait until it is over; or, on the node that is named, {ABORT}"
        case Override.NEVER:
            return "none here: what it found has to be put right first"
        case Override.WINDOW:
            return "o, with the reason to act outside of the window"
        case Override.PHRASE:
            return f"o, with a reason and a phrase of its own, for {node} is the last that serves"
        case Override.REASON:
            return "o, with a reason, which is logged"


def _text(
    text: str, width: int, indent: int, tone: Tone = Tone.PLAIN, *, key: str | None = None, copy: str = ""
) -> Iterator[Row]:
    for i, piece in enumerate(wrap(text, max(8, width - indent))):
        yield Row(f"{key or text}/{i}", (say(" " * indent), say(piece, tone)), copy=copy or text)
