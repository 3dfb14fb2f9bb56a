"""A capture session on a simulated node: tcpdump between the marks and beats of `catalogue.script`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from haconsole.catalogue import script
from haconsole.demo.node import SimNode
from haconsole.demo.node_shell import NodeShell, Reply, stamp
from haconsole.demo.tcpdump import Opened, Tcpdump, open_capture
from haconsole.demo.work import Mouth, Work

SILENCE_S: Final = 6.0
"""A capture without a beat for so long ends. Real seconds."""
PIPE: Final = 4096
"""Octets of input that wait while nobody reads the answers; the node would read no more."""


class Capture(Work):
    """One tcpdump. `argv`: with sudo's words in front of it, if any."""

    def __init__(self, session: Mouth, argv: Sequence[str], shell: NodeShell, node: SimNode) -> None:
        self._session, self._argv, self._shell, self._node = session, argv, shell, node
        self._input = b""
        self._started = self._held = self._over = False
        self._tcpdump: Tcpdump | None = None
        self._silence: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        """The marker's line, then beats."""
        self._input = (self._input + data)[:PIPE]
        if not self._started:
            marker, newline, rest = self._input.partition(b"\n")
            if not newline:
                return
            self._input = rest
            self._start(marker.decode("utf-8", "replace"))
        if not self._over:
            self._expect()
            self._beats()

    def _start(self, marker: str) -> None:
        self._started = True
        self._session.say(script.capture_mark(marker))
        opened = self._open()
        if isinstance(opened, Opened):
            self._tcpdump = Tcpdump(self._node, opened, self._session.say)
            self._tcpdump.hold(held=self._held)
            self._words(opened.listening)
        else:
            self._words(*opened.stderr.splitlines())
            self._ended(opened.status)

    def _open(self) -> Opened | Reply:
        argv, rooted = self._shell.unwrapped(self._argv)
        if rooted is None or tuple(argv[:1]) != ("tcpdump",):
            return self._shell.run(self._argv)  # which says why not
        return open_capture(self._node, argv[1:], rooted=rooted)

    def _beats(self) -> None:
        while self._input and not (self._held or self._over):
            beat, self._input = self._input[:1], self._input[1:]
            if beat == b".":
                self._session.complain(f"T {stamp(self._node.wall())}\n".encode())
            elif beat == b"c" and self._tcpdump is not None:
                self._words(f"tcpdump: {', '.join(self._tcpdump.counts)}")
            elif beat == b"q":
                self._finish()

    def _expect(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(SILENCE_S, self._finish)

    def _words(self, *lines: str) -> None:
        self._session.complain("".join(f"W {line}\n" for line in lines).encode())

    def _finish(self) -> None:
        """tcpdump is ended in good order, and its last counts come along."""
        if self._over:
            return
        if self._tcpdump is not None:
            self._tcpdump.hold(held=False)  # it writes what it has before it ends
            self._words(*self._tcpdump.counts)
        self._ended(0)

    def _ended(self, status: int) -> None:
        self._over = True
        self._session.complain(f"E {status}\n".encode())
        self._session.die("KILL")  # the script's last word to its process group
        self.end()

    def eof(self) -> None:
        """No more beats."""
        if self._started:
            self._finish()
        else:
            self._session.leave(9)

    def end(self) -> None:
        """The channel is gone."""
        self._over = True
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._tcpdump is not None:
            self._tcpdump.end()

    def hold(self) -> None:
        """Nobody reads: packets wait, and so do questions."""
        self._held = True
        if self._tcpdump is not None:
            self._tcpdump.hold(held=True)

    def go_on(self) -> None:
        """Somebody reads again."""
        self._held = False
        if self._tcpdump is not None and not self._over:
            self._tcpdump.hold(held=False)
        if self._started:
            self._beats()

    def terminated(self, signal: str) -> bool:
        """TERM ends it in good order."""
        if signal != "TERM" or not self._started:
            return False
        self._finish()
        return True
