"""Snapshots -> one line for Nagios and its kin: `PROXY OK - ...| performance data`. Pure.

Source: Monitoring Plugins development guidelines (plugin output, performance data).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model.findings import Finding, Severity, Verdict
from haconsole.parse.text import clean

SERVICE: Final = "PROXY"
TOLD: Final = 3
"""Findings named for each cluster; the rest is counted."""
LIMIT: Final = 3000
"""Octets of text before the performance data: agents cut at 4 KiB and less."""


def nagios_lines(snapshots: Sequence[Snapshot]) -> str:
    """One line for all clusters; the state is the worst of them."""
    verdict = max((s.verdict for s in snapshots), default=Verdict.UNKNOWN)
    several = len(snapshots) > 1
    worst_first = sorted(snapshots, key=lambda s: -s.verdict)
    texts = [f"{s.picture.spec.name} {s.verdict.word}: {_told(s)}" if several else _told(s) for s in worst_first]
    text = _plain("; ".join(texts) or "no cluster is configured")
    numbers = " ".join(n for s in snapshots for n in _numbers(s, several=several))
    return f"{SERVICE} {verdict.name} - {_cut(text)}" + (f" | {numbers}" if numbers else "")


def _plain(text: str) -> str:
    """A bar would begin the performance data, a line end would end the line."""
    return clean(" ".join(text.split("\n"))).replace("|", "¦")


def _cut(text: str) -> str:
    data = text.encode("utf-8", "replace")
    return text if len(data) <= LIMIT else data[:LIMIT].decode("utf-8", "ignore") + " ..."


# --- text -----------------------------------------------------------------------


def _told(snapshot: Snapshot) -> str:
    """What decides the verdict, its causes behind it; where all is well, who holds what."""
    found = [f for f in snapshot.findings if f.unknown or f.severity is not Severity.INFO]
    if not found:
        if snapshot.verdict is Verdict.OK:
            return ", ".join(_well(v) for v in snapshot.picture.vips)
        return "not enough is known to say that all is well"
    found.sort(key=_weight)  # stable: causes stay before what follows from them
    more = f", {len(found) - TOLD} more" if len(found) > TOLD else ""
    return ", ".join(f.summary for f in found[:TOLD]) + more


def _weight(finding: Finding) -> int:
    if finding.severity is Severity.CRITICAL:
        return 0
    return 1 if finding.unknown else 2


def _well(vip: VipPicture) -> str:
    latency_s = None if vip.client is None else vip.client.result.latency_s
    told = "" if latency_s is None or not math.isfinite(latency_s) else f" ({latency_s * 1000:.0f} ms)"
    return f"{vip.address} on {', '.join(vip.holders or ())}{told}"


# --- performance data -------------------------------------------------------------


def _numbers(snapshot: Snapshot, *, several: bool) -> Iterator[str]:
    """`'label'=value[unit];;;min;max`; U stands for what is not known."""
    picture = snapshot.picture
    lead = f"{picture.spec.name} " if several else ""
    served = sum(v.client is not None and v.client.result.ok for v in picture.vips)
    readable = sum(n.readable for n in picture.nodes)
    yield f"{_label(f'{lead}vips_served')}={served};;;0;{len(picture.vips)}"
    yield f"{_label(f'{lead}nodes_readable')}={readable};;;0;{len(picture.nodes)}"
    for vip in picture.vips:
        yield f"{_label(f'{lead}{vip.address} time')}={_latency(vip)}"
    for node in picture.nodes:
        yield f"{_label(f'{lead}{node.name} requests_per_s')}={_rate(node)}"


def _label(text: str) -> str:
    """Quoted; without the two characters that a label may not have."""
    return "'" + _plain(text).replace("'", "").replace("=", "_") + "'"


def _latency(vip: VipPicture) -> str:
    result = None if vip.client is None else vip.client.result
    if result is None or not result.ok or result.latency_s is None or not math.isfinite(result.latency_s):
        return "U"
    return f"{max(0.0, result.latency_s):.4f}s;;;0"


def _rate(node: NodePicture) -> str:
    rate = node.requests_per_s
    return "U" if rate is None or not math.isfinite(rate) else f"{max(0.0, rate):.2f};;;0"
