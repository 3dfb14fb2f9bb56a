"""Findings about settings that do not do what they are there for, by the daemons' own words."""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import by_instance, daemon_state, listed
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import VrrpState
from haconsole.parse.keepalived_conf import vrrp_instances


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        for instance in node.instances or ():
            yield from stays_master(picture, node, instance)
        yield from file_ignored(picture, node)
    for vip in picture.vips:
        yield from vrid_mismatch(picture, vip)


def stays_master(picture: ClusterPicture, node: NodePicture, instance: InstancePicture) -> Iterator[Finding]:
    """A weighted check or link of the master fails, and its priority is still the highest.

    Means: the weight is too small: the VIP stays where the service fails.
    Proof: the effective priorities in the daemons' own dumps.
    Can be wrong: they are as old as the dumps.
    """
    lost = [(s.name, s.weight) for s in instance.tracked_scripts if s.ok is False and s.weight < 0]
    lost += [(t.name, t.weight) for t in instance.tracked_interfaces if t.up is False and t.weight < 0]
    own = instance.effective_priority
    if not lost or own is None or not instance.from_dump or daemon_state(instance) is not VrrpState.MASTER:
        return
    standby = [
        (n, i)
        for n in picture.nodes
        for i in n.instances or ()
        if n is not node and i.name == instance.name and i.from_dump and daemon_state(i) is VrrpState.BACKUP
    ]
    known = [i.effective_priority for _, i in standby if i.effective_priority is not None]
    if not known or len(standby) != len(picture.nodes) - 1 or max(known) >= own:
        return
    best, other = max(standby, key=lambda x: x[1].effective_priority or 0)
    need = (instance.priority or own) - (other.effective_priority or 0) + 1
    yield Finding(
        id="weight-does-not-move",
        severity=Severity.WARNING,
        node=node.name,
        instance=instance.name,
        summary=f"{node.name} stays master of {instance.name} although {listed(n for n, _ in lost)} fails: its "
        f"priority {own} is still above {best.name}'s {other.effective_priority}",
        evidence=(by_instance(node, instance), *(by_instance(n, i) for n, i in standby)),
        remedy=f"in {picture.spec.keepalived_config}: weight -{need} or lower for {lost[0][0]}, or none at all (then "
        f"its failure is FAULT); now: haconsole node drain {node.name}",
    )


def file_ignored(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived.conf makes instances watch a track file, and the running keepalived does not.

    Means: what is written into it has no effect: the node cannot be drained by it. keepalived drops a track file
    whose directory is not there when it starts, though `keepalived -t` says nothing; 2.0 knows
    `vrrp_track_file` alone.
    Can be wrong: the file may be newer than the running daemon: a reload would make it watch.
    """
    if node.dump_at is None or node.config is None:
        return
    running = {i.name: i for i in node.instances or () if i.from_dump and not i.tracked_files}
    found = [(c, n) for c in vrrp_instances(node.config.conf) if c.name in running for n, _ in c.tracked_files]
    if not found:
        return
    files = list(dict.fromkeys(n for _, n in found))
    file = picture.spec.keepalived_config
    yield Finding(
        id="track-file-ignored",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: keepalived does not watch the track file {listed(files)}, {file} says it should: a "
        f"drain by it has no effect",
        evidence=tuple(
            Evidence(source=f"{file} on {node.name}", text=f"{c.name} tracks {n}", at=None) for c, n in found
        )
        + tuple(by_instance(node, running[c.name]) for c, _ in found),
        remedy=f"on {node.name}: is the file's directory there before keepalived starts (put it right into /run)? "
        f"Then: systemctl restart {picture.spec.keepalived_service}, while another node serves",
    )


def vrid_mismatch(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """The nodes have the same VIP in virtual routers with different numbers.

    Means: none hears the other as its master, so each becomes master and has the address.
    Can be wrong: where a node's numbers come from its file, the file may be newer than the daemon.
    """
    found = [(n, i) for n in picture.nodes if (i := n.instance_of(vip.address)) is not None and i.vrid is not None]
    if len({i.vrid for _, i in found}) < 2:
        return
    yield Finding(
        id="vrid-mismatch",
        severity=Severity.WARNING,
        vip=vip.address,
        summary=f"{vip.address} has {listed(f'VRID {i.vrid} on {n.name}' for n, i in found)}: "
        f"each becomes master of its own",
        evidence=tuple(
            Evidence(source=f"keepalived on {n.name}", text=f"{i.name}: VRID {i.vrid}", at=n.dump_at) for n, i in found
        ),
        remedy=f"the same virtual_router_id in {picture.spec.keepalived_config} on all nodes; reload the "
        f"one that is wrong",
    )
