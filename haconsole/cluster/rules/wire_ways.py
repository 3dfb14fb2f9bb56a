"""Findings from comparing captures: what leaves one node, and what reaches another. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules import wire_content
from haconsole.cluster.rules.common import by_instance, daemon_state, lasting, listed
from haconsole.cluster.rules.wire_common import OwnRouter, config_of, packet, source_text, vips_of
from haconsole.cluster.vrrp import master_down_s
from haconsole.cluster.wire_picture import MARGIN_S, WirePlace, WireSender
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import VrrpState
from haconsole.model.spec import IpAddress


def rules(picture: ClusterPicture, routers: tuple[OwnRouter, ...]) -> Iterator[Finding]:
    """Every finding of the family."""
    yield from mute(picture, routers)
    yield from one_way(picture, routers)
    for router in routers:
        yield from unheard(picture, router)


def mute(picture: ClusterPicture, routers: tuple[OwnRouter, ...]) -> Iterator[Finding]:
    """A node says that it is master, another speaks on the wire, and no advert leaves the first.

    Means: its own firewall drops what it sends, or it cannot send; the others cannot know of it.
    Proof: its own capture, which listens where adverts leave, heard none for more than a master-down time.
    Can be wrong: a firewall behind which nothing can be captured (a hypervisor's) looks like `wire-one-way`.
    """
    for node in picture.nodes:
        found = [(r, i, s) for r in routers if (i := r.instance(node.name)) and (s := _mute_for(picture, node, r, i))]
        if not found:
            continue
        evidence: list[Evidence] = []
        place = picture.wire.place(node.name)
        for router, instance, silent in found:
            text = f"listening on {instance.interface}: no own advert of {router.vrid} for {silent:.1f} s"
            evidence += (
                by_instance(node, instance),
                Evidence(source=f"wire at {node.name}", text=text, at=None if place is None else place.until),
                packet(router.heard.masters[0], router),
            )
        names = listed(i.name for _, i, _ in found)
        speakers = listed(dict.fromkeys(source_text(r.heard.masters[0]) for r, _, _ in found))
        vrids = listed(r.vrid for r, _, _ in found)
        yield Finding(
            id="wire-master-mute",
            severity=Severity.WARNING,
            node=node.name,
            summary=f"{node.name} is master of {names} and no advert of it gets onto the wire; "
            f"{speakers} advertises {vrids}",
            evidence=tuple(evidence),
            remedy=f"on {node.name}: nft list ruleset, or iptables -S OUTPUT: accept protocol vrrp (112); "
            f"journalctl -u {picture.spec.keepalived_service} -n 50",
            since=None if place is None else place.until - max(s for _, _, s in found),
        )


def _mute_for(picture: ClusterPicture, node: NodePicture, router: OwnRouter, instance: InstancePicture) -> float | None:
    """Seconds in which no advert left the node though it is master and another speaks; None: not proven."""
    place, vip = picture.wire.place(node.name), next(iter(vips_of(picture, router)), None)
    if place is None or vip is None or not router.heard.masters or daemon_state(instance) is not VrrpState.MASTER:
        return None
    own = [s.said.last_at for s in router.heard.senders if s.node == node.name]
    silent = place.silent_for(max(own, default=None))
    limit = master_down_s(2, 1, instance.advert_interval_s or 1.0) + MARGIN_S
    return silent if silent > limit and lasting(picture, vip, node, instance) else None


def one_way(picture: ClusterPicture, routers: tuple[OwnRouter, ...]) -> Iterator[Finding]:
    """Adverts that left one node and did not reach another that listened at the same time.

    Means: the way between them loses VRRP, in this direction: a switch (snooping, storm control, VLAN),
    or a filter on the way. The deaf node becomes a second master.
    Can be wrong: told only where both listened without losses for more than a master-down time.
    """
    for deaf in picture.wire.places:
        lost = [(r, s, w) for r in routers for s in r.speaking() if (w := _lost(picture, deaf, s)) is not None]
        if not lost:
            continue
        _, first, window = lost[0]
        back = _hears_back(picture, routers, deaf.name, first.node)
        way = {True: "; the other way they arrive", False: "; nor the other way", None: ""}[back]
        yield Finding(
            id="wire-one-way",
            severity=Severity.WARNING,
            node=deaf.name,
            summary=f"adverts of {listed(dict.fromkeys(source_text(s) for _, s, _ in lost))} leave it and do not reach "
            f"{deaf.name} ({listed(dict.fromkeys(r.vrid for r, _, _ in lost))}){way}",
            evidence=(
                *(packet(s, r, more="as it left", place=s.node) for r, s, _ in lost[:4]),
                Evidence(
                    source=f"wire at {deaf.name}",
                    text=f"listening on {deaf.reading.interface}: none of them in {window:.1f} s",
                    at=deaf.until,
                ),
            ),
            remedy=f"look at the switch between them: IGMP snooping, storm control, VLAN; is the group joined? On "
            f"{deaf.name}: ip maddr show; or send to each other alone (unicast_peer in {config_of(picture)})",
        )


def _lost(picture: ClusterPicture, deaf: WirePlace, sender: WireSender) -> float | None:
    """Seconds in which adverts that the sender's own capture saw leave did not reach `deaf`; None: not proven."""
    origin = None if sender.node is None else picture.wire.place(sender.node)
    if origin is None or origin is deaf or deaf.proof_since is None or origin.reading.interface is None:
        return None
    if not sender.said.destination.is_multicast and not _is_for(picture.node(deaf.name), sender.said.destination):
        return None
    left = sender.by.get(origin.name)
    if left is None or left.priority == 0:
        return None
    arrived = sender.by.get(deaf.name)
    start = max(left.speaking_since, deaf.proof_since, origin.proof_since or origin.until)
    start = start if arrived is None else max(start, arrived.last_at)
    window = min(left.last_at, deaf.until) - start
    return window if window > master_down_s(left.version, 1, left.interval_s) + MARGIN_S else None


def _is_for(node: NodePicture, destination: IpAddress) -> bool:
    return node.holds(destination) is True


def _hears_back(picture: ClusterPicture, routers: tuple[OwnRouter, ...], deaf: str, speaker: str | None) -> bool | None:
    """Do the adverts of the deaf node reach the speaker; None: it sends none."""
    place = picture.wire.place(speaker or "")
    sent = [s for r in routers for s in r.speaking() if s.node == deaf]
    if place is None or not sent:
        return None
    return not any(_lost(picture, place, s) is not None for s in sent)


def unheard(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Two masters, and the adverts of the one with the higher priority reach the other's network card.

    Means: keepalived on the lower one does not get them, else it would yield: a rule of its firewall drops VRRP on
    the way in. Nothing that can be seen in the adverts differs (that would be told by its own name).
    Proof: the lower node's own capture, which listens before its firewall does.
    Can be wrong: another password looks the same, where keepalived's log does not tell.
    """
    both = router.at_once()
    differs = {f.id for f in wire_content.rules(picture, router)} - {"wire-jitter"}
    if len(both) != 2 or any(s.node is None for s in both) or differs:
        return
    lower, higher = sorted(both, key=lambda s: (s.said.priority, int(s.source)))
    heard = higher.by.get(lower.node or "")
    fresh = heard is not None and higher.said.last_at - heard.last_at < 1.5 * higher.said.interval_s
    if heard is None or not fresh or higher.said.priority == lower.said.priority:
        return
    yield Finding(
        id="wire-unheard",
        severity=Severity.WARNING,
        node=lower.node,
        summary=f"adverts of {source_text(higher)} reach {lower.node}'s network card, and its keepalived goes on as a "
        f"second master: its firewall drops VRRP on the way in",
        evidence=(packet(higher, router, more="as it arrived", place=lower.node), packet(lower, router)),
        remedy=f"on {lower.node}: iptables -S INPUT; nft list ruleset: what drops protocol 112 (vrrp)? Let it in: "
        f"iptables -I INPUT -p vrrp -j ACCEPT; if nothing does: has keepalived joined the group (ip maddr show)? is "
        f"auth_pass the same in {config_of(picture)}?",
        since=max(s.since for s in both),
    )
