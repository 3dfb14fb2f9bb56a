"""What is to be said of a running cluster's configuration, all at once: audit, settings beside each other, and the
running files beside the recommended ones. Pure, but slow enough for a thread of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from haconsole.cluster.audit.cluster import Known, audit_cluster
from haconsole.cluster.audit.values import Audit
from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import NodePicture
from haconsole.model.asked import NodeAsked
from haconsole.model.events import Subject
from haconsole.model.record import dataclass
from haconsole.report.keepalived_diff import Compared, compare
from haconsole.report.keepalived_plan import plan
from haconsole.report.keepalived_values import NodeFacts, PlanError, Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One cluster's configuration. `read_at`: by node, when its file was read; missing: it was not."""

    at: float
    """Console clock, of the picture that was judged."""
    audit: Audit
    compared: tuple[Compared, ...]
    problem: str | None
    """Why nothing can be recommended."""
    read_at: Mapping[str, float]
    asked_at: Mapping[str, float]
    """By node, when it was asked what only the audit asks."""


def judge(snapshot: Snapshot, asked: Mapping[str, NodeAsked]) -> Judged:
    """asked: what only the audit asks, of the nodes that were. Never raises."""
    picture = snapshot.picture
    compared, problem = _compared(snapshot, asked)
    return Judged(
        at=picture.at,
        audit=audit_cluster(Known(snapshot=snapshot, asked=asked)),
        compared=compared,
        problem=problem,
        read_at={n.name: n.config_at for n in picture.nodes if n.config is not None and n.config_at is not None},
        asked_at={name: a.at for name, a in asked.items() if a.at is not None},
    )


def _compared(snapshot: Snapshot, asked: Mapping[str, NodeAsked]) -> tuple[tuple[Compared, ...], str | None]:
    picture = snapshot.picture
    facts = {n.name: _facts(n, asked.get(n.name)) for n in picture.nodes}
    if all(f.conf is None for f in facts.values()):
        return (), "no node's file could be read: what was recommended now would be a guess"
    try:
        wanted = plan(picture.spec, facts, Wishes())
        return tuple(compare(wanted, node) for node in picture.spec.nodes), None
    except PlanError as error:
        return (), str(error)


def _facts(node: NodePicture, asked: NodeAsked | None) -> NodeFacts:
    failed = node.failed.get(Subject.CONFIG)
    problem = failed.value if failed is not None and node.readable else node.problem
    return NodeFacts(
        conf=None if node.config is None else node.config.conf,
        kernel=node.kernel,
        version=None if node.versions is None else node.versions.keepalived,
        listening=None if node.squid is None else node.squid.listening,
        nonlocal_bind=None if asked is None else asked.nonlocal_bind.get(4),
        problem=None if problem is None else problem.summary,
    )
