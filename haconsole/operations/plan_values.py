"""A plan as values: every step in order with its exact command lines, and what follows from it. Pure."""

from __future__ import annotations

from enum import Enum

from haconsole.cluster.forecast_values import Forecast
from haconsole.model.record import dataclass
from haconsole.operations.actions import Action
from haconsole.operations.guards import refusals
from haconsole.operations.guards_context import Guard
from haconsole.operations.plan_words import question
from haconsole.parse.text import clean


class Do(Enum):
    """What a step is."""

    LOCK = "lock"
    GUARDS = "guards"
    WAIT_IDLE = "wait-idle"
    SAVE = "save"
    ARM = "arm"
    SEE_ARMED = "see-armed"
    CHANGE = "change"
    VERIFY = "verify"
    NOTE = "note"
    HOLD = "hold"
    PUT_BACK = "put-back"
    VERIFY_BACK = "verify-back"
    DISARM = "disarm"
    FORGET_NOTE = "forget-note"
    CLEAR = "clear"
    UNLOCK = "unlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One command line on one node. `argv`: of the catalogue's entry `id`; `data`: its standard input, None
    where that is made only when it runs."""

    node: str
    id: str
    argv: tuple[str, ...]
    data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. seconds: how long it lasts at most (HOLD, WAIT_IDLE), or how long a VERIFY waits."""

    do: Do
    text: str
    lines: tuple[Line, ...] = ()
    seconds: float | None = None

    @property
    def changes(self) -> bool:
        """Does it change something on the node, or put it back."""
        return self.do in {Do.CHANGE, Do.PUT_BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is known before anything is touched."""

    action: Action
    operation: str
    """Its name on the nodes: an undrain goes on with the name of the drain whose revert is still armed."""
    steps: tuple[Step, ...]
    predicted: Forecast
    guards: tuple[Guard, ...]
    not_checked: tuple[str, ...]
    connections: int | None
    """Open now on VIPs that move, and will break; None: not counted."""

    @property
    def refused(self) -> tuple[Guard, ...]:
        """Guards in the way; empty: it may be asked for confirmation."""
        return refusals(self.guards)

    @property
    def question(self) -> str:
        """What is shown before the node's name is typed. Several lines, cleaned."""
        return "\n".join(clean(line) for line in question(self))
