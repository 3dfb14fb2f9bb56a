"""The nodes of the status table, side by side: what runs, what it watches, its links. Fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture
from haconsole.cluster.rules.common import span
from haconsole.model.events import Phase
from haconsole.model.readings import StateSource, UnitReading, VrrpState
from haconsole.report.status import why_unreadable
from haconsole.report.status_words import (
    BUSY,
    CRITICAL,
    INFO,
    OK,
    UNKNOWN,
    WARNING,
    mark_of,
    millis,
    row,
    say,
    sign,
    worst,
)

BLOCK: Final = 38
"""Cells that a node's block wants at least; two of them fit 80."""


def node_blocks(snapshot: Snapshot, width: int) -> Iterator[RenderableType]:
    """As many side by side as there is room for."""
    nodes = snapshot.picture.nodes
    beside = min(len(nodes), max(1, (width + 1) // (BLOCK + 1)))
    for start in range(0, len(nodes), beside):
        grid = Table.grid(padding=(0, 1, 0, 0), expand=True, pad_edge=False)
        for _ in range(beside):
            grid.add_column(ratio=1)
        grid.add_row(*(_block(n, snapshot) for n in nodes[start : start + beside]))
        yield grid
        yield Text("")


def _block(node: NodePicture, snapshot: Snapshot) -> RenderableType:
    title = row(sign(_node_mark(node, snapshot)), " ", say(node.name, "bold"), "  ", say(node.spec.known_as, "dim"))
    grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column(width=11, overflow="fold")
    grid.add_column(overflow="fold")
    lines = _readable(node, snapshot) if node.readable else _silent(node)
    for label, line in lines:
        grid.add_row(say(f" {label}", "dim"), line)
    return Group(title, grid)


def _node_mark(node: NodePicture, snapshot: Snapshot) -> str:
    found = worst(mark_of(f) for f in snapshot.findings if f.node == node.name)
    if found != INFO:
        return BUSY if found == UNKNOWN and node.problem is None and not node.stale else found
    read = (node.kernel, node.keepalived, node.instances, node.squid)
    return OK if all(p is not None for p in read) else UNKNOWN


def _silent(node: NodePicture) -> Iterator[tuple[str, Text]]:
    busy = node.problem is None and node.phase in {Phase.IDLE, Phase.CONNECTING}
    state = BUSY if busy else UNKNOWN
    yield "state", row(sign(state), " not read yet" if busy else " not readable: nothing is known now")
    yield "why", say(why_unreadable(node))
    yield "heard", say("never" if node.age_s is None else f"{span(node.age_s)} ago")


def _readable(node: NodePicture, snapshot: Snapshot) -> Iterator[tuple[str, Text]]:
    now = snapshot.picture.at
    version = node.versions.keepalived if node.versions else None
    yield "keepalived", _unit(node.keepalived, node.keepalived_since, version, now)
    if node.config_test is not None and node.config_test.ok is False:
        yield "", row(sign(WARNING), " keepalived.conf does not pass its test")
    yield from (("", _instance(i)) for i in node.instances or ())
    if node.instances is None:
        yield "", row(sign(UNKNOWN), " VRRP instances not known")
    tracks = list(_tracks(node))
    if tracks:
        yield "tracks", Text("  ").join(tracks)
    yield "squid", _unit(node.squid_unit, node.squid_since, node.versions.squid if node.versions else None, now)
    yield from _squid(node)
    yield from ((name, line) for name, line in _links(node, snapshot))
    yield "ssh", _link_quality(node)


def _unit(unit: UnitReading | None, since: float | None, version: object, now: float) -> Text:
    told = "" if version is None else f", {version}"
    if unit is None:
        return row(sign(UNKNOWN), f" not known{told}")
    if not unit.loaded:
        return row(sign(CRITICAL), f" no unit {unit.name}")
    for_long = "" if since is None else f" {span(now - since)}"
    boot = {True: ", at boot", False: ", not at boot", None: ""}[unit.enabled]
    mark = () if unit.active else (sign(CRITICAL), " ")
    return row(*mark, f"{unit.active_state}{for_long}{boot}{told}")


_STATE_MARKS: Final = {VrrpState.FAULT: CRITICAL, VrrpState.INIT: BUSY}


def _instance(instance: InstancePicture) -> Text:
    if instance.state is None:
        state = row(sign(UNKNOWN))
    else:
        hint = {StateSource.LOG: " (log)", StateSource.ADDRESSES: " (guessed)"}
        source = hint.get(instance.state_source, "") if instance.state_source is not None else ""
        mark = _STATE_MARKS.get(instance.state)
        state = row(*((sign(mark), " ") if mark else ()), f"{instance.state.value}{source}")
    shown = [p for p in (instance.effective_priority, instance.priority) if p is not None]
    return row(say(instance.name), " ", state, say(f" {'/'.join(map(str, shown))}" if shown else "", "dim"))


def _tracks(node: NodePicture) -> Iterator[Text]:
    """Everything watched, once; the worst result where instances differ."""
    found: dict[str, list[str]] = {}
    for instance in node.instances or ():
        watched = [(t.name, t.up) for t in instance.tracked_interfaces]
        watched += [(t.name, t.ok) for t in instance.tracked_scripts]
        for name, well in watched:
            found.setdefault(name, []).append({True: OK, False: CRITICAL, None: UNKNOWN}[well])
        for file in instance.tracked_files:
            found.setdefault(f"{file.name}={UNKNOWN if file.value is None else file.value}", []).append(
                {True: UNKNOWN, False: WARNING if file.value else OK}[file.value is None]
            )
    return (row(say(name), " ", sign(worst(marks))) for name, marks in found.items())


def _squid(node: NodePicture) -> Iterator[tuple[str, Text]]:
    squid = node.squid
    check = {True: OK, False: CRITICAL, None: UNKNOWN}[squid.check_ok if squid is not None else None]
    listening = None if squid is None else squid.listening
    if listening is None:
        where = row(sign(UNKNOWN), " sockets not known")
    elif listening:
        where = say(" ".join(x.text for x in listening))
    else:
        where = row(sign(CRITICAL), " does not listen")
    yield "", row("check ", sign(check), "  ", where)
    rate = UNKNOWN if node.requests_per_s is None else f"{node.requests_per_s:.1f}"
    clients = UNKNOWN if node.clients is None else str(node.clients)
    hits = "" if node.hit_ratio is None else f", {node.hit_ratio:.0%} hits"
    yield "", say(f"{rate} req/s, {clients} clients{hits}")


def _links(node: NodePicture, snapshot: Snapshot) -> Iterator[tuple[str, Text]]:
    """The links that the cluster lives on; others only when they hold a VIP."""
    if node.kernel is None:
        yield "links", row(sign(UNKNOWN), " addresses not known")
        return
    vips = {v.address for v in snapshot.picture.vips}
    wanted = [node.spec.lan_interface, *([node.spec.public_interface] if node.spec.public_interface else [])]
    wanted += [i.interface for i in node.instances or () if i.interface]
    wanted += [a.interface for a in node.kernel.addresses if a.address.ip in vips]
    for name in dict.fromkeys(wanted):
        link = node.kernel.links.get(name)
        held = [a for a in node.addresses_of(name) if a.scope != "link"]
        if link is None:
            line = row(sign(UNKNOWN), " not there")
        elif link.up and link.carrier:
            line = row(sign(OK), say("".join(f" {a.address}" for a in held) or " no address"))
        else:
            line = row(sign(CRITICAL), " no carrier" if link.up else " down")
        yield name, line


def _link_quality(node: NodePicture) -> Text:
    parts = [] if node.latency_s is None else [millis(node.latency_s)]
    if node.clock is not None:
        offset_ms = round(node.clock.offset_s * 1000, 1) + 0.0  # never -0.0
        parts.append(f"clock {offset_ms:+.1f} ± {node.clock.error_s * 1000:.1f} ms")
    if node.age_s is not None and node.age_s >= 3.0:
        parts.append(f"heard {span(node.age_s)} ago")
    return say(", ".join(parts) or UNKNOWN)
