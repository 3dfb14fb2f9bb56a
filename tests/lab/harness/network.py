"""The lab's network: a switch namespace with two bridges, one namespace a node, one for the operator, one for the web."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .netns import NETNS_DIRECTORY
from .plan import (
    LAN_PREFIX,
    LAN_PREFIX6,
    OPERATOR_ADDRESS,
    OPERATOR_ADDRESS6,
    ORIGIN_ADDRESS,
    PUBLIC_PREFIX,
    NodePlan,
)
from .shell import command

LAN_BRIDGE = "lan"
PUBLIC_BRIDGE = "public"


class Network:
    """The namespaces of one run; every address exists only inside them."""

    def __init__(self, run_id: str, nodes: Sequence[NodePlan]) -> None:
        self.run_id = run_id
        self.nodes = tuple(nodes)

    def namespace(self, short: str) -> str:
        """The full name of one of this run's namespaces: sw, op, web, n1, n2 ..."""
        return f"hac{self.run_id}-{short}"

    @property
    def all_namespaces(self) -> tuple[str, ...]:
        """Every namespace of this run."""
        return tuple(self.namespace(short) for short in ("sw", "op", "web", *(n.short for n in self.nodes)))

    def up(self) -> None:
        """Make namespaces, bridges, cables and addresses."""
        for name in self.all_namespaces:
            command(["ip", "netns", "add", name])
            # without duplicate address detection IPv6 addresses are usable at once
            self._sysctl(name, "net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/all/accept_dad=0")
            self.ip(name, "link set lo up")
        switch = self.namespace("sw")
        self.ip(
            switch,
            *(
                f"link add {bridge} type bridge mcast_snooping 0 forward_delay 0"
                for bridge in (LAN_BRIDGE, PUBLIC_BRIDGE)
            ),
            *(f"link set {bridge} up" for bridge in (LAN_BRIDGE, PUBLIC_BRIDGE)),
        )
        self._cable("op", "eth0", "02:00:00:00:02:0a")
        self.ip(
            self.namespace("op"),
            f"addr add {OPERATOR_ADDRESS}/{LAN_PREFIX} dev eth0",
            f"addr add {OPERATOR_ADDRESS6}/{LAN_PREFIX6} dev eth0 nodad",
            "link set eth0 up",
        )
        self._cable("web", "eth0", "02:00:00:00:71:50")
        self.ip(self.namespace("web"), f"addr add {ORIGIN_ADDRESS}/{PUBLIC_PREFIX} dev eth0", "link set eth0 up")
        for node in self.nodes:
            self._cable(node.short, "eth0", node.mac("eth0"))
            self._cable(node.short, "eth1", node.mac("eth1"))
            self.ip(
                self.namespace(node.short),
                f"addr add {node.lan}/{LAN_PREFIX} dev eth0",
                f"addr add {node.lan6}/{LAN_PREFIX6} dev eth0 nodad",
                f"addr add {node.public}/{PUBLIC_PREFIX} dev eth1",
                "link set eth0 up",
                "link set eth1 up",
                f"route add default via {ORIGIN_ADDRESS} dev eth1",
            )

    def ip(self, namespace: str, *commands: str) -> None:
        """Run lines of `ip` in a namespace, as one batch."""
        command(["ip", "-n", namespace, "-batch", "-"], stdin="".join(f"{line}\n" for line in commands))

    def port(self, short: str, interface: str) -> str:
        """The switch's side of a cable."""
        return f"{short}-{interface}"

    def plug(self, short: str, interface: str, *, plugged: bool) -> None:
        """Plug or unplug a cable at the switch: unplugged, the other end has no carrier."""
        state = "up" if plugged else "down"
        self.ip(self.namespace("sw"), f"link set {self.port(short, interface)} {state}")

    def join(self, short: str, interface: str, *, joined: bool) -> None:
        """Connect the switch's side to its bridge, or to nothing: the carrier stays, all packets vanish."""
        where = f"master {_bridge(short, interface)}" if joined else "nomaster"
        self.ip(self.namespace("sw"), f"link set {self.port(short, interface)} {where}")

    def flood(self, short: str, interface: str, *, multicast: bool) -> None:
        """Whether the switch sends multicast, but for broadcast, out of this port."""
        state = "on" if multicast else "off"
        self.ip(self.namespace("sw"), f"link set {self.port(short, interface)} type bridge_slave mcast_flood {state}")

    def unplugged(self) -> list[tuple[str, str]]:
        """The cables that are unplugged at the switch or join no bridge, as (namespace, interface)."""
        lines = command(["ip", "-n", self.namespace("sw"), "-o", "link", "show"]).stdout.splitlines()
        found = []
        for line in lines:
            match = re.match(r"^\d+: (\w+)-(eth\d)@?\S*: <([^>]*)>", line)
            if match and ("UP" not in match[3].split(",") or " master " not in line):
                found.append((match[1], match[2]))
        return found

    def _cable(self, short: str, interface: str, mac: str) -> None:
        port = self.port(short, interface)
        self.ip(
            self.namespace("sw"),
            f"link add {port} type veth peer name {interface} address {mac} netns {self.namespace(short)}",
            f"link set {port} master {_bridge(short, interface)}",
            f"link set {port} up",
        )

    def _sysctl(self, namespace: str, *assignments: str) -> None:
        script = "".join(f"echo {value} > /proc/sys/{key}; " for key, value in (a.split("=", 1) for a in assignments))
        command(["ip", "netns", "exec", namespace, "sh", "-c", script])


def _bridge(short: str, interface: str) -> str:
    return PUBLIC_BRIDGE if short == "web" or interface == "eth1" else LAN_BRIDGE


def existing_namespaces(prefix: str) -> list[str]:
    """Names of the namespaces that begin so."""
    if not NETNS_DIRECTORY.is_dir():
        return []
    return sorted(path.name for path in NETNS_DIRECTORY.iterdir() if path.name.startswith(prefix))
