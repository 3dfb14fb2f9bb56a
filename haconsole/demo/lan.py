"""The LAN of a simulated cluster in octets, for those who capture: adverts and gratuitous ARP as
keepalived 2.2.7 sends them. Nothing is built while nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from haconsole.cluster import vrrp_instance as vrrp
from haconsole.demo.keepalived import LAN
from haconsole.demo.node import SimNode
from haconsole.demo.plan import InstancePlan
from haconsole.demo.sim import Sim
from haconsole.model.packets import Advert, Checksum, Envelope
from haconsole.model.spec import IpAddress
from haconsole.wire import frames
from haconsole.wire.vrrp import encode

WIRE_S: Final = 0.0002
"""A frame's way through the switch."""
GAP_S: Final = 0.00002
"""Between two frames that a node sends at once."""
_GROUP_4: Final = IPv4Address("224.0.0.18")
_GROUP_6: Final = IPv6Address("ff02::12")
_BROADCAST: Final = "ff:ff:ff:ff:ff:ff"
_CONTROL: Final = 0xC0
"""IPv4's type of service of an advert: internetwork control."""

Made = tuple[bytes, str]
"""An IP or ARP packet, and the MAC that it goes to."""


class Lan:
    """Carries frames to what taps the LAN interfaces of `nodes`."""

    def __init__(self, sim: Sim, nodes: Mapping[str, SimNode]) -> None:
        self._sim, self._nodes = sim, nodes
        self._numbers: dict[tuple[str, str], int] = {}
        """(node, instance) -> the last IPv4 identification, which keepalived counts itself."""
        self._free_at: dict[str, float] = {}

    def advert(self, sender: SimNode, instance: InstancePlan, advert: vrrp.Heard) -> None:
        """`sender` multicasts an advert."""
        key = (sender.plan.name, instance.name)
        number = self._numbers[key] = self._numbers.get(key, 0) % 0xFFFF + 1
        self._put(sender, lambda: [advert_packet(instance, advert, number)])

    def announce(self, sender: SimNode, vips: Sequence[IpAddress], times: int) -> None:
        """`sender` says so many times that it has the VIPs, each once in every round."""
        mac = sender.plan.mac(LAN)
        self._put(sender, lambda: [announcement(vip, mac) for vip in vips] * times)

    def _put(self, sender: SimNode, make: Callable[[], Iterable[Made]]) -> None:
        if not (sender.on and sender.kernel.running(LAN)):
            return
        if not any(node.kernel.tapped(LAN) for node in self._nodes.values()):
            return
        name, mac = sender.plan.name, sender.plan.mac(LAN)
        for packet, target in make():
            at = max(self._sim.now, self._free_at.get(name, self._sim.now))
            self._free_at[name] = at + GAP_S
            kind = _ethertype(packet)
            frame = frames.ethernet(packet, source_mac=mac, destination_mac=target, ethertype=kind)
            self._sim.at(at, self._sending(sender, frame, 14 + len(packet)))

    def _sending(self, sender: SimNode, frame: bytes, length: int) -> Callable[[], None]:
        """A sender's own capture shows the frame before the network card pads it."""

        def arrive() -> None:
            for node in self._nodes.values():
                if node is not sender and node.on:
                    node.kernel.frame(LAN, frame)

        def leave() -> None:
            sender.kernel.frame(LAN, frame[:length])
            self._sim.later(WIRE_S, arrive)

        return leave


def advert_packet(instance: InstancePlan, advert: vrrp.Heard, number: int) -> Made:
    """An advert as its IP packet. `number`: the IPv4 identification."""
    source = advert.sender
    group = _GROUP_4 if source.version == 4 else _GROUP_6
    payload = encode(
        Advert(
            envelope=Envelope(source=source, destination=group, hop_limit=255),
            version=advert.version,
            vrid=instance.vrid,
            priority=advert.priority,
            interval_s=advert.interval_s,
            addresses=tuple(i.ip for i in instance.interfaces),
            auth_type=0 if advert.version == 2 else None,
            checksum=Checksum.OK,
        )
    )
    if isinstance(source, IPv4Address):
        packet = frames.ipv4(payload, source, _GROUP_4, tos=_CONTROL, identification=number)
    else:
        packet = frames.ipv6(payload, source, _GROUP_6)
    return packet, frames.multicast_mac(group)


def announcement(vip: IpAddress, mac: str) -> Made:
    """Gratuitous ARP, or what is the same in IPv6."""
    if isinstance(vip, IPv4Address):
        return frames.gratuitous_arp(vip, mac), _BROADCAST
    return frames.neighbour_advertisement(vip, mac), frames.multicast_mac(frames.ALL_NODES)


def _ethertype(packet: bytes) -> int:
    """ARP begins with its hardware type, 0001; IP with its version."""
    return {4: frames.IPV4, 6: frames.IPV6}.get(packet[0] >> 4, frames.ARP)
