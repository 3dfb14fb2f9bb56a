"""The audit of keepalived's configuration: of one file, and across the nodes of a cluster. Pure.

`audit_files` judges files alone (a repository's CI); `audit_cluster` adds what only running nodes can
tell. One family of findings a module; docs/check.md explains every id. Certain trouble is critical,
likely trouble a warning; what is neither is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from haconsole.cluster.audit import addresses, instances, parity, peers, priorities, scripts, syntax
from haconsole.cluster.audit.values import Audit, AuditEvidence, AuditFinding, ConfFile, Setting
from haconsole.cluster.audit.view import View, groups

__all__ = ["Audit", "AuditEvidence", "AuditFinding", "ConfFile", "Setting", "audit", "audit_files", "ordered"]


def audit_files(files: Sequence[ConfFile]) -> tuple[AuditFinding, ...]:
    """Return what is wrong in each file, and between them: two or more are nodes of one cluster.

    In the order of severity, then file and line. No finding: nothing to say. Never raises.
    """
    return audit(files).findings


def audit(files: Sequence[ConfFile], *, together: bool = True) -> Audit:
    """As `audit_files`, with the comparison of settings. together False: the files have nothing to do with each
    other."""
    views = tuple(View(file=f) for f in files)
    apart = [views] if together else [(v,) for v in views]
    found = [f for v in views for f in _alone(v)]
    settings: list[Setting] = []
    for each in apart:
        found += _across(each)
        settings += parity.table(each, groups(each))
    return Audit(files=tuple(files), findings=ordered(found, files), settings=tuple(settings))


def _alone(view: View) -> Iterator[AuditFinding]:
    yield from syntax.rules(view)
    yield from instances.rules(view)
    yield from priorities.rules(view)
    yield from scripts.rules(view)
    yield from peers.alone(view)


def _across(views: tuple[View, ...]) -> Iterator[AuditFinding]:
    routers = groups(views)
    yield from addresses.across(views)
    yield from peers.across(views, routers)
    for members in routers.values():
        yield from priorities.across(members)
    yield from parity.rules(views)


def ordered(
    found: Iterable[AuditFinding], files: Sequence[ConfFile] = (), nodes: Sequence[str] = ()
) -> tuple[AuditFinding, ...]:
    """Worst first, then in the order of nodes or files and of lines; what was said twice once."""
    number = {name: n for n, f in reversed(list(enumerate(files))) for name in f.conf.files}
    numbered = {name: n for n, name in enumerate(nodes or [f.node for f in files if f.node is not None])}

    def place(finding: AuditFinding) -> tuple[int, bool, int, int, str]:
        line = 0 if finding.place is None else finding.place.line
        file = numbered.get(finding.node or "", number.get(finding.place.file if finding.place else "", len(files)))
        return -finding.severity, finding.unknown, file, line, finding.id

    return tuple(sorted(dict.fromkeys(found), key=place))
