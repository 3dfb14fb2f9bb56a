"""A real request through one node's squid, made from the console at an address of the node's own on its LAN.

The way, the sender and the access rules are then those of the probes through the VIPs. From the node
itself it would go over `lo`, past its firewall, and squid would judge another client.
"""

from __future__ import annotations

import asyncio
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.io.ports import ClientProbe
from haconsole.model.events import ClientResult
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.operations.guards_context import Answer

PROBE_S: Final = 4.0


async def own_request(
    spec: ClusterSpec, picture: ClusterPicture, node: NodePicture, probe: ClientProbe
) -> Answer | None:
    """One for each IP version that the VIPs have; all must be answered. None: no VIP is known, none was made."""
    answers: list[Answer] = []
    for version in sorted({v.address.version for v in picture.vips}):
        where = own_address(spec, picture, node, version)
        if where is None:
            text = f"no IPv{version} address of its own on {node.spec.lan_interface} is known where squid listens"
            answers.append(Answer(ok=None, text=text))
            continue
        try:
            async with asyncio.timeout(PROBE_S):
                answers.append(_answer(await probe.probe(spec, where), where))
        except TimeoutError:
            answers.append(Answer(ok=False, text=f"no answer at {where} within {PROBE_S:g} s"))
    if not answers:
        return None
    worst = min(answers, key=lambda a: {False: 0, None: 1, True: 2}[a.ok])
    return Answer(ok=worst.ok, text="; ".join(a.text for a in answers))


def _answer(result: ClientResult, where: IpAddress) -> Answer:
    if not result.ok:
        return Answer(ok=False, text=f"{where}: {result.error or 'refused'}")
    if result.checked != "http":
        return Answer(ok=None, text=f"{where} accepts connections; without probe_url no request is made")
    took = "" if result.latency_s is None else f" in {result.latency_s * 1000:.0f} ms"
    return Answer(ok=True, text=f"{result.status} at {where}{took}")


def own_address(spec: ClusterSpec, picture: ClusterPicture, node: NodePicture, version: int) -> IpAddress | None:
    """An address of the node's own on its LAN, in a VIP's network if it has one there.

    Where squid listens on VIPs only: one that the node has now, and squid listens on.
    """
    vips = {v.address for v in picture.vips}
    own = [
        a.address
        for a in node.addresses_of(node.spec.lan_interface)
        if a.address.version == version and not a.address.is_link_local and not a.tentative
        and a.address.ip not in vips and a.address.ip not in node.managed
    ]  # fmt: skip
    own.sort(key=lambda a: not any(v.version == version and v in a.network for v in vips))
    held = [v for v in vips if v.version == version and node.holds(v)]
    listening = None if node.squid is None else node.squid.listening
    candidates = [*(a.ip for a in own), *sorted(held, key=int)]
    if listening is not None and listening:
        everywhere = any(x.address is None and (version == 4 or not x.text.startswith("0.0.0.0:")) for x in listening)
        some = {x.address for x in listening if x.port == spec.squid_port}
        candidates = candidates if everywhere else [c for c in candidates if c in some]
    else:
        candidates = candidates[: len(own)]
    return next(iter(candidates), None)
