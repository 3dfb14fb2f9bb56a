"""Rolling maintenance: what a picture tells of drains, addresses and places of VIPs. Pure."""

from __future__ import annotations

from haconsole.cluster.forecast import forecast
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.parse.text import clean


def is_drained(node: NodePicture) -> bool | None:
    """By its note, its track files, and whether keepalived runs. None: not known."""
    if node.operation is not None and node.operation.drain is not None:
        return True
    if node.keepalived is not None and not node.keepalived.active:
        return True
    if node.dump_at is None or node.operation is None:
        return None
    values = [f.value for i in node.instances or () for f in i.tracked_files]
    if any(v is not None and v < 0 for v in values):
        return True
    return None if None in values else False


def addresses_of(picture: ClusterPicture, node: NodePicture) -> tuple[str, ...] | None:
    """`eth0 192.168.2.251/24`, without VIPs and without what every link makes for itself."""
    if node.kernel is None:
        return None
    vips = {v.address for v in picture.vips}
    own = [
        a for a in node.kernel.addresses
        if a.interface != "lo" and not a.address.is_link_local and a.address.ip not in vips
        and a.address.ip not in node.managed
    ]  # fmt: skip
    return tuple(sorted(clean(f"{a.interface} {a.address}") for a in own))


def out_of_place(picture: ClusterPicture) -> tuple[str, ...]:
    """VIPs that are not where the forecast has them, or do not serve; empty: all is well."""
    told = forecast(picture)
    found = [] if picture.vips else ["no VIP is known yet"]
    for vip in picture.vips:
        wanted = told.vip(vip.address).after
        if vip.holders is None or vip.unread:
            found.append(f"{vip.address}: who holds it is not known: {', '.join(vip.unread)} could not be read")
        elif wanted is None:
            found.append(f"{vip.address}: where it belongs is not known: {told.vip(vip.address).unknown or 'nobody'}")
        elif vip.holders != (wanted,):
            found.append(f"{vip.address} is on {' and '.join(vip.holders) or 'no node'}, it belongs to {wanted}")
        elif vip.client is None:
            found.append(f"{vip.address}: whether it serves is not known")
        elif not vip.client.result.ok:
            found.append(f"{vip.address} does not serve its clients: {vip.client.result.error or 'refused'}")
    return tuple(clean(f) for f in found)
