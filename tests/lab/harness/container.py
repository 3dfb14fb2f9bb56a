"""Booting one node as a systemd-nspawn container on an overlay of its root image."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .image import ensure_image
from .netns import namespace_path
from .plan import NodePlan
from .processes import children, node_cgroups, status_field
from .shell import LabError, until

# Everything mounted here lives in a mount namespace of its own and is gone with the container: the machine's mount
# table never shows it. Arguments: image, writable folder, files to lay over the root, init's output, number of
# cgroups, the cgroups, then the command to become.
_LAUNCH = r"""
set -eu
image=$1 rw=$2 stage=$3 groups=$4; shift 4
while [ "$groups" -gt 0 ]; do mkdir -p "$1"; echo $$ > "$1/cgroup.procs"; shift; groups=$((groups - 1)); done
mount -t tmpfs -o mode=755,size=1g haconsole-lab "$rw"
mkdir "$rw/upper" "$rw/work" "$rw/root"
mount -t overlay -o "lowerdir=$image,upperdir=$rw/upper,workdir=$rw/work" haconsole-lab "$rw/root"
cp -a "$stage/." "$rw/root/"
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 haconsole-lab /run/systemd/nspawn
exec "$@"
"""

_CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE,CAP_IPC_LOCK"


class Container:
    """One booted node, as seen from the machine."""

    def __init__(self, run_id: str, plan: NodePlan, directory: Path, namespace: str) -> None:
        self.run_id = run_id
        self.plan = plan
        self.directory = directory
        self.namespace = namespace
        self.log = directory / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    @property
    def stage(self) -> Path:
        """Files laid over the root image before boot, with owners and modes as they are there."""
        return self.directory / "stage"

    @property
    def init(self) -> int:
        """The process number, on this machine, of the container's first process."""
        if self._init and status_field(self._init, "NSpid").split()[-1:] == ["1"]:
            return self._init
        if self._process is None or self._process.poll() is not None:
            raise LabError(f"{self.plan.name} is not running:\n{self.console_tail()}")
        for child in children(self._process.pid):
            if status_field(child, "NSpid").split()[1:] == ["1"]:
                self._init = child
                return child
        raise LabError(f"{self.plan.name} has no first process yet")

    def start(self) -> None:
        """Start booting; returns at once."""
        writable = self.directory / "rw"
        writable.mkdir(exist_ok=True)
        groups = [str(path) for path in node_cgroups(self.run_id, self.plan.short)]
        launch = [str(ensure_image(self.plan.suite)), str(writable), str(self.stage), str(len(groups)), *groups]
        nspawn = [
            "systemd-nspawn",
            "--quiet",
            f"--directory={writable / 'root'}",
            f"--machine=hac{self.run_id}-{self.plan.short}",
            f"--hostname={self.plan.name}",
            f"--network-namespace-path={namespace_path(self.namespace)}",
            "--register=no",
            "--keep-unit",
            f"--capability={_CAPABILITIES}",
            "--resolv-conf=off",
            "--timezone=off",
            "--setenv=SYSTEMD_COLORS=0",
            "--boot",
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c", _LAUNCH, "sh", *launch, *nspawn],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # the node may set the kernel's network parameters of its own namespace, as on a real machine
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )

    def wait_started(self, deadline_s: float = 20.0) -> None:
        """Wait until the first process exists."""

        def has_init() -> bool:
            try:
                return self.init > 0
            except LabError:
                if self._process is None or self._process.poll() is not None:
                    raise
                return False

        until(has_init, deadline_s, f"{self.plan.name} has a first process", every_s=0.02)

    def boot_again(self, timeout: float = 60.0) -> None:
        """Wait for the end of a shutdown that was asked for, then boot from the image and what is staged now."""
        if self._process is None:
            raise LabError(f"{self.plan.name} was never started")
        self._process.wait(timeout)
        self._init = 0
        self.start()
        self.wait_started()

    def reap(self, timeout: float = 10.0) -> None:
        """Collect the exit status of the ended container."""
        if self._process is not None:
            self._process.wait(timeout)

    def disown(self) -> None:
        """Let the container outlive this process without a complaint."""
        if self._process is not None:
            self._process.returncode = 0

    def console_tail(self) -> str:
        """The end of what the container printed."""
        try:
            return self.log.read_text("utf-8", errors="replace")[-3000:]
        except OSError:
            return ""
