"""What an operator asks of a drill, and what a view shows of one that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from haconsole.model.drill import Hypothesis, Measured
from haconsole.model.record import dataclass
from haconsole.operations.drills.expect import Expected
from haconsole.operations.drills.parts import Drill
from haconsole.operations.drills.seen import Seen
from haconsole.runtime.traffic import TrafficSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator asked for. The last ones as in `operate.Words`."""

    drill: Drill
    node: str
    operator: str
    host: str
    hold_s: float | None = None
    """Instead of the drill's own."""
    ticket: str | None = None
    reason: str | None = None
    outside_window: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    phrase: str | None = None
    break_lock: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A drill now, for a view. Claims are as far as they can be judged."""

    id: str
    drill: Drill
    expected: Expected
    seen: Seen
    measured: Measured
    hypothesis: Hypothesis
    traffic: TrafficSnapshot
    unserved_s: Mapping[str, float]
    left_s: float | None
    """Until the node puts back by itself."""
    aborting: bool
