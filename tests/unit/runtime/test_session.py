"""One node's session: connects, reads, follows, loses the link, waits, comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from haconsole.catalogue import script
from haconsole.io.ports import RunResult
from haconsole.model.events import Event, Heartbeat, KernelEvent, LinkPhase, NodeRead, Phase, ReadFailed, Subject
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import IdentityReading, KernelReading, Rights
from haconsole.model.spec import ClusterSpec, NodeSpec, SshSpec
from haconsole.runtime import session
from haconsole.runtime.reader import Group
from haconsole.runtime.session import Agenda, NodeSession
from tests.support.wait import until
from tests.unit.runtime.fakes import Answer, FakeClock, FakeConnection, FakeConnector

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


def test_a_count_that_takes_two_readings_is_read_twice_and_then_as_ever() -> None:
    agenda = Agenda({Group.KERNEL: 10.0, Group.UNITS: 12.0})
    agenda.hasten(Group.UNITS, 11.0, again_s=1.5)
    due = []
    for _ in range(3):
        due.append(agenda.due[Group.UNITS])
        agenda.done(Group.UNITS, due[-1])
    assert due == [11.0, 12.5, 17.5]


async def test_a_client_whose_syn_nobody_answers_makes_the_kernels_counts_be_read_twice(
    running: list[asyncio.Future[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "DROPPED_AGAIN_S", 0.01)
    connections, connector = counted(answers)
    watched = Watched(connector)
    running.append(asyncio.ensure_future(watched.session.run()))

    def counts() -> int:
        return sum(line.id == "host.state" for made in connections for line in made.lines)

    await until(lambda: counts() == 1)
    watched.session.read_squid_anew()
    await until(lambda: counts() == 2)
    watched.session.read_squid_anew(unanswered=True)
    await until(lambda: counts() == 4)


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


def counted(answer: Answer) -> tuple[list[FakeConnection], FakeConnector]:
    """Every connection that is made, and what makes them."""
    made: list[FakeConnection] = []

    def make(node: NodeSpec) -> FakeConnection:
        made.append(FakeConnection(answer))
        return made[-1]

    return made, FakeConnector(make)


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
    connections, connector = counted(answers)
    watched = Watched(connector)
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


@pytest.mark.parametrize(
    ("found", "followed"),
    [((b'{"MESSAGE": "x"}\n', "", 0), "-n"), ((b"", "", 0), "--since=-15min"), ((b"", "not permitted", 1), "-n")],
    ids=["some", "none yet", "cannot be told"],
)
async def test_a_journal_without_a_line_is_followed_from_a_time_and_not_from_its_end(
    running: list[asyncio.Future[None]], found: tuple[bytes, str, int], followed: str
) -> None:
    def reader_of_journals(line: script.Line) -> tuple[bytes, str, int]:
        known = {"id.groups": (b"ops systemd-journal\n", "", 0), "systemd.version": (b"systemd 252\n", "", 0)}
        return {**known, "log.any": found}.get(line.id) or answers(line)

    connections, connector = counted(reader_of_journals)
    watched = Watched(connector)
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: connections and connections[0].streams)
    streams = next(s for c in connections[0].commands if (s := script.read_collector(c)))
    assert followed in streams["L"]


async def test_addresses_are_read_again_when_they_may_have_changed_unheard(
    running: list[asyncio.Future[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before `ip monitor` ran; and while they were being read: which of the two came first nobody knows."""
    monkeypatch.setattr(session, "SECOND_LOOK_S", 0.01)
    link = b"K 2: eth0: <BROADCAST,MULTICAST> mtu 1500 state DOWN\\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"

    class Racing(FakeConnection):
        race = False

        async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
            if self.race and any(x.id == "kernel.addresses" for x in script.read_batch(command) or ()):
                self.race = False
                self.streams[0].blocks.put_nowait(link)
                await until(lambda: any(isinstance(e, KernelEvent) for e in watched.events))
            return await super().run(command, stdin=stdin, limit=limit, timeout_s=timeout_s)

    connection = Racing(answers)
    watched = Watched(FakeConnector(lambda _: connection))
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: len(watched.read(KernelReading)) == 2 and connection.streams)
    connection.race = True
    watched.session.read_anew()
    await until(lambda: len(watched.read(KernelReading)) == 4)


async def test_a_lost_link_is_said_and_made_anew(
    running: list[asyncio.Future[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BACKOFF_S", (0.01,))
    connections, connector = counted(answers)
    watched = Watched(connector)
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
    connections, connector = counted(answers)
    watched = Watched(connector)
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
        if line.argv[0] == "sudo":
            return b"", "sudo: a password is required", 1
        return answers(line)

    connections, connector = counted(refusing)
    node = NodeSpec(name="n1", address="192.0.2.1", ssh=SshSpec(sudo=True))
    watched = Watched(connector, node)
    running.append(asyncio.ensure_future(watched.session.run()))
    await until(lambda: watched.failed(Subject.DAEMON))
    assert watched.failed(Subject.DAEMON)[0].problem.kind is ProblemKind.COMMAND_FAILED, (
        "keepalived's version is unknown"
    )

    def by_sudo() -> list[bool]:
        return [line.argv[0] == "sudo" for line in connections[0].lines if line.id == "squid.check"]

    await until(lambda: len(by_sudo()) == 2)
    watched.session.read_anew()
    await until(lambda: len(by_sudo()) == 3)
    assert by_sudo() == [True, False, False]
