"""The signs, words and times of the status table.

Every string becomes a `Text`, never markup, and is cleaned again: nothing that a node says can draw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.text import Text

from haconsole.model.findings import Finding, Severity, Verdict
from haconsole.parse.text import clean

OK, WARNING, CRITICAL, UNKNOWN, BUSY, INFO = "●", "▲", "✖", "?", "…", "·"
STYLES: Final = {OK: "green", WARNING: "yellow", CRITICAL: "bold red", UNKNOWN: "magenta", BUSY: "cyan", INFO: "dim"}
_WORSE: Final = (INFO, OK, BUSY, WARNING, UNKNOWN, CRITICAL)
VERDICTS: Final = {
    Verdict.OK: OK,
    Verdict.WARNING: WARNING,
    Verdict.UNKNOWN: UNKNOWN,
    Verdict.CRITICAL: CRITICAL,
}


def say(text: object, style: str = "") -> Text:
    """One piece of text; whatever is in it, it is only text."""
    return Text(clean(str(text)), style=style, overflow="fold")


def sign(mark: str) -> Text:
    """A sign in its colour."""
    return Text(mark, style=STYLES[mark])


def row(*pieces: Text | str) -> Text:
    """Pieces one after the other."""
    line = Text(overflow="fold")
    for piece in pieces:
        line.append_text(piece if isinstance(piece, Text) else say(piece))
    return line


def worst(marks: Iterable[str], default: str = INFO) -> str:
    """The worst of some signs."""
    return max(marks, key=_WORSE.index, default=default)


def mark_of(finding: Finding) -> str:
    """The sign of a finding."""
    if finding.severity is Severity.CRITICAL:
        return CRITICAL
    if finding.unknown:
        return UNKNOWN
    return WARNING if finding.severity is Severity.WARNING else INFO


def millis(seconds: float) -> str:
    """`0.4 ms`, `12 ms`, `1.5 s`."""
    if not abs(seconds) < 1e10:
        return UNKNOWN
    if seconds >= 0.9995:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.00095 else f"{seconds * 1000:.0f} ms"
