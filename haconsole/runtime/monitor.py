"""One cluster, live: its sessions and probes feed the reducer; views take snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from haconsole.cluster.believe import picture
from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.hearing import Hearing
from haconsole.cluster.news import is_news
from haconsole.cluster.picture import DEFAULT_POLICY, ClusterPicture, Policy
from haconsole.cluster.reduce import initial, reduce
from haconsole.cluster.rules.common import NO_ANSWER_TO_SYN
from haconsole.io.ports import ClientProbe, Clock, Connector
from haconsole.model.events import ClientProbed, Event, KernelEvent
from haconsole.model.readings import AddressAdded
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.model.state import ClusterState
from haconsole.runtime.prober import keep_probing
from haconsole.runtime.session import NodeSession
from haconsole.runtime.wire_watch import WireWatch

LISTENING: Final = 8
"""So many clusters listen all the time. A capture costs this console up to two tenths of a percent of a core and
each node a tcpdump: of more clusters only those that are looked at listen."""
LINGER_S: Final = 60.0
"""A cluster that was left goes on listening for so long: people go back and forth."""


class Monitor:
    """Keeps one cluster's state. Single-threaded: everything runs on one event loop."""

    def __init__(
        self,
        spec: ClusterSpec,
        connector: Connector,
        probe: ClientProbe,
        clock: Clock,
        policy: Policy = DEFAULT_POLICY,
        *,
        listen: bool = True,
    ) -> None:
        """listen: have every node listen on the wire, with its own tcpdump."""
        self.spec = spec
        self.hearing: Hearing | None = Hearing([n.name for n in spec.nodes]) if listen else None
        self._connector, self._probe, self._clock, self._policy = connector, probe, clock, policy
        self._state = initial(spec)
        self._news = 0
        self._kept: tuple[int, int, Snapshot] | None = None
        self._changed = asyncio.Event()
        self.listeners: list[Callable[[Event], None]] = []
        """Called with every event, once it is part of the state. They must be quick, and raise nothing."""
        self._sessions: dict[str, NodeSession] = {}
        self._watch: WireWatch | None = None
        if self.hearing is not None:
            self._watch = WireWatch(self.hearing, clock, self.emit, lambda: self._state)

    @property
    def state(self) -> ClusterState:
        return self._state

    def serial(self) -> int:
        """Grows with every event that is news."""
        return self._news

    def snapshot(self, now: float) -> Snapshot:
        """What may be said at `now`. The same object until something is news, or the next second begins."""
        key = (self._news, int(now))
        if self._kept is None or self._kept[:2] != key:
            self._kept = (*key, conclude(self.spec, self._state, now, self._policy))
        return self._kept[2]

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._news += is_news(self._state, event)
        self._state = reduce(self._state, event)
        self._changed.set()
        if isinstance(event, KernelEvent) and isinstance(event.change, AddressAdded):
            self._doubt(event.node, event.change.address.address.ip)
        if isinstance(event, ClientProbed):
            self._ask_squid(event)
        for listener in tuple(self.listeners):
            listener(event)

    def _doubt(self, taker: str, vip: IpAddress) -> None:
        """A node got a VIP: what the daemons of the others say of themselves is asked anew."""
        if vip in self._state.vips:
            for name, session in self._sessions.items():
                if name != taker:
                    session.read_daemon_anew()

    def _ask_squid(self, probed: ClientProbed) -> None:
        """A client began to fail, or is served again: is it squid, or the kernel? Once for each change."""
        vip = self._state.vips.get(probed.vip)
        if vip is not None and probed.at == (
            vip.ok_since if len(vip.probes) > 1 and probed.result.ok else vip.failed_since
        ):
            for session in self._sessions.values():
                session.read_squid_anew(unanswered=probed.result.error == NO_ANSWER_TO_SYN)

    async def changed(self) -> None:
        """Return at the next event."""
        self._changed.clear()
        await self._changed.wait()

    def picture(self) -> ClusterPicture:
        """What may be believed at this moment."""
        return picture(self.spec, self._state, self._clock.now(), self._policy)

    def read_anew(self) -> None:
        """Have every node that can be reached be read at once."""
        for session in self._sessions.values():
            session.read_anew()

    def attend(self, *, attended: bool) -> None:
        """Somebody looks at this cluster, or nobody: only then do the nodes listen on the wire. At first: yes."""
        if self._watch is not None:
            self._watch.want(wanted=attended)

    async def run(self) -> None:
        """Follow the cluster; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for node in self.spec.nodes:
                session = NodeSession(self.spec, node, self._connector, self._clock, self.emit, watch=self._watch)
                self._sessions[node.name] = session
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


async def listen_where_open(monitors: Sequence[Monitor], opened: Callable[[], str | None]) -> None:
    """Of many clusters only the one on the screen listens, and those that just were. `opened`: its name."""
    if len(monitors) <= LISTENING:
        return
    now = asyncio.get_running_loop().time
    until: dict[str, float] = {}
    while True:
        name = opened()
        if name is not None:
            until[name] = now() + LINGER_S
        for monitor in monitors:
            monitor.attend(attended=until.get(monitor.spec.name, float("-inf")) > now())
        await asyncio.sleep(0.5)
