"""What listening on a segment has told, as values: who speaks, what changed, how far silence is proof.

Made by `cluster.segment` and `cluster.hearing`; a `WireReading` is what the state keeps of one place.
Nothing in here holds authentication data; only its type is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from haconsole.model.capture import CapturePhase
from haconsole.model.packets import Checksum
from haconsole.model.problems import Problem
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

Key = tuple[int, int]
"""(VRID, IP version)."""


class Kind(Enum):
    """Why another sender became master."""

    HAND_OVER = "hand-over"
    """The old master said priority 0: an orderly stop or FAULT."""
    SILENCE = "silence"
    """The old master was not heard for its master-down time."""
    PREEMPTION = "preemption"
    """A higher priority took over from a master that was still heard."""
    LOWERED = "lowered"
    """The old master lowered its own priority first: a drain, a weighted check."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """Master changed. `gap_s`: from the old master's last advert to the new one's first."""

    at: float
    key: Key
    old: IpAddress
    new: IpAddress
    kind: Kind
    gap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderHeard:
    """One sender of one virtual router, as heard at one place. Times: console clock, seconds."""

    source: IpAddress
    mac: str | None
    former_mac: str | None = None
    """The hardware address it came from before, and how often it changed in the present run."""
    mac_changes: int = 0
    destination: IpAddress
    version: int
    priority: int
    interval_s: float
    """As announced."""
    observed_interval_s: float | None
    jitter_s: float | None
    """Largest distance of a gap from the announced interval, of the last gaps."""
    longest_gap_s: float | None
    late: int
    """Of the last `gaps` gaps, those longer than 1.5 intervals, and by more than 0.1 s."""
    close: int
    """Of the last `gaps` gaps, those shorter than a fifth of the interval."""
    gaps: int
    auth_type: int | None
    addresses: tuple[IpAddress, ...]
    hop_limit: int
    checksum: Checksum
    problems: tuple[str, ...]
    first_at: float
    last_at: float
    speaking_since: float
    """Start of its present run without a master-down time of silence."""
    count: int

    def speaks(self, now: float) -> bool:
        """Counts as a master at `now`: priority above 0, heard within three intervals."""
        return self.priority > 0 and now - self.last_at <= 3 * self.interval_s + 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterHeard:
    """One virtual router as heard at one place."""

    key: Key
    senders: tuple[SenderHeard, ...]
    adverts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WireReading:
    """What listening at one place has told up to `at` (console clock)."""

    at: float
    phase: CapturePhase
    listening_since: float | None
    """Since when silence is silence on the wire, without a break; None: not listening."""
    interface: str | None = None
    problem: Problem | None = None
    routers: tuple[RouterHeard, ...] = ()
    """Those of this cluster, and the most heard of all others."""
    left_out: int = 0
    """Virtual routers and senders that were heard and are not in here, and adverts of such as are not tracked."""
    announced: Mapping[IpAddress, tuple[float, str]] = field(default_factory=dict)
    """VIP -> (when, hardware address) of its last gratuitous ARP or neighbour advertisement."""
    takeovers: tuple[Takeover, ...] = ()
    """The last ones of this place, oldest first."""
    heard: int = 0
    flooded: int = 0
    dropped: int | None = None
    doubtful_at: float | None = None
    """When packets were last lost or left out: before that, silence proves nothing. None: never."""

    def router(self, key: Key) -> RouterHeard | None:
        """What was heard of one virtual router; None: nothing."""
        return next((r for r in self.routers if r.key == key), None)

    def proves_since(self) -> float | None:
        """From when on silence at this place is proof; None: it is none."""
        if self.listening_since is None:
            return None
        return max(self.listening_since, self.doubtful_at or self.listening_since)
