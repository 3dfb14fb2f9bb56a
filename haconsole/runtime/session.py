"""One node, for as long as the console runs: connect, read, follow, and again when the link dies.

Everything that happens becomes an event. A node that hangs hurts nobody else: each has its own
session, every wait is bounded, and cancellation is immediate.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from haconsole.catalogue import read, script
from haconsole.catalogue.command import StreamSpec
from haconsole.io.ports import Clock, Connection, Connector
from haconsole.model.events import Event, KernelEvent, LinkPhase, LogHeard, Phase
from haconsole.model.problems import Problem, ProblemError
from haconsole.model.readings import LogFactKind, Rights
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.runtime.collector import READ_ANEW, Collector, Source, first_problem, unforeseen
from haconsole.runtime.reader import Group, NodeReader
from haconsole.runtime.tasks import apart
from haconsole.runtime.wire_watch import WireWatch

BACKOFF_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
PERMANENT_S: Final = 20.0
"""A problem that a person must mend is tried again this often."""
DUMP_GAP_S: Final = 1.0
"""At most one dump a second and node: consoles that ask at once share a file."""
DAEMON_YOUNG_S: Final = 2.5
"""No signal to keepalived in its first two seconds."""
SECOND_LOOK_S: Final = 1.0
"""Addresses that may have changed unheard are read again so much later. Below `Policy.settle_s`: nothing is
concluded from them until then."""

DROPPED_AGAIN_S: Final = 1.5
"""After the kernel's counts were read because a client got no answer, they are read once more so much later: a client
sends its SYN again after 1 s and 3 s (RFC 6298), and two readings show whether the kernel dropped it."""

CADENCE_S: Final = {
    Group.UNITS: 5.0,
    Group.KERNEL: 15.0,
    Group.DAEMON: 30.0,
    Group.COUNTERS: 10.0,  # each page is a request that squid counts too
    Group.SQUID: 10.0,
    Group.CONFIG: 120.0,
    Group.VERSIONS: 600.0,
}
FAST: Final = (Group.KERNEL, Group.UNITS, Group.DAEMON)
SLOW: Final = (Group.SQUID, Group.COUNTERS, Group.CONFIG, Group.VERSIONS)
"""A hung `squid -k check` must not hold up what keepalived says: two lanes."""


@dataclass(slots=True)
class Agenda:
    """When each group is due, in console time. Pure."""

    due: dict[Group, float]
    again: dict[Group, float] = field(default_factory=dict)
    """Groups that are due so many seconds after their next reading, once."""

    def ready(self, now: float) -> list[Group]:
        """Groups due at `now`, in the order of the lane."""
        return [g for g, at in self.due.items() if at <= now]

    def done(self, group: Group, now: float) -> None:
        """It was read: due again after its cadence, unless something asked for it meanwhile."""
        self.due[group] = now + min(CADENCE_S[group], self.again.pop(group, CADENCE_S[group]))

    def hasten(self, group: Group, at: float, *, again_s: float | None = None) -> None:
        """Due at `at` at the latest, and once more `again_s` seconds after that reading."""
        if group in self.due:
            self.due[group] = min(self.due[group], at)
            if again_s is not None:
                self.again[group] = again_s

    def next_in(self, now: float) -> float:
        """Seconds until something is due."""
        return max(0.0, min(self.due.values()) - now)


class NodeSession:
    """Runs one node. `emit` takes events; `random_unit` gives jitter in 0..1; `watch` listens on the wire."""

    def __init__(  # noqa: PLR0917 - a node, and the doors it is reached through
        self,
        cluster: ClusterSpec,
        node: NodeSpec,
        connector: Connector,
        clock: Clock,
        emit: Callable[[Event], None],
        random_unit: Callable[[], float] = random.random,
        *,
        watch: WireWatch | None = None,
    ) -> None:
        self._cluster, self._node, self._connector, self._clock = cluster, node, connector, clock
        self._emit, self._random, self._watch = emit, random_unit, watch
        self._lanes: list[tuple[Agenda, asyncio.Event]] = []
        self._reading: set[Group] = set()

    async def run(self) -> None:
        """For ever; ends only by cancellation."""
        failures = 0
        while True:
            self._phase(Phase.CONNECTING)
            started = self._clock.now()
            try:
                await apart(self._connect_and_serve())
            except Exception as error:  # noqa: BLE001 - a node must not be able to end the screen
                problem = error.problem if isinstance(error, ProblemError) else unforeseen(self._node.name, error)
                # A link that held for a while was a good one: start the backoff anew.
                failures = 1 if self._clock.now() - started > 30.0 else failures + 1
                wait = self._wait_s(problem, failures)
                self._phase(Phase.WAITING, problem, self._clock.now() + wait)
                await asyncio.sleep(wait)

    def _wait_s(self, problem: Problem, failures: int) -> float:
        base = PERMANENT_S if problem.kind.permanent else BACKOFF_S[min(failures, len(BACKOFF_S)) - 1]
        return base * (0.75 + 0.5 * self._random())

    def _phase(self, phase: Phase, problem: Problem | None = None, retry_at: float | None = None) -> None:
        at = self._clock.now()
        self._emit(LinkPhase(node=self._node.name, at=at, phase=phase, problem=problem, retry_at=retry_at))

    async def _connect_and_serve(self) -> None:
        connection = await self._connector.connect(self._node)
        try:
            self._phase(Phase.CONNECTED)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lost(connection))
                tasks.create_task(self._serve(connection))
        except* ProblemError as group:
            raise first_problem(group) from None
        finally:
            connection.abort()

    async def _lost(self, connection: Connection) -> None:
        raise ProblemError(await connection.wait_lost())

    async def _serve(self, connection: Connection) -> None:
        reader = NodeReader(self._cluster, self._node, connection, self._clock)
        self._emit(await reader.beat())
        for event in await reader.introduce():
            self._emit(event)
        self._lanes = [self._lane(FAST), self._lane(SLOW)]
        async with asyncio.TaskGroup() as tasks:
            for agenda, wake in self._lanes:
                tasks.create_task(self._keep_reading(reader, agenda, wake))
            tasks.create_task(self._collect(connection, reader))
            if self._watch is not None:
                tasks.create_task(self._watch.follow(self._node, connection))

    def _lane(self, groups: tuple[Group, ...]) -> tuple[Agenda, asyncio.Event]:
        now = self._clock.now()
        fresh = {Group.VERSIONS}  # `introduce` has just read them
        due = {g: now + (CADENCE_S[g] if g in fresh else 0.0) for g in groups}
        return Agenda(due), asyncio.Event()

    async def _keep_reading(self, reader: NodeReader, agenda: Agenda, wake: asyncio.Event) -> None:
        while True:
            for group in agenda.ready(self._clock.now()):
                if group is Group.DAEMON:
                    await self._let_daemon_settle(reader)
                agenda.done(group, self._clock.now())
                self._reading.add(group)
                try:
                    news = await reader.read(group)
                finally:
                    self._reading.discard(group)
                for event in news:
                    self._emit(event)
            wake.clear()
            try:
                async with asyncio.timeout(agenda.next_in(self._clock.now())):
                    await wake.wait()
            except TimeoutError:
                pass

    async def _let_daemon_settle(self, reader: NodeReader) -> None:
        age = reader.started_ago_s()
        if age is not None and age < DAEMON_YOUNG_S:
            await asyncio.sleep(DAEMON_YOUNG_S - age)

    async def _collect(self, connection: Connection, reader: NodeReader) -> None:
        log = log_stream(reader)
        if log is None:
            self._emit(reader.log_failed())
        elif log is read.LOG_FOLLOW and await reader.log_is_empty():
            log = read.LOG_FOLLOW_FIRST
        streams = [read.KERNEL_MONITOR, *([log] if log is not None else [])]
        command = script.collector(streams, reader.names, self._log_rights(reader))
        stream = await connection.stream(command)
        self._look_again()  # what changed before `ip monitor` ran nobody heard
        # Not stopped here: the connection is dropped next, and the node's side ends itself at the end of its input.
        await Collector(self._source(reader), stream, self._clock, self._heard).run()

    def _source(self, reader: NodeReader) -> Source:
        return Source(
            node=self._node.name,
            keepalived_unit=self._cluster.keepalived_service,
            squid_unit=self._cluster.squid_service,
            utc_offset_s=reader.utc_offset_s,
        )

    @staticmethod
    def _log_rights(reader: NodeReader) -> Rights:
        """Members of these groups read the journal without sudo: fewer root processes on the node."""
        identity = reader.identity
        if identity is not None and identity.groups & {"systemd-journal", "adm"}:
            return Rights.PLAIN
        return reader.context.rights

    def _heard(self, event: Event) -> None:
        self._emit(event)
        if isinstance(event, KernelEvent) and Group.KERNEL in self._reading:
            self._look_again()  # the reading may be older than this, and is told after it
        if isinstance(event, LogHeard) and not event.backlog:
            self._react(event)

    def _look_again(self) -> None:
        self._hasten(Group.KERNEL, self._clock.now() + SECOND_LOOK_S)

    def _react(self, event: LogHeard) -> None:
        """What the log says makes readings due: the dump after a transition, units after systemd's word."""
        now, fact = self._clock.now(), event.line.fact
        if fact is not None and fact.kind is LogFactKind.DUMPED:
            return
        if event.line.program == "console" and event.line.text.endswith(READ_ANEW):
            self._hasten(Group.KERNEL, now)
        if event.line.program == "systemd":
            for group in (Group.UNITS, Group.SQUID, Group.COUNTERS):
                self._hasten(group, now + 0.2)
            if "Failed with result" in event.line.text:
                self._hasten(Group.CONFIG, now + 0.2)  # it may be the file that it does not accept
        if fact is None or fact.kind is LogFactKind.OTHER:
            return
        started = fact.kind in {LogFactKind.STARTED, LogFactKind.RELOADED}
        self._hasten(Group.UNITS, now)
        if fact.kind is LogFactKind.SCRIPT:
            self._hasten(Group.SQUID, now)  # it may be what the check asks
        self._hasten(Group.DAEMON, now + (DAEMON_YOUNG_S if started else DUMP_GAP_S))
        if started:
            self._hasten(Group.CONFIG, now + DAEMON_YOUNG_S)

    def read_anew(self) -> None:
        """Read at once what guards and checks are built on: addresses, units, the daemon's word, squid."""
        for group in (Group.KERNEL, Group.UNITS, Group.DAEMON, Group.SQUID):
            self._hasten(group, self._clock.now())

    def read_daemon_anew(self) -> None:
        """Something happened elsewhere that this node's keepalived may not have said a word about."""
        self._hasten(Group.DAEMON, self._clock.now() + DUMP_GAP_S)

    def read_squid_anew(self, *, unanswered: bool = False) -> None:
        """A client is served no more, or again: what squid's port, its check and its cache manager say.

        unanswered: not even its SYN was; whether the kernel drops packets takes two counts."""
        now = self._clock.now()
        for group in (Group.COUNTERS, Group.SQUID):
            self._hasten(group, now)
        self._hasten(Group.UNITS, now, again_s=DROPPED_AGAIN_S if unanswered else None)

    def _hasten(self, group: Group, at: float, *, again_s: float | None = None) -> None:
        for agenda, wake in self._lanes:
            if group in agenda.due:
                agenda.hasten(group, at, again_s=again_s)
                wake.set()


def log_stream(reader: NodeReader) -> StreamSpec | None:
    """How this node's log can be followed; None: not at all with these rights.

    `journalctl --output-fields` came with systemd 236; before it the syslog file is used
    (CentOS 7: /var/log/messages).
    """
    identity, rights = reader.identity, reader.context.rights
    grouped = identity is not None and bool(identity.groups & {"systemd-journal", "adm"})
    if rights is Rights.PLAIN and not grouped:
        return None
    journal = reader.systemd is not None and reader.systemd >= 236
    return read.LOG_FOLLOW if journal else read.LOG_FILE_FOLLOW
