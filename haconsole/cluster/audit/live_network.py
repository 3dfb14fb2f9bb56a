"""Firewalls, and the DNS name against the VIPs. Pure. (Article, rules 4 and 5.)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address

from haconsole.cluster.audit.firewall import Advert, Passage, passage
from haconsole.cluster.audit.live import LONG_TTL_S, Known, told
from haconsole.cluster.audit.values import AuditEvidence, AuditFinding
from haconsole.cluster.audit.view import Inst, View
from haconsole.cluster.picture import NodePicture
from haconsole.cluster.rules.common import listed, span
from haconsole.model.findings import Severity
from haconsole.model.spec import IpAddress

GROUPS = {4: ip_address("224.0.0.18"), 6: ip_address("ff02::12")}


def rules(known: Known, views: Sequence[View]) -> Iterator[AuditFinding]:
    """Every finding of the family."""
    by = {v.file.node: v for v in views}
    for node in known.picture.nodes:
        view = by.get(node.name)
        if view is not None:
            yield from firewall(known, node, view)
    yield from dns(known)


# --- firewall ---------------------------------------------------------------------------------


def firewall(known: Known, node: NodePicture, view: View) -> Iterator[AuditFinding]:
    """Adverts of the other nodes that would be dropped on their way in, and the node's own on their way out.

    Proof: every chain that such packets pass, read just now. One finding a direction for all instances.
    """
    asked = known.asked.get(node.name)
    if asked is None or asked.firewalls is None:
        return
    for outgoing in (False, True):
        dropped: dict[str, list[str]] = {}
        unsure: dict[str, list[str]] = {}
        for inst in view.instances:
            for advert in _adverts(known, node, inst, outgoing=outgoing):
                found: Passage = passage(asked.firewalls, advert)
                if found.accepted is not True:
                    where = dropped if found.accepted is False else unsure
                    way = f"to {advert.destination}" if outgoing else f"from {advert.source}"
                    where.setdefault(found.by, []).append(f"{inst.name} {way}")
        if dropped:
            yield _dropped(node, view, dropped, asked.at, outgoing=outgoing)
        elif unsure:
            yield AuditFinding(
                id="not-checked",
                severity=Severity.WARNING,
                summary=f"{node.name}: whether the firewall lets VRRP {'out' if outgoing else 'in'} depends on a rule "
                "that haconsole cannot judge",
                evidence=tuple(told(node, "firewall", by, asked.at) for by in unsure),
                remedy=f"on {node.name}: iptables-save; nft list ruleset: is protocol vrrp (112) accepted before it?",
                node=node.name,
                unknown=True,
            )


def _dropped(
    node: NodePicture, view: View, by: Mapping[str, Sequence[str]], at: float | None, *, outgoing: bool
) -> AuditFinding:
    """by: rule or policy -> the instances' adverts that it drops."""
    interface = view.instances[0].conf.interface or "eth0"
    if outgoing:
        what = "does not let its adverts out"
        then = "the others do not hear it as the master and become one themselves"
        line = (
            f"iptables -I OUTPUT -o {interface} -p vrrp -j ACCEPT (nft, in the output chain: ip protocol vrrp accept)"
        )
    else:
        what, then = "does not let VRRP in", "the node does not hear the master and becomes one itself"
        line = (
            f"iptables -I INPUT -i {interface} -p vrrp -j ACCEPT (nft: ip protocol vrrp accept; firewalld: "
            "firewall-cmd --permanent --add-rich-rule='rule protocol value=\"vrrp\" accept')"
        )
    return AuditFinding(
        id="firewall-blocks-vrrp",
        severity=Severity.CRITICAL,
        summary=f"the firewall of {node.name} {what}: {next(iter(by))}: {then}",
        evidence=tuple(
            told(node, "firewall", f"{rule} (for {listed(dict.fromkeys(which))})", at) for rule, which in by.items()
        ),
        remedy=f"on {node.name}, before that rule: {line}",
        node=node.name,
    )


def _adverts(known: Known, node: NodePicture, inst: Inst, *, outgoing: bool) -> Iterator[Advert]:
    """From every other node, or to it, as far as addresses are known."""
    interface = inst.conf.interface
    if interface is None:
        return
    own = inst.conf.source_address or _source(node, inst)
    for other in known.picture.nodes:
        theirs = None if other is node else _source(other, inst)
        source, target = (own, theirs) if outgoing else (theirs, own)
        if other is node or source is None:
            continue
        if inst.conf.unicast and target is None and outgoing:
            continue
        to = target if inst.conf.unicast and target is not None else GROUPS[source.version]
        yield Advert(source=source, destination=to, interface=interface, outgoing=outgoing)


def _source(node: NodePicture, inst: Inst) -> IpAddress | None:
    """What the node sends from, by its daemon's word, else where one logs in."""
    for each in node.instances or ():
        if each.name == inst.name and each.source_address is not None:
            return each.source_address
    try:
        found = ip_address(node.spec.known_as)
    except ValueError:
        return None
    return found if found.version == inst.family else None


# --- DNS ----------------------------------------------------------------------------------------


def dns(known: Known) -> Iterator[AuditFinding]:
    """The name resolves to exactly the VIPs, so that clients share both proxies and meet no other address."""
    answer = known.dns
    if answer is None:
        return
    vips = {v.address for v in known.picture.vips}
    if answer.addresses is None and not answer.missing:
        yield AuditFinding(
            id="not-checked",
            severity=Severity.WARNING,
            summary=f"the DNS name {answer.name} could not be looked up: {answer.error or 'no answer'}",
            evidence=(_said(answer.error or "no answer"),),
            remedy=f"from here: dig {answer.name}",
            unknown=True,
        )
        return
    found = answer.addresses or frozenset()
    missing, extra = sorted(vips - found, key=str), sorted(found - vips, key=str)
    text = f"{answer.name}: {listed(sorted(map(str, found))) or 'no address'}" + (
        "" if answer.ttl_s is None else f", TTL {answer.ttl_s} s"
    )
    if (missing or extra) and vips:
        parts = [
            *([f"lacks {listed(missing)}: nobody is sent there"] if missing else []),
            *([f"has {listed(extra)}, which is no VIP: clients sent there have no failover"] if extra else []),
        ]
        yield AuditFinding(
            id="dns-differs",
            severity=Severity.CRITICAL,
            summary=f"the DNS name {answer.name} does not resolve to exactly the VIPs: it {' and '.join(parts)}",
            evidence=(_said(text),),
            remedy=f"in the zone: {answer.name} with the addresses {listed(sorted(map(str, vips)))} and no other",
        )
    if answer.ttl_s is not None and answer.ttl_s > LONG_TTL_S:
        yield AuditFinding(
            id="dns-ttl-long",
            severity=Severity.WARNING,
            summary=f"the DNS name {answer.name} has a TTL of {span(answer.ttl_s)}: an address that is taken out of it "
            "stays in use that long",
            evidence=(_said(text),),
            remedy=f"in the zone: {answer.name} 300 IN A ...",
        )


def _said(text: str) -> AuditEvidence:
    return AuditEvidence(source="name service", text=text)
