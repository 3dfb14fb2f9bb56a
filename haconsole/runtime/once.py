"""One look at a cluster, as quick as the nodes allow: for `status` and `doctor`.

The same readings, events and reducer as the live console; only nothing is followed. A finding
that a hand-over could explain is looked at a second time before it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.picture import DEFAULT_POLICY, Policy
from haconsole.cluster.reduce import initial, reduce
from haconsole.io.ports import ClientProbe, Clock, Connection, Connector
from haconsole.model.events import Event, LinkPhase, LogHeard, Phase, ReadFailed, Subject
from haconsole.model.findings import Severity
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.model.state import ClusterState
from haconsole.runtime.collector import first_problem, unforeseen
from haconsole.runtime.prober import probe_once
from haconsole.runtime.reader import Group, NodeReader
from haconsole.runtime.session import DAEMON_YOUNG_S

NODE_LIMIT_S: Final = 20.0
"""A node that has not told everything by then is left with what it told."""
LONG_LOOK_S: Final = 3.0
SIGN_OF_LIFE_S: Final = 4.0
AGAIN_S: Final = 5.0
"""The second look ends before what the first one taught of the others is too old."""
SECOND_LOOK_S: Final = 1.6
"""Longer than keepalived's own hand-over has an address on both nodes or on none."""


class Look:
    """Collects one cluster's events for one look."""

    def __init__(self, spec: ClusterSpec, connector: Connector, probe: ClientProbe, clock: Clock) -> None:
        self._spec, self._connector, self._probe, self._clock = spec, connector, probe, clock
        self._readers: dict[str, NodeReader] = {}
        self._connections: list[Connection] = []
        self.state: ClusterState = initial(spec)

    def emit(self, event: Event) -> None:
        """Take one event."""
        self.state = reduce(self.state, event)

    async def run(self, policy: Policy = DEFAULT_POLICY) -> Snapshot:
        """Read every node and every VIP once; bounded in time; never raises for what nodes do."""
        started = self._clock.now()
        try:
            known = tuple(self.state.vips)
            async with asyncio.TaskGroup() as tasks:
                for node in self._spec.nodes:
                    tasks.create_task(self._node(node))
                tasks.create_task(self._probe_all(known))
            await self._probe_all(tuple(a for a in self.state.vips if a not in known))
            if self._clock.now() - started > LONG_LOOK_S:
                await self._still_there()
            snapshot = conclude(self._spec, self.state, self._clock.now(), policy)
            if self._doubtful(snapshot):
                await asyncio.sleep(SECOND_LOOK_S)
                await self._again()
                snapshot = conclude(self._spec, self.state, self._clock.now(), policy)
            return snapshot
        finally:
            for connection in self._connections:
                connection.abort()

    async def _still_there(self) -> None:
        """One node was slow: the others are asked for a sign of life, so that nothing old passes for new."""

        async def one(node: str, reader: NodeReader) -> None:
            try:
                async with asyncio.timeout(SIGN_OF_LIFE_S):
                    await self._beat(reader)
                    await self._take_all(reader.read_units)  # believed no longer than the slow node took
            except Exception as error:  # noqa: BLE001 - as in `_node`
                self._lost(node, error, "answered, and then no more")

        connected = {n for n, s in self.state.nodes.items() if s.phase is Phase.CONNECTED}
        async with asyncio.TaskGroup() as tasks:
            for node, reader in self._readers.items():
                if node in connected:
                    tasks.create_task(one(node, reader))
            tasks.create_task(self._probe_all(tuple(self.state.vips)))

    @staticmethod
    def _doubtful(snapshot: Snapshot) -> bool:
        """A hand-over under way looks like trouble for a moment."""
        return any(not v.settled for v in snapshot.picture.vips) or any(
            f.severity is Severity.CRITICAL for f in snapshot.findings
        )

    async def _again(self) -> None:
        connected = {n for n, s in self.state.nodes.items() if s.phase is Phase.CONNECTED}

        async def one(node: str, reader: NodeReader) -> None:
            try:
                async with asyncio.timeout(AGAIN_S):
                    await self._groups(reader, (Group.KERNEL,))
                    await self._take_all(reader.read_units)
                    await self._settled(reader)
                    await self._groups(reader, (Group.DAEMON,))
            except Exception as error:  # noqa: BLE001 - as in `_node`
                self._lost(node, error, "answered, and then no more")

        async with asyncio.TaskGroup() as tasks:
            for node, reader in self._readers.items():
                if node in connected:
                    tasks.create_task(one(node, reader))
            tasks.create_task(self._probe_all(tuple(self.state.vips)))

    async def _probe_all(self, vips: tuple[IpAddress, ...]) -> None:
        await probe_once(self._spec, vips, self._probe, self._clock, self.emit)

    async def _node(self, node: NodeSpec) -> None:
        now = self._clock.now
        self.emit(LinkPhase(node=node.name, at=now(), phase=Phase.CONNECTING))
        try:
            async with asyncio.timeout(NODE_LIMIT_S):
                await self._read_or_problem(node)
        except Exception as error:  # noqa: BLE001 - a node must not be able to end the look at the others
            self._lost(node.name, error, f"not read to the end within {NODE_LIMIT_S:.0f} s")

    def _lost(self, node: str, error: Exception, late: str) -> None:
        """`late`: what it means when the time ran out."""
        if isinstance(error, ProblemError):
            problem = error.problem
        elif isinstance(error, TimeoutError):
            summary, remedy = f"{node}: {late}", f"look at the load of {node}"
            problem = Problem(kind=ProblemKind.TIMED_OUT, summary=summary, remedy=remedy)
        else:
            problem = unforeseen(node, error)
        self.emit(LinkPhase(node=node, at=self._clock.now(), phase=Phase.WAITING, problem=problem))

    async def _read_or_problem(self, node: NodeSpec) -> None:
        try:
            await self._read(node)
        except* ProblemError as group:
            raise first_problem(group) from None

    async def _read(self, node: NodeSpec) -> None:
        connection = await self._connector.connect(node)
        self._connections.append(connection)
        self.emit(LinkPhase(node=node.name, at=self._clock.now(), phase=Phase.CONNECTED))
        reader = NodeReader(self._spec, node, connection, self._clock)
        async with asyncio.TaskGroup() as tasks:
            # First on the link: its trip bounds how well the clock's offset is known. Waiting for its end would
            # cost a trip more; what is read beside it can only widen that bound, which is told with it.
            tasks.create_task(self._beat(reader))
            tasks.create_task(self._take_all(reader.introduce))
            tasks.create_task(self._groups(reader, (Group.KERNEL,)))
        self._readers[node.name] = reader
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._daemon(reader))
            tasks.create_task(self._groups(reader, (Group.SQUID, Group.COUNTERS)))
            tasks.create_task(self._groups(reader, (Group.CONFIG,)))
            tasks.create_task(self._take_all(reader.read_host))

    async def _daemon(self, reader: NodeReader) -> None:
        await self._settled(reader)
        events, log = await reader.daemon_and_log()
        for event in events:
            self.emit(event)
        weak = any(isinstance(e, ReadFailed) and e.subject is Subject.DAEMON for e in events)
        for event in log:
            # The dump tells the state; the log, if there is one, tells what came before it.
            if weak or isinstance(event, LogHeard):
                self.emit(event)

    @staticmethod
    async def _settled(reader: NodeReader) -> None:
        """No signal to a keepalived that has only just been started."""
        age = reader.started_ago_s()
        if age is not None and age < DAEMON_YOUNG_S:
            await asyncio.sleep(DAEMON_YOUNG_S - age)

    async def _groups(self, reader: NodeReader, groups: Sequence[Group]) -> None:
        for group in groups:
            for event in await reader.read(group):
                self.emit(event)

    async def _beat(self, reader: NodeReader) -> None:
        self.emit(await reader.beat())

    async def _take_all(self, ask: Callable[[], Awaitable[list[Event]]]) -> None:
        for event in await ask():
            self.emit(event)
