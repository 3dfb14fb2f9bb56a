"""What of the events is news: the rest repeats what is known or moves a figure, and waits for the next second's look.

A picture, its rules and its drawing cost milliseconds. In a cluster where nothing happens several events
arrive every second all the same: probes that go on to succeed, readings that read the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from haconsole.cluster.reduce import known_of
from haconsole.cluster.wire_reading import what_matters
from haconsole.model.events import ClientProbed, Event, Heartbeat, LogHeard, NodeRead, WireHeard
from haconsole.model.host import HostReading
from haconsole.model.operation import NodeOperation
from haconsole.model.readings import LogFactKind, SquidCounters, UnitsReading
from haconsole.model.state import ClusterState

USUAL_S: Final = 3.0
"""A node that answers is heard of at least this often."""


def is_news(before: ClusterState, event: Event) -> bool:
    """Whether what `event` tells is not in `before` already, its figures and ages apart. `before`: the state without
    it. In doubt it is."""
    match event:
        case Heartbeat():
            node = before.nodes.get(event.node)
            return node is None or node.heard_at is None or event.at - node.heard_at > USUAL_S
        case ClientProbed():
            vip = before.vips.get(event.vip)
            last = vip.probes[-1].result if vip is not None and vip.probes else None
            return last is None or (last.ok, last.status) != (event.result.ok, event.result.status)
        case WireHeard():
            told = before.wire.get(event.place)
            return told is None or bool(event.takeovers) or what_matters(told) != what_matters(event.reading)
        case LogHeard():
            return event.line.fact is None or event.line.fact.kind is not LogFactKind.DUMPED  # our own doing
        case NodeRead():
            return _read(before, event)
    return True


def _read(before: ClusterState, event: NodeRead) -> bool:
    node = before.nodes.get(event.node)
    known = None if node is None else known_of(node, event.reading)
    if node is None or known is None or node.failed:
        return True
    now, then = event.reading, known.value
    if isinstance(now, HostReading | SquidCounters):
        return False  # nothing but figures, and what shows in a second is soon enough
    if isinstance(now, UnitsReading) and isinstance(then, UnitsReading):
        return now.units != then.units
    if isinstance(now, NodeOperation) and isinstance(then, NodeOperation):
        return now != replace(then, uptime_s=now.uptime_s)
    return now != then
