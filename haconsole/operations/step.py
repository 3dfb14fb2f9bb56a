"""What a step of something under way looks like to whoever shows or keeps it. Pure."""

from __future__ import annotations

from typing import Protocol


class Step(Protocol):
    """A step that began, goes on or ended (`runtime.executor.Told`). Times: console clock; ended None: not yet."""

    @property
    def step(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def started(self) -> float: ...
    @property
    def ended(self) -> float | None: ...
    @property
    def ok(self) -> bool | None: ...


class ArmedStep(Step, Protocol):
    """A step while a revert may be armed."""

    @property
    def left_s(self) -> float | None:
        """Until the node puts back by itself; None: nothing is armed, or not told."""


class CarriedStep(ArmedStep, Protocol):
    """A step with what it ran."""

    @property
    def commands(self) -> tuple[str, ...]:
        """Command lines, as a person reads them; empty until it ended."""
