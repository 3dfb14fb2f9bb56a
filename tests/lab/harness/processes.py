"""Finding and ending the processes of one run: by control group and by network namespace, never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .netns import namespace_path
from .shell import LabError

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_CGROUP_FOLDER = "haconsole-lab"


def cgroup_hierarchies() -> list[Path]:
    """The hierarchies in which systemd keeps its tree: one on a unified host, two on a hybrid one."""
    if (_CGROUP_ROOT / "cgroup.controllers").exists():
        return [_CGROUP_ROOT]
    return [path for path in (_CGROUP_ROOT / "systemd", _CGROUP_ROOT / "unified") if path.is_dir()]


def make_cgroup(group: Path) -> None:
    """Make a control group and its parents. A lab beside this one removes the common parent when it was the last
    there, perhaps between the making of the parent and of the group: then the parent is made anew."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            group.mkdir(parents=True)
            return
        if not group.parents[1].exists():
            raise LabError(f"no control groups at {group.parents[1]}")


def run_cgroups(run_id: str) -> list[Path]:
    """The control groups of a run, one a hierarchy; they need not exist."""
    return [hierarchy / _CGROUP_FOLDER / run_id for hierarchy in cgroup_hierarchies()]


def node_cgroups(run_id: str, short: str) -> list[Path]:
    """The control groups of one node of a run."""
    return [path / short for path in run_cgroups(run_id)]


def remove_cgroups(run_id: str) -> None:
    """Remove the empty control groups of a run, and the lab's own folder when it was the last."""
    for top in run_cgroups(run_id):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        with contextlib.suppress(OSError):
            top.parent.rmdir()


def pids_in_cgroups(groups: Iterable[Path]) -> set[int]:
    """Every process in these control groups and below."""
    found: set[int] = set()
    for top in groups:
        for folder, _, _ in os.walk(top):
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in (Path(folder) / "cgroup.procs").read_text("ascii").split())
    return found - {0}


def pids_in_namespaces(names: Iterable[str]) -> set[int]:
    """Every process whose network namespace is one of these, save the caller itself."""
    wanted = set()
    for name in names:
        with contextlib.suppress(OSError):
            status = namespace_path(name).stat()
            wanted.add((status.st_dev, status.st_ino))
    return {pid for pid in all_pids() if pid != os.getpid() and _identity(pid, "net") in wanted}


def pids_of_container(init: int) -> list[int]:
    """Every process of a booted container: those that share the process namespace of its init."""
    home = _identity(init, "pid")
    return [] if home is None else [pid for pid in all_pids() if _identity(pid, "pid") == home]


def all_pids() -> Iterator[int]:
    """Every process of this machine."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _identity(pid: int, kind: str) -> tuple[int, int] | None:
    try:
        status = Path(f"/proc/{pid}/ns/{kind}").stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text("ascii").split()]
    return found


def status_field(pid: int, field: str) -> str:
    """A line of /proc/PID/status; empty when the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8", errors="replace").splitlines():
            if line.startswith(field + ":"):
                return line.partition(":")[2].strip()
    return ""


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each; those gone meanwhile do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end_run(run_id: str, namespaces: Iterable[str], deadline_s: float = 10.0) -> None:
    """Kill every process of a run and wait until none is left."""
    names = list(namespaces)
    start = time.monotonic()
    while True:
        left = pids_in_cgroups(run_cgroups(run_id)) | pids_in_namespaces(names)
        left = {pid for pid in left if pid != os.getpid() and not _is_zombie(pid)}
        if not left:
            return
        send(left, signal.SIGKILL)
        if time.monotonic() - start > deadline_s:
            raise LabError(f"processes of the lab {run_id} do not end: {sorted(left)}")
        time.sleep(0.02)


def _is_zombie(pid: int) -> bool:
    return status_field(pid, "State").startswith("Z")
