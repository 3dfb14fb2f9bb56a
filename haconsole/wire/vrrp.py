"""VRRP payload bytes <-> `Advert`. Sans-I/O, small and exact; scapy and tshark are its referees in tests.

The eight octets of v2 authentication data are counted and summed, and never kept.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from haconsole.model.packets import Advert, Carp, Checksum, Envelope, HmacTrailer
from haconsole.model.spec import IpAddress
from haconsole.wire.checksums import checksum, pseudo_header, verifies
from haconsole.wire.errors import WireError

_HEADER: Final = struct.Struct("!BBBBHH")  # version|type, VRID, priority, count, interval, checksum
_TRAILER: Final = struct.Struct("!BBHIHH16s")  # type, key id, reserved, seconds, subseconds, counter, HMAC
_AUTH: Final = 8
_CARP_LENGTH: Final = 36
_CARP_AUTH_WORDS: Final = 7
_MULTICAST: Final[dict[int, IpAddress]] = {4: IPv4Address("224.0.0.18"), 6: IPv6Address("ff02::12")}


def parse(payload: bytes, envelope: Envelope, *, missing: int = 0) -> Advert | Carp:
    """Decode one payload of IP protocol 112.

    payload: what stands behind the IP header, cut by the IP length (Ethernet padding gone).
    missing: octets that the capture did not keep.
    Raises: WireError, and nothing else, for any bytes.
    Source: RFC 3768 5 (v2), RFC 9568 5 (v3), keepalived 2.4 vrrp_auth_hmac (trailer),
        OpenBSD ip_carp.h (36 octets, auth length 7, where v2 with 7 addresses has 44).
    """
    if len(payload) < _HEADER.size:
        raise WireError(
            f"a VRRP header has {_HEADER.size} octets, here are {len(payload)}",
            problem="cut-short" if missing else "length",
            envelope=envelope,
        )
    first, vrid, priority, count, interval, _ = _HEADER.unpack_from(payload)
    version, kind = first >> 4, first & 0x0F
    if version == 2 and count == _CARP_AUTH_WORDS and len(payload) + missing == _CARP_LENGTH:
        return Carp(envelope=envelope, vhid=vrid, advskew=priority, advbase_s=payload[5])
    if version not in {2, 3} or kind != 1:
        problem = "type" if version in {2, 3} else "version"
        raise WireError(f"not a VRRP advertisement: version {version}, type {kind}", problem=problem, envelope=envelope)
    if version == 2 and envelope.source.version == 6:
        raise WireError("VRRP version 2 has no IPv6 form", problem="version", envelope=envelope)
    size = 4 if envelope.source.version == 4 else 16
    end = _HEADER.size + count * size
    length = end + (_AUTH if version == 2 else 0)
    present = (min(len(payload), end) - _HEADER.size) // size
    problems: list[str] = []
    trailer = _trailer(payload, length, problems, missing)
    verdict = _verdict(payload[:length], version, envelope) if len(payload) >= length else Checksum.UNKNOWN
    _judge(problems, payload, envelope, verdict, count=count, length=length, missing=missing)
    return Advert(
        envelope=envelope,
        version=version,
        vrid=vrid,
        priority=priority,
        interval_s=float(interval & 0xFF) if version == 2 else (interval & 0x0FFF) / 100,
        addresses=_addresses(payload, present, size),
        auth_type=interval >> 8 if version == 2 else None,
        checksum=verdict,
        trailer=trailer,
        problems=tuple(problems),
    )


def _addresses(payload: bytes, count: int, size: int) -> tuple[IpAddress, ...]:
    kind = IPv4Address if size == 4 else IPv6Address
    starts = range(_HEADER.size, _HEADER.size + count * size, size)
    return tuple(kind(payload[i : i + size]) for i in starts)


def _trailer(payload: bytes, length: int, problems: list[str], missing: int) -> HmacTrailer | None:
    rest = len(payload) - length
    if rest == _TRAILER.size:
        _, key_id, _, seconds, _, counter, _ = _TRAILER.unpack_from(payload, length)
        return HmacTrailer(key_id=key_id, seconds=seconds, counter=counter)
    if rest > 0 and not missing:
        problems.append("auth-trailer" if rest > _TRAILER.size else "length")
    return None


def _judge(
    problems: list[str], payload: bytes, envelope: Envelope, verdict: Checksum, *, count: int, length: int, missing: int
) -> None:
    if len(payload) < length:
        problems.append("cut-short" if missing else "length")
    if not count:
        problems.append("count")
    if envelope.hop_limit != 255 and envelope.destination.is_multicast:
        problems.append("ttl")  # RFC 9568 7.1; keepalived checks it for multicast only (docs/keepalived-versions.md)
    if verdict is Checksum.BAD:
        problems.append("checksum")


def _verdict(message: bytes, version: int, envelope: Envelope) -> Checksum:
    source, destination = envelope.source, envelope.destination
    if version == 2:
        return Checksum.OK if verifies(message) else Checksum.BAD
    if verifies(pseudo_header(source, destination, len(message)) + message):
        return Checksum.OK
    if source.version == 4:
        if verifies(message):
            return Checksum.OK_MESSAGE_ONLY
        if verifies(pseudo_header(source, _MULTICAST[4], len(message)) + message):
            return Checksum.OK_OLD_UNICAST
    return Checksum.BAD


def encode(advert: Advert, *, auth: bytes = b"", form: Checksum = Checksum.OK) -> bytes:
    """The payload of `advert`, with the checksum in the wanted form; the trailer is not encoded.

    auth: v2 authentication data, at most eight octets.
    Raises: WireError when a field does not fit.
    """
    version, interval = advert.version, advert.interval_s
    if version not in {2, 3}:
        raise WireError(f"there is no VRRP version {version}")
    units = round(interval) if version == 2 else round(interval * 100)
    if not 0 <= units <= (0xFF if version == 2 else 0x0FFF):
        raise WireError(f"interval {interval} s does not fit version {version}")
    if len(advert.addresses) > 255 or any(a.version != advert.envelope.source.version for a in advert.addresses):
        raise WireError("at most 255 addresses, all of the packet's own family")
    word = units | ((advert.auth_type or 0) << 8) if version == 2 else units
    head = (version << 4 | 1, advert.vrid, advert.priority, len(advert.addresses), word)
    body = b"".join(a.packed for a in advert.addresses) + (auth[:_AUTH].ljust(_AUTH, b"\0") if version == 2 else b"")
    try:
        message = _HEADER.pack(*head, 0) + body
    except struct.error as error:
        raise WireError(str(error)) from error
    return _HEADER.pack(*head, _sum(message, advert, form)) + body


def _sum(message: bytes, advert: Advert, form: Checksum) -> int:
    source, destination = advert.envelope.source, advert.envelope.destination
    if advert.version == 2 or form is Checksum.OK_MESSAGE_ONLY:
        value = checksum(message)
    else:
        target = _MULTICAST[source.version] if form is Checksum.OK_OLD_UNICAST else destination
        value = checksum(pseudo_header(source, target, len(message)) + message)
    return value ^ 0x5555 if form is Checksum.BAD else value


def without_secret(payload: bytes) -> bytes:
    """The payload with v2 authentication octets zeroed; a good checksum stays good, a bad one bad.

    Anything that is no whole v2 advert comes back as it is, but for octets that stand where
    authentication data would.
    """
    if len(payload) < _HEADER.size or payload[0] >> 4 != 2:
        return payload
    if payload[3] == _CARP_AUTH_WORDS and len(payload) == _CARP_LENGTH:
        return payload
    end = _HEADER.size + payload[3] * 4
    auth = payload[end : end + _AUTH]
    blank = payload[:end] + bytes(len(auth)) + payload[end + _AUTH :]
    if len(auth) < _AUTH:
        return blank
    message = blank[: end + _AUTH]
    good = checksum(message[:6] + b"\0\0" + message[8:])
    if not verifies(payload[: end + _AUTH]):
        good ^= 0x5555
    return blank[:6] + struct.pack("!H", good) + blank[8:]
