"""What the console believes about one cluster: immutable, made only by `cluster.reduce`.

`Known` carries every value with the time and the command it came from. A subject whose last
reading failed has no `Known` value any more but an entry in `failed`. Whether a value is fresh
enough to be believed is for `cluster.picture` to decide, with `now` as an input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Generic, TypeVar

from haconsole.model.events import ClientProbed, ConfigReading, Phase, Subject
from haconsole.model.hearing import WireReading
from haconsole.model.host import HostReading
from haconsole.model.operation import NodeOperation
from haconsole.model.problems import Problem
from haconsole.model.readings import (
    ConfigTest,
    DaemonReading,
    IdentityReading,
    KernelReading,
    LogLine,
    SquidCounters,
    SquidReading,
    UnitsReading,
    VersionsReading,
    VrrpState,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A value, when it was learned (console clock), and from what."""

    value: T
    at: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedState:
    """The last state line that an instance wrote to the log. `at`: console clock, corrected by
    the node's clock offset where known."""

    state: VrrpState
    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """`offset_s` positive: the node's clock is ahead. True offset lies within ± `error_s`."""

    offset_s: float
    error_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node. `heard_at`: the last time anything arrived that proves the link alive."""

    name: str
    phase: Phase = Phase.IDLE
    phase_since: float | None = None
    problem: Problem | None = None
    retry_at: float | None = None
    heard_at: float | None = None
    latency_s: float | None = None
    clock: Known[ClockOffset] | None = None
    identity: Known[IdentityReading] | None = None
    versions: Known[VersionsReading] | None = None
    kernel: Known[KernelReading] | None = None
    units: Known[UnitsReading] | None = None
    daemon: Known[DaemonReading] | None = None
    config: Known[ConfigReading] | None = None
    config_test: Known[ConfigTest] | None = None
    squid: Known[SquidReading] | None = None
    counters: Known[SquidCounters] | None = None
    counters_before: Known[SquidCounters] | None = None
    """The reading before `counters`: rates are differences."""
    operation: Known[NodeOperation] | None = None
    operated: tuple[tuple[float, float], ...] = ()
    """(look before, look) between which what the node tells of operations changed; oldest first, bounded."""
    host: Known[HostReading] | None = None
    host_before: Known[HostReading] | None = None
    """The reading before `host`: packets dropped since are a difference."""
    dumped_at: float | None = None
    """When keepalived last answered with a dump, though later ones failed."""
    had_default_route: bool = False
    """One was seen since this console began."""
    told: frozenset[tuple[float, str, str]] = frozenset()
    """Lines of the log that earlier connections brought, by (time on the node, source, text): a new one begins with
    the journal's last lines, most of them the same."""
    logged: Mapping[str, LoggedState] = field(default_factory=dict)
    """Instance name -> its last state line."""
    failed: Mapping[Subject, Known[Problem]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One line of the merged event log. `at`: console clock, node times corrected."""

    at: float
    error_s: float | None
    """Half-width of what is known about `at`; None: not known."""
    origin: str
    """A node's name, `client` or `wire`."""
    source: str
    """`kernel`, `keepalived`, `squid`, `systemd`, `client`, `wire`, `console`."""
    text: str
    backlog: bool = False
    serial: int = 0
    node_time_s: float | None = None
    """As the line has it, on the node's clock; None: not a line of a node's log, or one without a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VipState:
    """What clients got through one VIP, newest last, bounded."""

    address: IpAddress
    configured: bool = False
    """False: learned from a node, and watched only while one names it."""
    probes: tuple[ClientProbed, ...] = ()
    ok_since: float | None = None
    failed_since: float | None = None
    holders: frozenset[str] | None = None
    """Kernel holders at the last change; None before the first look."""
    holders_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """One cluster. `log` is bounded, ordered by `at`."""

    name: str
    nodes: Mapping[str, NodeState]
    vips: Mapping[IpAddress, VipState] = field(default_factory=dict)
    wire: Mapping[str, WireReading] = field(default_factory=dict)
    """Node -> what it heard on the wire, by its last word. Empty: nobody listens."""
    log: tuple[Occurrence, ...] = ()
    serial: int = 0
    """Counts events reduced so far."""


__all__ = [
    "ClockOffset",
    "ClusterState",
    "Known",
    "LogLine",
    "LoggedState",
    "NodeState",
    "Occurrence",
    "VipState",
]
