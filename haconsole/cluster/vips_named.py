"""The VIPs that a node names, and which of such addresses this console goes out to. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from haconsole.model.spec import IpAddress
from haconsole.model.state import NodeState
from haconsole.parse.keepalived_conf import vrrp_instances


def named(node: NodeState) -> Iterable[IpAddress]:
    """The VIPs that a node's daemon or its configuration names, each once, in order."""
    found: dict[IpAddress, None] = {}
    if node.daemon is not None:
        found |= dict.fromkeys(v.ip for i in node.daemon.value.instances for v in i.vips)
    if node.config is not None:
        found |= dict.fromkeys(v.ip for i in vrrp_instances(node.config.value.conf) for v in i.vips)
    return found


def watchable(address: IpAddress) -> bool:
    """May clients use it: not an address that means this host, one link, many hosts or none."""
    return not (
        address.is_loopback
        or address.is_link_local  # the first address of an IPv6 instance: routers want it, no client does
        or address.is_multicast
        or address.is_unspecified
        or int(address) == 0xFFFFFFFF
    )
