"""One word for a cluster, by the contract: critical outranks unknown outranks warning. Pure.

Nothing is ok without evidence: a VIP that no client reached, or that no kernel was seen to hold,
makes the verdict at least unknown, whatever rules there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.findings import Finding, Severity, Verdict


def verdict(picture: ClusterPicture, findings: Iterable[Finding]) -> Verdict:
    """The worst of what the findings say; unknown where the evidence for ok is missing."""
    found = tuple(findings)
    worst = max((f.severity for f in found), default=Severity.INFO)
    if worst is Severity.CRITICAL:
        return Verdict.CRITICAL
    proven = bool(picture.vips) and all(v.holders is not None and v.client is not None for v in picture.vips)
    if not proven or any(f.unknown for f in found):
        return Verdict.UNKNOWN
    return Verdict.WARNING if worst is Severity.WARNING else Verdict.OK
