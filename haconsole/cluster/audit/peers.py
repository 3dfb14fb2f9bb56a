"""What the nodes of a cluster must agree on to hear each other. Pure.

Facts: RFC 5798 (v2 and v3 intervals), keepalived.conf(5), docs/keepalived-versions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from haconsole.cluster.audit.addresses import same_list
from haconsole.cluster.audit.instances import authentication, finding
from haconsole.cluster.audit.priorities import lines
from haconsole.cluster.audit.values import AuditEvidence, AuditFinding
from haconsole.cluster.audit.view import Inst, Key, View, at, subject
from haconsole.cluster.rules.common import listed
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import Place


def across(views: Sequence[View], groups: Mapping[Key, Sequence[Inst]]) -> Iterator[AuditFinding]:
    """Of all files together: who has a partner, and what partners must share."""
    renamed = list(other_vrid(views, groups))
    yield from renamed
    yield from missing(views, groups, {f.instance for f in renamed if f.instance})
    for members in groups.values():
        if len(members) > 1:
            yield from same_list(members)
            yield from same_settings(members)
            yield from unicast(members)
            yield from passwords(members)
            yield from tracking(members)


# --- one file ---------------------------------------------------------------------------------


def alone(view: View) -> Iterator[AuditFinding]:
    """Of one file: a VRID used twice, a peer that is oneself, a group that cannot be master as a whole."""
    seen: dict[tuple[Key, str | None], Inst] = {}
    for inst in view.instances:
        if inst.key is not None:
            yield from _twice(seen.setdefault((inst.key, inst.conf.interface), inst), inst)
        source = inst.conf.source_address
        if source is not None and source in inst.conf.unicast_peers:
            yield finding(
                inst, "unicast-peer-is-self", Severity.WARNING,
                f"{subject(inst)} has its own address {source} among its peers",
                f"{view.where(inst.place('unicast_peer'))}: remove {source}", "unicast_peer", "unicast_src_ip",
            )  # fmt: skip
    yield from groups_divided(view)


def _twice(first: Inst, inst: Inst) -> Iterator[AuditFinding]:
    if first is not inst:
        yield finding(
            inst, "vrid-twice", Severity.CRITICAL,
            f"{first.name} and {subject(inst)} both have VRID {inst.conf.vrid} on {inst.conf.interface or '?'}: "
            "keepalived refuses it (1.3.5 does not start)",
            inst.view.write(inst.place("virtual_router_id"), "virtual_router_id N (one that is free)"),
            "virtual_router_id",
        ).on(evidence=lines((first, inst), "virtual_router_id"))  # fmt: skip


def groups_divided(view: View) -> Iterator[AuditFinding]:
    """A sync group is master only as a whole: with opposite preferences one node has all VIPs."""
    by = {i.name: i for i in view.instances}
    for group in view.conf.blocks("vrrp_sync_group"):
        names = [w for g in group.children("group") for s in g.block or () for w in s.words]
        members = [by[n] for n in names if n in by]
        masters = [m for m in members if m.conf.state == "MASTER"]
        if not masters or len(masters) == len(members):
            continue
        yield AuditFinding(
            id="sync-group-divided",
            severity=Severity.WARNING,
            summary=f"{view.where(group.place)}: the sync group {' '.join(group.args)} joins "
            f"{listed(m.name for m in members)}, of which only some begin as MASTER here: the whole "
            "group goes to one node, and the other serves nobody",
            evidence=(view.said(group), *lines(members, "state")),
            remedy=f"{view.where(group.place)}: remove the group, where each node is to serve a VIP of its own",
            place=group.place,
            node=view.file.node,
        )


# --- partners ---------------------------------------------------------------------------------


def other_vrid(views: Sequence[View], groups: Mapping[Key, Sequence[Inst]]) -> Iterator[AuditFinding]:
    """Instances of one name with different VRIDs (article, rule 3): each node is master for itself."""
    first: dict[tuple[str, int], Inst] = {}
    for view in views:
        for inst in view.instances:
            if inst.key is None:
                continue
            other = first.setdefault((inst.name, inst.family), inst)
            if other.key == inst.key or len(groups[inst.key]) > 1:
                continue  # under its VRID it has a partner, only by another name
            yield finding(
                inst, "vrid-differs", Severity.CRITICAL,
                f"{inst.name} has virtual_router_id {inst.conf.vrid} {at(view)} and {other.conf.vrid} "
                f"{at(other.view)}: the nodes do not hear each other, and both become master of its VIPs",
                view.write(inst.place("virtual_router_id"), f"virtual_router_id {other.conf.vrid}"),
                "virtual_router_id",
            ).on(evidence=lines((other, inst), "virtual_router_id"))  # fmt: skip


def missing(views: Sequence[View], groups: Mapping[Key, Sequence[Inst]], renamed: set[str]) -> Iterator[AuditFinding]:
    """A virtual router that only one node has: nobody takes its VIPs over."""
    if len(views) < 2:
        return
    for members in groups.values():
        inst = members[0]
        if len(members) > 1 or inst.name in renamed:
            continue
        others = [v for v in views if v is not inst.view]
        if not all(v.whole for v in others) or any(i.key is None for v in others for i in v.instances):
            continue
        yield finding(
            inst, "router-on-one-node", Severity.CRITICAL,
            f"{subject(inst)} (VRID {inst.conf.vrid}) is on no other node ({listed(v.name for v in others)}): nobody "
            f"takes {listed(sorted(map(str, inst.vips))) or 'its addresses'} over",
            f"{others[0].where(_end(others[0]))}: vrrp_instance {inst.name} {{ ... virtual_router_id "
            f"{inst.conf.vrid} ... }}",
            "virtual_router_id",
        )  # fmt: skip


def _end(view: View) -> Place:
    return view.instances[-1].block.place if view.instances else Place(file=view.file.file, line=1)


# --- equal settings -------------------------------------------------------------------------------


def same_settings(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """Version, interval and type of authentication, each against the first node's."""
    first = members[0]
    for inst in members[1:]:
        a, b = first.conf, inst.conf
        if a.version is not None and b.version is not None and a.version != b.version:
            yield _differs(
                first, inst, "version-differs", Severity.CRITICAL, "version", f"VRRP version {a.version}",
                f"version {b.version}", "each discards the other's adverts, and both become master",
                f"version {a.version}",
            )  # fmt: skip
        elif a.advert_interval_s != b.advert_interval_s and None not in {a.advert_interval_s, b.advert_interval_s}:
            v3 = a.version == 3
            yield _differs(
                first, inst, "advert-int-differs", Severity.WARNING if v3 else Severity.CRITICAL, "advert_int",
                f"advert_int {a.advert_interval_s:g}", f"{b.advert_interval_s:g}",
                "a backup takes over the master's, so that the time of a failover depends on who was master"
                if v3 else "each discards the other's adverts, and both become master",
                f"advert_int {a.advert_interval_s:g}",
            )  # fmt: skip


def _differs(  # noqa: PLR0917 - the words of one sentence
    first: Inst, inst: Inst, id_: str, severity: Severity, keyword: str, one: str, other: str, follows: str, line: str
) -> AuditFinding:
    return finding(
        inst, id_, severity,
        f"{inst.name} has {one} {at(first.view)} and {other} {at(inst.view)}: {follows}",
        inst.view.write(inst.place(keyword), line), keyword,
    ).on(evidence=lines((first, inst), keyword))  # fmt: skip


def passwords(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """Authentication, by hashes with a key that is made anew for each run. Only VRRP version 2 has any."""
    first = members[0]
    kind, secret, line = authentication(first)
    for inst in members[1:]:
        other_kind, other_secret, other_line = authentication(inst)
        if first.conf.version == 3 or inst.conf.version == 3 or not (first.view.whole and inst.view.whole):
            continue
        if kind != other_kind:
            yield _differs(
                first, inst, "auth-differs", Severity.CRITICAL, "authentication", f"authentication {kind or 'none'}",
                other_kind or "none", "each discards the other's adverts, and both become master",
                f"authentication {{ auth_type {kind} ... }}" if kind else "remove authentication",
            )  # fmt: skip
        elif line is None or other_line is None:
            continue
        elif secret is None or other_secret is None:
            yield finding(
                inst, "auth-not-compared", Severity.WARNING,
                f"{inst.name}: whether auth_pass is the same {at(first.view)} and {at(inst.view)} is not known: "
                "passwords stay on their nodes",
                f"on each node: grep auth_pass {inst.view.file.file} | sha256sum",
            ).on(place=other_line.place, unknown=True,
                 evidence=(first.view.said(line, first.name), inst.view.said(other_line, inst.name)))  # fmt: skip
        elif secret != other_secret:
            yield finding(
                inst, "auth-differs", Severity.CRITICAL,
                f"{inst.name}: auth_pass {at(inst.view)} is another one than {at(first.view)} (compared by hash, the "
                "first 8 characters): each discards the other's adverts, and both become master",
                inst.view.write(other_line.place, f"auth_pass, the one of {first.view.where(line.place)}"),
            ).on(place=other_line.place,
                 evidence=(first.view.said(line, first.name), inst.view.said(other_line, inst.name)))  # fmt: skip


# --- unicast ----------------------------------------------------------------------------------------


def unicast(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """Unicast on all or on none, and each one's source among the others' peers (article, rule 4)."""
    mixed = [m for m in members if m.conf.unicast]
    if not all(m.view.whole for m in members):
        return
    if mixed and len(mixed) < len(members):
        other = next(m for m in members if not m.conf.unicast)
        yield finding(
            other, "unicast-mixed", Severity.CRITICAL,
            f"{other.name}: {listed(m.view.name for m in mixed)} sends to its peers alone (unicast_peer), "
            f"{other.view.name} to all (224.0.0.18): each discards the other's adverts, and both become master",
            other.view.write(other.block.place, "unicast_src_ip OWN_ADDRESS; unicast_peer { THE_OTHERS }"),
            "unicast_peer", "interface",
        ).on(evidence=(*lines(mixed, "unicast_peer"), *other.said("interface")))  # fmt: skip
        return
    for inst in mixed:
        source = inst.conf.source_address
        for other in mixed:
            if other is not inst and source is not None and source not in other.conf.unicast_peers:
                yield finding(
                    other, "unicast-peer-missing", Severity.CRITICAL,
                    f"{subject(other)} has no peer {source}, which {inst.view.name} sends from: it discards those "
                    "adverts, and both become master",
                    other.view.write(other.place("unicast_peer"), f"unicast_peer {{ ... {source} }}"),
                    "unicast_peer",
                ).on(evidence=(*inst.said("unicast_src_ip"), *_peers(other)))  # fmt: skip


def _peers(inst: Inst) -> tuple[AuditEvidence, ...]:
    return tuple(
        inst.view.said(e, f"{inst.name} unicast_peer")
        for b in inst.block.children("unicast_peer")
        for e in b.block or ()
        if e.words
    )


# --- what is watched ---------------------------------------------------------------------------------


def tracking(members: Sequence[Inst]) -> Iterator[AuditFinding]:
    """One node watches what the other does not: a failure moves the VIP on one of them only."""
    kinds: Mapping[str, Callable[[Inst], frozenset[str]]] = {
        "track_interface": lambda m: frozenset(n for n, _ in m.conf.tracked_interfaces),
        "track_script": lambda m: frozenset(n for n, _ in m.conf.tracked_scripts),
        "track_file": lambda m: frozenset(n for n, _ in m.conf.tracked_files),
    }
    for keyword, names in kinds.items():
        if not all(m.view.whole for m in members):
            return
        every = frozenset[str]().union(*(names(m) for m in members))
        counts = {len(names(m)) for m in members}
        if keyword == "track_interface" and len(counts) == 1:
            continue  # links may have other names on another machine
        for inst in members:
            missing = sorted(every - names(inst))
            has = next((m for m in members if set(missing) <= names(m)), None)
            if missing and has is not None and (len(names(inst)) < len(names(has)) or keyword != "track_interface"):
                yield finding(
                    inst, "tracking-differs", Severity.WARNING,
                    f"{inst.name} watches {listed(missing)} {at(has.view)} and not {at(inst.view)}: there its failure "
                    "does not move the VIP",
                    inst.view.write(inst.place(keyword), f"{keyword} {{ {' '.join(missing)} }}"), keyword,
                ).on(evidence=(*has.said(keyword), *inst.said(keyword)))  # fmt: skip
