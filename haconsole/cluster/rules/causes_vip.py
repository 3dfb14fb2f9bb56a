"""What findings about VIPs follow from: for `causes`. Pure.

Each function yields keys of findings that would explain the given one, most likely first.
"""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.causes_common import no_master, no_service, node_of, unread
from haconsole.cluster.rules.common import key, vip_of
from haconsole.cluster.rules.redundancy import able
from haconsole.model.findings import Finding


def none(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Other lists, a daemon at odds with its kernel, and whatever keeps each node from being master."""
    vip = vip_of(picture, finding)
    for node in picture.nodes:  # a VIP that only a standby's list has
        yield from (key("wire-vip-list-mismatch", node.name, i.name) for i in node.instances or ())
    for node in _preferred_first(picture, vip):
        instance = node.instance_of(vip.address) if vip is not None else None
        yield key("daemon-kernel-disagree", node.name, instance.name if instance else "", finding.vip)
        yield from no_master(node, finding.vip)


def wire_no_master(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The same, and addresses without a daemon."""
    yield from (key("vip-left-behind", n.name, vip=finding.vip) for n in picture.nodes)
    yield from (key("keepalived-hung", n.name) for n in picture.nodes)
    yield key("vip-held-by-none", vip=finding.vip)
    yield from none(picture, finding)


def holders_unknown(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why nodes were not read."""
    vip = vip_of(picture, finding)
    for name in vip.unread if vip is not None else ():
        yield from unread(picture.node(name))


def not_serving(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Nobody has it; what its holders cannot do; the origin; too many have it."""
    vip = vip_of(picture, finding)
    yield key("vip-held-by-none", vip=finding.vip)
    for name in (vip.holders or ()) if vip is not None else ():
        yield from (key(id_, name, vip=finding.vip) for id_ in ("rp-filter-drops", "virtual-mac-unreached"))
        yield from no_service(picture.node(name))
        yield key("vip-unreached", name, vip=finding.vip)
        yield from _not_announced(picture, name, finding)
    yield key("origin-not-answering")
    yield key("vip-held-by-several", vip=finding.vip)
    yield key("vip-holders-unknown", vip=finding.vip)


def unreached(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The network was not told where the VIP is; too many links or connections there."""
    yield from _not_announced(picture, finding.node or "", finding)
    yield from (key(id_, finding.node or "") for id_ in ("connections-full", "arp-flux"))


def _not_announced(picture: ClusterPicture, node: str, finding: Finding) -> Iterator[str]:
    for name in dict.fromkeys(i.name for _, i in picture.instances()):
        yield key("wire-announcement-lost", node, name, finding.vip)


def not_preferred(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why the preferred node is not master."""
    vip = vip_of(picture, finding)
    node = node_of(picture, vip.preferred) if vip is not None else None
    if node is not None:
        yield from no_master(node, finding.vip)


def moving(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why it moves."""
    for node in _preferred_first(picture, vip_of(picture, finding)):
        yield from no_master(node, finding.vip)


def no_redundancy(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """What the nodes that could not take over have."""
    vip = vip_of(picture, finding) or (picture.vips[0] if picture.vips else None)
    for node in picture.nodes:
        if vip is not None and not able(node, vip):
            yield from no_master(node, vip.address)
            yield from no_service(node)


def vips_unknown(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why no node told of any."""
    for node in picture.nodes:
        yield from unread(node)


def _preferred_first(picture: ClusterPicture, vip: VipPicture | None) -> list[NodePicture]:
    wanted = None if vip is None else vip.preferred
    return sorted(picture.nodes, key=lambda n: n.name != wanted)
