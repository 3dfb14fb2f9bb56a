"""Single values of the configuration: each function returns the value or says what is wrong with it.

Names, units and paths end up in command lines, in sudoers files and in SSH's own arguments. They
are quoted there too; the rules here are narrower than what the systems accept, so that a value
with a meaning of its own (an option, a wildcard, a second word) never gets that far.
All functions raise ValueError with a text for the operator, and nothing else.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from haconsole.config.errors import nearest, shown

Number = TypeVar("Number", int, float)

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}")
_OTHER_UNIT = re.compile(r"\.(socket|target|timer|mount|automount|path|slice|scope|device|swap)$")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,255}\$?")
_PATH = re.compile(r"(/[A-Za-z0-9_@+.-]+)+")
_JUMP = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,2000}")
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class BadValueError(ValueError):
    """A value that is wrong, and what was probably meant."""

    def __init__(self, text: str, suggestion: str | None = None) -> None:
        super().__init__(text)
        self.suggestion = suggestion


def check_name(value: str) -> str:
    """Return the name of a cluster or a node: it is shown, typed on command lines, put in file names."""
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{shown(value)} is no usable name: at most 64 letters, digits, '.', '_' and '-', no '.' or '-' first"
        )
    return value


def check_host(value: str) -> str:
    """Return an IP address or a host name without user, port or prefix: it goes to SSH."""
    if not value or value.isspace():
        raise ValueError("is empty: an IP address or a host name is needed")
    if is_address(value):
        return str(as_address(value))
    last = value.rstrip(".").rpartition(".")[2]
    if last.isdigit():  # no top-level domain is a number, so this is a mistyped address
        raise ValueError(f"{shown(value)} is no IPv4 address")
    if len(value) > 253 or not all(_LABEL.fullmatch(label) for label in value.removesuffix(".").split(".")):
        raise ValueError(f"{shown(value)} is neither an IP address nor a host name{_host_hint(value)}")
    return value


def check_dns_name(value: str) -> str:
    """Return a host name that can be looked up: no address."""
    if is_address(value):
        raise ValueError(f"{shown(value)} is an address: the name that clients look up is needed")
    return check_host(value)


def check_vip(value: str) -> str:
    """Return a virtual address: no prefix length, no interface, an address that a client can use."""
    bare, slash, _ = value.partition("/")
    if slash and is_address(bare):
        raise ValueError(f'write the address without its prefix length: "{bare}"')
    if not is_address(value) or "%" in value:
        raise ValueError(f"{shown(value)} is no IP address")
    address = ip_address(value)
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise ValueError(f"{shown(value)} cannot be a virtual address: no client reaches it")
    return value


def is_address(value: str) -> bool:
    """Tell whether `value` is an IPv4 or IPv6 address (an IPv6 one may name its interface: `fe80::1%eth0`)."""
    address = as_address(value)
    scope = getattr(address, "scope_id", None)
    return address is not None and (scope is None or bool(_INTERFACE.fullmatch(scope)))


def as_address(value: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `value` spells, None when it spells none."""
    try:
        return ip_address(value)
    except ValueError:
        return None


def check_interface(value: str) -> str:
    """Return the name of a network interface."""
    if not _INTERFACE.fullmatch(value) or value in {".", ".."}:
        raise ValueError(f"{shown(value)} is no interface name: 1 to 15 letters, digits, '.', '_' or '-', such as eth0")
    return value


def check_interface_or_none(value: str) -> str:
    """Return the name of a network interface, or the empty text: there is none."""
    return value and check_interface(value)


def check_unit(value: str) -> str:
    """Return the name of a systemd service, without its `.service`."""
    if other := _OTHER_UNIT.search(value):
        raise ValueError(f"{shown(value)} is a {other[1]}: the name of a systemd service is needed")
    bare = value.removesuffix(".service")
    if not _UNIT.fullmatch(bare):
        raise ValueError(f"{shown(value)} is no name of a systemd service, such as squid or squid@main")
    return bare


def check_node_path(value: str) -> str:
    """Return the absolute path of a file on a node."""
    if not value.startswith("/"):
        raise ValueError(f"{shown(value)} is no absolute path: it is a file on the nodes and begins with '/'")
    if not _PATH.fullmatch(value) or not {".", ".."}.isdisjoint(value.split("/")):
        raise ValueError(
            f"{shown(value)} is no usable path: letters, digits and '/_@+.-' only, without '..' or a '/' at its end"
        )
    return value


def check_local_path(value: str) -> str:
    """Return the path of a file on this machine, as written; the empty text means the default."""
    if _UNPRINTABLE.search(value):
        raise ValueError(f"{shown(value)} holds control characters")
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{shown(value)} begins with the home folder of a user that this machine does not know"
        ) from None
    return value


def check_user(value: str) -> str:
    """Return a login name; the empty text means the default."""
    if value and not _USER.fullmatch(value):
        raise ValueError(f"{shown(value)} is no login name")
    return value


def check_port(value: int) -> int:
    """Return a TCP port."""
    return _within(value, 1, 65535, "a port is 1 to 65535")


def check_connect_timeout(value: float) -> float:
    """Return a time limit for a login, in seconds."""
    return _within(value, 0.1, 60, "a login is given 0.1 to 60 seconds")


def check_keepalive(value: float) -> float:
    """Return the time between two signs of life, in seconds."""
    return _within(value, 0.1, 60, "signs of life come every 0.1 to 60 seconds")


def check_jump(value: str) -> str:
    """Return `[user@]host[:port]`; the empty text means the default."""
    if not value:
        return value
    match = _JUMP.fullmatch(value)
    if match is None:
        raise ValueError(f"{shown(value)} is not [user@]host[:port]; an IPv6 address goes in brackets")
    if match["user"] is not None and not _USER.fullmatch(match["user"]):
        raise ValueError(f"{shown(value)} has no usable login name before the '@'")
    host = match["host"]
    if host.startswith("[") and not (is_address(host[1:-1]) and ":" in host):
        raise ValueError(f"{shown(value)} has no IPv6 address in its brackets")
    if not host.startswith("["):
        check_host(host)
    if match["port"] is not None:
        check_port(int(match["port"]))
    return value


def check_probe_url(value: str) -> str:
    """Return an http:// URL with a host. The value itself is not repeated in errors: it may hold a password."""
    if not _URL.fullmatch(value):
        raise ValueError("is no URL: it is empty, too long, or has characters that a URL cannot have")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL: its host or its port cannot be read") from None
    if parts.scheme == "https":
        raise ValueError(
            "https:// cannot be probed: a proxy would be asked for a CONNECT tunnel, not for a page; name a page at http://"
        )
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError('must begin with http:// and a host, such as "http://203.0.113.80/"')
    _check_authority(parts, port)
    return value


def _check_authority(parts: SplitResult, port: int | None) -> None:
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or a password: it is shown on screens and in reports")
    if port == 0:
        raise ValueError("names port 0: a port is 1 to 65535")
    check_host(parts.hostname or "")


def check_day(value: str) -> str:
    """Return a day of the week."""
    if value not in DAYS:
        raise BadValueError(f"{shown(value)} is no day: {', '.join(DAYS)}", nearest(value[:3], DAYS))
    return value


def check_days(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the days of a window, at least one."""
    if not value:
        raise ValueError(f"is empty: name at least one of {', '.join(DAYS)}")
    return tuple(dict.fromkeys(value))


def check_start(value: str) -> str:
    """Return a time of day, `00:00` to `23:59`."""
    minutes_of(value, latest=24 * 60 - 1)
    return value


def check_end(value: str) -> str:
    """Return a time of day, `00:00` to `24:00`."""
    minutes_of(value, latest=24 * 60)
    return value


def minutes_of(value: str, latest: int = 24 * 60) -> int:
    """Return `HH:MM` as minutes after midnight, at most `latest`."""
    match = _CLOCK.fullmatch(value)
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > latest:
        raise ValueError(f'{shown(value)} is no time of day: "HH:MM", such as "22:00"')
    return int(match[1]) * 60 + int(match[2])


def check_timezone(value: str) -> str:
    """Return a time zone that this machine knows."""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(value)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):  # a folder, an absolute path, an unknown name
        raise _no_timezone(value) from None
    return value


def _no_timezone(value: str) -> BadValueError:
    import zoneinfo

    known = sorted(zoneinfo.available_timezones())
    if not known:
        return BadValueError(
            f"{shown(value)} cannot be looked up: this machine has no time zones; install the package tzdata"
        )
    # "berlin" is as good a try as "Europe/Berlni": cities are compared too.
    cities = {zone.rpartition("/")[2]: zone for zone in known}
    city = nearest(value, list(cities))
    guess = nearest(value, known) or (cities[city] if city else None)
    return BadValueError(f'{shown(value)} is no time zone, such as "Europe/Berlin" or "UTC"', guess)


def _within(value: Number, low: float, high: float, rule: str) -> Number:
    if not low <= value <= high:
        raise ValueError(f"{shown(value)} is out of range: {rule}")
    return value


def _host_hint(value: str) -> str:
    """What the operator may have added to the host, and where it belongs."""
    if "@" in value:
        return "; the login name belongs in the ssh table: user"
    if "/" in value and is_address(value.partition("/")[0]):
        return "; write it without its prefix length"
    if value.startswith("[") and is_address(value.strip("[]")):
        return "; write an IPv6 address without brackets"
    host, colon, port = value.rpartition(":")
    if colon and port.isdigit() and ":" not in host:
        return "; the port belongs in the ssh table: port"
    return ""
