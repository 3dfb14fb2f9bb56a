"""The comparison across nodes as a table: what must be equal, what must differ. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from haconsole.cluster.audit.instances import authentication
from haconsole.cluster.audit.values import AuditFinding, Setting
from haconsole.cluster.audit.view import Inst, Key, View
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import SECRET

EQUAL: Final = "equal"
DIFFER: Final = "differ"
FREE: Final = "free"

_Value = Callable[[Inst], str | None]


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _names(pairs: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(sorted(f"{n} {w:+d}" if w else n for n, w in pairs))


_ROWS: Final[tuple[tuple[str, str, _Value], ...]] = (
    ("virtual_router_id", EQUAL, lambda i: _number(i.conf.vrid)),
    ("virtual_ipaddress", EQUAL, lambda i: ", ".join(sorted(str(v) for v in i.conf.vips))),
    ("priority", DIFFER, lambda i: _number(i.conf.priority)),
    ("state", FREE, lambda i: i.conf.state),
    ("interface", FREE, lambda i: i.conf.interface),
    ("version", EQUAL, lambda i: _number(i.conf.version)),
    ("advert_int", EQUAL, lambda i: _number(i.conf.advert_interval_s)),
    ("auth_type", EQUAL, lambda i: authentication(i)[0] or "none"),
    ("unicast", EQUAL, lambda i: "unicast" if i.conf.unicast else "multicast"),
    ("unicast_src_ip", DIFFER, lambda i: None if i.conf.source_address is None else str(i.conf.source_address)),
    ("unicast_peer", FREE, lambda i: ", ".join(map(str, i.conf.unicast_peers))),
    ("preempt", FREE, lambda i: {True: "preempt", False: "nopreempt", None: None}[i.conf.preempt]),
    ("track_interface", FREE, lambda i: _names(i.conf.tracked_interfaces)),
    ("track_script", EQUAL, lambda i: _names(i.conf.tracked_scripts)),
    ("track_file", EQUAL, lambda i: _names(i.conf.tracked_files)),
)


def table(views: Sequence[View], groups: Mapping[Key, Sequence[Inst]]) -> tuple[Setting, ...]:
    """One row for each setting of each virtual router, and those of the whole file. Nothing for one file."""
    if len(views) < 2:
        return ()
    found: list[Setting] = [_setting("", "router_id", DIFFER, [_router_id(v) for v in views])]
    for members in _routers(groups):
        by = {id(m.view): m for m in members}
        here = [by.get(id(v)) for v in views]
        for name, rule, value in _ROWS:
            found.append(_setting(members[0].name, name, rule, [None if m is None else value(m) for m in here]))
        found.append(_password(members[0].name, here))
    return tuple(found)


def _routers(groups: Mapping[Key, Sequence[Inst]]) -> Iterator[Sequence[Inst]]:
    """The instances to be held against each other: by VRID; those that have no partner under theirs by name."""
    alone: dict[tuple[str, int], list[Inst]] = {}
    for members in groups.values():
        if len(members) == 1:
            alone.setdefault((members[0].name, members[0].family), []).append(members[0])
    for members in groups.values():
        namesakes = alone.get((members[0].name, members[0].family), []) if len(members) == 1 else []
        if len({id(m.view) for m in namesakes}) < len(namesakes) or len(namesakes) < 2:
            yield members
        elif namesakes[0] is members[0]:
            yield namesakes


def _setting(instance: str, name: str, rule: str, values: Sequence[str | None]) -> Setting:
    known = [v for v in values if v is not None]
    ok: bool | None = None
    if rule == FREE:
        ok = True
    elif (rule == EQUAL and len(set(known)) > 1) or (rule == DIFFER and len(set(known)) < len(known)):
        ok = False
    elif len(known) == len(values):
        ok = True
    return Setting(instance=instance, name=name, rule=rule, values=tuple(values), ok=ok)


def _password(instance: str, members: Sequence[Inst | None]) -> Setting:
    told = [None if m is None else authentication(m) for m in members]
    shown = tuple(None if t is None else (SECRET if t[2] is not None else "none") for t in told)
    hashes = [t[1] if t[2] is not None else "none" for t in told if t is not None]
    ok = None if None in shown or None in hashes else len(set(hashes)) == 1
    if len(set(shown) - {None}) > 1:
        ok = False
    return Setting(instance=instance, name="auth_pass", rule=EQUAL, values=shown, ok=ok)


def _router_id(view: View) -> str | None:
    line = view.globals("router_id")
    return line.args[0] if line is not None and line.args and line.condition is None else None


def rules(views: Sequence[View]) -> Iterator[AuditFinding]:
    """`router-id-equal`: two nodes that call themselves the same in mails and SNMP."""
    seen: dict[str, View] = {}
    for view in views:
        name, line = _router_id(view), view.globals("router_id")
        if name is None or line is None:
            continue
        first = seen.setdefault(name, view)
        if first is not view:
            other = first.globals("router_id")
            yield AuditFinding(
                id="router-id-equal",
                severity=Severity.INFO,
                summary=f"router_id {name} is on {first.name} and on {view.name}: their mails and traps look alike",
                evidence=(*(() if other is None else (first.said(other),)), view.said(line)),
                remedy=view.write(line.place, f"router_id {view.file.node or 'THE_NODE'}"),
                place=line.place,
                node=view.file.node,
            )
