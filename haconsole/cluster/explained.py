"""What explains that a master changed: an operation of haconsole, a service's start or stop, a link. Pure.

One rule for the guard `not-flapping`, which reads the nodes' journals, and for the findings about flapping, which have
the console's own log: what somebody did, or what a link did, is no flapping of the masters. A link that flaps, a
service that is restarted again and again and a check that fails have findings of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.operation import NodeOperation
from haconsole.model.readings import LogFact, LogFactKind
from haconsole.model.record import dataclass
from haconsole.model.state import Known, Occurrence
from haconsole.parse import keepalived_log

AFTER_S: Final = 10.0
"""A change follows what explains it within this: a check's interval, a start, an election."""
BEFORE_S: Final = 3.0
"""Or comes so much before it: a restart is told when it is over; clocks and logs are not exact."""
SPANS_KEPT: Final = 64
_UNIT: Final = re.compile(r"(Start|Stopp)(?:ing|ed) .*(?<!\(sender not verified\))")
_KERNEL: Final = (" up, no carrier", " down", " is gone", " up")
"""How the console tells that a link changed (`kernel_changes.change_text`)."""

Span = tuple[float, float]
"""Something was done between these two moments, console clock."""


class Why(Enum):
    """What explains a change."""

    OPERATION = "operation"
    """haconsole did something: here, or on another machine."""
    STOPPED = "stopped"
    """A service was stopped in good order."""
    STARTED = "started"
    LINK = "link"


ORDERED: Final = frozenset({Why.OPERATION, Why.STOPPED})
"""Somebody's doing: that explains as well that a link or a check went down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that explains changes, between two moments of the console's clock."""

    why: Why
    since: float
    until: float

    def explains(self, at: float) -> bool:
        """A change at `at` follows from it."""
        return self.since - BEFORE_S <= at <= self.until + AFTER_S


def explained(at: float, causes: Iterable[Cause]) -> bool:
    """Does anything explain a change at `at`."""
    return any(c.explains(at) for c in causes)


def told_by(program: str, text: str, fact: LogFact | None) -> Why | None:
    """What one line of a node's log explains; None: nothing. program: as `LogLine.program`, `haconsole` of its own."""
    if program == "haconsole":
        return Why.OPERATION
    if program == "systemd":
        found = _UNIT.fullmatch(text)
        return None if found is None else Why.STARTED if found[1] == "Start" else Why.STOPPED
    if program != "keepalived" or fact is None:
        return None
    kinds = {LogFactKind.INTERFACE: Why.LINK, LogFactKind.STARTED: Why.STARTED, LogFactKind.STOPPED: Why.STOPPED}
    return kinds.get(fact.kind)


def starts(picture: ClusterPicture) -> Iterator[Cause]:
    """When the services that run were started, as systemd tells it."""
    for node in picture.nodes:
        for unit, since in ((node.keepalived, node.keepalived_since), (node.squid_unit, node.squid_since)):
            if unit is not None and unit.active and since is not None:
                yield Cause(why=Why.STARTED, since=since, until=since)


def operations(picture: ClusterPicture) -> Iterator[Cause]:
    """When haconsole did something, as the nodes told it."""
    for node in picture.nodes:
        yield from (Cause(why=Why.OPERATION, since=a, until=b) for a, b in node.operated)


def causes(picture: ClusterPicture, since: float) -> tuple[Cause, ...]:
    """All that the console knows of, from `since` on: by its log, by systemd, by what the nodes tell of operations."""
    found = [c for c in (*starts(picture), *operations(picture)) if c.until >= since - AFTER_S]
    for node in picture.nodes:
        for source in ("keepalived", "systemd", "kernel"):
            lines = (o for o in picture.lines(node.name, source) if o.at >= since - AFTER_S)
            told = ((o.at, why) for o in lines if (why := _of_line(node, o)) is not None)
            found += [Cause(why=why, since=at, until=at) for at, why in told]
    return tuple(found)


def ordered(found: Iterable[Cause]) -> tuple[Cause, ...]:
    """Only what somebody did."""
    return tuple(c for c in found if c.why in ORDERED)


def _of_line(node: NodePicture, said: Occurrence) -> Why | None:
    if said.source == "kernel":
        name = next((said.text.removesuffix(end) for end in _KERNEL if said.text.endswith(end)), None)
        return Why.LINK if name is not None and needs_link(node, name) else None
    fact = keepalived_log.fact("Keepalived_vrrp", said.text) if said.source == "keepalived" else None
    return told_by(said.source, said.text, fact)


def needs_link(node: NodePicture, link: str) -> bool:
    """An instance of the node runs on it or watches it, or the configuration names it."""
    configured = {node.spec.lan_interface, node.spec.public_interface}
    own = {i.interface for i in node.instances or ()}
    return link in configured | own or any(link == t.name for i in node.instances or () for t in i.tracked_interfaces)


# --- what a node tells of operations, look after look --------------------------------------------------------


def operated(
    spans: tuple[Span, ...], before: Known[NodeOperation] | None, now: NodeOperation, at: float
) -> tuple[Span, ...]:
    """`spans` of a node, and the one that ends with this look at it: whatever changed of its operation was done since
    the last one. What lasts (a hold, a drain) explains nothing by lasting."""
    told, last = _told(now), at if before is None else before.at
    if told == (_NOTHING if before is None else _told(before.value)):
        return spans
    return (*spans[1 - SPANS_KEPT :], (last, at))


def _told(state: NodeOperation) -> tuple[object, ...]:
    lock, note = state.lock, state.drain
    return (
        None if lock is None else lock.operation, state.saved, state.decided, state.incomplete,
        None if note is None else (note.method, note.since),
    )  # fmt: skip


_NOTHING: Final[tuple[object, ...]] = (None, None, (), False, None)
