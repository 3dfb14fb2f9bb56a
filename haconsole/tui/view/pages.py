"""Everything that is known of one node or one VIP, on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import Rights
from haconsole.tui.view import levels, times
from haconsole.tui.view.details import fact, heading, nothing, shown
from haconsole.tui.view.findings import finding_rows
from haconsole.tui.view.instances import instance_level, state_word, track_items
from haconsole.tui.view.node_rows import interfaces_of_interest, listening, silent_rows, unit_state
from haconsole.tui.view.nodes import node_level
from haconsole.tui.view.text import Level, Line, Row, Tone, blank, crop, join, say, sign
from haconsole.tui.view.times import Times
from haconsole.tui.view.vips import answer, bar

INTERFACES_SHOWN: Final = 200
"""A page of 10,000 interfaces helps nobody; those of interest come first."""
_UNKNOWN: Final = (Level.UNKNOWN, "not known")


def node_page(name: str, snapshot: Snapshot, width: int, zone: Times) -> tuple[Row, ...]:
    """One node in full."""
    node = next((n for n in snapshot.picture.nodes if n.name == name), None)
    if node is None:
        return nothing("there is no such node any more", width)
    return tuple(_node(node, snapshot, width, zone))


def _node(node: NodePicture, snapshot: Snapshot, width: int, zone: Times) -> Iterator[Row]:
    now = snapshot.picture.at
    level = node_level(node, snapshot)
    yield from fact("node", node.name, width, tone=Tone.STRONG, level=level)
    yield from fact("address", node.spec.known_as, width)
    if not node.readable:
        yield from silent_rows(node, now, width, zone)
    else:
        yield from _link(node, now, width)
        yield from _programs(node, snapshot, width)
        yield from _instances(node, now, width)
        yield from _interfaces(node, width)
    yield from _failed(node, now, width, zone)
    yield from _findings(snapshot, width, node=node.name)


def _link(node: NodePicture, now: float, width: int) -> Iterator[Row]:
    if node.identity is not None:
        yield from fact("login", f"{node.identity.user} on {node.identity.hostname}", width)
        yield from _rights(node, width)
    if node.latency_s is not None:
        yield from fact("latency", times.millis(node.latency_s), width)
    if node.clock is not None:
        ahead = f"{times.offset(node.clock)} {times.error(node.clock.error_s)}"
        yield from fact("clock", f"{ahead} against this machine", width)
    if node.age_s is not None:
        yield from fact("heard", times.ago(node.age_s), width)
    if node.uptime_s is not None:
        yield from fact("up", times.span(node.uptime_s), width)
    if node.dump_at is not None:
        yield from fact("dump", f"of keepalived, {times.ago(now - node.dump_at)}", width)


def _rights(node: NodePicture, width: int) -> Iterator[Row]:
    """What is configured, and what sudo has let this login do; what it would allow only `haconsole doctor` asks."""
    if node.identity is None:
        return
    refused = [s.value for s, k in node.failed.items() if k.value.kind is ProblemKind.NOT_PERMITTED]
    if node.identity.rights is Rights.ROOT:
        yield from fact("rights", "root", width)
    elif node.identity.rights is Rights.PLAIN:
        why = "no sudo: not configured (ssh.sudo)" if not node.spec.ssh.sudo else "no sudo: the node has none"
        yield from fact("rights", why, width)
    elif refused:
        text = f"sudo is configured; refused for: {', '.join(refused)}"
        yield from fact("rights", text, width, level=Level.WARNING)
    elif node.dumped_at is not None:
        yield from fact("rights", "sudo: keepalived's dump was read by it", width)
    else:
        yield from fact("rights", "sudo is configured; what it allows: haconsole doctor", width)


def _programs(node: NodePicture, snapshot: Snapshot, width: int) -> Iterator[Row]:
    now = snapshot.picture.at
    yield from heading("Services", width)
    level, what = unit_state(node.keepalived, node.keepalived_since, now, missing=_UNKNOWN)
    versions = node.versions
    version = _version(None if versions is None else versions.keepalived)
    yield shown("keepalived", (sign(level), blank(1), *what, *version), width, level=level)
    if node.config_test is not None:
        yield from _config_test(node, width)
    level, what = unit_state(node.squid_unit, node.squid_since, now, missing=_UNKNOWN)
    version = _version(None if versions is None else versions.squid)
    yield shown("squid", (sign(level), blank(1), *what, *version), width, level=level)
    if node.squid is not None and node.squid.check_ok is not None:
        level = Level.OK if node.squid.check_ok else Level.CRITICAL
        yield from fact(
            "check", node.squid.check_text or ("passes" if node.squid.check_ok else "fails"), width, level=level
        )
    level, what = listening(node, node.squid, snapshot.picture.spec.squid_port)
    yield shown("listens", what, width, level=level)
    rates = (("requests", node.requests_per_s, "/s"), ("clients", node.clients, ""))
    for label, value, unit in rates:
        yield from fact(label, "not known" if value is None else f"{value:,.0f}{unit}", width)
    hits = "not known" if node.hit_ratio is None else f"{node.hit_ratio * 100:.1f} %"
    yield from fact("hit ratio", hits, width)


def _version(version: object) -> Line:
    return (say(", version not known", Tone.QUIET),) if version is None else (say(f", {version}"),)


def _config_test(node: NodePicture, width: int) -> Iterator[Row]:
    test = node.config_test
    if test is None:
        return
    level = {True: Level.OK, False: Level.CRITICAL, None: Level.UNKNOWN}[test.ok]
    word = {True: "accepted", False: "refused", None: test.why_unknown or "not known"}[test.ok]
    yield from fact("config", f"{word} by keepalived -t", width, level=level)
    for message in test.messages:
        yield from fact("", message, width, indent=18)


def _instances(node: NodePicture, now: float, width: int) -> Iterator[Row]:
    yield from heading("VRRP instances", width)
    if node.instances is None:
        yield from fact("", "not known", width, level=Level.UNKNOWN)
    for instance in node.instances or ():
        yield from _instance(instance, node, now, width)
    tracked = track_items(node)
    if tracked:
        yield shown("tracks", join([line for _, line in tracked], 3), width, level=max(lv for lv, _ in tracked))


def _instance(instance: InstancePicture, node: NodePicture, now: float, width: int) -> Iterator[Row]:
    level = instance_level(instance, node)
    source = f" (by {instance.state_source.value})" if instance.state_source is not None else ""
    age = "" if instance.since is None else f", for {times.span(now - instance.since)}"
    line = (sign(level), blank(1), *state_word(instance), say(f"{source}{age}", Tone.QUIET))
    yield shown(instance.name, line, width, level=level, copy=f"{instance.name} {instance.state}")
    effective = "not told" if instance.effective_priority is None else str(instance.effective_priority)
    parts = [f"priority {instance.priority}, effective {effective}", f"VRID {instance.vrid} on {instance.interface}"]
    if instance.advert_interval_s is not None:
        parts.append(f"advert every {instance.advert_interval_s:g} s")
    if instance.preempt is not None:
        parts.append("preempts" if instance.preempt else "does not preempt")
    if instance.version is not None:
        parts.append(f"VRRP v{instance.version}")
    if instance.master_address is not None:
        parts.append(f"hears {instance.master_address}")
    yield from fact("", " · ".join(parts), width, tone=Tone.QUIET, indent=18)
    for vip in instance.vips:
        held = node.holds(vip.ip)
        text = f"{vip} " + {True: "is on this node", False: "is not on this node", None: "not known"}[held]
        yield from fact("", text, width, indent=18, copy=str(vip.ip))


def _interfaces(node: NodePicture, width: int) -> Iterator[Row]:
    yield from heading("Interfaces", width)
    if node.kernel is None:
        yield from fact("", "not known", width, level=Level.UNKNOWN)
        return
    first = interfaces_of_interest(node)
    names = [*first, *(n for n in node.kernel.links if n not in set(first))]
    addresses: dict[str, list[str]] = {}
    for a in node.kernel.addresses:
        label = f" {a.label}" if a.label else ""
        addresses.setdefault(a.interface, []).append(f"{a.address}{label}")
    for name in names[:INTERFACES_SHOWN]:
        link = node.kernel.links.get(name)
        if link is None:
            yield from fact(name, "not there", width, level=Level.CRITICAL)
            continue
        well = link.up and link.carrier
        state = "up" if well else "no carrier" if link.up else "down"
        level = Level.OK if well else Level.CRITICAL if name in first else Level.NONE
        text = "  ".join([state, *addresses.get(name, []), *([link.mac] if link.mac else [])])
        yield from fact(name, text, width, level=level)
    more = len(names) - INTERFACES_SHOWN
    if more > 0:
        yield from fact("", f"and {more:,} more", width, tone=Tone.QUIET)


def _failed(node: NodePicture, now: float, width: int, zone: Times) -> Iterator[Row]:
    if not node.failed:
        return
    yield from heading("Could not be read", width)
    for subject, known in node.failed.items():
        problem = known.value
        yield from fact(subject.value, problem.summary, width, level=Level.UNKNOWN)
        if problem.detail:
            yield from fact("", problem.detail, width, tone=Tone.QUIET, indent=18)
        if problem.remedy:
            yield from fact("", f"→ {problem.remedy}", width, indent=18, copy=problem.remedy)
        when = f"{zone.stamp(known.at, now)}, {times.ago(max(0.0, now - known.at))}"
        yield from fact("", when, width, tone=Tone.QUIET, indent=18)


def _findings(snapshot: Snapshot, width: int, *, node: str | None = None, vip: str | None = None) -> Iterator[Row]:
    keys = {
        f"finding/{f.key}"
        for f in snapshot.findings
        if (node is not None and f.node == node) or (vip is not None and str(f.vip) == vip)
    }
    rows = [r for r in finding_rows(snapshot, width) if r.key in keys]
    if rows:
        yield from heading("Findings", width)
        yield from rows


def vip_page(address: str, snapshot: Snapshot, width: int, zone: Times) -> tuple[Row, ...]:
    """One VIP in full: what each witness says, and how old that is."""
    vip = next((v for v in snapshot.picture.vips if str(v.address) == address), None)
    if vip is None:
        return nothing("this VIP is not known any more", width)
    return tuple(_vip(vip, snapshot, width, zone))


def _vip(vip: VipPicture, snapshot: Snapshot, width: int, zone: Times) -> Iterator[Row]:
    now = snapshot.picture.at
    level = levels.of_vip(vip, snapshot)
    address = str(vip.address) if vip.prefix is None else f"{vip.address}/{vip.prefix}"
    yield from fact("VIP", address, width, tone=Tone.STRONG, level=level, copy=str(vip.address))
    yield from fact("VRID", "not known" if vip.vrid is None else str(vip.vrid), width)
    yield from fact("preferred", vip.preferred or "not known", width)
    if vip.since is not None:
        yield from fact("since", f"{zone.full(vip.since)}, for {times.span(now - vip.since)}", width)
    yield from heading("Witnesses", width)
    for i, node in enumerate(snapshot.picture.nodes):
        yield from _daemon(vip, node, now, width, "daemon" if i == 0 else "")
    for i, node in enumerate(snapshot.picture.nodes):
        yield from _kernel(vip, node, width, "kernel" if i == 0 else "")
    wire = "nobody listened: this says nothing"
    if vip.advertisers is not None:
        wire = f"adverts from {' + '.join(vip.advertisers) or 'nobody'}"
    yield from fact("wire", wire, width, tone=Tone.QUIET if vip.advertisers is None else Tone.PLAIN)
    yield from _client(vip, snapshot, width, zone)
    yield from _findings(snapshot, width, vip=str(vip.address))


def _daemon(vip: VipPicture, node: NodePicture, now: float, width: int, label: str) -> Iterator[Row]:
    """What keepalived on one node says of the instance that has this VIP."""
    instance = node.instance_of(vip.address)
    name: Line = (say(node.name), blank(2))
    if instance is None or instance.state is None:
        why = "not known" if instance is None or node.keepalived is None or node.keepalived.active else "does not run"
        yield shown(label, (*name, say(why, Tone.UNKNOWN)), width)
        return
    source = instance.state_source.value if instance.state_source is not None else "unknown source"
    age = "" if instance.state_at is None else f", {times.ago(max(0.0, now - instance.state_at))}"
    yield shown(label, (*name, *state_word(instance), say(f" by {source}{age}", Tone.QUIET)), width)


def _kernel(vip: VipPicture, node: NodePicture, width: int, label: str) -> Iterator[Row]:
    """Does one node's kernel have the address."""
    held = node.holds(vip.address)
    word = {True: "has it", False: "does not have it", None: "not known"}[held]
    if held:
        where = next(a for a in node.kernel.addresses if a.address.ip == vip.address) if node.kernel else None
        word += f" on {where.label or where.interface}" if where is not None else ""
    tone = {True: Tone.STRONG, False: Tone.PLAIN, None: Tone.UNKNOWN}[held]
    yield shown(label, (say(node.name), blank(2), say(word, tone)), width)


def _client(vip: VipPicture, snapshot: Snapshot, width: int, zone: Times) -> Iterator[Row]:
    now = snapshot.picture.at
    if vip.client is None:
        yield from fact("client", "no fresh answer through this VIP", width, level=Level.UNKNOWN)
        return
    result = vip.client.result
    level = Level.OK if result.ok else Level.CRITICAL
    line = answer(vip.client) if not result.ok else (sign(level), blank(1), *answer(vip.client))
    when = f"{zone.clock(vip.client.at)}, {times.ago(max(0.0, now - vip.client.at))}"
    yield shown("client", (*line, say(f"   {when}", Tone.QUIET)), width, level=level)
    yield from fact(
        "", "a request through the proxy" if result.checked == "http" else "the port accepts", width, indent=18
    )
    if vip.failed_since is not None:
        yield from fact(
            "", f"not served for {times.span(now - vip.failed_since)}", width, tone=Tone.CRITICAL, indent=18
        )
    known = [x for x in vip.latencies_s if x is not None]
    if known:
        bars = "".join("×" if x is None else bar(x) for x in vip.latencies_s)
        lost = f"lost {vip.latencies_s.count(None)} of {len(vip.latencies_s)}"
        text = f"fastest {times.millis(min(known))}, slowest {times.millis(max(known))}, {lost}"
        yield Row("latencies", crop((blank(18), say(bars, Tone.QUIET)), width))
        yield from fact("", text, width, indent=18)
