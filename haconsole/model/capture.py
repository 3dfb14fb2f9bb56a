"""What a capture tells: packets heard at one place, and how the listening itself goes.

A place is a node (its name), an interface of this machine, or a file.
"""

from __future__ import annotations

from enum import Enum

from haconsole.model.packets import Envelope, Packet
from haconsole.model.problems import Problem
from haconsole.model.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One packet that concerns us, as it may be shown: the frame holds no secret any more."""

    place: str | None
    """Who heard it; None: a file, which does not say."""
    at: float
    """Seconds since the epoch on the console's clock: the node's time less its measured offset."""
    error_s: float | None
    """Half-width of the error of `at` against the console's clock; None: not known (a file)."""
    packet: Packet
    frame: bytes
    length: int
    """Octets on the wire; `len(frame)` may be less."""
    link_type: int
    """As in the pcap format; 1: Ethernet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A packet that claims to be VRRP and cannot be read. place, at: as of `Heard`; problem: as in `Advert.problems`.

    Its octets are not kept: where its password would stand is not known.
    """

    place: str | None
    at: float
    envelope: Envelope
    problem: str
    why: str


class CapturePhase(Enum):
    """Where the listening at one place stands."""

    STARTING = "starting"
    LISTENING = "listening"
    """The capture is open: silence from here on is silence on the wire."""
    WAITING = "waiting"
    """It failed or ended; the next try is at `retry_at`."""
    OVER = "over"
    """No further try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureState:
    """The listening at `place` changed its phase. `problem` says why it is WAITING or OVER."""

    place: str
    at: float
    phase: CapturePhase
    interface: str | None = None
    problem: Problem | None = None
    retry_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCounts:
    """What became of the packets at `place`, since its capture was opened first."""

    place: str
    at: float
    heard: int = 0
    """Given on: adverts, CARP, gratuitous ARP, unsolicited neighbour advertisements."""
    unreadable: int = 0
    """Claimed to be one of these and could not be decoded."""
    flooded: int = 0
    """Left out here: one sender, or many unknown ones, came faster than is taken."""
    dropped: int | None = None
    """Lost before they reached the capture (kernel, interface); None: never told."""


CaptureNews = CaptureState | CaptureCounts
