"""The one error that decoders raise."""

from __future__ import annotations


class WireError(ValueError):
    """The bytes are not what they are taken for."""
