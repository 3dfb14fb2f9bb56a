"""What a node needs besides its services, as read: routes, room on disks, tracked connections, path filters."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from haconsole.model.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """A file system, and those of the asked paths that lie on it, the first as its name. Free: for users but root."""

    path: str
    size_bytes: int
    free_bytes: int
    inodes: int
    """0: it does not count them."""
    free_inodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRoute:
    """An IPv4 route outside of the main table that says from which address packets are sent."""

    route: str
    """As `ip route` prints it."""
    source: IPv4Address
    rule: str
    """The rule that looks it up for packets that have no source yet, as `ip rule` prints it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """What a node needs besides its services. None: could not be told."""

    default_routes: tuple[str, ...] | None = None
    """IPv4 default routes of the main table, as `via GATEWAY dev INTERFACE`; empty: there is none."""
    file_systems: tuple[FileSystem, ...] | None = None
    connections: int | None = None
    """Tracked by netfilter; None where it tracks none."""
    connections_limit: int | None = None
    strict_path: frozenset[str] | None = None
    """Interfaces on which packets are dropped that did not come the way back (`rp_filter` 1, RFC 3704)."""
    answers_for_others: frozenset[str] | None = None
    """Interfaces that answer ARP for every address of the node (`arp_ignore` 0, and `arp_filter` 0 or not told)."""
    path_dropped: int | None = None
    """Packets that `rp_filter` dropped since boot: TcpExt IPReversePathFilter."""
    source_routes: tuple[SourceRoute, ...] | None = None
    """Those that a rule looks up for packets of the node's own."""
    virtual_frames: Mapping[str, int] | None = None
    """Interfaces with a virtual router's MAC address (keepalived's `use_vmac`) -> unicast frames that came in since the
    interface was made."""
