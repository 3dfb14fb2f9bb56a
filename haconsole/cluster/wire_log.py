"""What the wire tells -> lines of the merged log, each once though several nodes hear it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from haconsole.model.capture import CapturePhase
from haconsole.model.events import WireHeard
from haconsole.model.hearing import Kind, Takeover, WireReading
from haconsole.model.spec import IpAddress
from haconsole.model.state import ClusterState, Occurrence

SAME_ANNOUNCEMENT_S: Final = 15.0
"""keepalived repeats its gratuitous ARP: five at once, five more five seconds later; one line tells of them."""


def names_of(state: ClusterState, addresses: Mapping[IpAddress, str] | None = None) -> dict[IpAddress, str]:
    """Address -> node: what the kernels have, whenever that was read; VIPs are nobody's own."""
    found = dict(addresses or {})
    for node in state.nodes.values():
        for each in node.kernel.value.addresses if node.kernel is not None else ():
            if each.address.ip not in state.vips:
                found.setdefault(each.address.ip, node.name)
    return found


def occurrences(state: ClusterState, event: WireHeard) -> Iterator[Occurrence]:
    """Lines for what is new in `event`; `state` is that before it."""
    names = names_of(state)
    before = state.wire.get(event.place)
    yield from _listening(event, before)
    for takeover in event.takeovers:
        yield _said(takeover.at, takeover_text(takeover, names))
    if event.left_out:
        yield _said(event.at, f"{event.left_out} more changes of master in the last second are not listed")
    yield from _announcements(state, event, before)


def _said(at: float, text: str) -> Occurrence:
    return Occurrence(at=at, error_s=None, origin="wire", source="wire", text=text)


def _listening(event: WireHeard, before: WireReading | None) -> Iterator[Occurrence]:
    now = event.reading
    if now.phase not in {CapturePhase.WAITING, CapturePhase.OVER} or now.problem is None:
        return
    if before is None or before.problem is None or before.problem.summary != now.problem.summary:
        text = f"wire not heard: {now.problem.summary}"
        yield Occurrence(at=event.at, error_s=0.0, origin=event.place, source="console", text=text)


def takeover_text(takeover: Takeover, names: Mapping[IpAddress, str]) -> str:
    """`takeover of VRID 1 by proxy-serv02 after 3.6 s silence of proxy-serv01`."""
    old, new = names.get(takeover.old, str(takeover.old)), names.get(takeover.new, str(takeover.new))
    vrid, gap = f"VRID {takeover.key[0]}", f"{takeover.gap_s:.{2 if takeover.gap_s < 1 else 1}f} s"
    match takeover.kind:
        case Kind.HAND_OVER:
            return f"{takeover.old} {vrid} priority 0: orderly hand-over from {old} to {new} in {gap}"
        case Kind.SILENCE:
            return f"takeover of {vrid} by {new} after {gap} silence of {old}"
        case Kind.PREEMPTION:
            return f"takeover of {vrid} by {new} from {old}: higher priority, after {gap}"
        case Kind.LOWERED:
            return f"takeover of {vrid} by {new}: {old} had lowered its priority; after {gap}"
        case Kind.OTHER:
            return f"takeover of {vrid} by {new} from {old} after {gap}"


def _announcements(state: ClusterState, event: WireHeard, before: WireReading | None) -> Iterator[Occurrence]:
    """The first of each burst for a VIP, unless another place told of it."""
    for address, (at, mac) in event.reading.announced.items():
        known = [r.announced[address] for r in state.wire.values() if address in r.announced]
        if any(m == mac and at - t < SAME_ANNOUNCEMENT_S for t, m in known):
            continue
        kind = "gratuitous ARP" if address.version == 4 else "unsolicited neighbour advertisement"
        yield _said(at, f"{kind}: {address} is at {mac}")
