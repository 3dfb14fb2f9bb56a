"""What the executor needs from others, what it tells, and how it ends: values and protocols of all its parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Final, Protocol

from haconsole.cluster.picture import ClusterPicture
from haconsole.model.operation import NodeOperation
from haconsole.model.record import dataclass
from haconsole.operations.job import Result

GONE: Final = "the lock on the node is gone: another console took over, or the node rebooted"


class Eyes(Protocol):
    """What the live monitor shows."""

    def picture(self) -> ClusterPicture:
        """As it may be believed now."""

    def read_anew(self) -> None:
        """Have every node read at once."""

    async def changed(self) -> None:
        """Return at the next event."""


class Judged(Protocol):
    """A guard's word."""

    @property
    def id(self) -> str: ...
    @property
    def passes(self) -> bool:
        """It holds, or was overridden with a reason."""

    @property
    def text(self) -> str: ...


Guards = Callable[[Mapping[str, NodeOperation]], Awaitable[Sequence[Judged]]]
"""Asks and judges everything anew; the argument is what each locked node's /run/haconsole told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step began (`ok` None and `ended` None), goes on, or ended."""

    step: str
    text: str
    started: float
    ended: float | None = None
    ok: bool | None = None
    left_s: float | None = None
    """Until the node puts back by itself, as the node's own clock last told."""
    commands: tuple[str, ...] = ()
    """Of one that ended: the command lines that were run in it (`runtime.commands`)."""


@dataclass(slots=True, kw_only=True)
class Report:
    """How a job ended. `steps`: the ended ones, in order."""

    result: Result
    text: str
    look_at: tuple[str, ...] = ()
    guards: Sequence[Judged] = ()
    steps: list[Told] = field(default_factory=list)
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    elsewhere: bool = False
    """Another console, or the node itself, put it back before its time: nobody here asked for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, seconds. late: after the node's own deadline, until it must be seen to have put back.
    revert: a revert that began is done within this. routes: so long they may still be on their way back."""

    late_s: float
    revert_s: float
    routes_s: float


class RefusedError(Exception):
    """Nothing was touched."""


class PutBackError(Exception):
    """Something was changed, or may have been: put it back, and say why."""


class EndedElsewhereError(PutBackError):
    """Another console, or the node itself, ended it: see that it is put back."""


class AnothersError(Exception):
    """What is saved on the node is another operation's: it must not be touched."""


class LetGoError(Exception):
    """Another console has taken the operation over, by its name: it puts back, and nothing more is done here."""
