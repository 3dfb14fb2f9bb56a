"""One cluster, live: its sessions and probes feed the reducer; views take snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.picture import DEFAULT_POLICY, Policy
from haconsole.cluster.reduce import initial, reduce
from haconsole.io.ports import ClientProbe, Clock, Connector
from haconsole.model.events import Event
from haconsole.model.spec import ClusterSpec
from haconsole.model.state import ClusterState
from haconsole.runtime.prober import keep_probing
from haconsole.runtime.session import NodeSession


class Monitor:
    """Keeps one cluster's state. Single-threaded: everything runs on one event loop."""

    def __init__(
        self,
        spec: ClusterSpec,
        connector: Connector,
        probe: ClientProbe,
        clock: Clock,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self.spec = spec
        self._connector, self._probe, self._clock, self._policy = connector, probe, clock, policy
        self._state = initial(spec)
        self._kept: tuple[int, int, Snapshot] | None = None
        self._changed = asyncio.Event()

    @property
    def state(self) -> ClusterState:
        return self._state

    def serial(self) -> int:
        """Grows with every event."""
        return self._state.serial

    def snapshot(self, now: float) -> Snapshot:
        """What may be said at `now`. The same object while nothing happened within one second."""
        key = (self._state.serial, int(now))
        if self._kept is None or self._kept[:2] != key:
            self._kept = (*key, conclude(self.spec, self._state, now, self._policy))
        return self._kept[2]

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._state = reduce(self._state, event)
        self._changed.set()

    async def changed(self) -> None:
        """Return at the next event."""
        self._changed.clear()
        await self._changed.wait()

    async def run(self) -> None:
        """Follow the cluster; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for node in self.spec.nodes:
                session = NodeSession(self.spec, node, self._connector, self._clock, self.emit)
                tasks.create_task(session.run())
            tasks.create_task(keep_probing(self.spec, lambda: self._state.vips, self._probe, self._clock, self.emit))


async def run_all(monitors: Sequence[Monitor], connector: Connector) -> None:
    """Follow several clusters until cancelled; the shared connector is closed at the end."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for monitor in monitors:
                tasks.create_task(monitor.run())
    finally:
        await connector.close()
