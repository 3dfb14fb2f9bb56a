"""Running programs with a time limit, and waiting for a condition with a deadline."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(RuntimeError):
    """Something in the lab did not work; the message says what, and what the program printed."""


def command(
    argv: Sequence[str],
    *,
    check: bool = True,
    timeout: float = 30.0,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a program in a session of its own; at the time limit its whole process group is killed."""
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if env is None else dict(env),
        cwd=cwd,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=pass_fds,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as late:
            _kill_group(process)
            out, err = process.communicate()
            raise LabError(f"no answer within {timeout} s: {shlex.join(argv)}\n{out}{err}".rstrip()) from late
        except BaseException:
            _kill_group(process)
            raise
    done = subprocess.CompletedProcess(list(argv), process.returncode, out, err)
    if check and done.returncode != 0:
        raise LabError(f"exit {done.returncode}: {shlex.join(argv)}\n{out}{err}".rstrip())
    return done


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def until(condition: Callable[[], object], deadline_s: float, what: str, every_s: float = 0.05) -> float:
    """Ask again and again until the condition is true; returns the seconds it took, raises LabError at the deadline."""
    start = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - start
        if time.monotonic() - start > deadline_s:
            raise LabError(f"not within {deadline_s:g} s: {what}")
        time.sleep(every_s)
