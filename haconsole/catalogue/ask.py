"""Entries that guards ask just before an action: what the picture does not hold. They only look.

None needs root, so none stands in the printed sudoers file: the journal is read by members of
`adm` or `systemd-journal`, and anybody may ask sudo what it would permit.
Sources: sudo(8) `-l` and sudoers(5), journalctl(1), systemctl(1) `list-timers`, ss(8), ip-sysctl.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue import script
from haconsole.catalogue.command import CommandSpec, Root
from haconsole.catalogue.operation import OperationNames
from haconsole.model.events import Subject

LOG_LINES: Final = 2000
"""Lines of the journal that are asked for; fewer came: that is all there is."""
AGENTS: Final = (
    "monit.service", "puppet.service", "puppet-agent.service", "chef-client.service", "salt-minion.service",
    "cfengine3.service", "cf-execd.service", "pacemaker.service", "watchdog.service",
)  # fmt: skip
"""Units that may start again what was stopped."""

NONLOCAL_BIND: Final[Mapping[int, CommandSpec]] = {
    4: CommandSpec(
        id="ask.nonlocal-bind",
        argv=("cat", "/proc/sys/net/ipv4/ip_nonlocal_bind"),
        subject=Subject.SQUID_SOCKETS,
        timeout_s=2,
        limit=4096,
        doc="May squid bind a VIP that the node does not have yet.",
    ),
    6: CommandSpec(
        id="ask.nonlocal-bind6",
        argv=("cat", "/proc/sys/net/ipv6/ip_nonlocal_bind"),
        subject=Subject.SQUID_SOCKETS,
        timeout_s=2,
        limit=4096,
        doc="The same for IPv6.",
    ),
}
"""By IP version."""
TIMERS: Final = CommandSpec(
    id="ask.timers",
    argv=("systemctl", "list-timers", "--all", "--no-pager", "--no-legend"),
    subject=Subject.UNITS,
    timeout_s=3,
    doc="Timers that may start again what was stopped.",
)
AGENTS_ACTIVE: Final = CommandSpec(
    id="ask.agents",
    argv=("systemctl", "show", "--no-pager", "-p", "Id,LoadState,ActiveState", "--", *AGENTS),
    subject=Subject.UNITS,
    timeout_s=3,
    doc="Do programs run that may start again what was stopped.",
)
SUDO_LIST: Final = CommandSpec(
    id="ask.sudo-list",
    argv=("sudo", "-n", "-l"),
    subject=Subject.IDENTITY,
    timeout_s=4,
    limit=1 << 20,
    doc="Every sudo rule of the login: which of them want a password (sudo before 1.9.14 tells that nowhere else).",
)

COMMANDS: Final[Mapping[str, CommandSpec]] = {
    c.id: c for c in (*NONLOCAL_BIND.values(), TIMERS, AGENTS_ACTIVE, SUDO_LIST)
}
"""By id. `log`, `connections` and `may` make further ones."""


_FIELDS: Final = "MESSAGE,_COMM,_UID,_PID,SYSLOG_IDENTIFIER,SYSLOG_PID,_SYSTEMD_UNIT,UNIT,_SOURCE_REALTIME_TIMESTAMP"


def log(uid: int) -> CommandSpec:
    """The journal's end. uid: of the login, whose haconsole lines count as root's do. Raises: ValueError."""
    if uid < 0:
        raise ValueError(f"{uid} is nobody's number")
    return CommandSpec(
        id="ask.log",
        argv=(
            "journalctl", "--no-pager", "-o", "json", f"--output-fields={_FIELDS}", "-n", str(LOG_LINES),
            "_COMM=keepalived", "_UID=0",
            "+", "SYSLOG_IDENTIFIER=haconsole", "_UID=0",
            "+", "SYSLOG_IDENTIFIER=haconsole", f"_UID={uid}",
            "+", "_PID=1", "UNIT={keepalived_unit}.service", "+", "_PID=1", "UNIT={squid_unit}.service",
        ),
        subject=Subject.LOG,
        timeout_s=4,
        limit=2 << 20,
        doc="What keepalived, systemd and haconsole wrote last: changes of master, and what explains them.",
    )  # fmt: skip


def connections(port: int) -> CommandSpec:
    """Who is connected to squid now. Raises: ValueError: no port."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return CommandSpec(
        id="ask.connections",
        argv=("ss", "-tn", "state", "established", "sport", "=", f":{port}"),
        subject=Subject.SQUID_SOCKETS,
        timeout_s=3,
        limit=8 << 20,
        doc="TCP connections open to squid's port.",
    )


def may(spec: CommandSpec, names: OperationNames) -> CommandSpec | None:
    """Would sudo run the entry for this login; nothing is run. None: sudo is not needed for it."""
    argv = script.under_sudo(spec, names) if spec.root is not Root.NO else None
    if argv is None:
        return None
    return CommandSpec(
        id=f"ask.may-{spec.id}",
        argv=("sudo", "-n", "-l", "-l", "--", *argv),
        subject=Subject.IDENTITY,
        timeout_s=4,
        limit=64 * 1024,
        doc=f"Would sudo run {spec.id}.",
    )
