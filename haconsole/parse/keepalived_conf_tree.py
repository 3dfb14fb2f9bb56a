"""Lines and braces of keepalived.conf -> a tree of statements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Protocol

from haconsole.model.keepalived_conf import SECRET, ComplaintKind, Place, Statement
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf_words import one_line, safe, split, takes_no_block

MAX_NESTING = 64
_AUTH_PASS_COUNTS = 8
"""Characters of `auth_pass` that keepalived uses (docs/keepalived-versions.md)."""


class Complain(Protocol):
    """Takes a complaint about a place."""

    def __call__(self, place: Place, text: str, kind: ComplaintKind = ...) -> None: ...


@dataclass(slots=True)
class _Node:
    words: tuple[str, ...]
    place: Place
    condition: str | None
    block: list[_Node] | None = None
    secret_hash: str | None = None


class Tree:
    """Takes texts and braces in order; nothing but the words of `safe` is kept."""

    def __init__(self, complain: Complain, secret_key: bytes | None = None) -> None:
        self._complain = complain
        self._key = secret_key
        self._root: list[_Node] = []
        self._stack: list[_Node] = []

    def text(self, text: str, place: Place, condition: str | None, *, hidden: bool) -> tuple[str, ...]:
        """Take the words of a line; return those that are kept."""
        words = split(text, lambda what: self._complain(place, what))
        if not words:
            return ()
        around = next((n.words for n in reversed(self._stack) if n.words), ("",))
        # `track_file NAME {` defines a file (global); `track_file {` in an instance lists names.
        parent = "vrrp_track_file" if around[0] == "track_file" and len(around) > 1 else around[0]
        kept = safe(words, parent, hidden=hidden)
        one_line(kept, parent, partial(self._complain, place, kind=ComplaintKind.ONE_LINE))
        self._here().append(_Node(kept, place, condition, secret_hash=self._hash(words, kept)))
        return kept

    def _hash(self, words: list[str], kept: tuple[str, ...]) -> str | None:
        """See `Statement.secret_hash`."""
        if self._key is None or SECRET not in kept:
            return None
        at = kept.index(SECRET)
        hidden = words[at:]
        if at and kept[at - 1].lower() == "auth_pass":
            hidden = [words[at][:_AUTH_PASS_COUNTS]]  # what stands behind it is not read
        if hidden == [SECRET]:
            return None
        return blake2b("\0".join(hidden).encode("utf-8", "replace"), key=self._key, digest_size=16).hexdigest()

    def brace(self, brace: str, place: Place, condition: str | None) -> None:
        """Take `{` or `}`. Raises: ParseError - more than 64 blocks in each other."""
        if brace == "{":
            self._open(place, condition)
        elif self._stack:
            self._stack.pop()
        else:
            self._complain(place, "a '}' too many")

    def _open(self, place: Place, condition: str | None) -> None:
        if len(self._stack) >= MAX_NESTING:
            raise ParseError("keepalived's configuration has more than 64 blocks in each other")
        here = self._here()
        if not here or here[-1].block is not None:
            self._complain(place, "a '{' without a keyword: keepalived ignores it, and the block ends one '}' earlier")
            here.append(_Node((), place, condition))
        elif takes_no_block(here[-1].words):
            self._complain(place, f"a '{{' behind {here[-1].words[0]!r}, which has no block")
        here[-1].block = []
        self._stack.append(here[-1])

    def _here(self) -> list[_Node]:
        block = self._stack[-1].block if self._stack else self._root
        return block if block is not None else self._root

    def finish(self) -> tuple[Statement, ...]:
        """Return the statements; complain of blocks that were never closed."""
        for node in self._stack:
            self._complain(node.place, f"this block has no '}}' ({len(self._stack)} missing at the end)")
        return _frozen(self._root)


def _frozen(nodes: list[_Node]) -> tuple[Statement, ...]:
    return tuple(
        Statement(
            words=n.words,
            place=n.place,
            condition=n.condition,
            secret_hash=n.secret_hash,
            block=None if n.block is None else _frozen(n.block),
        )
        for n in nodes
    )
