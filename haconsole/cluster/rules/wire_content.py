"""Findings from what adverts say: settings that differ between the nodes, and packets that a receiver discards.

On the wire only the master speaks, so each of its adverts is held against the settings of the nodes that
should take it, as their daemons tell them; and against the adverts of another master, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import listed
from haconsole.cluster.rules.wire_common import OwnRouter, config_of, joined, packet, pairs, source_text, usual
from haconsole.cluster.vrrp import OWNER
from haconsole.cluster.wire_picture import WireSender
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.keepalived_conf import ConfInstance
from haconsole.model.packets import Checksum
from haconsole.parse.keepalived_conf import vrrp_instances

SAME_S: Final = 0.005
"""Intervals are told in hundredths of a second (v3)."""
GAPS_ENOUGH: Final = 30
"""Gaps from which on jitter is judged."""
LATE_SHARE: Final = 0.01
LATE_GAP: Final = 2.5
"""More than 1 % of the gaps over 1.5 intervals, or one over this."""
ECHO_GAPS: Final = 10
ECHO_SHARE: Final = 0.4
"""A reflected advert comes right behind its first: nearly half of the gaps are next to nothing."""


def rules(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Every finding of the family about one virtual router."""
    yield from interval(picture, router)
    yield from version(picture, router)
    yield from authentication(picture, router)
    yield from vip_list(picture, router)
    yield from unicast_mixed(picture, router)
    yield from equal_priorities(picture, router)
    for sender in router.speaking():
        yield from checksum(picture, router, sender)
        yield from hop_limit(picture, router, sender)
        yield from reflected(router, sender)
        yield from jitter(picture, router, sender)


def _setting(picture: ClusterPicture, node: str, text: str) -> Evidence:
    return Evidence(source=f"keepalived on {node}", text=text, at=picture.node(node).dump_at)


def _both(router: OwnRouter) -> Iterator[tuple[WireSender, WireSender]]:
    """Each pair of our senders that speak."""
    return combinations([s for s in router.speaking() if s.node is not None], 2)


def interval(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """The master announces another interval than a peer has.

    Means: version 2: the peer discards its adverts and becomes a second master. Version 3: the
    peer adopts the master's (R08), and takes over after another time than it is set to.
    Can be wrong: the peer's setting is from its daemon's last dump, or its file.
    """
    for sender, node, instance in pairs(router):
        said, own = sender.said.interval_s, _own_interval(picture, node, instance)
        if own is None or abs(said - own) <= SAME_S:
            continue
        drops = sender.said.version == 2
        yield Finding(
            id="wire-interval-mismatch",
            severity=Severity.WARNING,
            node=node.name,
            instance=instance.name,
            summary=f"{source_text(sender)} advertises {router.vrid} every {said:g} s, {node.name} is set to {own:g} s"
            + (": it discards these adverts" if drops else ""),
            evidence=(
                packet(sender, router, more=f"every {said:g} s"),
                _setting(picture, node.name, f"{instance.name}: advert_int {own:g}"),
            ),
            remedy=f"the same advert_int on all nodes in {config_of(picture)}; reload the backup first",
        )


def _own_interval(picture: ClusterPicture, node: NodePicture, instance: InstancePicture) -> float | None:
    """What the node is set to. A version 3 backup adopts the master's, so there only the file tells."""
    if instance.version == 2:
        return instance.advert_interval_s
    conf = _conf(picture, node.name, instance.name)
    return None if conf is None else conf.advert_interval_s


def version(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Adverts in another VRRP version than a peer has.

    Means: the peer discards them and becomes a second master.
    Can be wrong: the peer's setting is from its daemon's last dump, or its file.
    """
    for sender, node, instance in pairs(router):
        if instance.version is None or instance.version == sender.said.version:
            continue
        yield Finding(
            id="wire-version-mismatch",
            severity=Severity.WARNING,
            node=node.name,
            instance=instance.name,
            summary=f"{source_text(sender)} advertises {router.vrid} in version {sender.said.version}, {node.name} is "
            f"set to version {instance.version}: it discards these adverts",
            evidence=(
                packet(sender, router),
                _setting(picture, node.name, f"{instance.name}: version {instance.version}"),
            ),
            remedy=f"the same vrrp_version on all nodes in {config_of(picture)}; reload the backup first",
        )


def authentication(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Two masters whose adverts carry different types of authentication.

    Means: each discards the other's. Passwords are neither compared nor shown.
    Can be wrong: never; the types are in the packets.
    """
    for one, other in _both(router):
        a, b = one.said.auth_type, other.said.auth_type
        if a is None or b is None or a == b:
            continue
        yield Finding(
            id="wire-auth-mismatch",
            severity=Severity.WARNING,
            instance=router.name,
            summary=f"{source_text(one)} and {source_text(other)} advertise {router.vrid} with different types of "
            f"authentication ({a} and {b}): each discards the other's adverts",
            evidence=(
                packet(one, router, more=f"authentication type {a}"),
                packet(other, router, more=f"authentication type {b}"),
            ),
            remedy=f"the same authentication block on all nodes in {config_of(picture)}",
        )
        return


def vip_list(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """The master's adverts name other addresses than a peer has.

    Means: old keepalived discards such adverts (two masters); new ones take them, and a take-over changes which
    addresses are served.
    Can be wrong: the peer's list is from its daemon's last dump, or its file. IPv6 link-local ones are not compared.
    """
    for sender, node, instance in pairs(router):
        said = {a for a in sender.said.addresses if not a.is_link_local}
        own = {v.ip for v in instance.vips if not v.ip.is_link_local}
        if not instance.vips or said == own or "cut-short" in sender.said.problems:
            continue
        missing, more = tuple(sorted(own - said, key=int)), tuple(sorted(said - own, key=int))
        yield Finding(
            id="wire-vip-list-mismatch",
            severity=Severity.WARNING,
            node=node.name,
            instance=instance.name,
            summary=f"{source_text(sender)} advertises other addresses for {router.vrid} than {node.name} has: "
            f"only there {joined(more)}; only on {node.name} {joined(missing)}",
            evidence=(
                packet(sender, router, more=f"for {joined(sender.said.addresses)}"),
                _setting(picture, node.name, f"{instance.name}: {joined(tuple(v.ip for v in instance.vips))}"),
            ),
            remedy=f"the same virtual_ipaddress list on all nodes in {config_of(picture)}; reload the backup first",
        )


def unicast_mixed(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """One node sends to all (multicast), the other to its peers only (unicast).

    Means: keepalived discards the one where it expects the other.
    Can be wrong: where only one speaks, the other's setting is from its file.
    """
    for one, other in _both(router):
        if usual(one.said) != usual(other.said):
            yield _mixed(picture, router, one, other.name, packet(other, router, more=f"to {other.said.destination}"))
            return
    for sender, node, instance in pairs(router):
        conf = _conf(picture, node.name, instance.name)
        if conf is None or conf.unicast != usual(sender.said):
            continue
        peers = f"unicast_peer {joined(conf.unicast_peers)}" if conf.unicast else "no unicast_peer"
        said = Evidence(source=f"keepalived.conf on {node.name}", text=f"{instance.name}: {peers}", at=None)
        yield _mixed(picture, router, sender, node.name, said)
        return


def _mixed(picture: ClusterPicture, router: OwnRouter, sender: WireSender, other: str, said: Evidence) -> Finding:
    how = "to all (multicast)" if usual(sender.said) else "to its peers alone (unicast)"
    instead = "to its peers alone" if usual(sender.said) else "to all"
    return Finding(
        id="wire-unicast-mixed",
        severity=Severity.WARNING,
        instance=router.name,
        summary=f"{source_text(sender)} sends the adverts of {router.vrid} {how}, {other} {instead}: "
        "each discards the other's",
        evidence=(packet(sender, router, more=f"to {sender.said.destination}"), said),
        remedy=f"unicast_peer on all nodes or on none in {config_of(picture)}; try it: keepalived -t",
    )


def _conf(picture: ClusterPicture, node: str, instance: str) -> ConfInstance | None:
    config = picture.node(node).config
    return None if config is None else next((i for i in vrrp_instances(config.conf) if i.name == instance), None)


def equal_priorities(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """The master's priority is a peer's too.

    Means: the higher address decides, and both become master for a moment.
    Can be wrong: the peer's base priority is from its daemon's last dump, or its file.
    """
    for sender, node, instance in pairs(router):
        own = router.instance(sender.node)
        base = None if own is None else own.priority
        if base is None or instance.priority != base or sender.said.priority != base or base == OWNER:
            continue  # of two owners `wire-two-owners` tells
        yield Finding(
            id="wire-equal-priorities",
            severity=Severity.WARNING,
            instance=router.name,
            summary=f"{source_text(sender)} advertises {router.vrid} with priority {base}, which {node.name} has too",
            evidence=(packet(sender, router), _setting(picture, node.name, f"{instance.name}: priority {base}")),
            remedy=f"different priorities in {config_of(picture)}; reload the backup first",
        )
        return


def checksum(picture: ClusterPicture, router: OwnRouter, sender: WireSender) -> Iterator[Finding]:
    """Adverts with a checksum that a receiver refuses.

    Means: they are discarded, as if the sender were silent. `ok-message-only` and `ok-old-unicast` are
    right by another rule than keepalived's usual one.
    Can be wrong: a peer set to the same rule takes them.
    """
    verdict = sender.said.checksum
    if verdict in {Checksum.OK, Checksum.UNKNOWN}:
        return
    rule = {
        Checksum.BAD: "a wrong checksum",
        Checksum.OK_MESSAGE_ONLY: "a checksum without pseudo-header (v3_checksum_as_v2)",
        Checksum.OK_OLD_UNICAST: "a checksum as keepalived up to 1.3.6 makes it for unicast",
    }[verdict]
    yield Finding(
        id="wire-checksum",
        severity=Severity.WARNING if verdict is Checksum.BAD else Severity.INFO,
        node=sender.node,
        instance=router.name,
        summary=f"adverts of {source_text(sender)} for {router.vrid} have {rule}: receivers may discard them",
        evidence=(packet(sender, router, more=f"checksum {verdict.value}"),),
        remedy="same keepalived release on all nodes; else v3_checksum_as_v2 or old_unicast_checksum on all of them",
    )


def hop_limit(picture: ClusterPicture, router: OwnRouter, sender: WireSender) -> Iterator[Finding]:
    """A multicast advert whose TTL (hop limit) is not 255.

    Means: it was forwarded, or made by something that is no VRRP router; receivers discard it.
    Can be wrong: never; unicast ones, which may be routed, are not judged.
    """
    ttl = sender.said.hop_limit
    if ttl == 255 or not usual(sender.said):
        return
    yield Finding(
        id="wire-ttl",
        severity=Severity.WARNING,
        node=sender.node,
        instance=router.name,
        summary=f"adverts of {source_text(sender)} for {router.vrid} arrive with TTL {ttl} instead of 255: "
        "they are discarded",
        evidence=(packet(sender, router, more=f"TTL {ttl}, MAC address {sender.said.mac or 'not known'}"),),
        remedy=f"find who forwards or forges them, by the MAC address {sender.said.mac or 'of the packets'}",
    )


def reflected(router: OwnRouter, sender: WireSender) -> Iterator[Finding]:
    """A node's own adverts come back to it.

    Means: same MAC address: a loop (switch, bond, bridge) reflects them; another one: a second host uses the
    node's address.
    Can be wrong: a node that must answer every advert of another sends twice too; then there are two masters.
    """
    own = None if sender.node is None else sender.by.get(sender.node)
    if own is None or router.at_once():
        return
    apart = own.gaps - own.close
    twice = own.gaps >= ECHO_GAPS and own.close >= ECHO_SHARE * own.gaps and 2 * apart >= ECHO_SHARE * own.gaps
    other = own.mac_changes >= ECHO_GAPS and own.former_mac is not None and own.former_mac != own.mac
    if not twice and not other:
        return
    what = (
        f"a second host sends with its address ({own.mac} and {own.former_mac})"
        if other
        else "each comes back to it: something reflects them"
    )
    yield Finding(
        id="wire-own-advert",
        severity=Severity.WARNING,
        node=sender.node,
        instance=router.name,
        summary=f"adverts of {source_text(sender)} for {router.vrid}: {what}",
        evidence=(
            packet(sender, router, more=f"{own.close} of {own.gaps} gaps are next to nothing", place=sender.node),
        ),
        remedy="find the loop: bond and bridge settings of the node, port channel of the switch"
        if not other
        else f"find the host with the MAC address {own.former_mac} or {own.mac} that is not {sender.node}",
    )


def jitter(picture: ClusterPicture, router: OwnRouter, sender: WireSender) -> Iterator[Finding]:
    """The master's adverts come late, and every place that listens says so.

    Means: its host is starved or the link is lossy: an early warning of a needless take-over.
    Can be wrong: of a sender heard at one place alone, losses on the way look the same.
    """
    heard = [s for p, s in sender.by.items() if picture.wire.place(p) is not None]
    if not heard or any(s.gaps < GAPS_ENOUGH or s.longest_gap_s is None for s in heard):
        return
    late = min(s.late for s in heard)
    longest = min(s.longest_gap_s or 0.0 for s in heard)
    said = sender.said.interval_s
    if late <= max(1.0, LATE_SHARE * heard[0].gaps) and not (late and longest > LATE_GAP * said):
        return
    yield Finding(
        id="wire-jitter",
        severity=Severity.WARNING,
        node=sender.node,
        instance=router.name,
        summary=f"adverts of {source_text(sender)} for {router.vrid} come late: {late} of the last {heard[0].gaps}, "
        f"the longest after {longest:.1f} s instead of {said:g} s",
        evidence=(packet(sender, router, more=f"longest gap {longest:.1f} s, heard by {listed(sender.by)}"),),
        remedy=f"look at load and steal time of {sender.name} and at errors of its link (ip -s link); "
        "a longer advert_int bridges short silences",
    )
