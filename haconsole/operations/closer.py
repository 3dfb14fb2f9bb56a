"""A closer look, on demand: what can be looked at, by which exact commands, and what they prove. Pure.

Nothing here changes anything on a node. A check script is run only where keepalived itself says that it runs it:
a script that keepalived refused (enable_script_security) is not run by haconsole either.
What keepalived does with scripts: docs/keepalived-versions.md.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

from haconsole.catalogue import closer, script
from haconsole.catalogue.command import CommandSpec, Names, Root
from haconsole.cluster.audit import ConfFile
from haconsole.cluster.audit.view import Script, View
from haconsole.cluster.picture import ClusterPicture, NodePicture, VipPicture
from haconsole.model.events import Subject
from haconsole.model.findings import Finding
from haconsole.model.keepalived_conf import SECRET
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress

CONSOLE: Final = "this console"
"""Where a request through squid is made from."""


class Look(Enum):
    """What is looked at."""

    SCRIPT = "script"
    ARP = "arp"
    SQUID = "squid"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A command as it will be run. `when`: only then; None: in any case."""

    where: str
    """A node's name, or `CONSOLE`."""
    text: str
    when: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """One `vrrp_script` of one node, as keepalived runs it."""

    node: str
    name: str
    argv: tuple[str, ...]
    user: str | None
    """None: `closer.DEFAULT_USER` if there is one, else root."""
    login: str
    timeout_s: float
    """What keepalived gives it: `timeout`, else `interval`."""
    interval_s: float
    says: bool | None
    """keepalived's own last word on it."""
    certain: bool = True
    """False: whom it runs as stands on a line that is not decided."""

    def spec(self, user: str) -> CommandSpec:
        """Raises: ValueError, as `catalogue.closer.check_script`."""
        whole = min(closer.MOST_S, max(1, math.ceil(self.timeout_s)))
        return closer.check_script(self.argv, user, self.login, whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing that can be looked at. Nothing has been run."""

    key: str
    look: Look
    title: str
    tells: str
    """What it proves, in a sentence."""
    lines: tuple[Line, ...] = ()
    node: str | None = None
    vip: IpAddress | None = None
    check: CheckRun | None = None
    refused: str | None = None
    """Why it cannot be looked at from here; None: it can."""
    remedy: str | None = None
    """What the operator may do instead."""


_CHECKED: Final = frozenset({"instance-fault", "instance-flapping", "tracking-ignored", "weight-does-not-move"})
"""Besides `check-*` and `squid-*`: findings that a check's own run tells more of."""
_AUDITED: Final = frozenset({"adverts-blocked", "adverts-discarded", "check-disabled", "check-cannot-run"})
"""Besides `wire-*`: of firewalls, passwords (as hashes) and scripts' files."""

Own = Mapping[tuple[str, int], IpAddress]
"""(node, IP version) -> an address of the node's own where squid should answer; missing: none is known."""


def offers(spec: ClusterSpec, picture: ClusterPicture, own: Own) -> tuple[Offer, ...]:
    """Everything that can be looked at now, in a fixed order."""
    found = [_squid(spec, picture, own)]
    found += [_arp(spec, picture, vip) for vip in picture.vips if not vip.address.is_link_local]
    for node in picture.nodes:
        found += _scripts(spec, node)
    return tuple(found)


def relevance(offer: Offer, finding: Finding | None) -> int:
    """0: it can tell more of what the finding is about; 1: about all; 2: about something else."""
    if finding is None:
        return 1
    match offer.look:
        case Look.SQUID:
            return 0 if finding.vip is not None or "squid" in finding.id else 1
        case Look.AUDIT:
            return 0 if finding.id in _AUDITED or finding.id.startswith("wire-") else 1
        case Look.ARP:
            return 0 if offer.vip == finding.vip else 2
        case Look.SCRIPT:
            about = finding.id in _CHECKED or finding.id.startswith(("check-", "squid-"))
            return 0 if about and offer.node == finding.node else 2


def names_of(spec: ClusterSpec) -> Names:
    """What placeholders stand for."""
    return Names(
        keepalived_unit=spec.keepalived_service.removesuffix(".service"),
        squid_unit=spec.squid_service.removesuffix(".service"),
        config_file=spec.keepalived_config,
    )


def shown(spec: CommandSpec, names: Names, rights: Rights) -> str:
    """The command line of an entry as the node runs it for this login."""
    root = script.under_sudo(spec, names) if script.privileged(spec, rights) else None
    if root is not None:
        return shlex.join((*script.SUDO, *root))
    return shlex.join(("timeout", "-k", "1", str(spec.timeout_s), *spec.filled(names)))


# --- check scripts ------------------------------------------------------------------------------------------


def _scripts(spec: ClusterSpec, node: NodePicture) -> Iterator[Offer]:
    if node.config is None:
        return
    view = View(file=ConfFile(conf=node.config.conf, node=node.name))
    said = {s.name: s.ok for i in node.instances or () if i.from_dump for s in i.tracked_scripts}
    tracked = dict.fromkeys(n for i in view.instances for n, _ in i.conf.tracked_scripts)
    for name in tracked:
        found = view.scripts.get(name)
        if found is not None and found.command is not None:
            yield _script(spec, node, view, found, said)


def _script(spec: ClusterSpec, node: NodePicture, view: View, found: Script, said: Mapping[str, bool | None]) -> Offer:
    interval = found.interval_s or 1.0
    offer = Offer(
        key=f"script/{node.name}/{found.name}",
        look=Look.SCRIPT,
        title=f"run the check {found.name} on {node.name} as keepalived does",
        tells=f"its result and what it takes, of the {found.timeout_s or interval:g} s that keepalived gives it; "
        f"keepalived runs the same line every {interval:g} s",
        node=node.name,
    )
    who = node.identity
    try:
        argv = tuple(shlex.split(found.command or ""))
    except ValueError:
        argv = ()
    if who is None or not node.readable:
        return _not(offer, f"{node.name} cannot be asked now")
    if found.name not in said:
        return _not(
            offer,
            f"keepalived on {node.name} does not say that it runs this check: it has dropped it, or its dump could "
            "not be read. What keepalived does not run is not run here either",
            f"on {node.name}: journalctl -u {spec.keepalived_service} | grep -i -e script -e {shlex.quote(found.name)}",
        )
    if SECRET in (found.command or ""):
        return _not(
            offer,
            "its command line holds a password, which haconsole does not keep: it cannot run it",
            f"on {node.name}: the line is in {found.block.place}, run it by hand",
        )
    user = script_user(view, found)
    check = CheckRun(
        node=node.name, name=found.name, argv=argv, user=user, login=who.user, says=said[found.name],
        timeout_s=found.timeout_s or interval, interval_s=interval,
    )  # fmt: skip
    try:
        candidates = [check.spec(u) for u in ([user] if user is not None else [closer.DEFAULT_USER, "root"])]
    except ValueError as error:
        return _not(offer, f"it cannot be run from here: {error}", f"on {node.name}: {found.command}")
    if who.rights is Rights.PLAIN and any(s.root is not Root.NO for s in candidates):
        as_whom = user or "root"
        return _not(
            offer,
            f"it runs as {as_whom}, and {who.user} may not become that on {node.name}",
            f"on {node.name}, as root: {shlex.join(candidates[-1].argv)}; echo $?",
        )
    lines = _script_lines(spec, node.name, candidates, user, who.rights)
    return replace(offer, check=check, lines=lines)


def _script_lines(
    spec: ClusterSpec, node: str, candidates: Sequence[CommandSpec], user: str | None, rights: Rights
) -> tuple[Line, ...]:
    texts = [shown(s, names_of(spec), rights) for s in candidates]
    clock = Line(where=node, text=shlex.join(closer.BEFORE.argv), when="before and after it: what it takes")
    if user is not None:
        return (clock, Line(where=node, text=texts[0]))
    return (
        clock,
        Line(where=node, text=shlex.join(closer.HAS_DEFAULT_USER.argv)),
        Line(where=node, text=texts[0], when="if that login is there"),
        Line(where=node, text=texts[1], when="if it is not"),
    )


def script_user(view: View, found: Script) -> str | None:
    """Whom keepalived runs it as; None: its default."""
    command = found.block.first("script")
    if command is not None and len(command.args) > 1:
        return command.args[1]
    lines = [*found.block.children("user"), *filter(None, (view.globals("script_user"),))]
    return lines[0].args[0] if lines and lines[0].args else None


def _not(offer: Offer, why: str, remedy: str | None = None) -> Offer:
    return replace(offer, refused=why, remedy=remedy)


# --- ARP ------------------------------------------------------------------------------------------------------


def arp_nodes(picture: ClusterPicture, vip: VipPicture) -> tuple[NodePicture, ...]:
    """Nodes that have to ask the wire who the VIP is: those that surely do not hold it."""
    return tuple(n for n in picture.nodes if n.readable and n.holds(vip.address) is False)


def _arp(spec: ClusterSpec, picture: ClusterPicture, vip: VipPicture) -> Offer:
    address = vip.address
    offer = Offer(
        key=f"arp/{address}",
        look=Look.ARP,
        title=f"whom {address} leads to by {'ARP' if address.version == 4 else 'neighbour discovery'}",
        tells="the MAC that another node on the LAN sends to, beside the MAC of the node that holds the VIP: a stale "
        "entry sends clients to a node that does not serve",
        vip=address,
    )
    nodes = arp_nodes(picture, vip)
    if not nodes:
        return _not(
            offer,
            "every node that can be asked holds it: from them nothing can be learned",
            f"on a client in the same LAN: ip neigh show to {address}",
        )
    names, lines = names_of(spec), []
    for node in nodes:
        look = shown(closer.neighbour(address), names, Rights.PLAIN)
        ask = shown(closer.ping(address), names, Rights.PLAIN)
        lines.append(Line(where=node.name, text=look))
        lines.append(Line(where=node.name, text=ask, when="if there is no entry; then the first again"))
    return replace(offer, lines=tuple(lines))


# --- squid ----------------------------------------------------------------------------------------------------


def _squid(spec: ClusterSpec, picture: ClusterPicture, own: Own) -> Offer:
    lines = [Line(where=CONSOLE, text=request(spec, v.address)) for v in picture.vips if not v.address.is_link_local]
    lines += [
        Line(where=CONSOLE, text=request(spec, address), when=f"{name}'s own address")
        for (name, _), address in own.items()
    ]
    offer = Offer(
        key="squid",
        look=Look.SQUID,
        title="ask squid at every VIP and at every node's own address",
        tells="whether a VIP that does not serve is squid's trouble or that of the way to the VIP",
        lines=tuple(lines),
    )
    return offer if lines else _not(offer, "no VIP is known yet")


def request(spec: ClusterSpec, address: IpAddress) -> str:
    """The same request as a line that one can run; haconsole makes it itself."""
    host = f"[{address}]" if address.version == 6 else str(address)
    if spec.probe_url is None:
        return f"nc -z -w 2 {address} {spec.squid_port}"
    what = "-sS -m 2 -o /dev/null -w '%{http_code} %{time_total} s\\n'"
    return f"curl {what} -x http://{host}:{spec.squid_port} {shlex.quote(spec.probe_url)}"


# --- the audit ------------------------------------------------------------------------------------------------


def audit_offer(lines: Sequence[Line], picture: ClusterPicture) -> Offer:
    """What `haconsole check` asks the nodes beyond what is read anyway."""
    offer = Offer(
        key="audit",
        look=Look.AUDIT,
        title="ask the nodes what only they can tell: scripts' files, passwords (as hashes), firewall",
        tells="may keepalived run its scripts, are passwords equal, does the firewall let VRRP in",
        lines=tuple(lines),
    )
    unread = [n.name for n in picture.nodes if n.config is None or Subject.CONFIG in n.failed]
    if not lines:
        return _not(offer, f"the configuration of {', '.join(unread) or 'the nodes'} was not read")
    return offer
