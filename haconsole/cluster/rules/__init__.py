"""Findings as pure rules, one family a file: what is wrong, by which proof, and what to do.

A rule fires only on its proof. Where a witness is missing it says *unknown* and names the witness.
What follows from what is told in `causes`; every id is explained in docs/findings.md.
"""

from __future__ import annotations

from haconsole.cluster.picture import ClusterPicture
from haconsole.cluster.rules import (
    causes,
    clocks,
    complaints,
    daemon,
    flaps,
    host,
    instances,
    network,
    nodes,
    operations,
    redundancy,
    selinux,
    serving,
    settings,
    squid,
    starts,
    unreached,
    vips,
    wire,
)
from haconsole.cluster.rules.order import in_order
from haconsole.model.findings import Finding

__all__ = ["findings"]

_FAMILIES = (
    vips.rules,
    serving.rules,
    wire.rules,
    daemon.rules,
    instances.rules,
    settings.rules,
    complaints.rules,
    selinux.rules,
    flaps.rules,
    squid.rules,
    host.rules,
    network.rules,
    unreached.rules,
    starts.rules,
    redundancy.rules,
    nodes.rules,
    clocks.rules,
    operations.rules,
)


def findings(picture: ClusterPicture) -> tuple[Finding, ...]:
    """All findings: root causes first, the worst first, and after each what follows from it."""
    found = {f.key: f for family in _FAMILIES for f in family(picture)}
    return in_order(causes.linked(picture, tuple(found.values())))
