"""state + now -> what may be believed at this moment: makes `ClusterPicture`.

Here staleness is decided: a value that is too old, that was read before the present connection,
or whose node does not answer is None in the picture, and `None` is unknown everywhere. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from haconsole.cluster.instances import InstancePicture, instances_of
from haconsole.cluster.picture import DEFAULT_POLICY, START_ERROR_S, ClusterPicture, NodePicture, Policy, VipPicture
from haconsole.cluster.wire_picture import WirePicture, wire_picture
from haconsole.model.events import Phase, Subject
from haconsole.model.host import HostReading
from haconsole.model.readings import (
    DaemonReading,
    SquidCounters,
    UnitReading,
    UnitsReading,
    VrrpState,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.model.state import ClusterState, Known, LoggedState, NodeState, VipState
from haconsole.parse.keepalived_conf import vrrp_instances

T = TypeVar("T")


def picture(spec: ClusterSpec, state: ClusterState, now: float, policy: Policy = DEFAULT_POLICY) -> ClusterPicture:
    """What may be believed of the cluster at `now` (console clock)."""
    nodes = _routed(tuple(_node(spec, n, state.nodes[n.name], now, policy) for n in spec.nodes), state)
    priorities = {n.name: _base_priorities(state.nodes[n.name]) for n in spec.nodes}
    wire = wire_picture(spec, state, now, policy.silent_s)
    vips = tuple(
        _vip(spec, state, nodes, address, priorities=priorities, wire=wire, now=now, policy=policy)
        for address in _order(spec, state)
    )
    return ClusterPicture(spec=spec, at=now, nodes=nodes, vips=vips, log=state.log, policy=policy, wire=wire)


def _order(spec: ClusterSpec, state: ClusterState) -> list[IpAddress]:
    """As configured, then the learned ones by address, IPv4 first."""
    configured = {v.address: None for v in spec.vips}
    return [*configured, *sorted((a for a in state.vips if a not in configured), key=lambda a: (a.version, int(a)))]


def _routed(nodes: tuple[NodePicture, ...], state: ClusterState) -> tuple[NodePicture, ...]:
    """Whose default route is missing: a cluster whose nodes never had one needs none."""
    needed = any(n.host is not None and n.host.default_routes for n in nodes)

    def lost(node: NodePicture) -> bool:
        known = node.host is not None and node.host.default_routes == ()
        return known and (needed or state.nodes[node.name].had_default_route)

    return tuple(replace(n, route_lost=True) if lost(n) else n for n in nodes)


# --- nodes ---------------------------------------------------------------------------


def _node(cluster: ClusterSpec, spec: NodeSpec, state: NodeState, now: float, policy: Policy) -> NodePicture:
    age = None if state.heard_at is None else max(0.0, now - state.heard_at)
    connected = state.phase is Phase.CONNECTED
    stale = connected and (age is None or age > policy.silent_s)
    blank = NodePicture(
        spec=spec,
        phase=state.phase,
        readable=connected and not stale,
        stale=stale,
        problem=state.problem,
        retry_at=state.retry_at,
        heard_at=state.heard_at,
        age_s=age,
        failed=state.failed,
        starting=state.problem is None and state.heard_at is None and state.phase in {Phase.IDLE, Phase.CONNECTING},
    )
    return _filled(cluster, blank, state, now, policy) if blank.readable else blank


@dataclass(frozen=True, slots=True)
class _Reader:
    """What of one node's readings is believed: those of this connection that are not too old."""

    since: float
    now: float

    def fresh(self, known: Known[T] | None, limit_s: float) -> T | None:
        """The value, if it was read over this connection and not too long ago."""
        return None if known is None or known.at < self.since or self.now - known.at > limit_s else known.value


def _filled(cluster: ClusterSpec, blank: NodePicture, state: NodeState, now: float, policy: Policy) -> NodePicture:
    """blank: of a node that can be read. Addresses and instances last: what is made of them is made once."""
    reader = _Reader(state.phase_since or 0.0, now)
    node = _with_squid(_with_login(blank, state, reader, policy), state, reader, policy)
    return _with_instances(_with_units(cluster, node, state, reader, policy), state, reader, policy)


def _with_login(node: NodePicture, state: NodeState, reader: _Reader, policy: Policy) -> NodePicture:
    """Who we are there, what is installed, what the host has left, whose operation it carries."""
    host, operation = reader.fresh(state.host, policy.units_s), reader.fresh(state.operation, policy.units_s)
    return replace(
        node,
        problem=None,
        retry_at=None,
        starting=_starting(state, reader.since),
        latency_s=state.latency_s,
        clock=reader.fresh(state.clock, policy.slow_s),
        identity=reader.fresh(state.identity, float("inf")),
        versions=reader.fresh(state.versions, policy.slow_s),
        operation=operation,
        operation_at=_at(state.operation, operation),
        operated=state.operated,
        host=host,
        host_at=_at(state.host, host),
        path_dropped=_dropped(state, host),
        virtual_came=_came(state, host),
        host_before_at=None if host is None or state.host_before is None else state.host_before.at,
    )


def _with_squid(node: NodePicture, state: NodeState, reader: _Reader, policy: Policy) -> NodePicture:
    """What squid says of itself."""
    squid, counters = reader.fresh(state.squid, policy.squid_s), reader.fresh(state.counters, policy.squid_s)
    rate, mean, clients, hits = _traffic(state, counters)
    return replace(
        node,
        squid=squid,
        squid_at=_at(state.squid, squid),
        requests_per_s=rate,
        rate_is_mean=mean,
        clients=clients,
        hit_ratio=hits,
        counters_at=_at(state.counters, counters),
    )


def _with_units(
    cluster: ClusterSpec, node: NodePicture, state: NodeState, reader: _Reader, policy: Policy
) -> NodePicture:
    """What systemd says of both services, and when they became so."""
    units = reader.fresh(state.units, policy.units_s)
    keepalived, squid_unit = _unit(units, cluster.keepalived_service), _unit(units, cluster.squid_service)
    boot = state.units.at - units.uptime_s if units and units.uptime_s is not None and state.units else None
    return replace(
        node,
        uptime_s=None if boot is None else reader.now - boot,
        keepalived=keepalived,
        squid_unit=squid_unit,
        keepalived_since=_since(boot, keepalived),
        squid_since=_since(boot, squid_unit),
        units_at=_at(state.units, units),
    )


def _with_instances(node: NodePicture, state: NodeState, reader: _Reader, policy: Policy) -> NodePicture:
    """keepalived's own word, its file and its log, held against the addresses. `_with_units` comes first."""
    kernel, config = reader.fresh(state.kernel, policy.kernel_s), reader.fresh(state.config, policy.slow_s)
    test = reader.fresh(state.config_test, policy.slow_s)
    running = None if node.keepalived is None else node.keepalived.active
    started = node.keepalived_since if running else None
    daemon = _of_this_run(state.daemon if reader.fresh(state.daemon, policy.daemon_s) is not None else None, started)
    return replace(
        node,
        kernel=kernel,
        kernel_at=_at(state.kernel, kernel),
        instances=instances_of(
            daemon=daemon,
            configured=None if config is None else config.conf,
            logged=_logged_since(state, started),
            kernel=kernel,
            running=running,
            clock=state.clock,
        ),
        dump_at=None if daemon is None else daemon.at,
        dumped_at=_of_now(state.dumped_at, reader.since, started),
        config=config,
        config_at=_at(state.config, config),
        config_test=test,
        config_test_at=_at(state.config_test, test),
    )


def _logged_since(state: NodeState, started: float | None) -> dict[str, LoggedState]:
    """What the daemon that runs has logged."""
    return {k: v for k, v in state.logged.items() if started is None or v.at >= started - START_ERROR_S}


def _dropped(state: NodeState, host: HostReading | None) -> tuple[int, float] | None:
    before = state.host_before
    if host is None or host.path_dropped is None or state.host is None or before is None:
        return None
    if before.value.path_dropped is None or host.path_dropped < before.value.path_dropped:
        return None
    return host.path_dropped - before.value.path_dropped, state.host.at - before.at


def _came(state: NodeState, host: HostReading | None) -> Mapping[str, int]:
    """An interface that was made anew meanwhile counts from zero: nothing is known of it."""
    before = None if state.host_before is None else state.host_before.value.virtual_frames
    now = {} if host is None else host.virtual_frames or {}
    return {i: n - before[i] for i, n in now.items() if before is not None and 0 <= before.get(i, n + 1) <= n}


def _starting(state: NodeState, since: float) -> bool:
    """Who holds what, or which VIPs there are, was never read over this connection, and it was not refused either."""
    unread = [known is None or known.at < since for known in (state.kernel, state.daemon, state.config)]
    failed = [subject in state.failed for subject in (Subject.KERNEL, Subject.DAEMON, Subject.CONFIG)]
    return (unread[0] and not failed[0]) or (all(unread[1:]) and not all(failed[1:]))


def _at(known: Known[T] | None, believed: T | None) -> float | None:
    return None if known is None or believed is None else known.at


def _unit(units: UnitsReading | None, service: str) -> UnitReading | None:
    """The unit by its configured name, with or without `.service`."""
    return None if units is None else units.units.get(service.removesuffix(".service"))


def _of_this_run(daemon: Known[DaemonReading] | None, started: float | None) -> Known[DaemonReading] | None:
    """A dump from before the daemon's start is of the daemon before it."""
    if daemon is None or started is None or daemon.at >= started - START_ERROR_S:
        return daemon
    return None


def _of_now(at: float | None, connected: float, started: float | None) -> float | None:
    """A time, if it is of this connection and of the daemon that runs."""
    return None if at is None or at < max(connected, (started or 0.0) - START_ERROR_S) else at


def _since(boot: float | None, unit: UnitReading | None) -> float | None:
    return None if boot is None or unit is None or unit.since_uptime_s is None else boot + unit.since_uptime_s


def _traffic(state: NodeState, counters: SquidCounters | None) -> tuple[float | None, bool, int | None, float | None]:
    """(requests/s, is that squid's own mean, clients, hit ratio): our own difference where two readings are there."""
    if counters is None or state.counters is None:
        return None, False, None, None
    rate, mean = counters.requests_per_s, counters.requests_per_s is not None
    before = state.counters_before
    if before is not None and before.value.client_requests is not None and counters.client_requests is not None:
        span = state.counters.at - before.at
        grown = counters.client_requests - before.value.client_requests
        if span > 0 and grown >= 0:  # it shrinks when squid restarts
            rate, mean = grown / span, False
    return rate, mean, counters.clients, counters.hit_ratio


# --- VIPs ----------------------------------------------------------------------------


def _vip(
    spec: ClusterSpec,
    state: ClusterState,
    nodes: tuple[NodePicture, ...],
    address: IpAddress,
    *,
    priorities: Mapping[str, Mapping[IpAddress, int | None]],
    wire: WirePicture,
    now: float,
    policy: Policy,
) -> VipPicture:
    seen = state.vips.get(address, VipState(address=address))
    read = [n for n in nodes if n.kernel is not None]
    holders = tuple(n.name for n in read if n.holds(address)) if read else None
    found = [(n, i) for n in nodes if (i := n.instance_of(address)) is not None]
    told = [(n, i) for n, i in found if i.state_from_daemon]
    last = seen.probes[-1] if seen.probes else None
    return VipPicture(
        address=address,
        prefix=_prefix(nodes, address),
        vrid=next((i.vrid for _, i in found if i.vrid is not None), None),
        preferred=_preferred(spec, priorities, address),
        holders=holders,
        unread=tuple(n.name for n in nodes if n.kernel is None),
        masters=tuple(n.name for n, i in told if i.state is VrrpState.MASTER) if told else None,
        advertisers=_advertisers(wire, nodes, found, address),
        client=last if last is not None and now - last.at <= policy.client_s else None,
        latencies_s=tuple(p.result.latency_s if p.result.ok else None for p in seen.probes),
        failed_at=tuple(p.at for p in seen.probes if not p.result.ok),
        settled=seen.holders_since is None or now - seen.holders_since >= policy.settle_s,
        since=_vip_since(seen, holders, found),
        failed_since=seen.failed_since,
    )


def _advertisers(
    wire: WirePicture, nodes: tuple[NodePicture, ...], found: list[tuple[NodePicture, InstancePicture]], vip: IpAddress
) -> tuple[str, ...] | None:
    instance = next((i for _, i in found if i.vrid is not None), None)
    if instance is None or instance.vrid is None:
        return None
    key = (instance.vrid, vip.version)
    router = wire.router(key)
    if router is not None and router.masters:
        order = {n.name: index for index, n in enumerate(nodes)}
        masters = sorted(router.masters, key=lambda s: (order.get(s.name, len(order)), int(s.source)))
        return tuple(dict.fromkeys(s.name for s in masters))
    silent = wire.silent(key, interface=instance.interface, interval_s=instance.advert_interval_s)
    return () if silent else None


def _prefix(nodes: tuple[NodePicture, ...], address: IpAddress) -> int | None:
    """As the instances have it, else as it is on a holder."""
    managed = (n.managed[address][1] for n in nodes if address in n.managed)
    held = (n.held[address] for n in nodes if address in n.held)
    return next((prefix for found in (managed, held) for prefix in found), None)


def _vip_since(
    seen: VipState, holders: tuple[str, ...] | None, found: list[tuple[NodePicture, InstancePicture]]
) -> float | None:
    if holders is None:
        return None
    if seen.holders_since is not None:
        return seen.holders_since
    times = [i.since for n, i in found if n.name in holders and i.state is VrrpState.MASTER and i.since is not None]
    return max(times, default=None)


def _preferred(
    spec: ClusterSpec, priorities: Mapping[str, Mapping[IpAddress, int | None]], address: IpAddress
) -> str | None:
    """As configured, else the node with the highest base priority; None where not every node is known.

    Base priorities are configuration: they are believed even when a node cannot be read just now.
    """
    configured = next((v.preferred for v in spec.vips if v.address == address), None)
    if configured is not None:
        return configured
    found = {name: value for name, of in priorities.items() if (value := of.get(address)) is not None}
    if len(found) < len(priorities):
        return None
    best = max(found.values())
    owners = [n for n, p in found.items() if p == best]
    return owners[0] if len(owners) == 1 else None


def _base_priorities(node: NodeState) -> Mapping[IpAddress, int | None]:
    """VIP -> priority, as the daemon tells it, else as configured; of several instances the first."""
    found: dict[IpAddress, int | None] = {}
    if node.config is not None:
        for entry in reversed(vrrp_instances(node.config.value.conf)):
            found.update(dict.fromkeys((v.ip for v in entry.vips), entry.priority))
    if node.daemon is not None:
        for instance in reversed(node.daemon.value.instances):
            found.update(dict.fromkeys((v.ip for v in instance.vips), instance.priority))
    return found
