"""systemd's view of the two services, and its words in the journal (systemd 252)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_DESCRIPTIONS: Final = {
    "keepalived": "Keepalive Daemon (LVS and VRRP)",
    "squid": "Squid Web Proxy Server",
}


@dataclass(slots=True)
class Unit:
    """One service. Times: seconds since the node's boot; 0: never."""

    name: str
    log: Callable[[str, str], None]
    """(unit, text): writes as systemd."""
    uptime: Callable[[], float]
    active_state: str = "inactive"
    sub_state: str = "dead"
    active_s: float = 0.0
    inactive_s: float = 0.0
    started_s: float = 0.0
    main_pid: int = 0

    @property
    def title(self) -> str:
        return f"{self.name}.service - {_DESCRIPTIONS[self.name]}"

    def started(self, pid: int) -> None:
        """It runs."""
        self.active_state, self.sub_state, self.main_pid = "active", "running", pid
        self.active_s = self.started_s = self.uptime()
        self.log(self.name, f"Started {self.title}.")

    def stopping(self) -> None:
        """It was told to end."""
        self.active_state, self.sub_state = "deactivating", "stop-sigterm"
        self.log(self.name, f"Stopping {self.title}...")

    def stopped(self) -> None:
        """It ended in good order."""
        self._over("inactive", "dead")
        self.log(self.name, f"{self.name}.service: Deactivated successfully.")
        self.log(self.name, f"Stopped {self.title}.")

    def killed(self) -> None:
        """Its main process was killed."""
        self._over("failed", "failed")
        self.log(self.name, f"{self.name}.service: Main process exited, code=killed, status=9/KILL")
        self.log(self.name, f"{self.name}.service: Failed with result 'signal'.")

    def _over(self, active_state: str, sub_state: str) -> None:
        self.active_state, self.sub_state, self.main_pid = active_state, sub_state, 0
        self.inactive_s = self.uptime()

    def show(self, wanted: set[str]) -> str:
        """`systemctl show -p ...`, in systemd's own order."""
        values = {
            "Restart": "no",
            "MainPID": str(self.main_pid),
            "NRestarts": "0",
            "ExecMainStartTimestampMonotonic": _micros(self.started_s),
            "PrivateTmp": "no",
            "Id": f"{self.name}.service",
            "LoadState": "loaded",
            "ActiveState": self.active_state,
            "SubState": self.sub_state,
            "UnitFileState": "enabled",
            "ActiveEnterTimestampMonotonic": _micros(self.active_s),
            "InactiveEnterTimestampMonotonic": _micros(self.inactive_s),
        }
        return "".join(f"{k}={v}\n" for k, v in values.items() if k in wanted)


def show_unknown(name: str, wanted: set[str]) -> str:
    """`systemctl show` of a unit that does not exist."""
    values = {
        "MainPID": "0",
        "NRestarts": "0",
        "ExecMainStartTimestampMonotonic": "0",
        "Id": f"{name}.service",
        "LoadState": "not-found",
        "ActiveState": "inactive",
        "SubState": "dead",
        "UnitFileState": "",
        "ActiveEnterTimestampMonotonic": "0",
        "InactiveEnterTimestampMonotonic": "0",
    }
    return "".join(f"{k}={v}\n" for k, v in values.items() if k in wanted)


def _micros(seconds: float) -> str:
    return str(round(seconds * 1e6))
