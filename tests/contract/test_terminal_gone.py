"""A terminal that is closed while the console draws all the time: the console ends, and so does all it started."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest

from tests.support.wait import wait

ROOT = Path(__file__).parents[2]
SHOWN_S = 45.0
GONE_S = 15.0
"""3 s to end in good order, then it is ended; the rest is for a machine that has other things to do."""


def _until(fd: int, wanted: bytes) -> None:
    kept, end = b"", time.monotonic() + SHOWN_S
    while wanted not in kept:
        assert time.monotonic() < end, f"{wanted!r} was not drawn within {SHOWN_S} s: {kept[-500:]!r}"
        if select.select([fd], [], [], 1.0)[0]:
            kept = kept[-65536:] + os.read(fd, 65536)


def _descendants(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(fields[1])
    found: set[int] = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_closed_terminal_ends_a_console_into_which_200_events_a_second_come() -> None:
    pid, fd = pty.fork()
    if pid == 0:  # pragma: no cover - becomes the console
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "tests.bench.flood"], {**os.environ, "TERM": "xterm-256color"})
    try:
        _until(fd, b"MASTER")
        _until(fd, b"chatty")
        started = _descendants(pid)
        assert started, "the demo's nodes are processes of their own"
    finally:
        os.close(fd)  # nobody reads, nobody types: as when the window is closed or the link to it is lost
        ended: list[int] = []

        def gone() -> bool:
            ended.append(os.waitpid(pid, os.WNOHANG)[0])
            return ended[-1] == pid

        try:
            wait(gone, GONE_S, "the console ends with its terminal")
        except AssertionError:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            raise
    wait(lambda: not any(_there(p) for p in started), GONE_S, "what it started is gone too")
