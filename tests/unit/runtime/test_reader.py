"""One node's reader: the log where no dump can be had, rights, and what a hostile line does."""

from __future__ import annotations

import asyncio
import json

import pytest

from haconsole.catalogue import script
from haconsole.io.ports import RunResult
from haconsole.model.events import Event, LogHeard, ReadFailed
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import VrrpState
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.runtime.reader import NodeReader
from tests.unit.runtime.fakes import FakeClock, FakeConnection
from tests.unit.runtime.test_session import answers

NODE = NodeSpec(name="n1", address="192.0.2.1")
CLUSTER = ClusterSpec(name="c", nodes=(NODE, NodeSpec(name="n2", address="192.0.2.2")))

JOURNAL = [
    json.dumps({
        "MESSAGE": "(proxy_ip1) Entering FAULT STATE", "_COMM": "keepalived", "_UID": "0",
        "SYSLOG_IDENTIFIER": "Keepalived_vrrp", "__REALTIME_TIMESTAMP": "1795000000000000",
    }),
    '{"MESSAGE": ', "[" * 5000, "\x00\x1b[2J", "null", "{}",
]  # fmt: skip
SYSLOG = ["Nov 18 02:41:40 n1 Keepalived_vrrp[7]: VRRP_Instance(proxy_ip1) Now in FAULT state", "x" * 9000, "\x1b[2J"]


def node(systemd: int, **more: str) -> FakeConnection:
    texts = {"systemd.version": f"systemd {systemd}\n", "host.zone": "+0000\n", **more}

    def answer(line: script.Line) -> tuple[bytes, str, int]:
        return (texts[line.id].encode(), "", 0) if line.id in texts else answers(line)

    return FakeConnection(answer)


async def tail(connection: FakeConnection) -> list[Event]:
    reader = NodeReader(CLUSTER, NODE, connection, FakeClock())
    await reader.introduce()
    return await reader.log_tail()


@pytest.mark.parametrize(
    "connection",
    [
        lambda: node(252, **{"log.tail": "\n".join(JOURNAL) + "\n"}),
        lambda: node(219, **{"log.file-tail": "\n".join(SYSLOG) + "\n"}),
    ],
    ids=["journal", "syslog file of CentOS 7"],
)
async def test_the_state_comes_from_the_log_and_bad_lines_are_passed_over(connection: object) -> None:
    assert callable(connection)
    events = await tail(connection())
    lines = [e.line for e in events if isinstance(e, LogHeard)]
    facts = [line.fact for line in lines if line.fact is not None]
    assert [(f.instance, f.state) for f in facts] == [("proxy_ip1", VrrpState.FAULT)]
    assert not any("\x1b" in line.text for line in lines)


async def test_no_log_is_said_with_the_line_that_mends_it() -> None:
    (told,) = await tail(node(252))
    assert isinstance(told, ReadFailed)
    assert told.problem.remedy is not None
    assert "systemd-journal ops" in told.problem.remedy


def as_root(**more: str) -> FakeConnection:
    """A node of keepalived 2.2.7 on which the login is root."""
    texts = {"systemd.version": "systemd 252\n", "host.zone": "+0000\n", "keepalived.signum": "10\n", **more}

    def answer(line: script.Line) -> tuple[bytes, str, int]:
        match line.id:
            case "id.uid":
                return b"0\n", "", 0
            case "id.user":
                return b"root\n", "", 0
            case "keepalived.version":
                return b"", "Keepalived v2.2.7 (01/16,2022)\n", 0
        return (texts[line.id].encode(), "", 0) if line.id in texts else answers(line)

    return FakeConnection(answer)


async def test_the_log_is_read_right_behind_the_dump_on_one_trip() -> None:
    connection = as_root(**{"log.tail": "\n".join(JOURNAL) + "\n"})
    reader = NodeReader(CLUSTER, NODE, connection, FakeClock())
    await reader.introduce()
    trips = len(connection.commands)
    dump, log = await reader.daemon_and_log()
    assert [line.id for line in connection.lines[-2:]] == ["keepalived.dump", "log.tail"]
    assert len(connection.commands) == trips + 1
    (failed,) = dump  # the dump of this node cannot be had: the log is told all the same
    assert isinstance(failed, ReadFailed)
    assert [e.line.fact.state for e in log if isinstance(e, LogHeard) and e.line.fact] == [VrrpState.FAULT]


async def test_where_no_dump_may_be_asked_for_no_daemon_is_signalled() -> None:
    connection = node(252, **{"log.tail": "\n".join(JOURNAL) + "\n"})
    reader = NodeReader(CLUSTER, NODE, connection, FakeClock())
    await reader.introduce()
    dump, log = await reader.daemon_and_log()
    assert "keepalived.dump" not in {line.id for line in connection.lines}
    assert isinstance(dump[0], ReadFailed)
    assert any(isinstance(e, LogHeard) for e in log)


async def test_a_link_that_ends_during_the_introduction_is_told_and_leaves_nothing_running() -> None:
    """Identity and versions are asked at the same time; one of them is lost, the other hangs."""
    gone = ProblemError(Problem(kind=ProblemKind.LINK_LOST, summary="gone"))
    hung = asyncio.Event()

    class HalfDead(FakeConnection):
        async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
            ids = {line.id for line in script.read_batch(command) or ()}
            if "id.user" in ids:
                await asyncio.sleep(0)  # the other one is on its way
                raise gone
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                hung.set()
                raise
            raise AssertionError

    reader = NodeReader(CLUSTER, NODE, HalfDead(answers), FakeClock())
    with pytest.raises(ProblemError) as error:
        await reader.introduce()
    assert error.value is gone
    assert hung.is_set()
