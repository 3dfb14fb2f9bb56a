"""A program on a pseudo-terminal: what it writes, when, and what it costs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LEAVES_WITHIN_S = 15.0
"""What does not end by then is ended, and the measurement with it."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Terminal:
    """Runs `argv` on a terminal of 120x40; everything it writes is read and kept for `until`."""

    def __init__(self, argv: Sequence[str], *, size: tuple[int, int] = (120, 40), env: Mapping[str, str] | None = None):
        self._argv = " ".join(argv)
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:  # pragma: no cover - becomes the program
            os.execvpe(argv[0], list(argv), {**os.environ, "TERM": "xterm-256color", **(env or {})})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._kept = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        left = self._left(LEAVES_WITHIN_S)
        if not left:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
        if not left and error is None:
            raise TimeoutError(f"{self._argv} did not leave within {LEAVES_WITHIN_S} s of SIGTERM")

    def _left(self, limit_s: float) -> bool:
        """Read what it still writes, until it is gone; False: it stays."""
        end = time.perf_counter() + limit_s
        while time.perf_counter() < end:
            with contextlib.suppress(OSError):  # EIO: it closed its terminal
                self._read(0.05)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return True
        return False

    def _read(self, wait_s: float) -> bytes:
        if not select.select([self.fd], [], [], wait_s)[0]:
            return b""
        return os.read(self.fd, 1 << 16)

    def send(self, keys: bytes) -> float:
        """Press keys; returns when. What was written before does not count any more."""
        self._kept = b""
        at = time.perf_counter()
        os.write(self.fd, keys)
        return at

    def until(self, wanted: bytes, limit_s: float) -> float:
        """When `wanted` had been written. Raises: TimeoutError."""
        end = time.perf_counter() + limit_s
        while wanted not in self._kept:
            left = end - time.perf_counter()
            if left <= 0:
                raise TimeoutError(f"{wanted!r} was not written within {limit_s} s; last: {self._kept[-300:]!r}")
            self._kept = self._kept[-(1 << 20) :] + self._read(left)
        return time.perf_counter()

    def drain(self, seconds: float) -> bytes:
        """Read for so long."""
        end, found = time.perf_counter() + seconds, b""
        while (left := end - time.perf_counter()) > 0:
            found += self._read(left)
        self._kept = (self._kept + found)[-(1 << 20) :]
        return found

    def cpu_s(self) -> float:
        """CPU time of the process, threads included, children not."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def peak_mib(self) -> float:
        """The most memory that the process has had (VmHWM)."""
        lines = Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
