"""events -> state. `reduce` is the only place where what the console believes changes.

Pure: no clock, no I/O; times come in events. Nothing is concluded here (that is `picture` and
`rules`): the state keeps what was seen, from where and when, and the merged log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce as fold
from typing import Final, TypeVar, assert_never

from haconsole.cluster import clocks, wire_log
from haconsole.cluster.explained import operated
from haconsole.cluster.kernel_changes import change_text, changed_kernel
from haconsole.cluster.vips_named import named, watchable
from haconsole.model.events import (
    ClientProbed,
    ConfigReading,
    Event,
    Heartbeat,
    KernelEvent,
    LinkPhase,
    LogHeard,
    NodeRead,
    Phase,
    ReadFailed,
    Subject,
    WireHeard,
)
from haconsole.model.host import HostReading
from haconsole.model.operation import NodeOperation
from haconsole.model.readings import (
    AddressAdded,
    AddressRemoved,
    ConfigTest,
    DaemonReading,
    IdentityReading,
    KernelReading,
    LogFactKind,
    SquidCounters,
    SquidReading,
    UnitsReading,
    VersionsReading,
)
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.model.state import ClusterState, Known, LoggedState, NodeState, Occurrence, VipState

LOG_LENGTH: Final = 2000
"""Lines kept in the merged log of a cluster."""
LEARNED: Final = 128
"""Addresses that one node may teach: this console asks each of them every two seconds."""
INSTANCES: Final = 1000
"""Instances whose last log line is kept."""
PROBES_KEPT: Final = 60
"""Client results kept for each VIP: two minutes at one every two seconds."""

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_SUBJECTS: Final[Mapping[type, Subject]] = {
    IdentityReading: Subject.IDENTITY,
    VersionsReading: Subject.VERSIONS,
    KernelReading: Subject.KERNEL,
    UnitsReading: Subject.UNITS,
    DaemonReading: Subject.DAEMON,
    ConfigReading: Subject.CONFIG,
    ConfigTest: Subject.CONFIG_TEST,
    SquidReading: Subject.SQUID_CHECK,
    SquidCounters: Subject.SQUID_COUNTERS,
    NodeOperation: Subject.OPERATION,
    HostReading: Subject.HOST,
}

_FIELDS: Final[Mapping[Subject, str]] = {
    Subject.IDENTITY: "identity",
    Subject.VERSIONS: "versions",
    Subject.KERNEL: "kernel",
    Subject.UNITS: "units",
    Subject.DAEMON: "daemon",
    Subject.CONFIG: "config",
    Subject.CONFIG_TEST: "config_test",
    Subject.SQUID_CHECK: "squid",
    Subject.SQUID_COUNTERS: "counters",
    Subject.OPERATION: "operation",
    Subject.HOST: "host",
}


def initial(spec: ClusterSpec) -> ClusterState:
    """What is believed before anything was seen: nothing."""
    return ClusterState(
        name=spec.name,
        nodes={n.name: NodeState(name=n.name) for n in spec.nodes},
        vips={v.address: VipState(address=v.address, configured=True) for v in spec.vips},
    )


def replay(state: ClusterState, events: Iterable[Event]) -> ClusterState:
    """`reduce` over many events."""
    return fold(reduce, events, state)


def reduce(state: ClusterState, event: Event) -> ClusterState:  # noqa: PLR0911 - one for each kind of event
    """The state after `event`; `state` itself is not changed.

    Events of nodes that the cluster does not have, and of VIPs that are not watched, are ignored.
    """
    state = replace(state, serial=state.serial + 1)
    if isinstance(event, ClientProbed):
        return _probed(state, event)
    if isinstance(event, WireHeard):
        return _wire(state, event)
    node = state.nodes.get(event.node)
    if node is None:
        return state
    match event:
        case LinkPhase():
            return _phase(state, node, event)
        case Heartbeat():
            clock = clocks.better(node.clock, clocks.measured(event), event.at)
            latency = event.at - event.sent_at
            return _with(state, replace(node, heard_at=event.at, clock=clock, latency_s=latency))
        case NodeRead():
            return _read(state, node, event)
        case ReadFailed():
            return _with(state, _failed(node, event))
        case KernelEvent():
            return _kernel(state, replace(node, heard_at=event.at), event)
        case LogHeard():
            return _logged(state, replace(node, heard_at=event.at), event)
        case _:
            assert_never(event)


def _with(state: ClusterState, node: NodeState) -> ClusterState:
    return replace(state, nodes={**state.nodes, node.name: node})


def _without(mapping: Mapping[K, V], key: K) -> Mapping[K, V]:
    return {k: v for k, v in mapping.items() if k != key} if key in mapping else mapping


def _phase(state: ClusterState, node: NodeState, event: LinkPhase) -> ClusterState:
    since = event.at if event.phase is not node.phase else node.phase_since
    # During the next try the node is still in the trouble of the last one.
    problem = node.problem if event.phase is Phase.CONNECTING else event.problem
    new = replace(node, phase=event.phase, phase_since=since, problem=problem, retry_at=event.retry_at)
    if event.phase is Phase.CONNECTED:
        # What the last connection taught or failed to teach says nothing about this one.
        new = replace(new, heard_at=event.at, latency_s=None, clock=None, logged={}, failed={}, counters_before=None)
        new = replace(new, host_before=None, told=_told(state, node.name))
    state = _with(state, new)
    if not _worth_telling(node, event):
        return state
    text = "connected" if event.problem is None else event.problem.summary
    return _say(state, Occurrence(at=event.at, error_s=0.0, origin=node.name, source="console", text=text))


def _told(state: ClusterState, node: str) -> frozenset[tuple[float, str, str]]:
    mine = (o for o in state.log if o.origin == node)
    return frozenset((o.node_time_s, o.source, o.text) for o in mine if o.node_time_s is not None)


def _worth_telling(before: NodeState, event: LinkPhase) -> bool:
    """Connections and losses; of tries that fail one after the other only what is new."""
    if event.phase is Phase.CONNECTED:
        return before.phase is not Phase.CONNECTED
    return event.phase is Phase.WAITING and (before.phase is Phase.CONNECTED or event.problem != before.problem)


def _read(state: ClusterState, node: NodeState, event: NodeRead) -> ClusterState:
    subject = _SUBJECTS[type(event.reading)]
    known: Known[object] = Known(event.reading, event.at, event.source)
    changes: dict[str, object] = {_FIELDS[subject]: known, "heard_at": event.at}
    if subject is Subject.SQUID_COUNTERS:
        changes["counters_before"] = _of_this_connection(node, node.counters)
    if isinstance(event.reading, NodeOperation):
        changes["operated"] = operated(node.operated, node.operation, event.reading, event.at)
    if isinstance(event.reading, DaemonReading):
        changes["dumped_at"] = event.at
    if isinstance(event.reading, HostReading):
        changes["host_before"] = _of_this_connection(node, node.host)
        changes["had_default_route"] = node.had_default_route or bool(event.reading.default_routes)
    failed = node.failed
    if isinstance(event.reading, SquidReading):  # two subjects in one reading; either may be missing
        failed = failed if event.reading.check_ok is None else _without(failed, Subject.SQUID_CHECK)
        failed = failed if event.reading.listening is None else _without(failed, Subject.SQUID_SOCKETS)
    else:
        failed = _without(failed, subject)
    new = replace(node, failed=failed, **changes)  # type: ignore[arg-type]
    state = _with(state, new)
    if subject in {Subject.DAEMON, Subject.CONFIG}:
        state = _learn_vips(state, event.at, node.name)
    if subject is not Subject.KERNEL:
        return state
    # The first look over a connection teaches who holds what; when that changed is not known.
    first = _of_this_connection(node, node.kernel) is None
    return _holders(state, None if first else event.at)


def known_of(node: NodeState, reading: object) -> Known[object] | None:
    """What this connection told before about the same as `reading`; None: nothing yet."""
    known: Known[object] | None = getattr(node, _FIELDS[_SUBJECTS[type(reading)]])
    return _of_this_connection(node, known)


def _of_this_connection(node: NodeState, known: Known[T] | None) -> Known[T] | None:
    return None if known is None or known.at < (node.phase_since or 0.0) else known


def _failed(node: NodeState, event: ReadFailed) -> NodeState:
    known = Known(event.problem, event.at, event.subject.value)
    changes: dict[str, object] = {"logged": {}} if event.subject is Subject.LOG else {}
    if event.subject in _FIELDS and event.subject is not Subject.SQUID_CHECK:
        changes[_FIELDS[event.subject]] = None
    return replace(node, failed={**node.failed, event.subject: known}, **changes)  # type: ignore[arg-type]


def _kernel(state: ClusterState, node: NodeState, event: KernelEvent) -> ClusterState:
    known = _of_this_connection(node, node.kernel)
    if known is None:  # changes of what was never read, or over the last connection only, tell nothing whole
        return _with(state, node)
    before = known.value
    after = changed_kernel(before, event.change)
    if after is before or after == before:
        return _with(state, node)
    node = replace(node, kernel=Known(after, event.at, "kernel.monitor"))
    change = event.change
    only = change.address.address.ip if isinstance(change, AddressAdded | AddressRemoved) else None
    state = _holders(_with(state, node), event.at, only)
    latency = node.latency_s if node.latency_s is not None else 0.0
    said = Occurrence(
        at=event.at, error_s=latency, origin=node.name, source="kernel", text=change_text(before, event.change)
    )
    return _say(state, said)


def _holders(state: ClusterState, at: float | None, only: IpAddress | None = None) -> ClusterState:
    """Note who holds what, and when that changed; `at` None: it was learned, not changed.

    only: nothing but this address can have changed its holders.
    """
    if only is not None and only not in state.vips:
        return state
    found: dict[IpAddress, set[str]] = {a: set() for a in ((only,) if only is not None else state.vips)}
    for node in state.nodes.values():
        for each in node.kernel.value.addresses if node.kernel is not None else ():
            ip = each.address.ip
            if ip in found:
                found[ip].add(node.name)
    vips = dict(state.vips)
    for address, names in found.items():
        vip, held = vips[address], frozenset(names)
        if held != vip.holders:
            vips[address] = replace(vip, holders=held, holders_since=at if vip.holders is not None else None)
    return replace(state, vips=vips)


def _logged(state: ClusterState, node: NodeState, event: LogHeard) -> ClusterState:
    line = event.line
    at, error = clocks.console_time(node.clock, line, event.at)
    fact = line.fact
    if fact is not None and fact.kind is LogFactKind.STATE and fact.instance is not None and fact.state is not None:
        before = node.logged.get(fact.instance)
        full = before is None and len(node.logged) >= INSTANCES
        if not full and (before is None or before.at <= at):
            logged = LoggedState(state=fact.state, at=at, text=line.text)
            node = replace(node, logged={**node.logged, fact.instance: logged})
    if fact is not None and fact.kind in {LogFactKind.STARTED, LogFactKind.STOPPED}:
        # A daemon that starts as BACKUP may write no state line: the last one's are not its own.
        node = replace(node, logged={k: v for k, v in node.logged.items() if v.at > at})
    state = _with(state, node)
    if fact is not None and fact.kind is LogFactKind.DUMPED:
        return state  # made by consoles like this one
    text = line.text if line.trusted or line.fact is not None else f"{line.text}  (sender not verified)"
    if line.node_time_s is not None and (line.node_time_s, line.program, text) in node.told:
        return state  # a connection before this one brought it
    said = Occurrence(
        at=at,
        error_s=error,
        origin=node.name,
        source=line.program,
        text=text,
        backlog=event.backlog,
        node_time_s=line.node_time_s,
    )
    return _say(state, said)


def _probed(state: ClusterState, event: ClientProbed) -> ClusterState:
    vip = state.vips.get(event.vip)
    if vip is None:  # a late answer of one that is not watched any more
        return state
    last = vip.probes[-1].result if vip.probes else None
    result = event.result
    since_ok = (vip.ok_since if last is not None and last.ok else event.at) if result.ok else None
    since_bad = None if result.ok else (vip.failed_since if last is not None and not last.ok else event.at)
    new = replace(vip, probes=(*vip.probes[-(PROBES_KEPT - 1) :], event), ok_since=since_ok, failed_since=since_bad)
    state = replace(state, vips={**state.vips, event.vip: new})
    if last is not None and last.ok == result.ok and last.status == result.status:
        return state
    text = f"{event.vip} serves clients" if result.ok else f"{event.vip} does not serve: {result.error}"
    if result.ok and vip.failed_since is not None:
        text += f" again, after {event.at - vip.failed_since:.1f} s without"
    return _say(state, Occurrence(at=event.at, error_s=result.latency_s, origin="client", source="client", text=text))


def _wire(state: ClusterState, event: WireHeard) -> ClusterState:
    if event.place not in state.nodes:
        return state
    told = wire_log.occurrences(state, event)
    state = replace(state, wire={**state.wire, event.place: event.reading})
    for said in told:
        state = _say(state, said)
    return state


def _say(state: ClusterState, said: Occurrence) -> ClusterState:
    said = replace(said, serial=state.serial)
    log = state.log
    if not log or log[-1].at <= said.at:
        return replace(state, log=(*log[-(LOG_LENGTH - 1) :], said))
    index = bisect_right(log, said.at, key=lambda o: o.at)
    return replace(state, log=(*log[:index], said, *log[index:])[-LOG_LENGTH:])


def _learn_vips(state: ClusterState, at: float, teacher: str) -> ClusterState:
    """VIPs that a daemon or its configuration names are watched like configured ones, until no node does.

    Bounded for each node: whatever it names, this console goes out to few addresses, and only to such
    as a proxy can have.
    """
    taught: dict[IpAddress, None] = {}
    read = True
    for node in state.nodes.values():
        names = [a for a in named(node) if watchable(a)]
        if node.name == teacher and len(names) > LEARNED:
            text = f"names {len(names)} addresses: of those that are not configured {LEARNED} are watched"
            state = _say_once(state, Occurrence(at=at, error_s=0.0, origin=teacher, source="console", text=text))
        taught |= dict.fromkeys(names[:LEARNED])
        read = read and (node.daemon is not None or node.config is not None)
    learned = sum(not v.configured for v in state.vips.values())
    # A node of which nothing was ever read may still name what the others do not.
    read = read or learned > LEARNED * len(state.nodes)
    kept = {a: v for a, v in state.vips.items() if v.configured or a in taught or not read}
    new = {a: VipState(address=a) for a in taught if a not in kept}
    if not new and len(kept) == len(state.vips):
        return state
    return _holders(replace(state, vips={**kept, **new}), None)


def _say_once(state: ClusterState, said: Occurrence) -> ClusterState:
    """Unless the log has it already."""
    known = any(o.origin == said.origin and o.text == said.text for o in state.log)
    return state if known else _say(state, said)
