"""What is the same for both services: are they started at boot, does systemd restart them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import by_systemd, span
from haconsole.model.findings import Finding, Severity
from haconsole.model.readings import UnitReading

RECENT_S: Final = 600.0
"""A restart by systemd within this time is worth a look."""


def at_boot(node: NodePicture, unit: UnitReading | None, service: str, name: str) -> Iterator[Finding]:
    """The unit is not enabled.

    Means: after a reboot the node comes back without it.
    Can be wrong: something else may start it at boot (a cluster manager, a script).
    """
    if unit is not None and unit.loaded and unit.enabled is False:
        yield Finding(
            id=f"{service}-not-enabled",
            severity=Severity.WARNING,
            node=node.name,
            summary=f"{node.name}: {service} is not started at boot",
            evidence=(by_systemd(node, f"{name}: not enabled"),),
            remedy=f"on {node.name}: systemctl enable {name}",
        )


def restarts(
    picture: ClusterPicture, node: NodePicture, unit: UnitReading | None, service: str, since: float | None
) -> Iterator[Finding]:
    """systemd had to restart the unit, a short time ago.

    Means: it crashes; each time the node drops out.
    Can be wrong: systemd counts since the last start by hand; only the last restart's time is known.
    """
    if unit is None or not unit.restarts or since is None or picture.at - since > RECENT_S:
        return
    times = "once" if unit.restarts == 1 else f"{unit.restarts} times"
    yield Finding(
        id=f"{service}-flapping",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: systemd restarted {service} {times}, the last time {span(picture.at - since)} ago",
        evidence=(by_systemd(node, f"{unit.name}: {unit.restarts} restarts", since),),
        remedy=f"on {node.name}: journalctl -u {unit.name} --since -15min",
    )
