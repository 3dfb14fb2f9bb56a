"""What haconsole keeps on a simulated node below /run/haconsole, and what it tells of it. Gone at reboot.

Time is the node's uptime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from haconsole.catalogue.operation_text import CHANGE_UNIT, LEASE_S, LOCK_MARGIN_S, REVERT_UNIT, SLOTS
from haconsole.demo.kernel import Kernel, SimAddress
from haconsole.demo.plan import DRAIN_FILE
from haconsole.model.spec import IpAddress


class Host(Protocol):
    """The node, as far as operations touch it."""

    kernel: Kernel
    boot_id: str

    def uptime(self) -> float:
        """Seconds since boot."""

    def after(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` when the node's clock shows so many seconds more; returns what cancels it."""

    def active(self, unit: str) -> str:
        """ActiveState of keepalived or squid."""

    def control(self, verb: str, unit: str) -> None:
        """`systemctl VERB UNIT`."""

    def read_file(self, path: str) -> str | None:
        """A file's text."""

    def write_file(self, path: str, text: str) -> None:
        """Write a file."""

    def announce(self, vips: Sequence[IpAddress], times: int) -> None:
        """Gratuitous ARP."""

    def log(self, text: str) -> None:
        """`logger -t haconsole`."""


@dataclass(slots=True)
class Done:
    """What a line gave."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


@dataclass(slots=True)
class Lock:
    """`operation` is the one whose lock it is, `expires` in seconds of uptime."""

    operation: str
    boot: str
    expires: int
    owner: str


@dataclass(slots=True)
class Revert:
    """A timer and its service."""

    due_uptime: float | None = None
    cancel: Callable[[], None] = lambda: None
    started_uptime: float = 0.0
    running: bool = False
    heal: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Saved:
    """What an operation wrote down before it changed anything."""

    operation: str
    interface: str | None = None
    kind: str = ""
    deadlines: dict[str, int] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    addresses: list[SimAddress] = field(default_factory=list)
    incomplete: bool = False


class Kept:
    """Lock, drain note, what was saved, and the reverts with their units."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.lock: Lock | None = None
        self.note: str | None = None
        self.saved: Saved | None = None
        self.reverts = {slot: Revert() for slot in SLOTS}

    def reset(self) -> None:
        """As after a boot."""
        for revert in self.reverts.values():
            revert.cancel()
        self.lock = self.note = self.saved = None
        self.reverts = {slot: Revert() for slot in SLOTS}

    def keep(self, mine: str) -> None:
        """Renew the lock of the operation `mine`."""
        if self.lock is not None:
            deadlines = self.saved.deadlines.values() if self.saved else ()
            latest = max((d + LOCK_MARGIN_S for d in deadlines), default=0)
            self.lock.operation, self.lock.boot = mine, self.host.boot_id
            self.lock.expires = max(int(self.host.uptime()) + LEASE_S, latest)

    def ours(self, mine: str) -> bool:
        """The lock is of the operation `mine`."""
        return self.lock is not None and self.lock.operation == mine

    def tell(self, word: str, *more: str) -> Done:
        """Uptime, lock, note, what was saved and decided; `word` is the outcome."""
        lines = [word, f"uptime {self.host.uptime():.2f}", f"boot {self.host.boot_id}"]
        if self.lock is not None:
            lines.append(f"lock/expires {self.lock.operation} {self.lock.boot} {self.lock.expires}")
            lines.append(f"lock/owner {self.lock.owner}")
        if self.note is not None:
            lines.append(f"drain {self.note}")
        if self.saved is not None:
            lines.append(f"operation/id {self.saved.operation}")
            lines += [f"operation/revert {self.saved.kind}"] if self.saved.kind else []
            lines += [f"operation/deadline-{s} {d}" for s, d in sorted(self.saved.deadlines.items())]
            lines += ["operation/outcome incomplete"] if self.saved.incomplete else []
            lines += [f"decided-{s} {w}" for s, w in sorted(self.saved.decided.items())]
        return Done("\n".join((*lines, *more)) + "\n")

    def armed(self) -> bool:
        """A revert is due."""
        return any(r.due_uptime is not None for r in self.reverts.values())

    def running(self) -> bool:
        """A revert is under way."""
        return any(r.running for r in self.reverts.values())

    def global6(self, interface: str) -> list[SimAddress]:
        """Global IPv6 addresses of an interface."""
        return [
            a
            for a in self.host.kernel.addresses
            if a.interface == interface
            and a.address.version == 6
            and not a.address.ip.is_link_local
            and not a.address.ip.is_loopback
        ]

    def write_drain(self, value: str) -> Done:
        """What keepalived's track file says."""
        self.host.write_file(DRAIN_FILE, f"{value}\n")
        return Done()

    def show(self, names: Iterable[str], wanted: set[str]) -> list[str] | None:
        """Blocks of `systemctl show` for haconsole's units; None: there is another among them."""
        blocks = []
        for name in names:
            stem, _, kind = name.rpartition(".")
            if stem == CHANGE_UNIT:
                values = _service(name, None)
            elif stem.removeprefix(REVERT_UNIT) in SLOTS and stem.startswith(REVERT_UNIT):
                revert = self.reverts[stem.removeprefix(REVERT_UNIT)]
                values = _timer(name, revert) if kind == "timer" else _service(name, revert)
            else:
                return None
            blocks.append("".join(f"{k}={v}\n" for k, v in values.items() if k in wanted))
        return blocks


def _timer(name: str, revert: Revert) -> dict[str, str]:
    armed = revert.due_uptime is not None
    return {
        "NextElapseUSecMonotonic": f"{revert.due_uptime:.6f}s" if armed else "infinity",
        "Result": "success",
        "Id": name,
        "LoadState": "loaded" if armed else "not-found",
        "ActiveState": "active" if armed else "inactive",
        "SubState": "waiting" if armed else "dead",
    }


def _service(name: str, revert: Revert | None) -> dict[str, str]:
    running = revert is not None and revert.running
    known = revert is not None and (running or revert.due_uptime is not None)
    return {
        "Result": "success",
        "ExecMainStartTimestampMonotonic": str(round(revert.started_uptime * 1e6)) if revert and known else "0",
        "ExecMainStatus": "0",
        "Id": name,
        "LoadState": "loaded" if known else "not-found",
        "ActiveState": "active" if running else "inactive",
        "SubState": "running" if running else "dead",
    }
