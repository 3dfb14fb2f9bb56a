"""One console's work on one node: entries of the changing catalogue, one SSH session each, every answer typed.

A connection of its own, made anew when it dies. Nothing here decides; a lost answer is None or UNKNOWN,
never a failure. Every command is told to `record` with its exit status, for the audit log.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from haconsole.catalogue import operation as entries
from haconsole.catalogue import read, script
from haconsole.catalogue.command import CommandSpec
from haconsole.catalogue.operation import OperationNames
from haconsole.io.ports import Clock, Connection, Connector
from haconsole.model.operation import (
    DisarmAnswer,
    DrainNote,
    LockAnswer,
    LockRequest,
    NodeOperation,
    ReadBack,
    RevertTimers,
    SaveAnswer,
    Slot,
    StepAnswer,
)
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.parse import operation as parse
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean, decode

T = TypeVar("T")
RETRY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that ran, or was sent, on a node. `exit_status` None: no answer came."""

    node: str
    entry: str
    command: tuple[str, ...]
    exit_status: int | None
    words: str
    """What it said on standard error."""
    sudo: bool = False
    """It was run by sudo."""


class Desk:
    """One node, as one console works on it."""

    def __init__(
        self,
        cluster: ClusterSpec,
        node: NodeSpec,
        connector: Connector,
        clock: Clock,
        record: Callable[[Ran], None],
    ) -> None:
        self.node = node
        self._connector, self._clock, self._record = connector, clock, record
        self._names = OperationNames(
            keepalived_unit=cluster.keepalived_service.removesuffix(".service"),
            squid_unit=cluster.squid_service.removesuffix(".service"),
            config_file=cluster.keepalived_config,
            drain_file=cluster.drain_file,
        )
        self._connection: Connection | None = None
        self._rights: Rights | None = None
        self._one = asyncio.Lock()

    async def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def ask(
        self, spec: CommandSpec, data: str = "", *, interface: str = "lo", patience_s: float = 0.0
    ) -> script.Output:
        """One entry.

        patience_s: when the answer is lost ask again, over a new connection, for so long. Only for
        entries that may be repeated: all of `catalogue.operation`, and those that restore.
        Raises: ProblemError: no answer; whether it ran is not known.
        """
        until = self._clock.now() + patience_s
        while True:
            try:
                return await self._once(spec, data, interface)
            except ProblemError:
                if self._clock.now() + RETRY_S > until:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _once(self, spec: CommandSpec, data: str, interface: str) -> script.Output:
        connection, rights = await self._ready()
        names = replace(self._names, data=data, interface=interface)
        marker = secrets.token_hex(16)
        sudo = script.privileged(spec, rights)
        shown = script.under_sudo(spec, names) if sudo else script.plain(spec, names)
        try:
            result = await connection.run(
                script.batch([spec], names, rights),
                stdin=marker.encode() + b"\n",
                limit=spec.limit + 8192,
                timeout_s=spec.timeout_s + 6.0,
            )
        except ProblemError as error:
            self._lost(connection)
            self._record(self._ran(spec, shown, None, error.problem.summary, sudo=sudo))
            raise
        output = script.outputs(marker, result.stdout, [spec]).get(spec.id)
        if output is None:
            words = clean(decode(result.stderr))[:400]
            self._record(self._ran(spec, shown, None, words, sudo=sudo))
            raise ProblemError(
                Problem(
                    kind=ProblemKind.OUTPUT_UNREADABLE,
                    summary=f"{self.node.name}: no whole answer to {spec.id}",
                    detail=words,
                )
            )
        self._record(self._ran(spec, shown, output.status, clean(output.stderr)[:400], sudo=sudo))
        return output

    def _ran(
        self, spec: CommandSpec, shown: tuple[str, ...] | None, status: int | None, words: str, *, sudo: bool
    ) -> Ran:
        return Ran(
            node=self.node.name, entry=spec.id, command=shown or (), exit_status=status, words=words, sudo=sudo
        )  # fmt: skip

    async def _ready(self) -> tuple[Connection, Rights]:
        async with self._one:
            if self._connection is None:
                self._connection = await self._connector.connect(self.node)
            connection = self._connection
            if self._rights is None:
                self._rights = await self._find_rights(connection)
            return connection, self._rights

    async def _find_rights(self, connection: Connection) -> Rights:
        marker = secrets.token_hex(16)
        try:
            result = await connection.run(
                script.batch([read.UID], self._names, Rights.PLAIN),
                stdin=marker.encode() + b"\n", limit=4096, timeout_s=8.0,
            )  # fmt: skip
        except ProblemError:
            self._lost(connection)
            raise
        output = script.outputs(marker, result.stdout, [read.UID]).get(read.UID.id)
        if output is not None and output.status == 0 and decode(output.stdout).strip() == "0":
            return Rights.ROOT
        return Rights.SUDO if self.node.ssh.sudo else Rights.PLAIN

    def _lost(self, connection: Connection) -> None:
        connection.abort()
        if self._connection is connection:
            self._connection = None

    # --- the steps, typed -------------------------------------------------------------------------

    async def _told(self, spec: CommandSpec, data: str, how: Callable[[str], T], patience_s: float) -> T:
        output = await self.ask(spec, data, interface=self._interface, patience_s=patience_s)
        if output.status not in {0, 75}:
            raise ProblemError(_why(self.node.name, spec, output))
        try:
            return how(decode(output.stdout))
        except ParseError as error:
            raise ProblemError(
                Problem(kind=ProblemKind.OUTPUT_UNREADABLE, summary=f"{self.node.name}: {spec.id}: {error}")
            ) from error

    _interface = "lo"

    def about(self, interface: str) -> None:
        """The interface that saving, arming and changing are about."""
        self._interface = interface

    async def take(self, request: LockRequest, instead_of: str = "") -> LockAnswer:
        """Take the lock. Raises: ProblemError, as all of these: no answer, or none that can be read."""
        return await self._told(entries.LOCK, entries.taking(request, instead_of), parse.parse_lock, 0.0)

    async def renew(self, operation: str, patience_s: float = 0.0) -> LockAnswer:
        """The heartbeat."""
        return await self._told(entries.LOCK, entries.renewing(operation), parse.parse_lock, patience_s)

    async def release(self, operation: str, patience_s: float) -> LockAnswer:
        """Give the lock back."""
        return await self._told(entries.LOCK, entries.releasing(operation), parse.parse_lock, patience_s)

    async def save(self, spec: CommandSpec, operation: str, managed: frozenset[IpAddress]) -> SaveAnswer:
        """Save what must be the same afterwards."""
        return await self._told(spec, entries.saving(operation, managed), parse.parse_saved, 3.0)

    async def arm(self, spec: CommandSpec, operation: str, slot: Slot, deadline_s: int) -> StepAnswer:
        """Arm the revert. Not repeated: a lost answer is looked after by `timers`."""
        return await self._told(spec, entries.arming(operation, slot, deadline_s), parse.parse_step, 0.0)

    async def state(self, patience_s: float = 3.0) -> NodeOperation:
        """What /run/haconsole tells."""
        return await self._told(entries.STATE, "", parse.parse_state, patience_s)

    async def timers(self, patience_s: float = 3.0) -> RevertTimers:
        """Armed, running, run."""
        return await self._told(entries.TIMERS, "", parse.parse_timers, patience_s)

    async def read_back(self, patience_s: float = 3.0) -> ReadBack:
        """Routes and global IPv6 addresses of the interface that this is about, as they are now."""
        return await self._told(entries.READ_BACK, "", parse.parse_read_back, patience_s)

    async def disarm(self, operation: str, slot: Slot, patience_s: float) -> DisarmAnswer:
        """Disarm, and tell whether the revert ran."""
        return await self._told(entries.DISARM, entries.disarming(operation, slot), parse.parse_disarm, patience_s)

    async def clear(self, operation: str, patience_s: float) -> StepAnswer:
        """Remove what was saved."""
        return await self._told(entries.CLEAR, entries.clearing(operation), parse.parse_step, patience_s)

    async def note(self, operation: str, note: DrainNote | None, patience_s: float) -> StepAnswer:
        """Write the drain note, or remove it."""
        return await self._told(entries.NOTE, entries.noting(operation, note), parse.parse_step, patience_s)

    async def revert_now(self, operation: str, slot: Slot, patience_s: float) -> None:
        """Have the node run its armed revert at once, if it is of this operation: the node compares, in one step.
        Raises: ProblemError: no answer, or it is not."""
        spec = entries.REVERT_NOW[slot]
        try:
            data = entries.reverting(operation)
        except ValueError as error:
            words = f"{self.node.name}: what is armed there cannot be asked for: {error}"
            raise ProblemError(Problem(kind=ProblemKind.COMMAND_FAILED, summary=words)) from error
        output = await self.ask(spec, data, patience_s=patience_s)
        if output.status != 0:
            raise ProblemError(_why(self.node.name, spec, output))


def _why(node: str, spec: CommandSpec, output: script.Output) -> Problem:
    words = clean(output.stderr)[:400]
    refused = "sudo:" in words
    return Problem(
        kind=ProblemKind.NOT_PERMITTED if refused else ProblemKind.COMMAND_FAILED,
        summary=f"{node}: {spec.id} ended with {output.status}" + (f": {words}" if words else ""),
        remedy=f"allow what `haconsole sudoers` prints for `{spec.id}`" if refused else None,
        detail=words,
    )
