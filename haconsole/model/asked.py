"""What `haconsole check` asks of nodes and of the name service beyond what the console reads anyway. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """One file or folder, links followed (stat(2))."""

    mode: int
    """With the type's bits, as `stat.S_ISREG` takes them."""
    uid: int
    gid: int
    modified_node_s: float
    """Seconds since the epoch, on the node's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule:
    """One rule. `protocol`...: what it asks of a packet; None: nothing. `exact` False: it asks for more than is
    understood here, so that whether it fits cannot be told."""

    text: str
    verdict: str | None
    """`accept`, `drop`, `return`, `jump NAME`, `goto NAME`; None: it only counts or logs."""
    protocols: frozenset[str] | None = None
    sources: tuple[str, ...] | None = None
    destinations: tuple[str, ...] | None = None
    interfaces: frozenset[str] | None = None
    """Through which it comes in."""
    outgoing: frozenset[str] | None = None
    """Through which it goes out."""
    not_interfaces: frozenset[str] | None = None
    """Through which it does not come in."""
    not_outgoing: frozenset[str] | None = None
    broadcast: bool = False
    """Only what is sent to everybody on the link."""
    states: frozenset[str] | None = None
    version: int | None = None
    """4 or 6."""
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallChain:
    """One chain. `hook`: `prerouting`, `input`, `output`, `postrouting`; None: only jumped to."""

    name: str
    hook: str | None
    policy: str
    rules: tuple[FirewallRule, ...]
    table: str = ""
    version: int | None = None
    """4 or 6; None: both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """The chains that packets to and from the node may pass."""

    source: str
    """`iptables`, `nft`."""
    chains: tuple[FirewallChain, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAsked:
    """What one node told. What is not in a mapping is not known."""

    files: Mapping[str, FileStat | None] = field(default_factory=dict)
    """None: surely not there."""
    secrets: Mapping[int, str] = field(default_factory=dict)
    """Line of the main file -> salted hash of the password on it."""
    nonlocal_bind: Mapping[int, bool] = field(default_factory=dict)
    """By IP version: may squid bind an address that the node does not have."""
    firewalls: tuple[Firewall, ...] | None = None
    why_not: Mapping[str, str] = field(default_factory=dict)
    """Thing -> why it is not known: `files`, `firewall`, `nonlocal-bind`."""
    at: float | None = None
    """Console clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """What the name service said of a name. `addresses` None: nothing; `error` says why."""

    name: str
    addresses: frozenset[IpAddress] | None
    ttl_s: int | None = None
    """The shortest."""
    error: str | None = None
    missing: bool = False
    """The name service answered: there is no such name."""
