"""What guards need beyond the picture, asked of the nodes just now: makes `Asked`.

All nodes at once, each bounded in time; what does not come in time, or cannot be read, stays
unknown. Nothing is changed: every entry observes. It is asked before the lock and again under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from haconsole.catalogue import ask as entries
from haconsole.catalogue import operation as keeping
from haconsole.catalogue import read
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.operation import OperationNames
from haconsole.catalogue.script import Output
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.io.ports import ClientProbe, Clock
from haconsole.model.events import NodeRead, Subject
from haconsole.model.operation import NodeOperation
from haconsole.model.problems import ProblemError
from haconsole.model.readings import ConfigTest, KeepalivedVersion
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.model.state import ClusterState
from haconsole.operations.actions import Action
from haconsole.operations.guards import REGISTRY
from haconsole.operations.guards_context import Answer, Asked, MasterChange
from haconsole.parse import ask as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode
from haconsole.runtime import interpret, master_changes, trouble
from haconsole.runtime.asking_rights import Login, wanted_rights
from haconsole.runtime.assemble import production
from haconsole.runtime.desk import Desk
from haconsole.runtime.own_request import own_request

T = TypeVar("T")
NODE_S: Final = 8.0
"""One node, all of it."""
_FIGHTING: Final = ("keepalived", "squid", "puppet", "chef", "ansible", "salt", "cfengine", "monit", "watchdog")
"""Words in the name of a timer, or of what it starts."""


@dataclass(slots=True)
class _Found:
    """Filled as answers come; what is missing in the end is not known."""

    operations: dict[str, NodeOperation] = field(default_factory=dict)
    requests: dict[str, Answer] = field(default_factory=dict)
    nonlocal_bind: dict[str, bool] = field(default_factory=dict)
    rights: dict[tuple[str, str], Answer] = field(default_factory=dict)
    config_test: ConfigTest | None = None
    fighters: tuple[str, ...] | None = None
    connections: dict[str, Mapping[IpAddress, int]] = field(default_factory=dict)
    journals: dict[str, master_changes.Witness] = field(default_factory=dict)


async def ask(  # noqa: PLR0917 - where to look, at what, and through which doors
    spec: ClusterSpec,
    picture: ClusterPicture,
    state: ClusterState,
    action: Action,
    desks: Mapping[str, Desk],
    clock: Clock,
    *,
    probe: ClientProbe | None = None,
    operator: str,
    operation: str | None = None,
    instead_of: str | None = None,
    overrides: Mapping[str, str] | None = None,
    outside_window: str | None = None,
    phrase: str | None = None,
    read_only: bool = False,
) -> Asked:
    """Everything that the guards of `action` want to know.

    Of an action that restores service only the touched node is asked: it waits for nobody else.
    desks: by node; of a node without one nothing is known. probe: None: as production makes them.
    Takes `NODE_S` seconds at most and a moment. Raises: KeyError: no such node.
    """
    touched = picture.node(action.node)
    nodes = picture.nodes if action.kind.disturbs else (touched,)
    found = _Found()
    client = probe or production().probe
    async with asyncio.TaskGroup() as tasks:
        for node in nodes:
            desk = desks.get(node.name)
            if desk is not None:
                tasks.create_task(_within(NODE_S, _Node(spec, picture, state, action, node, desk, found).ask()))
            if node is not touched:
                tasks.create_task(_requested(spec, picture, node, client, found))
    now = clock.now()
    return Asked(
        now=now,
        operator=operator,
        operation=operation,
        instead_of=instead_of,
        read_only=read_only,
        operations=found.operations,
        requests=found.requests,
        nonlocal_bind=found.nonlocal_bind,
        rights=found.rights,
        config_test=found.config_test,
        master_changes=_changes(picture, state, found, now),
        fighters=found.fighters,
        connections=dict(_connections(picture, found)),
        overrides=dict(overrides or {}),
        outside_window=outside_window,
        phrase=phrase,
    )


async def _within(seconds: float, work: Awaitable[None]) -> None:
    """What was found until then counts."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return


async def _requested(
    spec: ClusterSpec, picture: ClusterPicture, node: NodePicture, probe: ClientProbe, found: _Found
) -> None:
    answer = await own_request(spec, picture, node, probe)
    if answer is not None:
        found.requests[node.name] = answer


# --- one node ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """Everything that is asked of one node, over its desk."""

    spec: ClusterSpec
    picture: ClusterPicture
    state: ClusterState
    action: Action
    node: NodePicture
    desk: Desk
    found: _Found
    uid: int | None = None
    """Of the login."""

    @property
    def _touched(self) -> bool:
        return self.node.name == self.action.node

    async def ask(self) -> None:
        """The lock first: if that does not come, the node does not answer."""
        told = await _or_none(self.desk.state(1.0))
        if told is None:
            return
        self.found.operations[self.node.name] = told
        self.uid = await self._parsed(read.UID, parse.parse_uid)
        work: list[Callable[[], Coroutine[None, None, None]]] = [self._rights]
        if self.action.kind.disturbs:
            work += [self._bind, self._journal, self._connected]
        if self._touched and REGISTRY["nobody-fights-back"].applies(self.action):
            work.append(self._fighters)
        if self._touched and REGISTRY["config-passes"].applies(self.action):
            work.append(self._config)
        async with asyncio.TaskGroup() as tasks:
            for each in work:
                tasks.create_task(each())

    async def _output(self, spec: CommandSpec) -> Output | None:
        """The whole output of an entry that ran to its end; None: none came, or it was cut."""
        output = await _or_none(self.desk.ask(spec))
        return None if output is None or output.truncated or output.status in {124, 137} else output

    async def _parsed(self, spec: CommandSpec, how: Callable[[str], T]) -> T | None:
        output = await self._output(spec)
        if output is None or output.status != 0:
            return None
        try:
            return how(decode(output.stdout))
        except ParseError:
            return None

    async def _bind(self) -> None:
        """Allowed only if it is for every IP version that VIPs have."""
        versions = {v.address.version for v in self.picture.vips}
        answers = [await self._parsed(entries.NONLOCAL_BIND[v], parse.parse_switch) for v in sorted(versions)]
        known = [a for a in answers if a is not None]
        if False in known or (known and len(known) == len(answers)):
            self.found.nonlocal_bind[self.node.name] = all(known)

    async def _connected(self) -> None:
        if not any(self.node.name in (v.holders or ()) for v in self.picture.vips):
            return
        port = self.spec.squid_port
        counted = await self._parsed(entries.connections(port), lambda text: parse.parse_connections(text, port))
        if counted is not None:
            self.found.connections[self.node.name] = counted

    async def _fighters(self) -> None:
        timers = await self._parsed(entries.TIMERS, parse.parse_timers)
        active = await self._parsed(entries.AGENTS_ACTIVE, parse.parse_active)
        told = [*(f"{a} runs" for a in active or ()), *(f"{t} starts {s}" for t, s in timers or () if _fights(t, s))]
        if told or (timers is not None and active is not None):
            self.found.fighters = tuple(told)

    async def _journal(self) -> None:
        units = {"keepalived_unit": self.spec.keepalived_service, "squid_unit": self.spec.squid_service}
        uid = self.uid or 0
        output = await self._output(entries.log(uid))
        if output is None or output.status != 0 or "not seeing messages" in output.stderr:
            return
        try:
            lines, count = parse.parse_log(decode(output.stdout), **units, uid=uid)
        except ParseError:
            return
        unit = self.node.keepalived
        self.found.journals[self.node.name] = master_changes.by_journal(
            self.node.name,
            lines,
            whole=count < entries.LOG_LINES,
            started=self.node.keepalived_since if unit is not None and unit.active else None,
            clock=self.state.nodes[self.node.name].clock,
        )

    async def _config(self) -> None:
        versions = self.node.versions
        version: KeepalivedVersion | None = None if versions is None else versions.keepalived
        if version is None or version.major < 2:
            # 1.x has no -t and would start a daemon
            shown = "version is not known" if version is None else f"{version} cannot test a configuration (-t)"
            self.found.config_test = ConfigTest(ok=None, why_unknown=f"keepalived's {shown}")
            return
        output = await _or_none(self.desk.ask(read.KEEPALIVED_TEST))
        context = trouble.Context(node=self.node.name, user=self.node.spec.ssh.user or "the login")
        outputs = {} if output is None else {read.KEEPALIVED_TEST.id: output}
        told = interpret.config_test(context, 0.0, outputs, version)
        if not isinstance(told, NodeRead):
            self.found.config_test = ConfigTest(ok=None, why_unknown=told.problem.summary)
        elif isinstance(told.reading, ConfigTest):
            self.found.config_test = told.reading

    async def _rights(self) -> None:
        wanted = wanted_rights(self.action) if self._touched else (keeping.LOCK,)
        if self.uid is not None:
            login = Login(
                uid=self.uid, sudo=self.desk.node.ssh.sudo, names=self._names(), output=self._output, tell=self._may
            )
            await login.asked(wanted)

    def _may(self, specs: Iterable[CommandSpec], answer: Answer) -> None:
        self.found.rights.update({(self.node.name, s.id): answer for s in specs})

    def _names(self) -> OperationNames:
        """As the desk fills them."""
        return OperationNames(
            keepalived_unit=self.spec.keepalived_service.removesuffix(".service"),
            squid_unit=self.spec.squid_service.removesuffix(".service"),
            config_file=self.spec.keepalived_config,
            drain_file=self.spec.drain_file,
            interface=self.action.interface or "lo",
        )


def _fights(timer: str, starts: str) -> bool:
    return any(word in f"{timer} {starts}".lower() for word in _FIGHTING)


async def _or_none(work: Awaitable[T]) -> T | None:
    try:
        return await work
    except ProblemError:
        return None


# --- what is said of the whole ------------------------------------------------------------------------


def _changes(
    picture: ClusterPicture, state: ClusterState, found: _Found, now: float
) -> tuple[MasterChange, ...] | None:
    witnesses = {}
    for node in picture.nodes:
        told = found.journals.get(node.name)
        if told is None or told.since is None:
            followed = node.readable and Subject.LOG not in node.failed
            told = master_changes.by_log(node.name, state.log, followed=followed)
        witnesses[node.name] = told
    return master_changes.changes(picture, witnesses, now)


def _connections(picture: ClusterPicture, found: _Found) -> Iterator[tuple[IpAddress, int]]:
    """Of the VIPs of which every holder is known and has answered."""
    for vip in picture.vips:
        counted = [found.connections.get(name) for name in vip.holders or ()]
        if not vip.unread and vip.holders and all(c is not None for c in counted):
            yield vip.address, sum(c.get(vip.address, 0) for c in counted if c is not None)
