"""Findings about clocks: who is apart from whom, beyond what the measurement leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import listed
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.state import ClockOffset


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    yield from clocks_apart(picture)


def clocks_apart(picture: ClusterPicture) -> Iterator[Finding]:
    """Clocks of two nodes, or of the nodes and this console, differ surely.

    Means: logs of the nodes cannot be laid side by side without correction (haconsole corrects);
    keepalived's HMAC authentication fails with it.
    Can be wrong: only what exceeds the error of the measurement counts, so a small difference over a
    slow link stays unseen. Nodes that agree with each other and differ from the console are told
    once, as news about the console.
    """
    limit = picture.policy.clocks_apart_s
    known = [(n, n.clock) for n in picture.nodes if n.clock is not None]
    pairs = [(a, b) for a, b in combinations(known, 2) if _apart(a[1], b[1]) > limit]
    if pairs:
        # The one that is farthest from this console is named; the pair is the evidence.
        node, _ = max((x for pair in pairs for x in pair), key=lambda x: abs(x[1].offset_s))
        (one, first), (two, second) = max(pairs, key=lambda p: _apart(p[0][1], p[1][1]))
        apart = abs(first.offset_s - second.offset_s)
        yield Finding(
            id="clocks-apart",
            severity=Severity.WARNING,
            node=node.name,
            summary=f"the clocks of {one.name} and {two.name} are {apart:.1f} s apart",
            evidence=tuple(_evidence(n, c) for n, c in known),
            remedy=f"on {node.name}: timedatectl; chronyc tracking (or: timedatectl timesync-status)",
        )
        return
    far = [(n, c) for n, c in known if abs(c.offset_s) - c.error_s > limit]
    if far:
        apart = abs(far[0][1].offset_s)
        yield Finding(
            id="clocks-apart",
            severity=Severity.INFO,
            summary=f"the clock of this console differs from {listed(n.name for n, _ in far)} by {apart:.1f} s",
            evidence=tuple(_evidence(n, c) for n, c in known),
            remedy="on this machine: timedatectl",
        )


def _apart(one: ClockOffset, other: ClockOffset) -> float:
    """How far two clocks are apart for sure."""
    return abs(one.offset_s - other.offset_s) - one.error_s - other.error_s


def _evidence(node: NodePicture, clock: ClockOffset) -> Evidence:
    text = f"{node.name}: {clock.offset_s:+.3f} s ± {clock.error_s:.3f} s against this console"
    return Evidence(source=f"clock of {node.name}", text=text, at=node.heard_at)
