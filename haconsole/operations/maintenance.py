"""Rolling maintenance as a state machine: where it stands, what comes next, what is said. Pure.

A `Flow` is all that is kept between two consoles. `look` takes it with a picture and the time and gives it
back as it is now, with what the driver has to do. Nothing here acts: drains and undrains are guarded actions.
The parts are `maintenance_flow`, `_turns`, `_seen`, `_checks` and `_words`; this is where others find them.
"""

from __future__ import annotations

from haconsole.operations.maintenance_checks import APART_S, BACK_S, checked, checks, shown
from haconsole.operations.maintenance_flow import (
    SCHEMA,
    Check,
    Do,
    Ended,
    Evidence,
    Flow,
    FlowError,
    Stage,
    Turn,
    read,
    written,
)
from haconsole.operations.maintenance_seen import is_drained, out_of_place
from haconsole.operations.maintenance_turns import (
    PLACE_S,
    STAYS_S,
    begin,
    drained,
    draining,
    left_lock,
    look,
    not_drained,
    resumed,
    undrained,
)
from haconsole.operations.maintenance_words import how_to_go_on, stand, stands

__all__ = [
    "APART_S",
    "BACK_S",
    "PLACE_S",
    "SCHEMA",
    "STAYS_S",
    "Check",
    "Do",
    "Ended",
    "Evidence",
    "Flow",
    "FlowError",
    "Stage",
    "Turn",
    "begin",
    "checked",
    "checks",
    "drained",
    "draining",
    "how_to_go_on",
    "is_drained",
    "left_lock",
    "look",
    "not_drained",
    "out_of_place",
    "read",
    "resumed",
    "shown",
    "stand",
    "stands",
    "undrained",
    "written",
]
