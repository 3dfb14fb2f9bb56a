"""What can go wrong between the console and a node, as values.

Each problem says what happened (`summary`), what to do (`remedy`) and what was seen (`detail`),
ready for an operator. `summary` and `detail` are cleaned: they may hold a node's words.
"""

from __future__ import annotations

from enum import Enum

from haconsole.model.record import dataclass


class ProblemKind(Enum):
    """Closed list; the value is what JSON shows."""

    HOST_KEY_UNKNOWN = "host-key-unknown"
    HOST_KEY_CHANGED = "host-key-changed"
    HOST_KEY_REVOKED = "host-key-revoked"
    LOGIN_REFUSED = "login-refused"
    KEY_UNUSABLE = "key-unusable"
    UNREACHABLE = "unreachable"
    CONNECTION_REFUSED = "connection-refused"
    NAME_UNKNOWN = "name-unknown"
    TIMED_OUT = "timed-out"
    LINK_LOST = "link-lost"
    PROTOCOL = "protocol"
    SSH_CONFIG = "ssh-config"
    NOT_PERMITTED = "not-permitted"
    TOOL_MISSING = "tool-missing"
    COMMAND_TIMED_OUT = "command-timed-out"
    COMMAND_FAILED = "command-failed"
    OUTPUT_TOO_LARGE = "output-too-large"
    OUTPUT_UNREADABLE = "output-unreadable"
    NOT_RUNNING = "not-running"

    @property
    def permanent(self) -> bool:
        """True: trying again soon will not help; a person must act."""
        return self in _PERMANENT


_PERMANENT = frozenset(
    {
        ProblemKind.HOST_KEY_UNKNOWN,
        ProblemKind.HOST_KEY_CHANGED,
        ProblemKind.HOST_KEY_REVOKED,
        ProblemKind.LOGIN_REFUSED,
        ProblemKind.KEY_UNUSABLE,
        ProblemKind.SSH_CONFIG,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem, ready to be shown."""

    kind: ProblemKind
    summary: str
    remedy: str | None = None
    detail: str = ""


class ProblemError(Exception):
    """Carries a `Problem` up to whoever turns it into an event."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.summary)
        self.problem = problem
