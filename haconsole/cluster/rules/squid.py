"""Findings about squid on each node: does it run, does it listen where clients come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules.common import by_client, by_squid, by_systemd, covers, listed, present, since_text
from haconsole.cluster.rules.units import at_boot, restarts
from haconsole.model.events import ClientResult, Subject
from haconsole.model.findings import Evidence, Finding, Severity
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
    keepalived that runs this check puts the node in FAULT (TRIAGE R45, R87).
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


_NO_WAY: Final = frozenset({"connection refused", "no route to the address"})
"""Words of the probe for a connection that was not even made."""


def not_answering(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """squid's port is open, and clients of a VIP that this node alone holds get no answer.

    Means: squid hangs, or what it fetches from does: its own check and its open port say nothing of it, and
    keepalived, which trusts the check, does not move the VIP.
    Proof: the client's own request, and the listening sockets. An error (5xx) is told by `vip-not-serving` alone.
    Can be wrong: the way from this console to the VIP may lose packets while others reach it.
    """
    silent = [v for v in unanswered(picture, node) if v.client is not None and v.client.result.status is None]
    if not silent:
        return
    port, unit = picture.spec.squid_port, picture.spec.squid_service
    manager = node.failed.get(Subject.SQUID_COUNTERS)
    checked = " although its check is well" if node.squid is not None and node.squid.check_ok else ""
    yield Finding(
        id="squid-not-answering",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: squid does not answer clients of {listed(v.address for v in silent)}{checked}: "
        f"its port {port} is open",
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
    """Nobody listens on squid's port, or not on every VIP (TRIAGE R63, R64).

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
