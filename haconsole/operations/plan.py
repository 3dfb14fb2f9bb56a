"""Action + picture + guards -> a plan: every step in order with its exact command lines, and what is not known.

Data only; the executor runs it. What a plan is made of is in `plan_values`, how it is told in `plan_words`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue import change
from haconsole.catalogue import operation as entries
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.operation import OperationNames
from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_tracked import shutdown_lifetime
from haconsole.cluster.forecast_values import Assumed, Forecast
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import Slot
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action, Kind, Lasting, Method, duration
from haconsole.operations.guards import judge
from haconsole.operations.guards_context import Asked
from haconsole.operations.plan_values import Do, Line, Plan, Step
from haconsole.operations.plan_words import described

__all__ = ["FOLLOW_S", "Do", "Line", "Plan", "Step", "described", "plan"]
FOLLOW_S: Final = 2.0
"""A drain whose priority has not followed by then is put back."""
_COMMANDS: Final[Mapping[str, CommandSpec]] = {**entries.COMMANDS, **change.COMMANDS}


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
    if action.kind is Kind.REVERT_ONLY:
        hold_s = None  # the node's own timer fires: that is what it is for
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
        kept = action.lasting is not Lasting.HELD
        seen = "stop the timer, see that it did not run" if kept else "see that no timer waits any more"
        disarm = Step(do=Do.DISARM, text=f"disarm: {seen}",
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
        steps = [Step(do=Do.HOLD, text=self.held(hold, limit_s), seconds=hold)]
        if self.hold_s is not None:
            now = self.line(entries.REVERT_NOW[Slot.A].id, entries.reverting(self.operation))
            steps.append(Step(do=Do.PUT_BACK, text="the node runs its armed revert at once", lines=(now,)))
        routes = "routes, " if action.interface is not None else ""
        text = f"verify: units, states, addresses, {routes}VIPs and clients as before"
        back = (self.line(entries.READ_BACK.id),) if action.interface is not None else ()
        steps.append(Step(do=Do.VERIFY_BACK, text=text, lines=back))
        return [*note, *steps, disarm, clear, *end]

    def held(self, hold_s: float, limit_s: int) -> str:
        """How long, and who ends it."""
        armed = f"{duration(limit_s)} after it was armed"
        if self.action.kind is Kind.REVERT_ONLY:
            return f"wait for the node's own timer: it fires {armed}"
        if self.hold_s is None:
            return f"hold for {duration(hold_s)}, then the node puts it back"
        if self.action.own_path:
            return f"hold for {duration(hold_s)}; with this console's way cut the node puts it back by itself, {armed}"
        return f"hold for {duration(hold_s)}, then the console puts it back"

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


# --- what is not known ------------------------------------------------------------------------------------


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
