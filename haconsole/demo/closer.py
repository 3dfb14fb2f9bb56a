"""What a simulated node tells of its neighbours, and to a ping (iproute2 6.1, iputils): answers of the LAN it is on.

A node that is asked sends to whom announced the VIP last; nobody keeps a stale entry in the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from haconsole.demo.keepalived import LAN
from haconsole.demo.node import SimNode
from haconsole.model.spec import IpAddress

Told = tuple[str, str, int]
"""(standard output, standard error, exit status)"""
_OPTIONS: Final = ("-n", "-c", "1", "-W", "1")


def answer(node: SimNode, argv: Sequence[str]) -> Told | None:
    """`ip neigh show to ADDRESS`, `ping ... ADDRESS`, `id -u keepalived_script`; None: it is none of them."""
    words = list(argv)
    if words[:4] == ["ip", "neigh", "show", "to"] and len(words) == 5:
        return _neighbour(node, ip_address(words[4]))
    if words[:1] == ["ping"] and tuple(w for w in words[1:-1] if w != "-6") == _OPTIONS:
        return _ping(node, ip_address(words[-1]))
    if words == ["id", "-u", "keepalived_script"]:
        return "", "id: 'keepalived_script': no such user\n", 1
    return None


def _holder_mac(node: SimNode, address: IpAddress) -> str | None:
    """Of the node whose word on the LAN was the last."""
    holder = node.answers_for(address)
    return None if holder is None else holder.plan.mac(LAN)


def _neighbour(node: SimNode, address: IpAddress) -> Told:
    if node.kernel.has(address) or not node.kernel.running(LAN):
        return "", "", 0
    mac = _holder_mac(node, address)
    return (f"{address} dev {LAN} FAILED\n" if mac is None else f"{address} dev {LAN} lladdr {mac} STALE\n"), "", 0


def _ping(node: SimNode, address: IpAddress) -> Told:
    reached = node.kernel.has(address) or _holder_mac(node, address) is not None
    told = f"PING {address} ({address}) 56(84) bytes of data.\n"
    if not reached:
        return f"{told}\n1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n", "", 1
    return (
        f"{told}64 bytes from {address}: icmp_seq=1 ttl=64 time=0.31 ms\n\n1 packets transmitted, 1 received\n",
        "",
        0,
    )
