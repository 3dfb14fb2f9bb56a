"""Questions of the node, cancellation and the loop's health, against asyncssh's own server.

OpenSSH cannot check passwords without root, so these run against a server in the same process; what
depends on how sshd behaves is in tests/contract.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from haconsole.io.ssh import SshConnector
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import NodeSpec, SshSpec
from tests.support.wait import until


class Answers:
    """A prompter with answers given beforehand; None when they run out."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, bool]] = []

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        self.asked.append((node, prompt, echo))
        return self.answers.pop(0) if self.answers else None


@dataclass
class Door(asyncssh.SSHServer):
    """How the server lets in. `rounds`: the challenges and their right answers."""

    password: str | None = None
    rounds: list[tuple[tuple[str, str, str, list[tuple[str, bool]]], list[str]]] = field(default_factory=list)
    banner: str = ""
    round: int = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn
        self.round = 0

    def begin_auth(self, username: str) -> bool:
        if self.banner:
            self.conn.send_auth_banner(self.banner)
        return True

    def password_auth_supported(self) -> bool:
        return self.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        return password == self.password

    def kbdint_auth_supported(self) -> bool:
        return bool(self.rounds)

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return self.rounds[0][0]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        if list(responses) != self.rounds[self.round][1]:
            return False
        self.round += 1
        return self.rounds[self.round][0] if self.round < len(self.rounds) else True


async def handle(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.stdout.write(b"here\n")
    process.exit(0)


HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


@contextlib.asynccontextmanager
async def node_with(door: Door, tmp_path: Path, host: str = "127.0.0.1", **ssh) -> AsyncIterator[NodeSpec]:
    acceptor = await asyncssh.listen(
        host, 0, server_host_keys=[HOST_KEY], server_factory=lambda: door, process_factory=handle, encoding=None
    )
    port = acceptor.sockets[0].getsockname()[1]
    hosts = tmp_path / "hosts"
    hosts.write_text(f"[{host}]:{port} {HOST_KEY.export_public_key().decode()}")
    async with acceptor:
        ssh = {"user": "ops", "port": port, "known_hosts": hosts, "connect_timeout_s": 10.0, **ssh}
        yield NodeSpec(name="node1", address=host, ssh=SshSpec(**ssh))
        acceptor.close()


async def login(node: NodeSpec, prompter: Any, tmp_path: Path) -> Problem | None:
    """None: it worked."""
    connector = SshConnector(prompter, {"HOME": str(tmp_path)})
    try:
        connection = await connector.connect(node)
    except ProblemError as error:
        return error.problem
    assert (await connection.run("x", limit=100, timeout_s=10)).stdout == b"here\n"
    connection.abort()
    await connection.wait_lost()
    return None


async def test_password_is_asked_once_for_each_connection(tmp_path: Path) -> None:
    async with node_with(Door(password="right"), tmp_path) as node:
        answers = Answers("right", "wrong", "right", None)
        assert await login(node, answers, tmp_path) is None
        assert answers.asked == [("node1", "Password", False)]
        problem = await login(node, answers, tmp_path)
        assert problem is not None
        assert problem.kind is ProblemKind.LOGIN_REFUSED
        assert "password" in problem.detail
        assert len(answers.asked) == 2
        assert await login(node, answers, tmp_path) is None
        assert (await login(node, answers, tmp_path)) is not None
        assert (await login(node, None, tmp_path)) is not None


CODE = (("Second factor", "Look at\x1b[2J your phone", "", [("Code: ", True), ("PIN: ", False)]), ["123", "9"])
SECRET = (("", "", "", [("Passphrase of the day: ", False)]), ["sesame"])


async def test_keyboard_interactive_asks_what_the_node_asks(tmp_path: Path) -> None:
    async with node_with(Door(rounds=[CODE, SECRET]), tmp_path) as node:
        answers = Answers("123", "9", "sesame")
        assert await login(node, answers, tmp_path) is None
    assert [(prompt, echo) for _, prompt, echo in answers.asked] == [
        ("Second factor Look at␛[2J your phone Code", True),
        ("Second factor Look at␛[2J your phone PIN", False),
        ("Passphrase of the day", False),
    ]


async def test_a_challenge_not_answered_is_not_asked_again_as_a_password(tmp_path: Path) -> None:
    async with node_with(Door(password="right", rounds=[SECRET]), tmp_path) as node:
        for given in ("wrong", None):
            answers = Answers(given, "right", "right")
            problem = await login(node, answers, tmp_path)
            assert problem is not None
            assert problem.kind is ProblemKind.LOGIN_REFUSED
            assert len(answers.asked) == 1


async def test_an_empty_challenge_is_no_question(tmp_path: Path) -> None:
    async with node_with(Door(rounds=[(("Hello", "", "", []), []), SECRET]), tmp_path) as node:
        answers = Answers("sesame")
        assert await login(node, answers, tmp_path) is None
        assert len(answers.asked) == 1


async def test_the_banner_is_told_and_cleaned(tmp_path: Path) -> None:
    async with node_with(Door(password="x", banner="No logins today\x1b[31m\nbye"), tmp_path) as node:
        problem = await login(node, None, tmp_path)
    assert problem is not None
    assert "No logins today␛[31m bye" in problem.detail


async def test_thinking_does_not_count(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()

    class Slow(Answers):
        async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
            end = loop.time() + 0.6
            await until(lambda: loop.time() > end)
            return await super().ask(node, prompt, echo=echo)

    async with node_with(Door(password="right"), tmp_path, connect_timeout_s=0.5) as node:
        assert await login(node, Slow("right"), tmp_path) is None


async def test_a_question_holds_up_no_other_node(tmp_path: Path) -> None:
    from haconsole.io.ssh.connector import HANDSHAKES

    release = asyncio.Event()

    class Waiting(Answers):
        async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
            self.asked.append((node, prompt, echo))
            await release.wait()
            return "right"

    prompter = Waiting()
    connector = SshConnector(prompter, {"HOME": str(tmp_path)})
    async with node_with(Door(password="right"), tmp_path) as node, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(connector.connect(node)) for _ in range(HANDSHAKES + 5)]
        await until(lambda: len(prompter.asked) == len(running))
        release.set()
        for connection in await asyncio.gather(*running):
            connection.abort()
            await connection.wait_lost()


async def test_ipv6(tmp_path: Path) -> None:
    try:
        async with node_with(Door(password="right"), tmp_path, "::1") as node:
            assert await login(node, Answers("right"), tmp_path) is None
            (tmp_path / "hosts").write_text("")
            problem = await login(node, Answers("right"), tmp_path)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    assert problem is not None
    assert f"[::1]:{node.ssh.port} ssh-ed25519" in problem.detail


async def test_cancelled_at_any_moment_nothing_is_left(tmp_path: Path) -> None:
    async with node_with(Door(password="right"), tmp_path) as node:
        connector = SshConnector(Answers(*["right"] * 2000), {"HOME": str(tmp_path)})
        for step in range(1000):
            attempt = asyncio.ensure_future(connector.connect(node))
            done, _ = await asyncio.wait({attempt}, timeout=step * 0.0003)
            if done:
                attempt.result().abort()
                break
            attempt.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                (await attempt).abort()  # it was just finished
        for _ in range(40):  # every handshake slot was given back
            connection = await connector.connect(node)
            connection.abort()
            await connection.wait_lost()


async def test_many_nodes_at_once(tmp_path: Path) -> None:
    async with node_with(Door(password="right"), tmp_path) as node:
        connector = SshConnector(Answers(*["right"] * 100), {"HOME": str(tmp_path)})
        connections = await asyncio.gather(*(connector.connect(node) for _ in range(100)))
        for connection in connections:
            connection.abort()
            await connection.wait_lost()


async def test_abort_is_known_at_once_and_twice_is_fine(tmp_path: Path) -> None:
    async with node_with(Door(password="right"), tmp_path) as node:
        connection = await SshConnector(Answers("right"), {"HOME": str(tmp_path)}).connect(node)
        lost = asyncio.ensure_future(connection.wait_lost())
        connection.abort()
        connection.abort()
        assert (await lost).kind is ProblemKind.LINK_LOST
        assert (await connection.wait_lost()).kind is ProblemKind.LINK_LOST
