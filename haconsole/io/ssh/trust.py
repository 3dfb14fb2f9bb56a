"""Host keys: the known_hosts files, and what to say when a key is not in them.

Nothing is ever accepted without being in a file. A line to add is shown only for a host of which
nothing is known; for a changed or revoked key the advice is to find out why.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from haconsole.io.ssh import problems
from haconsole.io.ssh.settings import Target
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.model.record import dataclass

Stamp = tuple[int, int, int]
"""Inode, size, modification time: a file with the same three was not changed."""


Keys = Sequence[asyncssh.SSHKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A host key (or the key of the authority behind a host certificate) that is not trusted."""

    name: str
    address: str
    port: int
    key: asyncssh.SSHKey
    authority: bool

    @property
    def type(self) -> str:
        """Such as `ssh-ed25519`."""
        return self.key.get_algorithm()

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as ssh-keygen -l prints it."""
        return self.key.get_fingerprint()

    @property
    def line(self) -> str:
        """The line for known_hosts: `name type base64`."""
        kind, data = self.key.export_public_key().decode("ascii").split()[:2]
        marker = "@cert-authority " if self.authority else ""
        return f"{marker}{entry_name(self.name, self.port)} {kind} {data}"


def entry_name(host: str, port: int) -> str:
    """How known_hosts writes a host: `host`, or `[host]:port` when the port is not 22."""
    return host if port == 22 else f"[{host}]:{port}"


@dataclass(frozen=True, slots=True)
class Trust:
    """The known hosts that hold for one target."""

    files: tuple[Path, ...]
    parts: tuple[tuple[Path, asyncssh.SSHKnownHosts], ...]
    merged: asyncssh.SSHKnownHosts

    def lookup(self, host: str, address: str, port: int | None) -> tuple[Keys, Keys, Keys]:
        """Trusted keys, authorities, revoked keys, as asyncssh wants them; port None: 22.

        asyncssh's own lookup forgets what is revoked for `[host]:port` when it goes on to look for
        `host` alone, and would then accept the revoked key.
        """
        trusted, authorities, revoked = self.merged.match(host, address, port)[:3]
        names = (host, address) if port is None else (host, address, f"[{host}]:{port}", f"[{address}]:{port}")
        more = [key for name in names if name for key in self.merged.match(name, "", None)[2]]
        return trusted, authorities, [*revoked, *more]

    def knows(self, host: str, address: str, port: int) -> bool:
        """Is any key or authority of this host known?"""
        return _knows(self.merged, host, address, port)


def _knows(hosts: asyncssh.SSHKnownHosts, host: str, address: str, port: int) -> bool:
    found = hosts.match(host, address, None if port == 22 else port)
    return bool(found[0] or found[1])


class KnownHosts:
    """Reads known_hosts files, each once until it changes."""

    def __init__(self) -> None:
        self._cache: dict[tuple[Path, ...], tuple[tuple[Stamp | None, ...], Trust]] = {}

    def trust(self, target: Target) -> Trust:
        """What the target's files say. Missing files are empty. Raises: ProblemError (SSH_CONFIG)."""
        files = target.known_hosts
        stamps = tuple(_stamp(path) for path in files)
        cached = self._cache.get(files)
        if cached is None or cached[0] != stamps:
            texts = [(path, _read(target, path)) for path, stamp in zip(files, stamps, strict=True) if stamp]
            parts = tuple((path, asyncssh.import_known_hosts(text)) for path, text in texts)
            merged = asyncssh.import_known_hosts("\n".join(text for _, text in texts))
            cached = self._cache[files] = (stamps, Trust(files, parts, merged))
        return cached[1]


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(target: Target, path: Path) -> str:
    """The file's lines, without those that asyncssh would refuse the whole file for."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise problems.ssh_config(target.label, error.strerror or str(error), path) from error
    return "\n".join(line for line in text.splitlines() if _readable(line))


def _readable(line: str) -> bool:
    """OpenSSH skips a bad line and goes on; one of them must not hide all other keys."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return False
    marked = words[0].startswith("@")
    if marked and words[0] not in {"@cert-authority", "@revoked"}:
        return False
    hashed = words[1 if marked and len(words) > 1 else 0]
    if hashed.startswith("|"):
        return len(words) > 1 and hashed.startswith("|1|") and _loads(line)
    return len(words) >= (3 if marked else 2) and (not set("*?/!") & set(hashed) or _loads(line))


def _loads(line: str) -> bool:
    try:
        asyncssh.import_known_hosts(line)
    except ValueError:
        return False
    return True


def refuse(target: Target, trust: Trust, offered: Offered | None, reason: str) -> ProblemError:
    """Why this host key is not accepted. `reason`: asyncssh's words; `offered` None: it gave no key."""
    if "revoked" in reason:
        return problems.fail(
            ProblemKind.HOST_KEY_REVOKED,
            f"{target.label}: the host key of {target.host} is revoked: whoever answers may not be the node",
            f"Do not connect. Ask whoever revoked the key (@revoked in {_names(trust.files)}).",
            reason,
        )
    if offered is None:
        return problems.fail(
            ProblemKind.HOST_KEY_CHANGED,
            f"{target.label}: the host certificate of {target.host} is not valid",
            "Have the node's host certificate renewed by its authority; look at its name and dates: "
            "ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub",
            reason,
        )
    if trust.knows(offered.name, offered.address, offered.port):
        return _changed(target, trust, offered)
    return _unknown(target, trust, offered)


def _unknown(target: Target, trust: Trust, offered: Offered) -> ProblemError:
    what = "the authority of its host certificate" if offered.authority else "its host key"
    at = target.label if target.label == target.host else f"{target.label}: {target.host}"
    file = shlex.quote(str(trust.files[0]))
    add = f"echo {shlex.quote(offered.line)} >> {file}"
    scan = f"ssh-keyscan -p {offered.port} -t {offered.type} {shlex.quote(target.host)}"
    steps = [
        f"Compare {offered.fingerprint} with the node's own console: ssh-keygen -lf {_key_file(offered.type)}",
        f"Only when they are the same: {add}",
    ]
    if target.jump is None and not offered.authority:
        steps.append(f"The same line comes from: {scan} >> {file}")
    return problems.fail(
        ProblemKind.HOST_KEY_UNKNOWN,
        f"{at}: {what} is in no known_hosts file: {offered.type} {offered.fingerprint}",
        "\n".join(steps),
        offered.line,
    )


def _key_file(key_type: str) -> str:
    kind = next((kind for kind in ("ed25519", "ecdsa", "rsa") if kind in key_type), "*")
    return f"/etc/ssh/ssh_host_{kind}_key.pub"


def _changed(target: Target, trust: Trust, offered: Offered) -> ProblemError:
    keys, authorities = trust.merged.match(offered.name, offered.address, None if offered.port == 22 else offered.port)[
        :2
    ]
    known = ", ".join(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in (*keys, *authorities))
    removals = "\n".join(_removals(trust, offered))
    return problems.fail(
        ProblemKind.HOST_KEY_CHANGED,
        f"{target.label}: the host key of {target.host} has CHANGED: it offers {offered.type} {offered.fingerprint}",
        "Find out why first: was the node installed anew, or does another machine have its address? "
        f"Compare with the node's own console: ssh-keygen -lf {_key_file(offered.type)}\n"
        f"Only when the change is explained, remove the old key:\n{removals}\n"
        "and connect again: the new key is then shown for comparison.",
        f"known: {known}",
    )


def _removals(trust: Trust, offered: Offered) -> list[str]:
    """One `ssh-keygen -R` for each file that holds the host, under the name it has there."""
    name, address, port = offered.name, offered.address, offered.port
    names = [entry_name(name, port), entry_name(address, port), name, address]
    lines = []
    for path, hosts in trust.parts:
        for candidate in dict.fromkeys(names):
            found = hosts.match(candidate, "", None)
            if found[0] or found[1]:
                lines.append(f"ssh-keygen -R {shlex.quote(candidate)} -f {shlex.quote(str(path))}")
                break
        else:
            if _knows(hosts, name, address, port):
                lines.append(f"(in {path} the host is matched by a pattern: edit that line)")
    return lines


def _names(files: tuple[Path, ...]) -> str:
    return ", ".join(str(path) for path in files)
