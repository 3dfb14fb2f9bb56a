"""One look at a cluster for `haconsole check`: what `status` reads, and what only the audit asks."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from haconsole.catalogue import ask as ask_entries
from haconsole.catalogue import check as entries
from haconsole.catalogue import support
from haconsole.catalogue.script import Output
from haconsole.cluster.audit import ConfFile
from haconsole.cluster.audit.cluster import Known, audit_cluster
from haconsole.cluster.audit.instances import authentication
from haconsole.cluster.audit.live_files import unseen, wanted
from haconsole.cluster.audit.view import View
from haconsole.model.asked import DnsAnswer, Firewall, NodeAsked
from haconsole.model.problems import ProblemError
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.parse.ask import parse_switch
from haconsole.parse.check import parse_hashes, parse_stat
from haconsole.parse.errors import ParseError
from haconsole.parse.firewall import parse_iptables, parse_nft
from haconsole.parse.text import decode
from haconsole.report.check import Checked
from haconsole.runtime.assemble import Parts
from haconsole.runtime.once import Look
from haconsole.runtime.reader import NodeReader

T = TypeVar("T")
MORE_S: Final = 6.0
"""One node, all that only the audit asks."""
_NOT_FOUND: Final = 127


async def check(
    spec: ClusterSpec, parts: Parts, look_up: Callable[[str, frozenset[int]], Awaitable[DnsAnswer]] | None = None
) -> Checked:
    """Read every node once and audit what was read. look_up: None: the name service of this machine.

    Bounded in time; never raises for what nodes do. A cluster whose VIPs are simulated has no name to look up.
    """
    look = CheckLook(spec, parts.connector, parts.probe, parts.clock)
    snapshot = await look.run()
    dns = None
    if spec.dns_name is not None and not spec.dial:
        versions = frozenset(v.address.version for v in snapshot.picture.vips) or frozenset({4})
        dns = await (look_up or _name_service)(spec.dns_name, versions)
    known = Known(snapshot=snapshot, asked=look.asked, dns=dns)
    return Checked(audit=audit_cluster(known), cluster=spec.name, at=snapshot.picture.at)


async def _name_service(name: str, versions: frozenset[int]) -> DnsAnswer:
    from haconsole.io.dns import look_up

    return await look_up(name, versions)


class CheckLook(Look):
    """A look that asks each node a little more over the same connection."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.asked: dict[str, NodeAsked] = {}
        self._salt = secrets.token_hex(32)

    async def _read(self, node: NodeSpec) -> None:
        await super()._read(node)
        reader = self._readers.get(node.name)
        config = self.state.nodes[node.name].config
        if reader is None or config is None:
            return
        view = View(file=ConfFile(conf=config.value.conf, node=node.name))
        with contextlib.suppress(TimeoutError, ProblemError):  # what was not asked is not known
            async with asyncio.timeout(MORE_S):
                self.asked[node.name] = await more(reader, view, self._clock.now, self._salt)


async def more(reader: NodeReader, view: View, now: Callable[[], float], salt: str) -> NodeAsked:
    """What only the audit asks of a node. salt: one for all nodes of a run. Raises: ProblemError (the link)."""
    why: dict[str, str] = {}
    paths = [p for p in wanted(view) if entries.PATH.fullmatch(p)][: entries.MOST]
    versions = sorted({i.family for i in view.instances}) or [4]
    tables = [support.NFTABLES, support.IPTABLES, *([support.IP6TABLES] if 6 in versions else [])]
    stat = [entries.stat(paths)] if paths else []
    binds = [ask_entries.NONLOCAL_BIND[v] for v in versions]
    passwords = any(authentication(i)[2] is not None for i in view.instances)
    outputs = await reader.outputs([*stat, *binds, *tables, *([entries.hashes(salt)] if passwords else [])])
    files = {}
    if stat and (told := outputs.get(stat[0].id)) is not None:
        with contextlib.suppress(ParseError):
            files = dict(parse_stat(decode(told.stdout), told.stderr, paths))
    if missing := unseen(view, files):
        why["check scripts"] = f"{', '.join(missing)} could not be looked at"
    bind = {}
    for version in versions:
        told = outputs.get(ask_entries.NONLOCAL_BIND[version].id)
        if told is not None and told.status == 0:
            with contextlib.suppress(ParseError):
                bind[version] = parse_switch(decode(told.stdout))
    hashes: dict[int, str] = {}
    if (told := outputs.get("check.hashes")) is not None and told.status == 0:
        with contextlib.suppress(ParseError):
            hashes = dict(parse_hashes(decode(told.stdout)))
    found = firewalls(outputs, versions, why)
    return NodeAsked(files=files, secrets=hashes, nonlocal_bind=bind, firewalls=found, why_not=why, at=now())


def firewalls(outputs: dict[str, Output], versions: Sequence[int], why: dict[str, str]) -> tuple[Firewall, ...] | None:
    """What nft and iptables told; None, with the reason in `why`, where that is not everything.

    Tables of nft that iptables-save cannot show are told by a comment there.
    """
    nft, whole = outputs.get(support.NFTABLES.id), True
    found: list[Firewall] = []
    problems: list[str] = []
    for version, spec in ((4, support.IPTABLES), (6, support.IP6TABLES)):
        told = outputs.get(spec.id)
        if version not in versions or told is None or told.status == _NOT_FOUND:
            whole = whole and version not in versions
            continue
        text = decode(told.stdout)
        parsed = _parsed(told, lambda t, v=version: parse_iptables(t, v), problems)  # type: ignore[misc]
        found += [parsed] if parsed is not None else []
        whole = whole and parsed is not None and "incompatible, use 'nft'" not in text
    if nft is not None and nft.status != _NOT_FOUND:
        parsed = _parsed(nft, lambda t: parse_nft(t, managed=not found), problems)
        if parsed is not None:
            return (*found, parsed)
    if whole and found:
        return tuple(found)
    why["firewall"] = problems[0] if problems else "neither nft nor iptables-save could be asked"
    return None


def _parsed(output: Output, how: Callable[[str], T], problems: list[str]) -> T | None:
    if output.status != 0 or output.truncated:
        problems.append(output.stderr.splitlines()[-1][:200] if output.stderr.strip() else "it was not told whole")
        return None
    try:
        return how(decode(output.stdout))
    except ParseError as error:
        problems.append(str(error))
        return None
