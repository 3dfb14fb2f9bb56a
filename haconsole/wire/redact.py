"""Frames as they may leave the program: v2 authentication octets zeroed, everything else as it was."""

from __future__ import annotations

from haconsole.model.packets import Advert
from haconsole.wire import frames, vrrp
from haconsole.wire.errors import WireError


def without_secrets(frame: bytes, link_type: int, length: int | None = None) -> bytes:
    """The frame with the authentication octets of a v2 advert zeroed and its checksum recomputed
    (one that was bad stays bad). A frame that claims protocol 112 and cannot be decoded is cut
    behind its link header: better nothing than a password."""
    try:
        packet = frames.decode(frame, link_type, length)
    except WireError:
        return frame[: _link_start(frame, link_type)]
    if not isinstance(packet, Advert) or packet.version != 2 or not packet.auth_type:
        return frame
    start, end = frames.payload_span(frame, link_type)
    return frame[:start] + vrrp.without_secret(frame[start:end]) + frame[end:]


def _link_start(frame: bytes, link_type: int) -> int:
    try:
        return frames.link_layer(frame, link_type).start
    except WireError:
        return 0
