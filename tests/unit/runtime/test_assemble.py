"""Connecting ahead: begun before anybody asks, given once, ended where nobody fetched it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import NodeSpec
from haconsole.runtime import assemble
from tests.unit.runtime.fakes import FakeConnection, FakeConnector
from tests.unit.runtime.test_session import answers

N1, N2 = NodeSpec(name="n1", address="192.0.2.1"), NodeSpec(name="n2", address="192.0.2.2")
GONE = ProblemError(Problem(kind=ProblemKind.CONNECTION_REFUSED, summary="n2 refused"))


@pytest.fixture
def ssh(monkeypatch: pytest.MonkeyPatch) -> FakeConnector:
    """Stands where asyncssh would: every connection it made is in `made`."""

    def make(node: NodeSpec) -> FakeConnection:
        if node is N2:
            raise GONE
        connector.made.append(FakeConnection(answers))
        return connector.made[-1]

    class Connector(FakeConnector):
        made: list[FakeConnection] = []

    connector = Connector(make)
    connector.made = []
    module = SimpleNamespace(SshConnector=lambda _prompter: connector)
    monkeypatch.setattr(assemble, "importlib", SimpleNamespace(import_module=lambda _name: module))
    return connector


async def test_each_connection_made_ahead_is_given_once_and_a_failure_to_the_one_it_concerns(
    ssh: FakeConnector,
) -> None:
    parts = await assemble.production_ahead(None, [N1, N2])
    await asyncio.sleep(0)
    assert ssh.tries == 2
    first = await parts.connector.connect(N1)
    with pytest.raises(ProblemError) as refused:
        await parts.connector.connect(N2)
    assert refused.value is GONE
    again = await parts.connector.connect(N1)  # not the same one a second time
    assert again is not first
    assert ssh.tries == 3
    await parts.connector.close()


async def test_what_nobody_fetched_is_ended_at_the_close(ssh: FakeConnector) -> None:
    parts = await assemble.production_ahead(None, [N1, N2])
    await asyncio.sleep(0)
    await parts.connector.close()
    assert [c.aborted for c in ssh.made] == [True]
