"""What follows from what: one table for all findings. Pure.

For each id, keys of findings that would explain it, most likely first. The first that is really
among the findings becomes `follows_from`. Causes point from symptoms to roots, never back:
`causes_rank.RANK` holds that, so no circle can arise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.cluster.rules import causes_wire
from haconsole.cluster.rules.causes_rank import RANK
from haconsole.cluster.rules.common import key, link_trouble, vip_of
from haconsole.cluster.rules.daemon import FLAP_S
from haconsole.cluster.rules.flaps import falls
from haconsole.cluster.rules.instances import fault_reasons, script_command
from haconsole.cluster.rules.redundancy import able
from haconsole.model.findings import Finding
from haconsole.model.readings import UnitReading
from haconsole.model.spec import IpAddress

AGAIN: Final = 2
"""Once down and back explains no flapping."""
BEFORE_S: Final = 10.0
"""What made somebody master happened before it: by less than this."""

Candidates = Callable[[ClusterPicture, Finding], Iterator[str]]


_PASSES: Final = frozenset({"revert-only", "squid-restart", "keepalived-restart", "keepalived-reload"})
_ON_PURPOSE: Final = ("operation-under-way", "operation-left", "drain-noted", "drain-overdue")
"""Somebody did it: what follows is not to be mended by hand."""


def linked(picture: ClusterPicture, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, each with the key of the one it follows from, if that is there."""
    found = tuple(findings)
    keys = {f.key for f in found}

    def cause(finding: Finding) -> str | None:
        candidates = _CAUSES.get(finding.id)
        if candidates is None:
            return None
        return next((k for k in candidates(picture, finding) if k in keys and _earlier(k, finding.id)), None)

    return tuple(_under(f, cause(f)) for f in found)


def _under(finding: Finding, cause: str | None) -> Finding:
    """What was done on purpose is ended there, not here: a service started by hand would undo it half."""
    if cause is not None and cause.partition("/")[0] in _ON_PURPOSE and finding.id != "drained" and finding.remedy:
        told = f"probably done on purpose ({cause.partition('/')[0]}): end it there first; if it is still so then: "
        return replace(finding, follows_from=cause, remedy=told + finding.remedy)
    return replace(finding, follows_from=cause)


def _earlier(cause: str, id_: str) -> bool:
    return RANK.index(cause.partition("/")[0]) < RANK.index(id_)


# --- what may be the matter with a node ---------------------------------------------


def _unread(node: NodePicture) -> Iterator[str]:
    """Why nothing, or not enough, is known of it."""
    for id_ in ("node-unreachable", "node-stale", "node-connecting", "reading-failed", "rights-missing"):
        yield key(id_, node.name)


def _no_master(node: NodePicture, vip: IpAddress | None) -> Iterator[str]:
    """Why it is not master."""
    yield from (key(id_, node.name) for id_ in ("node-unreachable", "node-stale", "keepalived-down", "keepalived-hung"))
    yield from (key("instance-fault", node.name, name) for name in _names(node, vip))
    yield from (key(id_, node.name) for id_ in ("drained", "check-failing", "link-down", "squid-down"))


def _names(node: NodePicture, vip: IpAddress | None) -> Iterator[str]:
    """Names that a finding about the node's instances may carry: none for all of them, else the first of a group."""
    yield ""
    own = node.instance_of(vip) if vip is not None else None
    if own is not None:
        yield own.name
    yield from (i.name for i in node.instances or () if i is not own)


def _no_service(node: NodePicture) -> Iterator[str]:
    """Why it would not serve clients."""
    for id_ in (
        "squid-down",
        "squid-not-listening",
        "squid-check-failed",
        "link-down",
        "default-route-missing",
        "squid-not-answering",
    ):
        yield key(id_, node.name)


def _node(picture: ClusterPicture, name: str | None) -> NodePicture | None:
    return next((n for n in picture.nodes if n.name == name), None)


# --- by id -------------------------------------------------------------------------------


def _fault(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A watched link, or the check of a squid that is down."""
    node = _node(picture, finding.node)
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


def _drained(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A drain by the track file that should have ended."""
    node = _node(picture, finding.node)
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


def is_about_squid(node: NodePicture, script: str) -> bool:
    """By the script's name or its command."""
    return "squid" in script or "squid" in (script_command(node, script) or "")


def _check(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A weighted or ignored check, or a weighted link."""
    node = _node(picture, finding.node)
    for instance in (node.instances or ()) if node is not None else ():
        for script in instance.tracked_scripts:
            if node is not None and script.ok is False:
                yield from _why_fails(node, script.name)
    yield key("link-down", finding.node or "")


def _flapping(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
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


def _link_flapping(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """It is down just now."""
    node = _node(picture, finding.node)
    if node is not None and link_trouble(node, finding.instance or "") is not None:
        yield key("link-down", node.name)


def _check_flapping(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    node = _node(picture, finding.node)
    if node is not None:
        yield from _why_fails(node, finding.instance or "")


def _of_squid(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    yield key("squid-down", finding.node or "")


def _of_links(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Without its public link, or its default route, squid waits for every origin; a full disk stops it."""
    ids = ("link-down", "default-route-missing", "disk-full", "connections-full", "squid-check-failed")
    yield from (key(id_, finding.node or "") for id_ in ids)


def _origin(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """The way there begins at the node."""
    for node in picture.nodes:
        yield from (key(id_, node.name) for id_ in ("link-down", "default-route-missing", "connections-full"))


def _left_behind(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
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


def _squid(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    node = _node(picture, finding.node)
    if node is not None and _stopped(node.squid_unit):
        yield from _on_purpose(picture, node, "squid")


def _link(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """Only where the link of the operation is the only one that is down."""
    node = _node(picture, finding.node)
    if node is None:
        return
    links = (node.spec.lan_interface, node.spec.public_interface)
    down = [n for n in links if n is not None and link_trouble(node, n) is not None]
    if len(down) == 1:
        yield from _on_purpose(picture, node, f"link-{down[0]}")


def _daemon(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    """A drain by stop or another operation; a file that keepalived did not accept."""
    node = _node(picture, finding.node)
    if node is not None and _stopped(node.keepalived):
        yield from _on_purpose(picture, node, "keepalived")
        yield from _on_purpose(picture, node, "drain-stop")
    if node is not None and node.keepalived is not None and node.keepalived.active_state != "inactive":
        yield key("config-test-failed", node.name)


def _timed_out(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    node = finding.node or ""
    yield from (key(id_, node) for id_ in ("squid-not-answering", "disk-full", "keepalived-starved"))


def _weight(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    yield key("check-failing", finding.node or "")


def _ignored(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    node = _node(picture, finding.node)
    if node is not None:
        yield key("check-disabled", node.name)
        yield from (key("check-cannot-run", node.name, s.name) for i in node.instances or () for s in i.tracked_scripts)
        yield from _no_service(node)


def _none(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    vip = vip_of(picture, finding)
    for node in picture.nodes:  # a VIP that only a standby's list has
        yield from (key("wire-vip-list-mismatch", node.name, i.name) for i in node.instances or ())
    for node in _preferred_first(picture, vip):
        instance = node.instance_of(vip.address) if vip is not None else None
        yield key("daemon-kernel-disagree", node.name, instance.name if instance else "", finding.vip)
        yield from _no_master(node, finding.vip)


def _wire_no_master(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    yield from (key("vip-left-behind", n.name, vip=finding.vip) for n in picture.nodes)
    yield from (key("keepalived-hung", n.name) for n in picture.nodes)
    yield key("vip-held-by-none", vip=finding.vip)
    yield from _none(picture, finding)


def _holders_unknown(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    vip = vip_of(picture, finding)
    for name in vip.unread if vip is not None else ():
        yield from _unread(picture.node(name))


def _not_serving(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    vip = vip_of(picture, finding)
    yield key("vip-held-by-none", vip=finding.vip)
    for name in (vip.holders or ()) if vip is not None else ():
        yield key("rp-filter-drops", name, vip=finding.vip)
        yield from _no_service(picture.node(name))
    yield key("origin-not-answering")
    yield key("vip-held-by-several", vip=finding.vip)
    yield key("vip-holders-unknown", vip=finding.vip)


def _not_preferred(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    vip = vip_of(picture, finding)
    node = _node(picture, vip.preferred) if vip is not None else None
    if node is not None:
        yield from _no_master(node, finding.vip)


def _moving(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    for node in _preferred_first(picture, vip_of(picture, finding)):
        yield from _no_master(node, finding.vip)


def _no_redundancy(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    vip = vip_of(picture, finding) or (picture.vips[0] if picture.vips else None)
    for node in picture.nodes:
        if vip is not None and not able(node, vip):
            yield from _no_master(node, vip.address)
            yield from _no_service(node)


def _weak(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    node = _node(picture, finding.node)
    if node is not None:
        yield from _unread(node)


def _vips_unknown(picture: ClusterPicture, finding: Finding) -> Iterator[str]:
    for node in picture.nodes:
        yield from _unread(node)


def _preferred_first(picture: ClusterPicture, vip: VipPicture | None) -> list[NodePicture]:
    wanted = None if vip is None else vip.preferred
    return sorted(picture.nodes, key=lambda n: n.name != wanted)


_CAUSES: Final[Mapping[str, Candidates]] = {
    "keepalived-down": _daemon,
    "squid-down": _squid,
    "link-down": _link,
    "check-timed-out": _timed_out,
    "weight-does-not-move": _weight,
    "adverts-blocked": causes_wire.send_error,
    "adverts-discarded": causes_wire.discarded,
    "wire-unheard": causes_wire.unheard,
    "drained": _drained,
    "instance-fault": _fault,
    "instance-flapping": _flapping,
    "wire-flapping": _flapping,
    "link-flapping": _link_flapping,
    "check-flapping": _check_flapping,
    "check-failing": _check,
    "squid-check-failed": _of_squid,
    "squid-not-listening": _of_squid,
    "squid-not-answering": _of_links,
    "origin-not-answering": _origin,
    "vip-left-behind": _left_behind,
    "tracking-ignored": _ignored,
    "two-masters": causes_wire.two_masters,
    "wire-master-mute": causes_wire.mute,
    "wire-checksum": causes_wire.of_stranger,
    "wire-ttl": causes_wire.of_stranger,
    "wire-jitter": causes_wire.jitter,
    "wire-own-advert": causes_wire.caught_up,
    "wire-two-masters": causes_wire.wire_two_masters,
    "wire-no-master": _wire_no_master,
    "vip-held-by-none": _none,
    "vip-held-by-several": causes_wire.several,
    "vip-holders-unknown": _holders_unknown,
    "vip-not-serving": _not_serving,
    "vip-not-preferred": _not_preferred,
    "vip-moving": _moving,
    "no-redundancy": _no_redundancy,
    "state-source-weak": _weak,
    "vips-unknown": _vips_unknown,
}
