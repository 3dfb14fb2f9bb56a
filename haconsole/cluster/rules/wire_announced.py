"""Findings about gratuitous ARP (IPv6: neighbour advertisements): is the segment told where a VIP is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.wire_common import OwnRouter, change, config_of, packet, source_text, vips_of
from haconsole.cluster.wire_log import takeover_text
from haconsole.cluster.wire_picture import MARGIN_S, WirePlace
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.hearing import Takeover
from haconsole.model.spec import IpAddress

ANNOUNCED_S: Final = 1.0
"""Gratuitous ARP comes within this of the new master's first advert."""
RECENT_S: Final = 600.0
"""Of what was longer ago clients have learned by themselves."""


def rules(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """Every finding of the family about one virtual router."""
    yield from not_announced(picture, router)
    for vip in vips_of(picture, router):
        yield from announcement_lost(picture, router, vip)


def not_announced(picture: ClusterPicture, router: OwnRouter) -> Iterator[Finding]:
    """After a take-over nobody told the segment by gratuitous ARP (IPv6: neighbour advertisement) where the VIP is.

    Means: switches and clients keep sending to the old master until their entries age.
    Can be wrong: proven only where the place listened without losses since before the take-over.
    """
    last = next((t for t in reversed(picture.wire.takeovers) if t.key == router.key), None)
    if last is None or picture.at - last.at > RECENT_S or not any(s.source == last.new for s in router.heard.masters):
        return
    for vip in vips_of(picture, router):
        deaf = [p for p in picture.wire.places if _missed(p, vip.address, last)]
        heard = any(_announced(p, vip.address, last) for p in picture.wire.places)
        if heard or not deaf:
            continue
        new = next(s for s in router.heard.senders if s.source == last.new)
        yield Finding(
            id="wire-not-announced",
            severity=Severity.WARNING,
            instance=router.name,
            vip=vip.address,
            summary=f"{source_text(new)} took over {router.vrid}; no gratuitous ARP for {vip.address} was heard since",
            evidence=(
                change(picture, last, takeover_text(last, {s.source: s.name for s in router.heard.senders})),
                packet(new, router),
            ),
            remedy=f"does {new.name} have the address? On it: ip addr show | grep {vip.address}; "
            f"then garp_master_* in {config_of(picture)}; clients learn the new place when their ARP entries age",
            since=last.at,
        )


def _missed(place: WirePlace, vip: IpAddress, last: Takeover) -> bool:
    """The place listened all the time and would have heard it."""
    whole = place.proof_since is not None and place.proof_since < last.at - ANNOUNCED_S
    return whole and place.until - last.at > ANNOUNCED_S + MARGIN_S and not _announced(place, vip, last)


def _announced(place: WirePlace, vip: IpAddress, last: Takeover) -> bool:
    found = place.reading.announced.get(vip)
    return found is not None and found[0] >= last.at - ANNOUNCED_S


def announcement_lost(picture: ClusterPicture, router: OwnRouter, vip: VipPicture) -> Iterator[Finding]:
    """The VIP's holder announces it, and another node of its network, which hears the same node's adverts, does not get
    that.

    Means: the network between them does not pass on what speaks for an address that it did not give to that machine
    (a cloud, port security): clients do not learn where the VIP is, and what they send may not arrive either.
    Proof: the holder's own capture saw the announcement leave; the other one listened without losses and did not
    hear it.
    Can be wrong: where the network learns of moves in another way (a notify script that tells the cloud): it is worth
    knowing only, while clients are served.
    """
    if vip.holders is None or len(vip.holders) != 1:
        return
    node = picture.node(vip.holders[0])
    origin = picture.wire.place(node.name)
    sender = next((s for s in router.speaking() if s.node == node.name), None)
    left = None if origin is None else origin.reading.announced.get(vip.address)
    own = {link.mac for link in node.kernel.links.values()} if node.kernel is not None else set()
    if origin is None or sender is None or left is None or left[1] not in own or picture.at - left[0] > RECENT_S:
        return
    at = left[0]
    deaf = [p for p in picture.wire.places if p is not origin and _lost(picture, node, origin, p, vip, at)]
    deaf = [p for p in deaf if (heard := sender.by.get(p.name)) is not None and heard.last_at > at - MARGIN_S]
    if not deaf:
        return
    served = vip.client is not None and vip.client.result.ok
    protocol = "gratuitous ARP" if vip.address.version == 4 else "a neighbour advertisement"
    names = ", ".join(p.name for p in deaf)
    yield Finding(
        id="wire-announcement-lost",
        severity=Severity.INFO if served else Severity.WARNING,
        node=node.name,
        instance=router.name,
        vip=vip.address,
        summary=f"{protocol} for {vip.address} from {node.name} does not reach {names}, which hears its adverts: the "
        "network between them does not let it through" + (" (clients are served)" if served else ""),
        evidence=(
            Evidence(source=f"wire at {node.name}", text=f"announced: {vip.address} is at {left[1]}", at=at),
            *(
                Evidence(source=f"wire at {p.name}", text=f"listening on {p.reading.interface}: not heard", at=p.until)
                for p in deaf
            ),
            *(packet(sender, router, more="as it arrived", place=p.name) for p in deaf[:1]),
        ),
        remedy="let the network know the address: allowed address pairs or port security of the cloud or hypervisor, "
        "dynamic ARP inspection of the switch; or a notify script that tells the cloud's API of each move",
        since=at,
    )


def _lost(  # noqa: PLR0917 - who sent what, when, and who should have heard it
    picture: ClusterPicture, node: NodePicture, origin: WirePlace, place: WirePlace, vip: VipPicture, at: float
) -> bool:
    """An announcement that left at `at` was not heard there, and should have been."""
    listened = place.proof_since is not None and place.proof_since < at - ANNOUNCED_S
    if not listened or place.until - at <= ANNOUNCED_S + MARGIN_S:
        return False
    heard = place.reading.announced.get(vip.address)
    if heard is not None and heard[0] > at - ANNOUNCED_S:
        return False
    other, vips = picture.node(place.name), {v.address for v in picture.vips}
    here = {a.address.network for a in node.addresses_of(origin.reading.interface or "") if a.address.ip not in vips}
    there = {a.address.network for a in other.addresses_of(place.reading.interface or "") if a.address.ip not in vips}
    return any(n.version == vip.address.version and vip.address in n for n in here & there)
