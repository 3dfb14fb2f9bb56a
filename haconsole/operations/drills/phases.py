"""The phases of a drill, from the steps that were told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from haconsole.model.drill import DrillStep, Phase, PhaseBegan

_OF_STEPS: Final[Mapping[str, Phase]] = {
    "change": Phase.INJECT, "priority": Phase.TAKEOVER, "verify": Phase.TAKEOVER, "hold": Phase.HOLD,
    "put-back": Phase.PUT_BACK, "restored": Phase.FAILBACK, "disarm": Phase.AFTER, "unlock": Phase.AFTER,
}  # fmt: skip
_ORDER: Final = list(Phase)


def begins(step: str) -> Phase | None:
    """The phase that a step of the executor begins; None: it goes on with the one before."""
    return _OF_STEPS.get(step)


def later(one: Phase, other: Phase) -> bool:
    """Does `one` come after `other`."""
    return _ORDER.index(one) > _ORDER.index(other)


def phases(started: float, steps: Iterable[DrillStep], ended: float | None) -> tuple[PhaseBegan, ...]:
    """Of a run. The plan was made before it began; a phase that was left out (put back early) has none."""
    return tuple(_phases(started, steps, ended))


def _phases(started: float, steps: Iterable[DrillStep], ended: float | None) -> Iterator[PhaseBegan]:
    now = Phase.BEFORE
    yield PhaseBegan(phase=now, since=started)
    for step in sorted(steps, key=lambda s: s.started):
        found = begins(step.name)
        if found is not None and later(found, now):
            now = found
            yield PhaseBegan(phase=now, since=step.started)
        if step.name == "change" and now is Phase.INJECT and step.ok and step.ended is not None:
            now = Phase.TAKEOVER
            yield PhaseBegan(phase=now, since=step.ended)
    if ended is not None:
        yield PhaseBegan(phase=Phase.OVER, since=ended)
