"""Who is master: priorities and weights, of one file and across nodes. Pure.

255 and the election: RFC 5798 5.2.4 and 6.4; what 255 does, by version: docs/keepalived-versions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from haconsole.cluster.audit.instances import finding
from haconsole.cluster.audit.values import AuditEvidence, AuditFinding
from haconsole.cluster.audit.view import OWNER, Inst, View, subject, watched
from haconsole.cluster.rules.common import listed
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import Statement

LOWEST, HIGHEST = 1, 254
"""What weights may make of a priority (keepalived.conf(5))."""


def rules(view: View) -> Iterator[AuditFinding]:
    """Of one file."""
    for inst in view.instances:
        yield from owner(inst)
        yield from ignored(inst)


def owner(inst: Inst) -> Iterator[AuditFinding]:
    """Priority 255 is the address owner's.

    What follows: no weight has an effect, so that a drain without loss is not possible; 2.1 ignores a failing check
    altogether (measured: clients lost everything until squid was back).
    """
    if inst.conf.priority != OWNER:
        return
    place = inst.place("priority")
    scripts = [n for k, n, w in watched(inst) if k == "script" and w == 0]
    version = inst.view.file.version
    follows = ["no weight or track file can lower it: the node cannot be drained without loss"]
    severity = Severity.WARNING
    if scripts and version is not None and version[:2] == (2, 1):
        severity = Severity.CRITICAL
        told = ".".join(map(str, version))
        follows.append(f"keepalived {told} ignores a failing {listed(scripts)}: the VIP stays on a dead proxy")
    elif scripts and version is None:
        follows.append(f"keepalived 2.1 (Debian 11, RHEL 8) ignores a failing {listed(scripts)}")
    yield finding(
        inst, "priority-owner", severity,
        f"{subject(inst)}: priority 255 is for the owner of the address, which no node of a pair is: "
        + "; ".join(follows),
        inst.view.write(place, "priority 254"),
        "priority", "track_script",
    )  # fmt: skip


def ignored(inst: Inst) -> Iterator[AuditFinding]:
    """`weight-ignored`: weights that keepalived does not apply: with 255, and in a sync group.

    Tried with 2.2.7: `ignoring weight from tracked file ... due to address_owner`, `... due to SYNC group`. A failing
    check or link then moves nothing; a track file puts the instance in FAULT (docs/keepalived-versions.md).
    """
    weighted = [(k, n, w) for k, n, w in watched(inst) if w != 0]
    owner_, group = inst.conf.priority == OWNER, _group(inst)
    if not weighted or not (owner_ or group is not None):
        return
    names = listed(f"{n} (weight {w:+d})" for _, n, w in weighted)
    checks = any(k != "file" for k, _, _ in weighted)
    follows = "its failure does not move the VIP" if checks else "it cannot lower the priority"
    why = "with priority 255" if owner_ else "in a sync group"
    place = inst.place("priority") if owner_ or group is None else group.place
    remedy = inst.view.write(place, "priority 254" if owner_ else "sync_group_tracking_weight (or no weights)")
    yield finding(
        inst, "weight-ignored", Severity.CRITICAL if checks else Severity.WARNING,
        f"{subject(inst)}: {why} keepalived ignores {names}: {follows}",
        remedy, "priority", "track_script", "track_interface", "track_file",
    ).on(place=place)  # fmt: skip


def _group(inst: Inst) -> Statement | None:
    """The sync group that the instance is in, if it ignores weights."""
    for group in inst.view.conf.blocks("vrrp_sync_group"):
        names = {w for g in group.children("group") for s in g.block or () for w in s.words}
        if inst.name in names and group.first("sync_group_tracking_weight") is None:
            return group
    return None


# --- across nodes ---------------------------------------------------------------------------


def across(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """Of one virtual router, on every node that has it."""
    if len(members) < 2:
        return
    yield from same_priority(members)
    yield from states(members)
    yield from weights(members)
    yield from nopreempt(members)


def lines(members: Iterable[Inst], *keywords: str) -> tuple[AuditEvidence, ...]:
    """The lines with these keywords of all members."""
    return tuple(e for m in members for e in m.said(*keywords))


def same_priority(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """`two-owners`: 255 twice; `priority-equal`: another one twice (the higher address decides)."""
    by: dict[int, list[Inst]] = {}
    for member in members:
        if member.conf.priority is not None:
            by.setdefault(member.conf.priority, []).append(member)
    highest = max(by, default=0)
    for priority, same in by.items():
        if len(same) < 2:
            continue
        names = listed(m.view.name for m in same)
        last = same[-1]
        if priority == OWNER:
            yield finding(
                last, "two-owners", Severity.CRITICAL,
                f"{last.name}: {names} all have priority 255, the address owner's: each of them stays master, and the "
                "VIP is on several nodes",
                f"{same[0].view.write(same[0].place('priority'), 'priority 254')}; "
                f"{last.view.write(last.place('priority'), 'priority 100')}",
                "priority",
            ).on(evidence=lines(same, "priority", "state"))  # fmt: skip
        elif priority == highest or len(members) == 2:
            yield finding(
                last, "priority-equal", Severity.WARNING,
                f"{last.name}: {names} have the same priority {priority}: the higher address decides, and both are "
                "master for a moment",
                last.view.write(last.place("priority"), f"priority {max(LOWEST, min(priority - 50, 100))}"),
                "priority",
            ).on(evidence=lines(same, "priority"))  # fmt: skip


def states(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """`state-twice`: more than one begins as MASTER; `state-against-priority`: one that is not the highest does."""
    masters = [m for m in members if m.conf.state == "MASTER"]
    known = [m for m in members if m.conf.priority is not None]
    if len(masters) > 1:
        best = max(masters, key=lambda m: m.conf.priority or 0)
        for member in masters:
            if member is not best:
                yield finding(
                    member, "state-twice", Severity.WARNING,
                    f"{member.name} is `state MASTER` on {listed(m.view.name for m in masters)}: each takes the VIP "
                    "when it starts, before it hears the other",
                    member.view.write(member.place("state"), "state BACKUP"), "state",
                ).on(evidence=lines(masters, "state", "priority"))  # fmt: skip
    elif len(masters) == 1 and len(known) == len(members):
        master = masters[0]
        best = max(known, key=lambda m: m.conf.priority or 0)
        if (best.conf.priority or 0) > (master.conf.priority or 0):
            yield finding(
                master, "state-against-priority", Severity.WARNING,
                f"{subject(master)} is `state MASTER` with priority {master.conf.priority}, and {best.view.name} has "
                f"{best.conf.priority}: the VIP is taken here at start and moves away at once",
                master.view.write(master.place("state"), "state BACKUP"), "state",
            ).on(evidence=lines((master, best), "state", "priority"))  # fmt: skip


def effective(inst: Inst, failing: str | None = None) -> int | None:
    """The priority while everything watched is well, but for `failing`; None: not known, or in FAULT.

    keepalived.conf(5): a negative weight is added while it fails, a positive one while it is well; 1 to 254.
    Track files count as 0.
    """
    priority = inst.conf.priority
    if priority is None or priority == OWNER:
        return priority
    for kind, name, weight in watched(inst):
        if kind == "file":
            continue
        fails = name == failing
        if fails and weight == 0:
            return None
        if fails is (weight < 0):
            priority += weight
    return max(LOWEST, min(HIGHEST, priority))


def weights(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """`weight-too-small`: what the check costs is not more than what the node is ahead by."""
    ranked = [(p, m) for m in members if (p := effective(m)) is not None]
    if len(ranked) < 2 or any(m.conf.priority is None for m in members):
        return
    best = max(ranked, key=lambda x: x[0])[1]
    if best.conf.priority == OWNER or _group(best) is not None:
        return  # `weight-ignored`
    rival = max((p for p, m in ranked if m is not best), default=0)
    for kind, name, weight in watched(best):
        left = effective(best, name)
        if kind == "file" or weight == 0 or left is None or left < rival:
            continue
        needed = rival - (effective(best) or 0) - 10
        ends = "ends in a tie" if left == rival else f"leaves {left}, more than the others' {rival}"
        yield finding(
            best, "weight-too-small", Severity.CRITICAL,
            f"{subject(best)}: a failing {name} (weight {weight:+d}) {ends}: the VIP stays on the node that fails",
            best.view.write(best.place(f"track_{kind}"), f"track_{kind} {{ {name} weight {needed} }}")
            + ", or no weight: then it goes to FAULT",
            f"track_{kind}", "priority",
        ).on(evidence=(*best.said("priority", f"track_{kind}"), *lines((m for _, m in ranked if m is not best),
                                                                       "priority")))  # fmt: skip


def nopreempt(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """`nopreempt-keeps-master`: a lowered priority is not enough where the others do not preempt."""
    still = [m for m in members if m.conf.preempt is False and m.conf.state != "MASTER"]
    for member in members:
        others = [m for m in still if m is not member]
        lowered = [n for _, n, w in watched(member) if w != 0]
        if member.conf.priority == OWNER or not lowered or not others:
            continue
        yield finding(
            member, "nopreempt-keeps-master", Severity.WARNING,
            f"{subject(member)}: {listed(lowered)} only lowers the priority, and {listed(m.view.name for m in others)} "
            "does not preempt: the VIP stays where it is",
            member.view.write(member.place("track_script", "track_interface", "track_file"), "weight 0")
            + ", or remove nopreempt on the others",
            "track_script", "track_interface", "track_file",
        ).on(evidence=(*member.said("track_script", "track_interface", "track_file"),
                       *lines(others, "nopreempt")))  # fmt: skip
