"""`ip neigh show` -> neighbour entries. Source: ip-neighbour(8); run on iproute2 6.1, layout of 4.11 the same."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

STATES: Final = frozenset(
    {"PERMANENT", "NOARP", "REACHABLE", "STALE", "NONE", "INCOMPLETE", "DELAY", "PROBE", "FAILED"}
)
MOST: Final = 1000
_LINE: Final = re.compile(r"([0-9A-Fa-f.:]{2,45}) dev ([^ \t/:]{1,255})((?: [A-Za-z0-9_.:]{1,64})*)[ \t]*")
_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One entry. `mac` None: it has none (FAILED, INCOMPLETE)."""

    address: IpAddress
    interface: str
    mac: str | None
    state: str
    """NUD state, one of `STATES`; empty: not told."""


def parse_neighbours(text: str) -> tuple[Neighbour, ...]:
    """All entries, in their order. Raises: ParseError, and nothing else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise ParseError(f"{len(lines)} neighbour entries are more than are read")
    return tuple(_entry(line) for line in lines)


def _entry(line: str) -> Neighbour:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ParseError(f"no neighbour entry: {clean(line[:80])!r}")
    words = found[3].split()
    mac = None
    if "lladdr" in words:
        at = words.index("lladdr") + 1
        mac = words[at] if at < len(words) else ""
        if not _MAC.fullmatch(mac):
            raise ParseError(f"no MAC address: {clean(line[:80])!r}")
    try:
        address = ip_address(found[1])
    except ValueError as error:
        raise ParseError(str(error)) from None
    state = words[-1] if words and words[-1] in STATES else ""
    return Neighbour(address=address, interface=clean(found[2]), mac=mac, state=state)
