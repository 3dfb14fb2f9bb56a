"""What a simulated cluster is made of, as plain values; scenarios are tables of these.

Times are seconds of the cluster's own time, 0 when the console first looks at it; what lies before
0 has happened already. See `demo.sim` for how time runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Interface, ip_interface

from haconsole.model.readings import IpInterface
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

DAY_S = 86400.0
DRAIN_FILE = "/run/haconsole-drain"
CONFIG_FILE = "/etc/keepalived/keepalived.conf"
SCRIPT = "chk_squid_service"


class What(Enum):
    """Something that befalls a node. `Happening.arg` is named in brackets."""

    LINK_DOWN = "link-down"
    """`ip link set [interface] down`"""
    LINK_UP = "link-up"
    CARRIER_LOST = "carrier-lost"
    """The cable of [interface] is out."""
    CARRIER_BACK = "carrier-back"
    SQUID_STOP = "squid-stop"
    """`systemctl stop squid`"""
    SQUID_START = "squid-start"
    SQUID_HANG = "squid-hang"
    """It accepts connections and never answers; `squid -k check` stays green."""
    SQUID_WAKE = "squid-wake"
    KEEPALIVED_STOP = "keepalived-stop"
    KEEPALIVED_START = "keepalived-start"
    KEEPALIVED_KILL = "keepalived-kill"
    """kill -9 of all its processes: the VIPs stay on the node."""
    POWER_OFF = "power-off"
    POWER_ON = "power-on"
    ADVERTS_BLOCKED = "adverts-blocked"
    """A firewall on the node drops VRRP, in and out."""
    ADVERTS_FREE = "adverts-free"
    DRAIN = "drain"
    """The drain file gets [number]."""
    VIP_REMOVED = "vip-removed"
    """`ip addr del [address]` by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a timeline. Times below 0 lie before the console's first look."""

    at_s: float
    node: str
    what: What
    arg: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """One node. The first address of an interface is its own; the MACs come from `number`."""

    name: str
    number: int
    lan: tuple[str, ...]
    public: tuple[str, ...]
    clock_offset_s: float = 0.0
    user: str = "ops"
    groups: tuple[str, ...] = ("ops", "sudo", "systemd-journal")

    @property
    def root(self) -> bool:
        return self.user == "root"

    @property
    def shown_address(self) -> str:
        """The address that a person knows the node by."""
        return self.lan[0].partition("/")[0]

    def source_address(self, version: int) -> IpAddress:
        """Where its adverts come from: the LAN address, for IPv6 the link-local one."""
        if version == 4:
            return next(a for a in map(_ip, self.lan) if isinstance(a, IPv4Address))
        return link_local(self.mac("eth0")).ip

    def mac(self, interface: str) -> str:
        """The hardware address of `eth0` or `eth1`."""
        return f"52:54:00:{self.number >> 8:02x}:{self.number & 255:02x}:{interface[-1:]:0>2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePlan:
    """One `vrrp_instance`, with each node's base priority. `vips` have prefixes."""

    name: str
    vrid: int
    vips: tuple[str, ...]
    priorities: Mapping[str, int]
    master: str
    """The node that says `state MASTER`."""
    preempt: bool = True

    @property
    def interfaces(self) -> tuple[IpInterface, ...]:
        return tuple(ip_interface(v) for v in self.vips)

    @property
    def addresses(self) -> frozenset[IpAddress]:
        return frozenset(i.ip for i in self.interfaces)

    @property
    def family(self) -> int:
        """4 or 6."""
        return self.interfaces[0].version


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """One cluster and its fate."""

    name: str
    nodes: tuple[NodePlan, ...]
    instances: tuple[InstancePlan, ...]
    version: int = 2
    interval_s: float = 1.0
    drainable: bool = False
    """keepalived watches the drain file."""
    script_interval_s: float = 3.0
    shutdown_s: float = 1.0
    """squid's shutdown_lifetime."""
    squid_port: int = 3128
    age_s: float = 12 * DAY_S + 4 * 3600.0
    """How long it had been running when the timeline's oldest entry came."""
    timeline: tuple[Happening, ...] = ()
    repeat_s: float | None = None
    """Entries at 0 and later come again after this long, for ever."""

    def node(self, name: str) -> NodePlan:
        """The node called `name`. Raises: KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    @property
    def vips(self) -> tuple[IpAddress, ...]:
        """Every VIP that clients use, in order: not the link-local ones of IPv6 instances."""
        return tuple(i.ip for instance in self.instances for i in instance.interfaces if not i.ip.is_link_local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a person can ask for by name."""

    doc: str
    clusters: tuple[ClusterPlan, ...]


def link_local(mac: str) -> IPv6Interface:
    """The EUI-64 link-local address of a MAC (RFC 4291 2.5.1)."""
    octets = bytes(int(x, 16) for x in mac.split(":"))
    eui = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Interface((IPv6Address(b"\xfe\x80" + bytes(6) + eui), 64))


def _ip(text: str) -> IpAddress:
    return ip_interface(text).ip
