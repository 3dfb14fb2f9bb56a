"""What `before` and `after` of an action hold, in the audit log and in what `haconsole node -o json` prints."""

from __future__ import annotations

from collections.abc import Mapping

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.parse.text import clean


def facts(picture: ClusterPicture) -> Mapping[str, object]:
    """What `before` and `after` of an action hold: VIPs and, of each node that is read, units, states, addresses."""
    return {
        "vips": {
            str(v.address): {
                "holders": None if v.holders is None else list(v.holders),
                "client": None if v.client is None else v.client.result.ok,
            }
            for v in picture.vips
        },
        "nodes": {n.name: _node_facts(n) for n in picture.nodes},
    }


def _node_facts(node: NodePicture) -> dict[str, object] | None:
    if not node.readable:
        return None
    return {
        "keepalived": None if node.keepalived is None else node.keepalived.active,
        "squid": None if node.squid_unit is None else node.squid_unit.active,
        "squid_shutdown_lifetime": None
        if node.squid is None or node.squid.shutdown is None
        else {"seconds": node.squid.shutdown.lifetime_s, "source": clean(node.squid.shutdown.text)},
        "instances": {clean(i.name): None if i.state is None else i.state.value for i in node.instances or ()},
        "addresses": None
        if node.kernel is None
        else sorted(f"{clean(a.interface)} {a.address}" for a in node.kernel.addresses if a.interface != "lo"),
    }
