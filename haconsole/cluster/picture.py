"""What may be believed of a cluster at one moment: the one input of rules, `status` and TUI.

`cluster.believe` makes it, and decides what is too old to be in it. None is unknown everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.wire_picture import WirePicture
from haconsole.model.events import ClientProbed, ConfigReading, Phase, Subject
from haconsole.model.host import HostReading
from haconsole.model.operation import NodeOperation
from haconsole.model.problems import Problem
from haconsole.model.readings import (
    Address,
    ConfigTest,
    IdentityReading,
    KernelReading,
    SquidReading,
    UnitReading,
    VersionsReading,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.model.state import ClockOffset, Known, Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long values are believed, in seconds. Defaults suit the collector's cadences."""

    silent_s: float = 7.0
    """A link from which nothing came for this long is stale: beats come every 2 s."""
    kernel_s: float = 45.0
    """The stream tells changes at once; this bounds how long a lost line can mislead."""
    units_s: float = 20.0
    squid_s: float = 25.0
    daemon_s: float = 90.0
    slow_s: float = 900.0
    """Versions, configuration: read at connection and on a slow cadence."""
    client_s: float = 8.0
    settle_s: float = 1.5
    """keepalived's own hand-over has the address on both nodes, or on none, for less than this."""
    clocks_apart_s: float = 0.5
    """As long as a hand-over takes: by clocks that differ more, its events on two nodes have no order."""


DEFAULT_POLICY: Final = Policy()

START_ERROR_S: Final = 1.0
"""How late the start of a unit may seem: its time counts from a boot that is known to one round trip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePicture:
    """One node as it may be believed. Every optional value is None when unknown; `why` tells."""

    spec: NodeSpec
    phase: Phase
    readable: bool
    """Connected, and something arrived within `silent_s`."""
    stale: bool
    """Connected by name, but silent for too long."""
    problem: Problem | None
    retry_at: float | None
    heard_at: float | None
    age_s: float | None
    """Seconds since anything arrived; None: never."""
    starting: bool = False
    """The first try to connect has not ended, or this connection's first readings are under way."""
    latency_s: float | None = None
    clock: ClockOffset | None = None
    identity: IdentityReading | None = None
    versions: VersionsReading | None = None
    kernel: KernelReading | None = None
    uptime_s: float | None = None
    """At `now`."""
    keepalived: UnitReading | None = None
    squid_unit: UnitReading | None = None
    keepalived_since: float | None = None
    """Console clock, when the unit became active or inactive."""
    squid_since: float | None = None
    instances: tuple[InstancePicture, ...] | None = None
    """None: neither dump, log nor configuration told of any."""
    dump_at: float | None = None
    config: ConfigReading | None = None
    config_test: ConfigTest | None = None
    squid: SquidReading | None = None
    requests_per_s: float | None = None
    rate_is_mean: bool = False
    """The rate is squid's own mean of five minutes: our own difference is not known yet."""
    clients: int | None = None
    hit_ratio: float | None = None
    failed: Mapping[Subject, Known[Problem]]
    kernel_at: float | None = None
    """When `kernel` was true for the last time that was heard of; likewise the others."""
    units_at: float | None = None
    squid_at: float | None = None
    config_test_at: float | None = None
    counters_at: float | None = None
    """When squid's cache manager answered last."""
    config_at: float | None = None
    operation: NodeOperation | None = None
    """Lock, drain note, revert, as the node told them at `operation_at`."""
    operation_at: float | None = None
    operated: tuple[tuple[float, float], ...] = ()
    """When haconsole did something there (`NodeState.operated`)."""
    dumped_at: float | None = None
    """When keepalived, as it runs now, last answered over this connection with a dump, though later ones failed."""
    host: HostReading | None = None
    host_at: float | None = None
    path_dropped: tuple[int, float] | None = None
    """(packets that `rp_filter` dropped, within so many seconds): between the last two readings."""
    virtual_came: Mapping[str, int] = field(default_factory=dict)
    """Interface with a virtual MAC -> unicast frames that came in for it between the last two readings."""
    host_before_at: float | None = None
    """When `host` was read the time before."""
    route_lost: bool = False
    """It has no default route, and had one before or another node has one: so one is needed."""
    held: Mapping[IpAddress, int] = field(init=False, repr=False, compare=False)
    """Address -> prefix, of `kernel`. Like `managed` only there to be quick."""
    managed: Mapping[IpAddress, tuple[InstancePicture, int]] = field(init=False, repr=False, compare=False)
    """VIP -> (instance, prefix), of `instances`."""

    def __post_init__(self) -> None:
        addresses = () if self.kernel is None else reversed(self.kernel.addresses)
        held = {a.address.ip: a.address.network.prefixlen for a in addresses}
        managed = {v.ip: (i, v.network.prefixlen) for i in reversed(self.instances or ()) for v in reversed(i.vips)}
        object.__setattr__(self, "held", held)
        object.__setattr__(self, "managed", managed)

    @property
    def name(self) -> str:
        return self.spec.name

    def holds(self, vip: IpAddress) -> bool | None:
        """Does the kernel have the address; None: not known."""
        return None if self.kernel is None else vip in self.held

    def addresses_of(self, interface: str) -> tuple[Address, ...]:
        """Addresses on one interface; empty also when the kernel could not be read."""
        return () if self.kernel is None else tuple(a for a in self.kernel.addresses if a.interface == interface)

    def instance_of(self, vip: IpAddress) -> InstancePicture | None:
        """The instance whose VIP list has the address."""
        found = self.managed.get(vip)
        return None if found is None else found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class VipPicture:
    """Who says what about one VIP. None is unknown in every field."""

    address: IpAddress
    prefix: int | None
    vrid: int | None
    preferred: str | None
    holders: tuple[str, ...] | None
    """Readable nodes whose kernel has it, in the nodes' order; None: no node readable."""
    unread: tuple[str, ...]
    """Nodes whose kernel could not be asked."""
    masters: tuple[str, ...] | None
    """Nodes whose daemon says MASTER (dump or log); None: no daemon could be asked."""
    advertisers: tuple[str, ...] | None
    """Nodes (by their addresses; strangers by their own) that speak for it on the wire, in the nodes' order;
    (): somebody listens, and nobody speaks; None: nobody listens, or not long enough to tell."""
    client: ClientProbed | None
    """The last answer, if fresh."""
    latencies_s: tuple[float | None, ...]
    """Of the last probes, oldest first; None: that one failed."""
    settled: bool
    """False: the holders changed less than `settle_s` ago; a hand-over may be under way."""
    since: float | None
    """When the present holders became so, console clock."""
    failed_since: float | None
    failed_at: tuple[float, ...] = ()
    """When those of the last probes that failed were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPicture:
    """Everything that may be believed of one cluster at `at`."""

    spec: ClusterSpec
    at: float
    nodes: tuple[NodePicture, ...]
    vips: tuple[VipPicture, ...]
    log: tuple[Occurrence, ...]
    policy: Policy
    wire: WirePicture = field(default_factory=WirePicture)
    said: Mapping[tuple[str, str], tuple[Occurrence, ...]] = field(init=False, repr=False, compare=False)
    """(origin, source) -> its lines of the log. Only there to be quick: a dozen rules look for those of one daemon."""

    def __post_init__(self) -> None:
        said: dict[tuple[str, str], list[Occurrence]] = {}
        for o in self.log:
            said.setdefault((o.origin, o.source), []).append(o)
        object.__setattr__(self, "said", {place: tuple(lines) for place, lines in said.items()})

    def lines(self, node: str, source: str) -> tuple[Occurrence, ...]:
        """What one source of one node told, oldest first."""
        return self.said.get((node, source), ())

    def node(self, name: str) -> NodePicture:
        """The node called `name`. Raises: KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def instances(self) -> Iterator[tuple[NodePicture, InstancePicture]]:
        """Every instance with its node."""
        return ((n, i) for n in self.nodes for i in n.instances or ())
