"""Findings about who holds each VIP. With `serving` the only family that knows *critical*."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import (
    address_on,
    by_client,
    by_instance,
    by_kernel,
    kernels,
    lasting,
    listed,
    present,
)
from haconsole.cluster.vips_named import watchable
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import VrrpState

WAIT: Final = "wait a moment"


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    yield from vips_unknown(picture)
    yield from vips_not_watched(picture)
    for vip in picture.vips:
        yield from held_by_none(picture, vip)
        yield from held_by_several(picture, vip)
        yield from moving(picture, vip)
        yield from holders_unknown(picture, vip)
        yield from two_masters(picture, vip)
        yield from not_preferred(picture, vip)


def vips_unknown(picture: ClusterPicture) -> Iterator[Finding]:
    """No VIP is configured and none was learned.

    Means: nothing that matters to clients can be told. While nodes are connected for the first time it is
    only a matter of moments, and says so.
    Can be wrong: never; it says only that nothing is known.
    """
    pending = [n.name for n in picture.nodes if n.starting]
    if picture.vips:
        return
    if pending:
        yield Finding(
            id="vips-unknown",
            severity=Severity.INFO,
            unknown=True,
            summary=f"connecting … to {listed(pending)}: no VIP is known yet",
            remedy=WAIT,
        )
    else:
        yield Finding(
            id="vips-unknown",
            severity=Severity.WARNING,
            unknown=True,
            summary=f"cluster {picture.spec.name}: no VIP is known: none is configured and no node told of one",
            remedy=f"name them in the configuration ([[cluster.vip]]), or mend the reading of "
            f"{picture.spec.keepalived_config} and of keepalived's state: haconsole doctor",
        )


def vips_not_watched(picture: ClusterPicture) -> Iterator[Finding]:
    """A node names more VIPs than this console asks.

    Means: of the others nothing is told here, whether they are held or serve.
    Can be wrong: never; it says only that nothing is known.
    """
    watched = {v.address for v in picture.vips}
    for node in picture.nodes:
        left = sum(watchable(a) and a not in watched for a in node.managed)
        if left:
            yield Finding(
                id="vips-not-watched",
                severity=Severity.WARNING,
                unknown=True,
                node=node.name,
                summary=f"{node.name}: names {left} VIPs more than are watched",
                evidence=(
                    Evidence(source=f"keepalived on {node.name}", text=f"{len(node.managed)} VIPs, {left} left out"),
                ),
                remedy="name those that matter in haconsole's configuration ([[cluster.vip]]); if a node should not "
                f"have that many, look at {picture.spec.keepalived_config} on {node.name}",
            )


def held_by_none(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """Every kernel was asked, and none has the address.

    Means: clients of this VIP reach nobody; or, when a client is served, a host outside of the cluster.
    Can be wrong: nodes are not asked at the same instant; changes younger than `settle_s` are `vip-moving`.
    """
    if vip.holders != () or vip.unread or not vip.settled:
        return
    served = vip.client is not None and vip.client.result.ok
    summary, remedy = f"{vip.address} is on no node", _how_to_get_a_master(picture, vip)
    if served:
        summary += ": yet somebody answers there, a host that is no node of this cluster"
        remedy = f"find who has it, from a host in the same LAN: arping -c 3 {vip.address}; compare its MAC address"
    yield Finding(
        id="vip-held-by-none",
        severity=Severity.CRITICAL,
        vip=vip.address,
        summary=summary,
        evidence=present(*kernels(picture, vip), *_states(picture, vip), by_client(vip)),
        remedy=remedy,
    )


def _how_to_get_a_master(picture: ClusterPicture, vip: VipPicture) -> str:
    node = vip.preferred or picture.nodes[0].name
    unit = picture.spec.keepalived_service
    return (
        f"mend what keeps the nodes from being master; on {node}: journalctl -u {unit} -n 50; systemctl status {unit}"
    )


def held_by_several(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """Two or more kernels have the address.

    Means: split brain, an address left behind by a dead keepalived, or one configured by hand.
    Can be wrong: nodes are not asked at the same instant, and keepalived's own hand-over has the
    address on both for some milliseconds; changes younger than `settle_s` are `vip-moving`.
    """
    if vip.holders is None or len(vip.holders) < 2 or not vip.settled:
        return
    keep = next((m for m in vip.masters or () if m in vip.holders), vip.preferred)
    loser = picture.node(next(h for h in vip.holders if h != keep))
    yield Finding(
        id="vip-held-by-several",
        severity=Severity.CRITICAL,
        vip=vip.address,
        summary=f"{vip.address} is on {listed(vip.holders)} at the same time: clients reach now one, now the other",
        evidence=present(*kernels(picture, vip), *_states(picture, vip), by_client(vip)),
        remedy=f"first see whether they hear each other, on each: {_capture(loser.spec.lan_interface)}. "
        f"If keepalived on {loser.name} is dead or no master, there: {_removal(loser, vip)}",
        since=vip.since,
    )


def _capture(device: str) -> str:
    return f"tcpdump -c 5 -nni {quote(device)} 'ip proto 112 or ip6 proto 112'"


def _removal(node: NodePicture, vip: VipPicture) -> str:
    address = address_on(node, vip)
    return (
        f"ip addr del {vip.address}"
        if address is None
        else f"ip addr del {address.address} dev {quote(address.interface)}"
    )


def moving(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """The holders changed a moment ago and are not one node.

    Means: most likely a hand-over under way; it ends in the next second, or becomes
    `vip-held-by-none` or `vip-held-by-several`.
    Can be wrong: it may already be one of those two.
    """
    if vip.settled or vip.holders is None or len(vip.holders) == 1 or (not vip.holders and vip.unread):
        return
    where = f"on {listed(vip.holders)}" if vip.holders else "on no node"
    yield Finding(
        id="vip-moving",
        severity=Severity.WARNING,
        vip=vip.address,
        summary=f"{vip.address} is changing hands: {where} for less than {picture.policy.settle_s:g} s",
        evidence=present(*kernels(picture, vip), *_states(picture, vip)),
        remedy="look again in two seconds",
    )


def holders_unknown(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """No kernel that was asked has the address, and not all could be asked.

    Means: with a served client, that the address is most likely on one of the nodes that could not
    be asked: a warning. Otherwise it cannot be told; while these nodes are connected for the first time
    it is only a matter of moments, and says so.
    Can be wrong: the client's answer may come from a host outside of the cluster.
    """
    if vip.holders is not None and (vip.holders or not vip.unread):
        return
    served = vip.client is not None and vip.client.result.ok
    unread = listed(vip.unread, "or")
    if all(picture.node(n).starting for n in vip.unread):
        yield Finding(
            id="vip-holders-unknown",
            severity=Severity.INFO,
            unknown=True,
            vip=vip.address,
            summary=f"connecting … to {listed(vip.unread)}: who holds {vip.address} is not known yet",
            evidence=present(*kernels(picture, vip), by_client(vip)),
            remedy=WAIT,
        )
        return
    if vip.holders is None:
        summary = f"who holds {vip.address} cannot be told: no node's addresses can be read"
    elif served:
        summary = f"{vip.address} is on no node that can be read, presumably on {unread}: it serves clients"
    else:
        summary = f"whether {vip.address} is on {unread} cannot be told, and no other node has it"
    yield Finding(
        id="vip-holders-unknown",
        severity=Severity.WARNING,
        unknown=not (served and vip.holders is not None),
        vip=vip.address,
        summary=summary,
        evidence=present(*kernels(picture, vip), by_client(vip)),
        remedy=f"mend the way to {unread}: haconsole doctor",
    )


def two_masters(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """The daemons of two or more nodes say MASTER for the same VIP, and not only for a moment.

    Means: they do not hear each other's adverts, or discard them (firewall, switch, other VIP list,
    interval, password or version).
    Can be wrong: a dump is some seconds old; words older than the last change of the addresses
    do not count, nor states younger than three seconds.
    """
    masters = [picture.node(m) for m in vip.masters or ()]
    told = [(n, i) for n in masters if (i := n.instance_of(vip.address)) is not None and lasting(picture, vip, n, i)]
    if len(told) < 2:
        return
    names = [n.name for n, _ in told]
    device = told[0][1].interface or told[0][0].spec.lan_interface
    yield Finding(
        id="two-masters",
        severity=Severity.WARNING,
        instance=told[0][1].name,
        vip=vip.address,
        summary=f"{listed(names)} are master of {told[0][1].name} ({vip.address}) at the same time: "
        f"they do not hear each other",
        evidence=tuple(by_instance(n, i) for n, i in told),
        remedy=f"on each: {_capture(device)}. If only its own adverts are seen, firewall or switch drop the other's "
        f"(accept protocol vrrp to 224.0.0.0/8); if both are seen, compare VRID, VIP list, interval, password and "
        f"version in {picture.spec.keepalived_config}",
        since=max((i.since for _, i in told if i.since is not None), default=None),
    )


def not_preferred(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """The VIP is on one node, and another should have it.

    Means: service goes on, but the load is not where it was planned, and something made it move.
    Can be wrong: the preferred node is the configured one, else the one with the highest priority.
    """
    if not vip.settled or vip.preferred is None or vip.holders is None or len(vip.holders) != 1:
        return
    holder = vip.holders[0]
    if holder == vip.preferred:
        return
    evidence = [by_kernel(picture.node(holder), f"{holder} has {vip.address}", vip.since)]
    wanted = next((n for n in picture.nodes if n.name == vip.preferred), None)
    instance = None if wanted is None else wanted.instance_of(vip.address)
    if wanted is not None and instance is not None:
        evidence.append(by_instance(wanted, instance))
    why = ""
    if instance is not None and instance.preempt is False and instance.state is VrrpState.BACKUP:
        why = f" ({vip.preferred} does not take it back by itself: nopreempt)"
    held_back = instance is not None and any(f.value is not None and f.value < 0 for f in instance.tracked_files)
    first = "end the drain of" if held_back else "mend"
    yield Finding(
        id="vip-not-preferred",
        severity=Severity.WARNING,
        vip=vip.address,
        summary=f"{vip.address} is on {holder}, not on its preferred node {vip.preferred}{why}",
        evidence=tuple(evidence),
        remedy=f"{first} {vip.preferred}; keepalived then brings the address back by itself, unless it says nopreempt",
    )


def _states(picture: ClusterPicture, vip: VipPicture) -> Iterator[Evidence]:
    for node in picture.nodes:
        instance = node.instance_of(vip.address)
        if instance is not None and instance.state is not None:
            yield by_instance(node, instance)
