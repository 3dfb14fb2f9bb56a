"""A closer look without nodes: real offers and real conclusions, of answers that a test gives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from haconsole.cluster.conclude import Snapshot
from haconsole.model.asked import FileStat, NodeAsked
from haconsole.model.events import ClientResult
from haconsole.operations import closer, closer_proof
from haconsole.operations.closer import Line, Look, Offer
from haconsole.operations.closer_proof import Ran, Seen
from tests.unit.cluster.builders import CONF, config
from tests.unit.tui import scenes
from tests.unit.tui.operating import whole

OWN = {
    (scenes.ONE, 4): ip_address("192.168.2.251"),
    (scenes.TWO, 4): ip_address("192.168.2.252"),
}
FAILS = "FATAL: failed to open /run/squid.pid: (2) No such file or directory"


@dataclass
class FakeLooker:
    """status: of check scripts. ready: unset, a look does not end."""

    status: int = 1
    looked: list[str] = field(default_factory=list)
    asks: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.ready.set()

    def offers(self, snapshot: Snapshot) -> tuple[Offer, ...]:
        return closer.offers(snapshot.picture.spec, snapshot.picture, OWN)

    def audit_offer(self, snapshot: Snapshot) -> Offer:
        read = [n for n in snapshot.picture.nodes if n.config is not None]
        lines = [Line(where=n.name, text="stat -L -c '%f %u %g %Y %n' -- /usr/sbin/squid") for n in read]
        return closer.audit_offer(lines, snapshot.picture)

    async def look(self, offer: Offer, snapshot: Snapshot) -> Seen:
        self.looked.append(offer.key)
        await self.ready.wait()
        ran = [Ran(where=line.where, text=line.text, status=0) for line in offer.lines]
        if offer.look is Look.SCRIPT and offer.check is not None:
            said = FAILS if self.status else ""
            proof = closer_proof.of_script(offer.check, "root", self.status, 0.034, said)
            ran = [
                Ran(
                    where=offer.check.node,
                    text=offer.lines[-1].text,
                    status=self.status,
                    seconds=0.034,
                    output=said,
                    good=not self.status,
                )
            ]
        else:
            every = [*(v.address for v in snapshot.picture.vips), *OWN.values()]
            answers = {a: ClientResult(ok=True, checked="http", status=200) for a in every}
            proof = closer_proof.of_squid(snapshot.picture, OWN, answers)
        return Seen(key=offer.key, at=scenes.NOW - 2, proof=proof, ran=tuple(ran))

    async def ask(self, snapshot: Snapshot) -> dict[str, NodeAsked]:
        self.asks += 1
        await self.ready.wait()
        missing = {
            "/usr/sbin/squid": None,
            "/etc/keepalived/keepalived.conf": FileStat(mode=0o100644, uid=0, gid=0, modified_node_s=0.0),
        }
        return {n.name: NodeAsked(files=missing, firewalls=(), at=scenes.NOW - 3) for n in snapshot.picture.nodes}


def mismatched() -> Snapshot:
    """A pair whose second node has another VRID, interval and check than the first: each would be master."""
    shown = whole()
    text = CONF.format(one=100, two=254).replace("virtual_router_id 2", "virtual_router_id 2\n    advert_int 2")
    other = text.replace("192.168.2.101/24", "192.168.2.103/24").replace("interval 3", "interval 3\n    timeout 9")
    node = replace(shown.picture.nodes[1], config=config(scenes.TWO, other))
    return replace(shown, picture=replace(shown.picture, nodes=(shown.picture.nodes[0], node)))


def failing() -> Snapshot:
    """eth1 of the second node is down, and everything of both was read: looks can be taken."""
    shown, read = scenes.eth1_down(), whole()
    nodes = tuple(
        replace(n, config=r.config, config_at=r.config_at)
        for n, r in zip(shown.picture.nodes, read.picture.nodes, strict=True)
    )
    return replace(shown, picture=replace(shown.picture, nodes=nodes))
