"""Everything that can change what the console believes: one closed union, `Event`.

Each event names its cluster's node (or VIP) and `at`, seconds since the epoch on the console's
clock, when the news was complete. `cluster.reduce` is exhaustive over this union.
"""

from __future__ import annotations

from enum import Enum

from haconsole.model.hearing import Takeover, WireReading
from haconsole.model.host import HostReading
from haconsole.model.keepalived_conf import KeepalivedConf
from haconsole.model.operation import NodeOperation
from haconsole.model.problems import Problem
from haconsole.model.readings import (
    ConfigTest,
    DaemonReading,
    IdentityReading,
    KernelChange,
    KernelReading,
    LogLine,
    SquidCounters,
    SquidReading,
    UnitsReading,
    VersionsReading,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReading:
    """keepalived.conf as it lies on the node (not necessarily what the daemon runs)."""

    conf: KeepalivedConf


Reading = (
    IdentityReading
    | VersionsReading
    | KernelReading
    | UnitsReading
    | DaemonReading
    | ConfigReading
    | ConfigTest
    | SquidReading
    | SquidCounters
    | HostReading
    | NodeOperation
)
"""Every kind of reading that `NodeRead` can carry."""


class Subject(Enum):
    """What a reading is about; `ReadFailed` says of which subject nothing is known, and why."""

    IDENTITY = "identity"
    VERSIONS = "versions"
    KERNEL = "kernel"
    UNITS = "units"
    DAEMON = "daemon"
    CONFIG = "config"
    CONFIG_TEST = "config-test"
    SQUID_CHECK = "squid-check"
    SQUID_SOCKETS = "squid-sockets"
    SQUID_COUNTERS = "squid-counters"
    HOST = "host"
    """Default route, room on file systems, tracked connections."""
    LOG = "log"
    CLOCK = "clock"
    OPERATION = "operation"
    """Lock, drain note and armed revert in /run/haconsole."""


class Phase(Enum):
    """Where the connection to a node stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    """Lost or refused; the next try is at `retry_at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPhase:
    """The SSH connection to a node changed its phase. `problem` says why it is WAITING."""

    node: str
    at: float
    phase: Phase
    problem: Problem | None = None
    retry_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The node answered: proof of life, latency, and its clock.

    The node's clock was read between `sent_at` and `at`; so the offset is known to
    half of that span.
    """

    node: str
    at: float
    sent_at: float
    node_time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRead:
    """One reading arrived whole. `source` is the command (catalogue id) it came from."""

    node: str
    at: float
    source: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """A reading could not be had; what was known of `subject` before is no longer trusted."""

    node: str
    at: float
    subject: Subject
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelEvent:
    """The kernel told of a change the moment it happened (`ip monitor`)."""

    node: str
    at: float
    change: KernelChange


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHeard:
    """A log line arrived. `backlog`: it was there before we listened."""

    node: str
    at: float
    line: LogLine
    backlog: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientResult:
    """What a client got through a VIP."""

    ok: bool
    checked: str
    """`http`: a request through the proxy; `tcp`: only that the port accepts."""
    status: int | None = None
    latency_s: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProbed:
    """One request through one VIP was answered or given up."""

    vip: IpAddress
    at: float
    result: ClientResult


@dataclass(frozen=True, slots=True, kw_only=True)
class WireHeard:
    """What listening at `place` (a node) has told so far; a few times a second at most.

    takeovers: those that nobody told of before, on this cluster's virtual routers.
    left_out: how many more there were.
    """

    place: str
    at: float
    reading: WireReading
    takeovers: tuple[Takeover, ...] = ()
    left_out: int = 0


Event = LinkPhase | Heartbeat | NodeRead | ReadFailed | KernelEvent | LogHeard | ClientProbed | WireHeard
"""Closed: a new kind of news is added here and mypy lists every place that must know it."""
