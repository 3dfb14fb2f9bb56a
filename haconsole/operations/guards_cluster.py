"""Guards on the cluster as a whole: known, at one, at peace. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from haconsole.cluster.left import Told, console_gone, left_on
from haconsole.cluster.rules.common import listed
from haconsole.model.operation import NodeOperation
from haconsole.model.problems import ProblemKind
from haconsole.operations.actions import Kind
from haconsole.operations.guards_context import Case, Guard, Override, worst

FLAPS: Final = 3
"""Changes of a VIP's master that nothing explains, at most."""
FLAP_S: Final = 300.0
_SAME: Final = {
    Kind.UNDRAIN: ("drain", "drain-stop"),
    Kind.SQUID_START: ("squid",),
    Kind.KEEPALIVED_START: ("keepalived",),
}
"""What does the very thing that an armed revert would, and disarms it after; a link's revert does more than link-up."""
_KEY_PROBLEMS: Final = {ProblemKind.HOST_KEY_UNKNOWN, ProblemKind.HOST_KEY_CHANGED, ProblemKind.HOST_KEY_REVOKED}


def state_fresh(case: Case) -> Guard:
    """Every node was read: kernel, units, squid, keepalived's dump, none too old to be believed."""
    told: list[str] = []
    for node in case.picture.nodes:
        if not node.readable:
            told.append(f"{node.name} cannot be read" if not node.stale else f"{node.name} has gone silent")
            continue
        lacking = [
            name
            for name, value in (
                ("addresses", node.kernel),
                ("units", node.keepalived),
                ("squid", node.squid),
                ("configuration", node.config),
            )
            if value is None
        ]
        if node.keepalived is None or node.keepalived.active:
            lacking += [] if node.dump_at is not None else ["keepalived's dump"]
        if lacking:
            told.append(f"{node.name}: {listed(lacking)} not read, or too old")
    return Guard(
        id="state-fresh",
        ok=None if told else True,
        text="every node was read just now",
        evidence="; ".join(told) or listed(n.name for n in case.picture.nodes),
    )


def node_read(case: Case) -> Guard:
    """The touched node answers: what cannot be seen cannot be verified."""
    node = case.node
    ok = True if node.readable and node.kernel is not None and node.keepalived is not None else None
    return Guard(
        id="node-read",
        ok=ok,
        text=f"{node.name} answers",
        evidence="read" if ok else "cannot be read",
        override=Override.NEVER,
    )


def witnesses_agree(case: Case) -> Guard:
    """Kernel, daemon and wire name the same one holder of every VIP, and it has not just moved."""
    oks: list[bool | None] = []
    told: list[str] = []
    for vip in case.picture.vips:
        ok, why = True if vip.holders else None, f"{vip.address}: {listed(vip.holders or ()) or 'no known holder'}"
        if vip.holders is not None and len(vip.holders) != 1:
            ok = False if not vip.unread else None
        elif vip.unread:
            ok, why = None, f"{why}, {listed(vip.unread)} not read"
        elif not vip.settled:
            ok, why = None, f"{why}, a hand-over may be under way"
        elif vip.masters is None:
            ok, why = None, f"{why}, no daemon told"
        elif vip.masters != vip.holders:
            ok, why = False, f"{why}, but MASTER is {listed(vip.masters) or 'nobody'}"
        elif vip.advertisers is not None and vip.advertisers != vip.holders:
            ok, why = False, f"{why}, but adverts come from {listed(vip.advertisers) or 'nobody'}"
        oks.append(ok)
        told.append(why)
    return Guard(
        id="witnesses-agree",
        ok=worst(oks),
        text="kernel, daemon and wire agree on who holds every VIP",
        evidence="; ".join(told) or "no VIP is known",
    )


def no_other_operation(case: Case) -> Guard:
    """No lock, no armed revert but our own, on any node; on the touched one only, for what restores service."""
    disturbs = case.action.kind.disturbs
    oks: list[bool | None] = []
    told: list[str] = []
    for node in case.picture.nodes if disturbs else (case.node,):
        found = case.asked.operations.get(node.name)
        ok, why = _free(node.name, found, case)
        oks.append(ok)
        told.append(f"{node.name}: {why}")
    return Guard(
        id="no-other-operation",
        ok=worst(oks),
        text="no other operation is under way",
        evidence="; ".join(told),
        override=Override.NEVER,
    )


def _free(node: str, found: NodeOperation | None, case: Case) -> tuple[bool | None, str]:
    """What refuses names the next step."""
    if found is None:
        return None, "not read: haconsole doctor says why"
    ok, whose = _unlocked(node, found, case)
    if not ok or not found.deadlines_uptime_s or found.revert is None or found.saved == case.asked.operation:
        return ok, whose
    kind, armed = case.action.kind, f"a revert of {found.revert} is there"
    if kind is Kind.LINK_UP and found.revert == f"link-{case.action.interface}":
        return False, f"{armed}, which brings the routes back too: haconsole node abort {node} runs it now"
    if found.lock is not None:
        return True, whose  # what a dead console armed: what disturbs finds it when it arms, and stops
    ends = found.revert in _SAME.get(kind, ())
    return ends, armed if ends else f"{armed}: haconsole node abort {node} puts it back now"


def _unlocked(node: str, found: NodeOperation, case: Case) -> tuple[bool, str]:
    lock = found.lock
    if lock is None:
        return True, "free"
    if lock.operation == case.asked.operation:
        return True, "ours"
    left, named = found.lock_left_s or 0.0, lock.operation == case.asked.instead_of
    end = f"haconsole node abort {_abort_where(node, case)}"
    whose = f"{lock.owner or 'somebody'} on {lock.host or '?'}, {lock.name or 'an operation'}"
    if left <= 0:
        return named, f"{whose} left a stale lock: {end}, or go on against it with --break-lock {lock.operation}"
    where = None if case.action.kind.disturbs or not named else console_gone(case.picture, lock.operation)
    if where is None:
        return False, f"{whose}, {left:.0f} s left: wait until it is over; if its console is dead, {end}"
    return True, f"{whose}, {left:.0f} s left; its console is gone: it renews no lock on {where}"


def _abort_where(node: str, case: Case) -> str:
    """Where the operation whose lock `node` has is ended: where it acts, if anything is left of it there."""
    told = {name: Told(state=state, at=case.asked.now) for name, state in case.asked.operations.items()}
    left = left_on(told, [n.name for n in case.picture.nodes], node, case.asked.now)
    return node if left is None else left.node


def nobody_drained(case: Case) -> Guard:
    """No other node is drained: it would not take over, or was taken out for a reason."""
    oks: list[bool | None] = []
    told: list[str] = []
    for node in case.others:
        found = case.asked.operations.get(node.name)
        if found is None:
            oks.append(None)
            told.append(f"{node.name}: not read")
            continue
        if found.drain is not None:
            oks.append(False)
            told.append(f"{node.name}: drained by {found.drain.by or '?'}, {found.drain.reason or 'no reason'}")
            continue
        by_file = [f.name for i in node.instances or () for f in i.tracked_files if (f.value or 0) * f.weight < 0]
        oks.append(not by_file)
        told.append(f"{node.name}: {f'{by_file[0]} lowers its priority' if by_file else 'not drained'}")
    return Guard(
        id="nobody-drained",
        ok=worst(oks),
        text="no other node is drained",
        evidence="; ".join(told) or "there is no other node",
    )


def host_keys_known(case: Case) -> Guard:
    """We are connected to the nodes that we mean: keys are checked strictly at connection."""
    nodes = case.picture.nodes if case.action.kind.disturbs else (case.node,)
    bad = [n.name for n in nodes if n.problem is not None and n.problem.kind in _KEY_PROBLEMS]
    unmet = [n.name for n in nodes if not n.readable and n.name not in bad]
    evidence = (
        f"{listed(bad)}: key unknown or changed" if bad else f"{listed(unmet)}: no connection" if unmet else "checked"
    )
    return Guard(
        id="host-keys-known",
        ok=False if bad else None if unmet else True,
        text="the nodes' host keys are known",
        evidence=evidence,
        override=Override.NEVER,
    )


def vip_is_no_real_address(case: Case) -> Guard:
    """No VIP is the address by which a node itself is reached."""
    real = {}
    for node in case.picture.nodes:
        for word in (node.spec.address, node.spec.known_as):
            try:
                real[ip_address(word)] = node.name
            except ValueError:
                continue
    same = [f"{v.address} is {real[v.address]} itself" for v in case.picture.vips if v.address in real]
    return Guard(
        id="vip-is-no-real-address",
        ok=not same,
        text="no VIP is a node's own address",
        evidence="; ".join(same) or "none is",
        override=Override.NEVER,
    )


def not_flapping(case: Case) -> Guard:
    """At most three changes of a VIP's master in five minutes that nothing explains."""
    found = case.asked.master_changes
    counts: dict[str, int] = {}
    for each in found or ():
        if not each.explained and case.asked.now - each.at <= FLAP_S:
            counts[str(each.vip)] = counts.get(str(each.vip), 0) + 1
    many = [f"{vip}: {n} changes" for vip, n in counts.items() if n > FLAPS]
    return Guard(
        id="not-flapping",
        ok=False if many else None if found is None else True,
        text="the VIPs have been quiet for five minutes",
        evidence="; ".join(many) or ("not watched for so long" if found is None else "quiet"),
    )


def enabled_at_boot(case: Case) -> Guard:
    """What is stopped starts by itself at boot: a node that reboots meanwhile must come back."""
    node, kind = case.node, case.action.kind
    squid = kind in {Kind.SQUID_STOP, Kind.SQUID_RESTART}
    unit = node.squid_unit if squid else node.keepalived
    enabled = None if unit is None else unit.enabled
    name = case.picture.spec.squid_service if squid else case.picture.spec.keepalived_service
    told = {True: "enabled", False: "not enabled", None: "not read"}[enabled]
    return Guard(id="enabled-at-boot", ok=enabled, text=f"{name} on {node.name} starts at boot", evidence=told)


def nobody_fights_back(case: Case) -> Guard:
    """Nothing known starts again what is stopped. Only said: it refuses nothing."""
    node = case.node
    unit = node.squid_unit if case.action.kind in {Kind.SQUID_STOP, Kind.SQUID_RESTART} else node.keepalived
    found = list(case.asked.fighters or ())
    if unit is not None and unit.restart not in {None, "no"}:
        found.append(f"Restart={unit.restart} of {unit.name}")
    looked = case.asked.fighters is not None and unit is not None
    return Guard(
        id="nobody-fights-back",
        ok=False if found else True if looked else None,
        text="nothing is known that would start again what is stopped",
        evidence="; ".join(found) or ("nothing found" if looked else "not looked for"),
        warns=True,
    )
