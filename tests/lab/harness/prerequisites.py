"""What a machine must have to run the lab, named in plain words with the package that brings it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_TOOLS = (
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
)
_FILE_SYSTEMS = ("overlay", "tmpfs")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def missing_prerequisites() -> list[str]:
    """What this machine lacks for the lab; empty when it can run."""
    if sys.platform != "linux":
        return ["the lab needs Linux (network namespaces and containers)"]
    missing = []
    if os.geteuid() != 0:
        missing.append("the lab must be run as root: it makes network namespaces and boots containers")
    missing += [
        f"the program {tool} is missing: apt-get install {package}" for tool, package in _TOOLS if not _has(tool)
    ]
    if not _KEYRING.exists():
        missing.append("the keys of the Debian archive are missing: apt-get install debian-archive-keyring")
    missing += [f"the kernel has no {name} file system" for name in _FILE_SYSTEMS if not _kernel_has(name)]
    if not Path("/sys/fs/cgroup").is_dir():
        missing.append("no control groups are mounted at /sys/fs/cgroup: systemd cannot boot in a container")
    return missing


def _has(tool: str) -> bool:
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def _kernel_has(file_system: str) -> bool:
    try:
        known = {line.split()[-1] for line in Path("/proc/filesystems").read_text("ascii").splitlines()}
    except OSError:
        return True
    if file_system in known:
        return True
    # not loaded yet: mount(8) loads the module on demand
    return any(Path("/lib/modules", os.uname().release).rglob(f"{file_system}.ko*"))
