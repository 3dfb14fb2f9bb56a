"""What if: from a picture and a set of changes, who holds which VIP afterwards, and what clients lose on the way.

Pure. What the picture does not tell is None with the reason in `unknown`: never a guess. One instance's
lot is `forecast_instance`'s, whether a node serves `forecast_serving`'s, how long it takes `forecast_outage`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from ipaddress import IPv4Address
from typing import Final

from haconsole.cluster.forecast_changes import Change, Thing, single_failures
from haconsole.cluster.forecast_instance import After, Leaving, after
from haconsole.cluster.forecast_outage import causes_of, timed
from haconsole.cluster.forecast_serving import able_after, holder_now, serves_after
from haconsole.cluster.forecast_values import Assumed, Forecast, InstanceForecast, LoadForecast, VipForecast
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.vrrp import Candidate, elect
from haconsole.model.readings import VrrpState
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

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
    able = {n.name: able_after(n, vip, found, ctx.changes) for n in ctx.picture.nodes}
    base = VipForecast(
        address=vip.address, vrid=vip.vrid, before=before, after=None, nobody=False, serves=None,
        able=tuple(name for name, can in able.items() if can is True),
        able_unknown=tuple(name for name, can in able.items() if can is None),
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
            return replace(base, unknown=doubts[0], why=causes_of(found))
        winner: After | None = current
    elif several and sum(a.fit is True for a in found) > 1:
        return replace(base, unknown=f"{why_not}: they do not hear each other", why=causes_of(found))
    elif before is None and why_not is not None and vip.unread and sum(a.fit is True for a in found) > 1:
        return replace(base, unknown=why_not, why=causes_of(found))
    else:
        name, tie = _elected(ctx.picture, found, before)
        if tie is not None:
            return replace(base, unknown=tie, why=causes_of(found))
        winner = next((a for a in found if a.node == name), None)
    if winner is None:
        told = _and(f"{a.name} on {a.node}: {', '.join(a.causes) or 'cannot take part'}" for a in found)
        return replace(base, nobody=True, serves=False, why=(f"nobody is left to hold {vip.address}: {told}",))
    serves, reason = serves_after(ctx.picture.node(winner.node), vip.address, ctx.changes)
    done = replace(base, after=winner.node, serves=serves)
    return timed(ctx.picture, ctx.changes, done, found, current=current, winner=winner, reason=reason)


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


def _and(words: object) -> str:
    return " and ".join(str(w) for w in words)  # type: ignore[attr-defined]
