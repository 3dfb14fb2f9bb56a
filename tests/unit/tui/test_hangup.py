"""A console whose terminal is gone ends, even when its event loop never runs again."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECONDS = 40.0

_CONSOLE = """
import asyncio, queue, sys, threading
from haconsole.tui import hangup
kind = sys.argv[1]
loop = asyncio.new_event_loop()
full = queue.Queue(1)
full.put(b"")

async def main():
    print("ready", flush=True)
    if kind == "stuck":
        full.put(b"")  # as Textual's: the thread that would empty it is dead
    if kind == "deaf":
        await asyncio.Event().wait()
    await left.wait()
    if kind == "busy":
        await asyncio.sleep(hangup.LEAVE_S + 2)
        busy.clear()

left, busy = asyncio.Event(), threading.Event()
busy.set() if kind in ("busy", "stuck") else None
with hangup.watched(0, loop, left.set, busy.is_set):
    loop.run_until_complete(main())
sys.exit(7)
"""


def ends(kind: str, *, ignoring: bool) -> int:
    """Exit code of the little console after its terminal was closed."""
    pid, fd = pty.fork()
    if pid == 0:  # pragma: no cover - becomes the program
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignoring else signal.SIG_DFL)
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", _CONSOLE, kind])
    try:
        told = b""
        while b"ready\r\n" not in told:  # all of it: a write that the closing cuts in two is an error there
            told += os.read(fd, 1024)
        os.close(fd)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        raise AssertionError(f"it outlives its terminal by {SECONDS} s")
    finally:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("kind", ["stuck", "deaf"])
def test_a_console_that_does_not_leave_is_ended(kind: str) -> None:
    """Also with an action under way, where the event loop that would put it back does not turn (`stuck`)."""
    assert ends(kind, ignoring=True) == 129


def test_a_console_that_leaves_in_good_order_keeps_its_code() -> None:
    assert ends("good", ignoring=True) == 7


def test_an_action_that_is_put_back_gets_the_time_for_it() -> None:
    assert ends("busy", ignoring=True) == 7


def test_sighup_still_ends_it() -> None:
    assert ends("deaf", ignoring=False) == -signal.SIGHUP
