"""One simulated cluster: its nodes, the segment between them, its clients and its timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from haconsole.cluster import vrrp_instance as vrrp
from haconsole.demo.keepalived import LAN, PUBLIC
from haconsole.demo.lan import WIRE_S, Lan
from haconsole.demo.node import BOOT_S, SimNode
from haconsole.demo.plan import ClusterPlan, Happening, InstancePlan
from haconsole.demo.sim import Calendar, Sim
from haconsole.model.spec import IpAddress

STAGGER_S: Final = 3.0
"""Between the boots of two nodes, long ago."""
SETTLE_S: Final = 10.0
RATE, CLIENTS = 21.0, 59
"""Requests a second and clients that each VIP brings: a DNS round robin halves them fairly."""


class ClusterSim:
    """Implements `node.Segment`. Made with all its past: at the end of `__init__` it is time 0.

    zero: what the wall clock shows at 0.
    """

    def __init__(self, plan: ClusterPlan, zero: float, speed: float = 1.0) -> None:
        self.plan = plan
        begin = min([0.0, *(h.at_s for h in plan.timeline)]) - 0.5
        boots = STAGGER_S * (len(plan.nodes) - 1) + BOOT_S + SETTLE_S
        self.sim = Sim(begin - boots)
        self.calendar = Calendar(zero=zero, speed=speed, begin=begin, age_s=plan.age_s)
        self._owner: dict[IpAddress, SimNode] = {}
        self._counting = False
        self.on_change: list[Callable[[], None]] = []
        """Called when clients may see something new."""
        self.nodes = {n.name: SimNode(plan, n, self.sim, self.calendar, self) for n in plan.nodes}
        self._lan = Lan(self.sim, self.nodes)
        for index, node in enumerate(self.nodes.values()):
            self.sim.later(index * STAGGER_S, node.power_on)
        for happening in plan.timeline:
            self._schedule(happening)
        self.sim.run_until(0.0)

    def _schedule(self, happening: Happening, shift_s: float = 0.0) -> None:
        at = happening.at_s + shift_s

        def happen() -> None:
            self.nodes[happening.node].befall(happening)
            if self.plan.repeat_s is not None and happening.at_s >= 0:
                self._schedule(happening, shift_s + self.plan.repeat_s)

        self.sim.at(at, happen)

    # --- the segment ------------------------------------------------------------

    def send(self, sender: SimNode, instance: InstancePlan, advert: vrrp.Heard) -> None:
        """Multicast an advert to every other node whose LAN interface works."""
        self._lan.advert(sender, instance, advert)

        def arrive() -> None:
            for node in self.nodes.values():
                if node is not sender and node.on and node.kernel.running(LAN):
                    node.keepalived.heard(instance.name, advert)

        self.sim.later(WIRE_S, arrive)

    def announce(self, sender: SimNode, vips: Sequence[IpAddress], times: int) -> None:
        """Gratuitous ARP: the last word wins."""
        self._lan.announce(sender, vips, times)
        for vip in vips:
            self._owner[vip] = sender
        self.changed()

    def changed(self) -> None:
        """Recount who serves whom, once, when the present moment is over."""
        if not self._counting:
            self._counting = True
            self.sim.later(0.0, self._recount)

    def _recount(self) -> None:
        self._counting = False
        served = [self.holder(vip) for vip in self.plan.vips]
        for node in self.nodes.values():
            share = sum(1 for holder in served if holder is node)
            node.squid.carry(RATE * share, CLIENTS * share)
        for listener in tuple(self.on_change):
            listener()

    # --- what clients meet --------------------------------------------------------

    def holder(self, vip: IpAddress) -> SimNode | None:
        """Where the segment sends what is for `vip`; None: nobody answers for it."""
        holders = [n for n in self.nodes.values() if n.on and n.kernel.running(LAN) and n.kernel.has(vip)]
        last = self._owner.get(vip)
        return last if last in holders else holders[0] if holders else None

    @staticmethod
    def has_origin(node: SimNode) -> bool:
        """Can the node reach the internet."""
        return node.kernel.running(PUBLIC)
