"""Findings about squid on each node: does it run, does it listen where clients come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import (
    NO_ANSWER_TO_SYN,
    by_client,
    by_squid,
    by_systemd,
    covers,
    listed,
    present,
    since_text,
    unit_up,
)
from haconsole.cluster.rules.units import at_boot, restarts
from haconsole.model.events import ClientResult, Subject
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.problems import ProblemKind
from haconsole.model.spec import IpAddress


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from squid_down(picture, node)
        yield from at_boot(node, node.squid_unit, "squid", picture.spec.squid_service)
        yield from restarts(picture, node, node.squid_unit, "squid", node.squid_since)
        yield from check_failed(picture, node)
        yield from not_listening(picture, node)
        yield from not_answering(picture, node)
        yield from worker_died(picture, node)
    yield from origin_silent(picture)


def listens(node: NodePicture) -> bool | None:
    """Somebody listens on squid's port; None: not known."""
    if node.squid is None or node.squid.listening is None:
        return None
    return bool(node.squid.listening)


def squid_down(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """The unit is not active.

    Means: this node serves nobody; the VIPs should be elsewhere.
    Can be wrong: squid may run outside of its unit; the summary says when its port is open all the same.
    """
    unit = node.squid_unit
    if unit is None or unit.active:
        return
    name, port = picture.spec.squid_service, picture.spec.squid_port
    if not unit.loaded:
        summary = f"{node.name}: systemd knows no unit {name}"
        remedy = f"name it in the configuration ([cluster.squid] service); on {node.name}: systemctl list-units"
    else:
        word = {"inactive": "is not running", "failed": "has failed"}.get(unit.active_state, f"is {unit.active_state}")
        summary = f"{node.name}: squid {word}{since_text(picture, node.squid_since)}"
        remedy = f"on {node.name}: journalctl -u {name} -n 50; squid -k parse; systemctl start {name}"
    if listens(node):
        summary += f"; yet somebody listens on port {port}: squid runs outside of its unit, or it is stopping"
    yield Finding(
        id="squid-down",
        severity=Severity.WARNING,
        node=node.name,
        summary=summary,
        evidence=(by_systemd(node, f"{name}: {unit.active_state} ({unit.sub_state})", node.squid_since),),
        remedy=remedy,
    )


def check_failed(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """`squid -k check` says no.

    Means: there is no squid process, or squid.conf on disk is broken (the check parses it first): a
    keepalived that runs this check puts the node in FAULT.
    Can be wrong: squid may serve well all the same; the summary says when its port is open.
    """
    if node.squid is None or node.squid.check_ok is not False:
        return
    others = [n for n in picture.nodes if n is not node and n.squid is not None and n.squid.check_ok is False]
    still = " although squid listens" if listens(node) else ""
    both = f"; so it does on {listed(n.name for n in others)}: was one bad squid.conf brought to all?" if others else ""
    yield Finding(
        id="squid-check-failed",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: `squid -k check` fails{still}: {node.squid.check_text or 'no message'}{both}",
        evidence=(by_squid(node, f"squid -k check: {node.squid.check_text or 'failed'}"),),
        remedy=f"on {node.name}: squid -k parse; systemctl status {picture.spec.squid_service}",
    )


def unanswered(picture: ClusterPicture, node: NodePicture) -> tuple[VipPicture, ...]:
    """VIPs that this node alone holds, whose clients get no answer or an error though squid's port is open here.

    A closed port or no way to the address is not squid's silence; a refusal and another 4xx are answers.
    """
    if not listens(node):
        return ()
    return tuple(
        v
        for v in picture.vips
        if v.holders == (node.name,) and v.settled and v.client is not None and _fails(v.client.result)
    )


def _fails(result: ClientResult) -> bool:
    if result.ok or result.checked != "http":
        return False
    return result.error not in _NO_WAY if result.status is None else result.status >= 500


_SILENCE: Final = frozenset({ProblemKind.TIMED_OUT, ProblemKind.COMMAND_TIMED_OUT})
PATIENCE_S: Final = 2.0
"""So long a client waits for an answer: its request began so long before it failed."""
ASKED_S: Final = 6.0
"""A client's failure has the cache manager asked: within this it has answered, or was given up."""
STARTING_S: Final = 10.0
"""A squid that starts may accept and not answer yet: its cache index is read first."""
WORKER_S: Final = 600.0
"""So long the death of a worker is worth a look."""
_WORKER: Final = re.compile(
    r"Squid Parent: \(?squid-(?P<kid>[0-9]{1,3})\)? process [0-9]{1,10} "
    r"(?P<end>exited due to signal [0-9]{1,3}.*|exited with status [1-9][0-9]{0,2}.*|will not be restarted .+)"
)
_NO_WAY: Final = frozenset({"connection refused", "no route to the address"})
"""Words of the probe for a connection that was not even made."""


def hung(node: NodePicture) -> bool:
    """Its port is open, and the cache manager, which needs no origin, was asked through it and said nothing."""
    manager = node.failed.get(Subject.SQUID_COUNTERS)
    if not listens(node) or manager is None or manager.value.kind not in _SILENCE:
        return False
    return node.squid_since is None or manager.at > node.squid_since + STARTING_S


def answers(picture: ClusterPicture, node: NodePicture, vip: VipPicture) -> bool | None:
    """Did the cache manager answer while clients of the VIP got nothing; None: it was not asked since, wait."""
    if hung(node) or node.counters_at is None or vip.failed_since is None:
        return False
    if node.counters_at >= vip.failed_since - PATIENCE_S:
        return True
    return None if picture.at - vip.failed_since < ASKED_S else False


def origin_silent(picture: ClusterPicture) -> Iterator[Finding]:
    """squid answers its cache manager, and clients that ask for a page of an origin get nothing.

    Means: squid is well; what it fetches from is not: the origin of `probe_url`, the name server, the way there.
    Can be wrong: a squid of which only a part hangs (a cache disk, one of several workers).
    """
    found = [
        (n, v)
        for n in picture.nodes
        for v in unanswered(picture, n)
        if v.client is not None and v.client.result.status is None and v.client.result.error != NO_ANSWER_TO_SYN
        if answers(picture, n, v)
    ]
    if not found:
        return
    nodes = [n for n in picture.nodes if any(n is node for node, _ in found)]
    everywhere = " (so it is through every VIP)" if len(found) == len(picture.vips) > 1 else ""
    url = picture.spec.probe_url or "the origin"
    yield Finding(
        id="origin-not-answering",
        severity=Severity.WARNING,
        summary=f"{listed(n.name for n in nodes)}: squid answers its cache manager and not clients of "
        f"{listed(v.address for _, v in found)}: what it fetches from does not answer{everywhere}",
        evidence=(
            *present(*(by_client(v) for _, v in found)),
            *(Evidence(source=f"squid on {n.name}", text="its cache manager answers", at=n.counters_at) for n in nodes),
        ),
        remedy=f"on {nodes[0].name}: curl -m 5 -o /dev/null {quote(url)}; is its name server there? ip route get to "
        f"it; if another origin is well, haconsole's probe_url is a bad witness",
        since=min((v.failed_since for _, v in found if v.failed_since is not None), default=None),
    )


def not_answering(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """squid's port is open, and clients of a VIP that this node alone holds get no answer, or squid's own cache
    manager says nothing (so it is told of a standby too, before the VIP comes to it).

    Means: squid hangs, or what it fetches from does: its own check and its open port say nothing of it, and
    keepalived, which trusts the check, does not move the VIP.
    Proof: the client's own request, and the listening sockets. An error (5xx) is told by `vip-not-serving` alone.
    Can be wrong: the way from this console to the VIP may lose packets while others reach it.
    """
    silent = [
        v
        for v in unanswered(picture, node)
        if v.client is not None and v.client.result.status is None and answers(picture, node, v) is False
    ]
    hangs = hung(node)
    if not silent and not hangs:
        return
    port, unit = picture.spec.squid_port, picture.spec.squid_service
    manager = node.failed.get(Subject.SQUID_COUNTERS)
    checked = " although its check is well" if node.squid is not None and node.squid.check_ok else ""
    whom = f"clients of {listed(v.address for v in silent)}" if silent else "its own cache manager"
    yield Finding(
        id="squid-not-answering",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: squid does not answer {whom}{checked}: its port {port} is open",
        evidence=present(
            *(by_client(v) for v in silent),
            by_squid(
                node, f"listens on {listed(x.text for x in (node.squid.listening if node.squid else None) or ())}"
            ),
            None
            if manager is None
            else Evidence(source=f"squid on {node.name}", text=manager.value.summary, at=manager.at),
        ),
        remedy=f"on {node.name}: tail /var/log/squid/cache.log; squidclient mgr:info; systemctl restart {unit}; "
        f"to move the VIP at once: systemctl stop {unit}",
        since=min((v.failed_since for v in silent if v.failed_since is not None), default=None),
    )


def uncovered(picture: ClusterPicture, node: NodePicture) -> tuple[IpAddress, ...]:
    """VIPs that squid on this node would not answer on, by its listening sockets."""
    if node.squid is None or not node.squid.listening:
        return ()
    return tuple(v.address for v in picture.vips if not covers(node.squid.listening, v.address))


def not_listening(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """Nobody listens on squid's port, or not on every VIP.

    Means: clients of those VIPs find a closed port here, now or after the next failover.
    Can be wrong: a squid bound to particular VIPs may be told of a new one by a notify script; whether
    that works shows only when the VIP comes.
    """
    if listens(node) is None or node.squid is None:
        return
    port, unit = picture.spec.squid_port, picture.spec.squid_service
    missing = uncovered(picture, node)
    if not listens(node):
        summary = f"{node.name}: nobody listens on port {port}"
        text, remedy = (
            f"no socket on port {port}",
            f"on {node.name}: systemctl status {unit}; tail /var/log/squid/cache.log",
        )
    elif missing:
        where = listed(x.text for x in node.squid.listening or ())
        held = [a for a in missing if node.holds(a)]
        when = (
            f"{listed(held)} is on this node now" if held else "its clients would find a closed port after a failover"
        )
        summary = f"{node.name}: squid listens only on {where}, not on {listed(missing)}: {when}"
        text = f"listens on {where}"
        remedy = (
            f"in squid.conf on {node.name}: http_port {port}, without an address; or one for each VIP, and "
            f"sysctl net.ipv4.ip_nonlocal_bind=1; then: squid -k reconfigure"
        )
    else:
        return
    yield Finding(
        id="squid-not-listening",
        severity=Severity.WARNING,
        node=node.name,
        summary=summary,
        evidence=(by_squid(node, text),),
        remedy=remedy,
    )


def worker_died(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """squid's parent process says that a worker died, a short time ago, or that it gave it up.

    Means: connections were cut; after four quick deaths squid gives the worker up for an hour, while the unit
    stays active and its check well.
    Can be wrong: somebody may have killed it on purpose. Only what the running unit said counts.
    """
    begin = picture.at - WORKER_S if node.squid_since is None else max(node.squid_since, picture.at - WORKER_S)
    died = [
        (m["end"], o)
        for o in reversed(picture.lines(node.name, "squid"))
        if o.at >= begin
        if (m := _WORKER.fullmatch(o.text)) is not None
    ]
    if not died or not unit_up(node.squid_unit):
        return
    gave_up = died[0][0].startswith("will not")
    times = "once" if len(died) == 1 else f"{len(died)} times"
    what = f"gave its worker up: it {died[0][0]}" if gave_up else f"lost its worker {times} ({died[0][0]})"
    unit = picture.spec.squid_service
    yield Finding(
        id="squid-worker-died",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: squid {what}",
        evidence=tuple(Evidence(source=f"squid's log on {node.name}", text=o.text, at=o.at) for _, o in died[:5]),
        remedy=f"on {node.name}: journalctl -u {unit} -n 100; dmesg | grep -i oom; tail /var/log/squid/cache.log; "
        + (
            f"to have it tried again: squid -k reconfigure, or systemctl restart {unit}"
            if gave_up
            else "look for FATAL"
        ),
        since=died[-1][1].at,
    )
