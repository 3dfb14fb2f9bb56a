"""Before a rolling maintenance: what happens to each node in turn, what can be said of it, each drain's plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.spec import ClusterSpec
from haconsole.operations.actions import Method, drain_of
from haconsole.operations.guards_context import Guard
from haconsole.operations.maintenance import begin
from haconsole.tui.maintaining import FlowWords
from haconsole.tui.view.action_confirm import confirm_rows, refused_rows, short_rows
from haconsole.tui.view.action_fields import Field, way_out
from haconsole.tui.view.action_offers import fate
from haconsole.tui.view.details import fact
from haconsole.tui.view.maintenance import text_rows
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, say, sign

if TYPE_CHECKING:
    from haconsole.operations.plan import Plan

TURN: Final = (
    "each in turn: it is drained once its name is typed, you patch and reboot it, its return is seen and checked, it "
    "is given back; when every VIP serves in its place, the next one's guards are asked anew and its name is typed"
)
REBOOT: Final = "a drain ends with the node's reboot: it takes its VIPs back by itself once keepalived and squid run"
_KEYS: Final = ("reason", "ticket", "wait_idle", "until", "outside_window", "phrase", "break_lock")


# --- what can be said -------------------------------------------------------------------------------------


def nodes_in_order(picture: ClusterPicture) -> tuple[str, ...]:
    """All of them, those that hold no VIP first."""
    return begin(picture, (), 0.0, operator="").nodes


def flow_fields(
    picture: ClusterPicture, spec: ClusterSpec, refused: Sequence[tuple[Guard, str]]
) -> tuple[Field, ...]:  # fmt: skip
    """Of a new maintenance; what the guards that refused it ask for comes first."""
    found = way_fields(refused)
    every = [
        Field(key="nodes", label="nodes, in order", hint="names; empty: all, standby first",
              value=" ".join(nodes_in_order(picture))),
        Field(key="reason", label="reason", hint="why: for the drain notes and the audit log"),
        Field(key="ticket", label="ticket", hint="the change's number, for the audit log"),
        Field(key="wait_idle", label="wait for idle", hint="5m: at most so long for connections, before each drain"),
        Field(key="until", label="drains end at", hint="HH:MM, RFC 3339; empty: reboot, or its deadline"),
    ]  # fmt: skip
    if spec.windows:
        every.append(Field(key="outside_window", label="outside the window", hint="why, if it is now outside"))
    return (*found, *(f for f in every if f.key not in {g.key for g in found}))


def way_fields(refused: Sequence[tuple[Guard, str]]) -> tuple[Field, ...]:
    """What guards want to hear."""
    return tuple({f.key: f for guard, node in refused for f in way_out(guard, node)}.values())


def flow_words(said: Mapping[str, str]) -> FlowWords:
    """What was typed; empty fields were not said."""
    kept = {k: v.strip() for k, v in said.items() if v.strip()}
    overrides = {k.removeprefix("override:"): v for k, v in kept.items() if k.startswith("override:")}
    plain = {k: kept[k] for k in _KEYS if k in kept}
    return FlowWords(nodes=kept.get("nodes", ""), overrides=overrides, **plain)


def about_rows(picture: ClusterPicture, width: int) -> tuple[Row, ...]:
    """How each node would be drained, and what that costs."""
    same: dict[str, list[str]] = {}
    for name in nodes_in_order(picture):
        drain = drain_of(picture, picture.node(name))
        same.setdefault(f"{drain.method.value}: {drain.cost}", []).append(name)
    rows = list(text_rows("turn", TURN, width))
    for told, names in same.items():
        rows += fact("drain", told if len(same) == 1 else f"{', '.join(names)}: {told}", width)
    return (*rows, *fact("reboot", REBOOT, width))


# --- the plan ---------------------------------------------------------------------------------------------


def plan_rows(plans: Sequence[Plan], width: int) -> tuple[Row, ...]:
    """Everything that is known of all drains before anything is touched."""
    return tuple(_rows(plans, width))


def _rows(plans: Sequence[Plan], width: int) -> Iterator[Row]:
    title = f"Maintenance of {len(plans)} nodes, one after the other" if len(plans) > 1 else "Maintenance"
    yield Row("title", crop((say(title, Tone.STRONG),), width))
    for number, plan in enumerate(plans, 1):
        yield from _node(number, plan, width)
    if any(p.action.method is Method.STOP for p in plans):
        told = "a drain that stops keepalived has a deadline: until then, or the reboot, a dead peer is an outage"
        yield from text_rows("stop", told, width, Level.WARNING)
    yield from text_rows("reboot", REBOOT, width)
    yield from text_rows("turn", TURN, width)
    for number, plan in enumerate(plans, 1):
        yield Row(f"gap/{number}", ())
        yield Row(f"rule/{number}", (say("─" * width, Tone.QUIET),))
        for row in node_plan(plan, number, len(plans), width):
            yield Row(f"{number}/{row.key}", row.line, row.level, row.copy, row.target)


def _node(number: int, plan: Plan, width: int) -> Iterator[Row]:
    """Guards, method and losses in short. Of the first, whose name is typed now, every guard: what refuses in full."""
    refused = plan.refused
    words = "guards allow it"
    level = Level.OK
    if refused:
        level = Level.CRITICAL if number == 1 else Level.WARNING
        names = ", ".join(g.id for g in refused)
        words = f"REFUSED by {names}" if number == 1 else f"now refused by {names}; asked anew when its turn comes"
    line: Line = (say(f" {number} "), sign(level), say(f" {plan.action.node}", Tone.STRONG))
    line = (*line, say(f" {plan.action.method.value}: {words}", level.tone if refused else Tone.PLAIN))
    yield Row(f"node/{number}", crop(line, width), level)
    if number == 1:
        for row in (*refused_rows(plan, width - 2), *short_rows(plan, width - 2)):
            yield Row(f"first/{row.key}", (blank(2), *row.line), row.level, row.copy)
    for vip in plan.predicted.vips:
        if vip.moves is not False:
            level, text = fate(vip)
            yield from fact(str(vip.address), text, width, level=level, indent=5)


def node_plan(plan: Plan, number: int, count: int, width: int) -> tuple[Row, ...]:
    """One drain in full."""
    return confirm_rows(plan, width, title=f"{number} of {count}: {plan.action.text}")
