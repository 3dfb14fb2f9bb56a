"""Findings from the wire: who speaks for our virtual routers, who should and does not, and who is not ours.

Adverts are proof; silence is proof only where `wire_picture` says so. A hand-over and a capture that has
just begun fire nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster import explained
from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.cluster.rules import wire_announced, wire_content, wire_ways
from haconsole.cluster.rules.common import by_instance, listed, span
from haconsole.cluster.rules.wire_common import (
    OwnRouter,
    change,
    config_of,
    look_on_both,
    own_keys,
    own_routers,
    packet,
    pairs,
    source_text,
    vips_of,
)
from haconsole.cluster.vrrp import OWNER
from haconsole.cluster.wire_log import takeover_text
from haconsole.cluster.wire_picture import WirePlace, WireSender
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.hearing import Kind, SenderHeard, Takeover
from haconsole.model.readings import VrrpState

FLAPPING_S: Final = 600.0
FLAPPING_CHANGES: Final = 2
"""More unexplained changes of master than this are flapping."""
CENSUS_SHOWN: Final = 12


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family; none while nobody listens."""
    if not picture.wire.places:
        return
    routers = own_routers(picture)
    for router in routers:
        yield from two_masters(picture, router)
        yield from foreign_router(picture, router)
        yield from two_owners(picture, router)
        yield from flapping(picture, router)
        yield from wire_announced.rules(picture, router)
        yield from wire_content.rules(picture, router)
    yield from wire_ways.rules(picture, routers)
    yield from no_master(picture)
    yield from census(picture)


def router_of(picture: ClusterPicture, vip: VipPicture) -> str | None:
    """The name that findings about the VIP's virtual router carry; None: nothing was heard of it."""
    key = (vip.vrid, vip.address.version)
    return next((r.name for r in own_routers(picture) if r.key == key), None)


def two_masters(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Two or more senders advertise the same virtual router, and go on though the other does.

    Means: split brain: clients reach now one, now the other. They do not hear each other, or discard
    what they hear. Proof: adverts of both for one and a half intervals, when a hand-over's loser has
    fallen silent.
    Can be wrong: never as to the adverts; that both nodes have the address too is the kernels' to say.
    """
    both = router.at_once()
    if not both:
        return
    names = listed(source_text(s) for s in both)
    for vip in vips_of(picture, router):
        yield Finding(
            id="wire-two-masters",
            severity=Severity.CRITICAL,
            instance=router.name,
            vip=vip.address,
            summary=f"{names} both advertise {router.vrid} ({vip.address}): two masters{_why_deaf(router, both)}",
            evidence=tuple(packet(s, router) for s in both),
            remedy=_mend(picture, router, both),
            since=max(s.since for s in both),
        )


def _heard_by_peers(both: tuple[WireSender, ...]) -> bool:
    """The adverts of each reach the network card of every other: what drops them comes behind it."""
    ours = {s.node for s in both}
    return None not in ours and all(ours <= set(s.by) for s in both)


def _why_deaf(router: OwnRouter, both: tuple[WireSender, ...]) -> str:
    if any(s.node is None for s in both):
        return ""
    if _heard_by_peers(both):
        return "; each one's adverts reach the other's network card, and its keepalived does not take them"
    return ""


def _mend(picture: ClusterPicture, router: OwnRouter, both: tuple[WireSender, ...]) -> str:
    if any(s.node is None for s in both):
        return f"find the stranger by its MAC address {_mac(both)}, or give this cluster another virtual_router_id"
    lowest = min(both, key=lambda s: s.said.priority).name
    if _heard_by_peers(both):
        return (
            f"on {lowest}: nft list ruleset, or iptables -S: accept protocol vrrp (112) from the other node; "
            f"if nothing drops it, compare {config_of(picture)} on both"
        )
    return f"{look_on_both(picture, router)}; do not restart keepalived before they hear each other"


def _mac(senders: tuple[WireSender, ...]) -> str:
    return next((s.said.mac for s in senders if s.node is None and s.said.mac), "(not known)")


def foreign_router(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Somebody who is no node of this cluster advertises our virtual router.

    Means: another cluster or router uses the same VRID: our nodes take it for their master, or it takes
    ours for its own. Told only once the addresses of all our nodes are known; whose frames come from a card of ours
    (`mcast_src_ip`, an address that was just taken away) is no stranger.
    Can be wrong: where a card of ours was not read.
    """
    if not picture.wire.every_node_known:
        return
    own = {link.mac for n in picture.nodes if n.kernel is not None for link in n.kernel.links.values()} - {None}
    strangers = [s for s in router.speaking() if s.node is None and s.said.mac not in own]
    if not strangers:
        return
    first = strangers[0]
    more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
    mac = f", MAC address {first.said.mac}" if first.said.mac else ""
    yield Finding(
        id="wire-foreign-router",
        severity=Severity.WARNING,
        instance=router.name,
        summary=f"{first.source}{more}, no node of this cluster, advertises our {router.vrid} ({router.name})"
        f" with priority {first.said.priority}",
        evidence=tuple(
            packet(s, router, more=f"MAC address {s.said.mac or 'not known'}, for {_addresses(s.said)}")
            for s in strangers[:4]
        ),
        remedy=f"find who it is{mac}; use another virtual_router_id there or here (on all nodes, in a maintenance "
        f"window)",
        since=first.since,
    )


def _addresses(said: SenderHeard) -> str:
    return ", ".join(str(a) for a in said.addresses[:3]) or "no address"


def two_owners(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Priority 255 from two sources.

    Means: both nodes think that they own the address: neither ever yields. keepalived changes one to 254
    when it hears the other (docs/keepalived-versions.md).
    Can be wrong: the older of the two may have been changed since.
    """
    owners = [s for s in router.heard.senders if s.said.priority == OWNER and s.node is not None]
    # A standby says nothing: it is by its daemon's word that it would be one.
    heard = {s.node for s in owners}
    silent = [(n, i) for s, n, i in pairs(router) if s in owners and i.priority == OWNER and n.name not in heard]
    if len(owners) + len(silent) < 2:
        return
    names = [*(source_text(s) for s in owners), *(n.name for n, _ in silent)]
    yield Finding(
        id="wire-two-owners",
        severity=Severity.WARNING,
        instance=router.name,
        summary=f"{listed(names)} have priority 255 for {router.vrid}: each takes itself for the addresses' owner",
        evidence=(*(packet(s, router) for s in owners), *(by_instance(n, i) for n, i in silent)),
        remedy=f"in {config_of(picture)}: priority 255 on one node at most; reload keepalived",
    )


def unexplained(takeovers: list[Takeover]) -> list[Takeover]:
    """Changes that nobody ordered: a hand-over, a lowered priority and the way back from them are ordered."""
    found: list[Takeover] = []
    ordered = False
    for each in takeovers:
        if each.kind in {Kind.HAND_OVER, Kind.LOWERED}:
            ordered = True
        elif each.kind is Kind.PREEMPTION and ordered:
            ordered = False
        else:
            found.append(each)
    return found


def flapping(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """More than two unexplained changes of master within ten minutes.

    Means: something lets the master fall silent again and again: a starved host, a lossy link, two that
    compete. Each change costs connections. What an operation of haconsole, a service or a link explains is not counted.
    Can be wrong: changes before the listening began are not counted.
    """
    recent = [t for t in picture.wire.takeovers if t.key == router.key and picture.at - t.at <= FLAPPING_S]
    counted = unexplained(recent)
    if len(counted) <= FLAPPING_CHANGES:
        return
    known = explained.causes(picture, picture.at - FLAPPING_S)
    counted = [t for t in counted if not explained.explained(t.at, known)]
    if len(counted) <= FLAPPING_CHANGES:
        return
    names = {s.source: s.node for s in router.heard.senders if s.node is not None}
    yield Finding(
        id="wire-flapping",
        severity=Severity.WARNING,
        instance=router.name,
        summary=f"{router.vrid} ({router.name}) changed its master {len(counted)} times in 10 minutes, unordered",
        evidence=tuple(change(picture, t, takeover_text(t, names)) for t in counted[-6:]),
        remedy="look for what both have in common at these times: load and steal time of the hosts, errors of the "
        "links (ip -s link), snapshots of virtual machines; a longer advert_int bridges short silences",
        since=counted[0].at,
    )


def no_master(picture: ClusterPicture) -> Iterator[Finding]:
    """Nobody advertises a VIP's virtual router, and somebody listens.

    Means: no keepalived is its master. Critical only where the kernels say so too: no node has the address.
    Proof: a place that listened for a whole master-down time, without losses, on a link that works.
    Can be wrong: a master whose adverts go only to peers (unicast) that nobody listens at.
    """
    keys = own_keys(picture)
    for vip in picture.vips:
        found = keys.get((vip.vrid or 0, vip.address.version))
        if vip.advertisers != () or found is None:
            continue
        none = vip.holders == () and not vip.unread and vip.settled
        masters = [n.name for n, i in found if i.state is VrrpState.MASTER]
        but = f", though {listed(masters)} should be" if masters else ""
        places = [p for p in picture.wire.places if p.proof_since is not None]
        yield Finding(
            id="wire-no-master",
            severity=Severity.CRITICAL if none else Severity.WARNING,
            instance=found[0][1].name,
            vip=vip.address,
            summary=f"nobody advertises VRID {vip.vrid} ({vip.address}){but}",
            evidence=tuple(
                Evidence(
                    source=f"wire at {p.name}",
                    text=f"listening on {p.reading.interface} for {span(p.until - (p.proof_since or p.until))}, "
                    f"no advert of VRID {vip.vrid}{_last(p, vip)}",
                    at=p.until,
                )
                for p in places
            ),
            remedy=f"on each node: systemctl status {picture.spec.keepalived_service}; "
            f"journalctl -u {picture.spec.keepalived_service} -n 50",
        )


def _last(place: WirePlace, vip: VipPicture) -> str:
    router = place.reading.router((vip.vrid or 0, vip.address.version))
    last = max((s.last_at for s in router.senders), default=None) if router is not None else None
    return "" if last is None else f" for {place.until - last:.1f} s"


def census(picture: ClusterPicture) -> Iterator[Finding]:
    """Other virtual routers on the segment.

    Means: nothing is wrong; their VRIDs must not be used here, and their storms are ours too.
    Can be wrong: never; only what speaks is listed.
    """
    own = {(i.vrid, v.version) for _, i in picture.instances() for v in i.vips[:1]}
    known = all(n.instances is not None for n in picture.nodes)
    if not known:
        return  # else our own would be listed as others
    nodes = {n.name for n in picture.nodes}
    others = [
        (key, s)
        for key, r in picture.wire.routers.items()
        if key not in own
        for s in r.senders
        if s.speaks and s.name not in nodes
    ]
    if not others or not picture.wire.every_node_known:
        return
    vrids = sorted({key[0] for key, _ in others})
    more = f" and {len(vrids) - CENSUS_SHOWN} more" if len(vrids) > CENSUS_SHOWN else ""
    shown = ", ".join(map(str, vrids[:CENSUS_SHOWN])) + more
    yield Finding(
        id="wire-other-routers",
        severity=Severity.INFO,
        summary=f"other virtual routers on this segment: VRID {shown}",
        evidence=tuple(packet(s, key) for key, s in others[:CENSUS_SHOWN]),
        remedy="none; do not use these VRIDs here",
    )
