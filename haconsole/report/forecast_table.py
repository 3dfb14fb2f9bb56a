"""Forecasts for terminals: one line a VIP, then why. Plain `Text`, cleaned: nothing that a node says can draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from haconsole.cluster.forecast_times import NOTHING
from haconsole.cluster.forecast_values import Forecast, VipForecast
from haconsole.parse.text import clean
from haconsole.report.forecast import ClusterForecast

_SIGNS: Final = {"●": "green", "▲": "yellow", "✖": "bold red", "?": "magenta"}


def forecast_table(clusters: Sequence[ClusterForecast]) -> RenderableType:
    """What `haconsole forecast` prints: one supposition at length, or many as a list."""
    parts: list[RenderableType] = []
    for cluster in clusters:
        parts += [Text("")] if parts else []
        parts.append(Text(f"{cluster.picture.spec.name}: now", style="bold"))
        parts.append(_now(cluster))
        at_length = len(cluster.suppositions) == 1
        for supposed in cluster.suppositions:
            words = ", ".join(clean(c.text) for c in supposed.changes)
            parts += [Text(""), Text(f"{cluster.picture.spec.name}: {words}", style="bold"), _vips(supposed)]
            parts += list(_more(supposed)) if at_length else []
        if len(cluster.suppositions) > 1:
            parts += [
                Text(""),
                Text("why, and what to expect in full: haconsole forecast --without NODE:THING", style="dim"),
            ]
    return Group(*parts)


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="fold")
    table.add_column(overflow="fold")
    return table


def _now(cluster: ClusterForecast) -> RenderableType:
    table = _grid()
    for vip in cluster.now.vips:
        if vip.before is None:
            sign, words = "?", clean(vip.unknown or "no node has it")
        else:
            able = f"{len(vip.able)} of {len(cluster.picture.nodes)} nodes can serve it"
            sign = "●" if vip.serves and len(vip.able) > 1 else "▲" if vip.serves is not False else "✖"
            words = able + (f", not known: {', '.join(vip.able_unknown)}" if vip.able_unknown else "")
        table.add_row(_signed(sign, str(vip.address)), Text(vip.before or "?"), Text(words))
    return table


def _vips(forecast: Forecast) -> RenderableType:
    table = _grid()
    for vip in forecast.vips:
        sign, where, words = _line(vip)
        table.add_row(_signed(sign, str(vip.address)), Text(where), Text(words))
    return table


def _line(vip: VipForecast) -> tuple[str, str, str]:
    """(sign, who has it, what clients lose)."""
    if not vip.known:
        return "?", f"{vip.before or '?'} → ?", f"not known: {clean(vip.unknown or '')}"
    where = (vip.after or "nobody") if vip.moves is False else f"{vip.before or '?'} → {vip.after or 'nobody'}"
    if vip.lost:
        return "✖", where, "total loss: clients are not served until it is put right"
    if vip.outage is None:
        return "?", where, f"what clients lose is not known{f': {clean(vip.unknown)}' if vip.unknown else ''}"
    if vip.moves is False:
        return "●", where, "stays"
    lost = "clients lose nothing" if vip.outage == NOTHING else f"clients lose {vip.outage}"
    back = "" if vip.failback_outage is None else f", on the way back {vip.failback_outage}"
    return "●" if vip.outage == NOTHING else "▲", where, lost + back


def _more(forecast: Forecast) -> Iterator[RenderableType]:
    why = list(dict.fromkeys(clean(w) for v in forecast.vips for w in v.why))
    for vip in forecast.vips:
        if vip.takeover is not None:
            why.append(f"{vip.address} is on {vip.after} after {vip.takeover}")
        others = f", not known: {', '.join(vip.able_unknown)}" if vip.able_unknown else ""
        why.append(f"afterwards {', '.join(vip.able) or 'no node'} can serve {vip.address}{others}")
    yield Text("")
    for line in why:
        yield Text(f"  · {line}")
    for load in forecast.loads:
        if load.after:
            now = "?" if load.now is None else f"{load.now:.0f}"
            yield Text(
                f"  · {load.node} would answer {load.after:.0f} requests/s (now {now}); what it can bear is not known"
            )
    if any(v.moves for v in forecast.vips):
        yield Text("  · connections open through a VIP break when it moves")


def _signed(sign: str, text: str) -> Text:
    return Text.assemble((sign, _SIGNS[sign]), f" {text}")
