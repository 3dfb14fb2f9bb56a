"""`ss -ltn` -> listening TCP sockets.

Source: ss(8); run on iproute2 5.9, 6.1, 6.15. There `*` is IPv6 and IPv4 together, `[::]` IPv6
alone; 4.11 (CentOS 7) writes `:::3128` for both and `*` for IPv4.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

from haconsole.model.readings import Listener
from haconsole.model.spec import IpAddress
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LINE: Final = 4096
_STATE: Final = "LISTEN"
_IP: Final = re.compile(r"[0-9A-Fa-f.:]{2,64}")
_PORT: Final = re.compile(r"[0-9]{1,5}")


def parse_listeners(text: str, port: int | None) -> tuple[Listener, ...]:
    """Return the listening sockets on `port` (None: on all), each once, in order.

    `text`: `ss -ltn`, with or without its header. An IPv4 address in IPv6 form
    (`::ffff:192.168.2.101`) is the IPv4 address. A device (`%eth0`) only stays in `text`.
    Raises: ParseError for a line that is no listening socket.
    """
    found: dict[Listener, None] = {}  # several workers may share one port
    for number, line in enumerate(text.split("\n")):
        words = line[:_LINE].split()
        if not words or (number == 0 and words[0] == "State"):
            continue
        if words[0] != _STATE or len(words) < 5:
            raise ParseError(f"a line of `ss -ltn` was expected, not: {clean(line[:80])}")
        listener = _listener(words[3])
        if port is None or listener.port == port:
            found[listener] = None
    return tuple(found)


def _listener(text: str) -> Listener:
    host, _, port = text.rpartition(":")
    if _PORT.fullmatch(port) is None or int(port) > 65535:
        raise ParseError(f"no port: {clean(text[:80])}")
    return Listener(address=_address(host), port=int(port), text=clean(text))


def _address(host: str) -> IpAddress | None:
    bare = host.partition("%")[0].removeprefix("[").removesuffix("]")
    if bare == "*":
        return None
    if _IP.fullmatch(bare) is None:
        raise ParseError(f"no IP address: {clean(host[:80])}")
    try:
        address = ip_address(bare)
    except ValueError as error:
        raise ParseError(f"no IP address: {clean(host[:80])}") from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return None if address.is_unspecified else address
