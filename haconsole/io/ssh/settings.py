"""From a node's `SshSpec` and the operator's ~/.ssh/config to one complete target.

Only what would weaken the console is not taken from ~/.ssh/config: the answer to "is this host
key right" comes from known_hosts files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh

from haconsole.io.ssh import problems
from haconsole.model.problems import ProblemKind
from haconsole.model.record import dataclass
from haconsole.model.spec import SshSpec

_SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
_OFF = {"/dev/null", "none"}
"""Names that people give to `UserKnownHostsFile` to switch checking off: not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect and how, everything merged. One for each node and jump host."""

    label: str
    """The node's name, or `jump host NAME`: begins every problem's summary."""
    spec: SshSpec
    host: str
    port: int
    user: str
    jump: str | None
    options: asyncssh.SSHClientConnectionOptions
    config: list[str] | None
    """The ssh_config file to read again while connecting; None: all is in `options`."""
    identities: tuple[Path, ...]
    """Key files named by the configuration, the first from `SshSpec.identity_file`."""
    certificates: tuple[Path, ...]
    identities_only: bool
    agent: str | None
    known_hosts: tuple[Path, ...]
    """Files that are read; the first is where a new key belongs."""
    shown: str | None = None
    """The address that people know it by, where SSH goes elsewhere; None: `host`."""

    @property
    def said(self) -> tuple[str, int | None]:
        """Address and port as problems say them; a port that nobody configured for the shown address is not said."""
        return (self.host, self.port) if self.shown is None else (self.shown, None)

    @property
    def own_socket(self) -> bool:
        """True: we dial ourselves. False: only asyncssh knows how (ProxyCommand, canonical names)."""
        return not (self.options.proxy_command or self.config)


class Settings:
    """Makes targets. `environ` gives HOME and SSH_AUTH_SOCK."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.home = Path(environ.get("HOME") or Path.home())

    def expand(self, path: str | Path) -> Path:
        """`path` with a leading `~/` replaced."""
        text = str(path)
        return self.home / text[2:] if text.startswith("~/") else Path(text)

    async def target(
        self,
        label: str,
        address: str,
        spec: SshSpec,
        *,
        user: str | None,
        port: int | None,
        jump: str | None,
        shown: str | None = None,
    ) -> Target:
        """Merge; explicit values win over ~/.ssh/config. Raises: ProblemError (SSH_CONFIG)."""
        config = self._config_file(label, spec)
        explicit: dict[str, Any] = {}
        if user is not None:
            explicit["username"] = user
        if port is not None:
            explicit["port"] = port
        make: Any = asyncssh.SSHClientConnectionOptions.construct
        try:
            options: asyncssh.SSHClientConnectionOptions = await make(
                host=address, config=[str(config)] if config else None, **_FIXED, **explicit
            )
        except (OSError, ValueError, asyncssh.Error) as error:
            raise problems.ssh_config(label, str(error), config) from error
        read = options.config.get
        if jump is None:
            jump = _text(read("ProxyJump"))
        again = bool(config) and bool(options.canonicalize_hostname or options.config.has_match_final())
        if not again and read("Ciphers") is None:  # the operator's own choice, also a later one, stands
            options = await make(options=options, encryption_algs=_QUICK_FIRST)
        return Target(
            label=label,
            spec=spec,
            host=options.host,
            port=options.port,
            user=options.username,
            jump=None if jump in {None, "", "none"} else jump,
            options=options,
            config=[str(config)] if again else None,
            identities=self._identities(spec, _texts(read("IdentityFile"))),
            certificates=tuple(self.expand(path) for path in _texts(read("CertificateFile"))),
            identities_only=bool(read("IdentitiesOnly")),
            agent=self._agent(read("IdentityAgent", ())),
            known_hosts=self._known_hosts(
                spec, _texts(read("UserKnownHostsFile")), _texts(read("GlobalKnownHostsFile"))
            ),
            shown=shown,
        )

    def _config_file(self, label: str, spec: SshSpec) -> Path | None:
        if spec.config_file is not None:
            path = self.expand(spec.config_file)
            if not path.is_file():
                raise problems.ssh_config(label, f"{path} does not exist")
            return path
        path = self.home / ".ssh" / "config"
        return path if path.is_file() else None

    def _identities(self, spec: SshSpec, configured: list[str]) -> tuple[Path, ...]:
        first: list[str | Path] = [spec.identity_file] if spec.identity_file is not None else []
        return tuple(dict.fromkeys(self.expand(path) for path in (*first, *configured)))

    def _agent(self, configured: object) -> str | None:
        """Path of the agent's socket. `IdentityAgent none` (None) means no agent."""
        if configured is None:
            return None
        path = self._environ.get("SSH_AUTH_SOCK")
        if isinstance(configured, str) and configured != "SSH_AUTH_SOCK":
            path = configured
        return str(self.expand(path)) if path else None

    def _known_hosts(self, spec: SshSpec, user: list[str], system: list[str]) -> tuple[Path, ...]:
        if spec.known_hosts is not None:
            return (self.expand(spec.known_hosts),)
        user = [path for path in user if path.lower() not in _OFF] or ["~/.ssh/known_hosts"]
        system = [path for path in system if path.lower() not in _OFF] or [str(_SYSTEM_KNOWN_HOSTS)]
        return tuple(dict.fromkeys(self.expand(path) for path in (*user, *system)))


_QUICK_FIRST = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""asyncssh's own list with AES-GCM before ChaCha20: five to nine times less of our CPU for each packet (its ChaCha20
is put together in Python), which shows when a capture floods. Every other cipher stays on offer."""
_FIXED: dict[str, Any] = {
    # Keys and agent are offered by `keys`, known_hosts by `trust`: asyncssh must not look for its own.
    "client_keys": None,
    "known_hosts": asyncssh.import_known_hosts(""),
    "x509_trusted_certs": None,
    "x509_trusted_cert_paths": (),
    "gss_host": None,
    "host_based_auth": False,
    "client_host_keysign": False,
    # The time limits are ours: they stand still while the operator types a password.
    "connect_timeout": None,
    "login_timeout": 0,
    # What ~/.ssh/config may add to interactive sessions would change what a command does.
    "tunnel": None,
    "agent_forwarding": False,
    "x11_forwarding": False,
    "request_pty": False,
    "command": None,
    "env": None,
    "send_env": None,
    "encoding": None,
    # One bad byte in a banner or a signal's message must not end the connection.
    "utf8_decode_errors": "replace",
}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpSpec:
    """The last host of a ProxyJump list, and the list before it."""

    host: str
    user: str | None
    port: int | None
    before: str | None


def parse_jump(label: str, text: str) -> JumpSpec:
    """Read `[user@]host[:port][,...]`. Raises: ProblemError (SSH_CONFIG)."""
    before, _, last = text.rpartition(",")
    user, _, where = last.strip().removeprefix("ssh://").rpartition("@")
    host, port = where, ""
    if where.startswith("["):
        host, _, port = where[1:].partition("]")
        port = port.removeprefix(":")
    elif where.count(":") == 1:
        host, _, port = where.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise problems.fail(
            ProblemKind.SSH_CONFIG,
            f"{label}: {text!r} is no jump host",
            "Write it as user@host:port; several with commas between them.",
        )
    return JumpSpec(host=host, user=user or None, port=int(port) if port else None, before=before.strip() or None)
