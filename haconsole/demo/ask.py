"""What a simulated node tells guards: sudo's word, connections, timers; and its squid at its own address.

The words are those of Debian 12's programs (sudo 1.9.13, iproute2 6.1, systemd 252).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from haconsole.demo.keepalived import LAN, PUBLIC
from haconsole.demo.node import SimNode
from haconsole.demo.plan import NodePlan
from haconsole.model.spec import IpAddress

_PATHS: Final = {"timeout": "/usr/bin/timeout", "sed": "/usr/bin/sed"}
_TIMERS: Final = (
    ("apt-daily.timer", "apt-daily.service"),
    ("logrotate.timer", "logrotate.service"),
    ("systemd-tmpfiles-clean.timer", "systemd-tmpfiles-clean.service"),
)
_FIRST_PORT: Final = 40_000


def sudo_list(args: Sequence[str], user: str, host: str, *, allowed: bool) -> tuple[str, str, int]:
    """(stdout, stderr, status) of `sudo -n -l [-l] [-- COMMAND]` for a login that may do everything or nothing."""
    words = list(args)
    if words[:2] != ["-n", "-l"]:
        return "", "usage: sudo -h | -K | -k | -V\n", 1
    if not allowed:
        return "", "sudo: a password is required\n", 1
    rest = words[3:] if words[2:3] == ["-l"] else words[2:]
    if not rest:
        head = f"Matching Defaults entries for {user} on {host}:\n    env_reset, mail_badpass\n\n"
        rules = f"User {user} may run the following commands on {host}:\n    (ALL : ALL) NOPASSWD: ALL\n"
        return head + rules, "", 0
    command = rest[1:] if rest[0] == "--" else rest
    return " ".join((_PATHS.get(command[0], command[0]), *command[1:])) + "\n", "", 0


def timers() -> str:
    """`systemctl list-timers --all --no-legend`"""
    return "".join(f"-    - -    - {timer:<28} {starts}\n" for timer, starts in _TIMERS)


def established(node: SimNode, port: int) -> str:
    """`ss -tn state established sport = :PORT`: the clients that the node's VIPs bring, shared out."""
    lines = ["Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess"]
    held = [vip for vip in node.cluster.vips if node.kernel.has(vip)]
    if held and node.squid.listening and port == node.squid.port:
        for number in range(node.squid.clients):
            vip = held[number % len(held)]
            peer = f"[2001:db8:77::{number + 10:x}]" if vip.version == 6 else f"192.168.2.{10 + number % 90}"
            here = f"[{vip}]" if vip.version == 6 else str(vip)
            lines.append(f"0      0      {here}:{port} {peer}:{_FIRST_PORT + number}")
    return "\n".join(lines) + "\n"


def own_addresses(plan: NodePlan) -> tuple[IpAddress, ...]:
    """Where a node's own squid can be asked on the LAN."""
    found = (ip_address(word.partition("/")[0]) for word in plan.lan)
    return tuple(address for address in found if not address.is_link_local)


class OwnAddress:
    """One node as `proxy_server.Leads`: its own address leads to nobody else."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    def holder(self, vip: IpAddress) -> SimNode | None:
        """The node, while its LAN works."""
        return self._node if self._node.on and self._node.kernel.running(LAN) else None

    @staticmethod
    def has_origin(node: SimNode) -> bool:
        """Can the node reach the internet."""
        return node.kernel.running(PUBLIC)
