"""What a split brain follows from, and what nodes that discard each other's adverts do: for `causes`. Pure.

Each function yields keys of findings that would explain the given one, most likely first.
"""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.picture import ClusterPicture
from haconsole.cluster.rules.common import key, vip_of
from haconsole.model.findings import Finding


def several(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why several kernels have a VIP: a keepalived that left it, one that hangs, two masters, somebody's hand."""
    vip = vip_of(picture, finding)
    yield from (key("vip-left-behind", n.name, vip=finding.vip) for n in picture.nodes)
    yield from (key("keepalived-hung", n.name) for n in picture.nodes)
    yield key("vrid-mismatch", vip=finding.vip)
    for node in picture.nodes:
        instance = node.instance_of(vip.address) if vip is not None else None
        name = instance.name if instance is not None else ""
        yield key("wire-two-masters", "", name, finding.vip)
        yield key("two-masters", "", name, finding.vip)
        yield key("daemon-kernel-disagree", node.name, name, finding.vip)


def two_masters(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why two daemons say MASTER: what the wire shows, else what would make it so."""
    vip = vip_of(picture, finding)
    yield key("vrid-mismatch", vip=finding.vip)
    yield key("wire-two-masters", "", finding.instance or "", finding.vip)
    for name in dict.fromkeys(i.name for n in picture.nodes if vip and (i := n.instance_of(vip.address)) is not None):
        yield key("wire-two-masters", "", name, finding.vip)
    yield from (key(id_, n.name) for id_ in ("keepalived-hung", "adverts-blocked") for n in picture.nodes)
    yield from wire_two_masters(picture, finding)
    yield from (key("wire-master-mute", n.name) for n in picture.nodes)


def mute(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A master puts its own advert off with each one that it hears and discards (2.2.7, seen)."""
    yield from (key(id_, finding.node or "") for id_ in ("keepalived-hung", "adverts-blocked"))
    yield from mismatches(picture)


def jitter(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why a master's adverts are late."""
    yield from (key(id_, n.name) for id_ in ("keepalived-hung", "keepalived-starved") for n in picture.nodes)
    yield from mismatches(picture)


def caught_up(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A keepalived that did not run catches up: adverts right behind each other, as if something reflected them."""
    yield from (key(id_, finding.node or "") for id_ in ("keepalived-hung", "keepalived-starved"))


def mismatches(picture: ClusterPicture) -> Iterator[str]:
    """What makes nodes discard each other's adverts."""
    names = {(n.name, i.name) for n, i in picture.instances()}
    for id_ in ("wire-version-mismatch", "wire-interval-mismatch", "wire-vip-list-mismatch"):
        yield from (key(id_, node, name) for node, name in sorted(names))
    for id_ in ("wire-auth-mismatch", "wire-unicast-mixed"):
        yield from (key(id_, "", name) for name in sorted({name for _, name in names}))
    yield key("adverts-discarded")


def wire_two_masters(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why they do not hear each other, or do not take what they hear."""
    yield key("vrid-mismatch", vip=finding.vip)
    yield from (key(id_, n.name) for id_ in ("wire-one-way", "adverts-blocked") for n in picture.nodes)
    vip = vip_of(picture, finding)
    names = {n.name: i.name for n in picture.nodes if vip and (i := n.instance_of(vip.address)) is not None}
    instance = finding.instance or ""
    yield key("wire-foreign-router", "", instance)
    for id_ in ("wire-version-mismatch", "wire-interval-mismatch"):
        yield from (key(id_, node, name) for node, name in names.items())
    yield from (key(id_, "", instance) for id_ in ("wire-auth-mismatch", "wire-unicast-mixed"))
    yield from (key("wire-vip-list-mismatch", node, name) for node, name in names.items())
    yield from (key(id_, node, instance) for id_ in ("wire-checksum", "wire-ttl") for node in names)
    yield key("wire-two-owners", "", instance)
    yield key("adverts-discarded")
    yield from (key("wire-unheard", node) for node in names)


def discarded(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The wire tells what differs, where somebody listens."""
    yield from (k for k in mismatches(picture) if not k.startswith(finding.id))
    for node, instance in picture.instances():
        yield from (key("wire-foreign-router", "", instance.name), key("wire-ttl", node.name, instance.name))


def send_error(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Nothing to send from."""
    yield key("ipv6-link-local-missing", finding.node or "")


def of_stranger(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """What is odd about adverts of a host that should not send any."""
    if finding.node is None:
        yield key("wire-foreign-router", "", finding.instance or "")


def unheard(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """It is heard, and keepalived says why it does not take it."""
    yield key("adverts-discarded")
