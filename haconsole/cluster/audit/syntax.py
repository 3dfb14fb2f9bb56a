"""What keepalived does not understand, or understands otherwise than it was meant. Pure.

What each mistake leads to, by version: docs/keepalived-versions.md; lib/parser.c of 2.2.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from haconsole.cluster.audit.keywords import BLOCKS, GLOBALS, TOP
from haconsole.cluster.audit.values import AuditEvidence, AuditFinding
from haconsole.cluster.audit.view import View, at
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import ComplaintKind, ConfComplaint, Statement


def rules(view: View) -> Iterator[AuditFinding]:
    """Every finding of the family."""
    yield from complaints(view)
    yield from missing_includes(view)
    yield from unknown_keywords(view)


def complaints(view: View) -> Iterator[AuditFinding]:
    """What the parser stumbled over.

    `conf-one-line`: statements that share a line, of which keepalived takes the first. `conf-misread`: braces,
    quotes, lines that keepalived reads otherwise. `conf-not-decided`: conditions and generators whose outcome
    is not known here.
    """
    one_line: list[ConfComplaint] = []
    for complaint in view.file.conf.complaints:
        match complaint.kind:
            case ComplaintKind.ONE_LINE:
                one_line.append(complaint)
            case ComplaintKind.MISREAD:
                yield AuditFinding(
                    id="conf-misread",
                    severity=Severity.CRITICAL,
                    summary=f"{complaint.place}: {complaint.text}",
                    evidence=(_evidence(view, complaint),),
                    remedy=f"{view.where(complaint.place)}: correct this line; then: keepalived -t -f {view.file.file}",
                    place=complaint.place,
                    node=view.file.node,
                )
            case ComplaintKind.UNDECIDED:
                yield AuditFinding(
                    id="conf-not-decided",
                    severity=Severity.WARNING,
                    summary=f"{complaint.place}: {complaint.text}",
                    evidence=(_evidence(view, complaint),),
                    remedy="where it depends on the node: haconsole check FILE ... --config-id NAME ..., or check the "
                    "running cluster: haconsole check",
                    place=complaint.place,
                    node=view.file.node,
                    unknown=True,
                )
    if one_line:
        yield _one_line(view, one_line)


def _one_line(view: View, found: list[ConfComplaint]) -> AuditFinding:
    lost = [i.name for i in view.file.instances if i.vrid is None]
    dead = f"; {', '.join(lost)} has no virtual_router_id left, and keepalived does not start" if lost else ""
    lines = ", ".join(str(c.place.line) for c in found)
    return AuditFinding(
        id="conf-one-line",
        severity=Severity.CRITICAL,
        summary=f"keepalived reads one statement a line: {at(view)} those behind the first one of "
        f"line{'s' if len(found) > 1 else ''} {lines} have no effect{dead}",
        evidence=tuple(_evidence(view, c) for c in found),
        remedy=f"{view.where(found[0].place)}: give every statement a line of its own (below it is judged as if it "
        "had one)",
        place=found[0].place,
        node=view.file.node,
        instance=lost[0] if len(lost) == 1 else None,
    )


def _evidence(view: View, complaint: ConfComplaint) -> AuditEvidence:
    place = complaint.place
    return AuditEvidence(source=view.source, text=complaint.text, file=place.file, line=place.line)


def missing_includes(view: View) -> Iterator[AuditFinding]:
    """An include that could not be read: what it holds is not known, and nothing is said to be missing."""
    for statement in view.file.conf.missing_includes:
        yield AuditFinding(
            id="conf-include-not-read",
            severity=Severity.WARNING,
            summary=f"{statement.place}: no file that matches {' '.join(statement.args)} could be read: what it holds "
            "is not known",
            evidence=(view.said(statement),),
            remedy="give the included files the same place beside the file as on the node, or correct the include",
            place=statement.place,
            node=view.file.node,
            unknown=True,
        )


def unknown_keywords(view: View) -> Iterator[AuditFinding]:
    """A keyword that keepalived does not know there, so that the setting is silently absent.

    Judged in the blocks whose keywords are all known here; elsewhere only what looks like a slip of the pen.
    Can be wrong: a keyword that is newer than this console.
    """
    for statement in view.conf.statements:
        if statement.keyword in BLOCKS and statement.block is not None:
            inside = " ".join(statement.words[:2])
            for line in statement.block:
                yield from _unknown(view, line, BLOCKS[statement.keyword], inside, sure=True)
        elif statement.keyword == "global_defs":
            for line in statement.block or ():
                yield from _unknown(view, line, GLOBALS, "global_defs", sure=False)
        else:
            yield from _unknown(view, statement, TOP, "", sure=True)


def _unknown(view: View, line: Statement, known: frozenset[str], inside: str, *, sure: bool) -> Iterator[AuditFinding]:
    word = line.keyword
    if not word or word in known or word.startswith(("$", "~", "include")):
        return
    near = get_close_matches(word, known, n=1, cutoff=0.8)
    if not near and not sure:
        return
    where = f" in {inside}" if inside else ""
    meant = f"; {near[0]} is meant?" if near else ""
    yield AuditFinding(
        id="conf-unknown-keyword",
        severity=Severity.WARNING,
        summary=f"{line.place}: keepalived knows no {word!r}{where} and goes on without it{meant}",
        evidence=(view.said(line, inside),),
        remedy=view.write(line.place, " ".join((near[0], *line.args))) if near else f"{view.where(line.place)}: remove",
        place=line.place,
        node=view.file.node,
        instance=line_instance(inside),
    )


def line_instance(inside: str) -> str | None:
    """The instance that a block's heading names."""
    kind, _, name = inside.partition(" ")
    return name if kind == "vrrp_instance" and name else None
