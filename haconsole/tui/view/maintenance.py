"""A rolling maintenance that was begun: its nodes and their stages, what headers say of one that was left. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.operations.actions import Method
from haconsole.operations.maintenance import Flow, Stage, how_to_go_on, stand
from haconsole.tui.view.action_running import left_word
from haconsole.tui.view.details import fact
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, middle, pad, say, sign, wrap

if TYPE_CHECKING:
    from haconsole.tui.maintaining import Found

STAGES: Final = {
    Stage.DRAIN: "its turn: guards, then its name",
    Stage.DRAINING: "draining",
    Stage.WAITING: "drained: patch and reboot now; d when done",
    Stage.AWAY: "rebooting: it does not answer",
    Stage.CHECKS: "back: checks",
    Stage.UNDRAIN: "its checks hold: giving back",
    Stage.PLACES: "given back: VIPs go to their places",
    Stage.DONE: "done",
}
"""Where the present node stands while this console drives."""


def found_mark(found: Found) -> Line:
    """What headers say of a maintenance that this console does not drive; empty: there is none."""
    if found.trouble is not None:
        return (sign(Level.UNKNOWN), say(" maintenance: M", Tone.WARNING, "app.maintenance"))
    if found.flow is None:
        return ()
    at = middle(found.flow.node, 16)
    if found.driven:
        return (sign(Level.BUSY), say(f" maintenance {at}, elsewhere: M", Tone.WARNING, "app.maintenance"))
    return (sign(Level.WARNING), say(f" maintenance left at {at}: M", Tone.WARNING, "app.maintenance"))


def found_rows(found: Found, width: int) -> tuple[Row, ...]:
    """What is kept on this machine, and what that means now."""
    return tuple(_found(found, width))


def _found(found: Found, width: int) -> Iterator[Row]:
    if found.trouble is not None:
        yield from text_rows("trouble", found.trouble, width, Level.UNKNOWN)
    if found.flow is None:
        return
    flow = found.flow
    if found.driven:
        told = "another haconsole of yours drives it now: go on there. It is not touched here"
        yield from text_rows("driven", told, width, Level.BUSY)
    else:
        told = "it was begun, and nobody drives it now: its console was left, or died. Nothing is half done"
        yield from text_rows("left", told, width, Level.WARNING)
    yield from facts(flow, width)
    yield Row("gap", ())
    for index, _ in enumerate(flow.nodes):
        yield from _node(flow, index, stand(flow, index), "", width)
    if not found.driven:
        yield Row("gap2", ())
        for line in how_to_go_on(flow)[:-2]:
            yield from text_rows(line, line, width)


def facts(flow: Flow, width: int) -> Iterator[Row]:
    """Who, why."""
    told = (("by", flow.operator), ("reason", flow.reason), ("ticket", flow.ticket))
    for label, value in told:
        if value:
            yield from fact(label, value, width)


def node_rows(flow: Flow, picture: ClusterPicture, now: float, width: int, *, runs: bool) -> tuple[Row, ...]:
    """A line for each node: its stage, and when the node would end its drain by itself. runs: this console drives."""
    rows: list[Row] = []
    for index, name in enumerate(flow.nodes):
        here = index == flow.at
        word = STAGES[flow.stage] if here and runs else stand(flow, index)
        left = drain_left_s(picture, name, now) if here else None
        rows += _node(flow, index, word, "" if left is None else left_word(left), width)
    return tuple(rows)


def _node(flow: Flow, index: int, word: str, left: str, width: int) -> Iterator[Row]:
    if index < flow.at:
        level, tone = Level.OK, Tone.PLAIN
    elif index > flow.at:
        level, tone = Level.NONE, Tone.QUIET
    else:
        level = Level.WARNING if flow.stage is Stage.WAITING else Level.BUSY
        tone = Tone.STRONG
    name = flow.nodes[index]
    size = min(max(len(n) for n in flow.nodes), 24)
    lead: Line = (blank(1), sign(level), blank(1), *pad((say(middle(name, size), Tone.STRONG),), size), blank(2))
    for i, text in enumerate(wrap(word, max(12, width - size - 5))):
        more: Line = (say(f"   {left} left", Tone.WARNING),) if left and i == 0 else ()
        line = (*(lead if i == 0 else (blank(size + 5),)), say(text, tone), *more)
        yield Row(f"node/{name}/{i}", crop(line, width), level, f"{name}: {word}")


def drain_left_s(picture: ClusterPicture, name: str, now: float) -> float | None:
    """Until the node ends its drain by its own timer; None: none is armed, or it is not known."""
    node = next((n for n in picture.nodes if n.name == name), None)
    told = None if node is None else node.operation
    if node is None or told is None or node.operation_at is None or told.drain is None:
        return None
    ends = [at for slot, at in told.deadlines_uptime_s if slot not in dict(told.decided)]
    return max(0.0, max(ends) - told.uptime_s - (now - node.operation_at)) if ends else None


def drain_end(flow: Flow, left_s: float | None) -> str:
    """How long the present node stays drained."""
    if left_s is not None:
        return f"{flow.node} ends its drain by itself in {left_word(left_s)}, by its own timer, or with its reboot"
    if flow.method == Method.STOP.value or flow.until is not None:
        return f"{flow.node} ends its drain by itself; when is not known just now"
    return f"{flow.node} stays drained until its reboot, or until somebody ends it"


def text_rows(key: str, text: str, width: int, level: Level = Level.NONE, *, copy: str = "") -> Iterator[Row]:
    """A text in as many lines as it needs, with its sign in front."""
    lead: Line = (blank(1), sign(level), blank(1)) if level is not Level.NONE else (blank(3),)
    tone = level.tone if level in {Level.WARNING, Level.CRITICAL} else Tone.PLAIN
    for i, piece in enumerate(wrap(text, max(8, width - 3))):
        yield Row(
            f"{key}/{i}", crop((*(lead if i == 0 else (blank(3),)), say(piece, tone)), width), level, copy or text
        )
