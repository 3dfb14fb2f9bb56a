"""What findings about a node follow from, its instances, checks, links and squid: for `causes`. Pure.

Each function yields keys of findings that would explain the given one, most likely first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.causes_common import no_service, node_of, unread
from haconsole.cluster.rules.common import key, link_trouble
from haconsole.cluster.rules.daemon import FLAP_S
from haconsole.cluster.rules.flaps import falls
from haconsole.cluster.rules.instances import fault_reasons, script_command
from haconsole.model.findings import Finding
from haconsole.model.readings import UnitReading

AGAIN: Final = 2
"""Once down and back explains no flapping."""
BEFORE_S: Final = 10.0
"""What made somebody master happened before it: by less than this."""
_PASSES: Final = frozenset({"revert-only", "squid-restart", "keepalived-restart", "keepalived-reload"})


def fault(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A watched link, or the check of a squid that is down."""
    node = node_of(picture, finding.node)
    for instance in (node.instances or ()) if node is not None else ():
        if finding.instance not in {None, instance.name} or node is None:
            continue
        reasons = fault_reasons(node, instance)
        if instance.vips and all(v.version == 6 for v in instance.vips):
            yield key("ipv6-link-local-missing", node.name)
        if not reasons and any(is_about_squid(node, s.name) for s in instance.tracked_scripts):
            yield key("squid-down", node.name)  # the log was quicker than the dump, which tells which check it was
        for reason in reasons:
            if reason.kind == "link":
                yield key("link-down", node.name)
            elif reason.kind == "file":
                yield key("drained", node.name)
            else:
                yield from _why_fails(node, reason.name)


def drained(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A drain by the track file that should have ended."""
    node = node_of(picture, finding.node)
    note = node.operation.drain if node is not None and node.operation is not None else None
    if node is not None and note is not None and note.method != "stop":
        yield key("drain-overdue", node.name)


def _why_fails(node: NodePicture, script: str) -> Iterator[str]:
    """Why a check fails: its own trouble first, then squid's."""
    if is_about_squid(node, script):
        yield key("squid-down", node.name)
    yield from (key(id_, node.name, script) for id_ in ("check-cannot-run", "check-timed-out"))
    if is_about_squid(node, script):
        yield from (key(id_, node.name) for id_ in ("squid-check-failed", "squid-not-listening", "squid-not-answering"))
    yield key("selinux-denied", node.name)


def refused(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """keepalived may not run it."""
    yield key("selinux-denied", finding.node or "")


def is_about_squid(node: NodePicture, script: str) -> bool:
    """By the script's name or its command."""
    return "squid" in script or "squid" in (script_command(node, script) or "")


def check(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A weighted or ignored check, or a weighted link."""
    node = node_of(picture, finding.node)
    for instance in (node.instances or ()) if node is not None else ():
        for script in instance.tracked_scripts:
            if node is not None and script.ok is False:
                yield from _why_fails(node, script.name)
    yield key("link-down", finding.node or "")


def flapping(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A link or a check, of any node, that went down and came back in the same span: masters change on all nodes."""
    since = picture.at - FLAP_S if finding.since is None else min(finding.since - BEFORE_S, picture.at - BEFORE_S)
    own_first = sorted(picture.nodes, key=lambda n: n.name != finding.node)
    for node in own_first:
        for (kind, name), lines in falls(picture, node, since).items():
            if len(lines) < AGAIN:
                continue
            if kind == "link":
                yield from (key("link-flapping", node.name, name), key("link-down", node.name))
            else:
                yield key("check-flapping", node.name, name)
                yield from (key(id_, node.name) for id_ in ("squid-down", "squid-check-failed", "check-failing"))


def link_flapping(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """It is down just now."""
    node = node_of(picture, finding.node)
    if node is not None and link_trouble(node, finding.instance or "") is not None:
        yield key("link-down", node.name)


def check_flapping(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why that check fails now."""
    node = node_of(picture, finding.node)
    if node is not None:
        yield from _why_fails(node, finding.instance or "")


def of_squid(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """squid is not there at all."""
    yield key("squid-down", finding.node or "")


def of_links(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Without its public link, or its default route, squid waits for every origin; a full disk stops it."""
    ids = ("link-down", "default-route-missing", "disk-full", "connections-full", "squid-check-failed")
    yield from (key(id_, finding.node or "") for id_ in ids)


def origin(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The way there begins at the node."""
    for node in picture.nodes:
        yield from (key(id_, node.name) for id_ in ("link-down", "default-route-missing", "connections-full"))


def left_behind(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A keepalived that died takes nothing with it."""
    yield key("keepalived-down", finding.node or "")


def _on_purpose(picture: ClusterPicture, node: NodePicture | None, kind: str) -> Iterator[str]:
    """An operation whose revert of this kind is armed on the node now: what it stopped or cut is no fault.

    Not by what only passes through it (a restart, a drill that changes nothing), and not once it is over: what was
    left behind of it (a note, a lock, an incomplete revert) excuses nothing.
    """
    told = None if node is None else node.operation
    if node is None or told is None or told.incomplete or told.revert != kind or node.operation_at is None:
        return
    ends = [at for slot, at in told.deadlines_uptime_s if slot not in dict(told.decided)]
    if not ends or max(ends) <= told.uptime_s + (picture.at - node.operation_at):
        return
    lock = told.lock
    if lock is None:
        yield from (key(id_, node.name) for id_ in ("drain-noted", "drain-overdue") if kind == "drain-stop")
        return
    what = (lock.name or "").removeprefix("drill ")
    if lock.operation == told.saved and lock.node == node.name and what not in _PASSES:
        yield from (key(id_, node.name) for id_ in ("operation-under-way", "operation-left"))


def _stopped(unit: UnitReading | None) -> bool:
    """In good order, by somebody: what crashed has failed."""
    return unit is not None and unit.active_state in {"inactive", "deactivating"}


def squid(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Somebody stopped it, in an operation."""
    node = node_of(picture, finding.node)
    if node is not None and _stopped(node.squid_unit):
        yield from _on_purpose(picture, node, "squid")


def link(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Only where the link of the operation is the only one that is down."""
    node = node_of(picture, finding.node)
    if node is None:
        return
    links = (node.spec.lan_interface, node.spec.public_interface)
    down = [n for n in links if n is not None and link_trouble(node, n) is not None]
    if len(down) == 1:
        yield from _on_purpose(picture, node, f"link-{down[0]}")


def daemon(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A drain by stop or another operation; a file that keepalived did not accept."""
    node = node_of(picture, finding.node)
    if node is not None and _stopped(node.keepalived):
        yield from _on_purpose(picture, node, "keepalived")
        yield from _on_purpose(picture, node, "drain-stop")
    if node is not None and node.keepalived is not None and node.keepalived.active_state != "inactive":
        yield key("config-test-failed", node.name)


def timed_out(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """What the check waits for."""
    node = finding.node or ""
    yield from (key(id_, node) for id_ in ("squid-not-answering", "disk-full", "keepalived-starved"))


def weight(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The check that should move the VIP."""
    yield key("check-failing", finding.node or "")


def ignored(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The check that keepalived dropped, or what it does not see."""
    node = node_of(picture, finding.node)
    if node is not None:
        yield key("check-disabled", node.name)
        yield from (key("check-cannot-run", node.name, s.name) for i in node.instances or () for s in i.tracked_scripts)
        yield from no_service(node)


def weak(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Why no better source is there."""
    node = node_of(picture, finding.node)
    if node is not None:
        yield from unread(node)
