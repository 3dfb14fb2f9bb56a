"""The state folder of a run: who owns it, whether the owner still lives, and removing what a dead one left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from .image import remove_tree
from .network import existing_namespaces
from .processes import end_run, remove_cgroups
from .shell import LabError, command

BASE = Path("/run/haconsole-lab")


class Run:
    """One run of the lab: its folder, and a lock on it that dies with the owner."""

    def __init__(self, run_id: str, lock_fd: int) -> None:
        self.id = run_id
        self.directory = BASE / run_id
        self._lock_fd = lock_fd

    @classmethod
    def create(cls) -> Run:
        """A new run, owned by this process."""
        run_id = f"{os.getpid()}{secrets.token_hex(2)}"
        with _registry():
            directory = BASE / run_id
            directory.mkdir(mode=0o755)
            fd = os.open(directory / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.write(fd, f"{os.getpid()}\n".encode())
            fcntl.flock(fd, fcntl.LOCK_EX)
        return cls(run_id, fd)

    def keep(self, details: dict[str, str]) -> None:
        """Let the run outlive its owner until `down`."""
        (self.directory / "kept").write_text(json.dumps(details, indent=2) + "\n", "utf-8")
        os.close(self._lock_fd)

    def remove(self) -> None:
        """End everything of this run and remove it."""
        remove_run(self.id)
        os.close(self._lock_fd)


def run_ids() -> list[str]:
    """Every run that has a folder or a namespace on this machine."""
    found = {name[3:].rpartition("-")[0] for name in existing_namespaces("hac") if "-" in name}
    if BASE.is_dir():
        found |= {path.name for path in BASE.iterdir() if path.is_dir()}
    return sorted(found - {""})


def is_kept(run_id: str) -> bool:
    """Whether the run was told to outlive its owner."""
    return (BASE / run_id / "kept").exists()


def owner_of(run_id: str) -> int | None:
    """The process that owns a run; None when it is gone."""
    try:
        fd = os.open(BASE / run_id / "owner", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(fd, 32).split()[0])
    else:
        return None
    finally:
        os.close(fd)


def remove_leftovers(*, kept: bool = False) -> list[str]:
    """Remove the runs whose owner is dead; those told to stay only when asked. Returns their ids."""
    removed = []
    with _registry():
        for run_id in run_ids():
            if owner_of(run_id) is None and (kept or not is_kept(run_id)):
                _remove(run_id)
                removed.append(run_id)
    return removed


def stop_live_runs(deadline_s: float = 20.0) -> list[str]:
    """Ask the owners of live runs to end them, wait, then remove what is left."""
    stopped = []
    for run_id in run_ids():
        owner = owner_of(run_id)
        if owner is None or owner == os.getpid():
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGTERM)
        start = time.monotonic()
        while (BASE / run_id).exists() and owner_of(run_id) is not None and time.monotonic() - start < deadline_s:
            time.sleep(0.1)
        remove_run(run_id)
        stopped.append(run_id)
    return stopped


def remove_run(run_id: str) -> None:
    """Remove everything of a run: processes, then namespaces and control groups, then its folder."""
    with _registry():
        _remove(run_id)


def _remove(run_id: str) -> None:
    if not run_id.isalnum():
        raise LabError(f"not the name of a run: {run_id!r}")
    namespaces = existing_namespaces(f"hac{run_id}-")
    end_run(run_id, namespaces)
    for name in namespaces:
        command(["ip", "netns", "del", name])
    remove_cgroups(run_id)
    remove_tree(BASE / run_id)
    with contextlib.suppress(OSError):
        BASE.rmdir()


@contextlib.contextmanager
def _registry() -> Iterator[None]:
    """One process at a time makes or sweeps runs; the lock is on the folder, which may vanish with its last run."""
    while True:
        BASE.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            fd = os.open(BASE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                same = os.fstat(fd).st_ino == BASE.stat().st_ino
            except FileNotFoundError:
                same = False
            if same:
                yield
                with contextlib.suppress(OSError):
                    BASE.rmdir()
                return
        finally:
            os.close(fd)
