"""Findings about VRRP instances: what holds them back, and where keepalived and its kernel disagree."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import (
    LASTING_S,
    by_instance,
    by_kernel,
    by_systemd,
    daemon_state,
    lasting,
    link_name,
    link_trouble,
    listed,
    look_at_link,
    unit_down,
)
from haconsole.cluster.rules.operations import why_drained
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import TrackedFile, TrackedInterface, VrrpState
from haconsole.model.record import dataclass
from haconsole.parse.keepalived_conf import vrrp_instances
from haconsole.parse.text import clean

OWNER: Final = 255
"""The priority whose owner keepalived never lowers."""


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from instance_fault(picture, node)
        yield from check_failing(node)
        yield from drained(picture, node)
        yield from tracking_ignored(picture, node)
        yield from left_behind(picture, node)
        yield from disagree(picture, node)


# --- why an instance is in FAULT ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an instance is in FAULT. `kind`: `link`, `script` or `file`; `name`: which one."""

    kind: str
    name: str
    text: str
    evidence: Evidence


def fault_reasons(node: NodePicture, instance: InstancePicture) -> tuple[Reason, ...]:
    """Everything watched without weight that is bad, the instance's own interface first."""
    return (*_bad_links(node, instance), *_bad_scripts(node, instance), *_bad_files(node, instance))


def _bad_links(node: NodePicture, instance: InstancePicture) -> Iterator[Reason]:
    watched = {t.name: t for t in instance.tracked_interfaces if t.weight == 0}
    own = (instance.interface,) if instance.interface else ()
    for name in dict.fromkeys([*own, *watched]):
        why = link_trouble(node, name)
        if why is not None:
            yield Reason("link", name, f"{link_name(node, name)} is down ({why})", by_kernel(node, f"{name}: {why}"))
        elif node.kernel is None and name in watched and watched[name].up is False:
            said = _dumped(node, f"{name} is down")
            yield Reason("link", name, f"{link_name(node, name)} is down", said)


def _bad_scripts(node: NodePicture, instance: InstancePicture) -> Iterator[Reason]:
    for script in instance.tracked_scripts:
        if script.weight == 0 and script.ok is False:
            said = _dumped(node, f"check {script.name} fails")
            yield Reason("script", script.name, f"the check {script.name} fails", said)


def _bad_files(node: NodePicture, instance: InstancePicture) -> Iterator[Reason]:
    for file in instance.tracked_files:
        if _faults(file, instance):
            said = _dumped(node, f"track file {file.name} holds {file.value}")
            yield Reason("file", file.name, f"the track file {file.name} holds {file.value}", said)


def _faults(file: TrackedFile, instance: InstancePicture) -> bool:
    """Without weight, and for the owner of 255, any number but 0 is FAULT (docs/keepalived-versions.md)."""
    return file.value is not None and file.value != 0 and (file.weight == 0 or instance.priority == OWNER)


def _dumped(node: NodePicture, text: str) -> Evidence:
    return Evidence(source=f"keepalived on {node.name}", text=text, at=node.dump_at)


def instance_fault(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived says FAULT; instances of a node with the same reasons are one finding.

    Means: the node cannot be master of them until the reason is gone.
    Can be wrong: the reason is what is bad now; what made it FAULT may be gone already, and a script's
    result is as old as the dump. A sync group pulls healthy members along.
    """
    groups: dict[tuple[str, ...], list[InstancePicture]] = {}
    for instance in node.instances or ():
        if daemon_state(instance) is VrrpState.FAULT:
            texts = tuple(r.text for r in fault_reasons(node, instance))
            groups.setdefault(texts, []).append(instance)
    for texts, members in groups.items():
        whole = len(members) == len(node.instances or ()) > 1
        what = "cannot be a master" if whole else f"cannot be master of {listed(i.name for i in members)}"
        reasons = fault_reasons(node, members[0])
        yield Finding(
            id="instance-fault",
            severity=Severity.WARNING,
            node=node.name,
            instance=None if whole else members[0].name,
            summary=f"{node.name} {what}: {listed(texts) or 'keepalived says FAULT, its reason was not told'}",
            evidence=(*(by_instance(node, i) for i in members), *(r.evidence for r in reasons)),
            remedy=_mend(picture, node, reasons),
        )


def _mend(picture: ClusterPicture, node: NodePicture, reasons: tuple[Reason, ...]) -> str:
    if not reasons:
        unit = picture.spec.keepalived_service
        return f"on {node.name}: journalctl -u {unit} -n 50: what stands before `Entering FAULT STATE`"
    first = reasons[0]
    if first.kind == "link":
        return look_at_link(node, first.name)
    if first.kind == "script":
        command = script_command(node, first.name) or f"the script of {first.name}"
        return f"run it as keepalived does, on {node.name}: {command}; echo $?"
    return f"when the node may serve again, on {node.name}: echo 0 > {_file_path(picture, node, first.name)}"


def script_command(node: NodePicture, name: str) -> str | None:
    """The command of a check, as keepalived.conf has it."""
    for block in node.config.conf.blocks("vrrp_script") if node.config else ():
        line = block.first("script")
        if block.args[:1] == (name,) and line is not None and line.args:
            return " ".join(line.args)
    return None


def _file_path(picture: ClusterPicture, node: NodePicture, name: str) -> str:
    """Where the track file is, as keepalived.conf has it; else haconsole's own drain file."""
    conf = node.config.conf if node.config else None
    for keyword in ("track_file", "vrrp_track_file"):
        for block in conf.blocks(keyword) if conf else ():
            line = block.first("file")
            if block.args[:1] == (name,) and line is not None and line.args:
                return quote(line.args[0])
    return picture.spec.drain_file


# --- what lowers a priority -----------------------------------------------------------


def check_failing(node: NodePicture) -> Iterator[Finding]:
    """A watched script or link is bad, and the instance is not in FAULT for it.

    Means: with a weight it costs priority, and the VIP may move; without one the state is about to
    change, or keepalived ignores it.
    Can be wrong: a script's result is as old as the dump.
    """
    found: dict[str, Evidence] = {}
    for instance in node.instances or ():
        if instance.state is None or instance.state is VrrpState.FAULT:
            continue
        for script in instance.tracked_scripts:
            if script.ok is False:
                found.setdefault(f"the check {script.name} fails{_costs(script.weight)}", by_instance(node, instance))
        for link in instance.tracked_interfaces:
            if link.up is False and link.weight:
                found.setdefault(_weighing_link(node, link), by_instance(node, instance))
    if found:
        yield Finding(
            id="check-failing",
            severity=Severity.WARNING,
            node=node.name,
            summary=f"{node.name}: {listed(found)}",
            evidence=tuple(dict.fromkeys(found.values())),
            remedy=_run_checks(node),
        )


def _costs(weight: int) -> str:
    return f" (weight {weight:+d})" if weight else ""


def _weighing_link(node: NodePicture, link: TrackedInterface) -> str:
    return f"{link_name(node, link.name)} is down{_costs(link.weight)}"


def _run_checks(node: NodePicture) -> str:
    failing = {s.name for i in node.instances or () for s in i.tracked_scripts if s.ok is False}
    commands = [c for name in sorted(failing) if (c := script_command(node, name)) is not None]
    return f"on {node.name}: {'; '.join([*commands, 'echo $?']) if commands else 'ip -d link show; the check script'}"


def drained(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """A watched track file holds a negative number.

    Means: somebody holds this node back on purpose; it would still take over if the others fail,
    unless the number puts it in FAULT.
    Can be wrong: the number is as old as the dump.
    """
    files = {f.name: f for i in node.instances or () for f in i.tracked_files if f.value is not None and f.value < 0}
    if not files:
        return
    texts = [f"{f.name} holds {f.value}" for f in files.values()]
    note = node.operation.drain if node.operation is not None else None
    by = "" if note is None else f" by {note.by or 'somebody'}{why_drained(note)}"
    yield Finding(
        id="drained",
        severity=Severity.WARNING,
        node=node.name,
        summary=clean(f"{node.name} is drained{by}: the track file {listed(texts)}"),
        evidence=tuple(_dumped(node, t) for t in texts),
        remedy=f"when the work is done: haconsole node undrain {node.name} (or on {node.name}: "
        f"echo 0 > {_file_path(picture, node, next(iter(files)))})",
    )


def tracking_ignored(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived.conf makes an instance watch something, and the running keepalived does not.

    Means: its failure will not move the VIP. keepalived 2.1 drops unweighted scripts of an instance with
    priority 255 (measured: clients lost everything until squid was back). A warning when it fails now.
    Can be wrong: the file may be newer than the running daemon: a reload would make it watch.
    """
    if node.dump_at is None or node.config is None:
        return
    running = {i.name: i for i in node.instances or () if not (i.tracked_scripts and i.tracked_interfaces)}
    if not running:
        return
    failing = {s.name for i in node.instances or () for s in i.tracked_scripts if s.ok is False}
    file = picture.spec.keepalived_config
    for conf in vrrp_instances(node.config.conf):
        instance = running.get(conf.name)
        if instance is None:
            continue
        scripts = [] if instance.tracked_scripts else [n for n, w in conf.tracked_scripts if w == 0]
        # An owner's links are missing in the dump of 2.1 too, and are watched all the same (run on 2.1.5).
        dumped = instance.tracked_interfaces or instance.priority == OWNER
        links = [] if dumped else [n for n, w in conf.tracked_interfaces if w == 0]
        if not scripts and not links:
            continue
        bad = [n for n in scripts if n in failing] + [n for n in links if link_trouble(node, n) is not None]
        told = f"{conf.name} tracks {listed([*scripts, *links])}"
        now = f"; {listed(bad)} fails now" if bad else ""
        yield Finding(
            id="tracking-ignored",
            severity=Severity.WARNING if bad else Severity.INFO,
            node=node.name,
            instance=conf.name,
            summary=f"{node.name}: {conf.name} does not watch {listed([*scripts, *links])}, {file} says it should{now}",
            evidence=(Evidence(source=f"{file} on {node.name}", text=told, at=None), by_instance(node, instance)),
            remedy=f"keepalived ignores it with priority 255: use 254 in {file} on {node.name}; if the file was "
            f"changed since the start: systemctl reload {picture.spec.keepalived_service}",
        )


# --- keepalived against its kernel ------------------------------------------------------


def left_behind(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived does not run, and its kernel still has the VIP.

    Means: keepalived was killed with all its processes; nobody will take the address away.
    Can be wrong: a keepalived that runs outside of its unit; an address that is configured by hand.
    A stop younger than three seconds does not count: keepalived may still be at it.
    """
    unit = node.keepalived
    if unit is None or node.kernel is None or not unit_down(unit) or unit.active_state not in {"inactive", "failed"}:
        return
    if node.keepalived_since is not None and picture.at - node.keepalived_since < LASTING_S:
        return
    name = picture.spec.keepalived_service
    for vip in picture.vips:
        address = next((a for a in node.kernel.addresses if a.address.ip == vip.address), None)
        if address is None:
            continue
        masters = [m for m in vip.masters or () if m != node.name]
        first = f"{listed(masters)} is master: " if masters else "if another node is master: "
        yield Finding(
            id="vip-left-behind",
            severity=Severity.WARNING,
            node=node.name,
            vip=vip.address,
            summary=f"{node.name} still has {vip.address} although keepalived does not run there",
            evidence=(
                by_systemd(node, f"{name}: {unit.active_state} ({unit.sub_state})", node.keepalived_since),
                by_kernel(node, f"{address.address} is on {address.interface}"),
            ),
            remedy=f"{first}on {node.name}: ip addr del {address.address} dev {quote(address.interface)}; "
            f"then: systemctl start {name}",
        )


def disagree(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived says MASTER and the kernel lacks the VIP, or the kernel has it and keepalived is no master.

    Means: something else took the address away or put it there (network manager, a person, a reload
    of a bad file); 1.3.5 never puts a lost address back.
    Can be wrong: the two are asked at different times; only a disagreement that has lasted counts.
    """
    if node.kernel is None or node.keepalived is None or not node.keepalived.active:
        return
    for vip in picture.vips:
        instance, held = node.instance_of(vip.address), bool(node.holds(vip.address))
        state = daemon_state(instance)
        if instance is None or state is None or held is (state is VrrpState.MASTER):
            continue
        if not lasting(picture, vip, node, instance):
            continue
        if held:
            summary = f"{node.name} has {vip.address} although keepalived is {state.value} there"
            address = next(a for a in node.kernel.addresses if a.address.ip == vip.address)
            dev = quote(address.interface)
            remedy = f"if another node is master: on {node.name}: ip addr del {address.address} dev {dev}"
        else:
            summary = f"{node.name} is master of {instance.name} and does not have {vip.address}"
            remedy = (
                f"find who took it away, on {node.name}: journalctl -n 500 | grep {vip.address}; "
                f"then: systemctl restart {picture.spec.keepalived_service}"
            )
        yield Finding(
            id="daemon-kernel-disagree",
            severity=Severity.WARNING,
            node=node.name,
            instance=instance.name,
            vip=vip.address,
            summary=summary,
            evidence=(
                by_instance(node, instance),
                by_kernel(node, f"{vip.address} is {'there' if held else 'not there'}"),
            ),
            remedy=remedy,
        )
