"""What if: from a picture and a set of changes, who holds which VIP afterwards, and what clients lose on the way.

Pure. The VRRP arithmetic is `cluster.vrrp`'s, the ranges are `forecast_times`'. What the picture does
not tell is None with the reason in `unknown`: never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final

from haconsole.cluster.forecast_changes import Change, Thing, single_failures
from haconsole.cluster.forecast_instance import After, Leaving, after, priority_now
from haconsole.cluster.forecast_times import NOTHING, Span, later, slack
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import covers, link_trouble
from haconsole.cluster.vrrp import Candidate, elect, master_down_s, skew_s
from haconsole.model.readings import VrrpState
from haconsole.model.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class VipForecast:
    """One VIP before and after.

    before: who holds it now; None: not known, or several. after: who holds it when all is settled; None:
    nobody (`nobody` True) or not known (`unknown` says why). Spans count from the change.
    """

    address: IpAddress
    vrid: int | None
    before: str | None
    after: str | None
    nobody: bool
    serves: bool | None
    """Clients are served afterwards."""
    takeover: Span | None = None
    """Until the new holder has it; None: it does not move, or not known."""
    outage: Span | None = None
    """What clients of it lose; None: not known, or until something is put right (`lost`)."""
    failback_outage: Span | None = None
    """What they lose when all is put back; None: it does not move back, or not known."""
    able: tuple[str, ...] = ()
    """Nodes that can serve it afterwards, proven."""
    able_unknown: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    unknown: str | None = None

    @property
    def lost(self) -> bool:
        """Proven: clients are not served until something is put right."""
        return self.nobody or self.serves is False

    @property
    def not_served_because(self) -> tuple[str, ...]:
        """The reasons why it is `lost`, without those for timers; empty: it is not."""
        goes = self.moves and self.after is not None
        return tuple(w for w in self.why if not goes or w.startswith(f"{self.after} takes ")) if self.lost else ()

    @property
    def known(self) -> bool:
        """Who holds it afterwards is known (perhaps nobody)."""
        return self.after is not None or self.nobody

    @property
    def moves(self) -> bool | None:
        """None: not known."""
        return self.before != self.after if self.known and self.before is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceForecast:
    """One instance afterwards. `state`: INIT where keepalived does not run; None: not known."""

    node: str
    name: str
    vrid: int | None
    state: VrrpState | None
    priority: int | None
    effective_priority: int | None
    causes: tuple[str, ...] = ()
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadForecast:
    """Requests a second of a node's squid, now and afterwards. None: not known. What it could carry nobody knows."""

    node: str
    now: float | None
    after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole cluster after `changes`."""

    changes: tuple[Change, ...]
    vips: tuple[VipForecast, ...]
    instances: tuple[InstanceForecast, ...]
    loads: tuple[LoadForecast, ...]

    @property
    def lost(self) -> tuple[VipForecast, ...]:
        """VIPs whose clients lose service until something is put right."""
        return tuple(v for v in self.vips if v.lost)

    def vip(self, address: IpAddress) -> VipForecast:
        """The forecast of one VIP. Raises: KeyError."""
        for each in self.vips:
            if each.address == address:
                return each
        raise KeyError(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is supposed instead of what was read. shutdown_lifetime_s: squid's; None: as each node's squid.conf says."""

    shutdown_lifetime_s: float | None = None


_NO_ADDRESS: Final = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class _Ctx:
    picture: ClusterPicture
    changes: tuple[Change, ...]
    afters: dict[str, tuple[After, ...]] = field(default_factory=dict)


def forecast(picture: ClusterPicture, changes: Sequence[Change] = (), assumed: Assumed | None = None) -> Forecast:
    """What follows from all of `changes` at once. None given: what holds now, if it stays so."""
    lifetime = (assumed or Assumed()).shutdown_lifetime_s
    ctx = _Ctx(picture, tuple(changes))
    for node in picture.nodes:
        found = tuple(after(picture, node, i, ctx.changes, lifetime) for i in node.instances or ())
        ctx.afters[node.name] = _synced(found)
    vips = tuple(_vip(ctx, v) for v in picture.vips)
    return Forecast(
        changes=ctx.changes, vips=vips, instances=tuple(_instances(ctx, vips)), loads=_loads(picture, vips, ctx.changes)
    )


def each_failure(picture: ClusterPicture, assumed: Assumed | None = None) -> tuple[Forecast, ...]:
    """One forecast for each thing of each node that can fail alone."""
    return tuple(forecast(picture, (c,), assumed) for c in single_failures(picture))


def _synced(found: tuple[After, ...]) -> tuple[After, ...]:
    """Instances of a sync group leave together."""
    faulty = {a.instance.sync_group: a for a in found if a.fit is False and a.leaving is not None}
    faulty.pop(None, None)
    return tuple(
        replace(a, fit=False, priority=None, leaving=f.leaving, notice_s=f.notice_s, touched=True,
                causes=(f"its sync group {a.instance.sync_group} leaves with {f.name}",))
        if a.fit is not False and (f := faulty.get(a.instance.sync_group)) is not None
        else a
        for a in found
    )  # fmt: skip


# --- who holds it -----------------------------------------------------------------------------------------


def holder_now(picture: ClusterPicture, vip: VipPicture) -> tuple[str | None, str | None]:
    """(the one holder, None), or (None, why there is none that may be believed)."""
    if not vip.holders:
        told = f"{' and '.join(vip.unread)} could not be read" if vip.unread else "no node has it"
        return None, f"who holds {vip.address} now is not known: {told}" if vip.unread else told
    if len(vip.holders) > 1:
        return None, f"{' and '.join(vip.holders)} both have {vip.address}"
    instance = picture.node(vip.holders[0]).instance_of(vip.address)
    if instance is None or instance.state is not VrrpState.MASTER:
        return None, f"{vip.holders[0]} has {vip.address}, but its keepalived does not say MASTER"
    return vip.holders[0], None


def _candidates(ctx: _Ctx, vip: IpAddress) -> tuple[list[After], list[str]]:
    """(instances that have the VIP, reasons why more may have it)."""
    found: list[After] = []
    hidden: list[str] = []
    for node in ctx.picture.nodes:
        mine = [a for a in ctx.afters[node.name] if any(v.ip == vip for v in a.instance.vips)]
        gone = any(c.node == node.name and c.thing is Thing.NODE and not c.restored for c in ctx.changes)
        found += mine[:1]
        if not mine and node.instances is None and not gone:
            hidden.append(f"{node.name} could not be read")
    return found, hidden


def _vip(ctx: _Ctx, vip: VipPicture) -> VipForecast:  # noqa: PLR0911 - one return for each reason
    found, hidden = _candidates(ctx, vip.address)
    before, why_not = holder_now(ctx.picture, vip)
    base = VipForecast(
        address=vip.address, vrid=vip.vrid, before=before, after=None, nobody=False, serves=None,
        able=tuple(n.name for n in ctx.picture.nodes if able_after(ctx.picture, n, vip, found, ctx.changes) is True),
        able_unknown=tuple(
            n.name for n in ctx.picture.nodes if able_after(ctx.picture, n, vip, found, ctx.changes) is None
        ),
    )  # fmt: skip
    current = next((a for a in found if a.node == before), None)
    doubts = [a.unknown for a in found if a.unknown is not None] + hidden
    several = vip.holders is not None and len(vip.holders) > 1
    left = _left_behind(ctx.picture, vip, found)
    if left is not None:
        return replace(base, unknown=left)
    if not found:
        return replace(base, unknown=hidden[0] if hidden else f"no instance of keepalived has {vip.address}")
    if doubts:
        if current is None or not _stays_anyway(current, found):
            return replace(base, unknown=doubts[0], why=_causes(found))
        winner: After | None = current
    elif several and sum(a.fit is True for a in found) > 1:
        return replace(base, unknown=f"{why_not}: they do not hear each other", why=_causes(found))
    elif before is None and why_not is not None and vip.unread and sum(a.fit is True for a in found) > 1:
        return replace(base, unknown=why_not, why=_causes(found))
    else:
        name, tie = _elected(ctx.picture, found, before)
        if tie is not None:
            return replace(base, unknown=tie, why=_causes(found))
        winner = next((a for a in found if a.node == name), None)
    if winner is None:
        told = _and(f"{a.name} on {a.node}: {', '.join(a.causes) or 'cannot take part'}" for a in found)
        return replace(base, nobody=True, serves=False, why=(f"nobody is left to hold {vip.address}: {told}",))
    serves, reason = serves_after(ctx.picture, ctx.picture.node(winner.node), vip.address, ctx.changes)
    done = replace(base, after=winner.node, serves=serves)
    return _timed(ctx, done, found, current=current, winner=winner, reason=reason)


def _left_behind(picture: ClusterPicture, vip: VipPicture, found: list[After]) -> str | None:
    """A node has the address although its keepalived has nothing to do with it: it would stay there."""
    for each in found:
        if each.node in (vip.holders or ()) and each.fit is False and each.leaving is None:
            return f"{each.node} has {vip.address}, although {each.causes[0] if each.causes else 'it takes no part'}"
    return None


def _stays_anyway(current: After, found: list[After]) -> bool:
    """The master goes on as it is, and nobody else gets better: what else is not known does not matter."""
    others = [a for a in found if a is not current]
    unmoved = current.fit is True and current.leaving is None and not (current.touched and current.priority is None)
    return unmoved and not any(a.touched and a.fit is not False and a.leaving is not Leaving.LOWERED for a in others)


def _elected(picture: ClusterPicture, found: list[After], master: str | None) -> tuple[str | None, str | None]:
    """(winner or None, None), or (None, why the election cannot be told)."""
    candidates = [
        Candidate(
            node=a.node,
            priority=a.priority or 0,
            address=own_address(picture.node(a.node), a.instance) or _NO_ADDRESS,
            fit=a.fit is True,
            preempt=a.instance.preempt is not False,
        )
        for a in found
    ]
    fit = [c for c in candidates if c.fit]
    if not any(c.node == master for c in fit) and fit:
        top = [c for c in fit if c.priority == max(x.priority for x in fit)]
        if len(top) > 1 and any(int(c.address) == 0 for c in top):
            names = _and(c.node for c in top)
            return None, f"{names} have the same priority, and their addresses were not read"
    winner = elect(candidates, master)
    return (None if winner is None else winner.node), None


def own_address(node: NodePicture, instance: InstancePicture) -> IpAddress | None:
    """Where the instance's adverts come from; None: not read."""
    if instance.source_address is not None:
        return instance.source_address
    if instance.interface is None:
        return None
    family = instance.vips[0].version if instance.vips else 4
    return next(
        (
            a.address.ip
            for a in node.addresses_of(instance.interface)
            if a.address.version == family and a.address.ip not in node.managed
        ),
        None,
    )


# --- does it serve ----------------------------------------------------------------------------------------


def _takes_service(node: NodePicture, change: Change) -> bool:
    if change.restored:
        return False
    if change.thing is Thing.LINK:
        return change.interface in {node.spec.public_interface, node.spec.lan_interface}
    return change.thing in {Thing.NODE, Thing.SQUID}


def serves_after(  # noqa: PLR0911 - one return for each reason
    picture: ClusterPicture, node: NodePicture, vip: IpAddress, changes: Sequence[Change]
) -> tuple[bool | None, str | None]:
    """Would squid of `node` serve clients of `vip` after `changes`; why not, or why that is not known."""
    mine = [c for c in changes if c.node == node.name]
    taken = next((c for c in mine if _takes_service(node, c)), None)
    if taken is not None:
        return False, taken.text
    back = {c.thing for c in mine if c.restored}
    up = {c.interface for c in mine if c.restored and c.thing is Thing.LINK}
    public = node.spec.public_interface
    if public is not None and public not in up:
        if node.kernel is None:
            return None, f"the links of {node.name} were not read"
        trouble = link_trouble(node, public)
        if trouble is not None:
            return False, f"{public} of {node.name}: {trouble}"
    if Thing.SQUID in back:
        return (True, None)
    if node.squid is None or node.squid.listening is None:
        return None, f"whether squid listens on {node.name} was not read"
    if not covers(node.squid.listening, vip):
        return False, f"squid on {node.name} does not listen for {vip}"
    return True, None


def able_after(
    picture: ClusterPicture, node: NodePicture, vip: VipPicture, found: Sequence[After], changes: Sequence[Change]
) -> bool | None:
    """Can `node` hold the VIP and serve its clients after `changes`; None: not known."""
    own = next((a for a in found if a.node == node.name), None)
    gone = any(c.node == node.name and c.thing is Thing.NODE and not c.restored for c in changes)
    if gone or (own is not None and own.fit is False):
        return False
    serves, _ = serves_after(picture, node, vip.address, changes)
    if own is None:
        return None if node.instances is None else False
    if serves is False:
        return False
    return True if own.fit and serves else None


# --- how long ---------------------------------------------------------------------------------------------


def _one_x(picture: ClusterPicture, node: str) -> bool | None:
    """keepalived 1.x: one advert more as a candidate, and gaps where 2.x has none (KEEPALIVED 4.2)."""
    versions = picture.node(node).versions
    if versions is None or versions.keepalived is None:
        return None
    return versions.keepalived.major < 2


def _timed(
    ctx: _Ctx,
    base: VipForecast,
    found: list[After],
    *,
    current: After | None,
    winner: After,
    reason: str | None,
) -> VipForecast:
    why = _causes(found)
    if winner is current:
        return _staying(base, why, winner, reason)
    text = f"{winner.node} takes {base.address}, with priority {winner.priority}"
    if base.serves is False:
        text += f", but does not serve: {reason}"
    clock = _clock(ctx.picture, current, winner)
    if clock is None:
        return replace(base, why=(*why, text), unknown=f"the timers of {winner.name} on {winner.node} were not read")
    if current is None:
        if base.before is not None or not any(a.touched for a in found):
            return replace(base, why=(*why, text))
        takeover = slack(later(winner.notice_s, clock.begins(winner)))
        outage = takeover if base.serves else None
        return replace(base, takeover=takeover, outage=outage, why=(*why, text, clock.words))
    serves_before, _ = serves_after(ctx.picture, ctx.picture.node(current.node), base.address, ctx.changes)
    if current.fit:
        span = later(winner.notice_s, clock.begins(winner)) if current.leaving is None else clock.leaves(current)
        gap = clock.planned_gap(winner) if serves_before else span
    else:
        if current.leaving is None:
            return replace(base, why=(*why, text), unknown=f"how {current.name} on {current.node} left is not known")
        span = clock.leaves(current)
        gap = span
    outage = (gap if gap == NOTHING else slack(gap)) if base.serves else None
    back, back_words = _failback(ctx.picture, current, winner, base.address) if _only_lost(ctx.changes) else (None, ())
    words = (*why, text, f"{_how(current)}: {clock.words}", *back_words)
    return replace(base, takeover=slack(span), outage=outage, failback_outage=back, why=words)


def _staying(base: VipForecast, why: tuple[str, ...], winner: After, reason: str | None) -> VipForecast:
    stays = f"{winner.node} keeps {base.address}"
    if base.serves is False:
        stays += f", but its clients are not served: {reason}"
    elif base.serves is None:
        stays += f"; whether its clients are served is not known: {reason}"
    deaf = () if winner.deaf is None or base.serves else (winner.deaf,)
    return replace(base, outage=NOTHING if base.serves else None, why=(*why, *deaf, stays))


def _clock(picture: ClusterPicture, current: After | None, winner: After) -> _Clock | None:
    """The winner's timers; None: not all of them were read."""
    instance = winner.instance
    one_x, interval = _one_x(picture, winner.node), instance.advert_interval_s
    if interval is None or instance.version is None or one_x is None or winner.priority is None:
        return None
    if instance.version == 3 and current is not None:
        interval = current.instance.advert_interval_s or interval  # a v3 backup goes by its master's (RFC 9568 6.1)
    return _Clock(instance.version, winner.priority, interval, one_x, instance.preempt_delay_s or 0.0)


def _only_lost(changes: Sequence[Change]) -> bool:
    return all(not c.restored for c in changes)


def _how(current: After) -> str:
    return {
        Leaving.SILENT: f"{current.node} falls silent",
        Leaving.ZERO: f"{current.node} says that it stops (priority 0)",
        Leaving.LOWERED: f"{current.node} goes on serving with a lower priority until then",
        None: f"{current.node} yields to a higher priority",
    }[current.leaving]


@dataclass(frozen=True, slots=True)
class _Clock:
    """The winner's timers."""

    version: int
    priority: int
    interval_s: float
    one_x: bool
    delay_s: float

    @property
    def skew(self) -> float:
        return skew_s(self.version, self.priority, self.interval_s)

    @property
    def down(self) -> float:
        return master_down_s(self.version, self.priority, self.interval_s)

    @property
    def words(self) -> str:
        return f"skew {self.skew:.2f} s, master down time {self.down:.2f} s, adverts every {self.interval_s:g} s"

    def _candidate(self) -> Span:
        return Span(self.interval_s, self.interval_s) if self.one_x else NOTHING

    def leaves(self, old: After) -> Span:
        """From the change until the winner has the VIP that `old` gives up."""
        if old.leaving is Leaving.ZERO:
            wait = Span(self.skew, self.skew)
        else:
            wait = Span(self.down - self.interval_s, self.down)
        # Only a backup that hears a lower advert counts its preempt_delay.
        delay = (
            Span(self.delay_s, self.delay_s + self.interval_s)
            if old.leaving is Leaving.LOWERED and self.delay_s
            else NOTHING
        )
        return later(old.notice_s, wait, delay, self._candidate())

    def begins(self, new: After) -> Span:
        """From the moment it may until it has the VIP, against a lower master or none."""
        if new.started and new.owner:
            return self._candidate()
        state = new.instance.state
        raised = state is VrrpState.BACKUP and not new.started
        wait = Span(self.down - self.interval_s, self.down) if raised else Span(self.down, self.down)
        delay = Span(self.delay_s, self.delay_s + self.interval_s) if self.delay_s else NOTHING
        return later(wait, delay, self._candidate())

    def planned_gap(self, new: After) -> Span:
        """What clients lose while the old master serves until it hears the new one (KEEPALIVED 4.2)."""
        if self.one_x:
            gap = self.interval_s if new.started and new.owner else 2 * self.interval_s
            return Span(gap, gap)
        raised = new.instance.state in {VrrpState.BACKUP, VrrpState.MASTER} and not new.started
        # 0 to 46 ms were measured where a node comes back from FAULT or a start.
        return NOTHING if raised else Span(0.0, 0.05)


def _failback(
    picture: ClusterPicture, old: After, winner: After, vip: IpAddress
) -> tuple[Span | None, tuple[str, ...]]:
    """What clients lose when all is put back; None with words where the VIP does not come back."""
    priority = priority_now(old.instance)
    one_x = _one_x(picture, old.node)
    if priority is None or winner.priority is None or one_x is None or old.instance.preempt is None:
        return None, ("whether it comes back is not known",)
    # The winner's own priority at that time is the one that it has now: nothing of it changes.
    if priority <= winner.priority:
        return None, (f"it stays with {winner.node} afterwards: {priority} does not outrank {winner.priority}",)
    if not (old.instance.preempt or old.owner):
        return None, (f"it stays with {winner.node} afterwards: nopreempt on {old.node}",)
    interval = old.instance.advert_interval_s
    if one_x:
        return (None, ()) if interval is None else (slack(Span(interval, 2 * interval)), ())
    gap = NOTHING if old.leaving is Leaving.LOWERED else slack(NOTHING)
    return gap, (f"{old.node} takes it back by preemption ({priority} over {winner.priority})",)


# --- instances, loads, words --------------------------------------------------------------------------------


def _instances(ctx: _Ctx, vips: Sequence[VipForecast]) -> list[InstanceForecast]:
    by_vip = {v.address: v for v in vips}
    found: list[InstanceForecast] = []
    for afters in ctx.afters.values():
        for a in afters:
            of = next((by_vip[v.ip] for v in a.instance.vips if v.ip in by_vip), None)
            stopped = any(
                c.node == a.node and c.thing in {Thing.NODE, Thing.KEEPALIVED} and not c.restored for c in ctx.changes
            )
            state: VrrpState | None = None
            if a.fit is False:
                down = ctx.picture.node(a.node).keepalived
                stopped = stopped or (down is not None and not down.active and not a.started)
                state = VrrpState.INIT if stopped else VrrpState.FAULT
            elif a.fit and of is not None and of.known:
                state = VrrpState.MASTER if of.after == a.node else VrrpState.BACKUP
            found.append(
                InstanceForecast(
                    node=a.node,
                    name=a.name,
                    vrid=a.instance.vrid,
                    state=state,
                    priority=a.instance.priority,
                    effective_priority=a.priority if a.fit else None,
                    causes=a.causes,
                    unknown=a.unknown,
                )
            )
    return found


def _loads(picture: ClusterPicture, vips: Sequence[VipForecast], changes: Sequence[Change]) -> tuple[LoadForecast, ...]:
    """A node's load follows its VIPs where all of them go the same way; else it is not known."""
    now = {n.name: n.requests_per_s for n in picture.nodes}
    then: dict[str, float | None] = {}
    for name in now:
        parts: list[float | None] = []
        for source, rate in now.items():
            to = {v.after for v in vips if v.before == source}
            whole = not any(v.before == source and not v.known for v in vips) and len(to) == 1
            if name in to:
                parts.append(rate if whole else None)
            elif source == name and not to:
                parts.append(rate)  # whom it serves without a VIP goes on
            elif not whole and to and None in to:
                parts.append(None)
        off = any(c.node == name and not c.restored and c.thing in {Thing.NODE, Thing.SQUID} for c in changes)
        total = sum(p for p in parts if p is not None)
        then[name] = 0.0 if off else None if None in parts else total
    return tuple(LoadForecast(node=n, now=now[n], after=then[n]) for n in now)


def _causes(found: Sequence[After]) -> tuple[str, ...]:
    """Each cause once, in the nodes' order."""
    return tuple(dict.fromkeys(c for a in found for c in a.causes if a.touched))


def _and(words: object) -> str:
    return " and ".join(str(w) for w in words)  # type: ignore[attr-defined]
