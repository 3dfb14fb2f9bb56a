"""Leaving the console, for good or for the shell, on a real pseudo-terminal: at once, with the terminal as it was."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.support.wait import wait

ROOT = Path(__file__).parents[3]
LEFT_ALTERNATE_SCREEN, CURSOR_SHOWN, MOUSE_OFF = b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"


class Terminal:
    """A pseudo-terminal of 80x24 with the console on it; `words` before its command line."""

    def __init__(self, mode, folder, *words, **environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLORTERM"}}
        env |= {"TERM": "xterm-256color", "HOME": str(folder), "TEXTUAL_ANIMATIONS": "none", **environment}
        self.process = subprocess.Popen(
            [*words, sys.executable, "-m", "tests.unit.tui.on_terminal", mode, str(folder)],
            cwd=ROOT,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=own_terminal,
        )
        self.output = b""

    def type(self, keys):
        """What is drawn from now on is what they did."""
        self.output = b""
        os.write(self.master, keys)

    def read_until(self, wanted, seconds=45.0):
        """Read what is drawn until it has `wanted`."""
        end = time.monotonic() + seconds
        while wanted not in self.output:
            assert time.monotonic() < end, self.output[-2000:]
            self.read_some()

    def read_some(self):
        if select.select([self.master], [], [], 0.05)[0]:
            with contextlib.suppress(OSError):
                self.output += os.read(self.master, 65536)

    def wait(self, seconds=45.0):
        """Its exit code."""
        started = time.monotonic()
        while self.process.poll() is None:
            assert time.monotonic() - started < seconds, "the console did not leave"
            self.read_some()
        self.read_some()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def own_terminal():
    """Make standard input the terminal that its signals come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


SHELL = ("sh", "-c", 'set -m; "$@"; while read -r job; do "$job"; done', "sh")
"""A shell with jobs that runs a command, and does as it is told (`fg`, `bg`) when that was stopped."""


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def open_with(mode="well", *words, **environment):
        opened.append(Terminal(mode, tmp_path, *words, **environment))
        opened[-1].read_until(b"all well")
        opened[-1].read_until(b"quit")
        return opened[-1]

    yield open_with
    for one in opened:
        one.close()


def restored(terminal, tail=600):
    last = terminal.output[-tail:]
    assert LEFT_ALTERNATE_SCREEN in last
    assert CURSOR_SHOWN in last
    assert MOUSE_OFF in last
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_q_leaves_with_zero(terminal):
    console = terminal()
    os.write(console.master, b"q")
    assert console.wait() == 0
    restored(console)


def test_monitors_that_hang_for_ever_do_not_keep_it(terminal):
    console = terminal("hang")
    os.write(console.master, b"q")
    assert console.wait() == 0
    restored(console)
    after = console.output.split(LEFT_ALTERNATE_SCREEN)[-1]
    assert b"Traceback" not in after
    assert b"Error" not in after


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_leaves_with_its_code_and_the_terminal_as_it_was(terminal, number, code):
    console = terminal()
    console.process.send_signal(number)
    assert console.wait() == code
    restored(console)


def test_monitors_that_die_leave_the_console_on_the_screen_saying_so(terminal):
    console = terminal()
    assert console.process.poll() is None
    dead = Terminal("die", console.process.args[-1])
    try:
        dead.read_until(b"NOT UPDATED")
        os.write(dead.master, b"q")
        assert dead.wait() == 0
        restored(dead)
    finally:
        dead.close()


def begun(console):
    """A squid-stop of proxy-serv01, held."""
    for keys, seen in (
        (b"na", b"link-down public"),
        (b"\x1b[B" * 6 + b"\r", b"node reverts after"),
        (b"\r", b"[ Cancel ]"),
        (b"\tproxy-serv01\r", b"heals itself,"),
    ):
        console.output = b""
        os.write(console.master, keys)
        console.read_until(seen)
    console.read_until(b"hold")


def told(tmp_path, word):
    there = tmp_path / "told"
    wait(lambda: there.exists() and there.read_text(encoding="utf-8") == word, what="the action was asked to put back")


@pytest.mark.parametrize("how", ["q", "ctrl+c twice", "SIGTERM", "SIGINT"])
def test_leaving_waits_for_an_action_to_be_put_back_and_says_how_it_ended(terminal, tmp_path, how):
    console = terminal("acting")
    begun(console)
    if how.startswith("SIG"):
        console.process.send_signal(getattr(signal, how))
    else:
        os.write(console.master, {"q": b"q", "ctrl+c twice": b"\x03\x03"}[how])
    told(tmp_path, "stopping")
    console.read_until(b"put back")
    assert console.process.poll() is None
    (tmp_path / "back").touch()
    assert console.wait() == 4
    restored(console, tail=2000)
    assert b"haconsole: reverted: put back: stopped by the operator" in console.output
    assert (tmp_path / "told").read_text(encoding="utf-8") == "reverted"


def test_a_terminal_that_goes_away_leaves_nothing_half_way(terminal, tmp_path):
    console = terminal("acting")
    begun(console)
    console.process.send_signal(signal.SIGHUP)
    told(tmp_path, "stopping")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        console.process.send_signal(number)
    assert console.process.poll() is None
    (tmp_path / "back").touch()
    assert console.wait() == 4
    assert (tmp_path / "told").read_text(encoding="utf-8") == "reverted"


def test_without_colour_no_colour_is_sent(terminal):
    console = terminal(NO_COLOR="1")
    os.write(console.master, b"q")
    console.wait()
    reds = [
        part for part in console.output.split(b"\x1b[38;2;")[1:] if len(set(part.split(b"m")[0].split(b";")[:3])) > 1
    ]
    assert reds == []


# --- to the shell ----------------------------------------------------------------------------------------


def state(tmp_path):
    """Of the console's process, as /proc has it; None: it is gone."""
    pid = (tmp_path / "pid").read_text(encoding="utf-8")
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    return None


def gone(tmp_path):
    return state(tmp_path) in {None, "Z"}


def stopped(console, tmp_path):
    """Ctrl-Z was pressed, and it stands still."""
    console.type(b"\x1a")
    console.read_until(LEFT_ALTERNATE_SCREEN)
    wait(lambda: state(tmp_path) == "T", what="it stands still")
    console.read_some()
    restored(console)


def leaves_it_as_it_was(console, tmp_path):
    console.type(b"q")
    console.read_until(LEFT_ALTERNATE_SCREEN)
    wait(lambda: gone(tmp_path), what="it ended")
    assert termios.tcgetattr(console.slave) == console.before


def test_ctrl_z_goes_to_the_shell_and_what_is_old_when_it_comes_back_is_not_shown_as_if_it_were_new(terminal, tmp_path):
    console = terminal("clock", *SHELL)
    stopped(console, tmp_path)
    (tmp_path / "later").touch()
    console.type(b"fg\n")
    console.read_until(b"stood still for")
    console.read_until(b"quit")
    assert b"all well" not in console.output
    assert b"silent" in console.output
    stopped(console, tmp_path)
    console.type(b"fg\n")
    console.read_until(b"quit")
    leaves_it_as_it_was(console, tmp_path)


def test_in_the_background_it_waits_for_the_terminal(terminal, tmp_path):
    console = terminal("well", *SHELL)
    stopped(console, tmp_path)
    console.type(b"bg\n")
    console.read_until(b"[1]")
    wait(lambda: state(tmp_path) == "T", what="it stands still again")
    console.type(b"fg\n")
    console.read_until(b"quit")
    leaves_it_as_it_was(console, tmp_path)


def test_whoever_stopped_it_and_lets_it_go_on_finds_the_terminal_as_it_was_in_the_end(terminal, tmp_path):
    console = terminal("well", *SHELL)
    os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGSTOP)
    wait(lambda: state(tmp_path) == "T", what="it stands still")
    console.type(b"fg\n")
    console.read_until(b"quit")
    leaves_it_as_it_was(console, tmp_path)


def test_those_who_started_it_stand_still_with_it(terminal, tmp_path):
    console = terminal("well", *SHELL, "sh", "-c", '"$@"; exit', "sh")
    stopped(console, tmp_path)
    console.type(b"fg\n")
    console.read_until(b"stood still for")


def test_a_terminal_that_goes_away_while_it_stands_still_ends_it(terminal, tmp_path):
    console = terminal("well", *SHELL)
    stopped(console, tmp_path)
    os.close(console.slave)
    os.close(console.master)
    console.master, console.slave = os.open(os.devnull, os.O_RDWR), os.open(os.devnull, os.O_RDWR)
    wait(lambda: gone(tmp_path), what="it ended")


def test_without_a_shell_that_could_bring_it_back_it_stays_and_says_so(terminal):
    console = terminal()
    console.type(b"\x1a")
    console.read_until(b"no shell behind")
    console.type(b"q")
    assert console.wait() == 0
    restored(console)


@pytest.mark.parametrize("how", ["ctrl+z", "SIGTSTP"])
def test_it_does_not_stand_still_while_an_action_is_under_way(terminal, tmp_path, how):
    console = terminal("acting", *SHELL)
    begun(console)
    console.output = b""
    if how == "ctrl+z":
        os.write(console.master, b"\x1a")
    else:
        os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGTSTP)
    console.read_until(b"counts as dead")
    assert LEFT_ALTERNATE_SCREEN not in console.output
    console.type(b"q")
    told(tmp_path, "stopping")
    (tmp_path / "back").touch()
    console.read_until(b"haconsole: reverted: put back: stopped by the operator")
