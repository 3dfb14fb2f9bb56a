"""What `keepalived-config` and `init` have to know of nodes: their configuration, addresses, version, squid's sockets.

One connection and a few trips a node, all nodes at once. Nothing is changed, no daemon is signalled. Passwords are
read by nobody: where they are to be compared, nodes tell salted hashes (`catalogue.check.hashes`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from haconsole.catalogue import ask
from haconsole.catalogue import check as check_entries
from haconsole.cluster.audit.live import with_hashes
from haconsole.io.ports import Clock, Connection, Connector
from haconsole.model.events import ConfigReading, Event, NodeRead, ReadFailed, Subject
from haconsole.model.problems import Problem, ProblemError
from haconsole.model.readings import IdentityReading, KernelReading, SquidReading, VersionsReading
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.parse.check import parse_hashes
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode
from haconsole.report.keepalived_values import NodeFacts
from haconsole.runtime.collector import first_problem, unforeseen
from haconsole.runtime.reader import Group, NodeReader

LIMIT_S: Final = 20.0
"""A node that has not told everything by then is left with what it told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One node. `hostname`: what it calls itself; None: not told."""

    node: str
    facts: NodeFacts
    hostname: str | None = None
    reached: bool = False


async def read_cluster(
    cluster: ClusterSpec, connector: Connector, clock: Clock, *, passwords: bool = False
) -> dict[str, Read]:
    """Every node of `cluster`, by name. Never raises for what nodes do: the facts say what is missing.

    passwords: let them be compared: `Statement.secret_hash`, by a salt that is forgotten at the end.
    """
    salt = secrets.token_hex(32) if passwords else None
    async with asyncio.TaskGroup() as tasks:
        running = {n.name: tasks.create_task(_read(cluster, n, connector, clock, salt)) for n in cluster.nodes}
    return {name: task.result() for name, task in running.items()}


async def _read(cluster: ClusterSpec, node: NodeSpec, connector: Connector, clock: Clock, salt: str | None) -> Read:
    found = _Found(node)
    connection: Connection | None = None
    try:
        async with asyncio.timeout(LIMIT_S):
            connection = await connector.connect(node)
            found.reached = True
            await _ask(NodeReader(cluster, node, connection, clock), found, salt)
    except* ProblemError as group:
        found.fail_by(first_problem(group).problem)
    except* TimeoutError:
        found.fail(f"{node.name}: not read to the end within {LIMIT_S:.0f} s")
    except* Exception as group:  # noqa: BLE001 - a node must not be able to end the look at the others
        found.fail(unforeseen(node.name, group.exceptions[0]).summary)
    finally:
        if connection is not None:
            connection.abort()
    return found.result()


async def _ask(reader: NodeReader, found: _Found, salt: str | None) -> None:
    for event in await reader.introduce():
        found.take(event)
    for group in (Group.CONFIG, Group.KERNEL, Group.SQUID):
        for event in await reader.read(group):
            found.take(event)
    hashes = [check_entries.hashes(salt)] if salt is not None else []
    outputs = await reader.outputs([ask.NONLOCAL_BIND[4], *hashes])
    told = outputs.get(ask.NONLOCAL_BIND[4].id)
    if told is not None and told.status == 0 and told.stdout.strip() in {b"0", b"1"}:
        found.facts = replace(found.facts, nonlocal_bind=told.stdout.strip() == b"1")
    told = outputs.get("check.hashes")
    if told is not None and told.status == 0 and found.facts.conf is not None:
        with contextlib.suppress(ParseError):
            found.facts = replace(found.facts, conf=with_hashes(found.facts.conf, parse_hashes(decode(told.stdout))))


class _Found:
    """Gathers what events tell."""

    def __init__(self, node: NodeSpec) -> None:
        self.node = node.name
        self.facts = NodeFacts()
        self.hostname: str | None = None
        self.reached = False

    def fail(self, why: str) -> None:
        """Say why something is missing; the first reason stays."""
        self.facts = replace(self.facts, problem=self.facts.problem or why)

    def fail_by(self, problem: Problem) -> None:
        """The same, with what mends it."""
        if self.facts.problem is None:
            self.facts = replace(self.facts, problem=problem.summary, remedy=problem.remedy)

    def take(self, event: Event) -> None:
        """One event of the reader."""
        if isinstance(event, ReadFailed) and event.subject is Subject.CONFIG:
            self.fail_by(event.problem)
        if not isinstance(event, NodeRead):
            return
        match event.reading:
            case ConfigReading(conf=conf):
                self.facts = replace(self.facts, conf=conf)
            case KernelReading() as kernel:
                self.facts = replace(self.facts, kernel=kernel)
            case SquidReading(listening=listening):
                self.facts = replace(self.facts, listening=listening)
            case VersionsReading(keepalived=version):
                self.facts = replace(self.facts, version=version)
            case IdentityReading(hostname=hostname):
                self.hostname = hostname

    def result(self) -> Read:
        """What is known now."""
        return Read(node=self.node, facts=self.facts, hostname=self.hostname, reached=self.reached)


def all_read(found: Sequence[Read]) -> bool:
    """True: every node told its configuration."""
    return all(r.facts.conf is not None for r in found)
