"""Keys to log in with: files, certificates, the agent; and what was tried, for the operator.

A decrypted key is kept for the process and shared by all nodes; its passphrase is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from haconsole.io.ssh import problems
from haconsole.io.ssh.coalesce import Shared
from haconsole.io.ssh.settings import Target
from haconsole.model.problems import ProblemError

_DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
_AGENT_S = 2.0
"""An agent that does not list its keys by then is left out (a dead forwarded socket, say)."""
_TRIES = 3
"""As often as ssh asks for a passphrase."""

Pair = asyncssh.SSHKeyPair | asyncssh.SSHKey | tuple[asyncssh.SSHKey | asyncssh.SSHKeyPair, asyncssh.SSHCertificate]
"""What asyncssh takes as a key to log in with; the tuple adds a certificate."""
AskPassphrase = Callable[[str], Awaitable[str | None]]
"""Takes the prompt; None: nobody answers."""


@dataclass(slots=True, kw_only=True)
class StoredKey:
    """One key file. `private` None: encrypted, or the file holds only the public key."""

    path: Path
    stamp: tuple[int, int]
    private: asyncssh.SSHKey | None = None
    public: asyncssh.SSHKey | None = None
    certificates: list[asyncssh.SSHCertificate] = field(default_factory=list)
    locked: bool = False
    fault: str | None = None
    unlocking: Shared[asyncssh.SSHKey] = field(default_factory=lambda: Shared(lambda _: True))

    def pairs(self, extra: list[asyncssh.SSHCertificate]) -> list[Pair]:
        """The private key, with the certificate that fits it."""
        if self.private is None:
            return []
        key = self.private
        fitting = [cert for cert in (*extra, *self.certificates) if cert.key.public_data == key.public_data]
        return [(key, fitting[0])] if fitting else [key]  # asyncssh tries the pair, then the key alone

    def agent_pair(self, pair: asyncssh.SSHKeyPair, extra: list[asyncssh.SSHCertificate]) -> Pair | None:
        """`pair` when it is the agent's copy of this key, or of a certificate for it; else None."""
        if self.public is None:
            return None
        known = [*extra, *self.certificates]
        if any(pair.key_public_data == cert.public_data for cert in known):
            return pair
        if pair.key_public_data != self.public.public_data:
            return None
        fitting = [cert for cert in known if cert.key.public_data == self.public.public_data]
        return (pair, fitting[0]) if fitting else pair

    def describe(self) -> str:
        """Path, type and fingerprint, for the operator."""
        key = self.private or self.public
        return f"{self.path} ({key.get_algorithm()} {key.get_fingerprint()})" if key else str(self.path)


class KeyRing:
    """Reads key files, each once until it changes."""

    def __init__(self) -> None:
        self._keys: dict[Path, StoredKey] = {}

    def read(self, path: Path) -> StoredKey:
        """The key in `path`. Raises: OSError."""
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        key = self._keys.get(path)
        if key is None or key.stamp != stamp:
            key = self._keys[path] = _load(path, stamp)
        key.certificates = certificates(path.with_name(path.name + "-cert.pub"))
        return key

    async def unlock(self, key: StoredKey, label: str, ask: AskPassphrase) -> str | None:
        """Decrypt; all nodes that wait for the same key share one question. Returns: why it failed."""

        async def ask_and_decrypt() -> asyncssh.SSHKey:
            for _ in range(_TRIES):
                passphrase = await ask(f"Passphrase for {key.path}")
                if passphrase is None:
                    reason = "it is encrypted, and no passphrase was given"
                    break
                try:
                    return await asyncio.to_thread(asyncssh.read_private_key, key.path, passphrase)
                except asyncssh.KeyEncryptionError as error:
                    reason = f"{error}".lower()
                    if "passphrase" not in reason:
                        break  # a cipher that is not known, or bcrypt is missing
                except (OSError, ValueError) as error:
                    reason = str(error)
                    break
            raise problems.key_unusable(label, key.path, reason, f"Put it into the agent: ssh-add {key.path}")

        try:
            key.private = await key.unlocking.get(ask_and_decrypt)
        except ProblemError as error:
            return error.problem.summary.partition("cannot be used: ")[2]
        return None


def _load(path: Path, stamp: tuple[int, int]) -> StoredKey:
    data = path.read_bytes()
    key = StoredKey(path=path, stamp=stamp)
    try:
        key.private = asyncssh.import_private_key(data)
    except (ValueError, asyncssh.Error) as error:
        key.locked = "assphrase" in str(error)
        key.fault = None if key.locked else str(error)
    else:
        return key
    for source in (data, _bytes(path.with_name(path.name + ".pub"))):
        try:
            key.public = asyncssh.import_public_key(source)
        except (ValueError, asyncssh.Error):
            continue
        key.fault = None
        break
    return key


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def certificates(path: Path) -> list[asyncssh.SSHCertificate]:
    """The OpenSSH certificates in `path`; none when there is no such file or no certificate in it."""
    try:
        return list(asyncssh.read_certificate_list(path))
    except (OSError, ValueError, asyncssh.Error):
        return []


class Offer:
    """The keys for one login, in the order they are tried.

    First the identities that need no question (or are in the agent), then the one that the
    configuration names even if a passphrase must be asked for, then the agent's other keys (unless
    IdentitiesOnly), and encrypted files last.
    """

    def __init__(
        self,
        target: Target,
        ring: KeyRing,
        home: Path,
        ask: AskPassphrase,
        patiently: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """`patiently()`: a context in which the time limit stands still. Raises: ProblemError (KEY_UNUSABLE)."""
        self._target, self._ring, self._ask, self._patiently = target, ring, ask, patiently
        self._agent: asyncssh.SSHAgentClient | None = None
        self._agent_pairs: list[asyncssh.SSHKeyPair] | None = None
        self._extra = [cert for path in target.certificates for cert in certificates(path)]
        self._offered: set[bytes] = set()
        self.tried: list[str] = []
        self.skipped: list[str] = []
        self.still_locked: list[tuple[Path, str]] = []
        self._identities = self._read_identities(home)
        explicit = [key for key in self._identities if key.path in target.identities[: bool(target.spec.identity_file)]]
        rest = [key for key in self._identities if key not in explicit]
        self._steps: list[Callable[[], Awaitable[list[Pair]]]] = [
            self._ready,
            lambda: self._unlocked(explicit),
            self._agents_others,
            lambda: self._unlocked(rest),
        ]

    def _read_identities(self, home: Path) -> list[StoredKey]:
        named = self._target.identities
        keys: list[StoredKey] = []
        for path in named or tuple(home / ".ssh" / name for name in _DEFAULT_NAMES):
            explicit = bool(self._target.spec.identity_file) and path == named[0]
            try:
                key = self._ring.read(path)
            except OSError as error:
                if explicit:
                    raise self._unusable(path, error.strerror or str(error)) from error
                if named:
                    self.skipped.append(f"{path}: {error.strerror}")
                continue
            if key.fault and explicit:
                raise self._unusable(path, key.fault)
            if key.fault:
                self.skipped.append(f"{path}: {key.fault}")
            else:
                keys.append(key)
        return keys

    def _unusable(self, path: Path, reason: str) -> ProblemError:
        remedy = f"Set `identity_file` in [ssh] to a private key that exists; try: ssh-keygen -yf {path}"
        return problems.key_unusable(self._target.label, path, reason, remedy)

    async def next(self) -> list[Pair] | None:
        """The next keys to try; None: there are no more."""
        while self._steps:
            pairs = await self._steps.pop(0)()
            if pairs:
                return pairs
        return None

    def close(self) -> None:
        """Let go of the agent."""
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    async def _ready(self) -> list[Pair]:
        pairs: list[Pair] = []
        for key in self._identities:
            found = key.pairs(self._extra)
            if not found:
                copies = [key.agent_pair(pair, self._extra) for pair in await self._agents()]
                found = [pair for pair in copies if pair is not None]
            if found:
                self._note(key.describe(), found)
                pairs += found
        return pairs

    async def _unlocked(self, keys: list[StoredKey]) -> list[Pair]:
        pairs: list[Pair] = []
        for key in keys:
            if not key.locked or (key.public is not None and key.public.public_data in self._offered):
                continue
            if key.private is None:
                async with self._patiently():
                    failure = await self._ring.unlock(key, self._target.label, self._ask)
                if failure is not None:
                    self.still_locked.append((key.path, failure))
                    continue
            found = key.pairs(self._extra)
            self._note(key.describe(), found)
            pairs += found
        return pairs

    async def _agents_others(self) -> list[Pair]:
        if self._target.identities_only:
            return []
        found = [pair for pair in await self._agents() if pair.key_public_data not in self._offered]
        for pair in found:
            self._note(f"agent's {pair.get_comment(errors='replace') or pair.get_algorithm()}", [pair])
        return list(found)

    async def _agents(self) -> list[asyncssh.SSHKeyPair]:
        if self._agent_pairs is None:
            self._agent_pairs = []
            if self._target.agent is None:
                self.skipped.append("no agent (SSH_AUTH_SOCK is not set)")
                return []
            try:
                async with asyncio.timeout(_AGENT_S):
                    self._agent = await asyncssh.connect_agent(self._target.agent)
                    self._agent_pairs = list(await self._agent.get_keys())
            except (OSError, ValueError, asyncssh.Error) as error:  # TimeoutError is an OSError
                self.skipped.append(f"agent {self._target.agent}: {str(error) or 'no answer'}")
        return self._agent_pairs

    def _note(self, what: str, pairs: list[Pair]) -> None:
        self.tried.append(what)
        for pair in pairs:
            key = pair[0] if isinstance(pair, tuple) else pair
            self._offered.add(key.key_public_data if isinstance(key, asyncssh.SSHKeyPair) else key.public_data)
