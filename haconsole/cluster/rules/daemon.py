"""Findings about keepalived on each node: does it run, is its configuration sound, is it steady."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from haconsole.cluster import explained
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import by_instance, by_systemd, listed, since_text
from haconsole.cluster.rules.units import at_boot, restarts
from haconsole.model.events import Subject
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import StateSource
from haconsole.model.state import Occurrence

FLAPS: Final = 3
FLAP_S: Final = 600.0
"""So many times master within so many seconds is flapping."""
SEND_S: Final = 5.0
"""keepalived tells of every advert that could not be sent: silent for longer, and four intervals, it is over."""
NO_DUMP: Final = "no new dump"
"""What the script on the node says when the daemon was asked and wrote nothing."""
_SEND_LINE: Final = re.compile(r"(?:VRRP_Instance)?\((\S+)\):? send advert error ([0-9]{1,3}) \(([^()]{1,80})\)")
NOT_PERMITTED: Final = "1"
"""EPERM: netfilter's answer to a sender whose packet it drops on the way out."""
_MASTER_LINE: Final = re.compile(r"(?:VRRP_Instance)?\((\S+)\):? Entering MASTER STATE")


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from keepalived_down(picture, node)
        yield from at_boot(node, node.keepalived, "keepalived", picture.spec.keepalived_service)
        yield from restarts(picture, node, node.keepalived, "keepalived", node.keepalived_since)
        yield from hung(picture, node)
        yield from config_test_failed(picture, node)
        yield from source_weak(picture, node)
        yield from flapping(picture, node)
        yield from adverts_blocked(picture, node)


def keepalived_down(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """The unit is not active.

    Means: this node takes no part; the others carry everything.
    Can be wrong: a keepalived that runs outside of its unit is seen as stopped.
    """
    unit = node.keepalived
    if unit is None or unit.active:
        return
    name = picture.spec.keepalived_service
    if not unit.loaded:
        summary = f"{node.name}: systemd knows no unit {name}"
        remedy = f"name it in the configuration ([cluster.keepalived] service); on {node.name}: systemctl list-units"
    else:
        word = {"inactive": "is not running", "failed": "has failed"}.get(unit.active_state, f"is {unit.active_state}")
        summary = f"{node.name}: keepalived {word}{since_text(picture, node.keepalived_since)}"
        remedy = f"on {node.name}: journalctl -u {name} -n 50; systemctl start {name}"
    yield Finding(
        id="keepalived-down",
        severity=Severity.WARNING,
        node=node.name,
        summary=summary,
        evidence=(by_systemd(node, f"{name}: {unit.active_state} ({unit.sub_state})", node.keepalived_since),),
        remedy=remedy,
    )


def silent(node: NodePicture) -> bool:
    """keepalived runs, answered before, and does not answer any more."""
    failed = node.failed.get(Subject.DAEMON)
    active = node.keepalived is not None and node.keepalived.active
    return active and failed is not None and node.dumped_at is not None and NO_DUMP in failed.value.detail


def hung(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived runs by systemd's word, answered with a dump before, and answers no more.

    Means: it hangs or does not get to run: it sends no adverts, and never takes its VIPs away; another node takes
    them too.
    Can be wrong: a disk without room for the dump (`disk-full`), a /tmp that was replaced meanwhile.
    """
    if not silent(node):
        return
    failed, unit = node.failed[Subject.DAEMON], picture.spec.keepalived_service
    yield Finding(
        id="keepalived-hung",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: keepalived runs and does not answer{since_text(picture, node.dumped_at)}",
        evidence=(
            by_systemd(node, f"{unit}: active"),
            Evidence(source=f"keepalived on {node.name}", text=failed.value.detail, at=failed.at),
            Evidence(source=f"keepalived on {node.name}", text="its last dump", at=node.dumped_at),
        ),
        remedy=f"on {node.name}: ps -o pid,stat,wchan:20,cmd -C keepalived (T: stopped, kill -CONT PID; D: waits for a "
        f"disk); journalctl -u {unit} -n 50; systemctl restart {unit} takes its VIPs away first",
        since=node.dumped_at,
    )


def config_test_failed(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """`keepalived -t` does not like the file on disk.

    Means: the running daemon goes on as it is; a reload or restart would fail, or leave VIPs on both nodes.
    Can be wrong: it says no for warnings too (script security, weights with priority 255).
    """
    test = node.config_test
    if test is None or test.ok is not False:
        return
    unit, file = picture.spec.keepalived_service, picture.spec.keepalived_config
    said = test.messages or ("no message",)
    source = f"keepalived -t on {node.name}"
    yield Finding(
        id="config-test-failed",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: {file} does not pass `keepalived -t`: {said[0]}",
        evidence=tuple(Evidence(source=source, text=m, at=node.config_test_at) for m in said[:10]),
        remedy=f"do not reload or restart {unit} there before it passes; on {node.name}: keepalived -t -f {file}",
    )


def source_weak(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived runs, and its own dump could not be had.

    Means: states come from the log, or are guessed from addresses: effective priorities and check
    results are not seen, and a backup cannot be told from a fault by addresses.
    Can be wrong: never; it says how the states were learned.
    """
    if not node.keepalived or not node.keepalived.active or not node.instances:
        return
    if node.dump_at is not None or Subject.DAEMON not in node.failed:
        return
    guessed = [i.name for i in node.instances if i.state_source is not StateSource.LOG]
    text = f"guessed from its addresses ({listed(guessed)})" if guessed else "known only from its log"
    yield Finding(
        id="state-source-weak",
        severity=Severity.INFO,
        node=node.name,
        summary=f"{node.name}: the state of keepalived is {text}: its own dump could not be read",
        evidence=tuple(by_instance(node, i) for i in node.instances),
        remedy=f"give the login the right to ask keepalived for its state: haconsole doctor (see {node.name})",
    )


def flapping(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """An instance became master again and again.

    Means: something fails now and then: a check, lost adverts; each time clients lose a little. What an operation of
    haconsole, a service that was started or stopped, or a link explains is not counted (`cluster.explained`).
    Can be wrong: an operation of another console, before this one looked, explains what it did only by its traces in
    the log. Only lines of keepalived itself count.
    """
    lines = [
        (m[1], o)
        for o in picture.lines(node.name, "keepalived")
        if picture.at - o.at <= FLAP_S
        if (m := _MASTER_LINE.fullmatch(o.text)) is not None
    ]
    source, unit = f"keepalived's log on {node.name}", picture.spec.keepalived_service
    often = [name for name, count in Counter(n for n, _ in lines).items() if count >= FLAPS]
    known = explained.causes(picture, picture.at - FLAP_S) if often else ()
    for name in often:
        seen = [o for n, o in lines if n == name and not explained.explained(o.at, known)]
        if (count := len(seen)) < FLAPS:
            continue
        yield Finding(
            id="instance-flapping",
            severity=Severity.WARNING,
            node=node.name,
            instance=name,
            summary=f"{node.name} became master of {name} {count} times within {FLAP_S / 60:.0f} minutes, unexplained",
            evidence=tuple(Evidence(source=source, text=o.text, at=o.at) for o in seen[-5:]),
            remedy=f"see what went before each time, on every node: journalctl -u {unit} --since -15min",
            since=seen[0].at,
        )


def adverts_blocked(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived's own log says that the kernel does not let its adverts out; all instances are one finding.

    Means: error 1 (not permitted) is the node's own firewall: a rule drops VRRP on the way out. The others
    do not hear this master and become master too. Needs nobody who listens on the wire.
    Can be wrong: 1.3.5 and 2.0.10 log nothing of it. Only lines of keepalived itself count.
    """
    intervals = {i.name: i.advert_interval_s or 1.0 for i in node.instances or ()}
    last: dict[str, tuple[Occurrence, str, str]] = {}
    for o in reversed(picture.lines(node.name, "keepalived")):
        if picture.at - o.at > SEND_S + 4 * max(intervals.values(), default=1.0):
            break
        if (m := _SEND_LINE.fullmatch(o.text)) is not None:
            fresh = picture.at - o.at <= SEND_S + 4 * intervals.get(m[1], 1.0)
            if fresh:
                last.setdefault(m[1], (o, m[2], m[3]))
    if not last or not node.readable:
        return
    errors = {(number, words) for _, number, words in last.values()}
    blocked = any(number == NOT_PERMITTED for number, _ in errors)
    words = listed(dict.fromkeys(words for _, words in sorted(errors)))
    why = "its own firewall drops VRRP on the way out" if blocked else "the kernel does not send them"
    unit = picture.spec.keepalived_service
    look = (
        "iptables -S OUTPUT; nft list ruleset: what drops protocol 112 (vrrp)? Let it out: "
        "iptables -I OUTPUT -p vrrp -j ACCEPT"
        if blocked
        else f"ip -d link show; ip route show table all; journalctl -u {unit} -n 50"
    )
    yield Finding(
        id="adverts-blocked",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name} cannot send adverts of {listed(sorted(last))}: {why} ({words})",
        evidence=tuple(
            Evidence(source=f"keepalived's log on {node.name}", text=o.text, at=o.at)
            for _, (o, _, _) in sorted(last.items())
        ),
        remedy=f"on {node.name}: {look}",
    )
