"""What must be seen of a cluster during a change and after it: expectations that judge a picture. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.readings import VrrpState
from haconsole.model.spec import IpAddress
from haconsole.operations.job import Expectation


def served(vips: Iterable[IpAddress]) -> list[Expectation]:
    """Clients of these VIPs are served."""
    return [Expectation(text=f"{address} serves its clients", holds=_client_ok(address)) for address in vips]


def _client_ok(address: IpAddress) -> Callable[[ClusterPicture], bool | None]:
    def holds(picture: ClusterPicture) -> bool | None:
        vip = next((v for v in picture.vips if v.address == address), None)
        return None if vip is None or vip.client is None else vip.client.result.ok

    return holds


def on_node(address: IpAddress, node: str) -> Expectation:
    """The VIP is on this node, and on no other."""

    def holds(picture: ClusterPicture) -> bool | None:
        vip = next((v for v in picture.vips if v.address == address), None)
        return None if vip is None or vip.holders is None else vip.holders == (node,)

    return Expectation(text=f"{address} is on {node}", holds=holds)


def elsewhere(address: IpAddress, node: str) -> Expectation:
    """The VIP is on some other node."""

    def holds(picture: ClusterPicture) -> bool | None:
        vip = next((v for v in picture.vips if v.address == address), None)
        return None if vip is None or vip.holders is None else bool([h for h in vip.holders if h != node])

    return Expectation(text=f"{address} is on another node", holds=holds)


def unit_is(node: str, *, squid: bool, active: bool) -> Expectation:
    """squid, or keepalived, runs or does not."""
    name = "squid" if squid else "keepalived"

    def holds(picture: ClusterPicture) -> bool | None:
        one = picture.node(node)
        unit = one.squid_unit if squid else one.keepalived
        return None if unit is None else unit.active is active

    return Expectation(text=f"{name} is {'active' if active else 'stopped'} on {node}", holds=holds)


def link_is(node: str, interface: str, *, up: bool) -> Expectation:
    """Up with a carrier, or not."""

    def holds(picture: ClusterPicture) -> bool | None:
        kernel = picture.node(node).kernel
        link = None if kernel is None else kernel.links.get(interface)
        return None if link is None else (link.up and link.carrier) is up

    return Expectation(text=f"{interface} is {'up' if up else 'down'} on {node}", holds=holds)


def states_as(before: NodePicture) -> list[Expectation]:
    """Every instance of the node is again what it was."""
    return [
        _state(before.name, i.name, i.state)
        for i in before.instances or ()
        if i.state in {VrrpState.MASTER, VrrpState.BACKUP}
    ]


def _state(node: str, name: str, state: VrrpState) -> Expectation:
    def holds(picture: ClusterPicture) -> bool | None:
        one = next((i for i in picture.node(node).instances or () if i.name == name), None)
        return None if one is None or one.state is None else one.state is state

    return Expectation(text=f"{name} is {state.value} on {node}", holds=holds)


def lowered(node: str, name: str, most: int) -> Expectation:
    """The instance's effective priority is this at most."""

    def holds(picture: ClusterPicture) -> bool | None:
        one = next((i for i in picture.node(node).instances or () if i.name == name), None)
        return None if one is None or one.effective_priority is None else one.effective_priority <= most

    return Expectation(text=f"the priority of {name} follows", holds=holds)


def not_drained(node: str, name: str) -> Expectation:
    """Nothing lowers the instance's priority."""

    def holds(picture: ClusterPicture) -> bool | None:
        one = next((i for i in picture.node(node).instances or () if i.name == name), None)
        if one is None or one.effective_priority is None or one.priority is None:
            return None
        return one.effective_priority >= one.priority

    return Expectation(text=f"{name} has its own priority again", holds=holds)
