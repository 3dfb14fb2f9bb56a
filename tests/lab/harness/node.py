"""A node as tests see it: run a program in it, read and write files, replace a tool, start and stop units."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .container import Container
from .processes import pids_of_container, status_field
from .shell import PLAIN_PATH, command

_ENVIRONMENT = ("env", "-i", f"PATH={PLAIN_PATH}", "HOME=/root", "USER=root", "LANG=C.UTF-8", "TERM=dumb")
SHADOWS = "/run/lab-shadow"
"""Where, in the node, the scripts lie that stand in for tools."""
REAL = "/run/lab-real"
"""Below it, in the node, the real tools under their own paths while scripts stand in front of them."""


class Node:
    """One node of the running lab."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.plan = container.plan
        self.name = container.plan.name
        self.address = container.plan.lan
        self.address6 = container.plan.lan6
        self.public_address = container.plan.public
        self.suite = container.plan.suite

    def __repr__(self) -> str:
        return f"<Node {self.name} {self.address} {self.suite}>"

    @property
    def pid(self) -> int:
        """The process number, on this machine, of the node's first process."""
        return self.container.init

    @property
    def pids(self) -> list[int]:
        """The process numbers, on this machine, of everything that runs in the node."""
        return pids_of_container(self.pid)

    def pids_named(self, *names: str) -> list[int]:
        """Processes of the node with one of these names, numbered as on this machine."""
        return [pid for pid in self.pids if status_field(pid, "Name") in names]

    def argv(self, *argv: str) -> list[str]:
        """The command line that runs a program inside the node, as root."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
        return [*enter, *_ENVIRONMENT, *argv]

    def exec(
        self, *argv: str, check: bool = True, timeout: float = 30.0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside the node as root, not over the network: it works whatever is cut."""
        return command(self.argv(*argv), check=check, timeout=timeout, stdin=stdin)

    def sh(self, script: str, *, check: bool = True, timeout: float = 30.0) -> str:
        """Run a shell script inside the node; returns what it printed."""
        return self.exec("/bin/sh", "-c", script, check=check, timeout=timeout).stdout

    def read(self, path: str) -> str:
        """The text of a file in the node."""
        return self.exec("cat", "--", path).stdout

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root:root") -> None:
        """Write a file in the node, by rename: no reader sees half of it."""
        temporary = shlex.quote(f"{path}.lab-new")
        script = (
            f"umask 077 && cat > {temporary} && chown {owner} {temporary} && chmod {mode:o} {temporary}"
            f" && mv -f {temporary} {shlex.quote(path)}"
        )
        self.exec("/bin/sh", "-c", script, stdin=text)

    def exists(self, path: str) -> bool:
        """Whether there is such a file in the node."""
        return self.exec("test", "-e", path, check=False).returncode == 0

    def systemctl(self, *argv: str, check: bool = True, timeout: float = 60.0) -> str:
        """Run systemctl in the node; returns what it printed."""
        return self.exec("systemctl", *argv, check=check, timeout=timeout).stdout.strip()

    def start(self, unit: str) -> None:
        """Start a unit, whatever state it was left in and however often it was started lately."""
        self.systemctl("reset-failed", unit, check=False)
        self.systemctl("start", unit)

    def restart(self, unit: str) -> None:
        """Restart a unit, however often that was done lately."""
        self.systemctl("reset-failed", unit, check=False)
        self.systemctl("restart", unit)

    def is_active(self, unit: str) -> bool:
        """Whether a unit runs."""
        return self.systemctl("is-active", unit, check=False) == "active"

    def addresses(self, interface: str | None = None) -> dict[str, str]:
        """Addresses as `ip -o addr` tells them: `192.168.2.101/24` → interface."""
        where = ["dev", interface] if interface else []
        found: dict[str, str] = {}
        for line in self.exec("ip", "-o", "addr", "show", *where).stdout.splitlines():
            match = re.match(r"^\d+:\s+(\S+)\s+inet6?\s+(\S+)", line)
            if match:
                found[match[2]] = match[1]
        return found

    def holds(self, address: str) -> bool:
        """Whether the node's kernel has this address (given without a prefix)."""
        return any(known.partition("/")[0] == address for known in self.addresses())

    def journal(self, *argv: str) -> str:
        """The node's journal as short-iso-precise lines; arguments go to journalctl."""
        return self.exec("journalctl", "--no-pager", "-o", "short-iso-precise", *argv).stdout

    def reboot(self) -> None:
        """`systemctl reboot`; returns when it boots again. Of its files those that `container.stage` has are kept."""
        self.systemctl("reboot", "--no-block")
        self.container.boot_again()

    @contextlib.contextmanager
    def shadow(self, path: str, script: str) -> Iterator[None]:
        """Put a shell script in front of a tool, for every caller in the node; `@REAL@` in it names the real tool."""
        self.cover(path, script)
        try:
            yield
        finally:
            self.uncover(path)

    def cover(self, path: str, script: str) -> None:
        """Mount a script over a tool. Processes that run already keep the real one."""
        real = self._real(path)
        folder = str(Path(real).parent)
        name = f"{SHADOWS}/{real.strip('/').replace('/', '-')}"
        body = (script if script.startswith("#!") else "#!/bin/sh\n" + script).replace("@REAL@", REAL + real)
        self.exec("mkdir", "-p", SHADOWS, REAL + folder)
        self.write(name, body, 0o755)
        # the folder is bound first, alone and private: what is mounted over the tool does not show below REAL
        bind = 'mountpoint -q "$2" || { mount --bind "$1" "$2" && mount --make-private "$2"; }; mount --bind "$3" "$4"'
        self.exec("/bin/sh", "-c", bind, "sh", folder, REAL + folder, name, real)

    def uncover(self, path: str) -> None:
        """Take the script away again."""
        self.exec("umount", "--lazy", self._real(path))

    def _real(self, path: str) -> str:
        # where /bin and /usr/bin are not one, a tool may lie in the other
        script = 'p=$1; [ -e "$p" ] || p=$(command -v "${1##*/}"); readlink -e "$p"'
        return self.exec("/bin/sh", "-c", script, "sh", path).stdout.strip()

    def covers(self) -> list[str]:
        """Mount points of scripts and real tools, the last mounted first."""
        lines = Path(f"/proc/{self.pid}/mountinfo").read_text("utf-8").splitlines()
        points = [(line.split()[3], line.split()[4]) for line in lines]
        return [point for root, point in reversed(points) if "/lab-shadow/" in root or point.startswith(REAL)]

    def run_as(self, user: str, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program inside the node as another user, with that user's groups."""
        return self.exec("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *argv, check=check)

    def logged(self, words: Sequence[str], since: str = "-2min") -> bool:
        """Whether one line of the journal has all these words."""
        lines = self.journal("--since", since).splitlines()
        return any(all(word in line for word in words) for line in lines)
