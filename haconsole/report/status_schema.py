"""The models of `haconsole.status/1`: names and shapes are a promise, fields are added, never renamed or dropped.

Unknown is null, everywhere. Of a node that cannot be read only its name, address, error and age are told.
Addresses are written as in RFC 5952, times as in RFC 3339, in UTC.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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
