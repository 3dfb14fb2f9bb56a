"""The one error that decoders raise."""

from __future__ import annotations

from haconsole.model.packets import Envelope


class WireError(ValueError):
    """The bytes are not what they are taken for."""

    def __init__(self, message: str, *, problem: str = "header", envelope: Envelope | None = None) -> None:
        """problem: as in `Advert.problems`, for what claims to be VRRP; `envelope` then says how it travelled."""
        super().__init__(message)
        self.problem = problem
        self.envelope = envelope
