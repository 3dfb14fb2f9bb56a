"""A plan in words: the question before it is carried out, and the dry run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from haconsole.catalogue.operation_text import heart
from haconsole.cluster.forecast_times import NOTHING
from haconsole.operations.actions import Action, Kind, Method, duration
from haconsole.parse.text import clean

if TYPE_CHECKING:
    from haconsole.cluster.forecast_values import VipForecast
    from haconsole.operations.guards_context import Guard
    from haconsole.operations.plan_values import Line, Plan, Step


def question(made: Plan) -> list[str]:
    """What is shown before the node's name is typed, as lines, not cleaned."""
    action = made.action
    lines = [f"{action.text}", "", "Will be run:"]
    run = [f"  {each.node}: {in_short(each)}" for s in made.steps if s.changes for each in s.lines]
    lines += run or ["  nothing but the revert, which has nothing to put back"]
    if action.deadline is not None:
        lines.append(f"  before it, a revert is armed on {action.node}: {duration(action.deadline.seconds)}")
        lines += [f"  {action.deadline.said}"] if action.deadline.said else []
    lines += ["", "Will happen:", *(f"  {_fate(v)}" for v in made.predicted.vips)]
    if made.connections is not None and action.kind.disturbs:
        # A connection does not move with its address: the old holder cannot answer any more, the new one knows it not.
        many, quiet = made.connections, action.kind is Kind.DRAIN
        later = f"{many} connections are open now: what is open when the VIP moves breaks"
        lines.append(f"  {later}" if quiet else f"  {many} open connections break")
    lines += [f"  {w}" for w in (*_too_early(made), *_warnings(action))]
    for load in made.predicted.loads:
        if load.after is not None and load.now is not None and load.after > load.now:
            lines.append(f"  {load.node} will answer {load.after:.0f} requests/s, now {load.now:.0f}")
    lines += ["", "Checked:", *(f"  {_mark(g)} {g.text}: {g.evidence}{_why(g)}" for g in made.guards)]
    lines += ["", "Not checked:", *(f"  {n}" for n in made.not_checked)] if made.not_checked else []
    refused = made.refused
    if refused:
        return [*lines, "", f"Refused by: {', '.join(g.id for g in refused)}. Nothing was touched."]
    return [*lines, "", f"Type {action.node} to go on."]


def in_short(line: Line) -> str:
    """The command line as people read it; of a text that guards itself its heart: the dry run has the whole."""
    data = "" if not line.data or "-c" not in line.argv else f"    (standard input: {line.data.strip()})"
    return f"{heart_of(line)}{data}"


def heart_of(line: Line) -> str:
    """What a text that guards itself does once it may; of another line all of it."""
    return heart(line.argv[line.argv.index("-c") + 1]) if "-c" in line.argv else " ".join(line.argv)


def _mark(guard: Guard) -> str:
    return {True: "yes", False: "NO ", None: "?  "}[guard.ok]


def _why(guard: Guard) -> str:
    return f" (overridden: {guard.overridden})" if guard.overridden is not None else ""


def _fate(vip: VipForecast) -> str:
    if not vip.known:
        return f"{vip.address}: not known: {vip.unknown}"
    if vip.lost:
        return f"{vip.address}: TOTAL LOSS: {vip.why[-1] if vip.why else 'nobody serves it'}"
    if vip.moves is False:
        return f"{vip.address}: stays on {vip.after}"
    if vip.outage is None:
        return f"{vip.address}: goes to {vip.after}; what clients lose is not known"
    lost = "clients lose no new request" if vip.outage == NOTHING else f"clients lose {vip.outage}"
    back = "" if vip.failback_outage is None else f", on the way back {vip.failback_outage}"
    return f"{vip.address}: {vip.before or '?'} → {vip.after}, {lost}{back}"


def _too_early(made: Plan) -> list[str]:
    """A squid that takes its time to stop may be started again before anything has moved."""
    limit = made.action.deadline
    spans = [v.takeover for v in made.predicted.vips if v.takeover is not None]
    latest = max((s.high for s in spans if s.high is not None), default=0.0)
    if limit is None or latest < limit.seconds:
        return []
    what = f"the node may put it back before a VIP has moved: that takes up to {latest:.0f} s"
    return [f"{what}; a longer --revert-after helps"]


def _warnings(action: Action) -> list[str]:
    found: list[str] = []
    drain = action.drain
    if action.kind is Kind.DRAIN and drain is not None:
        found.append(drain.cost)
        found += [f"no better drain: {w}" for w in drain.why_not]
        found += [drain.better] if drain.better is not None else []
        if drain.method is Method.STOP:
            found.append("if the peer dies meanwhile, nothing serves until the deadline")
        else:
            found.append("it ends by itself when the node reboots" if drain.method is Method.TRACK_FILE else "")
    if action.own_path:
        found.append("it cuts this console's own way to the node: no abort until the node has put it back")
    return [f for f in found if f]


def described(steps: Sequence[Step]) -> tuple[str, ...]:
    """A dry run: each step, and under it each command line in full."""
    found: list[str] = []
    for number, step in enumerate(steps, 1):
        found.append(f"{number}. {step.do.value}: {step.text}")
        found += [f"   {line.node}$ {' '.join(line.argv)}" for line in step.lines]
    return tuple(clean(w) for each in found for w in each.split("\n"))
