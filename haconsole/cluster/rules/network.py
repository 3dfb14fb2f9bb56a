"""Findings about what a kernel does with packets for VIPs: path filters, ARP, IPv6."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface
from itertools import combinations
from shlex import quote
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import (
    NO_ANSWER_TO_SYN,
    by_client,
    by_host,
    by_kernel,
    link_trouble,
    listed,
    present,
)
from haconsole.model.findings import Finding, Severity
from haconsole.model.readings import Address
from haconsole.parse.keepalived_conf import vrrp_instances

ONE_HOST: Final = 31
"""Networks of this length and longer have no neighbours that could meet two links of a node."""

_SHOWN: Final = 5


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for vip in picture.vips:
        yield from path_filtered(picture, vip)
        for node in picture.nodes:
            yield from source_route_left(picture, node, vip)
    for node in picture.nodes:
        yield from arp_flux(picture, node)
        yield from duplicate(picture, node)
        yield from link_local_missing(node)


def path_filtered(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """Clients of the VIP are not answered at all, and its holder's kernel drops packets for the way they came
    (reverse path filter).

    Means: the answer to the client would leave by another interface than its packets come in by, and `rp_filter` is
    strict there: the kernel drops what clients send before anybody sees it.
    Proof: the counter IPReversePathFilter grew while a client that dials the VIP got no answer, between two readings
    that both came after it failed (or it failed before the console began); the setting.
    Can be wrong: the packets that were dropped may be others'.
    """
    if (
        vip.holders is None
        or len(vip.holders) != 1
        or vip.client is None
        or vip.client.result.error != NO_ANSWER_TO_SYN
    ):
        return
    node = picture.node(vip.holders[0])
    host, dropped = node.host, node.path_dropped
    held = next((a for a in (node.kernel.addresses if node.kernel else ()) if a.address.ip == vip.address), None)
    if host is None or dropped is None or dropped[0] < 1 or held is None or vip.address.version != 4:
        return
    began = vip.failed_since
    count, seconds = dropped
    if began is None or node.host_at is None or held.interface not in (host.strict_path or ()):
        return
    served = any(s is not None for s in vip.latencies_s)  # among the last probes
    if served and began > node.host_at - seconds:
        return  # they may have been dropped before it failed
    link = quote(held.interface)
    yield Finding(
        id="rp-filter-drops",
        severity=Severity.WARNING,
        node=node.name,
        vip=vip.address,
        summary=f"{node.name} drops what clients send to {vip.address}: its answers would not leave by "
        f"{held.interface}, and rp_filter is strict there",
        evidence=present(
            by_host(
                node,
                f"TcpExt IPReversePathFilter: {count} packets dropped within {seconds:.0f} s; rp_filter 1 on "
                f"{held.interface}",
            ),
            by_client(vip),
        ),
        remedy=f"on {node.name}: ip route get CLIENT from {vip.address}; ip rule; either mend the route, or "
        f"sysctl net.ipv4.conf.{link}.rp_filter=2 (and in /etc/sysctl.d)",
    )


def source_route_left(picture: ClusterPicture, node: NodePicture, vip: VipPicture) -> Iterator[Finding]:
    """The node sends from a VIP that it does not have: a route outside of the main table says so.

    Means: answers to what it sends there reach the VIP's holder, which resets or drops them. With an address the
    kernel takes its routes out of the main table, and leaves those of other tables (IPv4; run on Linux 6.18).
    Proof: the route, a rule that looks its table up for packets without a source, and the addresses: both were read
    after the holders had changed for the last time.
    Can be wrong: nothing may be sent to where the route leads.
    """
    host, since = node.host, vip.since
    if node.holds(vip.address) is not False or host is None or not vip.settled:
        return
    if since is not None and (node.host_at is None or node.host_at < since + picture.policy.settle_s):
        return  # keepalived takes its own routes away a moment after the address
    left = [r for r in host.source_routes or () if r.source == vip.address]
    if not left:
        return
    holder = f", which {listed(vip.holders)} has" if vip.holders else ""
    there = listed(dict.fromkeys(r.route.split()[0] for r in left))
    yield Finding(
        id="source-route-left",
        severity=Severity.WARNING,
        node=node.name,
        vip=vip.address,
        summary=f"{node.name} sends from {vip.address}{holder}, to {there}: no answer comes back",
        evidence=(
            *(by_host(node, f"route {r.route}; rule {r.rule}") for r in left[:_SHOWN]),
            by_kernel(node, f"{vip.address} is not there"),
        ),
        remedy=f"on {node.name}: ip route del {left[0].route}; let keepalived add and remove it with the VIP "
        "(virtual_routes)",
    )


def arp_flux(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """Two links of the node are in the VIP's network, and both answer ARP for every address.

    Means: neighbours may learn the MAC of the other link for the VIP; it fails with that link.
    Proof: addresses, links, `arp_ignore`, `arp_filter`; a link whose path filter is strict drops what asks it.
    Can be wrong: the two may lead to different segments that only use the same numbers.
    """
    if node.kernel is None or node.host is None or node.host.answers_for_others is None:
        return
    vips = {v.address for v in picture.vips} | node.managed.keys()
    links = {i.interface for i in node.instances or () if i.interface is not None}
    own = [
        a
        for a in node.kernel.addresses
        if isinstance(a.address, IPv4Interface)
        and a.address.ip not in vips
        and a.address.network.prefixlen < ONE_HOST
        and a.interface in node.host.answers_for_others
        and link_trouble(node, a.interface) is None
        and a.interface != "lo"
    ]
    found: dict[tuple[str, str, str], tuple[Address, Address]] = {}
    for one, other in combinations(own, 2):
        if one.interface == other.interface or one.address.network != other.address.network:
            continue
        used, second = (one, other) if one.interface in links else (other, one)
        served = [v for v in node.managed if v in used.address.network]
        if used.interface not in links or not served or second.interface in (node.host.strict_path or ()):
            continue
        told = (
            f"{used.interface} and {second.interface} are both in {used.address.network}, and either answers for "
            f"{listed(sorted(map(str, served)))}"
        )
        found.setdefault((used.interface, second.interface, told), (used, second))
    if not found:
        return
    yield Finding(
        id="arp-flux",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: {'; '.join(t for _, _, t in found)}: neighbours may send to the wrong one",
        evidence=(
            *(by_kernel(node, _shown(a)) for a in dict.fromkeys(a for pair in found.values() for a in pair)),
            *(by_host(node, f"arp_ignore is 0 on {u} and {s}") for u, s, _ in found),
        ),
        remedy=f"on {node.name}: one of them without an address in that network, or sysctl "
        "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 (and in /etc/sysctl.d)",
    )


def _shown(address: Address) -> str:
    return f"{address.address} on {address.interface}"


def duplicate(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """An IPv6 address that the cluster needs failed the detection of duplicates.

    Means: another host answered for it when the kernel asked; it does not use it.
    Proof: the flag `dadfailed` (ip-address(8), RFC 4862).
    Can be wrong: never; the other host may be gone since, and the kernel does not ask again by itself.
    """
    needed = {node.spec.lan_interface, node.spec.public_interface, *(i.interface for i in node.instances or ())}
    vips = {v.address for v in picture.vips} | node.managed.keys()
    found = [
        a
        for a in (node.kernel.addresses if node.kernel else ())
        if a.dad_failed and (a.interface in needed or a.address.ip in vips)
    ]
    if not found:
        return
    first = found[0]
    yield Finding(
        id="ipv6-address-duplicate",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name} does not use {listed(a.address.ip for a in found)}: another host has the address",
        evidence=tuple(by_kernel(node, f"{_shown(a)} dadfailed") for a in found),
        remedy=f"find the other host: ip -6 neigh show {first.address.ip}; then on {node.name}: ip -6 addr del "
        f"{first.address} dev {quote(first.interface)} and add it again",
    )


def link_local_missing(node: NodePicture) -> Iterator[Finding]:
    """An IPv6 instance whose interface has no link-local address.

    Means: adverts are sent from it (RFC 9568, section 5.1.2.2): the instance is FAULT, or silent.
    Proof: the kernel's addresses, and the interface works.
    Can be wrong: an instance that sends from an address of its own (`unicast_src_ip`) is not judged.
    """
    if node.kernel is None:
        return
    conf = {c.name: c for c in vrrp_instances(node.config.conf)} if node.config is not None else {}
    mute: dict[str, list[str]] = {}
    for instance in node.instances or ():
        link = instance.interface
        configured = conf.get(instance.name)
        six = bool(instance.vips) and all(v.version == 6 for v in instance.vips)
        if not six or link is None or configured is None or configured.source_address is not None:
            continue
        if configured.interface != link:
            continue  # a virtual MAC: keepalived makes that link, and its addresses, itself
        own = [a for a in node.addresses_of(link) if a.address.version == 6 and a.scope == "link"]
        real = [a for a in own if a.address.ip not in node.managed]
        if not real and link in node.kernel.links and link_trouble(node, link) is None:
            mute.setdefault(link, []).append(instance.name)
    if not mute:
        return
    several = "; ".join(
        f"{link} has no link-local IPv6 address, so {listed(names)} cannot send adverts" for link, names in mute.items()
    )
    settings = [f"net.ipv6.conf.{quote(link)}" for link in mute]
    yield Finding(
        id="ipv6-link-local-missing",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: {several}",
        evidence=tuple(by_kernel(node, f"no address of scope link on {link}, which is up") for link in mute),
        remedy=f"on {node.name}: sysctl {' '.join(f'{s}.disable_ipv6' for s in settings)} (0 is needed) and "
        f"{' '.join(f'{s}.addr_gen_mode' for s in settings)}; switching the link off and on makes the address anew: "
        "VIPs on it move",
    )
