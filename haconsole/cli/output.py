"""The only place that writes: data to stdout, talk to stderr; colour only where it is wanted.

rich is imported when a table is drawn, not before.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from haconsole.parse.text import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def data(text: str) -> None:
    """One piece of data, as it is, with a newline at its end."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def document(value: Mapping[str, object]) -> None:
    """One JSON document on one line of its own."""
    data(json.dumps(value, ensure_ascii=False, allow_nan=False))


def talk(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stderr.write("\n".join(clean(line) for line in text.splitlines()) + "\n")
    sys.stderr.flush()


def draw(drawing: RenderableType, *, color: bool = True, whole: bool = False) -> None:
    """A table or other drawing, to stdout. `whole`: lines stay whole, wrapping is left to the terminal."""
    console(color=color).print(drawing, soft_wrap=whole)


def console(*, color: bool = True) -> Console:
    """A rich console on stdout; plain when it is no terminal, with NO_COLOR, or when asked to be."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # and not the end of the program with an exit code of rich's choice

    plain = not color or bool(os.environ.get("NO_COLOR"))
    return Plain(file=sys.stdout, no_color=plain, highlight=False, markup=False, emoji=False, soft_wrap=False)


def clear() -> None:
    """Empty the screen, where there is one that can be emptied."""
    if sys.stdout.isatty() and not _dumb():
        sys.stdout.write("\x1b[2J\x1b[H")


def prepare() -> None:
    """A terminal or pipe that has no such character gets one that it has: never a crash over looks."""
    codecs.register_error("haconsole.plain", _plain_words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="haconsole.plain")


_PLAIN: Final = {"●": "+", "▲": "!", "✖": "X", "…": "~", "→": ">", "└": "`", "·": "-", "±": "~"}
"""The signs of the reports; a `?` stays the sign of what is unknown, so none of them becomes one."""


def _plain_words(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "_") for c in error.object[error.start : error.end]), error.end


def left() -> None:
    """Nobody reads our output any more (head, a pager): what is still to be written goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dumb() -> bool:
    return os.environ.get("TERM", "dumb") in {"dumb", "unknown", ""}


class Progress:
    """One line on stderr that says what is waited for; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._live = sys.stderr.isatty() and not _dumb()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._live:
            sys.stderr.write(f"\r\x1b[K{clean(text)}")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
