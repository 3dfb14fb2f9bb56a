"""What the node had before a drill changed it: kept in the journal, compared when another console ends it.

A normal run compares by itself (`runtime.executor`, step `routes`); its memory dies with its console. The node's own
copy goes with its revert. So the journal has it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from haconsole.io.ports import Clock
from haconsole.model.drill import Claim
from haconsole.model.operation import ReadBack, Saved
from haconsole.model.problems import ProblemError
from haconsole.model.record import dataclass
from haconsole.operations import read_back
from haconsole.runtime.executor_words import some

SAME_S: Final = 10.0
"""So long after everything else is as before routes may still be on their way back."""
AGAIN_S: Final = 0.5


@runtime_checkable
class Saves(Protocol):
    """Whoever had the node save."""

    @property
    def saved(self) -> Saved | None:
        """As the node told it; None: it was not asked yet."""


class Reads(Protocol):
    """One node (`runtime.desk.Desk`)."""

    async def read_back(self, patience_s: float = 3.0) -> ReadBack:
        """As it is now. Raises: ProblemError."""


def saved_by(executor: object) -> Saved | None:
    """What the node told `executor` that it saved; None: nothing, or not known."""
    return executor.saved if isinstance(executor, Saves) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One interface. ok None: it could not be read again. places: where to look when it is not as saved."""

    interface: str
    node: str
    ok: bool | None
    text: str

    @property
    def claim(self) -> Claim:
        """For the record."""
        text = f"routes and IPv6 addresses of {self.interface} on {self.node} are as saved"
        return Claim(text=text, ok=self.ok, evidence=self.text)

    @property
    def places(self) -> tuple[str, ...]:
        of = f"dev {self.interface}"
        return (f"on {self.node}: ip route show table all {of}; ip -6 route show table all {of}; ip -6 addr show {of}",)


async def compare(saved: Saved, node: str, desk: Reads, clock: Clock, limit_s: float = SAME_S) -> Compared | None:
    """What was saved against what is there, until it is the same or `limit_s` are over. None: no interface was saved.

    desk: already about that interface.
    """
    if saved.interface is None:
        return None
    until = clock.now() + limit_s
    while True:
        ok, text = await _once(saved, desk)
        if ok or clock.now() >= until:
            return Compared(interface=saved.interface, node=node, ok=ok, text=text)
        await asyncio.sleep(AGAIN_S)


async def _once(saved: Saved, desk: Reads) -> tuple[bool | None, str]:
    try:
        there = await desk.read_back()
    except ProblemError as error:
        return None, f"they could not be read again: {error}"
    if gone := read_back.missing(saved, there):
        return False, f"missing: {some(gone)}"
    new = read_back.new(saved, there)
    told = f"{_count(saved.routes, 'route')} and {_count(saved.addresses6, 'IPv6 address', 'es')} as saved"
    return True, told + (f"; new: {some(new)}" if new else "")


def _count(what: Sequence[object], word: str, many: str = "s") -> str:
    return f"{len(what)} {word}{'' if len(what) == 1 else many}"
