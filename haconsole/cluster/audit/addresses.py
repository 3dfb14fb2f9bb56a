"""VIPs: nobody's real address, in one virtual router only. Pure. (Article, rules 2 and 3.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from haconsole.cluster.audit.values import AuditEvidence, AuditFinding
from haconsole.cluster.audit.view import Inst, View, subject
from haconsole.cluster.rules.common import listed
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import ConfAddress
from haconsole.model.spec import IpAddress


def across(views: Sequence[View]) -> Iterator[AuditFinding]:
    """Of all files together."""
    yield from real_addresses(views)
    yield from several_routers(views)


def real_addresses(views: Sequence[View]) -> Iterator[AuditFinding]:
    """A VIP that is a node's own address: after a failover and failback that node is cut off (article, rule 2).

    Own addresses are those that adverts are sent from or to (`unicast_src_ip`, `mcast_src_ip`, `unicast_peer`), and
    on a cluster where one logs in and what keepalived sends from.
    """
    own = dict[IpAddress, tuple[str, Inst | None]]()
    for view in views:
        for address in view.file.own_addresses:
            own.setdefault(address, (f"{view.name}'s own address", None))
        for inst in view.instances:
            if inst.conf.source_address is not None:
                own.setdefault(inst.conf.source_address, (f"the address that {view.name} sends adverts from", inst))
            for peer in inst.conf.unicast_peers:
                own.setdefault(peer, (f"an address that {view.name} sends adverts to", inst))
    for view in views:
        for inst in view.instances:
            for entry in inst.conf.addresses:
                found = own.get(entry.address.ip)
                if found is not None:
                    yield _real(inst, entry, *found)


def _real(inst: Inst, entry: ConfAddress, what: str, witness: Inst | None) -> AuditFinding:
    said = () if witness is None else witness.said("unicast_src_ip", "mcast_src_ip", "unicast_peer")
    return AuditFinding(
        id="vip-is-real-address",
        severity=Severity.CRITICAL,
        summary=f"{subject(inst)}: the VIP {entry.address.ip} is {what}: after a failover and back that server is cut "
        "off the network",
        evidence=(*_lines(inst, entry.address.ip), *said),
        remedy=inst.view.write(entry.place, "another address, which no host has; change the DNS name to it"),
        place=entry.place,
        node=inst.view.file.node,
        instance=inst.name,
    )


def several_routers(views: Sequence[View]) -> Iterator[AuditFinding]:
    """A VIP in two instances of one file, or under another VRID on another node.

    Where the nodes' instances of one name differ in their VRID, `vrid-differs` tells it.
    """
    first: dict[IpAddress, Inst] = {}
    told: set[tuple[IpAddress, str]] = set()
    for view in views:
        for inst in view.instances:
            for entry in inst.conf.addresses:
                ip = entry.address.ip
                other = first.setdefault(ip, inst)
                same_file = other.view is view
                if other is inst or (not same_file and (other.key == inst.key or other.name == inst.name)):
                    continue
                if inst.key is None or other.key is None or (ip, inst.name) in told:
                    continue
                told.add((ip, inst.name))
                yield AuditFinding(
                    id="vip-in-two-routers",
                    severity=Severity.CRITICAL,
                    summary=f"the VIP {ip} is in {subject(other)} (VRID {other.conf.vrid}) and in {subject(inst)} "
                    f"(VRID {inst.conf.vrid}): both may be master of it, and two nodes have the address",
                    evidence=(*_lines(other, ip), *_lines(inst, ip)),
                    remedy=f"{inst.view.where(entry.place)}: remove {ip} here, or there: {_where(other, ip)}",
                    place=entry.place,
                    node=view.file.node,
                    instance=inst.name,
                )


def _where(inst: Inst, ip: IpAddress) -> str:
    return next((inst.view.where(a.place) for a in inst.conf.addresses if a.address.ip == ip), str(inst.block.place))


def _lines(inst: Inst, ip: IpAddress) -> tuple[AuditEvidence, ...]:
    """The lines with this address."""
    return tuple(
        inst.view.said(e, inst.name)
        for keyword in ("virtual_ipaddress", "virtual_ipaddress_excluded")
        for block in inst.block.children(keyword)
        for e in block.block or ()
        if any(a.place == e.place and a.address.ip == ip for a in inst.conf.addresses)
        and e.keyword.partition("/")[0] == str(ip)
    )


def same_list(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """The VIPs of one virtual router, equal on all nodes (article, rule 3)."""
    first = members[0]
    for inst in members[1:]:
        if inst.vips == first.vips or not (inst.view.whole and first.view.whole):
            continue
        here = sorted(inst.vips - first.vips, key=str)
        there = sorted(first.vips - inst.vips, key=str)
        parts = [
            *([f"{listed(there)} only {_at(first)}"] if there else []),
            *([f"{listed(here)} only {_at(inst)}"] if here else []),
        ]
        wanted = ", ".join(str(v) for v in first.conf.vips)
        yield AuditFinding(
            id="vip-list-differs",
            severity=Severity.CRITICAL,
            summary=f"{inst.name} (VRID {inst.conf.vrid}) has not the same VIPs everywhere: {'; '.join(parts)}: nodes "
            "discard each other's adverts and both become master, or addresses are lost at a failover",
            evidence=(*_all(first), *_all(inst)),
            remedy=inst.view.write(inst.place("virtual_ipaddress"), f"virtual_ipaddress {{ {wanted} }}")
            + f", as {_at(first)}",
            place=inst.place("virtual_ipaddress"),
            node=inst.view.file.node,
            instance=inst.name,
        )


def _at(inst: Inst) -> str:
    return f"on {inst.view.name}" if inst.view.file.node else f"in {inst.view.name}"


def _all(inst: Inst) -> tuple[AuditEvidence, ...]:
    return tuple(
        inst.view.said(e, inst.name)
        for block in inst.block.children("virtual_ipaddress")
        for e in block.block or ()
        if e.words
    )
