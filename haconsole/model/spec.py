"""What the operator configured, as plain values: clusters, nodes, VIPs, how to reach them.

Made by `config` from TOML (where it is validated) or by the demo; read by everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from haconsole.model.record import dataclass

IpAddress = IPv4Address | IPv6Address
"""An address without prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSpec:
    """How to log in to one node. Every field is final: cluster and node overrides are merged in."""

    user: str | None = None
    """None: what ~/.ssh/config says, else the local user."""
    port: int | None = None
    """None: what ~/.ssh/config says, else 22."""
    identity_file: Path | None = None
    known_hosts: Path | None = None
    """None: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts, those that exist."""
    config_file: Path | None = None
    """None: ~/.ssh/config if it exists."""
    jump: str | None = None
    """`[user@]host[:port]`; None: what ~/.ssh/config says (ProxyJump)."""
    sudo: bool = False
    """Prefix privileged commands with `sudo -n` when the login is not root."""
    connect_timeout_s: float = 5.0
    keepalive_s: float = 2.0
    """A link without an answer for three times this long is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One proxy node. `address` is where SSH goes: an address or a host name."""

    name: str
    address: str
    lan_interface: str = "eth0"
    public_interface: str | None = "eth1"
    ssh: SshSpec = field(default_factory=SshSpec)
    shown_address: str | None = None
    """What people know the node by, where SSH goes elsewhere (the demo); None: `address`."""

    @property
    def known_as(self) -> str:
        """The address that people read."""
        return self.shown_address or self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class VipSpec:
    """A virtual address named in the configuration; others are learned from the nodes."""

    address: IpAddress
    preferred: str | None = None
    """Name of the node that should hold it; None: the node with the highest configured priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """When disturbing actions are allowed. `start` and `end` are minutes after local midnight."""

    days: tuple[str, ...]
    start_min: int
    end_min: int
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """One cluster: two or more nodes that share VIPs."""

    name: str
    nodes: tuple[NodeSpec, ...]
    vips: tuple[VipSpec, ...] = ()
    dns_name: str | None = None
    probe_url: str | None = None
    read_only: bool = False
    squid_port: int = 3128
    squid_service: str = "squid"
    keepalived_service: str = "keepalived"
    keepalived_config: str = "/etc/keepalived/keepalived.conf"
    drain_file: str = "/run/haconsole-drain"
    windows: tuple[MaintenanceWindow, ...] = ()
    dial: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Where to connect instead of (VIP, port). Empty in production: only the demo, whose VIPs
    exist nowhere, maps them to loopback ports. Not settable in the configuration file."""

    def node(self, name: str) -> NodeSpec:
        """The node called `name`. Raises: KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
