"""What may be the matter with a node: for the other tables of `causes`. Pure.

Each function yields keys of findings, most likely first.
"""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import key
from haconsole.model.spec import IpAddress


def unread(node: NodePicture) -> Iterator[str]:
    """Why nothing, or not enough, is known of it."""
    for id_ in ("node-unreachable", "node-stale", "node-connecting", "reading-failed", "rights-missing"):
        yield key(id_, node.name)


def no_master(node: NodePicture, vip: IpAddress | None) -> Iterator[str]:
    """Why it is not master."""
    yield from (key(id_, node.name) for id_ in ("node-unreachable", "node-stale", "keepalived-down", "keepalived-hung"))
    yield from (key("instance-fault", node.name, name) for name in names(node, vip))
    yield from (key(id_, node.name) for id_ in ("drained", "check-failing", "link-down", "squid-down"))


def names(node: NodePicture, vip: IpAddress | None) -> Iterator[str]:
    """Names that a finding about the node's instances may carry: none for all of them, else the first of a group."""
    yield ""
    own = node.instance_of(vip) if vip is not None else None
    if own is not None:
        yield own.name
    yield from (i.name for i in node.instances or () if i is not own)


def no_service(node: NodePicture) -> Iterator[str]:
    """Why it would not serve clients."""
    for id_ in (
        "squid-down",
        "squid-not-listening",
        "squid-check-failed",
        "link-down",
        "default-route-missing",
        "squid-not-answering",
    ):
        yield key(id_, node.name)


def node_of(picture: ClusterPicture, name: str | None) -> NodePicture | None:
    """The node of that name; None: there is none."""
    return next((n for n in picture.nodes if n.name == name), None)
