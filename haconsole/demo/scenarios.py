"""Scenarios by name: tables of what the clusters are and what befalls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.demo.plan import ClusterPlan, Happening, InstancePlan, NodePlan, Scenario, What

ONE, TWO = "proxy-serv01", "proxy-serv02"

_NODES: Final = (
    NodePlan(name=ONE, number=1, lan=("192.168.2.251/24",), public=("203.0.113.11/24",), clock_offset_s=0.0002),
    NodePlan(name=TWO, number=2, lan=("192.168.2.252/24",), public=("203.0.113.12/24",), clock_offset_s=-0.0011),
)


def _pair(high: int) -> tuple[InstancePlan, ...]:
    """The article's two instances; `high` is the master's priority."""
    return (
        InstancePlan(
            name="proxy_ip1", vrid=1, vips=("192.168.2.101/24",), priorities={ONE: high, TWO: 100}, master=ONE
        ),
        InstancePlan(
            name="proxy_ip2", vrid=2, vips=("192.168.2.102/24",), priorities={ONE: 100, TWO: high}, master=TWO
        ),
    )


def article(*timeline: Happening, drainable: bool = False, repeat_s: float | None = None) -> ClusterPlan:
    """The article's cluster; with `drainable` priority 254 and a drain file."""
    return ClusterPlan(
        name="proxy",
        dns_name="proxy-serv",
        nodes=_NODES,
        instances=_pair(254 if drainable else 255),
        drainable=drainable,
        timeline=timeline,
        repeat_s=repeat_s,
    )


def _at(at_s: float, node: str, what: What, arg: str = "") -> Happening:
    return Happening(at_s=at_s, node=node, what=what, arg=arg)


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "healthy": Scenario(doc="Both proxies work, each holds its VIP: the article's cluster.", clusters=(article(),)),
    "eth1-down": Scenario(
        doc="proxy-serv01 lost its public link: proxy-serv02 holds both VIPs.",
        clusters=(article(_at(-72, ONE, What.LINK_DOWN, "eth1")),),
    ),
}
"""What `haconsole demo --scenario` offers."""

DEFAULT: Final = "healthy"
"""What a person gets who asks for nothing."""
