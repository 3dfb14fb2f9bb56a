"""What only running nodes can tell of their configuration, beside what the files say. Pure.

What the console says of the same things keeps its id (docs/findings.md). Whatever could not be asked is one
finding a node, marked unknown: nothing is well without having been looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from haconsole.cluster.audit.values import AuditEvidence, AuditFinding, ConfFile
from haconsole.cluster.audit.view import Inst, View, groups, subject
from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import covers, listed, span
from haconsole.model.asked import DnsAnswer, NodeAsked
from haconsole.model.events import Subject
from haconsole.model.findings import Finding, Severity
from haconsole.model.keepalived_conf import KeepalivedConf, Place, Statement
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

CARRIED: Final = frozenset(
    {"config-test-failed", "keepalived-not-enabled", "squid-not-enabled", "squid-not-listening", "tracking-ignored"}
)
"""Findings of the console that are about configuration."""
LONG_TTL_S: Final = 3600
_STARTED_S: Final = 2.0
"""How exactly a file's time and a daemon's start can be compared: whole seconds on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is known of a cluster when it is checked."""

    snapshot: Snapshot
    asked: Mapping[str, NodeAsked]
    """By node."""
    dns: DnsAnswer | None = None
    """None: no DNS name is configured."""

    @property
    def picture(self) -> ClusterPicture:
        return self.snapshot.picture


def conf_files(picture: ClusterPicture, asked: Mapping[str, NodeAsked] | None = None) -> tuple[ConfFile, ...]:
    """The configurations that could be read, with what the nodes tell about themselves."""
    told = asked or {}
    return tuple(
        ConfFile(
            conf=with_hashes(n.config.conf, told[n.name].secrets) if n.name in told else n.config.conf,
            node=n.name,
            version=None if n.versions is None or n.versions.keepalived is None else n.versions.keepalived.triple,
            own_addresses=_own(n),
        )
        for n in picture.nodes
        if n.config is not None
    )


def with_hashes(conf: KeepalivedConf, hashes: Mapping[int, str]) -> KeepalivedConf:
    """The configuration with the hashes of its passwords, by line of the main file."""
    if not hashes or not conf.files:
        return conf
    return replace(conf, statements=tuple(_hashed(s, conf.files[0], hashes) for s in conf.statements))


def _hashed(statement: Statement, main: str, hashes: Mapping[int, str]) -> Statement:
    block = statement.block
    if block is not None:
        return replace(statement, block=tuple(_hashed(s, main, hashes) for s in block))
    if statement.keyword == "auth_pass" and statement.place.file == main:
        return replace(statement, secret_hash=hashes.get(statement.place.line))
    return statement


def _own(node: NodePicture) -> tuple[IpAddress, ...]:
    """Where one logs in, and what keepalived sends from."""
    found: list[IpAddress] = []
    for word in (node.spec.address, node.spec.known_as):
        try:
            found.append(ip_address(word))
        except ValueError:
            continue
    found += [i.source_address for i in node.instances or () if i.source_address is not None]
    return tuple(dict.fromkeys(found))


def rules(known: Known, views: Sequence[View]) -> Iterator[AuditFinding]:
    """Every finding of the family."""
    by = {v.file.node: v for v in views}
    for node in known.picture.nodes:
        view = by.get(node.name)
        if view is None:
            yield _not_read(known, node)
            continue
        asked = known.asked.get(node.name, NodeAsked())
        yield from missing_links(node, view)
        yield from public_link(node, view)
        yield from changed_since_start(known, node, view, asked)
        yield from not_checked(known, node, view, asked)
    yield from preferred(known.picture, views)
    yield from carried(known, by)


def told(node: NodePicture, source: str, text: str, at: float | None = None) -> AuditEvidence:
    """What a node said."""
    return AuditEvidence(source=f"{source} on {node.name}", text=text, at=at)


# --- what the console says as well ------------------------------------------------------------


def carried(known: Known, by: Mapping[str | None, View]) -> Iterator[AuditFinding]:
    """Findings of the console; with the file's line where there is one."""
    for finding in known.snapshot.findings:
        view = by.get(finding.node)
        if finding.id not in CARRIED or (finding.id == "tracking-ignored" and _ignored_by_age(view, finding)):
            continue
        if finding.id == "squid-not-listening" and view is not None:
            found = _squid_bound(known, known.picture.node(view.name), view, finding)
            if found is not None:
                yield found
            continue
        yield _carried(finding, view)


def _carried(finding: Finding, view: View | None, **changes: object) -> AuditFinding:
    inst = next((i for i in view.instances if i.name == finding.instance), None) if view is not None else None
    return AuditFinding(
        id=finding.id,
        severity=finding.severity,
        summary=finding.summary,
        evidence=tuple(AuditEvidence(source=e.source, text=e.text, at=e.at) for e in finding.evidence),
        remedy=finding.remedy,
        place=None if inst is None else inst.place("track_script", "track_interface"),
        node=finding.node,
        instance=finding.instance,
    ).on(**changes)


def _ignored_by_age(view: View | None, finding: Finding) -> bool:
    """`priority-owner` says it with its cause."""
    return view is not None and any(i.name == finding.instance and i.conf.priority == 255 for i in view.instances)


def _squid_bound(known: Known, node: NodePicture, view: View, finding: Finding) -> AuditFinding | None:
    """squid listens on VIPs only (article, rule 10): it needs `ip_nonlocal_bind`, or to be told by a notify script."""
    listening = () if node.squid is None else node.squid.listening or ()
    missing = [v.address for v in known.picture.vips if not covers(listening, v.address)]
    if not listening or not missing:
        return _carried(finding, view)
    told_of = [i for i in view.instances if any(not i.lacks(k) for k in ("notify", "notify_master"))]
    if all(any(m in {a.address.ip for a in i.conf.addresses} for i in told_of) for m in missing):
        return None  # a script is run when the VIP comes
    bind = known.asked.get(node.name, NodeAsked()).nonlocal_bind
    allowed = all(bind.get(m.version) for m in missing)
    first = next((i for i in view.instances if {a.address.ip for a in i.conf.addresses} & set(missing)), None)
    place = None if first is None else first.block.place
    script = "notify_master PATH/TO/A/SCRIPT that runs `squid -k reconfigure`"
    notify = "" if place is None else f"; or {view.write(place, script)}"
    if allowed or not any(m in bind.values() for m in (True, False)):
        return _carried(finding, view, place=place)
    return _carried(
        finding, view,
        id="squid-needs-notify",
        severity=Severity.CRITICAL,
        summary=f"{finding.summary}; ip_nonlocal_bind is 0, and no notify script tells squid when a VIP comes",
        remedy=f"{finding.remedy}{notify}",
        place=place,
        evidence=(
            *(AuditEvidence(source=e.source, text=e.text, at=e.at) for e in finding.evidence),
            told(node, "kernel", "net.ipv4.ip_nonlocal_bind = 0"),
        ),
    )  # fmt: skip


# --- links ----------------------------------------------------------------------------------------


def missing_links(node: NodePicture, view: View) -> Iterator[AuditFinding]:
    """A watched interface, or the instance's own, that the kernel does not have."""
    if node.kernel is None:
        return
    links = node.kernel.links
    for inst in view.instances:
        for keyword, names in (
            ("interface", [inst.conf.interface] if inst.conf.interface else []),
            ("track_interface", [n for n, _ in inst.conf.tracked_interfaces]),
        ):
            for name in names:
                if name in links or not inst.lacks("use_vmac"):
                    continue
                follows = "keepalived goes on without it" if keyword != "interface" else "keepalived cannot speak there"
                yield AuditFinding(
                    id="tracked-link-missing",
                    severity=Severity.CRITICAL,
                    summary=f"{subject(inst)}: there is no interface {name} on {node.name}: {follows}",
                    evidence=(
                        *inst.said(keyword),
                        told(node, "kernel", f"interfaces: {listed(links)}", node.kernel_at),
                    ),
                    remedy=view.write(inst.place(keyword), f"{keyword}: one of {listed(sorted(links), 'or')}"),
                    place=inst.place(keyword),
                    node=node.name,
                    instance=inst.name,
                )


def public_link(node: NodePicture, view: View) -> Iterator[AuditFinding]:
    """The configured public link is not watched (article, rule 8): with it down the VIP stays on a dead end."""
    public = node.spec.public_interface
    if public is None or not view.whole:
        return
    for inst in view.instances:
        if inst.conf.interface == public or public in {n for n, _ in inst.conf.tracked_interfaces}:
            continue
        if any(inst.name in s.words for g in view.conf.blocks("vrrp_sync_group") for s in g.block or ()):
            continue
        yield AuditFinding(
            id="public-link-not-watched",
            severity=Severity.WARNING,
            summary=f"{subject(inst)} does not watch the public link {public}: when it is down the VIP stays, and "
            "clients get nowhere",
            evidence=inst.said("track_interface", "interface"),
            remedy=view.write(inst.place("track_interface"), f"track_interface {{ {public} }}"),
            place=inst.place("track_interface"),
            node=node.name,
            instance=inst.name,
        )


def preferred(picture: ClusterPicture, views: Sequence[View]) -> Iterator[AuditFinding]:
    """haconsole's configuration prefers another node than the priorities do."""
    wanted = {v.address: v.preferred for v in picture.spec.vips if v.preferred is not None}
    for members in groups(tuple(views)).values():
        ranked = [(m.conf.priority, m) for m in members if m.conf.priority is not None]
        if len(ranked) != len(members) or len(members) < 2:
            continue
        best: Inst = max(ranked, key=lambda x: x[0])[1]
        for vip in sorted(best.vips & set(wanted), key=str):
            name = wanted[vip]
            if name != best.view.file.node and any(m.view.file.node == name for m in members):
                yield AuditFinding(
                    id="preferred-against-priority",
                    severity=Severity.WARNING,
                    summary=f"{vip} should be on {name} (configuration of haconsole), and {best.view.name} has the "
                    f"higher priority {best.conf.priority}",
                    evidence=tuple(e for m in members for e in m.said("priority")),
                    remedy=f"{best.view.write(best.place('priority'), 'a lower priority')}; or preferred = "
                    f'"{best.view.name}" in the configuration of haconsole',
                    place=best.place("priority"),
                    node=best.view.file.node,
                    instance=best.name,
                )


# --- the file and its daemon --------------------------------------------------------------------------


def changed_since_start(known: Known, node: NodePicture, view: View, asked: NodeAsked) -> Iterator[AuditFinding]:
    """A file is newer than the start of keepalived, and no reload was logged since.

    Means: what runs is not what stands there; the next reload or restart brings something that nobody watches.
    Can be wrong: the file may have been touched without a change.
    """
    since, unit = node.keepalived_since, node.keepalived
    if since is None or unit is None or not unit.active or node.clock is None:
        return
    reloads = [
        o.at
        for o in known.picture.lines(node.name, "keepalived")
        if o.text.startswith(("Reloading", "Reload complete"))
    ]
    last = max([since, *reloads])
    for name in view.conf.files:
        found = asked.files.get(name)
        if found is None:
            continue
        modified = found.modified_node_s - node.clock.offset_s
        if modified <= last + _STARTED_S + node.clock.error_s:
            continue
        yield AuditFinding(
            id="changed-since-start",
            severity=Severity.WARNING,
            summary=f"{node.name}: {name} was changed {span(modified - last)} after keepalived last read it: what runs "
            "is not what stands there",
            evidence=(
                told(node, name, "last change of the file", modified),
                told(node, "systemd" if last == since else "keepalived's log", "keepalived read the file", last),
            ),
            remedy=f"on {node.name}: keepalived -t -f {view.file.file} && systemctl reload "
            f"{known.picture.spec.keepalived_service} (the node without the VIP first)",
            place=Place(file=name, line=1),
            node=node.name,
        )


# --- what is not known --------------------------------------------------------------------------------


def _not_read(known: Known, node: NodePicture) -> AuditFinding:
    failed = node.failed.get(Subject.CONFIG)
    problem = failed.value if failed is not None and node.readable else node.problem
    why = f"{node.name}: nothing was read" if problem is None else problem.summary
    return AuditFinding(
        id="conf-not-read",
        severity=Severity.WARNING,
        summary=f"the configuration of {node.name} could not be read: {why}",
        evidence=(told(node, "reading", why, None if failed is None else failed.at),),
        remedy=(problem.remedy if problem is not None else None) or f"haconsole doctor (see {node.name})",
        place=Place(file=known.picture.spec.keepalived_config, line=1),
        node=node.name,
        unknown=True,
    )


def not_checked(known: Known, node: NodePicture, view: View, asked: NodeAsked) -> Iterator[AuditFinding]:
    """Everything on the node that could not be looked at, in one finding."""
    test, found = node.config_test, dict(asked.why_not)
    if node.units_at is None:
        found["start at boot"] = "the units could not be read"
    if node.squid is None or node.squid.listening is None:
        found["squid's ports"] = "its sockets could not be read"
    if node.kernel is None:
        found["interfaces"] = "links and addresses could not be read"
    if test is None or test.ok is None:
        failed = node.failed.get(Subject.CONFIG_TEST)
        why = (test.why_unknown if test else None) or (failed.value.summary if failed else None)
        old = view.file.version is not None and view.file.version[0] < 2
        found["keepalived -t"] = "keepalived before 2.0 has none" if old else why or "it was not run"
        if old and len(found) == 1:
            return  # there is nothing to do about it: the file itself was read
    if found:
        yield AuditFinding(
            id="not-checked",
            severity=Severity.WARNING,
            summary=f"{node.name}: not checked: {listed(found)}",
            evidence=tuple(told(node, what, why) for what, why in found.items()),
            remedy=f"give the login the rights: haconsole doctor, haconsole sudoers (see {node.name})",
            node=node.name,
            unknown=True,
        )
