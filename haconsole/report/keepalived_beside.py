"""What belongs beside keepalived.conf: lines for the firewall, and for squid. Pure.

Firewall: keepalived(8); nft(8), iptables(8), firewall-cmd(1). squid: the article; ip-sysctl on `ip_nonlocal_bind`.
"""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.model.spec import NodeSpec
from haconsole.report.keepalived_addresses import network_of, source_address, squid_bound
from haconsole.report.keepalived_values import Plan, PlanError


def firewall(plan: Plan, node: NodeSpec) -> Iterator[str]:
    """What lets VRRP (IP protocol 112) and clients in, for nftables, iptables and firewalld: lines to choose from."""
    links = list(dict.fromkeys(i.interfaces[node.name] for i in plan.instances))
    port = plan.cluster.squid_port
    families = sorted({i.family for i in plan.instances})
    yield "Firewall: VRRP (protocol 112) from the peers, and clients to squid. One of these, as your system has it;"
    yield "where output is filtered too, the same for what goes out."
    for link in links:
        for family in families:
            peers = ", ".join(_peers(plan, node, link, family))
            tool, ip = ("iptables", "ip") if family == 4 else ("ip6tables", "ip6")
            group = "224.0.0.18" if family == 4 else "ff02::12"
            source = f"{ip} saddr {{ {peers} }} " if peers else ""
            yield f'  nft add rule inet filter input iifname "{link}" {source}meta l4proto 112 accept'
            to = "" if plan.unicast else f" -d {group}"
            for peer in _peers(plan, node, link, family) or [""]:
                yield f"  {tool} -I INPUT -i {link} {f'-s {peer} ' if peer else ''}-p 112{to} -j ACCEPT"
    yield f'  nft add rule inet filter input iifname "{node.lan_interface}" tcp dport {port} accept'
    for tool in ("iptables", "ip6tables")[: len(families)] if 4 in families else ("ip6tables",):
        yield f"  {tool} -I INPUT -i {node.lan_interface} -p tcp --dport {port} -j ACCEPT"
    yield f"  firewall-cmd --permanent --add-protocol=vrrp && firewall-cmd --permanent --add-port={port}/tcp"
    yield "  firewall-cmd --reload"


def _peers(plan: Plan, node: NodeSpec, link: str, family: int) -> list[str]:
    """Where the others' adverts come from, as far as it is known; link-local ones are not named: they change."""
    instance = next((i for i in plan.instances if i.interfaces[node.name] == link and i.family == family), None)
    if instance is None or (family == 6 and not plan.unicast):
        return []
    try:
        return [str(source_address(plan, instance, n)) for n in plan.cluster.nodes if n.name != node.name]
    except PlanError:
        return []


def squid(plan: Plan, node: NodeSpec) -> Iterator[str]:
    """What squid and the kernel need so that a VIP that arrives is served."""
    port, fact = plan.cluster.squid_port, plan.facts[node.name]
    match squid_bound(fact):
        case None:
            yield "squid was not seen listening. A VIP that arrives is served at once if squid takes all addresses:"
        case False:
            yield "squid takes a VIP that arrives at once: it takes all addresses, or may bind them beforehand:"
        case True:
            yield "squid listens on particular addresses and does not notice a VIP that arrives. In squid.conf, best:"
    yield f"  http_port {port}"
    yield "or, where it must listen on particular addresses, let it bind those that are not there yet:"
    yield "  sysctl -w net.ipv4.ip_nonlocal_bind=1      (and in /etc/sysctl.d/)"
    network = network_of(plan, node)
    if network is not None:
        yield f"Clients need `acl lan src {network}` and `http_access allow lan` there, on all nodes alike."
