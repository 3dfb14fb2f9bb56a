"""The questions of `haconsole init`: each answer is checked when it is given, and asked for again if it cannot be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import click

MOST: Final = 64
"""Answers to one question."""

Check = Callable[[str], str]
"""Returns the answer. Raises: ValueError: it cannot be, and why."""
CheckNext = Callable[[str, Sequence[str]], str]
"""The same, with the answers before it."""


class Questions:
    """Flags first, then the terminal; without one what is missing is gathered and refused at once.

    What flags say is not checked here: all of it is, with the file.
    """

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given
        self._terminal = sys.stdin.isatty() and sys.stderr.isatty()
        self.missing: list[str] = []

    def text(self, key: str, words: str, default: str = "", *, check: Check) -> str:
        """One answer; empty where there is none."""
        if key in self._given:
            return str(self._given[key])
        return _asked(words, check, default, show=bool(default)) if self._terminal else default

    def yes(self, key: str, words: str, *, default: bool) -> bool:
        """Yes or no."""
        if key in self._given:
            return bool(self._given[key])
        return bool(click.confirm(words, default=default, err=True)) if self._terminal else default

    def many(self, key: str, words: str, least: int, check: CheckNext) -> list[str]:
        """Answers until an empty one, at least so many."""
        found = self._given.get(key)
        if isinstance(found, tuple):
            return [str(f) for f in found]
        answers: list[str] = []
        if not self._terminal:
            if least:
                self.missing.append(f"--{key.removesuffix('s')} (at least {least} times)")
            return answers

        def next_one(word: str) -> str:
            if word:
                return check(word, answers)
            if len(answers) < least:
                msg = f"at least {least} are needed"
                raise ValueError(msg)
            return ""

        while len(answers) < MOST:
            more = " (empty: no more)" if len(answers) >= least else ""
            answer = _asked(words.format(len(answers) + 1) + more, next_one, "", show=False)
            if not answer:
                break
            answers.append(answer)
        return answers


def _asked(words: str, check: Check, default: str, *, show: bool) -> str:
    def checked(word: str) -> str:
        try:
            return check(word.strip())
        except ValueError as error:
            hint = getattr(error, "suggestion", None)
            raise click.UsageError(f"{error}" + (f', did you mean "{hint}"?' if hint else "")) from None

    return str(click.prompt(words, default=default, show_default=show, value_proc=checked, err=True))


def may_be_empty(check: Check) -> Check:
    """An answer that may be left out."""
    return lambda word: check(word) if word else ""


def is_node(word: str, before: Sequence[str]) -> str:
    """`NAME=ADDRESS`, or an address that is the name too; each once. Raises: ValueError."""
    from haconsole.config import values

    name, equals, address = word.partition("=")
    values.check_name(name)
    address = values.check_host(address if equals else name)
    for other in before:
        other_name, _, other_address = other.partition("=")
        if name == other_name or address == (other_address or other_name):
            msg = f"{name if name == other_name else address} is the other node's already"
            raise ValueError(msg)
    return f"{name}={address}" if equals else name


def is_vip(nodes: Sequence[tuple[str, str]]) -> CheckNext:
    """`IP`, or `IP=NODE`: no node's own address, one of these nodes, each once. Raises: ValueError."""

    def check(word: str, before: Sequence[str]) -> str:
        from haconsole.config import values

        address, equals, node = word.partition("=")
        address = values.check_vip(address)
        owner = next((n for n, own in nodes if own == address), None)
        if owner is not None:
            msg = f"{address} is {owner}'s own address: a failover and failback would cut it off the network"
            raise ValueError(msg)
        if address in {b.partition("=")[0] for b in before}:
            msg = f"{address} was named already"
            raise ValueError(msg)
        if equals and node not in {n for n, _ in nodes}:
            msg = f"{node or 'nothing'} is no node of this cluster: {', '.join(n for n, _ in nodes)}"
            raise ValueError(msg)
        return f"{address}={node}" if equals else address

    return check
