"""One node's reader: the log where no dump can be had, rights, and what a hostile line does."""

from __future__ import annotations

import json

import pytest

from haconsole.catalogue import script
from haconsole.model.events import Event, LogHeard, ReadFailed
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
