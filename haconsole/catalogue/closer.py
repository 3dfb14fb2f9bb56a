"""Entries of a closer look that an operator asks for: a check script as keepalived runs it, who is behind a VIP.

They only look. The check script is the line that keepalived itself runs every few seconds; none of these entries
stands in the printed sudoers file, for what a configuration names cannot be granted beforehand.
Sources: ip-neighbour(8), ping(8), runuser(1), keepalived.conf(5) `vrrp_script`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from haconsole.catalogue.command import CommandSpec, Root
from haconsole.model.events import Subject
from haconsole.model.spec import IpAddress

MOST_S: Final = 30
"""A script gets no more time than this, whatever its `timeout`."""
DEFAULT_USER: Final = "keepalived_script"
"""Whom keepalived runs scripts as where nothing is said and there is such a login; else root."""
_PLACEHOLDER: Final = re.compile(r"\{[a-z_]+\}")
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

BEFORE: Final = CommandSpec(
    id="closer.before",
    small=True,
    argv=("date", "+%s.%N"),
    subject=Subject.CLOCK,
    doc="The node's clock before a check script.",
)
AFTER: Final = CommandSpec(
    id="closer.after",
    small=True,
    argv=("date", "+%s.%N"),
    subject=Subject.CLOCK,
    doc="The node's clock after it: the difference is what the script took.",
)
HAS_DEFAULT_USER: Final = CommandSpec(
    id="closer.default-user",
    argv=("id", "-u", DEFAULT_USER),
    subject=Subject.IDENTITY,
    timeout_s=3,
    limit=4096,
    doc="Is there the login that keepalived runs scripts as where none is named.",
)


def check_script(argv: Sequence[str], user: str, login: str, timeout_s: int) -> CommandSpec:
    """The script as keepalived runs it: its own words, as its user, with its timeout.

    login: who asks; where that is the user itself, nothing has to be changed.
    Raises: ValueError: words that a command line here cannot carry, no user, no time.
    """
    if not argv or any(not w or not w.isprintable() or _PLACEHOLDER.search(w) for w in argv):
        raise ValueError("its words cannot be carried in a command line")
    if not _USER.fullmatch(user):
        raise ValueError(f"{user!r} is no login")
    if not 1 <= timeout_s <= MOST_S:
        raise ValueError(f"{timeout_s} s")
    as_user = tuple(argv) if user in {"root", login} else ("runuser", "-u", user, "--", *argv)
    return CommandSpec(
        id="closer.check-script",
        argv=as_user,
        subject=Subject.SQUID_CHECK,
        root=Root.NO if user == login else Root.NEEDED,
        timeout_s=timeout_s,
        limit=16 * 1024,
        doc="A check script, as keepalived itself runs it every few seconds.",
    )


def neighbour(address: IpAddress) -> CommandSpec:
    """The node's ARP (or neighbour) entry of an address."""
    return CommandSpec(
        id="closer.neighbour",
        argv=("ip", "neigh", "show", "to", str(address)),
        subject=Subject.KERNEL,
        timeout_s=3,
        limit=16 * 1024,
        doc="Which MAC a node sends to that wants to reach the address.",
    )


def ping(address: IpAddress) -> CommandSpec:
    """One echo request, so that a node that never spoke to the address asks who has it."""
    family = ("-6",) if address.version == 6 else ()
    return CommandSpec(
        id="closer.ping",
        argv=("ping", *family, "-n", "-c", "1", "-W", "1", str(address)),
        subject=Subject.KERNEL,
        timeout_s=3,
        limit=16 * 1024,
        doc="One packet to the address: makes the node ask by ARP who has it.",
    )
