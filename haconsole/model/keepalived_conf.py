"""keepalived.conf as a tree: blocks, words, files and line numbers; nothing is thrown away.

Made by `parse.keepalived_conf`. A block that haconsole does not know is kept like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in which file. `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One line of words, with the block that it opens, if any.

    `auth_pass` and other secrets never get here: the parser puts `SECRET` in their place.
    """

    words: tuple[str, ...]
    place: Place
    block: tuple[Statement, ...] | None = None
    """None: no braces. Empty: an empty block."""

    @property
    def keyword(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def args(self) -> tuple[str, ...]:
        return self.words[1:]

    def children(self, keyword: str) -> Iterator[Statement]:
        """Statements directly inside this block whose first word is `keyword`."""
        return (s for s in self.block or () if s.keyword == keyword)

    def first(self, keyword: str) -> Statement | None:
        return next(self.children(keyword), None)


SECRET = "(secret)"  # noqa: S105 - the sign for a password, not one
"""Stands where a password was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfComplaint:
    """Something the parser could not make sense of; keepalived goes on in such cases, and so do we."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepalivedConf:
    """One configuration with its includes followed."""

    statements: tuple[Statement, ...]
    files: tuple[str, ...]
    """Every file read, in order; the first is the main file."""
    missing_includes: tuple[Statement, ...] = ()
    """`include` lines whose pattern matched no file that was read."""
    complaints: tuple[ConfComplaint, ...] = ()

    def blocks(self, keyword: str) -> Iterator[Statement]:
        return (s for s in self.statements if s.keyword == keyword)
