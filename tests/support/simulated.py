"""A console that looks at the demo's cluster in simulated time: an hour takes seconds.

Nothing but time and SSH is replaced: catalogue, the nodes' answers, parsers, reader, reducer and rules are the real
ones, at the real cadences.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from haconsole.catalogue import script
from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.hearing import Hearing
from haconsole.cluster.reduce import initial, reduce
from haconsole.cluster.wire_reading import reading_of
from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.journal import Entry, as_json
from haconsole.demo.node import SimNode
from haconsole.demo.node_shell import NodeShell, framed
from haconsole.demo.plan import ClusterPlan
from haconsole.io.ports import RunResult, Stream
from haconsole.model.capture import CapturePhase, CaptureState, Heard
from haconsole.model.events import (
    ClientProbed,
    ClientResult,
    Event,
    KernelEvent,
    LinkPhase,
    LogHeard,
    Phase,
    WireHeard,
)
from haconsole.model.hearing import Takeover
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec, SshSpec
from haconsole.parse import iproute, journal
from haconsole.runtime.prober import CADENCE_S as PROBE_S
from haconsole.runtime.reader import Group, NodeReader
from haconsole.runtime.session import CADENCE_S
from haconsole.wire import frames

T = TypeVar("T")
ZERO = 1_795_000_000.0
BEAT_S, STEP_S, TELL_S = 2.0, 1.0, 5.0
URL = b"GET http://203.0.113.80/ HTTP/1.1\r\nHost: 203.0.113.80\r\nConnection: close\r\n\r\n"


class Wires:
    """A connection to one simulated node that takes no time."""

    def __init__(self, node: SimNode) -> None:
        self._node, self._shell = node, NodeShell(node)

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        lines = script.read_batch(command)
        assert lines is not None
        marker = stdin.split(b"\n")[0].decode()
        out = b"".join(framed(line, self._shell.line(line), marker) for line in lines)
        return RunResult(stdout=out, stderr=b"", exit_status=0, truncated=False)

    async def stream(self, command: str, *, errors: bool = False) -> Stream:
        raise NotImplementedError

    async def exchange(self, host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        answer = None if self._node.squid.hung else self._node.squid.answer(request, via=host, origin=True)
        if answer is None:
            raise ProblemError(Problem(kind=ProblemKind.TIMED_OUT, summary=f"no answer within {timeout_s:g} s"))
        return answer

    async def wait_lost(self) -> Problem:
        raise NotImplementedError

    def abort(self) -> None:
        """Nothing is open."""


class Simulated:
    """The console. `run` lets time pass; `seen` has what `each` said after every step."""

    def __init__(self, plan: ClusterPlan) -> None:
        self.sim = ClusterSim(plan, ZERO)
        self.spec = ClusterSpec(
            name=plan.name,
            nodes=tuple(
                NodeSpec(
                    name=n.name,
                    address=n.shown_address,
                    ssh=SshSpec(sudo=True),
                    lan_interface="eth0",
                    public_interface="eth1",
                )
                for n in plan.nodes
            ),
            vips=(),
            probe_url="http://203.0.113.80/",
        )
        self.state = initial(self.spec)
        self.hearing = Hearing([n.name for n in plan.nodes])
        self._takeovers: list[Takeover] = []
        self._due: dict[tuple[str, object], float] = {}
        self._readers: dict[str, NodeReader] = {}
        for node in self.sim.nodes.values():
            self._connect(node)

    def now(self) -> float:
        """The console's clock."""
        return self.sim.calendar.wall(self.sim.sim.now)

    def emit(self, event: Event) -> None:
        self.state = reduce(self.state, event)

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.emit(event)

    def _connect(self, node: SimNode) -> None:
        name = node.plan.name
        spec = next(n for n in self.spec.nodes if n.name == name)
        reader = self._readers[name] = NodeReader(self.spec, spec, Wires(node), self)
        self.emit(LinkPhase(node=name, at=self.now(), phase=Phase.CONNECTED))
        self.emit(_done(reader.beat()))
        self._take(asyncio.run(reader.introduce()))
        node.journal.listeners.append(lambda entry: self._logged(name, entry))
        node.kernel.listeners.append(lambda line: self._changed(name, line))
        node.kernel.tap("eth0", lambda frame: self._heard(name, frame))
        self.hearing.news(CaptureState(place=name, at=self.now(), phase=CapturePhase.LISTENING, interface="eth0"))

    def _logged(self, node: str, entry: Entry) -> None:
        line = journal.parse_journal_line(as_json(entry, ()).encode(), keepalived_unit="keepalived", squid_unit="squid")
        if line is not None:
            self.emit(LogHeard(node=node, at=self.now(), line=line))

    def _changed(self, node: str, line: str) -> None:
        change = iproute.parse_monitor_line(line)
        if change is not None:
            self.emit(KernelEvent(node=node, at=self.now(), change=change))

    def _heard(self, node: str, frame: bytes) -> None:
        packet = frames.decode(frame)
        if packet is not None:
            heard = Heard(
                place=node, at=self.now(), error_s=0.001, packet=packet, frame=b"", length=len(frame), link_type=1
            )
            self._takeovers += self.hearing.take([heard])

    def _is_due(self, what: tuple[str, object], every_s: float) -> bool:
        now = self.sim.sim.now
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every_s
        return True

    def run(self, seconds: float, each: Callable[[Snapshot], None] = lambda _: None) -> None:
        """Let time pass; `each` gets what is said after every second."""
        end = self.sim.sim.now + seconds
        while self.sim.sim.now < end:
            self.sim.sim.run_until(self.sim.sim.now + STEP_S)
            for name, reader in self._readers.items():
                if self._is_due((name, "beat"), BEAT_S):
                    self.emit(_done(reader.beat()))
                for group in Group:
                    if self._is_due((name, group), CADENCE_S[group]):
                        self._take(_done(reader.read(group)))
                if self._is_due((name, "wire"), TELL_S) or self._takeovers:
                    self._tell(name)
            if self._is_due(("", "probe"), PROBE_S):
                for vip in tuple(self.state.vips):
                    self.emit(ClientProbed(vip=vip, at=self.now(), result=self._client(vip)))
            each(self.look())

    def _tell(self, name: str) -> None:
        vrids = {i.vrid for i in self.sim.plan.instances}
        reading = reading_of(self.hearing.places[name], self.now(), vrids, tuple(self.state.vips))
        takeovers, self._takeovers = tuple(self._takeovers), []
        self.emit(WireHeard(place=name, at=self.now(), reading=reading, takeovers=takeovers))

    def _client(self, vip: IpAddress) -> ClientResult:
        holder = self.sim.holder(vip)
        if holder is None or holder.squid.hung:
            return ClientResult(ok=False, checked="http", error="no answer within 2 s")
        if not holder.squid.listening:
            return ClientResult(ok=False, checked="http", error="connection refused")
        answer = holder.squid.answer(URL, via=str(vip), origin=self.sim.has_origin(holder)) or b""
        status = int(answer.split(b" ")[1])
        return ClientResult(ok=status == 200, checked="http", status=status, latency_s=0.003)

    def look(self) -> Snapshot:
        """What is said at this moment."""
        return conclude(self.spec, self.state, self.now())


def _done(work: Awaitable[T]) -> T:
    """The result of what never waits."""
    try:
        work.__await__().send(None)  # type: ignore[attr-defined]
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something")
