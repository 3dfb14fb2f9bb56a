"""Which sign stands beside what. The findings decide what is bad; here it is only made sure that
nothing gets the sign for well (`●`) whose evidence is missing or says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.model.events import Phase
from haconsole.model.findings import Finding, Severity, Verdict
from haconsole.tui.view.text import Level

_SEVERITIES = {Severity.INFO: Level.INFO, Severity.WARNING: Level.WARNING, Severity.CRITICAL: Level.CRITICAL}
_VERDICTS = {
    Verdict.OK: Level.OK,
    Verdict.WARNING: Level.WARNING,
    Verdict.UNKNOWN: Level.UNKNOWN,
    Verdict.CRITICAL: Level.CRITICAL,
}


def of_finding(finding: Finding) -> Level:
    """An unknown keeps its own sign unless it is critical; one that only has to be waited for is in progress."""
    if finding.unknown and finding.severity is not Severity.CRITICAL:
        return Level.BUSY if finding.severity is Severity.INFO else Level.UNKNOWN
    return _SEVERITIES[finding.severity]


def of_verdict(verdict: Verdict) -> Level:
    """The sign of a whole cluster."""
    return _VERDICTS[verdict]


def of_snapshot(snapshot: Snapshot) -> Level:
    """The sign of a whole cluster; of one that is only being connected for the first time, in progress."""
    trouble = any(f.severity is not Severity.INFO for f in snapshot.findings)
    if snapshot.verdict is Verdict.UNKNOWN and not trouble and _awaited(snapshot.findings):
        return Level.BUSY
    return of_verdict(snapshot.verdict)


def word_of(snapshot: Snapshot) -> str:
    """The verdict in one word; `connecting` before the first try has ended, `looking` before all answers are there."""
    if of_snapshot(snapshot) is not Level.BUSY:
        return snapshot.verdict.word
    return "connecting" if any(n.starting and not n.readable for n in snapshot.picture.nodes) else "looking"


def _awaited(findings: Iterable[Finding]) -> bool:
    """Everything unknown is on its way."""
    unknown = [f for f in findings if f.unknown]
    return bool(unknown) and all(f.severity is Severity.INFO for f in unknown)


def _worst(findings: Iterable[Finding]) -> Level:
    """Of findings; what is only worth knowing does not take the sign for well away."""
    worst = max((of_finding(f) for f in findings), default=Level.NONE)
    return worst if worst > Level.INFO else Level.NONE


def of_vip(vip: VipPicture, snapshot: Snapshot) -> Level:
    """The worst finding about this VIP, and never well without a holder and a served client."""
    own = [f for f in snapshot.findings if f.vip == vip.address]
    evidence = _evidence_of(vip)
    if evidence is Level.UNKNOWN and _awaited(own):
        evidence = Level.BUSY
    return max(_worst(own), evidence)


def _evidence_of(vip: VipPicture) -> Level:
    if vip.client is not None and not vip.client.result.ok:
        return Level.CRITICAL
    if vip.holders is None or vip.client is None:
        return Level.UNKNOWN
    if len(vip.holders) == 1:
        return Level.OK if _agree(vip) or not vip.settled else Level.WARNING
    if not vip.settled:
        return Level.BUSY
    return Level.UNKNOWN if vip.unread and not vip.holders else Level.CRITICAL


def _agree(vip: VipPicture) -> bool:
    """Do the witnesses that were heard name the same holders?"""
    holders = set(vip.holders or ())
    return all(set(w) == holders for w in (vip.masters, vip.advertisers) if w is not None)


def held_twice(vip: VipPicture | None) -> Level:
    """An address on several nodes is well on none of them."""
    if vip is None or vip.holders is None or len(vip.holders) < 2:
        return Level.NONE
    return Level.CRITICAL if vip.settled else Level.BUSY


def _shared(node: NodePicture, snapshot: Snapshot) -> Level:
    vips = (v for v in snapshot.picture.vips if node.name in (v.holders or ()))
    return max((held_twice(v) for v in vips), default=Level.NONE)


def of_node(node: NodePicture, snapshot: Snapshot) -> Level:
    """The worst finding about this node; without one it is well only when it was read whole."""
    worst = max(_worst(f for f in snapshot.findings if f.node == node.name), _shared(node, snapshot))
    if worst is not Level.NONE:
        return worst
    if not node.readable:
        return Level.BUSY if node.phase in {Phase.IDLE, Phase.CONNECTING} else Level.UNKNOWN
    parts = (node.keepalived, node.kernel, node.instances, node.squid)
    if all(p is not None for p in parts):
        return Level.OK
    return Level.UNKNOWN if node.failed else Level.BUSY
