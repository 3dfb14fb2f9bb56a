"""Packets as JSON lines (`haconsole.advert/1`, `haconsole.garp/1`) and as lines of text. Pure.

Secrets are not in these values (see `model.packets`), so nothing has to be left out here.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

from haconsole.model.packets import Advert, Announcement, Carp, Checksum, Envelope, Packet

_AUTH: Final = {0: "none", 1: "password", 2: "ah"}


def stamp(at: float) -> str:
    """RFC 3339 in UTC, microseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def packet_document(at: float, packet: Packet, heard_by: str | None = None) -> dict[str, object] | None:
    """The JSON document of one packet; None for what has none (CARP).

    heard_by: the node or interface that heard it; None: not known (a file).
    """
    if isinstance(packet, Advert):
        return {
            "schema": "haconsole.advert/1",
            "time": stamp(at),
            "source": str(packet.envelope.source),
            "destination": str(packet.envelope.destination),
            "source_mac": packet.envelope.source_mac,
            "vlan": packet.envelope.vlan,
            "version": packet.version,
            "vrid": packet.vrid,
            "priority": packet.priority,
            "interval_s": packet.interval_s,
            "addresses": [str(a) for a in packet.addresses],
            "auth_type": _auth(packet),
            "ttl": packet.envelope.hop_limit,
            "checksum_ok": packet.checksum.ok,
            "checksum": packet.checksum.value,
            "problems": list(packet.problems),
            "heard_by": heard_by,
        }
    if isinstance(packet, Announcement):
        return {
            "schema": "haconsole.garp/1", "time": stamp(at), "address": str(packet.address), "mac": packet.mac,
            "source_mac": packet.source_mac, "vlan": packet.vlan, "heard_by": heard_by,
        }  # fmt: skip
    return None


def unread_document(at: float, envelope: Envelope, problem: str, heard_by: str | None = None) -> dict[str, object]:
    """The JSON document of what claims to be VRRP and cannot be read: what it does not tell is None."""
    return {
        "schema": "haconsole.advert/1",
        "time": stamp(at),
        "source": str(envelope.source),
        "destination": str(envelope.destination),
        "source_mac": envelope.source_mac,
        "vlan": envelope.vlan,
        "version": None,
        "vrid": None,
        "priority": None,
        "interval_s": None,
        "addresses": None,
        "auth_type": None,
        "ttl": envelope.hop_limit,
        "checksum_ok": None,
        "checksum": None,
        "problems": [problem],
        "heard_by": heard_by,
    }


def unread_line(
    at: float, envelope: Envelope, why: str, zone: tzinfo | None = None, heard_by: str | None = None
) -> str:
    """The same as a line for people."""
    when = datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%H:%M:%S.%f")[:-3]
    when = when if heard_by is None else f"{when}  {heard_by}"
    return f"{when}  {envelope.source!s:<15} claims to be VRRP and cannot be read: {why}"


def _auth(advert: Advert) -> str | None:
    if advert.trailer is not None:
        return "hmac"
    if advert.auth_type is None:
        return None
    return _AUTH.get(advert.auth_type, str(advert.auth_type))


def packet_line(at: float, packet: Packet, zone: tzinfo | None = None, heard_by: str | None = None) -> str:
    """One packet as a line for people. `heard_by`: padded by the caller, so that columns stand."""
    when = datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%H:%M:%S.%f")[:-3]
    when = when if heard_by is None else f"{when}  {heard_by}"
    match packet:
        case Advert():
            return f"{when}  {_advert(packet)}"
        case Announcement():
            word = "gratuitous ARP" if packet.address.version == 4 else "neighbour advertisement"
            return f"{when}  {word:<28} {packet.address} is at {packet.mac}"
        case Carp():
            return f"{when}  {packet.envelope.source!s:<15} CARP vhid {packet.vhid} advskew {packet.advskew}: not VRRP"


def _advert(advert: Advert) -> str:
    remarks = list(advert.problems)
    if advert.priority == 0:
        remarks.append("priority 0: gives up its role, orderly hand-over")
    if advert.checksum in {Checksum.OK_MESSAGE_ONLY, Checksum.OK_OLD_UNICAST}:
        remarks.append(f"checksum {advert.checksum.value}")
    auth = _auth(advert)
    if auth not in {None, "none"}:
        remarks.append(f"auth {auth}")
    addresses = " ".join(map(str, advert.addresses))
    text = (
        f"{advert.envelope.source!s:<15} v{advert.version} VRID {advert.vrid:<3} priority {advert.priority:<3} "
        f"every {advert.interval_s:g} s  {addresses}  ttl {advert.envelope.hop_limit}"
    )
    return text + (f"  [{'; '.join(remarks)}]" if remarks else "")
