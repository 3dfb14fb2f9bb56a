"""A place to connect to: keys, a running OpenSSH, connectors that end with the test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from haconsole.io.ports import Prompter
from haconsole.io.ssh import SshConnector
from tests.contract.openssh_server import Place, Sshd, folder, keygen, missing, runnable


@pytest.fixture(scope="module")
def openssh() -> Iterator[tuple[Path, Path, Path, Sshd]]:
    if (why := missing()) is not None:
        pytest.skip(why)
    with folder() as path:
        if (why := runnable(path)) is not None:
            pytest.skip(why)
        key, host_key = keygen(path / "key"), keygen(path / "host_key")
        server = Sshd(path / "node", [host_key], [key])
        yield path, key, host_key, server
        server.stop()


@pytest.fixture
async def place(openssh: tuple[Path, Path, Path, Sshd]) -> AsyncIterator[Place]:
    _, key, host_key, server = openssh
    connectors: list[SshConnector] = []

    def connector(prompter: Prompter | None = None, **environ: str) -> SshConnector:
        connectors.append(SshConnector(prompter, {"HOME": str(path), **environ}))
        return connectors[-1]

    with folder() as path, contextlib.ExitStack() as stack:
        known = path / "known_hosts"
        known.write_text(server.known_hosts())
        yield Place(path, key, host_key, server, known, connector, stack)
        for each in connectors:
            await each.close()
