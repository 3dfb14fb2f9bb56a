"""Scenarios by name: tables of what the clusters are and what befalls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from haconsole.demo.plan import DAY_S, ClusterPlan, Happening, InstancePlan, NodePlan, Scenario, What

ONE, TWO, THREE = "proxy-serv01", "proxy-serv02", "proxy-serv03"
HIGH, LOW = 255, 100
"""The article's priorities."""

Events = tuple[tuple[float, str, What, str], ...]
"""(seconds, node, what, argument), see `plan.Happening`."""


def _node(number: int, name: str, clock_offset_s: float) -> NodePlan:
    lan, public = (f"192.168.2.{250 + number}/24",), (f"203.0.113.{10 + number}/24",)
    return NodePlan(name=name, number=number, lan=lan, public=public, clock_offset_s=clock_offset_s)


_NODES: Final = (_node(1, ONE, 0.0002), _node(2, TWO, -0.0011), _node(3, THREE, 0.0006))


def _instances(vips: tuple[str, ...], nodes: tuple[NodePlan, ...], high: int) -> tuple[InstancePlan, ...]:
    """One instance a VIP; each prefers another node, the next ones stand by in turn."""
    made = []
    for index, vip in enumerate(vips):
        turned = [nodes[(index + k) % len(nodes)].name for k in range(len(nodes))]
        priorities = {name: high if k == 0 else LOW + 50 * (len(nodes) - 1 - k) for k, name in enumerate(turned)}
        made.append(
            InstancePlan(
                name=f"proxy_ip{index + 1}", vrid=index + 1, vips=(vip,), priorities=priorities, master=turned[0]
            )
        )
    return tuple(made)


def _timeline(events: Events) -> tuple[Happening, ...]:
    return tuple(Happening(at_s=at, node=node, what=what, arg=arg) for at, node, what, arg in events)


def article(events: Events = (), *, drainable: bool = False, repeat_s: float | None = None) -> ClusterPlan:
    """The article's cluster; `drainable`: with priority 254 and the drain file instead."""
    nodes = _NODES[:2]
    return ClusterPlan(
        name="proxy",
        nodes=nodes,
        instances=_instances(("192.168.2.101/24", "192.168.2.102/24"), nodes, 254 if drainable else HIGH),
        drainable=drainable,
        timeline=_timeline(events),
        repeat_s=repeat_s,
    )


def _few_rights() -> ClusterPlan:
    nodes = tuple(replace(n, user="viewer", groups=("viewer",)) for n in _NODES[:2])
    return replace(article(), nodes=nodes)


def _three() -> ClusterPlan:
    vips = tuple(f"192.168.2.{100 + k}/24" for k in (1, 2, 3))
    return replace(article(), nodes=_NODES, instances=_instances(vips, _NODES, 254), drainable=True)


def _native_six(plan: InstancePlan) -> InstancePlan:
    """The first address of an IPv6 advert must be link-local (RFC 5798 5.2.9)."""
    vips = (f"fe80::{100 + plan.vrid}/64", *plan.vips)
    return replace(plan, name=f"proxy6_ip{plan.vrid}", vrid=plan.vrid + 10, vips=vips)


def _six() -> ClusterPlan:
    nodes = tuple(replace(n, lan=(*n.lan, f"2001:db8:2::{250 + n.number}/64")) for n in _NODES[:2])
    four = _instances(("192.168.2.101/24", "192.168.2.102/24"), nodes, 254)
    six = _instances(("2001:db8:2::101/64", "2001:db8:2::102/64"), nodes, 254)
    both = (*four, *(_native_six(i) for i in six))
    return replace(article(), nodes=nodes, instances=both, drainable=True, version=3)


_FLAPS: Final[Events] = tuple(
    (at, ONE, What.LINK_DOWN if k % 2 == 0 else What.LINK_UP, "eth1") for k, at in enumerate(range(-234, 0, 13))
)
_FLAPPING: Final[Events] = (*_FLAPS, (5.0, ONE, What.LINK_DOWN, "eth1"), (18.0, ONE, What.LINK_UP, "eth1"))

_TOUR: Final[Events] = (
    (20, ONE, What.LINK_DOWN, "eth1"),
    (50, ONE, What.LINK_UP, "eth1"),
    (80, TWO, What.SQUID_STOP, ""),
    (110, TWO, What.SQUID_START, ""),
    (140, ONE, What.DRAIN, "-200"),
    (175, ONE, What.DRAIN, "0"),
    (205, TWO, What.POWER_OFF, ""),
    (240, TWO, What.POWER_ON, ""),
    (280, ONE, What.ADVERTS_BLOCKED, ""),
    (305, ONE, What.ADVERTS_FREE, ""),
    (330, ONE, What.LINK_DOWN, "eth0"),
    (350, ONE, What.LINK_UP, "eth0"),
)


def _site(index: int, events: Mapping[str, tuple[tuple[float, int, What, str], ...]]) -> ClusterPlan:
    """One of fifty: `events` by site, with the node's index instead of its name."""
    name = f"site-{index:02}"
    net = f"10.20.{index}"
    nodes = tuple(
        NodePlan(
            name=f"{name}-proxy{k}",
            number=2 * index + k,
            lan=(f"{net}.{250 + k}/24",),
            public=(f"198.51.100.{2 * index + k}/24",),
            clock_offset_s=0.0003 * ((7 * index + 5 * k) % 9 - 4),
        )
        for k in (1, 2)
    )
    return ClusterPlan(
        name=name,
        nodes=nodes,
        instances=_instances((f"{net}.101/24", f"{net}.102/24"), nodes, 254),
        drainable=True,
        age_s=(3 + 5 * (index % 17)) * DAY_S,
        timeline=_timeline(tuple((at, nodes[k - 1].name, what, arg) for at, k, what, arg in events.get(name, ()))),
    )


_FIFTY: Final[Mapping[str, tuple[tuple[float, int, What, str], ...]]] = {
    "site-07": ((-190, 1, What.LINK_DOWN, "eth1"),),
    "site-13": ((-41, 2, What.SQUID_STOP, ""),),
    "site-21": ((-600, 1, What.POWER_OFF, ""),),
    "site-34": ((-95, 1, What.DRAIN, "-200"),),
    "site-42": ((-30, 2, What.ADVERTS_BLOCKED, ""),),
    "site-48": ((15, 1, What.CARRIER_LOST, "eth0"), (60, 1, What.CARRIER_BACK, "eth0")),
}

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "tour": Scenario(
        doc="Things happen and heal, one after the other, round and round in six minutes.",
        clusters=(article(_TOUR, drainable=True, repeat_s=370.0),),
    ),
    "healthy": Scenario(doc="Both proxies work, each holds its VIP: the article's cluster.", clusters=(article(),)),
    "drainable": Scenario(
        doc="Healthy, with priority 254 and a drain file: a node can be drained without loss.",
        clusters=(article(drainable=True),),
    ),
    "eth1-down": Scenario(
        doc="proxy-serv01 lost its public link: proxy-serv02 holds both VIPs.",
        clusters=(article(((-72, ONE, What.LINK_DOWN, "eth1"),)),),
    ),
    "squid-down": Scenario(
        doc="squid was stopped on proxy-serv01: its check fails, proxy-serv02 holds both VIPs.",
        clusters=(article(((-95, ONE, What.SQUID_STOP, ""),)),),
    ),
    "squid-hung": Scenario(
        doc="squid on proxy-serv01 hangs: its check is green, clients of its VIP get no answer.",
        clusters=(article(((-40, ONE, What.SQUID_HANG, ""),)),),
    ),
    "node-dead": Scenario(
        doc="proxy-serv01 is off: SSH is refused, proxy-serv02 holds both VIPs.",
        clusters=(article(((-180, ONE, What.POWER_OFF, ""),)),),
    ),
    "split-brain": Scenario(
        doc="A firewall on proxy-serv01 drops VRRP: both proxies hold both VIPs.",
        clusters=(article(((-60, ONE, What.ADVERTS_BLOCKED, ""),)),),
    ),
    "vip-nowhere": Scenario(
        doc="Both proxies lost their public links: nobody holds a VIP.",
        clusters=(article(((-50, ONE, What.LINK_DOWN, "eth1"), (-45, TWO, What.LINK_DOWN, "eth1"))),),
    ),
    "vip-left-behind": Scenario(
        doc="keepalived on proxy-serv01 was killed: its VIP stayed there, and proxy-serv02 took it too.",
        clusters=(article(((-55, ONE, What.KEEPALIVED_KILL, ""),)),),
    ),
    "flapping": Scenario(
        doc="proxy-serv01's public link comes and goes, its VIP with it.",
        clusters=(article(_FLAPPING, repeat_s=26.0),),
    ),
    "drained": Scenario(
        doc="proxy-serv01 was drained by its drain file: proxy-serv02 holds both VIPs, all is well otherwise.",
        clusters=(article(((-300, ONE, What.DRAIN, "-200"),), drainable=True),),
    ),
    "three-nodes": Scenario(doc="Three proxies, three VIPs.", clusters=(_three(),)),
    "ipv6": Scenario(doc="VRRPv3 for IPv4 and IPv6: two VIPs of each.", clusters=(_six(),)),
    "few-rights": Scenario(doc="Healthy, but the login may not use sudo and sees no log.", clusters=(_few_rights(),)),
    "fifty": Scenario(
        doc="Fifty clusters, most of them healthy.", clusters=tuple(_site(k, _FIFTY) for k in range(1, 51))
    ),
}
"""What `haconsole demo --scenario` offers."""

DEFAULT: Final = "tour"
"""What a person gets who asks for nothing."""
