"""Every node of a cluster listens on its LAN, over the connection that its session keeps anyway.

What is heard goes into the cluster's `Hearing`, where views look at their own pace. The reducer gets
no packets but a reading of each place: at once when something happened that matters, at most four
times a second; else every five seconds. So a flood on the wire is no flood of events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from haconsole.cluster.hearing import Hearing
from haconsole.cluster.wire_log import names_of
from haconsole.cluster.wire_reading import reading_of, what_matters
from haconsole.io.ports import Clock, Connection
from haconsole.model.capture import CaptureNews, CapturePhase, CaptureState, Heard
from haconsole.model.events import Event, WireHeard
from haconsole.model.hearing import Takeover
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import NodeSpec
from haconsole.model.state import ClusterState
from haconsole.parse.keepalived_conf import vrrp_instances
from haconsole.runtime.capture import NodeCapture
from haconsole.runtime.collector import unforeseen

LOOK_S: Final = 0.25
"""Between two looks at what a place heard, when something was heard."""
STORM_LOOK_S: Final = 1.0
"""The same while packets are lost or left out: then nearly every look finds something new."""
STORM_S: Final = 5.0
"""So long after the last loss the storm counts as over."""
IDLE_S: Final = 0.5
"""Silence is noticed within this."""
TELL_S: Final = 5.0
"""A place that goes on as before says so this often."""
TAKEOVERS_PER_S: Final = 5
"""Told one by one; the others are counted."""
AGAIN_S: Final = 600.0
"""What a person must mend (rights, a missing tcpdump) is tried again this often, and at every new connection:
each refused sudo is a line in the node's log."""
_FOR_A_PERSON: Final = frozenset({ProblemKind.NOT_PERMITTED, ProblemKind.TOOL_MISSING})


class WireWatch:
    """Listens for one cluster. `state` tells which virtual routers and VIPs are its own."""

    def __init__(
        self, hearing: Hearing, clock: Clock, emit: Callable[[Event], None], state: Callable[[], ClusterState]
    ) -> None:
        self._hearing, self._clock, self._emit, self._state = hearing, clock, emit, state
        self._wanted, self._unwanted = asyncio.Event(), asyncio.Event()
        self._wanted.set()

    def want(self, *, wanted: bool) -> None:
        """Listen from now on, or not any more."""
        for event, on in ((self._wanted, wanted), (self._unwanted, not wanted)):
            event.set() if on else event.clear()

    async def follow(self, node: NodeSpec, connection: Connection) -> None:
        """Listen on `node`, while wanted, until the connection dies or this is cancelled. Whatever goes wrong
        with listening is told and stays its own trouble."""
        while True:
            await self._wanted.wait()
            listening = asyncio.ensure_future(self._follow(node, connection))
            unwanted = asyncio.ensure_future(self._unwanted.wait())
            try:
                await asyncio.wait({listening, unwanted}, return_when=asyncio.FIRST_COMPLETED)
                if listening.done():
                    return
            finally:
                for task in (listening, unwanted):
                    task.cancel()
                await asyncio.gather(listening, unwanted, return_exceptions=True)

    async def _follow(self, node: NodeSpec, connection: Connection) -> None:
        ear = _Ear(node.name, self._hearing, self._clock, self._emit, self._state)
        telling = asyncio.ensure_future(ear.keep_telling())
        try:
            await self._listen(node, connection, ear)
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            ear.over()

    async def _listen(self, node: NodeSpec, connection: Connection, ear: _Ear) -> None:
        while True:
            try:
                capture = NodeCapture(node, self._clock, ear, gives_up=lambda p, _: p.kind in _FOR_A_PERSON)
                await capture.follow(connection)
            except ProblemError as error:
                ear.trouble(error.problem)
                if error.problem.kind is ProblemKind.LINK_LOST:
                    return
            except Exception as error:  # noqa: BLE001 - listening must not be able to end the session
                ear.trouble(unforeseen(node.name, error))
            await asyncio.sleep(AGAIN_S)


class _Ear:
    """One place: implements `runtime.heard.Sink`, and tells the reducer."""

    def __init__(
        self,
        place: str,
        hearing: Hearing,
        clock: Clock,
        emit: Callable[[Event], None],
        state: Callable[[], ClusterState],
    ) -> None:
        self._place, self._hearing, self._clock, self._emit, self._state = place, hearing, clock, emit, state
        self._woken = asyncio.Event()
        self._told: Hashable = None
        self._told_at = float("-inf")
        self._takeovers: list[Takeover] = []
        self._left_out = 0
        self._second = (0, 0)
        """(which second, take-overs told in it)."""

    async def packets(self, heard: Sequence[Heard]) -> None:
        for takeover in self._hearing.take(heard):
            if len(self._takeovers) < TAKEOVERS_PER_S:
                self._takeovers.append(takeover)
            else:
                self._left_out += 1
        self._woken.set()

    def news(self, news: CaptureNews) -> None:
        self._hearing.news(news)
        if isinstance(news, CaptureState):
            self._woken.set()

    def trouble(self, problem: Problem) -> None:
        """Not listening, and why."""
        self.news(CaptureState(place=self._place, at=self._clock.now(), phase=CapturePhase.WAITING, problem=problem))

    def over(self) -> None:
        """Nobody listens here any more: its silence proves nothing."""
        place = self._hearing.places[self._place]
        if place.since is not None or place.state is None:
            self.news(CaptureState(place=self._place, at=self._clock.now(), phase=CapturePhase.OVER))
        self.tell()

    async def keep_telling(self) -> None:
        """Look again and again whether there is something to tell."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._woken.wait()
            self._woken.clear()
            self.tell()
            lost_at = self._hearing.places[self._place].doubtful_at
            storm = lost_at is not None and 0 <= self._clock.now() - lost_at < STORM_S
            await asyncio.sleep(STORM_LOOK_S if storm else LOOK_S)

    def tell(self) -> None:
        """One event, if something that matters is new or the last one is old."""
        now, state = self._clock.now(), self._state()
        ours = own_vrids(state)
        reading = reading_of(self._hearing.places[self._place], now, ours, state.vips, lambda: names_of(state))
        matters = what_matters(reading)
        takeovers = self._some(now, ours)
        if matters == self._told and not takeovers and now - self._told_at < TELL_S:
            return
        self._told, self._told_at = matters, now
        left_out, self._left_out = self._left_out, 0
        self._emit(WireHeard(place=self._place, at=now, reading=reading, takeovers=takeovers, left_out=left_out))

    def _some(self, now: float, ours: frozenset[int]) -> tuple[Takeover, ...]:
        """Take-overs of our virtual routers that may be told in this second."""
        own = [t for t in self._takeovers if t.key[0] in ours]
        self._takeovers = []
        second, told = self._second if self._second[0] == int(now) else (int(now), 0)
        chosen = own[: max(0, TAKEOVERS_PER_S - told)]
        self._left_out += len(own) - len(chosen)
        self._second = (second, told + len(chosen))
        return tuple(chosen)


def own_vrids(state: ClusterState) -> frozenset[int]:
    """VRIDs that a daemon or a configuration of the cluster names."""
    found: set[int] = set()
    for node in state.nodes.values():
        if node.daemon is not None:
            found.update(i.vrid for i in node.daemon.value.instances if i.vrid is not None)
        if node.config is not None:
            found.update(i.vrid for i in vrrp_instances(node.config.value.conf) if i.vrid is not None)
    return frozenset(found)
