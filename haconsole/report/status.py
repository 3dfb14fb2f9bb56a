"""`haconsole.status/1`: the JSON document of one look at the clusters. Pure.

Exactly the contract's fields. Unknown is null; of a node that cannot be read everything is null
but its name, its address, that it is not reachable, why, and the age of what was last heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model.findings import Finding
from haconsole.model.readings import Link

SCHEMA: Final = "haconsole.status/1"
Document = dict[str, object]


def stamp(at: float | None) -> str | None:
    """RFC 3339, UTC, milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status_document(snapshots: Sequence[Snapshot]) -> Document:
    """The document of one look at all clusters, in their order."""
    at = max((s.picture.at for s in snapshots), default=0.0)
    return {"schema": SCHEMA, "time": stamp(at), "clusters": [_cluster(s) for s in snapshots]}


def _cluster(snapshot: Snapshot) -> Document:
    picture = snapshot.picture
    return {
        "name": picture.spec.name,
        "verdict": snapshot.verdict.word,
        "vips": [_vip(v) for v in picture.vips],
        "nodes": [_node(n) for n in picture.nodes],
        "findings": [_finding(f) for f in snapshot.findings],
    }


def _vip(vip: VipPicture) -> Document:
    client = None
    if vip.client is not None:
        result = vip.client.result
        client = {
            "ok": result.ok,
            "status": result.status,
            "latency_ms": _ms(result.latency_s),
            "error": result.error,
            "checked": result.checked,
        }
    return {
        "address": str(vip.address),
        "prefix": vip.prefix,
        "vrid": vip.vrid,
        "preferred": vip.preferred,
        "holders": None if vip.holders is None else list(vip.holders),
        "advertisers": None if vip.advertisers is None else list(vip.advertisers),
        "client": client,
        "since": stamp(vip.since),
    }


def _node(node: NodePicture) -> Document:
    known = node.readable
    return {
        "name": node.name,
        "address": node.spec.address,
        "reachable": known,
        "error": None if known else _error(node),
        "age_s": None if node.age_s is None else round(node.age_s, 3),
        "clock_offset_ms": _ms(None if node.clock is None else node.clock.offset_s),
        "clock_error_ms": _ms(None if node.clock is None else node.clock.error_s),
        "drained": _drained(node),
        "operation": None,
        "keepalived": _keepalived(node) if known else None,
        "squid": _squid(node) if known else None,
        "interfaces": _interfaces(node),
    }


def _error(node: NodePicture) -> str:
    if node.problem is not None:
        return node.problem.summary
    return f"{node.name}: connected, but silent" if node.stale else f"{node.name}: not connected"


def _drained(node: NodePicture) -> bool | Document | None:
    if node.dump_at is None:
        return None
    values = [t.value for i in node.instances or () for t in i.tracked_files if t.value is not None]
    if any(v < 0 for v in values):
        return {"by": None, "reason": None, "method": "track_file", "since": None, "until": None}
    return False


def _keepalived(node: NodePicture) -> Document:
    unit = node.keepalived
    version = node.versions.keepalived if node.versions is not None else None
    return {
        "active": None if unit is None else unit.active,
        "enabled": None if unit is None else unit.enabled,
        "version": None if version is None else str(version),
        "config_ok": None if node.config_test is None else node.config_test.ok,
        "instances": None if node.instances is None else [_instance(i) for i in node.instances],
    }


def _instance(instance: InstancePicture) -> Document:
    return {
        "name": instance.name,
        "vrid": instance.vrid,
        "interface": instance.interface,
        "state": None if instance.state is None else instance.state.value,
        "state_source": None if instance.state_source is None else instance.state_source.value,
        "priority": instance.priority,
        "effective_priority": instance.effective_priority,
        "advert_interval_s": instance.advert_interval_s,
        "preempt": instance.preempt,
        "vips": [str(v) for v in instance.vips],
        "since": stamp(instance.since),
        "tracked_interfaces": [{"name": t.name, "up": t.up} for t in instance.tracked_interfaces],
        "tracked_scripts": [{"name": t.name, "ok": t.ok, "weight": t.weight} for t in instance.tracked_scripts],
        "tracked_files": [{"name": t.name, "value": t.value, "weight": t.weight} for t in instance.tracked_files],
    }


def _squid(node: NodePicture) -> Document:
    unit, squid = node.squid_unit, node.squid
    listening = None if squid is None or squid.listening is None else [x.text for x in squid.listening]
    return {
        "active": None if unit is None else unit.active,
        "enabled": None if unit is None else unit.enabled,
        "version": node.versions.squid if node.versions is not None else None,
        "check_ok": None if squid is None else squid.check_ok,
        "listening": listening,
        "requests_per_s": None if node.requests_per_s is None else round(node.requests_per_s, 3),
        "clients": node.clients,
        "hit_ratio": None if node.hit_ratio is None else round(node.hit_ratio, 4),
    }


def _interfaces(node: NodePicture) -> list[Document] | None:
    if node.kernel is None:
        return None
    return [_interface(node, link) for link in node.kernel.links.values()]


def _interface(node: NodePicture, link: Link) -> Document:
    addresses = node.addresses_of(link.name)
    return {
        "name": link.name,
        "up": link.up,
        "carrier": link.carrier,
        "addresses": [str(a.address) for a in addresses],
        "labels": {str(a.address): a.label for a in addresses if a.label is not None},
    }


def _finding(finding: Finding) -> Document:
    return {
        "id": finding.id,
        "severity": finding.severity.word,
        "node": finding.node,
        "instance": finding.instance,
        "vip": None if finding.vip is None else str(finding.vip),
        "summary": finding.summary,
        "evidence": [{"source": e.source, "time": stamp(e.at), "text": e.text} for e in finding.evidence],
        "remedy": finding.remedy,
        "follows_from": finding.follows_from,
        "unknown": finding.unknown,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
