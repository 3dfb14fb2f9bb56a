"""keepalived.conf from this machine's disk, with what it includes: for `haconsole check FILE...`.

An include with an absolute name means the node's disk, not this one's: it is read only where the file that
includes it is itself checked in its place (below /etc), else it is a finding.
"""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from haconsole.cluster.audit.values import ConfFile
from haconsole.parse import keepalived_conf
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean, decode

MAX_BYTES: Final = 4 << 20
"""As much as the parser takes."""
_ROUNDS: Final = 16
_FILES: Final = 1000


class UnreadableError(Exception):
    """A named file cannot be read, or is no configuration; the text says which and why."""


def read_conf(names: Sequence[str], ids: Sequence[str] = ()) -> tuple[ConfFile, ...]:
    """Read the files, each as one node's configuration. ids: their config-ids, or none.

    Passwords become hashes with a key that is made here and kept nowhere. Raises: UnreadableError.
    """
    key = secrets.token_bytes(32)
    found: list[ConfFile] = []
    for number, name in enumerate(names):
        files = {name: _read(name)}
        _follow(files, name)
        try:
            conf = keepalived_conf.parse(files, name, config_id=ids[number] if ids else None, secret_key=key)
        except ParseError as error:
            raise UnreadableError(f"{clean(name)}: {error}") from None
        found.append(ConfFile(conf=conf))
    return tuple(found)


def _follow(files: dict[str, str], main: str) -> None:
    """Add what is included, as far as it is here."""
    in_place = os.path.realpath(main).startswith("/etc/")
    asked: set[str] = set()
    for _ in range(_ROUNDS):
        wanted = [p for p in keepalived_conf.includes(files, main) if p not in asked]
        if not wanted or len(files) > _FILES:
            return
        for pattern in wanted:
            asked.add(pattern)
            if pattern.startswith("/") and not (in_place or main.startswith("/")):
                continue
            for name in sorted(glob.glob(pattern))[:_FILES]:  # noqa: PTH207 - glob(3), as keepalived
                if name not in files and Path(name).is_file():
                    files[name] = _read(name)


def _read(name: str) -> str:
    path = Path(name)
    try:
        if path.is_dir():
            raise UnreadableError(f"{clean(name)} is a folder: name the files")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"{clean(name)}: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"{clean(name)} is larger than 4 MiB")
    return decode(data)
