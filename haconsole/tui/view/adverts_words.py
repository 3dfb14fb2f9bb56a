"""What is worth saying of one packet beyond its fields: remarks, with how bad they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.cluster.hearing import Hearing
from haconsole.model.capture import Heard
from haconsole.model.hearing import Key, Kind, Takeover
from haconsole.model.packets import Advert, Announcement, Carp, Checksum, Packet
from haconsole.model.spec import IpAddress
from haconsole.tui.view.adverts import Ours
from haconsole.tui.view.text import Level

Takeovers = Mapping[tuple[str | None, float, Key, IpAddress], Takeover]
"""(place, time, virtual router, new master) -> the take-over that this advert completed."""

KINDS: Final = {
    Kind.HAND_OVER: "orderly hand-over",
    Kind.SILENCE: "silence",
    Kind.PREEMPTION: "preemption",
    Kind.LOWERED: "the old master lowered its priority",
    Kind.OTHER: "the old master was still heard",
}
PROBLEMS: Final = {
    "ttl": "TTL is not 255",
    "checksum": "bad checksum",
    "length": "length does not fit its fields",
    "auth-trailer": "unknown octets behind the message",
    "cut-short": "the capture cut it short",
    "count": "no addresses",
}
CHECKSUMS: Final = {
    Checksum.OK: "ok",
    Checksum.OK_MESSAGE_ONLY: "ok, summed without pseudo-header",
    Checksum.OK_OLD_UNICAST: "ok, in the unicast form of keepalived up to 1.3.6",
    Checksum.BAD: "bad",
    Checksum.UNKNOWN: "not known: the capture cut the packet short",
}


def takeovers_of(hearing: Hearing) -> Takeovers:
    """Every take-over that is still kept, by the advert that completed it."""
    return {(n, t.at, t.key, t.new): t for n, place in hearing.places.items() for t in place.tracker.takeovers}


def takeover_of(heard: Heard, takeovers: Takeovers) -> Takeover | None:
    """The take-over that this packet completed."""
    if not isinstance(heard.packet, Advert):
        return None
    return takeovers.get((heard.place, heard.at, heard.packet.key, heard.packet.envelope.source))


def remark(heard: Heard, takeovers: Takeovers, ours: Ours) -> tuple[Level, str]:
    """The remarks on one packet; (NONE, "") where it is an ordinary one."""
    packet = heard.packet
    if isinstance(packet, Carp):
        return Level.INFO, "CARP, not VRRP"
    if isinstance(packet, Announcement):
        return Level.NONE, ""
    said: list[tuple[Level, str]] = []
    takeover = takeover_of(heard, takeovers)
    if takeover is not None:
        bad = takeover.kind in {Kind.SILENCE, Kind.OTHER}
        said.append(
            (Level.WARNING if bad else Level.INFO, f"takeover after {takeover.gap_s:.1f} s, {takeover.kind.value}")
        )
    if packet.priority == 0:
        said.append((Level.INFO, "priority 0: orderly hand-over"))
    said += [(Level.WARNING, PROBLEMS.get(p, p)) for p in packet.problems]
    if ours.known(packet.envelope.source) is False:
        said.append((Level.WARNING, "no node of ours"))
    if packet.checksum in {Checksum.OK_MESSAGE_ONLY, Checksum.OK_OLD_UNICAST}:
        said.append((Level.INFO, f"checksum {packet.checksum.value}"))
    return max((level for level, _ in said), default=Level.NONE), "; ".join(text for _, text in said)


def kind_of(packet: Packet) -> str:
    """What a packet is called."""
    match packet:
        case Advert():
            return f"VRRPv{packet.version} advertisement"
        case Carp():
            return "CARP advertisement, not VRRP"
        case Announcement():
            return "gratuitous ARP" if packet.address.version == 4 else "unsolicited neighbour advertisement"


def authentication(advert: Advert) -> str:
    """The kind of authentication; never its data."""
    if advert.trailer is not None:
        return f"HMAC trailer, key {advert.trailer.key_id} (not verified here)"
    kind = advert.auth_type
    if kind is None:
        return "none: version 3 has none"
    known = {0: "none", 1: "password, readable for all on the segment (not kept here)", 2: "IPsec AH"}
    return known.get(kind, f"type {kind}, unknown")


def words(packet: Packet, ours: Ours) -> str:
    """What a filter finds in a packet: its values, and `name=value` words."""
    if isinstance(packet, Announcement):
        node = ours.cards.get(packet.mac)
        return f"garp arp gratuitous neighbour {packet.address} {packet.mac} {_from(node, ours)}".casefold()
    source = str(packet.envelope.source)
    whose = f"{source} from={source} {_from(ours.addresses.get(packet.envelope.source), ours)}"
    if isinstance(packet, Carp):
        return f"carp {whose} vhid={packet.vhid}".casefold()
    addresses = " ".join(map(str, packet.addresses))
    return (
        f"advert vrrp v{packet.version} {whose} {packet.envelope.source_mac or ''} "
        f"vrid={packet.vrid} prio={packet.priority} ttl={packet.envelope.hop_limit} "
        f"checksum={packet.checksum.value} {addresses} {' '.join(packet.problems)}"
    ).casefold()


def _from(node: str | None, ours: Ours) -> str:
    return "" if node is None else f"from={node} from={ours.shorts.get(node, node)}"
