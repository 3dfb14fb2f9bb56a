"""One line of `doctor`."""

from __future__ import annotations

from haconsole.model.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line. `ok` None: could not be told."""

    node: str
    id: str
    ok: bool | None
    text: str
    remedy: str | None = None
