"""Findings about the nodes themselves: reach, links, and what could not be read of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import by_kernel, down_since, link_name, link_trouble, listed, look_at_link, span
from haconsole.cluster.rules.daemon import silent as keepalived_hangs
from haconsole.cluster.rules.squid import hung as squid_hangs
from haconsole.model.events import Phase, Subject
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.state import Known


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from unreachable(picture, node)
        yield from stale(picture, node)
        yield from connecting(node)
        yield from link_down(picture, node)
        yield from rights_missing(node)
        yield from reading_failed(node)


def unreachable(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """The last try to log in failed, or the connection was lost.

    Means: nothing is known of the node; it may be dead or well.
    Can be wrong: the way from this console may be cut, not the node.
    """
    if node.readable or node.stale or (node.problem is None and node.phase is not Phase.WAITING):
        return
    problem = node.problem
    summary = "cannot be reached" if problem is None else problem.summary
    if not summary.startswith(node.name):
        summary = f"{node.name}: {summary}"
    heard = "was never heard" if node.age_s is None else f"was last heard {span(node.age_s)} ago"
    evidence = [Evidence(source=f"ssh to {node.name}", text=f"{node.name} {heard}", at=node.heard_at)]
    if problem is not None:
        evidence.append(Evidence(source=f"ssh to {node.name}", text=problem.detail or problem.kind.value, at=None))
    yield Finding(
        id="node-unreachable",
        severity=Severity.WARNING,
        node=node.name,
        summary=summary,
        evidence=tuple(evidence),
        remedy=(problem.remedy if problem is not None else None) or _reach(picture, node),
    )


def _reach(picture: ClusterPicture, node: NodePicture) -> str:
    user = f"{node.spec.ssh.user}@" if node.spec.ssh.user else ""
    # With an address for people SSH goes elsewhere (the demo), to a port that is none of theirs.
    port = f" -p {node.spec.ssh.port}" if node.spec.ssh.port and node.spec.shown_address is None else ""
    others = [n.name for n in picture.nodes if n.readable]
    near = f"; from {others[0]}: ping -c 3 {node.spec.known_as}" if others else ""
    return f"try: ssh -v{port} {user}{node.spec.known_as}{near}; else the node's own console"


def stale(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """Connected, and nothing came for too long: beats should come every two seconds.

    Means: the node hangs, or the way to it is cut; the connection is given up shortly.
    Can be wrong: this console itself may have been asleep (a suspended laptop).
    """
    if not node.stale:
        return
    age = "since it was connected" if node.age_s is None else f"for {span(node.age_s)}"
    yield Finding(
        id="node-stale",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name} is connected but silent {age}: nothing is known of it now",
        evidence=(Evidence(source=f"ssh to {node.name}", text=f"nothing heard {age}", at=node.heard_at),),
        remedy=_reach(picture, node),
    )


_PARTS: Final = (
    ("addresses", "kernel", (Subject.KERNEL,)),
    ("services", "keepalived", (Subject.UNITS,)),
    ("services", "squid_unit", (Subject.UNITS,)),
    ("VRRP instances", "instances", (Subject.DAEMON, Subject.CONFIG)),
    ("squid", "squid", (Subject.SQUID_CHECK, Subject.SQUID_SOCKETS)),
)
"""(what it is called, field of the picture, the subjects whose failures explain that it is missing)."""


def connecting(node: NodePicture) -> Iterator[Finding]:
    """The node was not tried yet, is being connected, or has not told everything.

    Means: wait a moment; until then the cluster's verdict is unknown.
    Can be wrong: never; a node that stays so hangs at the named reading.
    """
    if node.stale or node.problem is not None or node.phase is Phase.WAITING:
        return
    if not node.readable:
        word = "is not tried yet" if node.phase is Phase.IDLE else "is being connected"
    else:
        missing = [
            what
            for what, field, subjects in _PARTS
            if getattr(node, field) is None and not all(s in node.failed for s in subjects)
        ]
        if not missing:
            return
        word = f"has not told everything yet: {listed(dict.fromkeys(missing))} not read"
    yield Finding(
        id="node-connecting",
        severity=Severity.INFO,
        unknown=True,
        node=node.name,
        summary=f"{node.name} {word}",
        evidence=(Evidence(source=f"ssh to {node.name}", text=f"{node.phase.value}", at=node.heard_at),),
        remedy="wait a moment",
    )


def link_down(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """A link that the cluster needs does not work; all of a node are one finding.

    Means: what watches it goes to FAULT; what does not watch it keeps a VIP without a way out.
    Can be wrong: an interface that is only named in the console's configuration may have another name.
    """
    if node.kernel is None:
        return
    instances = node.instances or ()
    watched = [t.name for i in instances for t in i.tracked_interfaces]
    needed = [*watched, *(i.interface for i in instances if i.interface)]
    configured = [n for n in (node.spec.lan_interface, node.spec.public_interface) if n is not None]
    bad = {n: why for n in dict.fromkeys([*configured, *needed]) if (why := link_trouble(node, n)) is not None}
    if not bad:
        return
    serious = [n for n, why in bad.items() if why != "not there" or n in needed]
    first = next(iter(serious or bad))
    sure = listed(f"{link_name(node, n)} is down ({why})" for n, why in bad.items())
    guess = listed(f"there is no interface {n}" for n in bad)
    yield Finding(
        id="link-down",
        severity=Severity.WARNING if serious else Severity.INFO,
        node=node.name,
        summary=f"{node.name}: {sure if serious else guess}",
        evidence=tuple(by_kernel(node, f"{n}: {why}", down_since(picture, node, n)) for n, why in bad.items()),
        remedy=look_at_link(node, first)
        if serious
        else "is the interface's name in the configuration right? (lan_interface, public_interface)",
    )


# --- what could not be read -----------------------------------------------------

_WORDS: Final = {
    Subject.IDENTITY: "who the login is",
    Subject.VERSIONS: "versions",
    Subject.KERNEL: "interfaces and addresses",
    Subject.UNITS: "systemd's units",
    Subject.DAEMON: "keepalived's own state",
    Subject.CONFIG: "keepalived.conf",
    Subject.CONFIG_TEST: "the verdict of keepalived -t",
    Subject.SQUID_CHECK: "the verdict of squid -k check",
    Subject.SQUID_SOCKETS: "listening sockets",
    Subject.SQUID_COUNTERS: "squid's counters",
    Subject.HOST: "routes and room on disks",
    Subject.LOG: "keepalived's log",
    Subject.CLOCK: "the clock",
    Subject.OPERATION: "what haconsole keeps in /run/haconsole",
}
_VITAL: Final = frozenset({Subject.KERNEL, Subject.UNITS, Subject.SQUID_SOCKETS})
"""Without them a rule may miss trouble."""

Failures = Sequence[tuple[Subject, Known[Problem]]]


def rights_missing(node: NodePicture) -> Iterator[Finding]:
    """Something could not be read because the login may not; all of a node is one finding.

    Means: the named things are not seen. A warning where trouble could hide behind it (keepalived's
    state neither from dump nor log, addresses, services, sockets); else worth knowing.
    Can be wrong: never; the node said no.
    """
    found = [(s, k) for s, k in node.failed.items() if k.value.kind is ProblemKind.NOT_PERMITTED]
    if not node.readable or not found:
        return
    user = node.identity.user if node.identity is not None else "the login"
    things = listed((_WORDS[s] for s, _ in found), "or")
    remedies = list(dict.fromkeys(k.value.remedy for _, k in found if k.value.remedy))
    more = "" if len(remedies) <= 2 else f"; {len(remedies) - 2} more lines: haconsole doctor"
    yield Finding(
        id="rights-missing",
        severity=_severity(node, found),
        node=node.name,
        summary=f"{node.name}: {user} may not see {things}",
        evidence=_evidence(node, found),
        remedy="; ".join(remedies[:2]) + more if remedies else "haconsole doctor",
    )


def reading_failed(node: NodePicture) -> Iterator[Finding]:
    """Something could not be read, for another reason than rights; all of a node is one finding.

    Means: the named things are not known now.
    Can be wrong: what does not run cannot be asked: that is told by other findings and left out here.
    """
    other = {ProblemKind.NOT_PERMITTED, ProblemKind.NOT_RUNNING}
    told = {Subject.DAEMON: keepalived_hangs, Subject.SQUID_COUNTERS: squid_hangs}
    found = [
        (s, k)
        for s, k in node.failed.items()
        if k.value.kind not in other and not (s in told and told[s](node))  # `keepalived-hung`, `squid-not-answering`
    ]
    if not node.readable or not found:
        return
    first = found[0][1].value
    things = listed(_WORDS[s] for s, _ in found)
    summary = first.summary if len(found) == 1 else f"{things} could not be read: {first.summary}"
    yield Finding(
        id="reading-failed",
        severity=_severity(node, found),
        node=node.name,
        summary=summary if summary.startswith(node.name) else f"{node.name}: {summary}",
        evidence=_evidence(node, found),
        remedy=first.remedy or f"haconsole doctor (see {node.name})",
    )


def _severity(node: NodePicture, found: Failures) -> Severity:
    """A warning where trouble could hide behind what is not seen."""
    subjects = {s for s, _ in found}
    blind = node.instances is None or any(i.state is None for i in node.instances)
    running = node.keepalived is None or node.keepalived.active
    hidden = blind and running and bool(subjects & {Subject.DAEMON, Subject.LOG, Subject.CONFIG})
    return Severity.WARNING if hidden or subjects & _VITAL else Severity.INFO


def _evidence(node: NodePicture, found: Failures) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            source=f"{subject.value} on {node.name}",
            text=known.value.summary + (f" ({known.value.detail})" if known.value.detail else ""),
            at=known.at,
        )
        for subject, known in found
    )
