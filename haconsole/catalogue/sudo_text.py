r"""Words and lines as sudo and its sudoers file take them. Sources: sudoers(5), toke.l of sudo 1.8 and 1.9.

sudo joins the arguments of a command with blanks before it compares them with the file's text, and
compares as a pattern. So a login can cut a granted line into arguments at other blanks: to swallow
an option (`tcpdump -w '- ip proto 112'` has no filter any more), or to run a program of its own
(`timeout 5 'keepalived -t -f /etc/x'` looks for it in the folder where it stands). Therefore
whatever runs under sudo is one shell group, `{ ...; }`, as the last argument of a line whose other
words cannot be joined to anything valid: a part of a group is a syntax error, nothing of it runs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_BEFORE = "{ exec "
_AFTER = "; }"


def grouped(argv: Sequence[str]) -> tuple[str, ...]:
    """`argv` as a shell group; what is one already stays as it is."""
    if is_group(argv):
        return tuple(argv)
    return ("/bin/sh", "-c", f"{_BEFORE}{shlex.join(argv)}{_AFTER}")


def is_group(argv: Sequence[str]) -> bool:
    """Is it a fixed shell text that is one group, without arguments."""
    return len(argv) == 3 and tuple(argv[:2]) == ("/bin/sh", "-c") and argv[2][:2] == "{ " and argv[2][-2:] == " }"


def ungrouped(argv: Sequence[str]) -> tuple[str, ...]:
    """The argv that `grouped` was given."""
    if is_group(argv) and argv[2].startswith(_BEFORE):
        return tuple(shlex.split(argv[2].removeprefix(_BEFORE).removesuffix(_AFTER)))
    return tuple(argv)


def escaped(word: str) -> str:
    r"""A word of a command for sudoers(5), to be taken literally.

    `,` `:` `=` `#` are separators there, `*` `?` `[` `]` `!` patterns; a backslash is one in both
    readings, so it takes four. Raises: ValueError: a word that cannot be granted: line ends, tabs,
    or blanks that sudo would take for one.
    """
    if not word or re.search(r"[\x00-\x1f\x7f]|  |^ | $", word):
        raise ValueError(f"no sudoers line can have the argument {word!r}")
    return re.sub(r"[,:=#*?\[\]!]", lambda found: f"\\{found[0]}", word.replace("\\", "\\" * 4))


def command(argv: Sequence[str]) -> str:
    """A command as it stands in a sudoers file: an absolute path, then arguments."""
    return " ".join((argv[0], *map(escaped, argv[1:])))


def login(name: str) -> str:
    """A login at the beginning of a line. Raises: ValueError: it would be read as an alias."""
    if name.upper() == name and any(c.isalpha() for c in name):
        raise ValueError(f"{name!r}: sudoers would take it for the name of an alias")
    return re.sub(r"[\\@,:=]", lambda found: f"\\{found[0]}", name)
