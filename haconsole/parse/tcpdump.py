"""What tcpdump and sudo say on standard error, and the check that looks whether they can work.

Sources: tcpdump.c of 4.9 to 4.99 (the counts at its end and at SIGUSR1), libpcap's pcap-linux.c 1.5
to 1.10 (why a device cannot be opened), sudo 1.8 to 1.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from haconsole.model.record import dataclass
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_COUNT: Final = re.compile(r"([0-9]{1,20}) packets? (received by filter|dropped by (?:kernel|interface))")
_LISTENING: Final = re.compile(r"^(?:tcpdump: )?listening on ")
_INTERFACE_UP: Final = 0x1
"""IFF_UP, netdevice(7)."""
_LIMIT: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """tcpdump's own counts, since it was started; None: this line did not say."""

    received: int | None = None
    dropped: int | None = None
    """By the kernel: tcpdump, or who reads from it, was too slow."""
    dropped_by_interface: int | None = None


def parse_counts(line: str) -> Told | None:
    """Return what a line says of counts; None: nothing. Never raises.

    At SIGUSR1 they stand in one line, at the end in one line each.
    """
    found = {what: int(number) for number, what in _COUNT.findall(line[:1000])}
    if not found:
        return None
    return Told(
        received=found.get("received by filter"),
        dropped=found.get("dropped by kernel"),
        dropped_by_interface=found.get("dropped by interface"),
    )


def is_listening(line: str) -> bool:
    """True: the capture is open, and tcpdump takes signals."""
    return _LISTENING.match(line) is not None


class Refusal(Enum):
    """Why tcpdump did not capture, or no longer does."""

    MISSING = "missing"
    """No such program."""
    SUDO = "sudo"
    """sudo said no: the program was not run."""
    RIGHTS = "rights"
    """The program ran and may not capture."""
    NO_INTERFACE = "no-interface"
    INTERFACE_DOWN = "interface-down"
    OTHER = "other"


_SIGNS: Final = (
    (
        Refusal.SUDO,
        (
            "password is required",
            "not allowed to",
            "may not run",
            "not in the sudoers",
            "must have a tty",
            "sudo: not found",
            "sudo: command not found",
        ),
    ),
    (Refusal.MISSING, ("command not found", "tcpdump: not found")),
    (Refusal.RIGHTS, ("permission to", "permission denied", "operation not permitted", "cap_net_raw")),
    (Refusal.NO_INTERFACE, ("no such device", "disappeared")),
    (Refusal.INTERFACE_DOWN, ("device is not up", "interface went down", "network is down")),
)


def why_ended(status: int | None, words: Iterable[str]) -> tuple[Refusal, str]:
    """Return why it ended and the line that says so, cleaned (or empty). Never raises.

    status: of the command; None: it was not told. words: its lines, the latest last.
    """
    lines = [clean(line.strip()) for line in words]
    lines = [line for line in lines if line and not is_listening(line) and parse_counts(line) is None]
    for refusal, signs in _SIGNS:
        for line in lines:
            if any(sign in line.lower() for sign in signs):
                return refusal, line
    if status == 127:
        return Refusal.MISSING, lines[-1] if lines else ""
    return Refusal.OTHER, lines[-1] if lines else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What `catalogue.capture.CHECK` found on a node."""

    tcpdump: str | None
    """Its path; None: not installed."""
    up: bool | None
    """The interface is up; None: there is no such interface."""
    interfaces: tuple[str, ...]


def parse_check(text: str) -> Readiness:
    """Return what the check printed. Raises: ParseError: that is not what it prints."""
    path, _, rest = text[:_LIMIT].partition("\n")
    flags, _, names = rest.partition("\n")
    if path != "-" and not path.startswith("/"):
        raise ParseError(f"the path of tcpdump was expected, not: {clean(path[:80])}")
    try:
        up = None if flags == "-" else bool(int(flags, 16) & _INTERFACE_UP)
    except ValueError:
        raise ParseError(f"an interface's flags were expected, not: {clean(flags[:80])}") from None
    return Readiness(
        tcpdump=None if path == "-" else clean(path), up=up, interfaces=tuple(clean(n) for n in names.split())
    )
