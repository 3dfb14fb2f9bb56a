"""One node's session: connects, reads, follows, loses the link, waits, comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from haconsole.catalogue import script
from haconsole.model.events import Event, Heartbeat, LinkPhase, NodeRead, Phase, ReadFailed, Subject
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import IdentityReading, KernelReading, Rights
from haconsole.model.spec import ClusterSpec, NodeSpec, SshSpec
from haconsole.runtime import session
from haconsole.runtime.reader import Group
from haconsole.runtime.session import Agenda, NodeSession
from tests.support.wait import until
from tests.unit.runtime.fakes import FakeClock, FakeConnection, FakeConnector

NODE = NodeSpec(name="n1", address="192.0.2.1")
CLUSTER = ClusterSpec(name="c", nodes=(NODE, NodeSpec(name="n2", address="192.0.2.2")))


def test_what_is_due_is_read_in_the_order_of_the_lane_and_comes_round_again() -> None:
    agenda = Agenda({Group.KERNEL: 10.0, Group.UNITS: 12.0})
    assert agenda.ready(9.0) == []
    assert agenda.next_in(9.0) == 1.0
    assert agenda.ready(12.0) == [Group.KERNEL, Group.UNITS]
    agenda.done(Group.KERNEL, 12.0)
    assert agenda.ready(12.0) == [Group.UNITS]
    agenda.hasten(Group.KERNEL, 13.0)
    assert agenda.ready(13.0) == [Group.KERNEL, Group.UNITS]


def answers(line: script.Line) -> tuple[bytes, str, int]:
    """A plain user's node, as far as these tests need it."""
    known = {
        "host.time": b"1795000000.25\n", "id.user": b"ops\n", "id.uid": b"1000\n", "id.groups": b"ops\n",
        "host.name": b"n1\n", "host.tools": b"ip\nsystemctl\nsudo\n", "host.uptime": b"100.0 1.0\n",
        "kernel.links": b"2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP\\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n",
        "kernel.addresses": b"2: eth0    inet 192.168.2.251/24 scope global eth0\\       valid_lft forever preferred_lft forever\n",
    }  # fmt: skip
    if line.id in known:
        return known[line.id], "", 0
    return b"", "not found", 127


class Watched:
    def __init__(self, connector: FakeConnector, node: NodeSpec = NODE) -> None:
        self.events: list[Event] = []
        self.session = NodeSession(CLUSTER, node, connector, FakeClock(), self.events.append, lambda: 0.5)

    def phases(self) -> list[Phase]:
        return [e.phase for e in self.events if isinstance(e, LinkPhase)]

    def read(self, kind: type) -> list[NodeRead]:
        return [e for e in self.events if isinstance(e, NodeRead) and isinstance(e.reading, kind)]

    def failed(self, subject: Subject) -> list[ReadFailed]:
        return [e for e in self.events if isinstance(e, ReadFailed) and e.subject is subject]


@pytest.fixture
async def running() -> AsyncIterator[list[asyncio.Future[None]]]:
    tasks: list[asyncio.Future[None]] = []
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_node_is_introduced_and_read(running: list[asyncio.Future[None]]) -> None:
    connections: list[FakeConnection] = []

    def make(node: NodeSpec) -> FakeConnection:
        connections.append(FakeConnection(answers))
        return connections[-1]

    watched = Watched(FakeConnector(make))
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: watched.read(KernelReading) and connections[0].streams)
    assert watched.phases() == [Phase.CONNECTING, Phase.CONNECTED]
    assert any(isinstance(e, Heartbeat) for e in watched.events)
    identity = watched.read(IdentityReading)[0].reading
    assert isinstance(identity, IdentityReading)
    assert identity.rights is Rights.PLAIN
    await until(lambda: watched.failed(Subject.DAEMON) and watched.failed(Subject.LOG))
    assert watched.failed(Subject.DAEMON)[0].problem.kind is ProblemKind.NOT_PERMITTED
    assert not any(line.id == "keepalived.dump" for line in connections[0].lines), "no right, no try"


async def test_a_lost_link_is_said_and_made_anew(
    running: list[asyncio.Future[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BACKOFF_S", (0.01,))
    connections: list[FakeConnection] = []

    def make(node: NodeSpec) -> FakeConnection:
        connections.append(FakeConnection(answers))
        return connections[-1]

    watched = Watched(FakeConnector(make))
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: watched.read(KernelReading))
    connections[0].lost.set_result(Problem(kind=ProblemKind.LINK_LOST, summary="n1: gone"))
    await until(lambda: len(connections) == 2 and len(watched.read(KernelReading)) >= 2)
    assert watched.phases() == [Phase.CONNECTING, Phase.CONNECTED, Phase.WAITING, Phase.CONNECTING, Phase.CONNECTED]
    assert connections[0].aborted
    waiting = next(e for e in watched.events if isinstance(e, LinkPhase) and e.phase is Phase.WAITING)
    assert waiting.problem is not None and waiting.problem.summary == "n1: gone"


async def test_a_link_that_dies_in_the_moment_of_the_end_does_not_make_it_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task group raises its child's failure instead of the cancellation that came with it (Python 3.11)."""
    monkeypatch.setattr(session, "BACKOFF_S", (0.01,))
    connections: list[FakeConnection] = []

    def make(node: NodeSpec) -> FakeConnection:
        connections.append(FakeConnection(answers))
        return connections[-1]

    watched = Watched(FakeConnector(make))
    task = asyncio.ensure_future(watched.session.run())
    await until(lambda: watched.read(KernelReading))
    connections[0].lost.set_result(Problem(kind=ProblemKind.LINK_LOST, summary="n1: gone"))
    await asyncio.sleep(0)  # the watcher of the link has failed, its group does not know yet
    task.cancel()
    await asyncio.wait({task}, timeout=5.0)
    assert task.cancelled(), "it ended, and made no new connection"
    assert len(connections) == 1


@pytest.mark.parametrize(
    ("kind", "shortest"), [(ProblemKind.HOST_KEY_UNKNOWN, session.PERMANENT_S * 0.75), (ProblemKind.UNREACHABLE, 0.0)]
)
async def test_what_a_person_must_mend_is_tried_again_slowly(
    running: list[asyncio.Future[None]], kind: ProblemKind, shortest: float
) -> None:
    def make(node: NodeSpec) -> FakeConnection:
        raise ProblemError(Problem(kind=kind, summary="n1: no"))

    watched = Watched(FakeConnector(make))
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: Phase.WAITING in watched.phases())
    waiting = next(e for e in watched.events if isinstance(e, LinkPhase) and e.phase is Phase.WAITING)
    assert waiting.retry_at is not None
    assert waiting.retry_at - waiting.at >= shortest


async def test_sudo_that_says_no_is_not_asked_again_for_what_works_without(
    running: list[asyncio.Future[None]],
) -> None:
    def refusing(line: script.Line) -> tuple[bytes, str, int]:
        if "sudo" in line.argv:
            return b"", "sudo: a password is required", 1
        return answers(line)

    connections: list[FakeConnection] = []

    def make(node: NodeSpec) -> FakeConnection:
        connections.append(FakeConnection(refusing))
        return connections[-1]

    node = NodeSpec(name="n1", address="192.0.2.1", ssh=SshSpec(sudo=True))
    watched = Watched(FakeConnector(make), node)
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: watched.failed(Subject.DAEMON))
    await until(lambda: [line for line in connections[0].lines if line.id == "squid.check" and "sudo" not in line.argv])
    assert watched.failed(Subject.DAEMON)[0].problem.kind is ProblemKind.COMMAND_FAILED or (
        watched.failed(Subject.DAEMON)[0].problem.kind is ProblemKind.NOT_PERMITTED
    )
