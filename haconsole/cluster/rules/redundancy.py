"""Is there still somebody to take over: how many nodes could serve each VIP."""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import covers, daemon_state, link_trouble, listed, unit_down
from haconsole.cluster.rules.instances import fault_reasons
from haconsole.cluster.rules.squid import hung, listens
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import VrrpState


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    yield from no_redundancy(picture)


def why_not(node: NodePicture, vip: VipPicture) -> str | None:
    """The proof that this node could not serve this VIP now; None: there is none."""
    if not node.readable:
        return None
    if unit_down(node.keepalived):
        return "keepalived does not run"
    return _no_master(node, vip) or _no_squid(node, vip) or _no_way_out(node)


def _no_master(node: NodePicture, vip: VipPicture) -> str | None:
    instance = node.instance_of(vip.address)
    if instance is None or daemon_state(instance) is not VrrpState.FAULT:
        return None
    texts = [r.text for r in fault_reasons(node, instance)]
    return f"{instance.name} is in FAULT" + (f": {listed(texts)}" if texts else "")


def _no_squid(node: NodePicture, vip: VipPicture) -> str | None:
    if listens(node) is False or (listens(node) is None and unit_down(node.squid_unit)):
        return "squid does not listen"
    if node.squid is not None and node.squid.listening and not covers(node.squid.listening, vip.address):
        return f"squid does not listen on {vip.address}"
    return "squid does not answer" if hung(node) else None


def _no_way_out(node: NodePicture) -> str | None:
    public = node.spec.public_interface
    trouble = link_trouble(node, public) if public is not None else None
    if node.route_lost and trouble is None:
        return "it has no default route"
    return f"its public link {public} is down ({trouble})" if trouble in {"no carrier", "switched off"} else None


def able(node: NodePicture, vip: VipPicture) -> bool | None:
    """Could this node serve the VIP now; None: not proven either way."""
    if not node.readable:
        return None
    if why_not(node, vip) is not None:
        return False
    served = vip.holders == (node.name,) and vip.client is not None and vip.client.result.ok
    ready = daemon_state(node.instance_of(vip.address)) in {VrrpState.MASTER, VrrpState.BACKUP} and listens(node)
    return True if served or ready else None


def no_redundancy(picture: ClusterPicture) -> Iterator[Finding]:
    """Only one node is left that can serve; VIPs with the same last node are one finding.

    Means: the next failure is an outage. It is no trouble of that node, so no node is named as its place.
    Can be wrong: a node that cannot be read may be well; then the summary says "is known to". A drained
    node counts as able: it takes over when the last one fails.
    """
    last: dict[str, list[VipPicture]] = {}
    for vip in picture.vips:
        able_nodes = [n for n in picture.nodes if able(n, vip)]
        others = [n for n in picture.nodes if n not in able_nodes]
        undecided = [n for n in others if able(n, vip) is None and (n.readable or not (n.problem or n.stale))]
        if len(able_nodes) == 1 and others and not undecided:
            last.setdefault(able_nodes[0].name, []).append(vip)
    for name, vips in last.items():
        yield _finding(picture, picture.node(name), vips)


def _finding(picture: ClusterPicture, node: NodePicture, vips: list[VipPicture]) -> Finding:
    others = [n for n in picture.nodes if n is not node]
    unread = [n.name for n in others if not n.readable]
    scope = "" if len(vips) == len(picture.vips) else f" for {listed(v.address for v in vips)}"
    if unread:
        summary = (
            f"redundancy is not assured{scope}: only {node.name} is known to be able to serve, "
            f"{listed(unread)} cannot be read"
        )
    else:
        summary = f"no redundancy{scope}: only {node.name} can serve, the next failure is an outage"
    return Finding(
        id="no-redundancy",
        severity=Severity.WARNING,
        vip=vips[0].address if scope else None,
        summary=summary,
        evidence=tuple(_evidence(n, vips[0]) for n in others),
        remedy=f"mend {listed(n.name for n in others)}; until then leave {node.name} alone",
    )


def _evidence(node: NodePicture, vip: VipPicture) -> Evidence:
    if not node.readable:
        return Evidence(source=f"ssh to {node.name}", text="cannot be read", at=node.heard_at)
    at = node.dump_at if node.dump_at is not None else node.units_at
    return Evidence(source=node.name, text=f"cannot serve {vip.address}: {why_not(node, vip)}", at=at)
