"""The order in which findings are told: a cause, then everything that follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from haconsole.model.findings import Finding, Severity, Verdict


def rank(finding: Finding) -> Verdict:
    """How bad, in the verdict's own precedence: critical, unknown, warning, the rest."""
    if finding.severity is Severity.CRITICAL:
        return Verdict.CRITICAL
    if finding.unknown:
        return Verdict.UNKNOWN
    return Verdict.WARNING if finding.severity is Severity.WARNING else Verdict.OK


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Trees of causes, the one with the worst finding in it first; a tree from its root downwards.

    `follows_from` may not lead in a circle; a key that is not among the findings makes a root.
    """
    keys = {f.key for f in findings}
    children: dict[str | None, list[Finding]] = {}
    for finding in findings:
        parent = finding.follows_from if finding.follows_from in keys else None
        children.setdefault(parent, []).append(finding)

    def worst(finding: Finding) -> Verdict:
        return max([rank(finding), *(worst(c) for c in children.get(finding.key, ()))])

    def told(parent: str | None) -> Iterator[Finding]:
        for finding in sorted(children.get(parent, ()), key=lambda f: (-worst(f), -rank(f))):
            yield finding
            yield from told(finding.key)

    return tuple(told(None))
