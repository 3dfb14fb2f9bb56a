"""`haconsole.drill/1`: a drill's record -> the JSON document of its report, and back. Pure.

The models are the schema: names and shapes are a promise (fields are added, never renamed or dropped), and
unknown is null. Moments are RFC 3339 in UTC, lengths seconds, VIPs addresses without prefix. Reading a stored
report overlooks fields that it does not know, since a newer haconsole may have written it.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from haconsole.model.drill import CADENCE_S, FAILED_AFTER_S, DrillRecord, Phase, Source, Verdict
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean
from haconsole.report.adverts import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "haconsole.drill/1"
LARGEST_BYTES: Final = 64 * 1024 * 1024
"""A report of more is not read."""


class NotADrillReportError(ParseError):
    """The text is not a report of `haconsole.drill/1`. The message says why, cleaned."""


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    told = datetime.fromisoformat(value)
    if told.tzinfo is None:
        raise ValueError("a moment names its zone")
    return told.timestamp()


_DATE_TIME: Final = {"type": "string", "format": "date-time"}
Moment = Annotated[
    float,
    Field(ge=0, lt=253_402_300_800),  # the year 10000: no date can tell more
    BeforeValidator(_moment),
    PlainSerializer(stamp, return_type=str, when_used="json"),
    WithJsonSchema(_DATE_TIME),
]
"""Seconds since the epoch here, RFC 3339 in the document."""


def _value(value: object) -> object:
    return value.value if isinstance(value, (Verdict, Phase, Source)) else value


VerdictWord = Annotated[Literal["passed", "deviated", "aborted", "refused", "failed"], BeforeValidator(_value)]
PhaseWord = Annotated[
    Literal["plan", "before", "inject", "takeover", "hold", "put-back", "failback", "after", "over"],
    BeforeValidator(_value),
]
SourceWord = Annotated[
    Literal["console", "kernel", "keepalived", "squid", "wire", "client"], BeforeValidator(_value)
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", from_attributes=True, allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,
    )  # fmt: skip


class RangeSeconds(_Part):
    """`high` null: it ends only when the cause does, or is not known."""

    low: float
    high: float | None


class Guard(_Part):
    """A guard, as it stood when the drill was decided on."""

    id: str
    ok: bool | None
    text: str
    evidence: str


class Predicted(_Part):
    """Made before the drill. A VIP that is not named is not expected to move."""

    takeover_s: dict[str, RangeSeconds]
    outage_s: dict[str, RangeSeconds]
    failback_outage_s: dict[str, RangeSeconds]
    because: list[str] = Field(default_factory=list)


class Measured(_Part):
    """0.0 means measured and nothing lost; null means not measured."""

    takeover_s: dict[str, float | None]
    outage_s: dict[str, float | None]
    failback_outage_s: dict[str, float | None]
    requests: int | None
    failed: int | None
    probe_interval_ms: float | None
    takeover_error_s: dict[str, float | None] = Field(default_factory=dict)
    unjudged: int | None = None
    not_begun: int | None = None


class Claim(_Part):
    """`ok` null: it could not be told."""

    text: str
    ok: bool | None
    evidence: str


class Hypothesis(_Part):
    """What should hold before, during and after."""

    before: list[Claim]
    during: list[Claim]
    after: list[Claim]


class Step(_Part):
    """`ok` null: not over, or not known."""

    name: str
    started: Moment
    ended: Moment | None
    ok: bool | None
    text: str
    command: str | None


class TimelineEntry(_Part):
    """`error_ms`: what may remain after correcting for the node's clock; null: not known."""

    time: Moment
    error_ms: float | None
    node: str | None
    source: SourceWord
    text: str


class Node(_Part):
    """What a node showed. Null: it could not be read."""

    addresses_before: list[str] | None
    addresses_during: list[str] | None
    addresses_after: list[str] | None
    keepalived_log: list[str] | None


class Holding(_Part):
    """Who had the VIP from `since` on, by the kernels. Empty: nobody; null: not known."""

    vip: str
    since: Moment
    holders: list[str] | None


class Outage(_Part):
    """From the start of the last good request to the end of the first good one. `ended` null: it had not ended."""

    vip: str
    began: Moment
    ended: Moment | None
    failed: int


class Request(_Part):
    """One request of the drill's own client."""

    vip: str
    started: Moment
    ended: Moment
    ok: bool
    status: int | None
    error: str | None


class PhaseSince(_Part):
    """A phase, until the next."""

    phase: PhaseWord
    since: Moment


class Document(_Part):
    """A drill. Fields with a default came after the contract: a reader must not count on them in old reports."""

    id: str
    cluster: str
    drill: str
    node: str
    operator: str
    ticket: str | None
    started: Moment
    ended: Moment | None
    result: VerdictWord | None
    guards: list[Guard]
    predicted: Predicted
    measured: Measured
    hypothesis: Hypothesis
    steps: list[Step]
    timeline: list[TimelineEntry]
    nodes: dict[str, Node]
    text: str = ""
    look_at: list[str] = Field(default_factory=list)
    resumed: bool = False
    injected: Moment | None = None
    put_back: Moment | None = None
    phases: list[PhaseSince] = Field(default_factory=list)
    lanes: list[Holding] = Field(default_factory=list)
    outages: list[Outage] = Field(default_factory=list)
    requests: list[Request] = Field(default_factory=list)
    about: str | None = None
    utc_offset_s: int | None = Field(default=None, gt=-86400, lt=86400)


def document(record: DrillRecord, *, capture: str | None = None) -> dict[str, object]:
    """The document, ready for `json.dumps`. Whatever a node said is cleaned.

    capture: name of the pcap file beside it; None: the wire was not recorded.
    """
    told = Document.model_validate(record).model_dump(mode="json")
    cleaned = _cleaned(told)
    return {
        "schema": SCHEMA, **cleaned, "capture": capture,
        "rules": {"failed_after_s": FAILED_AFTER_S, "cadence_ms": CADENCE_S * 1000},
    }  # fmt: skip


def parse(text: str | bytes) -> DrillRecord:
    """A stored report -> its record.

    Raises: NotADrillReportError: no JSON, another schema, a field is missing or has another shape.
    """
    if len(text) > LARGEST_BYTES:
        raise NotADrillReportError(f"larger than {LARGEST_BYTES // 1024 // 1024} MiB: not a drill's report")
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotADrillReportError(f"no JSON: {clean(str(error))}") from error
    schema = read.get("schema") if isinstance(read, dict) else None
    if schema != SCHEMA:
        found = f"schema {clean(schema)[:60]!r}" if isinstance(schema, str) else "no schema"
        raise NotADrillReportError(f"{found}: expected {SCHEMA}")
    try:
        return _record().validate_python(Document.model_validate(_cleaned(read)).model_dump(mode="python"))
    except (ValidationError, RecursionError, OverflowError) as error:
        raise NotADrillReportError(_first(error)) from error


@cache
def _record() -> TypeAdapter[DrillRecord]:
    return TypeAdapter(DrillRecord)


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "nested too deep, or with numbers too large, to be a drill's report"
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return clean(f"{where}: {first['msg']}")[:200]


def _cleaned(value: Mapping[str, Any]) -> dict[str, Any]:
    return {clean(key): (_lines if key == "command" else _clean_one)(one) for key, one in value.items()}


def _lines(value: Any) -> Any:
    """Of a step: its command lines, of which a script has several."""
    return "\n".join(map(clean, value.split("\n"))) if isinstance(value, str) else _clean_one(value)


def _clean_one(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return _cleaned(value)
    if isinstance(value, list):
        return [_clean_one(one) for one in value]
    return value
