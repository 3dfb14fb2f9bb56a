"""A rolling maintenance while this console drives it, and how that ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.operations.maintenance import BACK_S, STAYS_S, Stage, how_to_go_on, is_drained
from haconsole.tui.view.action_confirm import way_out
from haconsole.tui.view.action_running import Shown, lost_rows, step_rows, vip_table
from haconsole.tui.view.details import fact, heading
from haconsole.tui.view.maintenance import drain_end, drain_left_s, node_rows, text_rows
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, plain, say, sign, wrap
from haconsole.tui.view.times import Times

if TYPE_CHECKING:
    from haconsole.operations.maintenance import Ended
    from haconsole.tui.maintaining import Maintaining, Said

_DRAINED: Final = frozenset({Stage.WAITING, Stage.CHECKS, Stage.UNDRAIN})
_RESULTS: Final = {
    "done": (Level.OK, "DONE"),
    "left": (Level.INFO, "LEFT: it stays where it stands"),
    "refused": (Level.WARNING, "REFUSED by a guard"),
    "not-confirmed": (Level.WARNING, "NOT CONFIRMED: nothing was touched"),
    "failed": (Level.CRITICAL, "STOPPED: something is not as it should be"),
    "reverted": (Level.WARNING, "REVERTED: the drain was put back"),
    "unverified": (Level.UNKNOWN, "UNVERIFIED: what it is like now was not proven"),
}
_NEXT: Final = {
    Stage.DRAIN: "wait: the guards of draining {node} are asked",
    Stage.DRAINING: "wait: {node} is being drained",
    Stage.WAITING: "now patch and reboot {node}: its return is seen, and this goes on. No reboot needed: d when done",
    Stage.AWAY: "wait: {node} reboots; its return is seen, and this goes on by itself",
    Stage.CHECKS: f"wait: {{node}} is checked; what does not hold within {BACK_S:g} s is told",
    Stage.UNDRAIN: "wait: {node} is given back",
    Stage.PLACES: f"wait: every VIP goes to its place, and has to serve there for {STAYS_S:g} s",
    Stage.DONE: "all is done",
}
_SIGNS: Final = {level.sign: level for level in (Level.OK, Level.CRITICAL, Level.UNKNOWN)}


def state_rows(acting: Maintaining, picture: ClusterPicture, now: float, width: int) -> tuple[Row, ...]:
    """Nodes, what to do next, steps of what is being changed, VIPs."""
    return (
        *node_rows(acting.flow, picture, now, width, runs=True),
        *_next(acting, picture, now, width),
        *_steps(acting, picture, now, width),
        *vip_table(picture, acting.losses, now, width, acting.plan if acting.changing else None),
    )


def _next(acting: Maintaining, picture: ClusterPicture, now: float, width: int) -> Iterator[Row]:
    """One plain line, then what it is about."""
    calls = acting.asks is not None or acting.waits
    yield from text_rows("next", next_words(acting), width, Level.WARNING if calls else Level.BUSY)
    flow = acting.flow
    if acting.waits:
        reboot = acting.run.reboot(flow.node)
        if reboot is not None:
            told = f"this demo's node reboots by, in another terminal (r copies it): {reboot}"
            yield from text_rows("reboot", told, width, copy=reboot)
    if flow.stage in _DRAINED and not flow.rebooted:
        yield from text_rows("ends", drain_end(flow, drain_left_s(picture, flow.node, now)), width)
    told = "" if acting.asks is not None else acting.waits_for
    if told and (not acting.waits or _troubled(acting, picture)):
        level = Level.WARNING if _troubled(acting, picture) else Level.NONE
        yield from list(text_rows("waits", told, width, level))[:3]


def next_words(acting: Maintaining) -> str:
    """What the operator does next, or what is waited for."""
    node = acting.node
    if acting.stopping:
        return "leaving: what is just being changed is put back first"
    if acting.asks is not None:
        return f"Enter shows the plan for {node}; its typed name drains it. Nothing was done to it yet"
    stage = acting.flow.stage
    if stage is Stage.DRAINING and not acting.changing:
        return f"wait: {node} tells what became of its drain"
    return _NEXT[stage].format(node=node)


def _troubled(acting: Maintaining, picture: ClusterPicture) -> bool:
    """It waits for the operator, but not all is as it should be then."""
    if any(v.client is not None and not v.client.result.ok for v in picture.vips):
        return True
    node = next((n for n in picture.nodes if n.name == acting.node), None)
    return acting.waits and node is not None and is_drained(node) is False


def _steps(acting: Maintaining, picture: ClusterPicture, now: float, width: int) -> tuple[Row, ...]:
    """Of the drain or undrain that is carried out."""
    if not acting.changing or acting.plan is None:
        return ()
    shown = Shown(
        plan=acting.plan, picture=picture, losses=acting.losses, steps=acting.steps, current=acting.current,
        report=None, left_s=acting.left_s(now), stopping=acting.stopping, now=now,
    )  # fmt: skip
    return step_rows(shown, width, 0)


def said_rows(said: Sequence[Said], width: int, zone: Times) -> tuple[Row, ...]:
    """What stays, with the time when it was said."""
    rows: list[Row] = []
    for i, each in enumerate(said):
        level = _SIGNS.get(each.text[:1], Level.NONE)
        text = each.text[1:].strip() if level is not Level.NONE else each.text
        lead: Line = (say(f"{zone.clock(each.at)} ", Tone.QUIET), *((sign(level), blank(1)) if level else ()))
        room = max(8, width - sum(len(s.text) for s in lead))
        for j, piece in enumerate(wrap(text, room)):
            start = lead if j == 0 else (blank(width - room),)
            rows.append(Row(f"said/{i}/{j}", crop((*start, say(piece)), width), level, each.text))
    return tuple(rows)


# --- how it ended -----------------------------------------------------------------------------------------


def result_level(result: Ended) -> Level:
    """Of how it ended here."""
    return _RESULTS[result.result][0]


def result_rows(acting: Maintaining, picture: ClusterPicture, now: float, width: int) -> tuple[Row, ...]:
    """How it ended here, and how it goes on; empty while it runs."""
    return () if acting.result is None else tuple(_result(acting, acting.result, picture, now, width))


def _result(acting: Maintaining, result: Ended, picture: ClusterPicture, now: float, width: int) -> Iterator[Row]:
    level, word = _RESULTS[result.result]
    yield Row("result", crop((sign(level), say(f" {word}", level.tone)), width), level)
    for i, text in enumerate(wrap(result.text, width - 2)):
        yield Row(f"result/{i}", (blank(2), say(text)), copy=result.text)
    for place in result.look_at:
        yield from fact("look at", place, width, level=Level.WARNING)
    if acting.refusal is not None and result.result == "refused":
        for guard in acting.refusal.plan.refused:
            yield from fact(guard.id, f"{guard.text}: {guard.evidence}", width, level=Level.CRITICAL)
            yield from fact("way out", way_out(guard, acting.node), width, tone=Tone.QUIET)
    yield from node_rows(acting.flow, picture, now, width, runs=False)
    if result.result != "done":
        for line in how_to_go_on(acting.flow)[:-2]:
            yield from text_rows(line, line, width)
        yield from text_rows("go-on", "M goes on, or forgets it; so does the next console", width)
    yield from heading("Clients, since it began here", width)
    for vip in picture.vips:
        yield from lost_rows(vip.address, acting.losses, now, width)


def result_text(acting: Maintaining, picture: ClusterPicture, now: float, zone: Times) -> str:
    """All of it for a ticket: plain lines."""
    flow = acting.flow
    why = "".join(f", {name} {word}" for name, word in (("reason", flow.reason), ("ticket", flow.ticket)) if word)
    head = f"maintenance of {flow.cluster} by {flow.operator}{why}, {zone.full(now)}"
    rows = result_rows(acting, picture, now, 400)
    said = [f"{zone.full(each.at)} {each.text}" for each in acting.said]
    return "\n".join([head, *(plain(r.line).rstrip() for r in rows), "", *said])
