"""A node that answers whatever it likes: the console stays up, bounded, and says nothing without evidence."""

from __future__ import annotations

import asyncio
import json

import pytest

from haconsole.catalogue import script
from haconsole.model.events import ClientResult
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.runtime.once import Look
from tests.unit.runtime.fakes import Answer, FakeClock, FakeConnection, FakeConnector
from tests.unit.runtime.test_session import answers

ONE, TWO = NodeSpec(name="n1", address="192.0.2.1"), NodeSpec(name="n2", address="192.0.2.2")
CLUSTER = ClusterSpec(name="c", nodes=(ONE,))


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
        raise session.ProblemError(session.Problem(kind=ProblemKind.LINK_LOST, summary="gone"))

    one._connect_and_serve = lost  # type: ignore[method-assign]
    running = asyncio.ensure_future(one.run())
    await until(lambda: waits)
    running.cancel()
    assert waits == [session.BACKOFF_S[0]]
