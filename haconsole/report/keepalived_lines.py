"""Statements of keepalived.conf -> lines that keepalived reads back as the same, and a form for comparing. Pure.

A password never comes out: the parser has put `SECRET` in its place, and a line with it becomes a comment
that says what is to be put back by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, Self

from haconsole.model.keepalived_conf import SECRET, KeepalivedConf, Place, Statement
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf import parse
from haconsole.parse.keepalived_conf_words import decomment, split
from haconsole.parse.text import clean

INDENT: Final = "    "
BY_HAND: Final = "# put back by hand, from the running file: "

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:;/@%+=*^~$()<>|&?\[\]-]+")
_UNSAFE: Final = re.compile(r"[\u2400-\u2421\ufffd]")
"""What `clean` put in the place of control characters: such a word cannot be written again."""

_ORDERED: Final = frozenset({"virtual_ipaddress", "virtual_ipaddress_excluded", "virtual_routes", "virtual_rules"})
"""Blocks whose order means something to keepalived or to adverts."""
_FIRST: Final = ("global_defs", "vrrp_script", "track_file", "vrrp_track_file", "vrrp_sync_group", "vrrp_instance")
_INSIDE: Final = (
    "router_id", "vrrp_version", "script", "interval", "timeout", "fall", "rise", "file", "weight", "init_file",
    "state", "interface", "virtual_router_id", "priority", "advert_int", "version", "nopreempt", "preempt_delay",
    "authentication", "unicast_src_ip", "unicast_peer", "virtual_ipaddress", "virtual_ipaddress_excluded",
    "track_interface", "track_script", "track_file",
)  # fmt: skip


def word(text: str) -> str | None:
    """A word as it may stand in a line, quoted where it has to be; None: it cannot be written."""
    if _UNSAFE.search(text) or '"' in text or not text.isprintable():
        return None
    return text if _PLAIN.fullmatch(text) else f'"{text}"'


def words(texts: Sequence[str]) -> str | None:
    """One statement's words as a line that is read back as them; None: there is no such line."""
    for write in (word, _escaped):
        found = [write(t) for t in texts]
        line = " ".join(f for f in found if f is not None)
        if None not in found and split(line, lambda _: None) == list(texts) and decomment(line) == (line, True):
            return line if _in_one(line, texts) else None
    return None


def _in_one(line: str, texts: Sequence[str]) -> bool:
    """No brace in it divides it: what looks for braces knows quotes, but no backslashes before them."""
    if "{" not in line and "}" not in line:
        return True
    try:
        (block,) = parse({"": f"vrrp_script x {{\n{line}\n}}\n"}, "").statements
    except (ParseError, ValueError):
        return False
    return block.block is not None and [s.words for s in block.block] == [tuple(texts)]


def _escaped(text: str) -> str | None:
    """For lines of scripts, which know backslashes."""
    if _UNSAFE.search(text) or not text.isprintable():
        return None
    return text if _PLAIN.fullmatch(text) else '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def lines(statement: Statement, *, secrets: bool = False) -> Iterator[str]:
    """The statement and its block. secrets: lines with a masked password stay lines, for comparing."""
    text = words(statement.words)
    if text is None or statement.words[1:2] == ("=",):  # `script =` would be read as a definition
        yield "# left out, it cannot be written again: " + clean(" ".join(statement.words)).replace('"', "'")
        return
    if not secrets and any(SECRET in w for w in statement.words):
        yield BY_HAND + " ".join(statement.words)
        return
    condition = f"{statement.condition} " if statement.condition is not None else ""
    if statement.block is None:
        yield condition + text
        return
    yield f"{condition}{text} {{".lstrip()
    for inner in statement.block:
        yield from (INDENT + line for line in lines(inner, secrets=secrets))
    yield "}"


class Line(str):
    """One line of the form for comparing; `place`: where it stands in the file."""

    __slots__ = ("place",)
    place: Place | None

    def __new__(cls, text: str, place: Place | None = None) -> Self:
        """As str."""
        made = super().__new__(cls, text)
        made.place = place
        return made


def comparable(conf: KeepalivedConf) -> list[Line]:
    """What the configuration says, in one order, without comments: equal lists mean the same to keepalived.

    Includes and definitions are put in. Order is kept only where it means something.
    """
    found: list[Line] = []
    for statement in sorted(conf.statements, key=partial(_rank, _FIRST)):
        if found and statement.block is not None:
            found.append(Line(""))
        found += _compared(statement, "")
    return found


def _compared(statement: Statement, indent: str) -> Iterator[Line]:
    text = words(statement.words) or clean(" ".join(statement.words))
    text = f"{statement.condition} {text}" if statement.condition is not None else text
    if statement.block is None:
        yield Line(indent + text, statement.place)
        return
    yield Line(f"{indent}{text} {{".rstrip(), statement.place)
    inner = statement.block if statement.keyword in _ORDERED else sorted(statement.block, key=partial(_rank, _INSIDE))
    for each in inner:
        yield from _compared(each, indent + INDENT)
    yield Line(indent + "}", statement.place)


def _rank(order: Sequence[str], statement: Statement) -> tuple[int, tuple[str, ...]]:
    """Known keywords in their order, then the others by name."""
    known = statement.keyword in order
    return order.index(statement.keyword) if known else len(order), statement.words
