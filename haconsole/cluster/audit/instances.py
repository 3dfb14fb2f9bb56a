"""Each `vrrp_instance` by itself: what it must have, and values that keepalived does not take. Pure.

What each mistake leads to: docs/keepalived-versions.md, docs/check.md; keepalived.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from haconsole.cluster.audit.values import AuditFinding
from haconsole.cluster.audit.view import Inst, View, subject
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import Place, Statement
from haconsole.parse.keepalived_words import integer, interface_address

MAX_LABEL = 15
"""IFNAMSIZ - 1: longer labels the kernel refuses (docs/keepalived-versions.md)."""
_STATES = frozenset({"MASTER", "BACKUP"})


def rules(view: View) -> Iterator[AuditFinding]:
    """Every finding of the family."""
    if not view.instances and view.whole and not view.names("vrrp_instance", "virtual_server"):
        yield AuditFinding(
            id="no-instance",
            severity=Severity.CRITICAL,
            summary=f"{view.name} has no vrrp_instance: keepalived would move no address",
            remedy=f"{view.where(Place(file=view.file.file, line=1))}: is it the right file?",
            place=Place(file=view.file.file, line=1),
            node=view.file.node,
        )
    yield from same_name(view)
    for inst in view.instances:
        yield from required(inst)
        yield from values(inst)
        yield from addresses(inst)
        yield from preemption(inst)
        yield from acceptance(inst)


def finding(
    inst: Inst, id_: str, severity: Severity, summary: str, remedy: str, *keywords: str, place: Place | None = None
) -> AuditFinding:
    """One about an instance; the keywords are its evidence, the first of them the line to change."""
    return AuditFinding(
        id=id_,
        severity=severity,
        summary=summary,
        evidence=inst.said(*keywords),
        remedy=remedy,
        place=place or inst.place(*keywords),
        node=inst.view.file.node,
        instance=inst.name,
    )


def same_name(view: View) -> Iterator[AuditFinding]:
    """Two instances of one name: keepalived takes the first."""
    seen: dict[str, Statement] = {}
    for block in view.conf.blocks("vrrp_instance"):
        if not block.args or block.condition is not None:
            continue
        first = seen.setdefault(block.args[0], block)
        if first is not block:
            yield AuditFinding(
                id="instance-twice",
                severity=Severity.CRITICAL,
                summary=f"{block.place}: {block.args[0]} is defined in line {first.place.line} already: keepalived "
                "drops this one",
                evidence=(view.said(first), view.said(block)),
                remedy=view.write(block.place, "vrrp_instance ANOTHER_NAME {"),
                place=block.place,
                node=view.file.node,
                instance=block.args[0],
            )


def required(inst: Inst) -> Iterator[AuditFinding]:
    """`virtual_router_id` and `interface`: without them keepalived does not start."""
    line = inst.line("virtual_router_id")
    on_one_line = any(i.name == inst.name and i.vrid is None for i in inst.view.file.instances) and inst.conf.vrid
    if inst.lacks("virtual_router_id"):
        yield finding(
            inst, "vrid-missing", Severity.CRITICAL,
            f"{subject(inst)} has no virtual_router_id: keepalived does not start",
            inst.view.write(inst.block.place, "virtual_router_id N (1 to 255, the same on every node)"),
        )  # fmt: skip
    elif line is not None and inst.conf.vrid is None and not on_one_line:
        yield finding(
            inst, "vrid-invalid", Severity.CRITICAL,
            f"{subject(inst)}: virtual_router_id {' '.join(line.args) or '(nothing)'} is not 1 to 255: keepalived does "
            "not start",
            inst.view.write(line.place, "virtual_router_id N (1 to 255)"),
            "virtual_router_id",
        )  # fmt: skip
    if inst.lacks("interface") and inst.view.globals("default_interface") is None:
        yield finding(
            inst, "interface-missing", Severity.CRITICAL,
            f"{subject(inst)} has no interface: keepalived has nowhere to speak VRRP",
            inst.view.write(inst.block.place, "interface eth0"),
        )  # fmt: skip


def values(inst: Inst) -> Iterator[AuditFinding]:
    """Priority, state and interval that keepalived does not take as they are."""
    line = inst.line("priority")
    if line is not None and inst.conf.priority is None:
        yield finding(
            inst, "priority-invalid", Severity.CRITICAL,
            f"{subject(inst)}: priority {' '.join(line.args) or '(nothing)'} is not 1 to 255: keepalived uses 100",
            inst.view.write(line.place, "priority N (1 to 254)"), "priority",
        )  # fmt: skip
    line = inst.line("state")
    if line is not None and line.args[:1] and line.args[0] not in _STATES:
        yield finding(
            inst, "state-unknown", Severity.WARNING,
            f"{subject(inst)}: keepalived knows no state {line.args[0]!r} and begins as BACKUP",
            inst.view.write(line.place, "state BACKUP"), "state",
        )  # fmt: skip
    yield from _interval(inst)


def _interval(inst: Inst) -> Iterator[AuditFinding]:
    line, value = inst.line("advert_int"), inst.conf.advert_interval_s
    if line is None:
        return
    if value is None or value <= 0:
        text, remedy = "no interval: keepalived ignores it and uses 1 s", "advert_int 1"
    elif inst.conf.version == 2 and value != int(value):
        text, remedy = "not whole: VRRP version 2 counts seconds, and keepalived rounds it", "advert_int 1"
    elif inst.conf.version == 2 and value > 255:
        text, remedy = "more than VRRP version 2 can say (255 s)", "advert_int 1"
    elif inst.conf.version == 3 and value > 40.95:
        text, remedy = "more than VRRP version 3 can say (40.95 s)", "advert_int 1"
    else:
        return
    yield finding(
        inst, "advert-int-invalid", Severity.CRITICAL,
        f"{subject(inst)}: advert_int {' '.join(line.args)} is {text}",
        inst.view.write(line.place, remedy), "advert_int",
    )  # fmt: skip


def addresses(inst: Inst) -> Iterator[AuditFinding]:
    """No VIP, or one that is none; labels that the kernel refuses."""
    entries = [
        e
        for keyword in ("virtual_ipaddress", "virtual_ipaddress_excluded")
        for block in inst.block.children(keyword)
        if block.condition is None
        for e in block.block or ()
        if e.condition is None and e.words
    ]
    if not entries and inst.lacks("virtual_ipaddress") and inst.lacks("no_virtual_ipaddress"):
        yield finding(
            inst, "no-vip", Severity.WARNING,
            f"{subject(inst)} has no virtual_ipaddress: there is nothing to move",
            inst.view.write(inst.block.place, "virtual_ipaddress { ... }"),
        )  # fmt: skip
    for entry in entries:
        yield from _address(inst, entry)


def _address(inst: Inst, entry: Statement) -> Iterator[AuditFinding]:
    view = inst.view

    def told(id_: str, severity: Severity, summary: str, remedy: str) -> AuditFinding:
        return AuditFinding(
            id=id_, severity=severity, summary=summary, evidence=(view.said(entry, inst.name),), remedy=remedy,
            place=entry.place, node=view.file.node, instance=inst.name,
        )  # fmt: skip

    if interface_address(entry.keyword) is None:
        if not entry.keyword.startswith(("$", "~")):
            yield told(
                "vip-invalid", Severity.CRITICAL,
                f"{subject(inst)}: {entry.keyword} is no address: keepalived runs without it",
                view.write(entry.place, "ADDRESS/PREFIX dev INTERFACE"),
            )  # fmt: skip
        return
    options = dict(zip(entry.args, entry.args[1:], strict=False))
    label, dev = options.get("label"), options.get("dev") or inst.conf.interface
    if label is None:
        return
    if len(label) > MAX_LABEL:
        yield told(
            "label-too-long", Severity.CRITICAL,
            f"{subject(inst)}: the label {label} has {len(label)} characters, the kernel takes {MAX_LABEL}: the "
            "address is not set",
            view.write(entry.place, f"{entry.keyword} dev {dev or 'eth0'}"),
        )  # fmt: skip
    elif dev is not None and label != dev and not label.startswith(f"{dev}:"):
        yield told(
            "label-of-other-interface", Severity.WARNING,
            f"{subject(inst)}: the label {label} is not one of {dev}, where the address goes: ifconfig and scripts "
            "take it for another interface's",
            view.write(entry.place, f"{entry.keyword} dev {dev} label {dev}:{label.rpartition(':')[2]}"),
        )  # fmt: skip


def preemption(inst: Inst) -> Iterator[AuditFinding]:
    """`nopreempt` needs `state BACKUP`; it also keeps a lowered priority from moving the VIP (R31)."""
    if inst.conf.preempt is not False:
        return
    if inst.conf.state == "MASTER":
        yield finding(
            inst, "nopreempt-as-master", Severity.CRITICAL,
            f"{subject(inst)}: nopreempt has no effect with state MASTER: keepalived clears it",
            inst.view.write(inst.place("state"), "state BACKUP"), "state", "nopreempt",
        )  # fmt: skip


def acceptance(inst: Inst) -> Iterator[AuditFinding]:
    """keepalived's own firewall rules drop what is sent to the VIP."""
    if inst.conf.priority == 255:
        return
    accepts = [s for s in inst.block.block or () if s.keyword in {"accept", "no_accept"} and s.condition is None]
    if accepts and accepts[-1].keyword == "no_accept":
        yield finding(
            inst, "vip-not-accepted", Severity.CRITICAL,
            f"{subject(inst)}: no_accept makes keepalived drop what clients send to the VIP",
            inst.view.write(inst.place("no_accept"), "accept"), "no_accept",
        )  # fmt: skip
        return
    strict = inst.line("strict_mode")
    all_strict = inst.view.globals("vrrp_strict")
    own = strict is not None and strict.args[:1] not in {("off",), ("false",), ("no",)}
    if not accepts and (own or (all_strict is not None and strict is None)):
        where = strict if own else all_strict
        assert where is not None  # noqa: S101 - for the type
        yield AuditFinding(
            id="vip-not-accepted",
            severity=Severity.WARNING,
            summary=f"{subject(inst)}: strict mode without `accept`: keepalived drops what clients send to the VIP",
            evidence=(inst.view.said(where),),
            remedy=f"{inst.view.where(where.place)}: remove {where.keyword}",
            place=where.place,
            node=inst.view.file.node,
            instance=inst.name,
        )


def authentication(inst: Inst) -> tuple[str | None, str | None, Statement | None]:
    """Type and hash of the password, and the line of the password; None: none, or not known."""
    block = inst.line("authentication")
    if block is None:
        return None, None, None
    kind = block.first("auth_type")
    secret = block.first("auth_pass")
    return (
        kind.args[0].upper() if kind is not None and kind.args else None,
        None if secret is None else secret.secret_hash,
        secret,
    )


def number(statement: Statement | None) -> int | None:
    """The number behind a keyword."""
    return integer(statement.args[0], -(2**31), 2**31 - 1) if statement is not None and statement.args else None
