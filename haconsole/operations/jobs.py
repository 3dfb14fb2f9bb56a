"""Of an action a job: which entries of the catalogue, which revert, what must be seen during and after. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from haconsole.catalogue import change
from haconsole.catalogue import operation as op
from haconsole.catalogue.command import CommandSpec
from haconsole.cluster.forecast import forecast
from haconsole.cluster.forecast_values import Forecast
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.operation import DrainNote
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.operations.actions import DEFAULT_DEADLINE_S, Action, Kind, Lasting
from haconsole.operations.expectations import (
    elsewhere,
    link_is,
    lowered,
    not_drained,
    on_node,
    served,
    states_as,
    unit_is,
)
from haconsole.operations.job import Check, Ending, Entry, Expectation, Job, Revert


class NotPossibleError(ValueError):
    """The action cannot be made a job of; the text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Who asked, as the node and the audit log will tell it. Times: RFC 3339, by the console's clock."""

    operation: str
    operator: str
    since: str | None = None
    until: str | None = None


def job(picture: ClusterPicture, action: Action, marks: Marks) -> Job:
    """The job of an action, as things stand in `picture`. Raises: NotPossibleError; KeyError for the node."""
    ctx = _Ctx(picture, picture.node(action.node), action, marks, forecast(picture, action.changes))
    return _MAKERS.get(action.kind, _restore)(ctx)


@dataclass(frozen=True, slots=True)
class _Ctx:
    picture: ClusterPicture
    node: NodePicture
    action: Action
    marks: Marks
    forecast: Forecast

    @property
    def interval_s(self) -> float:
        found = [i.advert_interval_s for i in self.node.instances or () if i.advert_interval_s]
        return max(found, default=1.0)

    @property
    def takeover_s(self) -> float:
        """Until everything moved at the latest, and was seen to have."""
        spans = [v.takeover for v in self.forecast.vips if v.takeover is not None]
        known = max((s.high for s in spans if s.high is not None), default=0.0)
        return max(known, 4 * self.interval_s + 1.0) + 5.0

    @property
    def outage_s(self) -> float:
        spans = [v.outage for v in self.forecast.vips if v.outage is not None]
        return max((s.high for s in spans if s.high is not None), default=0.0) + 3.0

    @property
    def served(self) -> list[IpAddress]:
        """VIPs that serve their clients now."""
        return [v.address for v in self.picture.vips if v.client is not None and v.client.result.ok]

    @property
    def revert(self) -> Revert | None:
        deadline, arm = self.action.deadline, self.action.arm_id
        if deadline is None or arm is None:
            return None
        return Revert(save=op.COMMANDS[self.action.save_id], arm=op.COMMANDS[arm], deadline_s=deadline.seconds)

    @property
    def entry(self) -> CommandSpec:
        return change.COMMANDS[self.action.change_id]

    def base(self) -> Job:
        """What every job has; `replace` adds the rest."""
        managed = {v.ip for i in self.node.instances or () for v in i.vips}
        return Job(
            operation=self.marks.operation, action=self.action.kind.value, node=self.node.name,
            interface=self.action.interface or "lo", revert=self.revert, changes=(Entry(spec=self.entry),),
            watched=frozenset(self.served), outage_allowed_s=self.outage_s,
            keepalived_addresses=frozenset(managed | {v.address for v in self.picture.vips}),
        )  # fmt: skip


# --- what must be seen --------------------------------------------------------------------------------


def _moved(ctx: _Ctx) -> tuple[Expectation, ...]:
    """Everything is where the forecast has it; where it does not know, on some other node than this."""
    found: list[Expectation] = []
    for vip in ctx.picture.vips:
        told = ctx.forecast.vip(vip.address)
        if told.after is not None:
            found.append(on_node(vip.address, told.after))
        elif vip.holders is not None and ctx.node.name in vip.holders:
            found.append(elsewhere(vip.address, ctx.node.name))
    return (*found, *served(ctx.served))


def _back(ctx: _Ctx) -> tuple[Expectation, ...]:
    """All is as it was before: units, states, links, holders, clients."""
    node, found = ctx.node, []
    if node.keepalived is not None:
        found.append(unit_is(node.name, squid=False, active=node.keepalived.active))
    if node.squid_unit is not None:
        found.append(unit_is(node.name, squid=True, active=node.squid_unit.active))
    found += [on_node(v.address, v.holders[0]) for v in ctx.picture.vips if v.holders and len(v.holders) == 1]
    found += states_as(node)
    found += _same_addresses(node)
    return (*found, *served(ctx.served))


def _same_addresses(before: NodePicture) -> list[Expectation]:
    if before.kernel is None:
        return []
    managed = set(before.managed)
    wanted = {(a.interface, a.address) for a in before.kernel.addresses if a.address.ip not in managed}
    wanted = {(i, a) for i, a in wanted if not a.is_link_local}

    def holds(picture: ClusterPicture) -> bool | None:
        kernel = picture.node(before.name).kernel
        if kernel is None:
            return None
        return wanted <= {(a.interface, a.address) for a in kernel.addresses}

    return [Expectation(text=f"the addresses of {before.name} are there", holds=holds)]


# --- the actions ----------------------------------------------------------------------------------------


def _restored(ctx: _Ctx, more_s: float = 30.0) -> tuple[Check, ...]:
    return (Check(name="restored", expectations=_back(ctx), within_s=more_s + ctx.takeover_s),)


def _held(ctx: _Ctx) -> Job:
    """A change that is held and then put back."""
    hold = DEFAULT_DEADLINE_S if ctx.action.wanted_s is None else ctx.action.wanted_s
    return replace(
        ctx.base(), ending=Ending.HOLD, hold_s=hold, restored=_restored(ctx),
        expect=(Check(name="verify", expectations=_moved(ctx), within_s=ctx.takeover_s),),
    )  # fmt: skip


def _lapse(ctx: _Ctx) -> Job:
    """Nothing is changed; the armed revert runs at its deadline and finds nothing to do."""
    limit = ctx.action.deadline
    return replace(
        ctx.base(), changes=(), ending=Ending.LAPSE, hold_s=0.0 if limit is None else float(limit.seconds),
        restored=_restored(ctx),
    )  # fmt: skip


def _moment(ctx: _Ctx) -> Job:
    """A restart or reload: armed against its failing, over at once."""
    squid = ctx.action.kind is Kind.SQUID_RESTART
    within = (60.0 if squid else 10.0) + 2 * ctx.takeover_s
    seen = (unit_is(ctx.node.name, squid=squid, active=True), *served(ctx.served))
    return replace(
        ctx.base(), ending=Ending.OVER, restored=_restored(ctx, within),
        expect=(Check(name="verify", expectations=seen, within_s=within),),
    )  # fmt: skip


def _drain(ctx: _Ctx) -> Job:
    drain = ctx.action.drain
    if drain is None:
        raise NotPossibleError("a drain needs its method")
    note = DrainNote(
        by=ctx.marks.operator, reason=ctx.action.reason, method=drain.method.value, since=ctx.marks.since,
        until=ctx.marks.until,
    )  # fmt: skip
    moved = Check(name="verify", expectations=_moved(ctx), within_s=ctx.takeover_s)
    checks = (moved,) if drain.value is None else (_follows(ctx), moved)
    data = "" if drain.value is None else change.drain_value(drain.value)
    stays = ctx.action.lasting is Lasting.STAYS
    return replace(
        ctx.base(), changes=(Entry(spec=ctx.entry, data=data),), note=note, expect=checks, restored=_restored(ctx),
        ending=Ending.STAYS if stays else Ending.UNTIL,
    )  # fmt: skip


def _follows(ctx: _Ctx) -> Check:
    """The priority must follow the file within two seconds; the dump that tells it takes up to two more."""
    told = [(i.name, i.effective_priority) for i in ctx.forecast.instances if i.node == ctx.node.name]
    seen = tuple(lowered(ctx.node.name, name, most) for name, most in told if most is not None)
    if not seen:
        raise NotPossibleError(f"what this drain does to {ctx.node.name} cannot be told beforehand")
    return Check(name="priority", expectations=seen, within_s=4.0)


def _restore(ctx: _Ctx) -> Job:
    """Starts and link-up: service comes back, and what was armed against its going is disarmed."""
    name, kind = ctx.node.name, ctx.action.kind
    if kind is Kind.LINK_UP:
        interface = ctx.action.interface or ""
        seen, ends, within = link_is(name, interface, up=True), f"link-{interface}", 65.0
    else:
        squid = kind is Kind.SQUID_START
        seen, ends, within = unit_is(name, squid=squid, active=True), "squid" if squid else "keepalived", 30.0
    check = Check(name="verify", expectations=(seen,), within_s=within)
    return replace(ctx.base(), ends=frozenset({ends}), expect=(check,))


def _undrain(ctx: _Ctx) -> Job:
    """The drain file says 0, or keepalived runs again; a keepalived that was stopped besides is started too."""
    stopped = ctx.node.keepalived is None or not ctx.node.keepalived.active
    entries = dict.fromkeys((ctx.entry.id, *((change.KEEPALIVED_START.id,) if stopped else ())))
    seen = [unit_is(ctx.node.name, squid=False, active=True)]
    seen += [not_drained(ctx.node.name, i.name) for i in ctx.node.instances or () if i.tracked_files]
    check = Check(name="verify", expectations=(*seen, *served(ctx.served)), within_s=15.0 + ctx.takeover_s)
    return replace(
        ctx.base(), changes=tuple(Entry(spec=change.COMMANDS[e]) for e in entries), forget_note=True,
        ends=frozenset({"drain", "drain-stop"}), expect=(check,),
    )  # fmt: skip


def _garp(ctx: _Ctx) -> Job:
    node = ctx.node
    held = [(i.interface or node.spec.lan_interface, v.ip) for i in node.instances or () for v in i.vips]
    held = [(where, ip) for where, ip in held if node.holds(ip) and ip.version == 4]
    if not held:
        raise NotPossibleError(f"{node.name} holds no IPv4 VIP: there is nothing to announce")
    entries = [
        Entry(spec=ctx.entry, data=change.announcing(place, [ip for where, ip in held if where == place]))
        for place in sorted({where for where, _ in held})
    ]
    return replace(ctx.base(), changes=tuple(entries))


_MAKERS: Final[Mapping[Kind, Callable[[_Ctx], Job]]] = {
    Kind.DRAIN: _drain,
    Kind.UNDRAIN: _undrain,
    Kind.KEEPALIVED_STOP: _held,
    Kind.SQUID_STOP: _held,
    Kind.LINK_DOWN: _held,
    Kind.KEEPALIVED_RESTART: _moment,
    Kind.KEEPALIVED_RELOAD: _moment,
    Kind.SQUID_RESTART: _moment,
    Kind.GARP: _garp,
    Kind.REVERT_ONLY: _lapse,
}
