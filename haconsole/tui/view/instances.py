"""The VRRP instances of one node: state, priority, addresses, and why an instance is in FAULT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture
from haconsole.model.events import Subject
from haconsole.model.readings import IpInterface, StateSource, VrrpState
from haconsole.model.spec import IpAddress
from haconsole.tui.view import levels, times
from haconsole.tui.view.table import Column, Table
from haconsole.tui.view.text import Kind, Level, Line, Row, Target, Tone, crop, join, say, sign, spread, width_of

_STATE_TONES = {
    VrrpState.MASTER: Tone.STRONG,
    VrrpState.BACKUP: Tone.PLAIN,
    VrrpState.FAULT: Tone.CRITICAL,
    VrrpState.INIT: Tone.BUSY,
}
_STATE_LEVELS = {
    VrrpState.MASTER: Level.OK,
    VrrpState.BACKUP: Level.OK,
    VrrpState.FAULT: Level.CRITICAL,
    VrrpState.INIT: Level.BUSY,
}


def short_addresses(addresses: Sequence[IpAddress]) -> dict[object, str]:
    """VIPs as they are called within a cluster: `.101`, `…:101` where all of a family share the rest."""
    short: dict[object, str] = {}
    for separator, mark in ((".", "."), (":", "…:")):
        family = [a for a in addresses if separator in str(a)]
        heads = {str(a).rpartition(separator)[0] for a in family}
        for address in family:
            tail = str(address).rpartition(separator)[2]
            short[address] = f"{mark}{tail}" if len(heads) == 1 and tail else str(address)
    return short


def instance_rows(node: NodePicture, snapshot: Snapshot, width: int, *, wide: bool) -> Iterator[Row]:
    """One row an instance; a daemon that is known not to run has no states to show."""
    if node.instances is None:
        failed = Subject.DAEMON in node.failed or Subject.CONFIG in node.failed
        level = Level.UNKNOWN if failed else Level.BUSY
        why = "VRRP instances cannot be read" if failed else "VRRP instances not read yet"
        yield _row(node, "instances", (say(" "), sign(level), say(f" {why}", level.tone)), level, width)
        return
    if not node.instances:
        yield _row(node, "instances", (say(" "), sign(Level.UNKNOWN), say(" no VRRP instance")), Level.UNKNOWN, width)
        return
    cells = [_cells(i, node, snapshot, wide=wide) for i in node.instances]
    columns = (
        Column("", 1, 24 if wide else 12, middle=True),
        Column("", 6, 8),
        Column("", 3, 10, right=False),
        Column("", 5, 60, stretch=True),
    )
    table = Table(columns, cells, width - 1, 2 if wide else 1, titles=False)
    for n, instance in enumerate(node.instances):
        since = _since(instance, snapshot.picture.at) if wide else ()
        line: Line = _trimmed((say(" "), *table.line(n)))
        if since and width_of(line) + 2 + width_of(since) <= width:
            line = spread(line, since, width)
        yield _row(node, f"instance/{instance.name}", line, instance_level(instance, node), width)


def _trimmed(line: Line) -> Line:
    """Without the blanks at its end."""
    end = len(line)
    while end and not line[end - 1].text.strip():
        end -= 1
    return line[:end]


def _row(node: NodePicture, key: str, line: Line, level: Level, width: int) -> Row:
    return Row(f"node/{node.name}/{key}", crop(line, width), level, "", Target(Kind.NODE, node.name))


def _cells(instance: InstancePicture, node: NodePicture, snapshot: Snapshot, *, wide: bool) -> list[Line]:
    return [
        (say(instance.name),),
        state_word(instance),
        _priority(instance, wide=wide),
        join(
            [
                *(_vip(instance, v.ip, node, snapshot, wide=wide) for v in _clients_first(instance)[:40]),
                _reason(instance, node),
            ],
            2,
        ),
    ]


def _clients_first(instance: InstancePicture) -> list[IpInterface]:
    """The VIPs, the link-local ones last: no client uses those, and the end may be cut."""
    return sorted(instance.vips, key=lambda v: v.ip.is_link_local)


def state_word(instance: InstancePicture) -> Line:
    """`MASTER`; `MASTER~` where only the addresses hint at it."""
    if instance.state is None:
        return (say("?", Tone.UNKNOWN),)
    hint = "~" if instance.state_source is StateSource.ADDRESSES else ""
    return (say(f"{instance.state.value}{hint}", _STATE_TONES[instance.state]),)


def instance_level(instance: InstancePicture, node: NodePicture) -> Level:
    """Well only when state and addresses are known and agree."""
    if instance.state is None:
        return Level.UNKNOWN
    worst = _STATE_LEVELS[instance.state]
    for vip in instance.vips:
        worst = max(worst, _held_level(instance, node.holds(vip.ip)))
    return worst


def _held_level(instance: InstancePicture, held: bool | None) -> Level:
    if held is None:
        return Level.UNKNOWN
    master = instance.state is VrrpState.MASTER
    if held is master or instance.state is None:
        return Level.OK
    return Level.CRITICAL if master else Level.WARNING


def _priority(instance: InstancePicture, *, wide: bool) -> Line:
    """Effective of base: `255 of 255`; where they differ, something tracked weighs on it."""
    base = "?" if instance.priority is None else str(instance.priority)
    if instance.effective_priority is None:
        return (say(f"{base:>3}"),)
    effective = f"{instance.effective_priority:>3}"
    lowered = instance.priority is not None and instance.effective_priority != instance.priority
    tone = Tone.WARNING if lowered and instance.effective_priority else Tone.PLAIN
    return (say(effective, tone), say(f" of {base}" if wide else f"/{base}", Tone.QUIET))


def _vip(instance: InstancePicture, vip: IpAddress, node: NodePicture, snapshot: Snapshot, *, wide: bool) -> Line:
    held = node.holds(vip)
    vips = snapshot.picture.vips
    name = short_addresses([v.address for v in vips]).get(vip, str(vip))
    level = _held_level(instance, held)
    if held:
        level = max(level, levels.held_twice(next((v for v in vips if v.address == vip), None)))
        where = _label(vip, node) if wide else ""
        return (say(f"{name} "), sign(level), *((say(f" {where}", Tone.QUIET),) if where else ()))
    if held is None:
        return (say(f"{name} ", Tone.QUIET), sign(Level.UNKNOWN))
    if instance.state is VrrpState.MASTER:
        return (say(f"{name} "), sign(Level.CRITICAL), say(" not on this node", Tone.CRITICAL))
    return ()


def _label(vip: IpAddress, node: NodePicture) -> str:
    found = next((a for a in node.kernel.addresses if a.address.ip == vip), None) if node.kernel else None
    return "" if found is None else found.label or found.interface


def _reason(instance: InstancePicture, node: NodePicture) -> Line:
    """Why it is in FAULT, as far as what is tracked tells."""
    if instance.state is not VrrpState.FAULT:
        return ()
    links = {} if node.kernel is None else node.kernel.links
    reasons = [f"{t.name} down" for t in instance.tracked_interfaces if t.up is False]
    own = links.get(instance.interface) if instance.interface else None
    if own is not None and not (own.up and own.carrier) and f"{own.name} down" not in reasons:
        reasons.insert(0, f"{own.name} down")
    reasons += [f"{s.name} fails" for s in instance.tracked_scripts if s.ok is False]
    return (say(", ".join(reasons) or "reason not known", Tone.CRITICAL),)


def _since(instance: InstancePicture, now: float) -> Line:
    return () if instance.since is None else (say(times.short(now - instance.since), Tone.QUIET),)


def track_items(node: NodePicture) -> list[tuple[Level, Line]]:
    """Everything that any instance tracks, once; the worst verdict where instances differ."""
    items: dict[str, tuple[Level, Line]] = {}
    for instance in node.instances or ():
        for item in _tracks(instance):
            name = item[1][0].text
            if name not in items or items[name][0] < item[0]:
                items[name] = item
    return list(items.values())


def _tracks(instance: InstancePicture) -> Iterator[tuple[Level, Line]]:
    for link in instance.tracked_interfaces:
        yield _track(link.name, link.up, link.weight)
    for script in instance.tracked_scripts:
        yield _track(script.name, script.ok, script.weight)
    for file in instance.tracked_files:
        level = Level.UNKNOWN if file.value is None else Level.OK if file.value == 0 else Level.WARNING
        value = "?" if file.value is None else str(file.value)
        yield level, (say(file.name), say(f" {value}", level.tone))


def _track(name: str, well: bool | None, weight: int) -> tuple[Level, Line]:
    bad = Level.WARNING if weight else Level.CRITICAL  # with a weight it costs priority, without it is FAULT
    level = Level.UNKNOWN if well is None else Level.OK if well else bad
    weighs: Line = (say(f" {weight:+d}", Tone.QUIET),) if weight else ()
    return level, (say(name), say(" "), sign(level), *weighs)
