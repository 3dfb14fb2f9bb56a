"""`doctor`: what each node was asked, whether it worked, and the line that mends it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.events import Subject
from haconsole.report.doctor_check import Check
from haconsole.report.doctor_rights import Permit, rights_checks

SCHEMA: Final = "haconsole.doctor/1"


_SUBJECTS: Final = (
    (Subject.DAEMON, "keepalived-state", "keepalived's state from its dump"),
    (Subject.LOG, "log", "keepalived's log lines"),
    (Subject.CONFIG, "configuration", "keepalived.conf"),
    (Subject.CONFIG_TEST, "configuration-test", "keepalived -t"),
    (Subject.KERNEL, "kernel", "interfaces and addresses"),
    (Subject.UNITS, "units", "systemd units"),
    (Subject.SQUID_CHECK, "squid-check", "squid -k check"),
    (Subject.SQUID_SOCKETS, "sockets", "listening sockets"),
    (Subject.SQUID_COUNTERS, "squid-counters", "squid's cache manager"),
)

_NEEDED: Final = ("ip", "systemctl", "timeout", "stat", "sed")
_USEFUL: Final = {
    "keepalived": "keepalived is not installed",
    "squid": "squid is not installed",
    "ss": "listening sockets cannot be seen: install iproute2",
    "journalctl": "the log is read from the syslog file",
    "systemd-run": "no action is possible on this node: nothing could be put back by itself",
    "flock": "no action is possible on this node: install util-linux",
    "tcpdump": "adverts cannot be captured on this node: install tcpdump",
}


Permits = Mapping[str, Sequence[Permit]]
"""sudo's words, by node; of a node that is not there nobody asked."""


def checks(picture: ClusterPicture, permits: Permits) -> tuple[Check, ...]:
    """Every check of every node, in the order of the configuration."""
    return tuple(check for node in picture.nodes for check in _of_node(picture, node, permits.get(node.name)))


def _of_node(picture: ClusterPicture, node: NodePicture, permits: Sequence[Permit] | None) -> Iterator[Check]:
    if not node.readable:
        problem = node.problem
        if problem is None:
            yield Check(node=node.name, id="reach", ok=None, text="no answer yet")
        else:
            yield Check(node=node.name, id=problem.kind.value, ok=False, text=problem.summary, remedy=problem.remedy)
        return
    where = f"{node.spec.known_as}" + (f" port {node.spec.ssh.port}" if node.spec.ssh.port else "")
    yield Check(node=node.name, id="reach", ok=True, text=f"reached {where}, host key known, login accepted")
    yield from rights_checks(node, permits, read_only=picture.spec.read_only)
    yield from _tools(node)
    yield from _versions(node)
    yield from _clock(picture, node)
    yield from _subjects(node)


def _tools(node: NodePicture) -> Iterator[Check]:
    if node.identity is None:
        return
    tools = node.identity.tools
    missing = [t for t in _NEEDED if not tools.get(t)]
    if missing:
        names = ", ".join(missing)
        yield Check(node=node.name, id="tools", ok=False, text=f"missing: {names}", remedy=f"install {names}")
    else:
        yield Check(node=node.name, id="tools", ok=True, text="programs that are needed are there")
    for tool, text in _USEFUL.items():
        if not tools.get(tool):
            yield Check(node=node.name, id=f"tool-{tool}", ok=False, text=text, remedy=f"install {tool}")


def _versions(node: NodePicture) -> Iterator[Check]:
    found = node.versions
    if found is None:
        yield Check(node=node.name, id="versions", ok=None, text="versions not told")
        return
    words = (("keepalived", found.keepalived), ("squid", found.squid), ("systemd", found.systemd))
    text = ", ".join(f"{name} {value if value is not None else '?'}" for name, value in words)
    known = found.keepalived is not None and found.squid is not None
    yield Check(node=node.name, id="versions", ok=True if known else None, text=text)


def _clock(picture: ClusterPicture, node: NodePicture) -> Iterator[Check]:
    clock = node.clock
    if clock is None:
        yield Check(node=node.name, id="clock", ok=None, text="clock not read")
        return
    text = f"clock {clock.offset_s * 1000:+.1f} ms ± {clock.error_s * 1000:.1f} ms against this console"
    certain = abs(clock.offset_s) - clock.error_s
    apart = certain > picture.policy.clocks_apart_s
    remedy = f"on {node.name}: timedatectl; chronyc tracking" if apart else None
    yield Check(node=node.name, id="clock", ok=not apart, text=text, remedy=remedy)


def _subjects(node: NodePicture) -> Iterator[Check]:
    for subject, id_, what in _SUBJECTS:
        failed = node.failed.get(subject)
        if failed is not None:
            problem = failed.value
            yield Check(node=node.name, id=id_, ok=False, text=problem.summary, remedy=problem.remedy)
        elif subject is not Subject.LOG:
            read = _values(node)[subject] is not None
            test = node.config_test if subject is Subject.CONFIG_TEST else None
            if test is not None and test.ok is None:
                text = f"{what}: no verdict" + (f": {test.why_unknown}" if test.why_unknown else "")
                yield Check(node=node.name, id=id_, ok=None, text=text)
            else:
                yield Check(node=node.name, id=id_, ok=read or None, text=f"{what}: {'read' if read else 'not read'}")


def _values(node: NodePicture) -> Mapping[Subject, object]:
    """What was read; None: it was not."""
    squid = node.squid
    return {
        Subject.DAEMON: node.dump_at,
        Subject.CONFIG: node.config,
        Subject.CONFIG_TEST: node.config_test,
        Subject.KERNEL: node.kernel,
        Subject.UNITS: node.units_at,
        Subject.SQUID_CHECK: None if squid is None else squid.check_ok,
        Subject.SQUID_SOCKETS: None if squid is None else squid.listening,
        Subject.SQUID_COUNTERS: node.counters_at,
    }


def doctor_document(told: Sequence[tuple[str, Sequence[Check]]]) -> dict[str, object]:
    """The JSON document `haconsole.doctor/1`. told: by the cluster's name, every check."""
    return {
        "schema": SCHEMA,
        "clusters": [
            {
                "name": name,
                "checks": [{"node": c.node, "id": c.id, "ok": c.ok, "text": c.text, "remedy": c.remedy} for c in found],
            }
            for name, found in told
        ],
    }


def all_well(found: Iterable[Check]) -> bool:
    """True: nothing failed (what could not be told is no failure)."""
    return all(c.ok is not False for c in found)
