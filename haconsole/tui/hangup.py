"""The way out when the terminal is gone: a thread that needs neither the event loop nor the terminal.

A console whose terminal was closed may hang: Textual's writer dies of the write error, and then the event
loop waits for ever in a full queue, where no signal handler of asyncio's runs. The nodes heal themselves, so
ending is safe; an action that is being put back gets time for it as long as the event loop is alive.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

EXIT_CODE: Final = 129
"""As a shell tells an end by SIGHUP."""
LEAVE_S: Final = 3.0
"""What the console gets to end in good order once its terminal is gone."""
BUSY_S: Final = 180.0
"""What an action that is under way gets more."""
ALIVE_S: Final = 5.0
"""An event loop that did not turn for so long puts nothing back any more."""
_LOOK_S: Final = 0.5


@contextmanager
def watched(
    fd: int | None, loop: asyncio.AbstractEventLoop, leave: Callable[[], object], busy: Callable[[], bool]
) -> Iterator[None]:
    """While inside: once the terminal `fd` is hung up, `leave` is called on the loop; a process that is still
    there LEAVE_S later, or BUSY_S where `busy()` (called in a thread) says so, ends with EXIT_CODE.

    fd: None, or no terminal: nothing is watched.
    """
    if fd is None or not os.isatty(fd):
        yield
        return
    done = threading.Event()
    threading.Thread(target=_watch, args=(fd, loop, leave, busy, done), name="hangup", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(
    fd: int,
    loop: asyncio.AbstractEventLoop,
    leave: Callable[[], object],
    busy: Callable[[], bool],
    done: threading.Event,
) -> None:
    if not _hung_up(fd, done):
        return
    with suppress(RuntimeError):  # the loop is closed: it is ending
        loop.call_soon_threadsafe(leave)
    started = turned = time.monotonic()

    def turn() -> None:
        nonlocal turned
        turned = time.monotonic()

    while not done.wait(_LOOK_S):
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(turn)
        now = time.monotonic()
        patience = BUSY_S if now - turned < ALIVE_S and busy() else LEAVE_S
        if now - started >= patience:
            os._exit(EXIT_CODE)  # not sys.exit: the main thread may never run again


def _hung_up(fd: int, done: threading.Event) -> bool:
    """Wait until the terminal is gone (True), or `done`."""
    poll = select.poll()
    poll.register(fd, 0)  # POLLHUP, POLLERR and POLLNVAL are told unasked
    while not done.is_set():
        if poll.poll(_LOOK_S * 1000):
            return not done.is_set()
    return False
