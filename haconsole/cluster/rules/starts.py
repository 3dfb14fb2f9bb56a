"""Findings about how nodes begin: a short master at the start, different releases."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import by_instance, daemon_state, listed
from haconsole.cluster.rules.daemon import FLAP_S
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import LogFactKind, VrrpState
from haconsole.model.state import Occurrence
from haconsole.parse import keepalived_log
from haconsole.parse.keepalived_conf import vrrp_instances

SHORT_S: Final = 5.0
"""So long a master that then yields was none that was needed."""
AFTER_START_S: Final = 30.0
SURELY_BEFORE_S: Final = 3.0
"""By so much the other node was master before this one began: more than their clocks are apart and than a dump's
whole seconds."""
_WORDS: Final = (") Entering ", "Starting ")


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from master_at_start(picture, node)
    yield from versions_differ(picture)


def master_at_start(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """A node became master right after its start, and yielded within seconds to one that had been master all along.

    Means: it began to send before it could hear: `state MASTER` with the lower priority, or a network that passes
    packets late (bond, spanning tree). For that time the VIP was on both.
    Proof: keepalived's own log lines, and since when the other is master by its own word, given after them.
    Can be wrong: a log that lost lines; the way between the two was cut just then.
    """
    lines = _lines(picture, node)
    started = [at for at, _, state, _ in lines if state is None]
    if not started:
        return
    begin = started[-1]
    seen: dict[str, list[tuple[float, VrrpState, Occurrence]]] = {}
    for at, name, state, o in lines:
        if state is not None and at >= begin:
            seen.setdefault(name, []).append((at, state, o))
    for name, states in seen.items():
        short = next(
            (
                (one, other)
                for one, other in pairwise(states)
                if one[1] is VrrpState.MASTER
                and other[1] is VrrpState.BACKUP
                and one[0] - begin <= AFTER_START_S
                and other[0] - one[0] <= SHORT_S
            ),
            None,
        )
        if short is None:
            continue
        steady = _master_since(picture, node, name, begin - SURELY_BEFORE_S, short[1][0])
        if steady is not None:
            yield _short(picture, node, name, [short[0][2], short[1][2]], steady)


def _lines(picture: ClusterPicture, node: NodePicture) -> list[tuple[float, str, VrrpState | None, Occurrence]]:
    """(when, instance, state) of the last minutes; state None: keepalived began."""
    found: list[tuple[float, str, VrrpState | None, Occurrence]] = []
    for o in picture.lines(node.name, "keepalived"):
        if o.at < picture.at - FLAP_S or not any(w in o.text for w in _WORDS):
            continue
        fact = keepalived_log.fact("Keepalived_vrrp", o.text)
        if fact is None:
            continue
        if fact.kind is LogFactKind.STARTED:
            found.append((o.at, "", None, o))
        elif fact.kind is LogFactKind.STATE and fact.instance is not None and not o.text.endswith("(init)"):
            found.append((o.at, fact.instance, fact.state, o))
    return found


def _master_since(
    picture: ClusterPicture, node: NodePicture, name: str, before: float, after: float
) -> tuple[NodePicture, InstancePicture] | None:
    """Another node that is master of the instance, and was it before the one time, as it said itself after the
    other: an older dump knows nothing of a master between."""
    for other in picture.nodes:
        if other.dump_at is None or other.dump_at <= after:
            continue
        for instance in (other.instances or ()) if other is not node else ():
            master = instance.name == name and daemon_state(instance) is VrrpState.MASTER and instance.from_dump
            if master and instance.since is not None and instance.since < before:
                return other, instance
    return None


def _short(
    picture: ClusterPicture,
    node: NodePicture,
    name: str,
    said: list[Occurrence],
    steady: tuple[NodePicture, InstancePicture],
) -> Finding:
    configured = vrrp_instances(node.config.conf) if node.config is not None else ()
    begins = next((c.state for c in configured if c.name == name), None)
    other, instance = steady
    file = picture.spec.keepalived_config
    if begins == "MASTER":
        remedy = f"in {file} on {node.name}: state BACKUP in {name}: it then listens before it speaks"
    else:
        remedy = (
            f"in global_defs of {file} on {node.name}: vrrp_startup_delay 10 (keepalived 2.1 and later), and look why "
            "its network passes packets late: spanning tree without portfast, a bond that is being made"
        )
    return Finding(
        id="master-at-start",
        severity=Severity.WARNING,
        node=node.name,
        instance=name,
        summary=f"{node.name} was master of {name} for {said[1].at - said[0].at:.1f} s after its start although "
        f"{other.name} was master all along",
        evidence=(
            *(Evidence(source=f"keepalived's log on {node.name}", text=o.text, at=o.at) for o in said),
            by_instance(other, instance),
        ),
        remedy=remedy,
        since=said[0].at,
    )


def versions_differ(picture: ClusterPicture) -> Iterator[Finding]:
    """The nodes run different releases of keepalived.

    Means: half of an upgrade; defaults differ between them (what 2.1 does with an owner's checks, checksums of
    VRRPv3).
    Proof: `keepalived -v`, first two numbers. Can be wrong: a package that was replaced under a running daemon.
    """
    found = [(n, n.versions.keepalived) for n in picture.nodes if n.versions is not None]
    known = [(n, v) for n, v in found if v is not None]
    if len({(v.major, v.minor) for _, v in known}) < 2:
        return
    yield Finding(
        id="keepalived-versions-differ",
        severity=Severity.INFO,
        summary=f"the nodes run different releases of keepalived: {listed(f'{v} on {n.name}' for n, v in known)}",
        evidence=tuple(Evidence(source=f"keepalived -v on {n.name}", text=str(v), at=None) for n, v in known),
        remedy="bring them to the same release; meanwhile try each failover before it is needed",
    )
