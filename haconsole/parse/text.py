"""Text from a node made harmless: every parser passes what it returns through `clean`.

A terminal obeys control characters wherever they come from, and no widget removes all of them,
so it is done once, here.
"""

from __future__ import annotations

_SPECIAL = (
    *range(0x80, 0xA0),  # C1: some terminals take them for ESC sequences
    0x61C,  # marks that turn the reading direction: what is shown is not what is meant
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
    *range(0xD800, 0xE000),  # lone surrogates cannot be written to a terminal at all
)

_VISIBLE: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(32)},
    0x7F: 0x2421,
    9: "    ",
    **dict.fromkeys(_SPECIAL, 0xFFFD),
}


def clean(s: str) -> str:
    """Return `s` with control characters made visible (`␛`), tabs as blanks, direction marks as `�`.

    A line end becomes `␊` too: split lines first. Never raises; cleaning twice changes nothing.
    """
    return s.translate(_VISIBLE)


def cut(line: str, most: int) -> str:
    """Return `line`, or its first `most` characters and `…`: masks of secrets look at every character."""
    return line if len(line) <= most else line[:most] + "…"


def decode(data: bytes) -> str:
    """Return bytes of a node as text: UTF-8, `�` for what is not. Not yet cleaned: it has lines."""
    return data.decode("utf-8", errors="replace")
