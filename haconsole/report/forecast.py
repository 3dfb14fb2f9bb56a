"""Forecasts -> the JSON document `haconsole.forecast/1` (docs/forecast.md). Unknown is null."""

from __future__ import annotations

from collections.abc import Sequence

from haconsole.cluster.forecast_changes import Change
from haconsole.cluster.forecast_times import Span
from haconsole.cluster.forecast_values import Forecast, InstanceForecast, LoadForecast, VipForecast
from haconsole.cluster.picture import ClusterPicture
from haconsole.model.record import dataclass
from haconsole.parse.text import clean
from haconsole.report.values import rfc3339

SCHEMA = "haconsole.forecast/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterForecast:
    """One cluster: as it is now, and each supposition."""

    picture: ClusterPicture
    now: Forecast
    suppositions: tuple[Forecast, ...]

    @property
    def known(self) -> bool:
        """Something could be said: of some VIP it is known who holds it, now or then."""
        return any(v.known or v.before is not None for f in (self.now, *self.suppositions) for v in f.vips)


def forecast_document(clusters: Sequence[ClusterForecast]) -> dict[str, object]:
    """The document, ready for `json.dumps`."""
    at = max((c.picture.at for c in clusters), default=0.0)
    return {
        "schema": SCHEMA,
        "time": rfc3339(at),
        "clusters": [
            {
                "name": c.picture.spec.name,
                "now": one(c.now),
                "forecasts": [one(f) for f in c.suppositions],
            }
            for c in clusters
        ],
    }


def one(forecast: Forecast) -> dict[str, object]:
    """One supposition."""
    return {
        "without": [_change(c) for c in forecast.changes],
        "vips": [_vip(v) for v in forecast.vips],
        "lost": [str(v.address) for v in forecast.lost],
        "instances": [_instance(i) for i in forecast.instances],
        "load": [_load(x) for x in forecast.loads],
    }


def predicted(forecast: Forecast) -> dict[str, object]:
    """As drills and actions report it: VIP -> range, for VIPs of which the range is known."""

    def ranges(name: str) -> dict[str, object]:
        spans = {str(v.address): getattr(v, name) for v in forecast.vips}
        return {vip: span_of(s) for vip, s in spans.items() if s is not None}

    return {f"{name}_s": ranges(name) for name in ("takeover", "outage", "failback_outage")}


def span_of(span: Span | None) -> dict[str, float | None] | None:
    """`{"low", "high"}` in seconds; `high` null: no upper end is known."""
    if span is None:
        return None
    return {"low": round(span.low, 3), "high": None if span.high is None else round(span.high, 3)}


def _change(change: Change) -> dict[str, object]:
    return {"word": clean(change.word), "text": clean(change.text)}


def _vip(vip: VipForecast) -> dict[str, object]:
    return {
        "address": str(vip.address),
        "vrid": vip.vrid,
        "holder_before": vip.before,
        "holder_after": vip.after,
        "held_by_nobody": vip.nobody if vip.known else None,
        "serves": vip.serves,
        "moves": vip.moves,
        "takeover_s": span_of(vip.takeover),
        "outage_s": span_of(vip.outage),
        "failback_outage_s": span_of(vip.failback_outage),
        "able": list(vip.able),
        "able_unknown": list(vip.able_unknown),
        "why": [clean(w) for w in vip.why],
        "unknown": None if vip.unknown is None else clean(vip.unknown),
    }


def _instance(instance: InstanceForecast) -> dict[str, object]:
    return {
        "node": instance.node,
        "name": clean(instance.name),
        "vrid": instance.vrid,
        "state": None if instance.state is None else instance.state.value,
        "priority": instance.priority,
        "effective_priority": instance.effective_priority,
        "causes": [clean(c) for c in instance.causes],
        "unknown": None if instance.unknown is None else clean(instance.unknown),
    }


def _load(load: LoadForecast) -> dict[str, object]:
    def rate(value: float | None) -> float | None:
        return None if value is None else round(value, 1)

    return {"node": load.node, "requests_per_s": rate(load.now), "requests_per_s_after": rate(load.after)}
