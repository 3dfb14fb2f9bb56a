"""What the journal of a drill tells: the entries that are written while it runs, and the run they add up to. Pure.

Enough to end the drill from another console: what was to be changed on which node under which name, what
was so before, and what had been seen when the console died.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import field, replace
from functools import cache
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from haconsole.model.drill import Claim, DrillRecord, DrillStep, Measured, Moment, NodeEvidence
from haconsole.model.operation import Saved
from haconsole.model.record import dataclass
from haconsole.operations.drills.steady import Steady

VERSION: Final = 1
MOST_MOMENTS: Final = 20_000


class NotAStoryError(ValueError):
    """The journal cannot be understood; the text says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Written when the run begins, and again, with the steady state, before anything is touched. kind, interface,
    method: of the action."""

    version: int = VERSION
    record: DrillRecord
    steady: Steady
    home: dict[str, str] = field(default_factory=dict)
    """VIP -> who holds it when all is over."""
    kind: str
    interface: str | None = None
    own_path: bool = False
    method: str | None = None
    """Of a drain."""
    value: int | None = None
    deadline_s: int
    pid: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal: exactly one of the fields is set. `at`: console clock."""

    what: Literal["begun", "step", "saved", "moment", "measured", "during", "addresses"]
    at: float
    begun: Begun | None = None
    step: DrillStep | None = None
    saved: Saved | None = None
    """What the node saved before anything was changed."""
    moment: Moment | None = None
    measured: Measured | None = None
    during: tuple[Claim, ...] | None = None
    addresses: dict[str, tuple[str, ...] | None] | None = None
    """Node -> what it had while it was held."""


@cache
def _adapter() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)


@cache
def _records() -> TypeAdapter[DrillRecord]:
    return TypeAdapter(DrillRecord)


def written(entry: Entry) -> bytes:
    """One line, with its end."""
    kept = {k: v for k, v in _adapter().dump_python(entry, mode="json").items() if v is not None}
    return json.dumps(kept, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def record_written(record: DrillRecord) -> bytes:
    """The whole record."""
    return _records().dump_json(record) + b"\n"


def record_read(text: bytes) -> DrillRecord:
    """Raises: NotAStoryError."""
    try:
        return _records().validate_json(text)
    except ValidationError as error:
        raise NotAStoryError(f"this is no record of a drill: {error.errors()[0]['msg']}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A run as far as its journal goes. record: with steps, time line and figures as far as they were written."""

    begun: Begun
    record: DrillRecord
    last_at: float
    saved: Saved | None = None
    """What must be the same afterwards; None: nothing was saved, or its console did not know."""

    def step(self, name: str) -> DrillStep | None:
        """The last step of that name that ended; None: it did not."""
        return next((s for s in reversed(self.record.steps) if s.name == name), None)

    @property
    def may_have_changed(self) -> bool:
        """Something may have been changed on the node: the revert was seen armed, and the change comes next."""
        return self.step("see-armed") is not None


def story(lines: Iterable[bytes]) -> Story:
    """Of a journal's lines. The last one may be cut: its console died writing it. Raises: NotAStoryError."""
    entries: list[Entry] = []
    bad: tuple[int, str] | None = None
    for number, line in enumerate(lines, 1):
        if bad is not None:
            raise NotAStoryError(f"line {bad[0]} is none of a drill's journal: {bad[1]}")
        try:
            entries.append(_adapter().validate_json(line))
        except ValidationError as error:
            bad = (number, error.errors()[0]["msg"])
    if not entries or entries[0].begun is None:
        raise NotAStoryError("it does not begin with what the drill was to do")
    begun = [e.begun for e in entries if e.begun is not None][-1]  # first before the baseline, then with what it was
    record = begun.record
    steps = tuple(e.step for e in entries if e.step is not None)
    saved = [e.saved for e in entries if e.saved is not None]
    moments = tuple(e.moment for e in entries if e.moment is not None)[:MOST_MOMENTS]
    figures = [e.measured for e in entries if e.measured is not None]
    claims = [e.during for e in entries if e.during is not None]
    held = [e.addresses for e in entries if e.addresses is not None]
    nodes = dict(record.nodes)
    for name, told in (held[-1] if held else {}).items():
        nodes[name] = replace(nodes.get(name, NodeEvidence()), addresses_during=told)
    return Story(
        begun=begun,
        record=replace(
            record,
            steps=steps,
            timeline=moments,
            measured=figures[-1] if figures else record.measured,
            hypothesis=replace(record.hypothesis, during=claims[-1] if claims else ()),
            nodes=nodes,
        ),
        last_at=entries[-1].at,
        saved=saved[-1] if saved else None,
    )
