"""Network namespaces: the paths of ours, and moving the calling thread into one and back."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

NETNS_DIRECTORY = Path("/run/netns")

T = TypeVar("T")


def namespace_path(name: str) -> Path:
    """Where iproute2 keeps a named namespace."""
    return NETNS_DIRECTORY / name


def _setns(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Move the calling thread into a namespace, and back at the end.

    Only this thread moves, together with threads it starts while inside; sockets made before stay where they were made.
    """
    # the thread's own entry: /proc/self would be the main thread
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(namespace_path(name), os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(target)
        finally:
            os.close(target)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


def call_inside(name: str, function: Callable[[], T]) -> T:
    """Call a function in a short-lived thread inside a namespace; the caller stays where it is."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with inside(name):
                results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name=f"in-{name}", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
