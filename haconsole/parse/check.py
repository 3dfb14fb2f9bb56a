"""What `catalogue.check` prints -> values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.model.asked import FileStat
from haconsole.parse.errors import ParseError

_LINE: Final = re.compile(r"([0-9a-f]{1,8}) ([0-9]{1,10}) ([0-9]{1,10}) (-?[0-9]{1,12}) (/.*)")
_HASH: Final = re.compile(r"([0-9]{1,6}) ([0-9a-f]{64})  ?-?")
_MISSING: Final = re.compile(
    r"stat: cannot (?:stat|statx) .(/[^'\"’]*).: (?:No such file or directory|Not a directory)"
)


def parse_stat(stdout: str, stderr: str, asked: Sequence[str]) -> Mapping[str, FileStat | None]:
    """Name -> what it is; None: surely not there. Names that could not be looked at are left out.

    Raises: ParseError: another program's words.
    """
    found: dict[str, FileStat | None] = {}
    for line in stdout.splitlines():
        if not line.strip():
            continue
        told = _LINE.fullmatch(line.strip())
        if told is None or told[5] not in asked:
            raise ParseError("stat's lines were expected")
        found[told[5]] = FileStat(
            mode=int(told[1], 16), uid=int(told[2]), gid=int(told[3]), modified_node_s=float(told[4])
        )
    for missing in _MISSING.finditer(stderr):
        if missing[1] in asked:
            found.setdefault(missing[1], None)
    return found


def parse_hashes(stdout: str) -> Mapping[int, str]:
    """Line number -> hash of the password on it. Raises: ParseError: another program's words."""
    found: dict[int, str] = {}
    for line in stdout.splitlines():
        told = _HASH.fullmatch(line.rstrip())
        if told is None:
            raise ParseError("numbers of lines with hashes were expected")
        found[int(told[1])] = told[2]
    return found
