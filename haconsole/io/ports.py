"""What the runtime needs from the outside, as protocols. `io` implements them; tests fake them.

No implementation here, and nothing here imports one: the parts are put together in
`runtime.assemble` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from haconsole.model.events import ClientResult
from haconsole.model.problems import Problem
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec
from haconsole.wire.pcap import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Output of one remote command. `exit_status` None: it did not end normally (signal, link)."""

    stdout: bytes
    stderr: bytes
    exit_status: int | None
    truncated: bool
    """More than `limit` bytes came; the rest was thrown away and the command ended."""


class Stream(Protocol):
    """A long-lived remote command."""

    async def read(self) -> bytes:
        """The next block of standard output, at most 64 KiB; b"" at its end.

        Raises: ProblemError (LINK_LOST) when the connection died.
        """

    async def read_errors(self) -> bytes:
        """The next block of standard error, at most 64 KiB; b"" at its end.

        Only of a stream that was started with `errors`; of others it is always at its end.
        What is not fetched is kept to 64 KiB and never holds up standard output.
        Raises: ProblemError (LINK_LOST) when the connection died.
        """

    async def write(self, data: bytes) -> None:
        """Send to the command's standard input; nothing happens when the command has ended.

        Raises: ProblemError (LINK_LOST).
        """

    async def stop(self) -> None:
        """End the command: TERM, then close. Bounded to 2 s; never raises."""


class Connection(Protocol):
    """One SSH connection to one node; every use of the node goes through it."""

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        """Run `command` (one string for the login shell) to its end.

        limit: bytes of stdout kept; stderr is kept to 64 KiB.
        timeout_s: includes waiting for a free session; three commands run at the same time.
        Cancelled, too long or too much: the command is sent TERM, then KILL; sshd passes no signal
        to a command of root, so a command that could hang must bound itself (timeout(1)).
        Raises: ProblemError: COMMAND_TIMED_OUT (the command was told to end), LINK_LOST,
            PROTOCOL (the node refuses more sessions).
        """

    async def stream(self, command: str, *, errors: bool = False) -> Stream:
        """Start a long-lived command, one of six at most. Raises: as `run`.

        errors: keep standard error for `Stream.read_errors`; otherwise it is thrown away.
        """

    async def exchange(self, host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        """Connect from the node to host:port, send, and return what came until the end.

        Raises: ProblemError: CONNECTION_REFUSED (also: forwarding not allowed), TIMED_OUT, LINK_LOST.
        """

    async def wait_lost(self) -> Problem:
        """Return when the connection is gone, with the reason."""

    def abort(self) -> None:
        """Drop the connection at once, without a word to the node; safe to call twice."""


class Connector(Protocol):
    """Opens connections."""

    async def connect(self, node: NodeSpec) -> Connection:
        """Raises: ProblemError with a kind and a remedy that tells the operator the line to run."""

    async def close(self) -> None:
        """Drop what is shared between connections (jump hosts); never raises."""


class Frames(Protocol):
    """Frames off an interface of this machine."""

    async def read(self) -> Sequence[Record]:
        """The next frames, at least one. Raises: ProblemError (LINK_LOST): the interface is down or
        gone; reading on waits for it."""

    def lost(self) -> int:
        """Frames that the kernel dropped because they were not fetched in time, up to now."""

    def close(self) -> None:
        """Stop listening."""


class ClientProbe(Protocol):
    """A client of the proxy."""

    async def probe(self, cluster: ClusterSpec, vip: IpAddress) -> ClientResult:
        """One request through one VIP. Every failure is a value; bounded in time."""


class Prompter(Protocol):
    """Asks the operator for a secret. The answer is used once and not kept."""

    async def ask(self, node: str, prompt: str, *, echo: bool) -> str | None:
        """None: the operator does not answer, or there is nobody to ask."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> float:
        """Seconds since the epoch; never runs backwards within this process."""
