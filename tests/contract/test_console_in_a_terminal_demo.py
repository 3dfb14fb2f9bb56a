"""The whole program in a real terminal (tmux), by keyboard alone, on the demo's cluster.

Seen from outside: what is on the screen, the exit code, and whether the shell gets its terminal back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.wait import wait

ROOT = Path(__file__).parents[2]
SECONDS = 45.0
"""Longest wait for anything to be drawn, on a machine that has other things to do."""
SMALL, LARGE = (80, 24), (160, 48)

_SHELL = """
before=$(stty -g)
sh -c 'echo $$ >"$0"; exec "$@"' "$@"
echo "exit code $?"
[ "$before" = "$(stty -g)" ] && echo 'the terminal is as before'
exec cat
"""
"""Stands for the operator's shell: it is still there when the console has gone."""


class Terminal:
    """A tmux of its own with one program in it; its HOME is an empty folder."""

    def __init__(
        self, argv: Sequence[str], size: tuple[int, int], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._pid = folder / "pid"
        self._environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "TMUX_TMPDIR": str(folder),
            "PYTHONPATH": str(ROOT),
            "TEXTUAL_ANIMATIONS": "none",
            **(environment or {}),
        }
        width, height = size
        self._tmux("new-session", "-d", "-x", str(width), "-y", str(height), "sh", "-c", _SHELL, "sh", str(self._pid), *argv)  # fmt: skip

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", "haconsole-test", "-f", "/dev/null", *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"tmux {words[0]}: {done.stderr}"
        return done.stdout

    def close(self) -> None:
        """End the program with its terminal; nothing is left."""
        with suppress(AssertionError):
            self._tmux("kill-server")
        with suppress(OSError, ValueError):
            wait(lambda: not _alive(self.pid), 20, "the program ends with its terminal")

    @property
    def pid(self) -> int:
        """The console's process."""
        return int(self._pid.read_text())

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def colours_of(self, word: str = "") -> set[str]:
        """The colours in the lines that have this word."""
        lines = [x for x in self._tmux("capture-pane", "-p", "-e").splitlines() if word in x]
        return {colour for line in lines for colour in re.findall(r"[34]8;(?:5;\d+|2;\d+;\d+;\d+)", line)}

    def modes(self) -> str:
        """Alternate screen, mouse, cursor: `0 0 1` is what a shell expects."""
        return self._tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").strip()

    def buffer(self) -> str:
        """What tmux would paste now."""
        return self._tmux("show-buffer")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def enter(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def until(self, condition: Callable[[str], object], what: str) -> str:
        """The screen, once it is so. Raises: AssertionError with the last one."""
        end = time.monotonic() + SECONDS
        while not condition(text := self.text()):
            assert time.monotonic() < end, f"not within {SECONDS} s: {what}\n{text}"
            time.sleep(0.05)
        return text

    def shows(self, *words: str) -> str:
        return self.until(lambda text: all(word in text for word in words), f"{words} on the screen")

    def lacks(self, word: str) -> str:
        return self.until(lambda text: word not in text, f"{word!r} gone from the screen")

    def left(self, code: int, *said: str) -> None:
        """The console has ended with this code; the shell has its terminal, empty but for what was `said`."""
        text = self.shows("exit code ")
        assert f"exit code {code}\n" in text, text
        text = self.shows("the terminal is as before")
        assert self.modes() == "0 0 1"
        if not said:
            assert text.split("exit code")[0].strip() == "", text
        # of a longer text the beginning has left the screen
        whole = self._tmux("capture-pane", "-p", "-S", "-")
        assert all(word in whole for word in said), whole


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def terminal(
    argv: Sequence[str], size: tuple[int, int], environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """A program in a terminal until the block ends. Skips where there is no tmux."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    # a short path: a socket's name must fit into 107 bytes
    with tempfile.TemporaryDirectory(prefix="haconsole-") as folder:
        opened = Terminal(argv, size, Path(folder), environment)
        try:
            yield opened
        finally:
            opened.close()


def demo(*words: str) -> list[str]:
    return [sys.executable, "-m", "haconsole", "demo", *words]


@pytest.fixture(params=[SMALL, LARGE], ids=["80x24", "160x48"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    chosen: tuple[int, int] = request.param
    return chosen


def test_a_tour_by_keyboard(size: tuple[int, int]) -> None:
    with terminal(demo("--scenario", "eth1-down"), size) as console:
        console.shows("4 warnings", "192.168.2.101", "FAULT", "public link eth1 is down", "q quit")
        assert console.modes().startswith("1 1")

        console.press("?")
        console.shows("Help", "Keys on this screen", "Next theme", "esc closes")
        console.press("Escape")
        console.lacks("esc closes")

        cursor = console.colours_of("switched off)")
        console.press("f")
        console.until(lambda _: console.colours_of("switched off)") != cursor, "the cursor on the first finding")
        console.press("Enter")
        console.shows("link-down", "Evidence", "kernel on proxy-serv01", "eth1: switched off", "What to do")
        console.press("Escape")
        console.shows("VIPs", "Events")

        console.press("v", "y")
        console.shows("copied: 192.168.2.101")
        assert console.buffer() == "192.168.2.101"

        console.press("3")
        console.shows("Findings", "Evidence", "4 warnings")
        console.press("Escape")
        console.shows("VIPs", "Events")

        console.press("/")
        console.shows("words that must be there")
        console.enter("squid")  # a `q` in the filter's line is a letter
        console.shows("pass `squid`")
        console.press("Escape")
        console.lacks("pass `squid`")

        before = console.colours_of()
        console.press("t")
        console.shows("theme: haconsole-")
        assert console.colours_of() != before

        console.press("q")
        console.left(0)
        assert [json.loads(f.read_text())["theme"] for f in console.folder.rglob("console.json")] != []


def test_keys_in_one_write_do_what_they_do_one_by_one(size: tuple[int, int]) -> None:
    with terminal(demo("--scenario", "eth1-down"), size) as console:
        console.shows("4 warnings", "public link eth1 is down", "q quit")
        console.enter("/squid")
        console.shows("pass `squid`")
        console.press("Escape")
        console.lacks("pass `squid`")
        console.enter("f\r")
        console.shows("link-down", "Evidence", "eth1: switched off")
        console.press("Escape")
        console.shows("VIPs", "Events")
        console.enter("?q3")
        console.shows("Findings", "Evidence", "4 warnings")
        console.enter("1q")
        console.left(0)


def test_the_theme_is_that_of_the_last_time(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    with terminal(demo("--scenario", "healthy"), SMALL, home) as console:
        console.shows("all well", "q quit")
        first = console.colours_of("VIPs")
        console.press("t")
        console.shows("theme: haconsole-")
        chosen = console.colours_of("VIPs")
        assert chosen != first
        console.press("q")
        console.left(0)
    with terminal(demo("--scenario", "healthy"), SMALL, home) as console:
        console.shows("all well", "q quit")
        assert console.colours_of("VIPs") == chosen


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_gives_the_terminal_back(number: signal.Signals, code: int) -> None:
    with terminal(demo("--scenario", "healthy"), SMALL) as console:
        console.shows("all well", "q quit")
        os.kill(console.pid, number)
        console.left(code)


def test_ctrl_c_leaves_like_q() -> None:
    with terminal(demo("--scenario", "healthy"), SMALL) as console:
        console.shows("all well", "q quit")
        console.press("C-c")
        console.left(0)


_BROKEN = """
import sys
from haconsole.__main__ import main
from haconsole.tui.app import ConsoleApp

def broken(self):
    raise RuntimeError("a bug of the console")

ConsoleApp.action_next_theme = broken
sys.argv = ["haconsole", "demo", "--scenario", "healthy"]
sys.exit(main())
"""


def test_a_crash_gives_the_terminal_back_and_is_told() -> None:
    with terminal([sys.executable, "-c", _BROKEN], SMALL) as console:
        console.shows("all well", "q quit")
        console.press("t")
        console.left(1, "RuntimeError", "a bug of the console")
