"""The one error that parsers raise."""

from __future__ import annotations


class ParseError(ValueError):
    """The text is not what the program prints. The message says what was expected, cleaned."""
