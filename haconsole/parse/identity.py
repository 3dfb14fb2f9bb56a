"""id(1), uname(1), boot_id and the list of programs found -> who we are on the node.

Sources: id(1), uname(1) of coreutils; proc_sys_kernel(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from haconsole.model.readings import IdentityReading, Rights
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LIMIT: Final = 1 << 16
_NAME: Final = 255
_UID: Final = re.compile(r"[0-9]{1,10}")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+\\-]{0,63}\$?")
_BOOT_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_identity(
    *,
    uid: str,
    user: str,
    groups: str,
    hostname: str,
    rights: Rights,
    boot_id: str | None = None,
    tools: Mapping[str, bool] | None = None,
) -> IdentityReading:
    """Return who we are from the outputs of `id -u`, `id -un`, `id -Gn`, `uname -n`, boot_id.

    A login without a name (`id -un` prints nothing), or with one that could not stand in a command line
    that people copy, is called by its number. Group names with
    blanks, which directory services allow, come out in pieces. `rights` are the caller's to tell.
    Raises: ParseError without a user number or a host name.
    """
    number = uid.strip()
    if _UID.fullmatch(number) is None:
        raise ParseError(f"a user number was expected, not: {clean(uid[:80])}")
    return IdentityReading(
        user=name if _USER.fullmatch(name := _word(user)) else number,
        uid=int(number),
        groups=frozenset(clean(group[:_NAME]) for group in groups[:_LIMIT].split()),
        hostname=_required(hostname, "a host name"),
        rights=rights,
        boot_id=None if boot_id is None else parse_boot_id(boot_id),
        tools=dict(tools or {}),
    )


def parse_boot_id(text: str) -> str | None:
    """Return the boot's id (a UUID in small letters); None where there is none."""
    found = _BOOT_ID.fullmatch(text.strip()[:64])
    return found[0] if found else None


def parse_tools(text: str, asked: Iterable[str]) -> Mapping[str, bool]:
    """Return which of the programs `asked` for stand in `text`, one name a line."""
    found = {line.strip() for line in text[:_LIMIT].split("\n")}
    return {name: name in found for name in asked}


def parse_kernel_release(text: str) -> str:
    """Return what `uname -r` prints. Raises: ParseError if that is nothing."""
    return _required(text, "a kernel release")


def _word(text: str) -> str:
    return clean(text.strip().partition("\n")[0][:_NAME])


def _required(text: str, what: str) -> str:
    word = _word(text)
    if not word:
        raise ParseError(f"{what} was expected, not an empty line")
    return word
