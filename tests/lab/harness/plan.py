"""The article's cluster as values: nodes, addresses, VIPs; everything else in the lab is derived from here."""

from __future__ import annotations

from dataclasses import dataclass

OPERATOR_ADDRESS = "192.168.2.10"
OPERATOR_ADDRESS6 = "fd00:2::10"
OPERATOR_DUAL = "2001:db8:2::10/64"
"""Where the operator is on the network of the dual-stack variant's VIPs."""
ORIGIN_ADDRESS = "203.0.113.80"
ORIGIN_URL = f"http://{ORIGIN_ADDRESS}/"
LAN_PREFIX = 24
LAN_PREFIX6 = 64
PUBLIC_PREFIX = 24
SQUID_PORT = 3128
DRAIN_FILE = "/run/haconsole-drain"
IPV6_VIP = "fd00:2::101"
MAX_NODES = 3
OPS_PASSWORD = "ops-lab-password"
"""The password of `ops` on the nodes: for tests of password sign-in."""


@dataclass(frozen=True)
class NodePlan:
    """One node of the cluster: its names and addresses."""

    index: int
    suite: str

    @property
    def name(self) -> str:
        """The host name, as in the article."""
        return f"proxy-serv{self.index:02d}"

    @property
    def short(self) -> str:
        """The ending of its namespace's name."""
        return f"n{self.index}"

    @property
    def lan(self) -> str:
        """IPv4 address of eth0."""
        return f"192.168.2.{250 + self.index}"

    @property
    def lan6(self) -> str:
        """IPv6 address of eth0."""
        return f"fd00:2::{250 + self.index}"

    @property
    def public(self) -> str:
        """IPv4 address of eth1."""
        return f"203.0.113.{10 + self.index}"

    def mac(self, interface: str) -> str:
        """A fixed hardware address, so that captures of two runs compare."""
        return f"02:00:0{interface[-1]}:00:02:{250 + self.index:02x}"


@dataclass(frozen=True)
class VipPlan:
    """One virtual address and where it should be."""

    instance: str
    vrid: int
    address: str
    label: str
    preferred: int
    """Index of the node that has priority for it."""


VIPS = (
    VipPlan("proxy_ip1", 1, "192.168.2.101", "eth0:1", 1),
    VipPlan("proxy_ip2", 2, "192.168.2.102", "eth0:2", 2),
)
THREE_VIPS = (*VIPS, VipPlan("proxy_ip3", 3, "192.168.2.103", "eth0:3", 3))
DUAL_VIPS = (
    *VIPS,
    VipPlan("proxy6_ip1", 11, "2001:db8:2::101", "", 1),
    VipPlan("proxy6_ip2", 12, "2001:db8:2::102", "", 2),
)


def node_plans(suites: tuple[str, ...]) -> tuple[NodePlan, ...]:
    """The nodes, one a suite."""
    return tuple(NodePlan(index, suite) for index, suite in enumerate(suites, start=1))
