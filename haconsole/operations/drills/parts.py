"""What a drill is made of: its injection, how long it is held, what is expected. The six of the catalogue. Pure.

A drill injects by an action of `haconsole node` and by nothing else, so each has that action's guards and
revert. What is expected follows from who holds what when it is planned (`expect`): nothing in here
names a VIP or a node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from haconsole.model.record import dataclass
from haconsole.operations.actions import Kind

HOLD_S: Final = 10.0
"""Between the takeover and putting back, unless told otherwise."""
LONGEST_HOLD_S: Final = 3600.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")


class Expects(Enum):
    """Kinds of expectations. A drill of one's own may leave some out; nobody can leave out the steady state."""

    HOLDERS = "holders"
    """Who holds each VIP, by the kernels."""
    STATES = "states"
    """What each instance of the node becomes, by keepalived's own word."""
    LOG = "log"
    """The lines that this version of keepalived writes, on every node."""
    GARP = "garp"
    """The new holder announces each VIP that moves on the wire."""
    TIMES = "times"
    """Takeover, outage and failback outage lie in their predicted ranges."""
    SERVED = "served"
    """Clients of every VIP are served while it is held; those of a VIP that stays lose nothing."""


ALL: Final = frozenset(Expects)
INJECTIONS: Final = frozenset({Kind.LINK_DOWN, Kind.SQUID_STOP, Kind.KEEPALIVED_STOP, Kind.DRAIN, Kind.REVERT_ONLY})
"""Actions that are held and then put back: the others are no drill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill. interface: of a link-down, `lan`, `public` or a name. Raises: ValueError: it cannot be one."""

    name: str
    about: str
    kind: Kind
    interface: str | None = None
    hold_s: float = HOLD_S
    expects: frozenset[Expects] = ALL
    outage_at_most_s: float | None = None
    """What clients of any VIP may lose at most, whatever is predicted: one's own promise. None: none was made."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("a drill's name has 2 to 40 small letters, digits and hyphens")
        if self.kind not in INJECTIONS:
            words = ", ".join(sorted(k.value for k in INJECTIONS))
            raise ValueError(f"{self.kind.value} is not held and put back; a drill injects by one of: {words}")
        if (self.interface is not None) != (self.kind is Kind.LINK_DOWN):
            raise ValueError("an interface belongs to link-down, and to no other action")
        if not 0 < self.hold_s <= LONGEST_HOLD_S:
            raise ValueError(f"it is held for up to {LONGEST_HOLD_S / 60:g} minutes")
        if self.outage_at_most_s is not None and not self.outage_at_most_s >= 0:
            raise ValueError("a promise is 0 seconds or more")


CATALOGUE: Final[Mapping[str, Drill]] = {
    d.name: d
    for d in (
        Drill(
            name="lan-link-down",
            about="The server fails: its LAN link goes down, nobody hears it any more (the article's first drill).",
            kind=Kind.LINK_DOWN,
            interface="lan",
        ),
        Drill(
            name="public-link-down",
            about="The public link goes down: keepalived sees it and hands over (the article's second drill).",
            kind=Kind.LINK_DOWN,
            interface="public",
        ),
        Drill(
            name="squid-stop",
            about="squid stops: keepalived's script finds out and hands over (the article's third drill).",
            kind=Kind.SQUID_STOP,
        ),
        Drill(
            name="keepalived-stop",
            about="keepalived is stopped in good order, as by an update.",
            kind=Kind.KEEPALIVED_STOP,
        ),
        Drill(
            name="drain",
            about="The node is drained by the best way that it has, and given back.",
            kind=Kind.DRAIN,
        ),
        Drill(
            name="revert-only",
            about="Nothing is changed: the node's own timer is armed and watched until it fires. The first to try.",
            kind=Kind.REVERT_ONLY,
        ),
    )
}
"""By name, in the order in which they are listed."""
