"""What asyncssh asks back while it connects: is this key right, and how do we log in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncssh

from haconsole.io.ssh.keys import Offer
from haconsole.io.ssh.trust import Offered
from haconsole.parse.text import clean

Ask = Callable[[str, bool], Awaitable[str | None]]
"""Takes prompt and echo. None: nobody answers."""


class Client(asyncssh.SSHClient):
    """One connection's answers and what was learned. Strict: no key is accepted here."""

    def __init__(self, offer: Offer | None, ask: Ask | None) -> None:
        """`offer` None: no keys (only the host key is wanted). `ask` None: there is nobody to ask."""
        self._offer, self._ask = offer, ask
        self._asked_password = self._asked_challenge = self._challenge_failed = False
        self.connection: asyncssh.SSHClientConnection | None = None
        self.peer = ""
        """The node's address; empty behind a jump host."""
        self.offered: Offered | None = None
        self.logging_in = False
        self.methods: Sequence[str] = ()
        """Ways to log in that the node named."""
        self.answered: list[str] = []
        """Questions that the operator answered, such as `password`."""
        self.banner = ""
        self.lost = asyncio.Event()
        self.lost_reason = ""
        """Empty: nobody's fault, the console or the node closed the connection in good order."""

    @property
    def phase(self) -> str:
        """What is being waited for; a word that `problems.timed_out` knows."""
        if self.logging_in:
            return "login"
        greeted = self.connection is not None and self.connection.get_extra_info("server_version")
        return "kex" if greeted else "greeting"

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """TCP (or the jump host's channel) is there."""
        self.connection = conn
        peer = conn.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever caused it."""
        self.lost_reason = "" if exc is None else clean(str(exc) or type(exc).__name__)
        self.lost.set()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Only called for a key that is in no known_hosts file."""
        self.offered = Offered(name=host, address=addr, port=port, key=key, authority=False)
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Only called for an authority that is in no known_hosts file."""
        self.offered = Offered(name=host, address=addr, port=port, key=key, authority=True)
        return False

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """Kept for the error message; it may say why logins are refused."""
        self.banner = clean(" ".join(msg[:500].split()))

    def begin_auth(self, username: str) -> None:
        """The host key was right."""
        self.logging_in = True

    def _remember_methods(self) -> None:
        if self.connection is not None and not self.methods:
            self.methods = tuple(clean(method) for method in self.connection.get_server_auth_methods())

    async def public_key_auth_requested(self) -> Any:
        """The next keys to try, None at the end."""
        self._remember_methods()
        return None if self._offer is None else await self._offer.next()

    async def password_auth_requested(self) -> str | None:
        """A password, asked for once; never after a challenge that failed, for that was the password."""
        self._remember_methods()
        if self._ask is None or self._asked_password or self._challenge_failed:
            return None
        self._asked_password = True
        answer = await self._ask("Password", False)  # noqa: FBT003
        if answer is not None:
            self.answered.append("password")
        return answer

    def kbdint_auth_requested(self) -> str | None:
        """Ask a challenge of the server's choice (`""`), once."""
        self._remember_methods()
        if self._ask is None or self._asked_challenge:
            self._challenge_failed = self._asked_challenge
            return None
        self._asked_challenge = True
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Hand the node's questions to the operator, cleaned. None: not answered."""
        answers = []
        head = " ".join(text for text in (*name.split(), *instructions.split()))
        for prompt, echo in prompts:
            text = clean(f"{head} {prompt}".strip().rstrip(":"))
            answer = None if self._ask is None else await self._ask(text, echo)
            if answer is None:
                self._challenge_failed = True
                return None
            answers.append(answer)
        if prompts:
            self.answered.append("keyboard-interactive")
        return answers
