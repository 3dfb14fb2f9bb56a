"""Findings about what a node needs besides its services: a way out, room to write, room for connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import by_host, link_trouble, listed
from haconsole.model.findings import Finding, Severity
from haconsole.model.host import FileSystem

MIB: Final = 1 << 20
FULL_BYTES: Final = 64 * MIB
FULL_SHARE: Final = 0.02
"""Full: less than both is free. A small /run may have little and be well; a large disk with 2 % free has much."""
CONNECTIONS_SHARE: Final = 0.95
"""Of the connections that netfilter tracks; at 1 it drops new ones."""


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from default_route_missing(picture, node)
        yield from disk_full(node)
        yield from connections_full(node)


def default_route_missing(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """The node has no IPv4 default route, and one is needed: it had one, or another node has one.

    Means: squid there reaches no origin; keepalived, which watches links, does not see it.
    Can be wrong: a node may be meant to reach everything by other routes (a parent proxy in the LAN).
    """
    public = node.spec.public_interface
    if not node.route_lost or node.host is None or (public is not None and link_trouble(node, public) is not None):
        return  # with its link the kernel drops the route: `link-down` tells
    others = [(n, n.host.default_routes[0]) for n in picture.nodes if n.host and n.host.default_routes]
    like = f", as on {others[0][0].name} ({others[0][1]})" if others else ""
    yield Finding(
        id="default-route-missing",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name} has no default route: its squid reaches no origin",
        evidence=(
            by_host(node, "ip route show default: nothing"),
            *(by_host(n, f"default route {r}") for n, r in others),
        ),
        remedy=f"on {node.name}: ip route replace default via GATEWAY{f' dev {public}' if public else ''}{like}; an "
        f"interface that was down does not bring its routes back by itself",
    )


def _full(disk: FileSystem) -> str | None:
    """What it has no more of; None: it has room."""
    if disk.free_bytes < min(FULL_BYTES, FULL_SHARE * disk.size_bytes):
        return f"{disk.free_bytes // MIB} MiB of {disk.size_bytes // MIB} MiB are free"
    if disk.inodes and disk.free_inodes < FULL_SHARE / 10 * disk.inodes:
        return f"{disk.free_inodes} of {disk.inodes} inodes are free"
    return None


def disk_full(node: NodePicture) -> Iterator[Finding]:
    """A file system on which keepalived or squid write has no room; all of a node are one finding.

    Means: squid stops or answers slowly, dumps and drain files cannot be written, logs end.
    Can be wrong: a file system that is meant to be full (read-only images).
    """
    full = [(d, why) for d in (node.host.file_systems if node.host else None) or () if (why := _full(d)) is not None]
    if not full:
        return
    yield Finding(
        id="disk-full",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: no room is left on {listed(d.path for d, _ in full)} ({full[0][1]})",
        evidence=tuple(by_host(node, f"{d.path}: {why}") for d, why in full),
        remedy=f"on {node.name}: df -h {full[0][0].path}; du -xh --max-depth=2 {full[0][0].path} | sort -h | tail",
    )


def connections_full(node: NodePicture) -> Iterator[Finding]:
    """netfilter tracks almost as many connections as it may.

    Means: at the limit the kernel drops packets of new clients; a take-over brings more of them.
    Can be wrong: never; it says how many there were.
    """
    told, limit = (node.host.connections, node.host.connections_limit) if node.host is not None else (None, None)
    if told is None or not limit or told < CONNECTIONS_SHARE * limit:
        return
    yield Finding(
        id="connections-full",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: netfilter tracks {told} of at most {limit} connections: new clients are dropped",
        evidence=(by_host(node, f"nf_conntrack_count {told}, nf_conntrack_max {limit}"),),
        remedy=f"on {node.name}: sysctl net.netfilter.nf_conntrack_max={2 * limit} (and in /etc/sysctl.d)",
    )
