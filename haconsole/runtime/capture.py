"""Adverts from a node: its own tcpdump over SSH, for as long as it is wanted.

Finds out with which rights it can be run, starts it anew when it ends, connects anew when the link
dies, and says each time why. One tcpdump's channel is `runtime.capture_channel`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Final

from haconsole.catalogue import capture as entries
from haconsole.catalogue import read, script
from haconsole.catalogue.command import CommandSpec, Names
from haconsole.cluster import clocks
from haconsole.io.ports import Clock, Connection, Connector
from haconsole.model.capture import CapturePhase, CaptureState
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.spec import NodeSpec
from haconsole.model.state import ClockOffset, Known
from haconsole.parse import tcpdump
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean, decode
from haconsole.runtime.capture_channel import CaptureChannel, beat
from haconsole.runtime.capture_why import Attempt, cannot_start, ended
from haconsole.runtime.heard import Intake, Sieve, Sink, UnreadSink, hand_over
from haconsole.runtime.tasks import apart
from haconsole.wire import pcap

RETRY_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
PERMANENT_S: Final = 30.0
"""What a person must mend is tried again this often."""
_FOR_A_PERSON: Final = frozenset({ProblemKind.NOT_PERMITTED, ProblemKind.TOOL_MISSING})


def never(problem: Problem, listened: bool) -> bool:
    """Go on trying whatever happens."""
    return False


class NodeCapture:
    """Listens on one node. `sink` takes what is heard and how it goes."""

    def __init__(
        self,
        node: NodeSpec,
        clock: Clock,
        sink: Sink,
        *,
        place: str | None = None,
        interface: str | None = None,
        thin_out: bool = True,
        gives_up: Callable[[Problem, bool], bool] = never,
        unread: UnreadSink | None = None,
    ) -> None:
        """
        place: what the node is called in what is heard; None: its name.
        interface: None: the node's LAN interface.
        thin_out: leave out, and count, what floods; otherwise a slow sink makes the node lose packets.
        gives_up: (problem, had it ever listened) -> True: no further try.
        unread: takes what claims to be VRRP and cannot be read; None: that is only counted.
        Raises: ValueError: `interface` cannot be the name of one.
        """
        self._node, self._clock, self._sink, self._gives_up = node, clock, sink, gives_up
        self._unread = unread
        self.place = place or node.name
        self.interface = entries.interface_name(interface or node.lan_interface)
        self._intake = Intake(self.place, Sieve() if thin_out else None)
        self._channel: CaptureChannel | None = None
        self._over = asyncio.Event()
        self._failures = 0
        self._listened = False
        self._lost_before = 0
        """Packets that earlier tcpdumps of this capture lost."""

    async def run(self, connector: Connector) -> None:
        """Listen over a connection of its own, made anew when it dies; until `end` or giving up."""
        while not self._over.is_set():
            self._tell(CapturePhase.STARTING)
            try:
                connection = await connector.connect(self._node)
            except ProblemError as error:
                await self._wait(error.problem)
                continue
            try:
                await apart(self.follow(connection))
            except ProblemError as error:
                await self._wait(error.problem)
            finally:
                connection.abort()

    async def follow(self, connection: Connection) -> None:
        """Listen over a connection that somebody else keeps; until `end` or giving up.

        Raises: ProblemError (LINK_LOST) when the connection died.
        """
        while not self._over.is_set():
            try:
                problem = await apart(self._once(connection))
            except ProblemError as error:
                if error.problem.kind is ProblemKind.LINK_LOST:
                    raise
                problem = error.problem
            if problem is not None:
                await self._wait(problem)

    def end(self) -> None:
        """End in good order: `run` or `follow` returns when tcpdump's last counts are in."""
        self._over.set()
        if self._channel is not None:
            self._channel.end()

    async def _once(self, connection: Connection) -> Problem | None:
        """One tcpdump from start to end; with sudo, and if that is refused without. None: `end`ed."""
        attempt, offset = await self._prepare(connection)
        if (problem := cannot_start(attempt)) is not None:
            return problem
        problem = None
        for rights in (Rights.SUDO, Rights.PLAIN) if attempt.rights is Rights.SUDO else (attempt.rights,):
            channel = await self._listen(connection, attempt.names, rights, offset)
            if self._over.is_set():
                return None
            refusal, found = ended(attempt, channel.status, channel.words, listened=channel.listening)
            problem = problem or found
            if channel.listening or refusal is not tcpdump.Refusal.SUDO:
                break
        return problem

    async def _prepare(self, connection: Connection) -> tuple[Attempt, Known[ClockOffset] | None]:
        names = entries.CaptureNames(interface=self.interface)
        sent = self._clock.now()
        times = await _ask(connection, (read.TIME,), names)
        first = beat(self._node.name, sent, self._clock.now(), times.get(read.TIME.id, ""))
        told = await _ask(connection, (read.USER, read.UID, entries.CHECK), names)
        rights = Rights.SUDO if self._node.ssh.sudo else Rights.PLAIN
        rights = Rights.ROOT if told.get(read.UID.id, "").strip() == "0" else rights
        try:
            names = entries.CaptureNames(interface=self.interface, user=told.get(read.USER.id, "").strip())
        except ValueError as error:
            text = f"{self._node.name}: the login's name is not usable: {clean(str(error))}"
            raise ProblemError(Problem(kind=ProblemKind.OUTPUT_UNREADABLE, summary=text)) from error
        try:
            readiness = tcpdump.parse_check(told.get(entries.CHECK.id, ""))
        except ParseError:
            readiness = None
        attempt = Attempt(
            node=self._node.name, names=names, rights=rights, readiness=readiness, sudo=self._node.ssh.sudo
        )
        return attempt, None if first is None else clocks.better(None, clocks.measured(first), first.at)

    async def _listen(
        self, connection: Connection, names: entries.CaptureNames, rights: Rights, offset: Known[ClockOffset] | None
    ) -> CaptureChannel:
        marker = secrets.token_hex(16)
        command = script.capture(entries.stream_for(rights), names, rights)
        stream = await connection.stream(command, errors=True)
        channel = CaptureChannel(self._node.name, stream, marker, self._clock, self, offset)
        self._channel = channel
        if self._over.is_set():
            channel.end()
        try:
            await channel.run()
        finally:
            self._channel = None
            self._lost_before = self._intake.dropped or 0
            with contextlib.suppress(ProblemError, TimeoutError):
                async with asyncio.timeout(0.3):
                    await stream.write(b"q")  # sshd passes no signal to a command of root
            await stream.stop()
            self.tell_counts()
        return channel

    async def _wait(self, problem: Problem) -> None:
        if self._over.is_set():
            return
        self._failures += 1
        if self._gives_up(problem, self._listened):
            self._over.set()
            self._tell(CapturePhase.OVER, problem)
            return
        person = problem.kind.permanent or problem.kind in _FOR_A_PERSON
        wait = PERMANENT_S if person else RETRY_S[min(self._failures, len(RETRY_S)) - 1]
        self._tell(CapturePhase.WAITING, problem, self._clock.now() + wait)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._over.wait()

    def _tell(self, phase: CapturePhase, problem: Problem | None = None, retry_at: float | None = None) -> None:
        self._sink.news(
            CaptureState(
                place=self.place,
                at=self._clock.now(),
                phase=phase,
                interface=self.interface,
                problem=problem,
                retry_at=retry_at,
            )
        )

    # --- what the channel tells ----------------------------------------------------

    def begun(self) -> None:
        """The capture is open."""
        self._listened, self._failures = True, 0
        self._tell(CapturePhase.LISTENING)

    def lost(self, told: tcpdump.Told) -> None:
        """tcpdump's counts."""
        lost = [x for x in (told.dropped, told.dropped_by_interface) if x is not None]
        if lost:
            self._intake.dropped = max(self._lost_before + sum(lost), self._intake.dropped or 0)

    def tell_counts(self) -> None:
        """Say what became of the packets up to now."""
        self._sink.news(self._intake.counts(self._clock.now()))

    async def heard(self, records: list[pcap.Record], offset: Known[ClockOffset] | None) -> None:
        """Records came; `offset` is the node's clock as far as known."""
        value = ClockOffset(offset_s=0.0, error_s=0.0) if offset is None else offset.value
        error_s, now = None if offset is None else value.error_s, self._clock.now()
        if self._unread is not None:
            found = self._intake.take_all(records, offset_s=value.offset_s, error_s=error_s, now=now)
            await hand_over(found, self._sink, self._unread)
        elif heard := self._intake.take(records, offset_s=value.offset_s, error_s=error_s, now=now):
            await self._sink.packets(heard)


async def _ask(connection: Connection, specs: tuple[CommandSpec, ...], names: Names) -> dict[str, str]:
    """Standard output of short commands, by id; those that failed are left out."""
    marker = secrets.token_hex(16)
    result = await connection.run(
        script.batch(specs, names, Rights.PLAIN),
        stdin=marker.encode() + b"\n",
        limit=sum(spec.limit + 8192 for spec in specs),
        timeout_s=sum(spec.timeout_s for spec in specs) + 4.0,
    )
    outputs = script.outputs(marker, result.stdout, specs)
    return {id_: decode(output.stdout) for id_, output in outputs.items() if output.status == 0}
