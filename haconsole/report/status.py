"""`haconsole.status/1`: snapshots -> the JSON document that scripts rely on. Pure.

The models of `status_schema` are the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model import findings as model
from haconsole.model.events import ClientResult, Phase
from haconsole.model.readings import Address
from haconsole.report.status_schema import (
    Client,
    Cluster,
    Drained,
    Evidence,
    Finding,
    Instance,
    Interface,
    Keepalived,
    Node,
    Operation,
    Squid,
    Status,
    TrackedInterface,
    TrackedScript,
    Vip,
)
from haconsole.report.values import clean_lines, clean_or_none, number, rfc3339

SCHEMA: Final = "haconsole.status/1"


def status_document(snapshots: Sequence[Snapshot]) -> dict[str, object]:
    """The JSON document of one or more clusters, ready for `json.dumps`."""
    at = max((s.picture.at for s in snapshots), default=0.0)
    status = Status(
        schema=SCHEMA, time=rfc3339(at) or "1970-01-01T00:00:00.000Z", clusters=[_cluster(s) for s in snapshots]
    )
    return status.model_dump(mode="json", by_alias=True)


# --- parts ----------------------------------------------------------------------


def _cluster(snapshot: Snapshot) -> Cluster:
    picture = snapshot.picture
    return Cluster(
        name=clean_lines(picture.spec.name),
        verdict=snapshot.verdict.word,  # type: ignore[arg-type]
        vips=[_vip(v) for v in picture.vips],
        nodes=[_node(n) for n in picture.nodes],
        findings=[_finding(f) for f in snapshot.findings],
    )


def _vip(vip: VipPicture) -> Vip:
    return Vip(
        address=str(vip.address),
        prefix=vip.prefix,
        vrid=vip.vrid,
        preferred=clean_or_none(vip.preferred),
        holders=None if vip.holders is None else [clean_lines(h) for h in vip.holders],
        advertisers=None if vip.advertisers is None else [clean_lines(a) for a in vip.advertisers],
        client=None if vip.client is None else _client(vip.client.result),
    )


def _client(result: ClientResult) -> Client:
    latency_ms = None if result.latency_s is None else number(result.latency_s * 1000)
    return Client(ok=result.ok, status=result.status, latency_ms=latency_ms, error=clean_or_none(result.error))


def _node(node: NodePicture) -> Node:
    name, address, age_s = clean_lines(node.name), clean_lines(node.spec.known_as), number(node.age_s)
    if not node.readable:
        return Node(name=name, address=address, reachable=False, error=clean_lines(why_unreadable(node)), age_s=age_s)
    clock = node.clock
    return Node(
        name=name,
        address=address,
        reachable=True,
        error=None,
        age_s=age_s,
        clock_offset_ms=None if clock is None else number(clock.offset_s * 1000),
        clock_error_ms=None if clock is None else number(clock.error_s * 1000),
        drained=_drained(node),
        operation=_operation(node),
        keepalived=_keepalived(node),
        squid=_squid(node),
        interfaces=_interfaces(node),
    )


def why_unreadable(node: NodePicture) -> str:
    """In one line, why nothing is known of the node now."""
    if node.problem is not None and node.problem.summary:
        return node.problem.summary
    if node.stale:
        return f"{node.name}: connected, but nothing was heard lately"
    if node.phase is Phase.WAITING:
        return f"{node.name}: not reachable"
    return f"{node.name}: no answer yet"


def _drained(node: NodePicture) -> Literal[False] | Drained | None:
    """By its drain note, else by the track files of keepalived's dump; null where these are not known."""
    told = node.operation
    if told is not None and told.drain is not None:
        note = told.drain
        return Drained(
            by=clean_or_none(note.by), reason=clean_or_none(note.reason),
            method=clean_or_none(note.method), since=_told_time(note.since), until=_told_time(note.until),
        )  # fmt: skip
    if node.dump_at is None:
        return None
    values = [f.value for i in node.instances or () for f in i.tracked_files]
    if any(v is not None and v < 0 for v in values):
        return Drained(by=None, reason=None, method="track_file", since=None, until=None)
    return None if None in values else False


def _operation(node: NodePicture) -> Literal[False] | Operation | None:
    """By the node's lock; `until` counts by the node's own uptime and may be over: then nobody renewed it."""
    told, at = node.operation, node.operation_at
    if told is None or at is None:
        return None
    if told.lock is None:
        return False
    left, lock = told.lock_left_s, told.lock
    return Operation(
        owner=clean_or_none(lock.owner), host=clean_or_none(lock.host), name=clean_or_none(lock.name),
        until=None if left is None else rfc3339(at + left),
    )  # fmt: skip


def _told_time(text: str | None) -> str | None:
    """A time that a node tells; null where it is none."""
    try:
        told = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if told.tzinfo is None:
        return None
    try:
        return rfc3339(told.timestamp())
    except (OverflowError, OSError, ValueError):
        return None


def _keepalived(node: NodePicture) -> Keepalived:
    unit, test = node.keepalived, node.config_test
    version = None if node.versions is None else node.versions.keepalived
    return Keepalived(
        active=None if unit is None else unit.active,
        enabled=None if unit is None else unit.enabled,
        version=None if version is None else str(version),
        config_ok=None if test is None else test.ok,
        instances=None if node.instances is None else [_instance(i) for i in node.instances],
    )


def _instance(instance: InstancePicture) -> Instance:
    links, scripts = instance.tracked_interfaces, instance.tracked_scripts
    return Instance(
        name=clean_lines(instance.name),
        vrid=instance.vrid,
        interface=clean_or_none(instance.interface),
        state=None if instance.state is None else instance.state.value,
        state_source=None if instance.state_source is None else instance.state_source.value,
        priority=instance.priority,
        effective_priority=instance.effective_priority,
        advert_interval_s=number(instance.advert_interval_s),
        preempt=instance.preempt,
        vips=[str(v) for v in instance.vips],
        since=rfc3339(instance.since),
        tracked_interfaces=[TrackedInterface(name=clean_lines(t.name), up=t.up) for t in links],
        tracked_scripts=[TrackedScript(name=clean_lines(t.name), ok=t.ok, weight=t.weight) for t in scripts],
    )


def _squid(node: NodePicture) -> Squid:
    unit, squid = node.squid_unit, node.squid
    listening = None if squid is None else squid.listening
    version = None if node.versions is None else node.versions.squid
    return Squid(
        active=None if unit is None else unit.active,
        enabled=None if unit is None else unit.enabled,
        version=clean_or_none(version),
        check_ok=None if squid is None else squid.check_ok,
        listening=None if listening is None else [clean_lines(x.text) for x in listening],
        requests_per_s=number(node.requests_per_s),
        clients=node.clients,
        hit_ratio=number(node.hit_ratio, 4),
    )


def _interfaces(node: NodePicture) -> list[Interface] | None:
    """In the kernel's order."""
    if node.kernel is None:
        return None
    found: dict[str, list[Address]] = {name: [] for name in node.kernel.links}
    for address in node.kernel.addresses:
        found.setdefault(address.interface, []).append(address)
    return [_interface(node, name, addresses) for name, addresses in found.items()]


def _interface(node: NodePicture, name: str, held: Sequence[Address]) -> Interface:
    link = None if node.kernel is None else node.kernel.links.get(name)
    return Interface(
        name=clean_lines(name),
        up=None if link is None else link.up,
        carrier=None if link is None else link.carrier,
        addresses=[str(a.address) for a in held],
        labels={str(a.address): clean_lines(a.label) for a in held if a.label is not None},
    )


def _finding(finding: model.Finding) -> Finding:
    return Finding(
        id=finding.id,
        severity=finding.severity.word,  # type: ignore[arg-type]
        node=clean_or_none(finding.node),
        instance=clean_or_none(finding.instance),
        vip=None if finding.vip is None else str(finding.vip),
        summary=clean_lines(finding.summary),
        evidence=[
            Evidence(source=clean_lines(e.source), time=rfc3339(e.at), text=clean_lines(e.text))
            for e in finding.evidence
        ],
        remedy=clean_or_none(finding.remedy),
        unknown=finding.unknown,
        key=clean_lines(finding.key),
        follows_from=clean_or_none(finding.follows_from),
    )
