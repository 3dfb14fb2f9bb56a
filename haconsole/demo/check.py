"""What a simulated node tells `haconsole check`: stat(1) of GNU coreutils on its few files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from haconsole.catalogue import check
from haconsole.demo.node import SimNode

_PROGRAMS: Final = frozenset({"/usr/sbin/squid", "/usr/sbin/keepalived"})
_FOLDERS: Final = frozenset({"/", "/usr", "/usr/sbin", "/etc", "/etc/keepalived", "/run"})
_MADE: Final = 1_700_000_000
"""When the files were made: long before any demo starts."""


def stat(node: SimNode, args: Sequence[str]) -> tuple[str, str, int] | None:
    """(stdout, stderr, status) of `stat -L -c FORMAT -- PATH...`; None: other options."""
    if list(args[:4]) != ["-L", "-c", check.FORMAT, "--"]:
        return None
    lines, problems = [], []
    for path in args[4:]:
        mode = "81ed" if path in _PROGRAMS else "41ed" if path in _FOLDERS else None
        mode = mode or ("81a4" if node.read_file(path) is not None else None)
        if mode is None:
            problems.append(f"stat: cannot statx '{path}': No such file or directory\n")
        else:
            lines.append(f"{mode} 0 0 {_MADE} {path}\n")
    return "".join(lines), "".join(problems), 1 if problems else 0
