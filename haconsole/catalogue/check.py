"""Entries that `haconsole check` asks a node, besides what is read anyway. They only look.

Sources: stat(1) and sha256sum(1) of GNU coreutils, sed(1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from haconsole.catalogue.command import CommandSpec, Verb
from haconsole.model.events import Subject

PATH: Final = re.compile(r"/[A-Za-z0-9._/+@:,=-]{0,400}")
"""A name of a file that is asked for. Others stay unknown: they come from a node's configuration."""
MOST: Final = 200
FORMAT: Final = "%f %u %g %Y %n"
"""Mode in hex with the type, owner, group, time of the last change, name."""


_SED: Final = r"""/^[[:space:]]*auth_pass[[:space:]]/{
=
s/^[[:space:]]*auth_pass[[:space:]]*//
t forget
:forget
s/^"\([^"]*\)".*/\1/
t cut
s/[[:space:]!#].*//
:cut
s/^\(........\).*/\1/
p
}"""
"""The password's first 8 characters as keepalived reads them, below the number of its line."""
_HASHES: Final = (
    "{ IFS= read -r s; sed -n '" + _SED + "' '{config_file}' | while IFS= read -r n && IFS= read -r p; "
    r"""do printf '%s %s\n' "$n" "$(printf '%s%s' "$s" "$p" | sha256sum)"; done; }"""
)
"""Line and SHA-256 of salt and password, its first 8 characters, for each `auth_pass` of the main file."""


def hashes(salt: str) -> CommandSpec:
    """Passwords as salted hashes: what is compared never leaves its node. Only what the login itself may read:
    under sudo it would let a login try passwords. salt: made anew for each run. Raises: ValueError: no salt."""
    if not re.fullmatch(r"[0-9a-f]{32,128}", salt):
        raise ValueError("no salt")
    return CommandSpec(
        id="check.hashes",
        verb=Verb.FEED,
        argv=(salt, "/bin/sh", "-c", _HASHES),
        subject=Subject.CONFIG,
        limit=256 * 1024,
        doc="Is auth_pass the same on all nodes: salted hashes, the salt is forgotten after the run.",
    )


def stat(paths: Sequence[str]) -> CommandSpec:
    """Mode, owner and time of files, links followed. Raises: ValueError: a name that is not asked for, or too many."""
    if not paths or len(paths) > MOST or any(not PATH.fullmatch(p) for p in paths):
        raise ValueError("no names of files to ask for")
    return CommandSpec(
        id="check.stat",
        argv=("stat", "-L", "-c", FORMAT, "--", *paths),
        subject=Subject.CONFIG,
        doc="Is it there, who may run it, who may write it, since when.",
    )
