"""`haconsole.status/1`: snapshots -> the JSON document that scripts rely on. Pure.

The models are the schema: names and shapes are a promise (fields are added, never renamed or
dropped), and unknown is null, everywhere. Of a node that cannot be read only its name, address,
error and age are told. Addresses are written as in RFC 5952, times as in RFC 3339, in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model import findings as model
from haconsole.model.events import ClientResult, Phase
from haconsole.model.readings import Address
from haconsole.parse.text import clean

SCHEMA: Final = "haconsole.status/1"

Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
VerdictWord = Literal["ok", "warning", "critical", "unknown"]
SeverityWord = Literal["info", "warning", "critical"]
StateWord = Literal["MASTER", "BACKUP", "FAULT", "INIT"]
SourceWord = Literal["dump", "log", "addresses"]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,
    )


class Client(_Part):
    """What the last client got through a VIP."""

    ok: bool
    status: int | None
    latency_ms: float | None
    error: str | None


class Vip(_Part):
    """One VIP. `holders` null: no node's addresses could be read."""

    address: str
    prefix: int | None
    vrid: int | None
    preferred: str | None
    holders: list[str] | None
    advertisers: list[str] | None
    client: Client | None


class TrackedInterface(_Part):
    """A watched link."""

    name: str
    up: bool | None


class TrackedScript(_Part):
    """A watched check."""

    name: str
    ok: bool | None
    weight: int


class Instance(_Part):
    """One VRRP instance of one node."""

    name: str
    vrid: int | None
    interface: str | None
    state: StateWord | None
    state_source: SourceWord | None
    priority: int | None
    effective_priority: int | None
    advert_interval_s: float | None
    preempt: bool | None
    vips: list[str]
    since: Time | None
    tracked_interfaces: list[TrackedInterface]
    tracked_scripts: list[TrackedScript]


class Keepalived(_Part):
    """keepalived on one node."""

    active: bool | None
    enabled: bool | None
    version: str | None
    config_ok: bool | None
    instances: list[Instance] | None


class Squid(_Part):
    """squid on one node."""

    active: bool | None
    enabled: bool | None
    version: str | None
    check_ok: bool | None
    listening: list[str] | None
    requests_per_s: float | None
    clients: int | None
    hit_ratio: float | None


class Interface(_Part):
    """One interface with its addresses; `labels`: address -> IPv4 label."""

    name: str
    up: bool | None
    carrier: bool | None
    addresses: list[str]
    labels: dict[str, str]


class Drained(_Part):
    """A node that is held back. Nulls: not written down anywhere."""

    by: str | None
    reason: str | None
    method: str | None
    since: Time | None
    until: Time | None


class Operation(_Part):
    """An operation under way on a node."""

    owner: str | None
    host: str | None
    name: str | None
    until: Time | None


class Node(_Part):
    """One node. What could not be read is null."""

    name: str
    address: str
    reachable: bool
    error: str | None
    age_s: float | None
    clock_offset_ms: float | None = None
    clock_error_ms: float | None = None
    drained: Literal[False] | Drained | None = None
    operation: Literal[False] | Operation | None = None
    keepalived: Keepalived | None = None
    squid: Squid | None = None
    interfaces: list[Interface] | None = None


class Evidence(_Part):
    """One observation; `time` null: not known when."""

    source: str
    time: Time | None
    text: str


class Finding(_Part):
    """What is wrong or worth knowing; ids are explained in docs/findings.md."""

    id: str
    severity: SeverityWord
    node: str | None
    instance: str | None
    vip: str | None
    summary: str
    evidence: list[Evidence]
    remedy: str | None
    unknown: bool
    """True: something of a VIP cannot be told."""
    key: str
    """The same trouble keeps its key."""
    follows_from: str | None
    """`key` of the finding that explains this one."""


class Cluster(_Part):
    """One cluster."""

    name: str
    verdict: VerdictWord
    vips: list[Vip]
    nodes: list[Node]
    findings: list[Finding]


class Status(_Part):
    """The document."""

    schema_: Literal["haconsole.status/1"] = Field(alias="schema")
    time: Time
    clusters: list[Cluster]


def status_document(snapshots: Sequence[Snapshot]) -> dict[str, object]:
    """The JSON document of one or more clusters, ready for `json.dumps`."""
    at = max((s.picture.at for s in snapshots), default=0.0)
    status = Status(
        schema=SCHEMA, time=rfc3339(at) or "1970-01-01T00:00:00.000Z", clusters=[_cluster(s) for s in snapshots]
    )
    return status.model_dump(mode="json", by_alias=True)


# --- values ---------------------------------------------------------------------


def rfc3339(at: float | None) -> str | None:
    """UTC with milliseconds: `2025-11-24T14:01:19.866Z`; None for what is no date (a node's clock may say anything)."""
    if at is None or not 0 <= at < 2.5e11:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: float | None, digits: int = 3) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # never -0.0


def _text(value: str) -> str:
    """A remedy may have several lines."""
    return "\n".join(clean(line) for line in value.split("\n"))


def _maybe(value: str | None) -> str | None:
    return None if value is None else _text(value)


# --- parts ----------------------------------------------------------------------


def _cluster(snapshot: Snapshot) -> Cluster:
    picture = snapshot.picture
    return Cluster(
        name=_text(picture.spec.name),
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
        preferred=_maybe(vip.preferred),
        holders=None if vip.holders is None else [_text(h) for h in vip.holders],
        advertisers=None if vip.advertisers is None else [_text(a) for a in vip.advertisers],
        client=None if vip.client is None else _client(vip.client.result),
    )


def _client(result: ClientResult) -> Client:
    latency_ms = None if result.latency_s is None else _number(result.latency_s * 1000)
    return Client(ok=result.ok, status=result.status, latency_ms=latency_ms, error=_maybe(result.error))


def _node(node: NodePicture) -> Node:
    name, address, age_s = _text(node.name), _text(node.spec.known_as), _number(node.age_s)
    if not node.readable:
        return Node(name=name, address=address, reachable=False, error=_text(why_unreadable(node)), age_s=age_s)
    clock = node.clock
    return Node(
        name=name,
        address=address,
        reachable=True,
        error=None,
        age_s=age_s,
        clock_offset_ms=None if clock is None else _number(clock.offset_s * 1000),
        clock_error_ms=None if clock is None else _number(clock.error_s * 1000),
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
            by=_maybe(note.by), reason=_maybe(note.reason), method=_maybe(note.method), since=_told_time(note.since),
            until=_told_time(note.until),
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
        owner=_maybe(lock.owner), host=_maybe(lock.host), name=_maybe(lock.name),
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
        name=_text(instance.name),
        vrid=instance.vrid,
        interface=_maybe(instance.interface),
        state=None if instance.state is None else instance.state.value,
        state_source=None if instance.state_source is None else instance.state_source.value,
        priority=instance.priority,
        effective_priority=instance.effective_priority,
        advert_interval_s=_number(instance.advert_interval_s),
        preempt=instance.preempt,
        vips=[str(v) for v in instance.vips],
        since=rfc3339(instance.since),
        tracked_interfaces=[TrackedInterface(name=_text(t.name), up=t.up) for t in links],
        tracked_scripts=[TrackedScript(name=_text(t.name), ok=t.ok, weight=t.weight) for t in scripts],
    )


def _squid(node: NodePicture) -> Squid:
    unit, squid = node.squid_unit, node.squid
    listening = None if squid is None else squid.listening
    version = None if node.versions is None else node.versions.squid
    return Squid(
        active=None if unit is None else unit.active,
        enabled=None if unit is None else unit.enabled,
        version=_maybe(version),
        check_ok=None if squid is None else squid.check_ok,
        listening=None if listening is None else [_text(x.text) for x in listening],
        requests_per_s=_number(node.requests_per_s),
        clients=node.clients,
        hit_ratio=_number(node.hit_ratio, 4),
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
        name=_text(name),
        up=None if link is None else link.up,
        carrier=None if link is None else link.carrier,
        addresses=[str(a.address) for a in held],
        labels={str(a.address): _text(a.label) for a in held if a.label is not None},
    )


def _finding(finding: model.Finding) -> Finding:
    return Finding(
        id=finding.id,
        severity=finding.severity.word,  # type: ignore[arg-type]
        node=_maybe(finding.node),
        instance=_maybe(finding.instance),
        vip=None if finding.vip is None else str(finding.vip),
        summary=_text(finding.summary),
        evidence=[Evidence(source=_text(e.source), time=rfc3339(e.at), text=_text(e.text)) for e in finding.evidence],
        remedy=_maybe(finding.remedy),
        unknown=finding.unknown,
        key=_text(finding.key),
        follows_from=_maybe(finding.follows_from),
    )
