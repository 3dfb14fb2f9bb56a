"""Looking at the pair from the operator's place: does a VIP serve, does a port answer."""

from __future__ import annotations

import http.client
import socket

from .netns import call_inside
from .plan import ORIGIN_URL, SQUID_PORT


def fetch(namespace: str, proxy: str, url: str = ORIGIN_URL, timeout: float = 2.0) -> int | None:
    """The status of a GET through a proxy address, as the operator's machine sees it; None: no answer."""

    def ask() -> int | None:
        connection = http.client.HTTPConnection(proxy, SQUID_PORT, timeout=timeout)
        try:
            connection.request("GET", url, headers={"Connection": "close"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    return call_inside(namespace, ask)


def port_answers(namespace: str, address: str, port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts connections there."""

    def ask() -> bool:
        try:
            socket.create_connection((address, port), timeout).close()
        except OSError:
            return False
        return True

    return call_inside(namespace, ask)


def ssh_answers(namespace: str, address: str, timeout: float = 2.0) -> bool:
    """Whether an SSH server greets there: a frozen one accepts connections but says nothing."""

    def ask() -> bool:
        try:
            with socket.create_connection((address, 22), timeout) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    return call_inside(namespace, ask)
