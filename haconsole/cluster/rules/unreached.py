"""Findings about packets of clients that squid never sees, though everything on the VIP's holder is well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import (
    LASTING_S,
    NO_ANSWER_TO_SYN,
    address_on,
    by_client,
    by_host,
    by_kernel,
    by_squid,
    covers,
    present,
)
from haconsole.cluster.rules.wire_common import own_routers, packet
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import Address

VIRTUAL_MAC: Final = re.compile(r"00:00:5e:00:0[12]:[0-9a-f]{2}")
"""A virtual router's own (RFC 9568, section 7.3): keepalived's `use_vmac`."""
_SYN_AGO_S: Final = (2.0, 1.0)
"""A client that got no answer at all sent its SYNs so long before it gave up (`io.probe`; RFC 6298)."""
_ON_ITS_WAY_S: Final = 0.1


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for vip in picture.vips:
        node = _holder(picture, vip)
        address = None if node is None else address_on(node, vip)
        if node is None or address is None:
            continue
        virtual = tuple(virtual_mac(picture, vip, node, address))
        yield from virtual or unreached(picture, vip, node, address)


def _holder(picture: ClusterPicture, vip: VipPicture) -> NodePicture | None:
    """The one node that has the address while clients get no answer at all."""
    lost = vip.client is not None and vip.client.result.error == NO_ANSWER_TO_SYN
    if not lost or not vip.settled or vip.holders is None or len(vip.holders) != 1:
        return None
    return picture.node(vip.holders[0])


def _mac_of(node: NodePicture, interface: str) -> str | None:
    """The virtual MAC address of an interface; None: it has none, or another one."""
    link = None if node.kernel is None else node.kernel.links.get(interface)
    mac = None if link is None else link.mac
    return mac if mac is not None and VIRTUAL_MAC.fullmatch(mac) else None


def _failed_before(vip: VipPicture, at: float | None) -> bool:
    """It failed already at that time, or was never served while this console looked."""
    served = any(s is not None for s in vip.latencies_s)
    return at is not None and vip.failed_since is not None and (not served or vip.failed_since <= at)


def _adverts(picture: ClusterPicture, vip: VipPicture, node: NodePicture) -> Evidence | None:
    """Another node hears what the holder sends: the way between them is there."""
    for router in own_routers(picture):
        if router.key != (vip.vrid, vip.address.version):
            continue
        for sender in router.speaking():
            others = [p for p in sender.by if p != node.name]
            if sender.node == node.name and others:
                return packet(sender, router, place=others[0])
    return None


def virtual_mac(picture: ClusterPicture, vip: VipPicture, node: NodePicture, address: Address) -> Iterator[Finding]:
    """Frames for a virtual MAC address (`use_vmac`) do not come in where it is.

    Means: the switch of a hypervisor, or its port, takes frames only for the address that it gave the machine
    (promiscuous mode refused, port security): adverts, which go to a group, arrive all the same.
    Proof: the VIP's interface has a virtual router's MAC address, and while a client dialled the VIP and got no answer
    not one frame came in for it, by the kernel's own count. Without that count it is unknown.
    Can be wrong: the way from the client may be cut for other reasons, where no other node hears the holder.
    """
    mac = _mac_of(node, address.interface)
    if mac is None or vip.client is None:
        return
    counted = node.host is not None and address.interface in (node.host.virtual_frames or {})
    count = node.virtual_came.get(address.interface)
    since, until = node.host_before_at, node.host_at
    if counted:
        if count is None or count > 0 or since is None or until is None or not _failed_before(vip, since):
            return
        syns = (at - ago for at in vip.failed_at for ago in _SYN_AGO_S)
        if not any(since < at < until - _ON_ITS_WAY_S for at in syns):
            return  # nobody dialled meanwhile
    elif vip.failed_since is None or vip.client.at - vip.failed_since < LASTING_S:
        return  # a hand-over may be the cause
    heard = _adverts(picture, vip, node)
    link = quote(address.interface)
    told = (
        by_host(node, f"{address.interface}: no frame for {mac} came in within {(until or 0) - (since or 0):.1f} s")
        if counted
        else Evidence(source=f"kernel on {node.name}", text=f"frames that come in for {mac}: not told", at=None)
    )
    yield Finding(
        id="virtual-mac-unreached",
        severity=Severity.WARNING,
        unknown=not counted,
        node=node.name,
        vip=vip.address,
        summary=f"frames for {mac}, the virtual MAC address of {vip.address}, do not reach {node.name}"
        + (": the switch or the hypervisor does not pass them on" if heard is not None else "")
        if counted
        else f"{vip.address} has the virtual MAC address {mac} on {node.name}, and whether frames for it get there is "
        "not known",
        evidence=present(
            told, by_kernel(node, f"{address.address} is on {address.interface}, {mac}"), heard, by_client(vip)
        ),
        remedy=f"on {node.name}, while a client tries: tcpdump -c 3 -nnei {link} ether dst {mac}; if nothing comes: "
        "let the hypervisor's port accept it (promiscuous mode, MAC address changes, forged transmits), or take "
        f"use_vmac out of {picture.spec.keepalived_config} on all nodes",
    )


def unreached(picture: ClusterPicture, vip: VipPicture, node: NodePicture, address: Address) -> Iterator[Finding]:
    """Clients' packets, or the answers to them, are lost between the client and squid; where, nobody here can see.

    Means: the network does not bring them (port security or a cloud that does not know the address, an old ARP entry on
    the way), or a rule of the holder's own firewall drops them.
    Proof: the holder's squid listens on the VIP and answered its cache manager since the VIP failed, and its path
    filter dropped nothing; so it is neither squid nor the kernel's routes. The missing witness is what arrives at the
    holder.
    Can be wrong: the way from this console alone may be cut.
    """
    client, squid, dropped = vip.client, node.squid, node.path_dropped
    began = vip.failed_since
    if client is None or began is None or client.at - began < LASTING_S or squid is None or squid.listening is None:
        return
    answered = node.counters_at is not None and node.counters_at > began
    listens = node.squid_at is not None and node.squid_at > began and covers(squid.listening, vip.address)
    if not answered or not listens or not _failed_before(vip, node.host_before_at):
        return
    if dropped is not None and dropped[0] > 0:
        return  # that may be it: `rp-filter-drops`
    if _mac_of(node, address.interface) is not None and node.virtual_came.get(address.interface) is None:
        return  # not counted twice yet
    link = quote(address.interface)
    seen = f"'host {vip.address} and tcp port {picture.spec.squid_port}'"
    yield Finding(
        id="vip-unreached",
        severity=Severity.WARNING,
        unknown=True,
        node=node.name,
        vip=vip.address,
        summary=f"packets to {vip.address}, or its answers, are lost between clients and squid on {node.name}, which "
        "is well; where is not known: nobody watches them arrive",
        evidence=present(
            by_client(vip),
            by_squid(node, f"listens on {', '.join(x.text for x in squid.listening)}"),
            Evidence(source=f"squid on {node.name}", text="its cache manager answers", at=node.counters_at),
            None if dropped is None else by_host(node, "the reverse path filter dropped nothing meanwhile"),
        ),
        remedy=f"on {node.name}, while a client tries: tcpdump -c 5 -nni {link} {seen}. Nothing comes: the network "
        f"does not bring them: clients' ARP entries (ip neigh show {vip.address}), port security, a cloud's list of "
        "allowed addresses. They come: nft list ruleset, iptables -S: what drops them?",
        since=began,
    )
