"""What the recommended keepalived.conf is made of: wishes, what was read of nodes, the plan. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Final

from haconsole.model.keepalived_conf import ConfInstance, KeepalivedConf
from haconsole.model.readings import KeepalivedVersion, KernelReading, Listener
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.parse.keepalived_conf import vrrp_instances

HIGHEST: Final = 254
"""255 is the address owner: keepalived ignores every weight then, and 2.1.5 a failing script as well."""
LOWEST: Final = 100
"""The article's second priority. Above 54, to which the drain file's -200 lowers the highest."""
LABEL: Final = 15
"""Characters of an address label that the kernel takes."""
DEFAULT_VERSION: Final = (2, 1)


class Check(Enum):
    """What keepalived asks of squid."""

    KEEP = "keep"
    """The scripts that the instances track now; where there is none, the article's `squid -k check`."""
    REQUEST = "request"
    """A real request to squid's own port: a squid that hangs does not pass it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator chose. None: as the nodes run, and where they were not read the default."""

    unicast: bool | None = None
    check: Check = Check.KEEP
    prefix: int | None = None
    """Prefix length of IPv4 VIPs that nobody told one of."""
    version: tuple[int, int] | None = None
    """keepalived's version where it was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What was read of one node; None: not read."""

    conf: KeepalivedConf | None = None
    kernel: KernelReading | None = None
    version: KeepalivedVersion | None = None
    listening: tuple[Listener, ...] | None = None
    """Sockets on squid's port."""
    nonlocal_bind: bool | None = None
    """`net.ipv4.ip_nonlocal_bind`"""
    problem: str | None = None
    """Why something is missing, in words for the operator."""
    remedy: str | None = None
    """What mends that, where it is known; several lines."""

    @property
    def instances(self) -> tuple[ConfInstance, ...]:
        return () if self.conf is None else vrrp_instances(self.conf)


NOTHING: Final = NodeFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAddress:
    """One line of `virtual_ipaddress`. `prefix` None: nobody told it, keepalived takes it for a host address."""

    address: IpAddress
    prefix: int | None
    interface: str | None = None
    """Another than the instance's."""
    label: str | None = None
    excluded: bool = False
    new: bool = False
    """No node runs it."""

    @property
    def text(self) -> str:
        return str(self.address) if self.prefix is None else f"{self.address}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInstance:
    """One `vrrp_instance` on all nodes."""

    name: str
    vrid: int
    family: int
    preferred: str
    priorities: Mapping[str, int]
    interfaces: Mapping[str, str]
    addresses: tuple[PlannedAddress, ...]
    advert_interval_s: float
    preempt: bool
    version: int
    running: Mapping[str, ConfInstance] = field(default_factory=dict)
    """By node: the instance that it runs for these addresses now."""
    notes: tuple[str, ...] = ()

    def state(self, node: str) -> str:
        """MASTER where it belongs; never with `nopreempt`, which wants BACKUP everywhere."""
        return "MASTER" if node == self.preferred and self.preempt else "BACKUP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one cluster's nodes should run."""

    cluster: ClusterSpec
    facts: Mapping[str, NodeFacts]
    wishes: Wishes
    unicast: bool
    instances: tuple[PlannedInstance, ...]

    def version(self, node: str) -> tuple[int, int]:
        """Major and minor of the node's keepalived, as read, as wished, or the oldest with today's words."""
        found = self.facts[node].version
        return (found.major, found.minor) if found is not None else self.wishes.version or DEFAULT_VERSION

    @property
    def vips(self) -> frozenset[IpAddress]:
        return frozenset(a.address for i in self.instances for a in i.addresses)


class PlanError(Exception):
    """No pair can be made; the text says why and what to do."""
