"""`~SEQ` and `~LST` of keepalived.conf(5): one line that stands for many.

Tried with 2.2.7: the variable keeps its last value behind the line; `~SEQx` counts in hexadecimal; a blank may stand
before the bracket; numbers as in C (0x10 is 16, 010 is 8).
"""

from __future__ import annotations

import re
from typing import Final

from haconsole.model.record import dataclass

MAX_VALUES: Final = 70_000
"""The manual's own example makes 65,024 instances; each line of them counts against the reader's bounds."""

_SEQ = re.compile(r"~SEQ(x?)[ \t]*\(([^()$\"]*)\)[ \t]*(.*)", re.DOTALL)
_LST = re.compile(r"~LST[ \t]*\(([^()$\"]*)\)[ \t]*(.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10})")
_PART = re.compile(r"[ \t]*(?:\{([^{}]*)\}|([^{},]*))[ \t]*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Generator:
    """`names` take each of `values` in turn, and `rest` is read with them."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    rest: str


def generator(text: str) -> Generator | None:
    """Return what the line stands for; None: it is not one that is understood here, or keepalived refuses it."""
    if found := _SEQ.fullmatch(text):
        return _sequence(found[2], found[3], hexadecimal=bool(found[1]))
    found = _LST.fullmatch(text)
    return None if found is None else _list(found[1], found[2])


def _sequence(words: str, rest: str, *, hexadecimal: bool) -> Generator | None:
    name, *numbers = (w.strip() for w in words.split(","))
    if not _NAME.fullmatch(name) or not 1 <= len(numbers) <= 3 or not all(_NUMBER.fullmatch(n) for n in numbers):
        return None
    values = [_integer(n) for n in numbers]
    end = values[-1]
    start = values[0] if len(values) > 1 else (1 if end > 0 else -1)
    step = values[1] if len(values) > 2 else (1 if end >= start else -1)
    if not step or (end - start) * step < 0 or abs(end - start) // abs(step) >= MAX_VALUES:
        return None
    made = range(start, end + (1 if step > 0 else -1), step)
    return Generator((name,), tuple((f"{n & 0xFFFFFFFF:x}" if hexadecimal else str(n),) for n in made), rest)


def _integer(word: str) -> int:
    sign, digits = (-1, word[1:]) if word.startswith("-") else (1, word.lstrip("+"))
    if digits[:2].lower() == "0x":
        return sign * int(digits, 16)
    octal = len(digits) > 1 and digits.startswith("0") and all(d in "01234567" for d in digits)
    return sign * int(digits, 8 if octal else 10)


def _list(words: str, rest: str) -> Generator | None:
    parts: list[tuple[str, ...]] = []
    at = 0
    while at < len(words):
        found = _PART.match(words, at)
        if found is None:
            return None
        inner = found[1] if found[1] is not None else found[2]
        parts.append(tuple(w.strip() for w in inner.split(",")))
        at = found.end()
    if len(parts) < 2 or not all(_NAME.fullmatch(n) for n in parts[0]):
        return None
    if any(len(p) != len(parts[0]) for p in parts) or len(parts) > MAX_VALUES:
        return None
    return Generator(parts[0], tuple(parts[1:]), rest)
