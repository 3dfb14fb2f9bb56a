"""What a running drill sees: the monitor's events, the packets of its nodes, its own measuring client. Feeds `Seen`.

It looks ten times a second; nothing of it can hold up the executor. Here is the stop condition too: a VIP
whose clients are not served for longer than was predicted, and a margin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from haconsole.cluster.wire_log import names_of
from haconsole.io.ports import Clock
from haconsole.model.capture import Heard
from haconsole.model.drill import Claim, Phase, Request
from haconsole.model.events import Event, Subject
from haconsole.model.spec import IpAddress
from haconsole.operations.drills.expect import Expected
from haconsole.operations.drills.figures import Clients, unserved_s
from haconsole.operations.drills.seen import Seen
from haconsole.operations.drills.steady import addresses
from haconsole.runtime.monitor import Monitor
from haconsole.runtime.traffic import Traffic
from haconsole.runtime.wire_watch import own_vrids
from haconsole.wire import pcap

LOOK_S: Final = 0.1
FRAMES_KEPT: Final = 20_000
_STOPS: Final = frozenset({Phase.INJECT, Phase.TAKEOVER, Phase.HOLD})


class Watch:
    """One drill's eyes."""

    def __init__(
        self,
        monitor: Monitor,
        clock: Clock,
        expected: Expected,
        seen: Seen,
        *,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        """looked: called after each look."""
        self.seen = seen
        self.expected = expected
        self.traffic = Traffic(clock, self._request)
        self.traffic_problem: str | None = None
        self.during: dict[str, tuple[str, ...] | None] = {}
        """Node -> its addresses while it was held, as last seen."""
        self._monitor, self._clock, self._looked = monitor, clock, looked
        self._last_good: dict[str, float] = {}
        self._last_failed: dict[str, float] = {}
        self._frames: list[Heard] = []
        hearing = monitor.hearing
        self._number = 0 if hearing is None else hearing.total
        self._task: asyncio.Future[None] | None = None

    # --- begin and end ------------------------------------------------------------------------------

    async def begin(self, vips: tuple[IpAddress, ...]) -> None:
        """Watch, and start the measuring client. Raises: TrafficError: it could not be started."""
        self._monitor.listeners.append(self._event)
        self._task = asyncio.ensure_future(self._keep_looking())
        await self.traffic.start(self._monitor.spec, vips)

    async def end(self) -> None:
        """No more. Safe to call twice."""
        await self.traffic.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            self.look()
        if self._event in self._monitor.listeners:
            self._monitor.listeners.remove(self._event)

    # --- looking ------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Once: addresses, states, packets."""
        picture, seen = self._monitor.picture(), self.seen
        seen.picture(picture)
        if seen.phase in {Phase.TAKEOVER, Phase.HOLD}:
            for node in picture.nodes:
                cut = self.expected.own_path and node.name == self.expected.node
                self.during[node.name] = None if cut else addresses(node)
        seen.log_unread = {
            n.name: n.failed[Subject.LOG].value.summary for n in picture.nodes if Subject.LOG in n.failed
        }
        self._packets()
        self._looked()

    def _packets(self) -> None:
        hearing = self._monitor.hearing
        if hearing is None:
            return
        first, heard = hearing.since(self._number)
        self._number = first + len(heard)
        names = {str(a): n for a, n in names_of(self._monitor.state).items()}
        vrids = own_vrids(self._monitor.state)
        for each in heard:
            self.seen.heard(each, names, vrids)
            if len(self._frames) < FRAMES_KEPT and each.at >= self.seen.since:
                self._frames.append(each)
        for place in hearing.places.values():
            self.seen.listening[place.name] = place.since is not None

    def _event(self, event: Event) -> None:
        node = getattr(event, "node", None)
        state = self._monitor.state.nodes.get(node) if node is not None else None
        self.seen.event(event, None if state is None else state.clock, None if state is None else state.latency_s)

    def _request(self, request: Request) -> None:
        last = self._last_good if request.ok else self._last_failed
        last[request.vip] = max(request.started, last.get(request.vip, 0.0))

    # --- what the clients get -----------------------------------------------------------------------

    def clients(self) -> Clients:
        """All up to now."""
        known, recording = self.traffic.known, self.traffic.snapshot(1.0)
        return Clients(
            requests=self.traffic.requests,
            known=None if known is None else (known.since, known.until),
            interval_ms=recording.interval_ms,
            problem=self.traffic_problem or recording.problem,
            begun=sum(c.begun for c in recording.counts),
            unjudged=sum(c.unjudged for c in recording.counts),
            missed=sum(c.missed for c in recording.counts),
        )

    def baseline(self, seconds: float) -> list[Claim]:
        """What the measuring client got in the last `seconds` that are known, a claim for each VIP."""
        clients, found = self.clients(), []
        until = clients.known[1] if clients.known is not None else 0.0
        for vip in (str(v.address) for v in self._monitor.picture().vips):
            told = [r for r in clients.requests if r.vip == vip and until - seconds <= r.started < until]
            failed = [r for r in told if not r.ok]
            evidence = f"{len(failed)} of {len(told)} requests failed" + (f": {failed[0].error}" if failed else "")
            evidence = evidence if told else "no request was begun, or none could be judged"
            evidence += f"; {clients.busy}" if clients.busy is not None and (failed or not told) else ""
            ok = None if not told or clients.problem is not None else not failed
            text = f"clients of {vip} lose nothing before it"
            found.append(Claim(text=text, ok=ok, evidence=clients.problem or evidence))
        return found

    def unserved_s(self) -> Mapping[str, float]:
        """VIP -> for how long requests have failed since the last good one, as far as is known."""
        known = self.traffic.known
        if known is None:
            return {}
        until, failed = known.until, self._last_failed
        return {vip: unserved_s(good, failed.get(vip), until) for vip, good in self._last_good.items()}

    def tripped(self) -> str | None:
        """The stop condition, in words; None: it holds."""
        if self.seen.phase not in _STOPS:
            return None
        for vip, seconds in self.unserved_s().items():
            limit = self.expected.outage_allowed_s(vip)
            if seconds > limit:
                return (
                    f"{vip} has not served its clients for {seconds:.1f} s, {limit:.1f} s at most were to be expected"
                )
        return None

    # --- the wire -----------------------------------------------------------------------------------

    def pcap(self) -> bytes | None:
        """What one place heard: the one that heard most, which is not the node that is cut off. None: nothing."""
        counts: dict[str, int] = {}
        for each in self._frames:
            if each.place is not None:
                counts[each.place] = counts.get(each.place, 0) + 1
        others = {p: n for p, n in counts.items() if p != self.expected.node} or counts
        if not others:
            return None
        best = max(others, key=lambda place: others[place])
        chosen = [f for f in self._frames if f.place == best]
        link_type = chosen[0].link_type
        records = (pcap.record(f.at, f.frame, f.length) for f in chosen if f.link_type == link_type)
        return pcap.header(link_type) + b"".join(records)
