"""Name lookup and TCP connect, each with its own failure.

Names are looked up in threads of their own, not in asyncio's pool: a dead name server would fill
that pool, and then nodes given by address could not be reached either.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""Family and socket address, as `socket.connect` wants it."""


def _addresses(host: str, port: int, family: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)
    return [(entry[0], entry[4]) for entry in found]


async def lookup(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Address]:
    """Every address of `host`, in the system's order. Raises: OSError (socket.gaierror)."""
    with contextlib.suppress(socket.gaierror):
        return _addresses(host, port, family, socket.AI_NUMERICHOST)  # an address needs no thread
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def tell(found: list[Address], error: OSError | None) -> None:
        if not answer.done():
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

    def ask() -> None:
        found: list[Address] = []
        failure: OSError | None = None
        try:
            found = _addresses(host, port, family, 0)
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, found, failure)

    # A daemon thread: a lookup that hangs must not hold up the end of the program.
    threading.Thread(target=ask, name=f"lookup {host}", daemon=True).start()
    return await answer


async def connect_any(addresses: list[Address], local: tuple[str, int] | None, timeout_s: float) -> socket.socket:
    """A connected socket to the first address that accepts; the time is shared out among them.

    Raises: OSError of the last address (TimeoutError: no answer).
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    failure: OSError = OSError("the name has no address")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        share = max(0.0, deadline - asyncio.get_running_loop().time()) / left
        try:
            async with asyncio.timeout(share):
                return await _connect(address, local)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure


async def _connect(address: Address, local: tuple[str, int] | None) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        if local is not None:
            sock.bind(local)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
