"""A node that answers whatever it likes: the console stays up, bounded, and says nothing without evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar

import pytest

from haconsole.catalogue import script
from haconsole.io.ports import RunResult
from haconsole.model.events import (
    ClientResult,
    Event,
    Heartbeat,
    KernelEvent,
    LinkPhase,
    LogHeard,
    Phase,
    ReadFailed,
    Subject,
)
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.runtime import collector, session
from haconsole.runtime import reader as reader_module
from haconsole.runtime.collector import Collector, Source
from haconsole.runtime.once import Look
from haconsole.runtime.prober import AT_ONCE, probe_once
from haconsole.runtime.reader import Group, NodeReader
from haconsole.runtime.session import NodeSession
from tests.support.wait import until
from tests.unit.runtime.fakes import Answer, FakeClock, FakeConnection, FakeConnector, FakeStream
from tests.unit.runtime.test_session import answers

ONE, TWO = NodeSpec(name="n1", address="192.0.2.1"), NodeSpec(name="n2", address="192.0.2.2")
CLUSTER = ClusterSpec(name="c", nodes=(ONE,))
T = TypeVar("T")


class Served:
    """A client whom everybody serves; counts whom it asked."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.asked: list[IpAddress] = []
        self.now = self.most = 0
        self.takes_s = takes_s

    async def probe(self, cluster: ClusterSpec, vip: IpAddress) -> ClientResult:
        self.asked.append(vip)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.takes_s)
        self.now -= 1
        return ClientResult(ok=True, checked="http", status=200, latency_s=0.01)


def saying(**other: bytes) -> Answer:
    """A plain node, but for some commands (`log_tail` is `log.tail`)."""

    def answer(line: script.Line) -> tuple[bytes, str, int]:
        found = other.get(line.id.replace(".", "_").replace("-", "_"))
        return answers(line) if found is None else (found, "", 0)

    return answer


def look(answer: Answer, spec: ClusterSpec = CLUSTER) -> Look:
    return Look(spec, FakeConnector(lambda node: FakeConnection(answer)), Served(), FakeClock())


def journal(message: object) -> bytes:
    fields = {"MESSAGE": message, "_COMM": "keepalived", "_UID": "0", "SYSLOG_IDENTIFIER": "Keepalived_vrrp"}
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    "bad", [b"garbage", b'{"MESSAGE": "cut o', b"[" * 9000, b'{"SYSLOG_IDENTIFIER": "Keepalived", "MESSAGE": 7}']
)
async def test_a_bad_line_in_the_journals_end_costs_only_itself(bad: bytes) -> None:
    tail = journal("(a) Entering MASTER STATE") + b"\n" + bad + b"\n" + journal("(b) Entering BACKUP STATE") + b"\n"
    one = look(saying(log_tail=tail, systemd_version=b"systemd 252 (252.1)\n", id_groups=b"adm\n"))
    await one.run()
    assert set(one.state.nodes["n1"].logged) == {"a", "b"}


def broken(line: script.Line) -> tuple[bytes, str, int]:
    raise ZeroDivisionError("\x1b[31mboom")


async def test_a_mistake_of_ours_ends_one_nodes_look_and_says_so() -> None:
    spec = ClusterSpec(name="c", nodes=(ONE, TWO))
    connector = FakeConnector(lambda node: FakeConnection(broken if node is ONE else answers))
    snapshot = await Look(spec, connector, Served(), FakeClock()).run()
    one, two = snapshot.picture.nodes
    assert two.kernel is not None
    assert one.problem is not None and one.problem.kind is ProblemKind.OUTPUT_UNREADABLE
    assert "\x1b" not in one.problem.summary + one.problem.detail


async def test_a_mistake_of_ours_does_not_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BACKOFF_S", (0.01,))
    events: list[Event] = []
    connector = FakeConnector(lambda node: FakeConnection(broken))
    running = asyncio.ensure_future(NodeSession(CLUSTER, ONE, connector, FakeClock(), events.append).run())
    await until(lambda: connector.tries >= 3 or running.done())
    assert not running.done()
    running.cancel()
    told = [e.problem for e in events if isinstance(e, LinkPhase) and e.phase is Phase.WAITING]
    assert told[0] is not None and "haconsole itself failed" in told[0].summary


async def test_the_second_look_does_not_signal_a_keepalived_that_has_just_been_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signal before its handler is there would end the daemon."""
    monkeypatch.setattr("haconsole.runtime.once.SECOND_LOOK_S", 0.01)
    monkeypatch.setattr("haconsole.runtime.once.DAEMON_YOUNG_S", 0.3)
    one, asked = look(saying()), list[float]()
    monkeypatch.setattr(one, "_doubtful", lambda snapshot: True)

    def started(reader: NodeReader) -> float:
        return 0.1

    async def dump(reader: NodeReader) -> list[Event]:
        asked.append(FakeClock().now())
        return []

    first = one._again

    async def again() -> None:
        monkeypatch.setattr(NodeReader, "started_ago_s", started)
        monkeypatch.setitem(reader_module._READERS, Group.DAEMON, dump)
        asked.append(FakeClock().now())
        await first()

    monkeypatch.setattr(one, "_again", again)
    await one.run()
    began, signalled = asked
    assert signalled - began >= 0.2


async def test_a_node_that_hangs_in_the_second_look_does_not_make_the_others_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("haconsole.runtime.once.AGAIN_S", 0.05)
    monkeypatch.setattr("haconsole.runtime.once.SECOND_LOOK_S", 0.01)
    one = look(saying())
    monkeypatch.setattr(one, "_doubtful", lambda snapshot: True)

    async def hang(reader: object, groups: object) -> None:
        await asyncio.sleep(60)

    first = one._again

    async def again() -> None:
        monkeypatch.setattr(one, "_groups", hang)
        await first()

    monkeypatch.setattr(one, "_again", again)
    async with asyncio.timeout(5):
        snapshot = await one.run()
    assert not snapshot.picture.nodes[0].readable


async def test_after_a_link_that_held_the_first_try_is_soon() -> None:
    waits: list[float] = []
    one = NodeSession(
        CLUSTER, ONE, FakeConnector(lambda node: FakeConnection(answers)), FakeClock(), lambda e: None, lambda: 0.5
    )
    times = iter([0.0, 0.0])

    class Clock:
        def now(self) -> float:
            return next(times, 100.0)

    one._clock = Clock()  # type: ignore[assignment]
    real = one._wait_s
    one._wait_s = lambda problem, failures: waits.append(real(problem, failures)) or 60.0  # type: ignore[method-assign, func-returns-value]

    async def lost() -> None:
        await asyncio.sleep(0)
        raise ProblemError(Problem(kind=ProblemKind.LINK_LOST, summary="gone"))

    one._connect_and_serve = lost  # type: ignore[method-assign]
    running = asyncio.ensure_future(one.run())
    await until(lambda: waits)
    running.cancel()
    assert waits == [session.BACKOFF_S[0]]


class Flooded:
    """A collector whose node says all this at once."""

    def __init__(self, data: bytes) -> None:
        self.events: list[Event] = []
        self.stream = FakeStream()
        self.collector = Collector(Source(node="n1"), self.stream, FakeClock(), self.events.append)
        for start in range(0, len(data), 65536):
            self.stream.blocks.put_nowait(data[start : start + 65536])

    async def until(self, done: Callable[[], object]) -> None:
        running = asyncio.ensure_future(self.collector.run())
        try:
            await until(done)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def of(self, kind: type[T]) -> list[T]:
        return [e for e in self.events if isinstance(e, kind)]


async def test_answers_that_nobody_asked_for_prove_nothing() -> None:
    one = Flooded(b"T 1795000000.5\n" * 50_000 + b"end\n")
    await one.until(lambda: one.collector.unreadable >= 50_000)
    assert len(one.of(Heartbeat)) <= 1, "one for the first beat"


@pytest.mark.parametrize("value", [b"0", b"-1", b"1e300", b"nan", b"inf", b"-inf", b"", b"9" * 9000, b"\xff", b"1_0"])
async def test_a_clock_that_tells_nonsense_is_not_believed(value: bytes) -> None:
    one = Flooded(b"T " + value + b"\nend\n")
    await one.until(lambda: one.collector.unreadable)
    assert [h.node_time_s for h in one.of(Heartbeat)] == ([10.0] if value == b"1_0" else [])


async def test_a_storm_of_changes_is_cut_and_the_kernel_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "BEAT_S", 0.02)
    line = "K 3: eth1    inet 10.0.{}.{}/24 scope global eth1\\       valid_lft forever preferred_lft forever\n"
    one = Flooded("".join(line.format(i // 250 % 250, i % 250) for i in range(20_000)).encode())
    await one.until(lambda: any(e.line.text.endswith(collector.READ_ANEW) for e in one.of(LogHeard)))
    assert len(one.of(KernelEvent)) < collector.CHANGE_BURST + 200


async def test_forged_facts_are_bounded_too() -> None:
    data = b"".join(b"L " + journal(f"(i{i}) Entering MASTER STATE") + b"\n" for i in range(20_000))
    one = Flooded(data + b"garbage\n")
    await one.until(lambda: one.collector.unreadable)
    assert len(one.of(LogHeard)) < collector.FACT_BURST + collector.LOG_BURST


async def test_probes_go_out_a_bounded_number_at_a_time() -> None:
    client = Served(takes_s=0.01)
    vips = [ip_address(0x0A000001 + i) for i in range(1000)]
    await probe_once(CLUSTER, vips, client, FakeClock(), lambda event: None)
    assert len(client.asked) == 1000
    assert client.most <= AT_ONCE


async def test_a_configuration_without_end_is_not_fetched_without_end() -> None:
    """Each file includes the next, and each is big."""
    asked: list[str] = []

    def answer(line: script.Line) -> tuple[bytes, str, int]:
        if line.id in {"keepalived.conf", "keepalived.include"}:
            asked.append(line.argv[0])
            marker = connection.marker
            name = line.argv[0].replace("*", "x")
            more = "".join(f"include /etc/keepalived/{len(asked)}.{i}/*.conf\n" for i in range(32))
            return f"\n@{marker} file {name}\n{more}".encode() + b"#" + b"x" * (1 << 20) + b"\n", "", 0
        return answers(line)

    class Marked(FakeConnection):
        marker = ""

        async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
            self.marker = stdin.decode().strip()
            return await super().run(command, stdin=stdin, limit=limit, timeout_s=timeout_s)

    connection = Marked(answer)
    reader = NodeReader(CLUSTER, ONE, connection, FakeClock())
    await reader.introduce()
    news = await reader.read(Group.CONFIG)
    assert len(asked) <= 6
    assert any(isinstance(e, ReadFailed) and e.subject is Subject.CONFIG for e in news)
