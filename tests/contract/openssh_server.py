"""A real OpenSSH server for tests: own configuration, own host keys, loopback only, no system service."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from haconsole.io.ssh import SshConnector
from haconsole.model.problems import Problem, ProblemError
from haconsole.model.spec import NodeSpec, SshSpec
from tests.support.wait import wait

SSHD = Path("/usr/sbin/sshd")
DEADLINE_S = 20.0
MARK = "HACONSOLE_TEST_NODE"
"""In the environment of every command of a test's node: so orphans are found too."""


def missing() -> str | None:
    """Why these tests cannot run here; None: they can."""
    if not SSHD.exists():
        return f"{SSHD} is missing (Debian: openssh-server)"
    if shutil.which("ssh-keygen") is None:
        return "ssh-keygen is missing (Debian: openssh-client)"
    return None


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair at `path` and `path.pub`."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)],
        check=True,
        timeout=DEADLINE_S,
    )
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


TESTER = ("haconsole-test", 61234)
"""Logs in when the tests run as root: sshd passes no signals to the commands of root."""


def user() -> str:
    return TESTER[0] if os.geteuid() == 0 else getpass.getuser()


def own(path: Path) -> None:
    """Give `path` and what is in it to the user that the servers run as."""
    if os.geteuid() == 0:
        for each in (path, *path.rglob("*")):
            os.chown(each, TESTER[1], TESTER[1])


def _as_user(folder: Path, command: list[str]) -> list[str]:
    """`command`, run as a plain user. As root: as one that exists only in a mount namespace of its own."""
    if os.geteuid() != 0:
        return command
    passwd = folder / "passwd"
    name, uid = TESTER
    passwd.write_text(f"{Path('/etc/passwd').read_text().rstrip()}\n{name}:x:{uid}:{uid}::{folder}:/bin/sh\n")
    inner = f'mount --bind {passwd} /etc/passwd && exec setpriv --reuid={uid} --regid={uid} --clear-groups "$@"'
    return ["unshare", "--mount", "sh", "-c", inner, "sh", *command]


def runnable(folder: Path) -> str | None:
    """Why no plain user can be had here; None: one can."""
    tried = subprocess.run(_as_user(folder, ["true"]), capture_output=True, check=False, timeout=DEADLINE_S)
    return None if tried.returncode == 0 else f"no plain user here: {tried.stderr.decode(errors='replace').strip()}"


def alive(pid: int) -> bool:
    """False for a zombie too: it runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Answers:
    """A prompter with answers given beforehand; None when they run out."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, bool]] = []

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        self.asked.append((node, prompt, echo))
        return self.answers.pop(0) if self.answers else None


async def problem_of(awaitable: Awaitable[object]) -> Problem:
    """The problem that `awaitable` fails with. Raises: AssertionError when it does not fail."""
    try:
        await awaitable
    except ProblemError as error:
        return error.problem
    raise AssertionError("it did not fail")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that the servers' user may enter; pytest's own are closed to it."""
    with tempfile.TemporaryDirectory(prefix="haconsole-sshd-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@dataclass
class Sshd:
    """One running server. `keys`: its host keys, `authorized`: public key files that may log in."""

    folder: Path
    host_keys: list[Path]
    authorized: list[Path]
    options: list[str] = field(default_factory=list)
    listen: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        keys = self.folder / "authorized_keys"
        keys.write_text("".join(path.with_name(path.name + ".pub").read_text() for path in self.authorized))
        config = self.folder / "sshd_config"
        lines = [
            f"ListenAddress {self.listen}",
            f"Port {self.port}",
            *(f"HostKey {path}" for path in self.host_keys),
            f"AuthorizedKeysFile {keys}",
            f"PidFile {self.folder}/pid",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "LogLevel DEBUG1",
            f"SetEnv {MARK}={self.folder}",
            *self.options,
        ]
        config.write_text("\n".join(lines) + "\n")
        self.log = self.folder / "log"
        command = _as_user(self.folder, [str(SSHD), "-D", "-E", str(self.log), "-f", str(config)])
        for each in (self.folder, *self.host_keys):
            own(each)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(self._answers, DEADLINE_S, "sshd")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text() if self.log.exists() else "sshd did not start"
        try:
            socket.create_connection((self.listen, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def logins(self) -> int:
        """How many logins there were."""
        return self.log.read_text().count("Accepted publickey")

    def processes(self) -> list[int]:
        """Process ids of the connections and of all commands, orphans too; parents first."""
        mark = f"{MARK}={self.folder}".encode()
        marked = [pid for pid in map(int, _numbers()) if mark in _read(pid, "environ").split(b"\0")]
        return [pid for pid in dict.fromkeys([*descendants(self.process.pid), *marked]) if alive(pid)]

    def running(self, command: str) -> list[int]:
        """Those whose command line has `command` in it."""
        return [pid for pid in self.processes() if command.encode() in _read(pid, "cmdline").replace(b"\0", b" ")]

    def stop(self) -> None:
        """End the server and what belongs to it; nothing else."""
        for _ in range(2):  # a second time for what a dying process has just started
            for pid in (self.process.pid, *self.processes()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def known_hosts(self, *keys: Path) -> str:
        """Lines for known_hosts; all host keys unless `keys` are given."""
        chosen = keys or tuple(self.host_keys)
        return "".join(
            f"[{self.listen}]:{self.port} {' '.join(key.with_name(key.name + '.pub').read_text().split()[:2])}\n"
            for key in chosen
        )

    def node(self, known_hosts: Path, identity: Path | None = None, *, name: str = "node1", **ssh) -> NodeSpec:
        """A node that leads here."""
        ssh = {"user": user(), "port": self.port, "keepalive_s": 5.0, "connect_timeout_s": 10.0, **ssh}
        return NodeSpec(
            name=name, address=self.listen, ssh=SshSpec(known_hosts=known_hosts, identity_file=identity, **ssh)
        )


@dataclass
class Place:
    """A folder with keys, and a server that lets `key` in."""

    folder: Path
    key: Path
    host_key: Path
    node: Sshd
    known: Path
    """A known_hosts file with the node's key."""
    connector: Callable[..., SshConnector]
    """Takes a prompter and environment variables; closed with the test."""
    stack: contextlib.ExitStack

    def server(self, name: str, *options: str, authorized: Path | None = None, **more) -> Sshd:
        """One more server; ends with the test."""
        server = Sshd(self.folder / name, [self.host_key], [authorized or self.key], list(options), **more)
        self.stack.callback(server.stop)
        return server

    def known_hosts(self, *lines: str) -> Path:
        """A new known_hosts file."""
        path = self.folder / "known_hosts_of_test"
        path.write_text("".join(line.rstrip("\n") + "\n" for line in lines))
        return path

    def config(self, text: str) -> Path:
        path = self.folder / "ssh_config"
        path.write_text(text)
        return path


async def ok(connector: SshConnector, node) -> None:
    """The node is reached and runs a command."""
    connection = await connector.connect(node)
    try:
        assert (await connection.run("echo here", limit=100, timeout_s=DEADLINE_S)).stdout == b"here\n"
    finally:
        connection.abort()


def _numbers() -> list[str]:
    return [entry for entry in os.listdir("/proc") if entry.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def descendants(pid: int) -> list[int]:
    """Process ids below `pid`, parents before children."""
    parents: dict[int, int] = {}
    for number in _numbers():
        fields = _read(int(number), "stat").rpartition(b")")[2].split()
        if fields:
            parents[int(number)] = int(fields[1])
    found: list[int] = []
    layer = [pid]
    while layer:
        layer = [child for child, parent in parents.items() if parent in layer]
        found += layer
    return found
