"""What guards need beyond the picture, asked of the nodes just now: makes `Asked`.

All nodes at once, each bounded in time; what does not come in time, or cannot be read, stays
unknown. Nothing is changed: every entry observes. It is asked before the lock and again under it.

The request through a node's squid is made from the console, at an address of the node's own on its
LAN: the way, the sender and the access rules are then those of the probes through the VIPs. From
the node itself it would go over `lo`, past its firewall, and squid would judge another client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from haconsole.catalogue import ask as entries
from haconsole.catalogue import change, read
from haconsole.catalogue import operation as keeping
from haconsole.catalogue.command import CommandSpec, Root
from haconsole.catalogue.operation import OperationNames
from haconsole.catalogue.script import Output
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.io.ports import ClientProbe, Clock
from haconsole.model.events import ClientResult, NodeRead, Subject
from haconsole.model.operation import NodeOperation
from haconsole.model.problems import ProblemError
from haconsole.model.readings import ConfigTest, KeepalivedVersion
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.model.state import ClusterState
from haconsole.operations.actions import Action, Kind, Method
from haconsole.operations.guards import REGISTRY
from haconsole.operations.guards_context import Answer, Asked, MasterChange
from haconsole.parse import ask as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import decode
from haconsole.runtime import interpret, master_changes
from haconsole.runtime.assemble import production
from haconsole.runtime.desk import Desk

T = TypeVar("T")
NODE_S: Final = 8.0
"""One node, all of it."""
PROBE_S: Final = 4.0
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
                tasks.create_task(_requests(spec, picture, node, client, found))
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


# --- a real request ---------------------------------------------------------------------------------


async def _requests(
    spec: ClusterSpec, picture: ClusterPicture, node: NodePicture, probe: ClientProbe, found: _Found
) -> None:
    """One for each IP version that the VIPs have; all must be answered."""
    answers: list[Answer] = []
    for version in sorted({v.address.version for v in picture.vips}):
        where = own_address(spec, picture, node, version)
        if where is None:
            text = f"no IPv{version} address of its own on {node.spec.lan_interface} is known where squid listens"
            answers.append(Answer(ok=None, text=text))
            continue
        try:
            async with asyncio.timeout(PROBE_S):
                answers.append(_answer(await probe.probe(spec, where), where))
        except TimeoutError:
            answers.append(Answer(ok=False, text=f"no answer at {where} within {PROBE_S:g} s"))
    if answers:
        worst = min(answers, key=lambda a: {False: 0, None: 1, True: 2}[a.ok])
        found.requests[node.name] = Answer(ok=worst.ok, text="; ".join(a.text for a in answers))


async def own_request(
    spec: ClusterSpec, picture: ClusterPicture, node: NodePicture, probe: ClientProbe
) -> Answer | None:
    """A real request through the node's squid at an address of its own; None: no VIP is known, none was made."""
    found = _Found()
    await _requests(spec, picture, node, probe, found)
    return found.requests.get(node.name)


def _answer(result: ClientResult, where: IpAddress) -> Answer:
    if not result.ok:
        return Answer(ok=False, text=f"{where}: {result.error or 'refused'}")
    if result.checked != "http":
        return Answer(ok=None, text=f"{where} accepts connections; without probe_url no request is made")
    took = "" if result.latency_s is None else f" in {result.latency_s * 1000:.0f} ms"
    return Answer(ok=True, text=f"{result.status} at {where}{took}")


def own_address(spec: ClusterSpec, picture: ClusterPicture, node: NodePicture, version: int) -> IpAddress | None:
    """An address of the node's own on its LAN, in a VIP's network if it has one there.

    Where squid listens on VIPs only: one that the node has now, and squid listens on.
    """
    vips = {v.address for v in picture.vips}
    own = [
        a.address
        for a in node.addresses_of(node.spec.lan_interface)
        if a.address.version == version and not a.address.is_link_local and not a.tentative
        and a.address.ip not in vips and a.address.ip not in node.managed
    ]  # fmt: skip
    own.sort(key=lambda a: not any(v.version == version and v in a.network for v in vips))
    held = [v for v in vips if v.version == version and node.holds(v)]
    listening = None if node.squid is None else node.squid.listening
    candidates = [*(a.ip for a in own), *sorted(held, key=int)]
    if listening is not None and listening:
        everywhere = any(x.address is None and (version == 4 or not x.text.startswith("0.0.0.0:")) for x in listening)
        some = {x.address for x in listening if x.port == spec.squid_port}
        candidates = candidates if everywhere else [c for c in candidates if c in some]
    else:
        candidates = candidates[: len(own)]
    return next(iter(candidates), None)


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
        context = interpret.Context(node=self.node.name, user=self.node.spec.ssh.user or "the login")
        outputs = {} if output is None else {read.KEEPALIVED_TEST.id: output}
        told = interpret.config_test(context, 0.0, outputs, version)
        if not isinstance(told, NodeRead):
            self.found.config_test = ConfigTest(ok=None, why_unknown=told.problem.summary)
        elif isinstance(told.reading, ConfigTest):
            self.found.config_test = told.reading

    # --- rights -------------------------------------------------------------------------------------

    async def _rights(self) -> None:
        wanted = wanted_rights(self.action) if self._touched else (keeping.LOCK,)
        if self.uid is None:
            return
        if self.uid == 0:
            self._may(wanted, Answer(ok=True, text="the login is root"))
            return
        if not self.desk.node.ssh.sudo:
            text = "the login is not root, and sudo is not configured for this node"
            self._may([s for s in wanted if s.root is Root.NEEDED], Answer(ok=False, text=text))
            self._may([s for s in wanted if s.root is not Root.NEEDED], Answer(ok=True, text="needs no root"))
            return
        listed = _Once(lambda: self._output(entries.SUDO_LIST))
        async with asyncio.TaskGroup() as tasks:
            for each in wanted:
                tasks.create_task(self._by_sudo(each, listed))

    def _may(self, specs: Iterable[CommandSpec], answer: Answer) -> None:
        self.found.rights.update({(self.node.name, s.id): answer for s in specs})

    async def _by_sudo(self, spec: CommandSpec, listed: _Once) -> None:
        asked = entries.may(spec, self._names())
        if asked is None:
            self._may([spec], Answer(ok=True, text="needs no root"))
            return
        output = await self._output(asked)
        if output is None:
            return
        try:
            word = parse.parse_may(decode(output.stdout), output.stderr, output.status)
            free = word.free
            if word.allowed and free is None and (rules := await listed.get()) is not None and rules.status == 0:
                free = parse.parse_password_free(decode(rules.stdout), word.command)
        except ParseError as error:
            self._may([spec], Answer(ok=None, text=f"sudo told nothing that can be read: {error}"))
            return
        if not word.allowed:
            text = f"{word.words}; `haconsole sudoers` prints the line for `{spec.id}`"
            self._may([spec], Answer(ok=False, text=text))
        elif free:
            self._may([spec], Answer(ok=True, text="sudo permits it, without a password"))
        else:
            text = (
                f"sudo permits it, but may want a password: no NOPASSWD rule for `{spec.id}` is the last that matches"
            )
            self._may([spec], Answer(ok=None, text=text))

    def _names(self) -> OperationNames:
        """As the desk fills them."""
        return OperationNames(
            keepalived_unit=self.spec.keepalived_service.removesuffix(".service"),
            squid_unit=self.spec.squid_service.removesuffix(".service"),
            config_file=self.spec.keepalived_config,
            drain_file=self.spec.drain_file,
            interface=self.action.interface or "lo",
        )


class _Once:
    """The list of all rules: asked for when the first needs it, and once."""

    def __init__(self, make: Callable[[], Awaitable[Output | None]]) -> None:
        self._make, self._lock = make, asyncio.Lock()
        self._told: tuple[Output | None] | None = None

    async def get(self) -> Output | None:
        async with self._lock:
            if self._told is None:
                self._told = (await self._make(),)
            return self._told[0]


def wanted_rights(action: Action) -> tuple[CommandSpec, ...]:
    """Every entry that the action runs, or that takes it back, as root."""
    commands = {**keeping.COMMANDS, **change.COMMANDS}
    ids = [keeping.LOCK.id, action.save_id, action.arm_id, action.change_id, action.back_id]
    if action.arm_id is not None:
        ids += [keeping.DISARM.id, keeping.CLEAR.id, *(s.id for s in keeping.REVERT_NOW.values())]
    if action.kind in {Kind.DRAIN, Kind.UNDRAIN}:
        ids.append(keeping.NOTE.id)
    if action.kind is Kind.DRAIN and action.method is Method.STOP:
        ids.append(change.KEEPALIVED_START.id)
    return tuple(commands[i] for i in dict.fromkeys(ids) if i is not None)


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
