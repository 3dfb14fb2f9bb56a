"""The text of a node's recommended keepalived.conf. Pure.

jinja2 lays it out (`templates/keepalived.conf.j2`); what goes in is decided in `keepalived_plan`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from haconsole.model.keepalived_conf import ConfInstance, Place, Statement
from haconsole.model.record import dataclass
from haconsole.model.spec import NodeSpec
from haconsole.parse.text import clean
from haconsole.report.keepalived_addresses import source_address, squid_bound
from haconsole.report.keepalived_beside import firewall, squid
from haconsole.report.keepalived_lines import lines, word
from haconsole.report.keepalived_values import (
    HIGHEST,
    LABEL,
    LOWEST,
    Check,
    Plan,
    PlannedAddress,
    PlannedInstance,
)

if TYPE_CHECKING:
    from jinja2 import Template

SCRIPT: Final = "chk_squid_service"
DRAIN: Final = "haconsole_drain"
SQUID: Final = "/usr/sbin/squid"
INTERVAL_S: Final = 3
"""The article's."""

_NOWHERE: Final = Place(file="", line=0)
_MANAGED: Final = frozenset({
    "state", "interface", "virtual_router_id", "priority", "advert_int", "version", "nopreempt", "preempt",
    "unicast_src_ip", "unicast_peer", "authentication", "virtual_ipaddress", "virtual_ipaddress_excluded",
    "track_interface", "track_script", "track_file", "native_ipv6",
})  # fmt: skip
"""Keywords of an instance that are written anew."""
_MANAGED_GLOBALS: Final = frozenset({"router_id", "vrrp_version", "enable_script_security", "script_user"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One node's file. `text` holds no password."""

    node: str
    file: str
    """Where it belongs on the node."""
    text: str
    notes: tuple[str, ...]
    """What the operator has to know before using it; they stand in the text too."""


def render(plan: Plan, node: NodeSpec, *, secrets: bool = False) -> Rendered:
    """The file of `node`. secrets: for comparing only, see `keepalived_lines.lines`.

    Raises: PlanError: unicast, and an address is not known.
    """
    notes = tuple(_notes(plan, node))
    text = _template().render(_context(plan, node, notes, secrets=secrets))
    return Rendered(node=node.name, file=plan.cluster.keepalived_config, text=text, notes=notes)


@functools.cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.PackageLoader("haconsole.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("keepalived.conf.j2")


def _context(plan: Plan, node: NodeSpec, notes: Sequence[str], *, secrets: bool) -> Mapping[str, object]:
    instances = [_instance(plan, i, node, secrets=secrets) for i in plan.instances]
    conf = plan.facts[node.name].conf
    globals_ = [s for g in conf.blocks("global_defs") for s in g.block or ()] if conf is not None else []
    last = {s.keyword: s for s in globals_}
    drain = _drain(plan, node)
    scripts = _scripts(plan, node)
    kept = [s for s in conf.statements if not _replaced(s, plan, node, drain, scripts)] if conf is not None else []
    return {
        "node": node.name,
        "cluster": plan.cluster.name,
        "file": plan.cluster.keepalived_config,
        "service": plan.cluster.keepalived_service,
        "notes": notes,
        "router_id": _argument(last.get("router_id")) or node.name,
        "version3": all(i.version == 3 for i in plan.instances) and any(i.family == 4 for i in plan.instances),
        "script_user": " ".join(w for a in (_args(last.get("script_user")) or ("root",)) if (w := word(a))),
        "kept_globals": [x for s in globals_ if s.keyword not in _MANAGED_GLOBALS for x in lines(s, secrets=secrets)],
        "scripts": scripts,
        "drain": drain,
        "instances": instances,
        "kept": [x for s in kept for x in lines(s, secrets=secrets)],
        "beside": ["", *firewall(plan, node), "", *squid(plan, node)],
    }


def _args(statement: Statement | None) -> tuple[str, ...]:
    return statement.args if statement is not None and statement.condition is None else ()


def _argument(statement: Statement | None) -> str | None:
    args = _args(statement)
    return word(args[0]) if args else None


def _replaced(
    statement: Statement, plan: Plan, node: NodeSpec, drain: Mapping[str, object] | None, scripts: Sequence[_Script]
) -> bool:
    """True: what it says is in the new file in other words."""
    name = statement.args[0] if statement.args else ""
    match statement.keyword:
        case "global_defs":
            return True
        case "vrrp_instance":
            return any(i.running[node.name].name == name for i in plan.instances if node.name in i.running)
        case "vrrp_script":
            return name in {n for s in scripts for n in s.replaces}
        case "track_file" | "vrrp_track_file":
            return drain is not None and word(name) == drain["name"]
    return False


# --- notes ---------------------------------------------------------------------------


def _notes(plan: Plan, node: NodeSpec) -> Iterator[str]:
    fact = plan.facts[node.name]
    if fact.conf is None:
        why = fact.problem or "rendered from haconsole's configuration alone"
        yield clean(f"The running configuration was not read ({why}): VRIDs and names are chosen here.")
    if fact.version is None:
        yield "keepalived's version was not read: the words are those of {}.{}.".format(*plan.version(node.name))
    if fact.conf is not None and fact.conf.missing_includes:
        yield "Something that the running file includes could not be read: what stands there is not in this file."
    if any(a.prefix is None for i in plan.instances for a in i.addresses):
        yield "Addresses without a prefix length are host addresses (/32, /128): nobody told the subnet's."
    if any(True for i in _running(plan, node) for _ in _block(plan, node, i).children("authentication")):
        yield "The running file has authentication and this one has none: a node of each kind makes two masters,"
        yield "so change all nodes within the same moment, in a maintenance window."
    if plan.unicast != any(i.unicast for i in fact.instances) and fact.instances:
        yield "The nodes change between multicast and unicast: change all nodes within the same moment."


def _running(plan: Plan, node: NodeSpec) -> Iterator[ConfInstance]:
    return (i.running[node.name] for i in plan.instances if node.name in i.running)


def _block(plan: Plan, node: NodeSpec, instance: ConfInstance | None) -> Statement:
    """The instance's own statement in the node's file; an empty one where there is none."""
    conf = plan.facts[node.name].conf
    for each in conf.blocks("vrrp_instance") if conf is not None and instance is not None else ():
        if instance is not None and each.place == instance.place:
            return each
    return Statement(words=(), place=_NOWHERE, block=())


# --- instances -----------------------------------------------------------------------


def _instance(plan: Plan, wanted: PlannedInstance, node: NodeSpec, *, secrets: bool) -> Mapping[str, object]:
    running = wanted.running.get(node.name)
    block = _block(plan, node, running)
    own = {s.keyword: s for b in _address_blocks(block) for s in b.block or () if s.words}
    addresses = [(a, _address(a, wanted, node, own)) for a in wanted.addresses]
    links = dict.fromkeys(name for name, _ in running.tracked_interfaces) if running is not None else {}
    if node.public_interface is not None and node.public_interface != wanted.interfaces[node.name]:
        links[node.public_interface] = None
    drain = _drain(plan, node)
    files = [s for b in block.children("track_file") for s in b.block or () if s.words]
    kept = [s for s in block.block or () if s.keyword not in _MANAGED]
    notify = squid_bound(plan.facts[node.name]) and not any(s.keyword == "notify_master" for s in kept)
    order = sorted(wanted.priorities.items(), key=lambda pair: -pair[1])
    return {
        "name": word(wanted.name) or f"vrid_{wanted.vrid}",
        "notes": ["Priorities: {}.".format(", ".join(f"{n} {p}" for n, p in order)), *map(clean, wanted.notes)],
        "state": wanted.state(node.name),
        "interface": word(wanted.interfaces[node.name]) or node.lan_interface,
        "vrid": wanted.vrid,
        "priority": wanted.priorities[node.name],
        "advert_int": f"{wanted.advert_interval_s:g}",
        "version": 3 if wanted.version == 3 else None,
        "nopreempt": not wanted.preempt,
        "unicast": plan.unicast,
        "source": source_address(plan, wanted, node) if plan.unicast else None,
        "peers": [source_address(plan, wanted, n) for n in plan.cluster.nodes if n is not node and plan.unicast],
        "six": wanted.family == 6,
        "addresses": [text for a, text in addresses if not a.excluded],
        "excluded": [text for a, text in addresses if a.excluded],
        "links": [w for name in links if (w := word(name)) is not None],
        "files": [x for s in files if drain is None or s.keyword != drain["name"] for x in lines(s)],
        "notify": f"{SQUID} -k reconfigure" if notify else None,
        "kept": [x for s in kept for x in lines(s, secrets=secrets)],
    }


def _address_blocks(block: Statement) -> Iterator[Statement]:
    yield from block.children("virtual_ipaddress")
    yield from block.children("virtual_ipaddress_excluded")


def _address(address: PlannedAddress, wanted: PlannedInstance, node: NodeSpec, own: Mapping[str, Statement]) -> str:
    """The node's own line for it, with its options; else one made here."""
    for keyword, statement in own.items():
        if keyword.partition("/")[0] == str(address.address) and (text := next(lines(statement), "")):
            return text
    dev = word(address.interface or wanted.interfaces[node.name]) or node.lan_interface
    number = address.label.rpartition(":")[2] if address.label is not None else str(wanted.vrid)
    label = f"{dev}:{number}"  # the kernel wants the interface's own name in front
    told = address.address.version == 4 and (address.new or address.label is not None)
    shown = f" label {label}" if told and len(label) <= LABEL and word(label) == label else ""
    return f"{address.text} dev {dev}{shown}"


# --- scripts and the drain -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    name: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    replaces: frozenset[str]
    """Names in the running file that this one stands for."""


def _scripts(plan: Plan, node: NodeSpec) -> list[_Script]:
    """What watches squid: the node's own scripts with what they lack, else the article's."""
    tracked = dict.fromkeys(name for i in _running(plan, node) for name, _ in i.tracked_scripts)
    conf = plan.facts[node.name].conf
    blocks = {s.args[0]: s for s in conf.blocks("vrrp_script") if s.args} if conf is not None else {}
    weights = {n: w for i in _running(plan, node) for n, w in i.tracked_scripts}
    found = [_completed(blocks[name], weights.get(name, 0)) for name in tracked if name in blocks]
    if plan.wishes.check is Check.REQUEST:
        about = [s for s in found if any("squid" in line for line in s.lines)]
        rest = [s for s in found if s not in about]
        names = frozenset(n for s in about for n in s.replaces)
        return [_request(plan, about[0].name if about else SCRIPT, names), *rest]
    return found or [_article()]


def _article() -> _Script:
    return _Script(
        name=SCRIPT,
        lines=(f'script "{SQUID} -k check"', f"interval {INTERVAL_S}", *_patience(INTERVAL_S)),
        notes=(*_WEAK, *_ARITHMETIC),
        replaces=frozenset({SCRIPT}),
    )


_WEAK: Final = (
    "The article's check, by its full path. What it cannot see: a squid that hangs passes it; and it reads",
    "squid.conf, so one bad edit on all nodes puts all of them in FAULT while squid still serves.",
    "`haconsole keepalived-config render --check request` asks squid for a page instead.",
)
_ARITHMETIC: Final = (
    "No weight: after `fall` failures the instance is in FAULT and the VIP goes. Two failures, so that one slow",
    "answer moves nothing; a timeout below the interval, so that a check that hangs is a failed one.",
)


def _patience(interval_s: float) -> tuple[str, ...]:
    timeout = max(1, int(interval_s) - 1)
    return (f"timeout {timeout}", "fall 2", "rise 2")


def _request(plan: Plan, name: str, replaces: frozenset[str]) -> _Script:
    url = f"http://127.0.0.1:{plan.cluster.squid_port}/squid-internal-mgr/menu"
    command = f"/usr/bin/curl --silent --fail --output /dev/null --max-time 2 {url}"
    return _Script(
        name=name,
        lines=(f'script "{command}"', f"interval {INTERVAL_S}", *_patience(INTERVAL_S)),
        notes=(
            "A real request: squid must answer on its own port. It needs curl, an http_port that takes 127.0.0.1,",
            "and `http_access allow localhost manager` (squid's own default). A bad edit of squid.conf faults nobody.",
            *_ARITHMETIC,
        ),
        replaces=replaces,
    )


def _completed(block: Statement, weight: int) -> _Script:
    """A running script with what it lacks; a weight that decides nothing is left out."""
    name = block.args[0]
    interval = _number(block, "interval", 1)
    useful = weight < 0 and HIGHEST + weight < LOWEST
    statements = [s for s in block.block or () if s.keyword != "weight" or useful]
    there = {s.keyword for s in statements}
    command = " ".join(_args(block.first("script")))
    found = [_full_path(x) for s in statements for x in lines(s)]
    patience = [p for p in _patience(interval) if p.partition(" ")[0] not in there]
    if "interval" not in there:
        found.append(f"interval {interval:g}")
    notes = [*(_WEAK if "-k check" in command else ()), *_ARITHMETIC]
    if weight and not useful:
        notes.append(f"Its weight of {weight} is left out: it would not bring {HIGHEST} below the peers.")
    return _Script(
        name=word(name) or SCRIPT,
        lines=(*found, *patience),
        notes=tuple(notes),
        replaces=frozenset({name}),
    )


def _full_path(line: str) -> str:
    """keepalived does not look for programs: it wants a path."""
    bare = line.startswith(('script "squid ', "script squid "))
    return line.replace("squid ", f"{SQUID} ", 1) if bare else line


def _number(block: Statement, keyword: str, default: float) -> float:
    args = _args(block.first(keyword))
    try:
        value = float(args[0]) if args else default
    except ValueError:
        return default
    return value if 0 < value < 1e6 else default


def _drain(plan: Plan, node: NodeSpec) -> Mapping[str, object] | None:
    version = plan.version(node.name)
    if version < (2, 0):
        return None
    conf, path = plan.facts[node.name].conf, plan.cluster.drain_file
    names = [
        s.args[0]
        for keyword in ("track_file", "vrrp_track_file")
        for s in (conf.blocks(keyword) if conf is not None else ())
        if s.args and any(path in f.args for f in s.children("file"))
    ]
    modern = version >= (2, 1)
    return {
        "keyword": "track_file" if modern else "vrrp_track_file",
        "name": (word(names[0]) if names else None) or DRAIN,
        "file": path,
        "init": modern,
    }
