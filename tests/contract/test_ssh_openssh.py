"""Trust and login against a real OpenSSH: nothing is accepted without being known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from haconsole.model.problems import Problem, ProblemKind
from tests.contract.openssh_server import (
    DEADLINE_S,
    Answers,
    Place,
    Sshd,
    keygen,
    missing,
    ok,
    problem_of,
    user,
)

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def ssh_keygen(*arguments: object) -> str:
    command = ["ssh-keygen", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S).stdout


def run_line(remedy: str | None, word: str) -> None:
    """Run the command of the remedy that has `word` in it, as an operator would."""
    assert remedy is not None
    line = next(line for line in remedy.splitlines() if word in line)
    subprocess.run(["sh", "-c", line[line.index(word) :]], check=True, capture_output=True, timeout=DEADLINE_S)


# --- trust -------------------------------------------------------------------------------------


async def test_unknown_key_and_its_remedy(place: Place) -> None:
    file = place.folder / "hosts"
    node = place.node.node(file, place.key)
    connector = place.connector()
    problem = await problem_of(connector.connect(node))
    assert problem.kind is ProblemKind.HOST_KEY_UNKNOWN
    assert ssh_keygen("-lf", place.host_key).split()[1] in problem.summary
    assert "node1" in problem.summary
    assert problem.detail == place.node.known_hosts().strip()
    assert f"ssh-keyscan -p {place.node.port}" in (problem.remedy or "")
    run_line(problem.remedy, "echo ")
    await ok(connector, node)


async def test_changed_key_gets_no_line_to_add(place: Place) -> None:
    other = keygen(place.folder / "other")
    known = place.known_hosts(place.node.known_hosts(other))
    connector = place.connector()
    problem = await problem_of(connector.connect(place.node.node(known, place.key)))
    assert problem.kind is ProblemKind.HOST_KEY_CHANGED
    assert problem.remedy is not None
    assert ">>" not in problem.remedy
    assert place.node.known_hosts().split()[2] not in problem.remedy + problem.detail
    run_line(problem.remedy, "ssh-keygen -R")
    problem = await problem_of(connector.connect(place.node.node(known, place.key)))
    assert problem.kind is ProblemKind.HOST_KEY_UNKNOWN


async def test_key_of_another_type_is_a_changed_key(place: Place) -> None:
    other = keygen(place.folder / "other", "ecdsa")
    known = place.known_hosts(place.node.known_hosts(other))
    problem = await problem_of(place.connector().connect(place.node.node(known, place.key)))
    assert problem.kind is ProblemKind.HOST_KEY_CHANGED
    assert "ssh-ed25519 SHA256:" in problem.summary
    assert "ecdsa" in problem.detail
    assert ">>" not in (problem.remedy or "")


@pytest.mark.parametrize("also_trusted", [False, True])
async def test_revoked_key(place: Place, also_trusted: bool) -> None:
    line = place.node.known_hosts()
    known = place.known_hosts(f"@revoked {line}", line if also_trusted else "")
    problem = await problem_of(place.connector().connect(place.node.node(known, place.key)))
    assert problem.kind is ProblemKind.HOST_KEY_REVOKED
    assert ">>" not in (problem.remedy or "")


@pytest.mark.parametrize("off", ["none", "/dev/null"])
async def test_ssh_config_cannot_switch_checking_off(place: Place, off: str) -> None:
    (place.folder / ".ssh").mkdir()
    (place.folder / ".ssh" / "config").write_text(
        f"Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile {off}\n  GlobalKnownHostsFile {off}\n  CheckHostIP no\n"
    )
    node = place.node.node(place.known, place.key)
    node = replace(node, ssh=replace(node.ssh, known_hosts=None))
    connector = place.connector()
    assert (await problem_of(connector.connect(node))).kind is ProblemKind.HOST_KEY_UNKNOWN
    (place.folder / ".ssh" / "known_hosts").write_text(place.node.known_hosts())
    await ok(connector, node)


async def test_hashed_known_hosts_and_bad_lines(place: Place) -> None:
    known = place.known_hosts(
        "host-without-key", "@strange a b c", "|2|x ssh-rsa AAAA", place.node.known_hosts(), "a,, !"
    )
    with contextlib.suppress(subprocess.CalledProcessError):  # it complains of the bad lines
        ssh_keygen("-H", "-f", known)
    await ok(place.connector(), place.node.node(known, place.key))


async def test_host_certificates(place: Place) -> None:
    authority, wrong = keygen(place.folder / "ca"), keygen(place.folder / "wrong_ca")
    host_key = keygen(place.folder / "certified")
    ssh_keygen("-s", authority, "-I", "id", "-h", "-n", "127.0.0.1", f"{host_key}.pub")
    server = Sshd(place.folder / "with_cert", [host_key], [place.key], [f"HostCertificate {host_key}-cert.pub"])
    place.stack.callback(server.stop)
    connector = place.connector()

    async def with_lines(*lines: str) -> Problem | None:
        known = place.known_hosts(*lines)
        node = server.node(known, place.key)
        if lines and str(authority.name) in lines[0]:
            await ok(connector, node)
            return None
        return await problem_of(connector.connect(node))

    def line(key: Path) -> str:
        return f"@cert-authority {server.known_hosts(key).strip()} {key.name}"

    assert await with_lines(line(authority)) is None
    changed = await with_lines(line(wrong).replace("wrong_ca", "w"))
    assert changed is not None
    assert changed.kind is ProblemKind.HOST_KEY_CHANGED
    unknown = await with_lines()
    assert unknown is not None
    assert unknown.kind is ProblemKind.HOST_KEY_UNKNOWN
    run_line(unknown.remedy, "echo ")
    await ok(connector, server.node(place.folder / "known_hosts_of_test", place.key))


# --- login -------------------------------------------------------------------------------------


async def test_wrong_key(place: Place) -> None:
    stranger = keygen(place.folder / "stranger")
    problem = await problem_of(place.connector().connect(place.node.node(place.known, stranger)))
    assert problem.kind is ProblemKind.LOGIN_REFUSED
    assert user() in problem.summary
    assert str(stranger) in problem.detail
    assert "publickey" in problem.detail
    assert f"ssh-copy-id -i {stranger}.pub -p {place.node.port} {user()}@127.0.0.1" in (problem.remedy or "")


async def test_no_key_at_all(place: Place) -> None:
    problem = await problem_of(place.connector().connect(place.node.node(place.known)))
    assert problem.kind is ProblemKind.LOGIN_REFUSED
    assert "nothing" in problem.summary
    assert "ssh-keygen" in (problem.remedy or "")


async def test_default_key_files_are_found(place: Place) -> None:
    (place.folder / ".ssh").mkdir()
    (place.folder / ".ssh" / "id_ed25519").write_bytes(place.key.read_bytes())
    await ok(place.connector(), place.node.node(place.known))


@pytest.mark.parametrize("content", [None, "no key"])
async def test_unusable_identity_file(place: Place, content: str | None) -> None:
    path = place.folder / "broken"
    if content is not None:
        path.write_text(content)
    problem = await problem_of(place.connector().connect(place.node.node(place.known, path)))
    assert problem.kind is ProblemKind.KEY_UNUSABLE
    assert str(path) in problem.summary


async def test_passphrase_is_asked_once_for_all_nodes(place: Place) -> None:
    locked = keygen(place.folder / "locked", passphrase="right")
    server = place.server("locked_node", authorized=locked)
    place.known.write_text(server.known_hosts())
    answers = Answers("wrong", "right")
    connector = place.connector(answers)
    await asyncio.gather(*(ok(connector, server.node(place.known, locked, name=f"n{i}")) for i in range(4)))
    assert len(answers.asked) == 2
    assert str(locked) in answers.asked[0][1]
    assert not answers.asked[0][2]


async def test_passphrase_that_nobody_knows(place: Place) -> None:
    locked = keygen(place.folder / "locked", passphrase="right")
    node = place.node.node(place.known, locked)
    for prompter in (None, Answers(), Answers("a", "b", "c", "right")):
        connector = place.connector(prompter)
        problems = await asyncio.gather(*(problem_of(connector.connect(node)) for _ in range(3)))
        assert {problem.kind for problem in problems} == {ProblemKind.KEY_UNUSABLE}
        assert all(f"ssh-add {locked}" in (problem.remedy or "") for problem in problems)


@contextlib.contextmanager
def agent(path: Path, *keys: Path) -> Iterator[str]:
    """An ssh-agent that holds `keys` (passphrase `right`, where there is one)."""
    sock = str(path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        while not Path(sock).exists():
            assert process.poll() is None
        ask = path / "askpass"
        ask.write_text("#!/bin/sh\necho right\n")
        ask.chmod(0o755)
        environ = {**os.environ, "SSH_AUTH_SOCK": sock, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", *keys], env=environ, check=True, timeout=DEADLINE_S)
        yield sock
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


async def test_agent_unlocks_a_key_without_a_question(place: Place) -> None:
    locked = keygen(place.folder / "locked", passphrase="right")
    server = place.server("agent_node", authorized=locked)
    place.known.write_text(server.known_hosts())
    answers = Answers()
    with agent(place.folder, locked) as sock:
        connector = place.connector(answers, SSH_AUTH_SOCK=sock)
        await ok(connector, server.node(place.known, locked))
        await ok(connector, server.node(place.known))
        config = place.config(f"Host *\n  IdentitiesOnly yes\n  IdentityFile {locked}.pub\n")
        await ok(connector, server.node(place.known, config_file=config))
    assert answers.asked == []


async def test_too_many_keys_in_the_agent(place: Place) -> None:
    many = [keygen(place.folder / f"k{i}") for i in range(7)]
    with agent(place.folder, *many, place.key) as sock:
        connector = place.connector(SSH_AUTH_SOCK=sock)
        problem = await problem_of(connector.connect(place.node.node(place.known)))
        assert problem.kind is ProblemKind.LOGIN_REFUSED
        assert "MaxAuthTries" in (problem.remedy or "")
        await ok(connector, place.node.node(place.known, place.key))


async def test_no_agent_where_one_is_named(place: Place) -> None:
    connector = place.connector(SSH_AUTH_SOCK=str(place.folder / "nothing"))
    await ok(connector, place.node.node(place.known, place.key))
    problem = await problem_of(connector.connect(place.node.node(place.known)))
    assert f"{place.folder}/nothing" in problem.detail


async def test_an_agent_that_hangs_is_left_out(place: Place) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place.folder / "silent"))
        silent.listen()
        connector = place.connector(SSH_AUTH_SOCK=str(place.folder / "silent"))
        problem = await problem_of(connector.connect(place.node.node(place.known)))
    assert problem.kind is ProblemKind.LOGIN_REFUSED
    assert "silent: no answer" in problem.detail


async def test_certificate_of_a_user(place: Place) -> None:
    authority, mine = keygen(place.folder / "ca"), keygen(place.folder / "mine")
    server = place.server("ca_node", f"TrustedUserCAKeys {authority}.pub")
    place.known.write_text(server.known_hosts())
    connector = place.connector()
    assert (await problem_of(connector.connect(server.node(place.known, mine)))).kind is ProblemKind.LOGIN_REFUSED
    ssh_keygen("-s", authority, "-I", "id", "-n", user(), f"{mine}.pub")
    await ok(connector, server.node(place.known, mine))


# --- ~/.ssh/config -----------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["", "Match final\n  ServerAliveInterval 9\n"])
async def test_ssh_config_is_honoured(place: Place, last: str) -> None:
    config = place.config(
        f"Host proxy\n  HostName 127.0.0.1\n  Port {place.node.port}\n  User {user()}\n  IdentityFile {place.key}\n"
        "  RemoteCommand echo wrong\n  RequestTTY force\n  ForwardAgent yes\n" + last
    )
    node = place.node.node(place.known, config_file=config, user=None, port=None)
    await ok(place.connector(), replace(node, address="proxy"))


@pytest.mark.parametrize("only", ["chacha20-poly1305@openssh.com", "aes128-ctr", "aes128-gcm@openssh.com"])
async def test_a_server_with_one_cipher(place: Place, only: str) -> None:
    server = place.server("one-cipher", f"Ciphers {only}")
    place.known.write_text(server.known_hosts())
    await ok(place.connector(), server.node(place.known, place.key))


async def test_ssh_config_error_names_file_and_line(place: Place) -> None:
    config = place.config("Host *\n  Port many\n")
    problem = await problem_of(place.connector().connect(place.node.node(place.known, config_file=config)))
    assert problem.kind is ProblemKind.SSH_CONFIG
    assert f"{config} line 2" in problem.summary
    nowhere = place.folder / "nowhere"
    problem = await problem_of(place.connector().connect(place.node.node(place.known, config_file=nowhere)))
    assert (problem.kind, str(nowhere) in problem.summary) == (ProblemKind.SSH_CONFIG, True)


async def test_proxy_command(place: Place) -> None:
    script = place.folder / "relay.py"
    script.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n    while d := os.read(0, 65536): s.sendall(d)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    config = place.config(f"Host *\n  ProxyCommand {shlex.quote(sys.executable)} {script} %h %p\n")
    await ok(place.connector(), place.node.node(place.known, place.key, config_file=config))
