"""Opens SSH connections: settings, jump hosts, name, TCP, host key, login; each failure in its words."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Self

import asyncssh

from haconsole.io.ports import Prompter
from haconsole.io.ssh import dial, problems, refusal
from haconsole.io.ssh.client import Client
from haconsole.io.ssh.coalesce import Shared
from haconsole.io.ssh.connection import SshConnection
from haconsole.io.ssh.keys import KeyRing, Offer
from haconsole.io.ssh.settings import Settings, Target, parse_jump
from haconsole.io.ssh.trust import KnownHosts, Offered
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.model.spec import NodeSpec

HANDSHAKES: Final = 30
"""Handshakes at the same time: enough to keep the processor busy, few enough to stay responsive."""


@dataclass(frozen=True, slots=True)
class Hop:
    """An open connection and its owner."""

    connection: asyncssh.SSHClientConnection
    client: Client

    @property
    def alive(self) -> bool:
        return not self.client.lost.is_set() and not self.connection.is_closed()


class Patience:
    """A time limit that stands still while the operator is asked; it may hold a handshake slot."""

    def __init__(self, seconds: float, slots: asyncio.Semaphore) -> None:
        self._seconds, self._slots = seconds, slots
        self._timeout = asyncio.timeout(seconds)
        self._holds = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:  # noqa: PYI036 - handed on as they are
        await self._timeout.__aexit__(*exc)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a handshake slot; waiting for it does not count."""
        left = self._stop()
        await self._take()
        self._go(left)
        try:
            yield
        finally:
            self._give()

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """While a person thinks: no time limit, and no slot that others could use. Then it starts anew."""
        self._stop()
        held = self._holds
        self._give()
        try:
            yield
        finally:
            if held:
                await self._take()
            self._go(self._seconds)

    async def _take(self) -> None:
        await self._slots.acquire()
        self._holds = True

    def _give(self) -> None:
        if self._holds:
            self._holds = False
            self._slots.release()

    def _stop(self) -> float:
        """Returns: the seconds that were left."""
        until = self._timeout.when()
        self._set(None)
        return self._seconds if until is None else until - asyncio.get_running_loop().time()

    def _go(self, seconds: float) -> None:
        self._set(asyncio.get_running_loop().time() + seconds)

    def _set(self, until: float | None) -> None:
        with contextlib.suppress(RuntimeError):  # it has just run out
            self._timeout.reschedule(until)


class SshConnector:
    """Implements `io.ports.Connector`. One for the process: jump hosts, keys and files are shared."""

    def __init__(self, prompter: Prompter | None = None, environ: Mapping[str, str] = os.environ) -> None:
        """`prompter` None: nobody is asked. `environ` gives HOME and SSH_AUTH_SOCK."""
        self._prompter = prompter
        self._settings = Settings(environ)
        self._known_hosts = KnownHosts()
        self._ring = KeyRing()
        self._slots = asyncio.Semaphore(HANDSHAKES)
        self._jumps: dict[object, Shared[Hop]] = {}
        logger = logging.getLogger("asyncssh")
        logger.setLevel(logging.WARNING)
        logger.addHandler(logging.NullHandler())  # without any handler Python would write to stderr

    async def connect(self, node: NodeSpec) -> SshConnection:
        """See `io.ports.Connector.connect`."""
        spec = node.ssh
        target = await self._settings.target(
            node.name,
            node.address,
            spec,
            user=spec.user,
            port=spec.port,
            jump=spec.jump,
            shown=node.shown_address,
        )
        via = await self._jump(target)
        hop = await self._open(target, via)
        return SshConnection(
            node.name, hop.connection, hop.client, None if via is None else via.client, spec.keepalive_s
        )

    async def close(self) -> None:
        """See `io.ports.Connector.close`."""
        for shared in self._jumps.values():
            if shared.value is not None:
                shared.value.connection.abort()
        self._jumps.clear()

    async def _jump(self, target: Target) -> Hop | None:
        """The open jump host of `target`, shared by all nodes behind it; None: it needs none."""
        via: Hop | None = None
        for key, through in reversed(await self._jumps_before(target)):
            shared = self._jumps.setdefault(key, Shared(lambda hop: hop.alive))
            make = functools.partial(self._open, through, via)
            try:
                via = await shared.get(make)
            except ProblemError as error:
                raise problems.behind_jump(target.label, error.problem) from error
        return via

    async def _jumps_before(self, target: Target) -> list[tuple[object, Target]]:
        """Every jump host on the way and what tells it from others, the one next to `target` first.

        The whole way is known before the first is opened, so a loop cannot wait for itself.
        """
        spec = target.spec
        way: list[tuple[object, Target]] = []
        last = target
        while last.jump is not None:
            key = (last.jump, spec.config_file, spec.known_hosts, spec.identity_file)
            if any(key == known for known, _ in way):
                raise problems.ssh_config(target.label, f"the jump host {last.jump} is reached through itself")
            jump = parse_jump(target.label, last.jump)
            last = await self._settings.target(
                f"jump host {jump.host}", jump.host, spec, user=jump.user, port=jump.port, jump=jump.before
            )
            way.append((key, last))
        return way

    async def _open(self, target: Target, via: Hop | None) -> Hop:
        """Connect and log in. Raises: ProblemError."""
        trust = self._known_hosts.trust(target)
        patience = Patience(target.spec.connect_timeout_s, self._slots)

        async def ask(prompt: str) -> str | None:
            return None if self._prompter is None else await self._prompter.ask(target.label, prompt, echo=False)

        async def ask_patiently(prompt: str, echo: bool) -> str | None:
            if self._prompter is None:
                return None
            async with patience.paused():
                return await self._prompter.ask(target.label, prompt, echo=echo)

        offer = Offer(target, self._ring, self._settings.home, ask, patience.paused)
        client = Client(offer, None if self._prompter is None else ask_patiently)
        try:
            connection = await self._reach(target, via, client, patience, known_hosts=trust.lookup)
        except ProblemError:
            raise
        except Exception as error:  # whatever a node's bytes make asyncssh raise is a failed connect
            failure = refusal.Failure(target, trust, client, offer, error)
            if failure.may_be_changed_key:
                client.offered = await self._offered(target, via)
            raise failure.explain(lost_jump=via is not None and not via.alive) from error
        finally:
            offer.close()
        return Hop(connection, client)

    async def _reach(
        self, target: Target, via: Hop | None, client: Client, patience: Patience, **options: Any
    ) -> asyncssh.SSHClientConnection:
        """The connection. Raises: ProblemError when it was not even reached, else what asyncssh raises."""
        phase, sock = "name", None
        try:
            async with patience:
                if via is None and target.own_socket:
                    addresses = await self._lookup(target)
                    phase = "tcp"
                    sock = await self._dial(target, addresses)
                phase = "jump" if via is not None else "tcp"
                async with patience.slot():
                    return await self._shake_hands(target, via, client, sock, options)
        except TimeoutError:
            phase = phase if client.connection is None else client.phase
            raise problems.timed_out(target.label, *target.said, phase, target.spec.connect_timeout_s) from None
        finally:
            if sock is not None and client.connection is None:
                sock.close()  # asyncssh never got it

    @staticmethod
    async def _lookup(target: Target) -> list[dial.Address]:
        try:
            return await dial.lookup(target.host, target.port, target.options.family)
        except OSError as error:
            raise problems.name_unknown(target.label, target.host, error) from error

    @staticmethod
    async def _dial(target: Target, addresses: list[dial.Address]) -> socket.socket:
        try:
            return await dial.connect_any(addresses, target.options.local_addr, target.spec.connect_timeout_s)
        except TimeoutError:
            raise
        except OSError as error:
            raise problems.cannot_connect(target.label, *target.said, error) from error

    @staticmethod
    async def _shake_hands(
        target: Target, via: Hop | None, client: Client, sock: socket.socket | None, options: dict[str, Any]
    ) -> asyncssh.SSHClientConnection:
        place: dict[str, Any] = {} if sock is None else {"sock": sock}
        return await asyncssh.connect(
            target.options.orig_host,  # the `Host` patterns match this one, HostName is in the options
            target.port,
            tunnel=None if via is None else via.connection,
            config=target.config,
            options=target.options,
            client_factory=lambda: client,
            keepalive_interval=target.spec.keepalive_s,
            keepalive_count_max=2,
            **place,
            **options,
        )

    async def _offered(self, target: Target, via: Hop | None) -> Offered | None:
        """The host key that is offered when all types are welcome, only to show it; never accepted."""
        client = Client(None, None)
        patience = Patience(target.spec.connect_timeout_s, self._slots)
        nothing = asyncssh.import_known_hosts("")
        try:
            connection = await self._reach(
                target, via, client, patience, known_hosts=nothing, server_host_key_algs="default"
            )
        except Exception:  # noqa: BLE001 - it must fail, for nothing is trusted; what matters was noted
            return client.offered
        connection.abort()
        return None
