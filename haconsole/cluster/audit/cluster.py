"""The audit of a running cluster: its files, and what only its nodes can tell. Pure."""

from __future__ import annotations

from haconsole.cluster.audit import audit, live, live_files, live_network, ordered
from haconsole.cluster.audit.live import Known, conf_files
from haconsole.cluster.audit.values import Audit
from haconsole.cluster.audit.view import View
from haconsole.model.asked import NodeAsked

__all__ = ["Known", "audit_cluster", "conf_files"]


def audit_cluster(known: Known) -> Audit:
    """Return everything that is to be said of the cluster's configuration. Never raises."""
    files = conf_files(known.picture, known.asked)
    found = audit(files)
    views = tuple(View(file=f) for f in files)
    more = [
        *live.rules(known, views),
        *(f for v in views for f in live_files.rules(v, known.asked.get(v.file.node or "", NodeAsked()))),
        *live_network.rules(known, views),
    ]
    nodes = [n.name for n in known.picture.nodes]
    return Audit(files=files, findings=ordered([*found.findings, *more], files, nodes), settings=found.settings)
