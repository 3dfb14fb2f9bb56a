"""VRRP's timers, priorities and election, as keepalived 2.x has them. Pure arithmetic.

RFC 3768 is VRRPv2, RFC 9568 VRRPv3; where keepalived differs (FAULT, tracking, weights), keepalived
is followed. `cluster.vrrp_instance` builds the life of one instance on this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

OWNER: Final = 255
"""Priority of an address owner (RFC 9568 5.2.4); keepalived takes any 255 for one."""
STOPPED: Final = 0
"""Priority that says: I stop being master (RFC 9568 5.2.4)."""
DOWN_ADVERTS: Final = 3
"""Intervals without an advert before the master is down; keepalived's `down_timer_adverts`."""
FILE_FAULT: Final = -254
"""A track file that lowers by this much or more means FAULT (docs/keepalived-versions.md)."""


def skew_s(version: int, priority: int, interval_s: float) -> float:
    """Skew_Time. v2: (256 - priority)/256 s whatever the interval (RFC 3768 6.1); v3: that share of
    the master's interval (RFC 9568 6.1). `priority` is the effective one."""
    share = (256 - priority) / 256
    return share if version == 2 else share * interval_s


def master_down_s(version: int, priority: int, interval_s: float, down_timer_adverts: int = DOWN_ADVERTS) -> float:
    """Master_Down_Interval (RFC 3768 6.1), Active_Down_Interval (RFC 9568 6.1).

    Counts from the last advert that the backup accepted; after priority 0 only the skew counts
    (RFC 3768 6.4.2).
    """
    return down_timer_adverts * interval_s + skew_s(version, priority, interval_s)


def outranks(priority: int, address: IpAddress, other_priority: int, other_address: IpAddress) -> bool:
    """Does the first win against the second: higher priority, then higher primary address (RFC 3768 6.4.3)."""
    return (priority, int(address)) > (other_priority, int(other_address))


class TrackKind(Enum):
    """What an instance can watch."""

    INTERFACE = "interface"
    SCRIPT = "script"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One thing that an instance watches, as it is now.

    value: interface and script 1 good, 0 bad, None no result yet; file: the number in it (an absent
    file counts as 0).
    """

    kind: TrackKind
    name: str
    weight: int = 0
    value: int | None = None

    def fault(self, *, owner: bool = False) -> bool:
        """True: it alone puts the instance in FAULT.

        An owner has no weights: a weighted script is dropped (run), a weighted file
        counts as unweighted, where any number but 0 is FAULT (docs/keepalived-versions.md).
        """
        if self.value is None:
            return False
        if self.kind is TrackKind.FILE:
            unweighted = owner or self.weight == 0
            return self.value != 0 if unweighted else self.value * self.weight <= FILE_FAULT
        return self.weight == 0 and self.value == 0

    def adjustment(self) -> int:
        """What it adds to the priority: a negative weight while bad, a positive one while good,
        a file its number times the weight (keepalived.conf(5), track_script, track_file)."""
        if self.kind is TrackKind.FILE:
            return (self.value or 0) * self.weight
        if self.value is None:
            return 0
        return self.weight if (self.weight > 0) == (self.value == 1) else 0


def effective_priority(base: int, adjustments: Iterable[int] = ()) -> int:
    """Base and weights, cut to 1..254; the owner's 255 is never changed (docs/keepalived-versions.md)."""
    if base == OWNER:
        return OWNER
    return max(1, min(OWNER - 1, base + sum(adjustments)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One node's instance in an election. `priority`: effective. `fit`: up, tracked things well."""

    node: str
    priority: int
    address: IpAddress
    fit: bool = True
    preempt: bool = True


def elect(candidates: Sequence[Candidate], master: str | None = None) -> Candidate | None:
    """Who is master when all is settled; None: nobody is fit. `master`: who is it now.

    A backup leaves a living master of its own priority alone (RFC 3768 6.4.2: greater or equal), so the
    address decides only between two masters. With `nopreempt` it leaves any living master alone;
    an owner always takes over (RFC 9568 6.1, Preempt_Mode).
    """
    fit = [c for c in candidates if c.fit]
    current = next((c for c in fit if c.node == master), None)
    if current is not None:
        better = [c for c in fit if c.priority > current.priority and (c.preempt or c.priority == OWNER)]
        fit = better or [current]
    return max(fit, key=lambda c: (c.priority, int(c.address)), default=None)
