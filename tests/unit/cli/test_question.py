"""What the terminal's keys do to an action: a name goes on, Ctrl-C leaves at once, Ctrl-Z stops no console that watches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

ASKS = """
import asyncio, sys
from haconsole.cli.steps import typed
try:
    print(asyncio.run(typed("proxy-serv01")))
except KeyboardInterrupt:
    sys.exit(130)
"""
LEFT_S = 60.0
"""A process that hangs does so for ever."""


@pytest.fixture
def asked() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that has asked, and its terminal."""
    terminal, theirs = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", ASKS], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    try:
        shown = b""
        while b"> " not in shown:
            shown += os.read(terminal, 100)
        yield process, terminal
    finally:
        process.kill()
        process.communicate()
        os.close(terminal)


@pytest.mark.parametrize(("line", "said"), [(b"proxy-serv01\n", b"True"), (b"proxy-serv02\n", b"False")])
def test_only_the_node_s_name_goes_on(asked: tuple[subprocess.Popen[bytes], int], line: bytes, said: bytes) -> None:
    process, terminal = asked
    os.write(terminal, line)
    assert (process.communicate(timeout=LEFT_S)[0].strip(), process.returncode) == (said, 0)


def test_ctrl_c_needs_no_line_to_leave(asked: tuple[subprocess.Popen[bytes], int]) -> None:
    process, terminal = asked
    process.send_signal(signal.SIGINT)
    assert process.wait(LEFT_S) == 130
    assert b"nothing was touched" in os.read(terminal, 1000)


WATCHES = """
import asyncio
from haconsole.cli.steps import Steps, stoppable
async def watch():
    left = asyncio.Event()
    with stoppable(Steps(left.set)):
        print("watching", flush=True)
        await left.wait()
asyncio.run(watch())
"""


def test_ctrl_z_does_not_stop_a_console_that_watches_what_it_changed() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WATCHES], stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline() == "watching\n"
            process.send_signal(signal.SIGTSTP)
            assert "not stopped" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert "is put back" in process.stderr.readline()
            assert process.wait(LEFT_S) == 0
        finally:
            process.kill()
