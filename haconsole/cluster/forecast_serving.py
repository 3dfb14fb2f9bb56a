"""Who holds a VIP now, and would a node serve its clients after some changes. Pure; None: not known."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.cluster.forecast_changes import Change, Thing
from haconsole.cluster.forecast_instance import After
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import covers, link_trouble
from haconsole.model.readings import VrrpState
from haconsole.model.spec import IpAddress


def holder_now(picture: ClusterPicture, vip: VipPicture) -> tuple[str | None, str | None]:
    """(the one holder, None), or (None, why there is none that may be believed)."""
    if not vip.holders:
        told = f"{' and '.join(vip.unread)} could not be read" if vip.unread else "no node has it"
        return None, f"who holds {vip.address} now is not known: {told}" if vip.unread else told
    if len(vip.holders) > 1:
        return None, f"{' and '.join(vip.holders)} both have {vip.address}"
    instance = picture.node(vip.holders[0]).instance_of(vip.address)
    if instance is None or instance.state is not VrrpState.MASTER:
        return None, f"{vip.holders[0]} has {vip.address}, but its keepalived does not say MASTER"
    return vip.holders[0], None


def _takes_service(node: NodePicture, change: Change) -> bool:
    if change.restored:
        return False
    if change.thing is Thing.LINK:
        return change.interface in {node.spec.public_interface, node.spec.lan_interface}
    return change.thing in {Thing.NODE, Thing.SQUID}


def serves_after(  # noqa: PLR0911 - one return for each reason
    node: NodePicture, vip: IpAddress, changes: Sequence[Change]
) -> tuple[bool | None, str | None]:
    """Would squid of `node` serve clients of `vip` after `changes`; why not, or why that is not known."""
    mine = [c for c in changes if c.node == node.name]
    taken = next((c for c in mine if _takes_service(node, c)), None)
    if taken is not None:
        return False, taken.text
    back = {c.thing for c in mine if c.restored}
    up = {c.interface for c in mine if c.restored and c.thing is Thing.LINK}
    public = node.spec.public_interface
    if public is not None and public not in up:
        if node.kernel is None:
            return None, f"the links of {node.name} were not read"
        trouble = link_trouble(node, public)
        if trouble is not None:
            return False, f"{public} of {node.name}: {trouble}"
    if Thing.SQUID in back:
        return (True, None)
    if node.squid is None or node.squid.listening is None:
        return None, f"whether squid listens on {node.name} was not read"
    if not covers(node.squid.listening, vip):
        return False, f"squid on {node.name} does not listen for {vip}"
    return True, None


def able_after(node: NodePicture, vip: VipPicture, found: Sequence[After], changes: Sequence[Change]) -> bool | None:
    """Can `node` hold the VIP and serve its clients after `changes`; None: not known."""
    own = next((a for a in found if a.node == node.name), None)
    gone = any(c.node == node.name and c.thing is Thing.NODE and not c.restored for c in changes)
    if gone or (own is not None and own.fit is False):
        return False
    serves, _ = serves_after(node, vip.address, changes)
    if own is None:
        return None if node.instances is None else False
    if serves is False:
        return False
    return True if own.fit and serves else None
