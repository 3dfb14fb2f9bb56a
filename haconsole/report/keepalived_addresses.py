"""Addresses that the recommended configuration needs: where adverts come from, squid's sockets, the LAN. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from haconsole.model.readings import IpInterface
from haconsole.model.spec import IpAddress, NodeSpec
from haconsole.report.keepalived_values import NodeFacts, Plan, PlanError, PlannedInstance


def source_address(plan: Plan, instance: PlannedInstance, node: NodeSpec) -> IpAddress:
    """Where `node` sends its adverts from. Raises: PlanError: nobody told it."""
    running = instance.running.get(node.name)
    if running is not None and running.unicast and running.source_address is not None:
        return running.source_address
    kernel = plan.facts[node.name].kernel
    own = [] if kernel is None else [a for a in kernel.addresses if a.interface == instance.interfaces[node.name]]
    fits = [a.address for a in own if a.address.version == instance.family and a.address.ip not in plan.vips]
    best = sorted(fits, key=_unfit)
    if best:
        return best[0].ip
    for text in (node.known_as, node.address):
        told = _literal(text)
        if told is not None and told.version == instance.family:
            return told
    text = f"{node.name}: its IPv{instance.family} address on {instance.interfaces[node.name]} is not known"
    raise PlanError(f"{text}: unicast needs it; render without --offline, or without --unicast")


def _unfit(address: IpInterface) -> tuple[bool, bool]:
    """Global addresses first; a host address is rather one that moves."""
    return address.ip.is_link_local, address.network.prefixlen == address.max_prefixlen


def _literal(text: str) -> IpAddress | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(found, IPv6Address) and found.scope_id else found


def squid_bound(facts: NodeFacts) -> bool | None:
    """True: squid listens on particular addresses only and may not bind one that the node does not have yet.

    None: not read, or nobody listens.
    """
    if not facts.listening:
        return None
    return not facts.nonlocal_bind and not any(x.address is None for x in facts.listening)


def network_of(plan: Plan, node: NodeSpec) -> str | None:
    """The IPv4 network on `node`'s LAN interface, for firewall lines; None: not read."""
    kernel = plan.facts[node.name].kernel
    for each in kernel.addresses if kernel is not None else ():
        if each.interface == node.lan_interface and each.address.version == 4 and each.address.ip not in plan.vips:
            return str(each.address.network)
    return None
