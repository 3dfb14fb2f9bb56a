"""One word for a cluster, by the contract: critical outranks unknown outranks warning. Pure.

Nothing is ok without evidence, whatever rules there are: a VIP without a fresh answer of a client, or
of whose holders nothing is known, makes the verdict at least unknown; and ok takes exactly one holder
and a served client for every VIP.
"""

from __future__ import annotations

from collections.abc import Iterable

from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.model.findings import Finding, Severity, Verdict


def verdict(picture: ClusterPicture, findings: Iterable[Finding]) -> Verdict:
    """The worst of what the findings say; unknown where the evidence for ok is missing."""
    found = tuple(findings)
    worst = max((f.severity for f in found), default=Severity.INFO)
    if worst is Severity.CRITICAL:
        return Verdict.CRITICAL
    told = bool(picture.vips) and all(v.holders is not None and v.client is not None for v in picture.vips)
    if not told or any(f.unknown for f in found):
        return Verdict.UNKNOWN
    if worst is Severity.WARNING:
        return Verdict.WARNING
    return Verdict.OK if all(_well(v) for v in picture.vips) else Verdict.UNKNOWN


def _well(vip: VipPicture) -> bool:
    """One holder, and a client was served just now."""
    served = vip.client is not None and vip.client.result.ok
    return served and vip.holders is not None and len(vip.holders) == 1
