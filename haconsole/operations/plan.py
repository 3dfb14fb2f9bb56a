"""Action + picture + guards -> a plan: every step in order with its exact command lines, what will happen, and the
question that is asked before. Data only; the executor runs it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from haconsole.catalogue import change
from haconsole.catalogue import operation as entries
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.operation import OperationNames
from haconsole.cluster.forecast import Assumed, Forecast, VipForecast, forecast
from haconsole.cluster.forecast_instance import shutdown_lifetime
from haconsole.cluster.forecast_times import NOTHING
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import Slot
from haconsole.operations.actions import Action, Kind, Lasting, Method, duration
from haconsole.operations.guards import judge, refusals
from haconsole.operations.guards_context import Asked, Guard
from haconsole.parse.text import clean

FOLLOW_S: Final = 2.0
"""A drain whose priority has not followed by then is put back."""
_COMMANDS: Final[Mapping[str, CommandSpec]] = {**entries.COMMANDS, **change.COMMANDS}


class Do(Enum):
    """What a step is."""

    LOCK = "lock"
    GUARDS = "guards"
    WAIT_IDLE = "wait-idle"
    SAVE = "save"
    ARM = "arm"
    SEE_ARMED = "see-armed"
    CHANGE = "change"
    VERIFY = "verify"
    NOTE = "note"
    HOLD = "hold"
    PUT_BACK = "put-back"
    VERIFY_BACK = "verify-back"
    DISARM = "disarm"
    FORGET_NOTE = "forget-note"
    CLEAR = "clear"
    UNLOCK = "unlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One command line on one node. `argv`: of the catalogue's entry `id`; `data`: its standard input, None
    where that is made only when it runs."""

    node: str
    id: str
    argv: tuple[str, ...]
    data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. seconds: how long it lasts at most (HOLD, WAIT_IDLE), or how long a VERIFY waits."""

    do: Do
    text: str
    lines: tuple[Line, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is known before anything is touched."""

    action: Action
    operation: str
    """Its name on the nodes: an undrain goes on with the name of the drain whose revert is still armed."""
    steps: tuple[Step, ...]
    predicted: Forecast
    guards: tuple[Guard, ...]
    not_checked: tuple[str, ...]
    connections: int | None
    """Open now on VIPs that move, and will break; None: not counted."""

    @property
    def refused(self) -> tuple[Guard, ...]:
        """Guards in the way; empty: it may be asked for confirmation."""
        return refusals(self.guards)

    @property
    def question(self) -> str:
        """What is shown before the node's name is typed. Several lines, cleaned."""
        return "\n".join(clean(line) for line in _question(self))


def plan(
    picture: ClusterPicture,
    action: Action,
    asked: Asked,
    *,
    operation: str,
    assumed: Assumed | None = None,
    hold_s: float | None = None,
    wait_idle_s: float | None = None,
) -> Plan:
    """The plan of one action. operation: its name on the nodes. hold_s: how long the change is kept before the
    console puts it back; None: to the deadline, where the node does.

    Raises: KeyError: no such node; ValueError: a deadline longer than any, a name that no operation may have.
    """
    predicted = forecast(picture, action.changes, assumed)
    armed: tuple[Slot, ...] = ()
    found = asked.operations.get(action.node)
    if action.kind is Kind.UNDRAIN and found is not None and found.saved is not None and found.deadlines_uptime_s:
        # The drain's own revert is still armed: it is that operation which goes on and ends.
        operation, armed = found.saved, tuple(slot for slot, _ in found.deadlines_uptime_s)
    maker = _Maker(picture, action, entries.operation_id(operation), hold_s, wait_idle_s, armed)
    return Plan(
        action=action,
        operation=operation,
        steps=tuple(maker.disturbing() if action.kind.disturbs else maker.restoring()),
        predicted=predicted,
        guards=judge(picture, action, asked, assumed),
        not_checked=_not_checked(picture, action, asked, predicted, assumed or Assumed()),
        connections=_breaking(predicted, asked),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    picture: ClusterPicture
    action: Action
    operation: str
    hold_s: float | None
    wait_idle_s: float | None
    armed: tuple[Slot, ...]

    def line(self, id_: str, data: str | None = None, node: str | None = None) -> Line:
        spec = _COMMANDS[id_]
        cluster = self.picture.spec
        names = OperationNames(
            keepalived_unit=cluster.keepalived_service.removesuffix(".service"),
            squid_unit=cluster.squid_service.removesuffix(".service"),
            drain_file=cluster.drain_file,
            interface=self.action.interface or "lo",
            data=data or "",
        )
        argv = tuple(names.fill(w) for w in spec.argv if w != "{data}")
        return Line(node=node or self.action.node, id=id_, argv=argv, data=data)

    def lock(self, *, everywhere: bool) -> Step:
        names = sorted(n.name for n in self.picture.nodes) if everywhere else [self.action.node]
        lines = tuple(self.line(entries.LOCK.id, None, n) for n in names)
        return Step(do=Do.LOCK, text=f"lock {', '.join(names)}", lines=lines)

    def unlock(self, *, everywhere: bool) -> Step:
        names = sorted((n.name for n in self.picture.nodes), reverse=True) if everywhere else [self.action.node]
        data = entries.releasing(self.operation)
        lines = tuple(self.line(entries.LOCK.id, data, n) for n in names)
        return Step(do=Do.UNLOCK, text=f"unlock {', '.join(names)}", lines=lines)

    def change_data(self) -> str | None:
        """Standard input of the change."""
        action = self.action
        if action.change_id == change.DRAIN_ON.id and action.drain is not None and action.drain.value is not None:
            return change.drain_value(action.drain.value)
        if action.kind is Kind.GARP:
            node = self.picture.node(action.node)
            vips = [v.address for v in self.picture.vips if node.holds(v.address)]
            return change.announcing(node.spec.lan_interface, vips)
        return None

    def change(self) -> Step:
        return Step(
            do=Do.CHANGE,
            text=self.action.text,
            lines=(self.line(self.action.change_id, self.change_data()),),
        )

    def disturbing(self) -> list[Step]:
        """Lock to unlock, of an action that disturbs."""
        action, limit = self.action, self.action.deadline
        if limit is None or action.arm_id is None:  # never: each disturbing entry of the catalogue has a revert
            raise ValueError(f"{action.text} has no revert")
        managed = sorted({v.ip for _, i in self.picture.instances() for v in i.vips}, key=str)
        saving = entries.saving(self.operation, managed)
        arming = entries.arming(self.operation, Slot.A, limit.seconds)
        steps = [self.lock(everywhere=True), Step(do=Do.GUARDS, text="all guards again, under the lock")]
        if self.wait_idle_s is not None:
            steps.append(
                Step(do=Do.WAIT_IDLE, text=f"wait {duration(self.wait_idle_s)} at most for fewer connections",
                     seconds=self.wait_idle_s)
            )  # fmt: skip
            steps.append(Step(do=Do.GUARDS, text="all guards once more"))
        steps += [
            Step(do=Do.SAVE, text="save what will be compared", lines=(self.line(action.save_id, saving),)),
            Step(do=Do.ARM, text=f"arm the revert: in {duration(limit.seconds)} the node takes it back by itself",
                 lines=(self.line(action.arm_id, arming),)),
            Step(do=Do.SEE_ARMED, text="see it armed",
                 lines=(self.line(entries.STATE.id), self.line(entries.TIMERS.id))),
        ]  # fmt: skip
        if action.kind is not Kind.REVERT_ONLY:
            steps += [self.change(), self.verify()]
        return steps + self.ending(limit.seconds)

    def verify(self) -> Step:
        lowered = self.action.kind is Kind.DRAIN and self.action.method is not Method.STOP
        text = "verify by kernel, daemon, wire and client"
        if lowered:
            text = f"verify: the priority follows within {FOLLOW_S:g} s, else it is put back; then kernel, wire, client"
        return Step(do=Do.VERIFY, text=text, seconds=FOLLOW_S if lowered else None)

    def ending(self, limit_s: int) -> list[Step]:
        """What follows a verified change."""
        action = self.action
        drained = action.kind is Kind.DRAIN
        note = [Step(do=Do.NOTE, text="note who drained it, why, until when", lines=(self.line(entries.NOTE.id),))]
        disarm = Step(do=Do.DISARM, text="disarm: stop the timer, see that it did not run",
                      lines=(self.line(entries.DISARM.id, entries.disarming(self.operation, Slot.A)),))  # fmt: skip
        clear = Step(do=Do.CLEAR, text="remove what was saved",
                     lines=(self.line(entries.CLEAR.id, entries.clearing(self.operation)),))  # fmt: skip
        end = [self.unlock(everywhere=True)]
        if drained and action.lasting is Lasting.HELD and self.hold_s is None:
            text = f"the revert stays armed: {duration(limit_s)} after it was armed the drain ends by itself"
            return [*note, Step(do=Do.HOLD, text=text, seconds=float(limit_s)), *end]
        if action.lasting is not Lasting.HELD:
            return [*(note if drained else []), disarm, clear, *end]
        note = note if drained else []
        hold = self.hold_s if self.hold_s is not None else float(limit_s)
        if self.hold_s is not None and hold >= limit_s:
            raise ValueError("it would be held longer than to its own deadline")
        by = "the console puts it back" if self.hold_s is not None else "the node puts it back"
        steps = [Step(do=Do.HOLD, text=f"hold for {duration(hold)}, then {by}", seconds=hold)]
        if self.hold_s is not None:
            now = self.line(entries.REVERT_NOW[Slot.A].id)
            steps.append(Step(do=Do.PUT_BACK, text="the node runs its armed revert at once", lines=(now,)))
        routes = "routes, " if action.interface is not None else ""
        text = f"verify: units, states, addresses, {routes}VIPs and clients as before"
        back = (self.line(entries.READ_BACK.id),) if action.interface is not None else ()
        steps.append(Step(do=Do.VERIFY_BACK, text=text, lines=back))
        return [*note, *steps, disarm, clear, *end]

    def restoring(self) -> list[Step]:
        """Of an action that brings service back: the touched node's lock only, nothing armed."""
        steps = [self.lock(everywhere=False), Step(do=Do.GUARDS, text="the guards again, under the lock")]
        steps += [self.change(), Step(do=Do.VERIFY, text="verify by kernel, daemon, wire and client")]
        if self.action.kind is Kind.UNDRAIN:
            removed = entries.noting(self.operation, None)
            steps.append(
                Step(do=Do.FORGET_NOTE, text="remove the drain note", lines=(self.line(entries.NOTE.id, removed),))
            )
        for slot in self.armed:
            data = entries.disarming(self.operation, slot)
            steps.append(
                Step(do=Do.DISARM, text=f"disarm revert {slot.value}", lines=(self.line(entries.DISARM.id, data),))
            )
        if self.armed:
            data = entries.clearing(self.operation)
            steps.append(Step(do=Do.CLEAR, text="remove what was saved", lines=(self.line(entries.CLEAR.id, data),)))
        return [*steps, self.unlock(everywhere=False)]


# --- what is said -----------------------------------------------------------------------------------------


def _breaking(predicted: Forecast, asked: Asked) -> int | None:
    moving = [v.address for v in predicted.vips if v.moves is not False]
    if any(a not in asked.connections for a in moving):
        return None
    return sum(asked.connections[a] for a in moving)


def _not_checked(
    picture: ClusterPicture, action: Action, asked: Asked, predicted: Forecast, assumed: Assumed
) -> tuple[str, ...]:
    found: list[str] = []
    if action.kind.disturbs:
        others = [n.name for n in picture.nodes if n.name != action.node]
        found.append(f"whether {' and '.join(others)} can bear the whole load")
        found.append("switches, DNS and firewalls between the clients and the VIPs")
        found.append("what clients do with requests that fail")
        if _breaking(predicted, asked) is None:
            found.append("how many connections are open on the VIPs that move")
        if asked.fighters is None:
            found.append("whether timers or monit start again what is stopped")
        if picture.wire.places == ():
            found.append("adverts on the wire: nobody listens")
    if action.kind in {Kind.SQUID_STOP, Kind.SQUID_RESTART} and assumed.shutdown_lifetime_s is None:
        lifetime, why = shutdown_lifetime(picture.node(action.node))
        if lifetime is None:
            found.append(f"squid's shutdown_lifetime, on which the outage depends: {why} (squid's default is 30 s)")
    return tuple(found)


def _question(made: Plan) -> list[str]:
    action = made.action
    lines = [f"{action.text}", "", "Will be run:"]
    lines += [
        f"  {each.node}: {_shown(each)}" for s in made.steps if s.do in {Do.CHANGE, Do.PUT_BACK} for each in s.lines
    ]
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


def _shown(line: Line) -> str:
    """The command line as people read it; a script is named, its text is in the dry run."""
    scripted = "-c" in line.argv
    return f"{line.id}" if scripted else " ".join(line.argv)


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
