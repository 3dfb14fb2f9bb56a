"""What was heard on the wire: VRRP adverts, CARP, gratuitous ARP, unsolicited neighbour advertisements.

Made by `wire`. The v2 authentication octets are in none of these values; only their type is.
"""

from __future__ import annotations

from enum import Enum

from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


class Checksum(Enum):
    """Verdict on a VRRP checksum."""

    OK = "ok"
    OK_MESSAGE_ONLY = "ok-message-only"
    """v3 over IPv4 without pseudo-header: RFC 9568 5.2.8, keepalived's `v3_checksum_as_v2`."""
    OK_OLD_UNICAST = "ok-old-unicast"
    """v3 unicast summed with 224.0.0.18 as destination: keepalived up to 1.3.6."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """The capture cut the packet short."""

    @property
    def ok(self) -> bool | None:
        """True, False, or None where it cannot be told."""
        if self is Checksum.UNKNOWN:
            return None
        return self is not Checksum.BAD


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacTrailer:
    """keepalived 2.4's authentication extension, 28 octets behind the message; not verified here."""

    key_id: int
    seconds: int
    counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """How a packet travelled. `hop_limit` is IPv4's TTL too."""

    source: IpAddress
    destination: IpAddress
    hop_limit: int
    source_mac: str | None = None
    vlan: int | None = None
    authentication_header: bool = False
    """An IPsec AH stood in front (VRRP v2 authentication type 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """One VRRP advertisement. RFC 3768 section 5.1 (v2), RFC 9568 section 5.1 (v3)."""

    envelope: Envelope
    version: int
    vrid: int
    priority: int
    interval_s: float
    addresses: tuple[IpAddress, ...]
    auth_type: int | None
    """v2's authentication type; None in v3, which has none."""
    checksum: Checksum
    trailer: HmacTrailer | None = None
    problems: tuple[str, ...] = ()
    """Of `ttl`, `checksum`, `length`, `auth-trailer`, `cut-short`, `count`.

    Of what cannot be read at all (`wire.errors`): `length`, `cut-short`, `version`, `type`, `fragment`, `header`.
    """

    @property
    def key(self) -> tuple[int, int]:
        """(VRID, IP version): what tells one virtual router from another on a segment."""
        return (self.vrid, self.envelope.source.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carp:
    """OpenBSD's CARP, which shares protocol number 112 with VRRP."""

    envelope: Envelope
    vhid: int
    advskew: int
    advbase_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Gratuitous ARP or an unsolicited neighbour advertisement: `mac` says that it has `address`."""

    address: IpAddress
    mac: str
    source_mac: str | None = None
    vlan: int | None = None


Packet = Advert | Carp | Announcement
"""What the decoder can say of a frame that concerns us."""
