"""A TCP port on loopback that behaves like one far away: it serves, refuses, or is silent.

Silent as an address that nobody has: what wants to connect gets no answer and tries again, as TCP
does. A full accept queue does that. POSIX sockets only.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Final

_BACKLOG: Final = 100
_FILLERS: Final = 8
_CONNECT_S: Final = 0.005
HOST: Final = "127.0.0.1"


class Mode(Enum):
    """What happens to whoever connects."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"


class Gate:
    """One port, the same for its whole life. `serve(sock)` runs as a task for each connection."""

    def __init__(self, tasks: asyncio.TaskGroup, serve: Callable[[socket.socket], Coroutine[None, None, None]]) -> None:
        self._tasks, self._serve = tasks, serve
        self._loop = asyncio.get_running_loop()
        self._socket = _bound(0)
        self._fillers: list[socket.socket] = []
        self._mode = Mode.REFUSED
        self.port: int = self._socket.getsockname()[1]

    @property
    def mode(self) -> Mode:
        return self._mode

    def set(self, mode: Mode) -> None:
        """Behave so from now on. What is connected already stays connected."""
        if mode is self._mode:
            return
        if self._mode is Mode.OPEN:
            self._loop.remove_reader(self._socket)
        self._mode = mode
        match mode:
            case Mode.OPEN:
                self._socket.listen(_BACKLOG)
                self._loop.add_reader(self._socket, self._accept)
            case Mode.SILENT:
                self._socket.listen(0)
                self._fill()
            case Mode.REFUSED:
                self._socket.close()
                self._drop_fillers()
                self._socket = _bound(self.port)

    def close(self) -> None:
        """Give the port back."""
        if self._mode is Mode.OPEN:
            self._loop.remove_reader(self._socket)
        self._mode = Mode.REFUSED
        self._socket.close()
        self._drop_fillers()

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, peer = self._socket.accept()
            except OSError:
                break
            if any(_name(f) == peer for f in self._fillers):
                connection.close()
                continue
            connection.setblocking(False)  # noqa: FBT003 - the standard library's signature
            self._tasks.create_task(self._serve(connection))
        self._drop_fillers()

    def _fill(self) -> None:
        """Connect to ourselves until the queue is full: then the system answers nobody any more."""
        for _ in range(_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)  # noqa: FBT003
            with contextlib.suppress(OSError):
                filler.connect_ex((HOST, self.port))
            if not _connected(filler):
                filler.close()
                return
            self._fillers.append(filler)

    def _drop_fillers(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()


def _bound(port: int) -> socket.socket:
    """A socket that has the port and does not listen: whoever connects is refused."""
    made = socket.socket()
    made.setblocking(False)  # noqa: FBT003
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((HOST, port))
    return made


def _connected(sock: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        return bool(selector.select(_CONNECT_S))


def _name(sock: socket.socket) -> tuple[str, int] | None:
    try:
        name: tuple[str, int] = sock.getsockname()
    except OSError:
        return None
    return name
