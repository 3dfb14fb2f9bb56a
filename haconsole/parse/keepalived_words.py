"""Numbers, addresses and names inside keepalived's output and configuration.

Each reader gives None for what is not exactly what keepalived writes: Python's own readers take
more (other scripts' digits, `nan`, zone ids, netmasks), and nothing of that may slip through.
"""

from __future__ import annotations

import re
from ipaddress import ip_interface

from haconsole.model.readings import IpInterface
from haconsole.model.spec import IpAddress

_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?")

AUTH_TYPES = {"none": "none", "SIMPLE_PASSWORD": "PASS", "IPSEC_AH": "AH"}
"""The dump's words for authentication -> keepalived.conf's, as every part of haconsole shows them."""


def integer(word: str, low: int, high: int) -> int | None:
    """Return the number if it is one and lies in low..high."""
    if not _INTEGER.fullmatch(word):
        return None
    value = int(word)
    return value if low <= value <= high else None


def decimal(word: str) -> float | None:
    """Return a number without sign, at most 999999999999.999999999."""
    return float(word) if _DECIMAL.fullmatch(word) else None


def interface_address(word: str) -> IpInterface | None:
    """Return an address with its prefix; without one /32 or /128, as keepalived means it."""
    if not _ADDRESS.fullmatch(word):
        return None
    try:
        return ip_interface(word)
    except ValueError:
        return None


def address(word: str) -> IpAddress | None:
    """Return an address; the unspecified one (0.0.0.0, ::) is keepalived's sign for none."""
    found = None if "/" in word else interface_address(word)
    if found is None or found.ip.is_unspecified:
        return None
    return found.ip
