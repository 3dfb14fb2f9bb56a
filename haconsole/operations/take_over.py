"""Of an operation that another console began (`cluster.left`): how it is aborted here, or gone on with. Pure.

What is armed on the node says what its revert brings back; that must be seen afterwards. What was so before nobody
here saw: routes and addresses are the node's own to compare, and whether one is missing it says (`incomplete`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final

from haconsole.catalogue import operation as entries
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.operation import OperationNames
from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_changes import Change
from haconsole.cluster.forecast_values import Forecast, VipForecast
from haconsole.cluster.left import LEASE_S, Console, Left
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import DrainNote, Slot
from haconsole.model.record import dataclass
from haconsole.operations.actions import DRAIN_STOP_DEADLINE_S, Action, Drain, Kind, Method, deadline, duration
from haconsole.operations.expectations import link_is, not_drained, on_node, served, unit_is
from haconsole.operations.guards_context import Guard, Override
from haconsole.operations.job import Check, Ending, Job, Revert
from haconsole.operations.plan import Do, Line, Plan, Step, described
from haconsole.operations.plan_words import in_short
from haconsole.parse.text import clean

RESTORED_S: Final = 90.0
"""A revert waits 60 s for a carrier, then the VIPs come back."""
OUTAGE_S: Final = 3.0
"""A VIP that serves when it is taken over, and then does not for so long, ends the hold."""


class Way(Enum):
    """The words of `haconsole node`."""

    ABORT = "abort"
    TAKE_OVER = "take-over"


DOES: Final = {
    Way.ABORT: "put everything back now",
    Way.TAKE_OVER: "hold on, here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What the operator wants of it. seconds: the node's deadline from now on, of the closed list; None: as it is.

    leave: give the lock back, so that the node ends it by its own timer, whoever is there then.
    named: the operation whose console may live, as the operator named it.
    """

    left: Left
    way: Way
    seconds: int | None = None
    leave: bool = False
    named: str | None = None
    read_only: bool = False


def action_of(left: Left) -> Action:
    """The action that was begun, as far as the node tells; one that changes nothing where it does not."""
    node, revert = left.node, left.revert or ""
    wanted = DRAIN_STOP_DEADLINE_S if revert.startswith("drain") else None
    drain = Drain(method=_method(left), value=None, cost="")
    if revert.startswith("drain"):
        return Action(kind=Kind.DRAIN, node=node, drain=drain, wanted_s=wanted)
    if left.interface is not None:
        return Action(kind=Kind.LINK_DOWN, node=node, interface=left.interface)
    by_name = {k.value: k for k in Kind}.get(left.what.removeprefix("drill "))
    of_unit = {"squid": Kind.SQUID_STOP, "keepalived": Kind.KEEPALIVED_STOP}.get(revert)
    if of_unit is not None:
        same = by_name is not None and by_name.value.startswith(revert) and by_name.disturbs
        return Action(kind=(same and by_name) or of_unit, node=node)
    if by_name is None or by_name in {Kind.LINK_DOWN, Kind.LINK_UP}:  # nothing is armed, nothing was changed
        return Action(kind=Kind.REVERT_ONLY, node=node)
    return Action(kind=by_name, node=node, drain=drain if by_name in {Kind.DRAIN, Kind.UNDRAIN} else None)


def _method(left: Left) -> Method:
    if left.revert == "drain-stop":
        return Method.STOP
    told = None if left.note is None else left.note.method
    return Method(told) if told in {m.value for m in Method if m is not Method.STOP} else Method.TRACK_FILE


def extension(left: Left) -> int:
    """Seconds that `extend` winds the timer up to where nothing else was said."""
    limit = action_of(left).deadline
    return deadline(120.0).seconds if limit is None else limit.seconds


def restoring(left: Left) -> tuple[Change, ...]:
    """What the node's revert brings back, for a forecast."""
    revert, node = left.revert or "", left.node
    if left.interface is not None:
        return Action(kind=Kind.LINK_UP, node=node, interface=left.interface).changes
    if revert.startswith("drain"):
        return Action(kind=Kind.UNDRAIN, node=node, drain=Drain(method=_method(left), value=None, cost="")).changes
    kind = {"squid": Kind.SQUID_START, "keepalived": Kind.KEEPALIVED_START}.get(revert)
    return () if kind is None else Action(kind=kind, node=node).changes


_ARMS: Final = {
    "squid": entries.ARM_SQUID, "keepalived": entries.ARM_KEEPALIVED, "drain": entries.ARM_DRAIN,
    "drain-stop": entries.ARM_DRAIN_STOP,
}  # fmt: skip


def job_of(picture: ClusterPicture, taking: Taking) -> Job:
    """What the executor carries out (`abort` or `adopt`). Raises: KeyError: no such node."""
    left, name = taking.left, taking.left.node
    link, node = left.interface, picture.node(name)
    arm = entries.ARM_LINK if link is not None else _ARMS.get(left.revert or "")
    save = entries.SAVE_LINK if link is not None else entries.SAVE
    found = []
    if left.revert == "squid":
        found.append(unit_is(name, squid=True, active=True))
    elif left.revert in {"keepalived", "drain-stop"}:
        found.append(unit_is(name, squid=False, active=True))
    elif link is not None:
        found.append(link_is(name, link, up=True))
    if left.revert == "drain":
        found += [not_drained(name, i.name) for i in node.instances or () if i.tracked_files]
    told = forecast(picture, restoring(left))
    found += [on_node(v.address, v.after) for v in told.vips if v.known and v.after is not None]
    serving = [v.address for v in picture.vips if v.client is not None and v.client.result.ok]
    found += served(serving)
    seconds = extension(left) if taking.seconds is None else taking.seconds
    return Job(
        operation=left.operation, action=left.what, node=name, interface=link or "lo",
        revert=None if arm is None else Revert(save=save, arm=arm, deadline_s=seconds),
        ending=Ending.UNTIL if taking.leave else Ending.HOLD,
        note=left.note if (left.revert or "").startswith("drain") else None,
        restored=(Check(name="restored", expectations=tuple(found), within_s=RESTORED_S),),
        watched=frozenset(serving), outage_allowed_s=OUTAGE_S,
    )  # fmt: skip


# --- what is said before ------------------------------------------------------------------------------------


def guards_of(taking: Taking) -> tuple[Guard, ...]:
    """What restores service waits for no window and no redundancy: these are all."""
    left, going_on = taking.left, taking.way is Way.TAKE_OVER
    named = left.needs_name and taking.named == left.lock_name
    gone = None if left.console is Console.UNKNOWN else not left.needs_name
    allowed = "this console or the cluster is read-only" if taking.read_only else "allowed"
    found = [
        _never("not-read-only", not taking.read_only, "actions are allowed", allowed),
        _never("node-answers", left.answers, f"{left.node} answers", "read just now" if left.answers else "not read"),
        Guard(
            id="console-gone", ok=gone, text=f"no other console sees to {left.operation}", evidence=left.evidence,
            override=Override.NEVER, overridden=f"taken by its name, {left.lock_name}" if named else None,
        ),
    ]  # fmt: skip
    if not left.nameable:
        found.append(
            _never("operation-name", left.nameable, "it has a name that an operation can have", left.operation)
        )
    if going_on:
        known = f"a revert of {left.revert or 'what is not told'}"
        told = known if left.understood else f"{known}, which this haconsole does not know: of another version"
        found.append(_never("understood", left.understood, "what is armed there is known here", told))
        armed = "nothing waits there: nothing is to be held" if not left.armed else f"{_left(left)} left"
        found.append(_never("armed", left.armed, f"{left.node} puts it back by itself", armed))
    return tuple(found)


def _never(name: str, ok: bool, text: str, evidence: str) -> Guard:
    return Guard(id=name, ok=ok, text=text, evidence=evidence, override=Override.NEVER)


def _left(left: Left) -> str:
    return "no time is told" if left.left_s is None else f"{left.left_s:.0f} s"


def told_of(left: Left, when: Callable[[str], str] = str) -> tuple[tuple[str, str], ...]:
    """Label, words: whose operation, what, since when, does its console live, when the node heals itself.
    when: how a time that was told, RFC 3339, reads."""
    note = () if left.note is None else (("drain note", _note(left.note, when)),)
    there = f"; what is left of it on {left.node} is its lock" if left.acted_on != left.node else ""
    return (
        ("operation", f"{left.what} on {left.acted_on} ({left.operation}){there}"),
        ("begun by", left.who),
        ("since", f"{when(left.since)}, by the clock of its console" if left.since else "not told"),
        *note,
        ("console", left.evidence),
        ("puts back", puts_back(left)),
        ("ticket", "a node does not tell it: the audit log of that console does"),
    )


def puts_back(left: Left) -> str:
    """`proxy-serv01 heals itself in 41 s, by its own timer`."""
    if not left.answers:
        return f"{left.node} does not answer: when it heals itself is not known"
    if left.incomplete:
        return f"the revert of {left.node} ran, and could not bring everything back"
    if left.only_locked:
        return f"no revert is armed on {left.node}: nothing was changed there, or it was put back, or is disarmed"
    if not left.armed:
        return "no revert is armed: nothing was changed, or it is disarmed"
    return f"{left.node} heals itself {f'in {_left(left)}' if left.left_s else 'at once'}, by its own timer"


def _note(note: DrainNote, when: Callable[[str], str]) -> str:
    ends = "stays until it is ended" if note.until is None else f"until {when(note.until)}"
    return f"{note.by or 'somebody'}: {note.reason or 'no reason told'}, {ends}"


def plan_of(picture: ClusterPicture, taking: Taking) -> Plan:
    """Every step with its command lines, what will happen, what is checked. Raises: KeyError: no such node."""
    left = taking.left
    action = action_of(left)
    if taking.seconds is not None and action.arm_id is not None:
        action = replace(action, wanted_s=float(taking.seconds))
    changes = restoring(left)
    return Plan(
        action=action, operation=left.operation, steps=tuple(_steps(picture, taking)),
        predicted=forecast(picture, changes) if changes else Forecast(changes=(), vips=(), instances=(), loads=()),
        guards=guards_of(taking), not_checked=_not_checked(left), connections=None,
    )  # fmt: skip


def _not_checked(left: Left) -> tuple[str, ...]:
    found = ["what was so before it began: nobody here saw it"]
    if left.interface is not None:
        found.append(f"routes and IPv6 addresses of {left.interface}: the node's revert compares them, and says so")
    if left.needs_name:
        found.append("whether its console hears of it: one of this version does within 5 s and lets go")
    return tuple(found)


def _steps(picture: ClusterPicture, taking: Taking) -> list[Step]:
    left = taking.left

    def line(spec: CommandSpec, data: str | None = None, node: str = left.node) -> Line:
        names = OperationNames(
            keepalived_unit=picture.spec.keepalived_service.removesuffix(".service"),
            squid_unit=picture.spec.squid_service.removesuffix(".service"), drain_file=picture.spec.drain_file,
            interface=left.interface or "lo", data=data or "",
        )  # fmt: skip
        return Line(node=node, id=spec.id, argv=tuple(names.fill(w) for w in spec.argv if w != "{data}"), data=data)

    going_on = taking.way is Way.TAKE_OVER
    others = [n.name for n in picture.nodes if n.name != left.node]
    locked = [left.node, *(others if going_on else ())]
    found = [
        Step(do=Do.LOCK, text=f"take the lock of {left.operation} over, on {', '.join(locked)}",
             lines=tuple(line(entries.LOCK, None, n) for n in locked)),
        Step(do=Do.SEE_ARMED, text="see what is armed, by systemd's word",
             lines=(line(entries.TIMERS), line(entries.STATE))),
    ]  # fmt: skip
    arm = entries.ARM_LINK if left.interface is not None else _ARMS.get(left.revert or "")
    if going_on and taking.seconds is not None and arm is not None and left.nameable:
        text = f"move its deadline: {duration(taking.seconds)} from now, the other timer first, then the old one off"
        data = entries.arming(left.operation, Slot.B, taking.seconds)
        found.append(Step(do=Do.ARM, text=text, lines=(line(arm, data), line(entries.DISARM))))
    if going_on and taking.leave:
        text = "the lock is given back: the node ends it by its own timer"
        return [*found, Step(do=Do.UNLOCK, text=text, lines=tuple(line(entries.LOCK, None, n) for n in locked))]
    if going_on:
        text = "hold, here: e extends, n ends it, X aborts; 5 s before the node's own time it is put back"
        found.append(Step(do=Do.HOLD, text=text))
    when = "when the hold ends: " if going_on else ""
    asked = entries.reverting(left.operation) if left.nameable else None
    now = tuple(line(entries.REVERT_NOW[slot], asked) for slot in left.slots)
    if left.only_locked:
        found.append(Step(do=Do.PUT_BACK, text="nothing: its revert ran, or nothing was armed; only its lock is left"))
    else:
        found.append(Step(do=Do.PUT_BACK, text=f"{when}the node runs its armed revert at once", lines=now))
    return [
        *found,
        Step(do=Do.VERIFY_BACK, text="verify: what it brought back, VIPs by forecast, clients"),
        Step(do=Do.DISARM, text="see that no timer waits any more", lines=(line(entries.DISARM),)),
        Step(do=Do.UNLOCK, text="unlock", lines=tuple(line(entries.LOCK, None, n) for n in [left.node, *others])),
    ]


def question(taking: Taking, plan: Plan, when: Callable[[str], str] = str) -> str:
    """What is shown before the node's name is typed. Several lines, cleaned. when: as of `told_of`."""
    left = taking.left
    # What is long stands first: a terminal shows the end.
    lines = ["Every step, with every command line:", *(f"  {line}" for line in described(plan.steps))]
    lines += ["", f"{taking.way.value}: {DOES[taking.way]}"]
    lines += [f"  {label:<12} {words}" for label, words in told_of(left, when)]
    run = [f"  {line.node}$ {in_short(line)}" for s in plan.steps if s.do is Do.PUT_BACK for line in s.lines]
    lines += ["", "Will be run when it is put back:", *run] if run else []
    lines += ["", "Will happen:", *(f"  {v.address}: {_fate(v)}" for v in plan.predicted.vips)]
    lines += [] if plan.predicted.vips else [f"  {unforetold(left)}"]
    marks = {True: "yes", False: "NO ", None: "?  "}
    named = [f" ({g.overridden})" if g.overridden is not None else "" for g in plan.guards]
    lines += ["", "Checked:"]
    lines += [f"  {marks[g.ok]} {g.text}: {g.evidence}{more}" for g, more in zip(plan.guards, named, strict=True)]
    lines += ["", "Not checked:", *(f"  {what}" for what in plan.not_checked)]
    if plan.refused:
        lines += ["", f"Refused by: {', '.join(g.id for g in plan.refused)}. Nothing was touched.", *way_out(taking)]
    else:
        lines += ["", f"Type {left.node} to go on."]
    return "\n".join(clean(line) for line in lines)


def unforetold(left: Left) -> str:
    """What will happen, where no forecast says so."""
    return "its lock is removed, nothing else" if left.only_locked else "what its revert brings back is not known here"


def way_out(taking: Taking) -> list[str]:
    """What an operator can do about a refusal."""
    left, found = taking.left, []
    if left.needs_name and taking.named != left.lock_name:
        if left.console is Console.LIVES:
            found.append(f"If that console is dead, run this again in {LEASE_S:.0f} s: its lock has expired then.")
        found.append(f"It is taken from a console that may live by its name only: --break-lock {left.lock_name}")
    if not left.understood:
        found.append(f"Its node can put it back all the same: haconsole node abort {left.node}")
    return found


def _fate(vip: VipForecast) -> str:
    if not vip.known:
        return f"not known: {vip.unknown}"
    if vip.after is None:
        return "nobody holds it then"
    return f"stays on {vip.after}" if vip.moves is False else f"{vip.before or '?'} → {vip.after}, once it is put back"
