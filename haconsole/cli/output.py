"""The only place that writes: data to stdout, talk to stderr; colour only where it is wanted.

rich is imported when a table is drawn, not before.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

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


def draw(drawing: RenderableType, *, color: bool = True) -> None:
    """A table or other drawing, to stdout."""
    console(color=color).print(drawing)


def console(*, color: bool = True) -> Console:
    """A rich console on stdout; plain when it is no terminal, with NO_COLOR, or when asked to be."""
    from rich.console import Console

    plain = not color or bool(os.environ.get("NO_COLOR"))
    return Console(file=sys.stdout, no_color=plain, highlight=False, markup=False, emoji=False, soft_wrap=False)


class Progress:
    """One line on stderr that says what is waited for; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._live = sys.stderr.isatty()

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
