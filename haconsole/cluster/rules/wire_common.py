"""What the rules about the wire share: our virtual routers, packets as evidence, names of senders. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.wire_picture import WireRouter, WireSender, together_s
from haconsole.model.findings import Evidence
from haconsole.model.hearing import Key, SenderHeard, Takeover
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

TOGETHER: Final = 1.5
"""Intervals in which two masters both spoke: more than a hand-over takes, whose loser says at most one advert."""


@dataclass(frozen=True, slots=True)
class OwnRouter:
    """One virtual router of this cluster, and what was heard of it."""

    key: Key
    instances: tuple[tuple[NodePicture, InstancePicture], ...]
    heard: WireRouter

    @property
    def name(self) -> str:
        """The instance's, as its first node calls it."""
        return self.instances[0][1].name

    @property
    def vrid(self) -> str:
        return f"VRID {self.key[0]}" + (" (IPv6)" if self.key[1] == 6 else "")

    def instance(self, node: str | None) -> InstancePicture | None:
        """The node's own instance."""
        return next((i for n, i in self.instances if n.name == node), None)

    def speaking(self) -> list[WireSender]:
        return [s for s in self.heard.senders if s.speaks]

    def at_once(self) -> tuple[WireSender, ...]:
        """Two or more that have all spoken at the same time for longer than a hand-over takes; else ()."""
        masters = self.heard.masters
        found = tuple(
            s for s in masters if any(o is not s and together_s(s, o) >= TOGETHER * _longest(s, o) for o in masters)
        )
        return found if len(found) > 1 else ()


def _longest(one: WireSender, other: WireSender) -> float:
    return max(one.said.interval_s, other.said.interval_s)


def own_keys(picture: ClusterPicture) -> dict[Key, list[tuple[NodePicture, InstancePicture]]]:
    """(VRID, family) -> the nodes' instances on an interface where somebody listens."""
    interfaces = {p.reading.interface for p in picture.wire.places}
    found: dict[Key, list[tuple[NodePicture, InstancePicture]]] = {}
    for node, instance in picture.instances():
        if instance.vrid is not None and instance.vips and instance.interface in interfaces:
            found.setdefault((instance.vrid, instance.vips[0].version), []).append((node, instance))
    return found


def own_routers(picture: ClusterPicture) -> tuple[OwnRouter, ...]:
    """Those of which something was heard."""
    return tuple(
        OwnRouter(key, tuple(found), heard)
        for key, found in own_keys(picture).items()
        if (heard := picture.wire.router(key)) is not None
    )


def vips_of(picture: ClusterPicture, router: OwnRouter) -> list[VipPicture]:
    """The VIPs that the virtual router has."""
    return [v for v in picture.vips if (v.vrid, v.address.version) == router.key]


def source_text(sender: WireSender) -> str:
    """`proxy-serv01 (192.168.2.251)`, or the address alone."""
    return str(sender.source) if sender.node is None else f"{sender.node} ({sender.source})"


def packet(sender: WireSender, router: OwnRouter | Key, *, more: str = "", place: str | None = None) -> Evidence:
    """The sender's last advert, as `place` heard it (None: who heard it last)."""
    key = router.key if isinstance(router, OwnRouter) else router
    said = sender.said if place is None else sender.by[place]
    heard = [place] if place is not None else [n for n, s in sender.by.items() if s.last_at == said.last_at]
    text = f"advert from {source_text(sender)}, VRID {key[0]}, priority {said.priority}, v{said.version}"
    return Evidence(source=f"wire at {heard[0]}", text=text + (f", {more}" if more else ""), at=said.last_at)


def change(picture: ClusterPicture, takeover: Takeover, text: str) -> Evidence:
    """A take-over as evidence."""
    place = max(picture.wire.places, key=lambda p: len(p.reading.takeovers)).name
    return Evidence(source=f"wire at {place}", text=text, at=takeover.at)


def pairs(router: OwnRouter) -> Iterator[tuple[WireSender, NodePicture, InstancePicture]]:
    """Each of our senders that speaks, with the instance of every other node that should take its adverts.

    Two that both speak make one pair, the one with the higher priority as its sender: what differs is told once.
    """
    ours = [s for s in router.speaking() if s.node is not None]
    told: set[frozenset[str | None]] = set()
    for sender in sorted(ours, key=lambda s: (-s.said.priority, int(s.source))):
        for node, instance in router.instances:
            pair = frozenset({sender.node, node.name})
            if node.name != sender.node and pair not in told:
                told.add(pair)
                yield sender, node, instance


def look_on_both(picture: ClusterPicture, router: OwnRouter) -> str:
    """How to see the adverts oneself."""
    device = router.instances[0][1].interface or router.instances[0][0].spec.lan_interface
    return f"on each node: tcpdump -c 5 -nni {quote(device)} 'ip proto 112 or ip6 proto 112'"


def config_of(picture: ClusterPicture) -> str:
    """Where the nodes have their keepalived.conf."""
    return picture.spec.keepalived_config


def usual(sender: SenderHeard) -> bool:
    """Sent to all, as by default; else to one peer."""
    return sender.destination.is_multicast


def joined(addresses: tuple[IpAddress, ...]) -> str:
    """At most four of them, in order."""
    texts = [str(a) for a in addresses[:4]]
    return ", ".join(texts) + (f" and {len(addresses) - 4} more" if len(addresses) > 4 else "") or "none"
