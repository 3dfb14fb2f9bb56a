"""Jump hosts, with a real OpenSSH on both ends: shared by the nodes behind, and as strict as any node."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from dataclasses import replace

import pytest

from haconsole.model.problems import ProblemKind
from tests.contract.openssh_server import DEADLINE_S, Place, keygen, missing, ok, problem_of, user
from tests.support.wait import until

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


async def test_nodes_share_their_jump_host_and_its_end(place: Place) -> None:
    jump = place.server("jump")
    place.known.write_text(place.node.known_hosts() + jump.known_hosts())
    connector = place.connector()
    name = f"{user()}@127.0.0.1:{jump.port}"
    nodes = [place.node.node(place.known, place.key, name=f"n{i}", jump=name) for i in range(5)]
    connections = await asyncio.gather(*(connector.connect(node) for node in nodes))
    assert jump.logins() == 1
    jump.stop()
    for connection in connections:
        problem = await asyncio.wait_for(connection.wait_lost(), DEADLINE_S)
        assert problem.kind is ProblemKind.LINK_LOST
        assert "jump host" in problem.summary
    assert (await problem_of(connector.connect(nodes[0]))).kind is ProblemKind.CONNECTION_REFUSED
    again = place.server("jump2", port=jump.port)
    await asyncio.gather(*(ok(connector, node) for node in nodes))
    assert again.logins() == 1


async def test_jump_host_from_ssh_config_and_a_chain(place: Place) -> None:
    first, second = place.server("first"), place.server("second")
    place.known.write_text(place.node.known_hosts() + first.known_hosts() + second.known_hosts())
    config = place.config(
        f"Host first\n  HostName 127.0.0.1\n  Port {first.port}\n"
        f"Host second\n  HostName 127.0.0.1\n  Port {second.port}\n  ProxyJump first\n"
        f"Host 127.0.0.1\n  ProxyJump second\nHost *\n  User {user()}\n"
    )
    connector = place.connector()
    # `Host 127.0.0.1` matches what was typed, not the HostName: the jumps do not go through themselves.
    await ok(connector, place.node.node(place.known, place.key, config_file=config))
    assert (first.logins(), second.logins()) == (1, 1)
    await ok(connector, place.node.node(place.known, place.key, config_file=config, jump="first,second"))
    problem = await problem_of(
        connector.connect(place.node.node(place.known, place.key, config_file=place.config("Host *\n  ProxyJump a\n")))
    )
    assert problem.kind is ProblemKind.SSH_CONFIG


async def test_jump_host_is_as_strict(place: Place) -> None:
    jump = place.server("jump")
    other = keygen(place.folder / "other")
    (place.folder / ".ssh").mkdir()
    (place.folder / ".ssh" / "config").write_text(
        "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
    )
    node = place.node.node(place.known, place.key, jump=f"{user()}@127.0.0.1:{jump.port}")
    connector = place.connector()
    problem = await problem_of(connector.connect(node))
    assert problem.kind is ProblemKind.HOST_KEY_UNKNOWN
    assert problem.summary.startswith("node1: jump host 127.0.0.1")
    place.known.write_text(place.node.known_hosts() + jump.known_hosts(other))
    assert (await problem_of(connector.connect(node))).kind is ProblemKind.HOST_KEY_CHANGED
    place.known.write_text(jump.known_hosts())
    problem = await problem_of(connector.connect(node))
    assert problem.kind is ProblemKind.HOST_KEY_UNKNOWN
    assert "jump host" not in problem.summary
    assert "ssh-keyscan" not in (problem.remedy or "")


async def test_what_the_jump_host_cannot_do(place: Place) -> None:
    jump = place.server("jump")
    closed = place.server("closed", "AllowTcpForwarding no")
    place.known.write_text(place.node.known_hosts() + jump.known_hosts() + closed.known_hosts())
    connector = place.connector()
    node = place.node.node(place.known, place.key, jump=f"{user()}@127.0.0.1:{jump.port}")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = replace(node, ssh=replace(node.ssh, port=unused.getsockname()[1]))
        problem = await problem_of(connector.connect(nobody))
    assert problem.kind is ProblemKind.CONNECTION_REFUSED
    node = place.node.node(place.known, place.key, jump=f"{user()}@127.0.0.1:{closed.port}")
    problem = await problem_of(connector.connect(node))
    assert problem.kind is ProblemKind.CONNECTION_REFUSED
    assert "AllowTcpForwarding" in (problem.remedy or "")


async def test_jump_host_that_stops_is_given_up(place: Place) -> None:
    jump = place.server("jump")
    place.known.write_text(place.node.known_hosts() + jump.known_hosts())
    node = place.node.node(place.known, place.key, jump=f"{user()}@127.0.0.1:{jump.port}", keepalive_s=0.2)
    connector = place.connector()
    connection = await connector.connect(node)
    await until(jump.processes, DEADLINE_S)
    for pid in jump.processes():
        os.kill(pid, signal.SIGSTOP)
    assert (await asyncio.wait_for(connection.wait_lost(), DEADLINE_S)).kind is ProblemKind.LINK_LOST
    await ok(connector, node)
