"""state + now -> picture, findings, verdict: what every view shows. Pure."""

from __future__ import annotations

from haconsole.cluster.believe import picture
from haconsole.cluster.picture import DEFAULT_POLICY, ClusterPicture, Policy
from haconsole.cluster.rules import findings
from haconsole.cluster.verdict import verdict
from haconsole.model.findings import Finding, Verdict
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec
from haconsole.model.state import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One cluster at one moment. `findings`: root causes first, what follows from one right after it."""

    picture: ClusterPicture
    findings: tuple[Finding, ...]
    verdict: Verdict


def conclude(spec: ClusterSpec, state: ClusterState, now: float, policy: Policy = DEFAULT_POLICY) -> Snapshot:
    """Everything that may be said of the cluster at `now` (console clock)."""
    seen = picture(spec, state, now, policy)
    found = findings(seen)
    return Snapshot(picture=seen, findings=found, verdict=verdict(seen, found))
