"""Entries that keep an operation safe on its node: lock, save, arm, see armed, disarm, clear.

In this order around a change: LOCK, SAVE, ARM_*, STATE + TIMERS (see it armed), a change out of
`catalogue.change`, DISARM, CLEAR, LOCK (release). Each may be repeated when its answer was lost.
Requests are data on standard input (`locking`, `saving`, ...); answers are for `parse.operation`.
Sources: systemd-run(1) and systemctl(1) 219 to 257, flock(1), ip-route(8), ip-address(8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from haconsole.catalogue import operation_text as text
from haconsole.catalogue.capture import interface_name
from haconsole.catalogue.command import CommandSpec, Danger, Names, Root, Verb
from haconsole.model.events import Subject
from haconsole.model.operation import REVERT_UNITS, DrainNote, LockRequest, Slot
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress

_ID: Final = re.compile(r"[0-9a-z][0-9a-z-]{3,63}")
_UNIT: Final = re.compile(r"[A-Za-z0-9:_.@][A-Za-z0-9:_.@-]{0,254}")
_PATH: Final = re.compile(r"/[A-Za-z0-9_./+@-]{1,254}")
_NOTE_LIMIT: Final = 3900


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationNames(Names):
    """What the placeholders of changes stand for; they are parts of shell text that runs as root.

    Raises: ValueError: a name that has no business there.
    """

    data: str = ""
    """What the entry gets on its standard input."""
    interface: str = "lo"

    def __post_init__(self) -> None:
        interface_name(self.interface)
        for unit in (self.keepalived_unit, self.squid_unit):
            if not _UNIT.fullmatch(unit):
                raise ValueError(f"{unit!r}: haconsole changes no unit with such a name")
        if not _PATH.fullmatch(self.drain_file) or "//" in self.drain_file or "/../" in f"{self.drain_file}/":
            raise ValueError(f"{self.drain_file!r}: haconsole writes no file with such a name")
        if "\0" in self.data:
            raise ValueError("a request is text")


def operation_id(word: str) -> str:
    """Return `word`, the name of an operation. Raises: ValueError: small letters, digits and `-`, 4 to 64."""
    if not _ID.fullmatch(word):
        raise ValueError(f"{word!r} is no name of an operation")
    return word


# --- requests: what goes to standard input ------------------------------------------------------------


def taking(request: LockRequest, instead_of: str = "") -> str:
    """Take the lock. `instead_of`: the operation whose lock is broken, by name."""
    owner = {
        "operation": operation_id(request.operation), "owner": request.owner, "host": request.host,
        "name": request.name, "node": request.node, "started": request.started,
    }  # fmt: skip
    more = {"aborts": True} if request.aborts else {}
    return "\n".join(("take", request.operation, operation_id(instead_of) if instead_of else "", _line(owner, more)))


def renewing(operation: str) -> str:
    """The heartbeat; within 15 s of the last one."""
    return f"renew\n{operation_id(operation)}"


def releasing(operation: str) -> str:
    """Give the lock back."""
    return f"release\n{operation_id(operation)}"


def saving(operation: str, keepalived_addresses: Iterable[IpAddress]) -> str:
    """Save, but no address that keepalived manages: every VIP of every instance, of both families."""
    return f"{operation_id(operation)}\n{' '.join(sorted({str(a) for a in keepalived_addresses}))}"


def deadline(wanted_s: float) -> int:
    """The shortest deadline of the closed list that is not shorter. Raises: ValueError: longer than all."""
    for each in text.DEADLINES_S:
        if each >= wanted_s:
            return each
    raise ValueError(f"no revert can wait longer than {text.DEADLINES_S[-1] // 3600} h")


def arming(operation: str, slot: Slot, deadline_s: int) -> str:
    """Arm. Raises: ValueError: a deadline that is not of the closed list."""
    if deadline_s not in text.DEADLINES_S:
        raise ValueError(f"{deadline_s} s is none of the deadlines {text.DEADLINES_S}")
    return f"{operation_id(operation)}\n{slot.value}\n{deadline_s}"


def disarming(operation: str, slot: Slot) -> str:
    """Disarm."""
    return f"{operation_id(operation)}\n{slot.value}"


def clearing(operation: str) -> str:
    """Remove what was saved."""
    return operation_id(operation)


def reverting(operation: str) -> str:
    """Run what is armed at once, if it is of this operation."""
    return operation_id(operation)


def noting(operation: str, note: DrainNote | None) -> str:
    """Write the drain note; None: remove it."""
    if note is None:
        return f"{operation_id(operation)}\nremove"
    line = {"by": note.by, "reason": note.reason, "method": note.method, "since": note.since, "until": note.until}
    return f"{operation_id(operation)}\nwrite\n{_line(line)}"


def _line(values: Mapping[str, str | None], more: Mapping[str, bool] = MappingProxyType({})) -> str:
    """One line of ASCII that the node keeps whole; words that are too long are cut."""
    line = ""
    for longest in (2000, 400, 150, 50):
        cut = {key: None if value is None else value[:longest] for key, value in values.items()}
        line = json.dumps({**cut, **more}, ensure_ascii=True)
        if len(line) <= _NOTE_LIMIT:
            break
    return line


# --- entries --------------------------------------------------------------------------------------------


def _entry(name: str, script: str, doc: str, *, timeout_s: int = 8, danger: Danger = Danger.KEEPS) -> CommandSpec:
    return CommandSpec(
        id=name,
        verb=Verb.FEED,
        argv=("{data}", "/bin/sh", "-c", script),
        subject=Subject.UNITS,
        root=Root.NEEDED,
        timeout_s=timeout_s,
        danger=danger,
        doc=doc,
    )


STATE = CommandSpec(
    id="operation.state",
    argv=("/bin/sh", "-c", text.STATE),
    subject=Subject.OPERATION,
    doc="Lock, drain note and operation in /run/haconsole, the node's uptime and boot id.",
)
TIMER_PROPERTIES: Final = (
    "Id,LoadState,ActiveState,SubState,NextElapseUSecMonotonic,Result,ExecMainStartTimestampMonotonic,ExecMainStatus"
)
TIMERS = CommandSpec(
    id="operation.timers",
    argv=("systemctl", "show", "--no-pager", "-p", TIMER_PROPERTIES, "--", *REVERT_UNITS),
    subject=Subject.UNITS,
    doc="Is a revert armed, and when does it run; did it run.",
)
READ_BACK = CommandSpec(
    id="operation.read-back",
    argv=("/bin/sh", "-c", text.read_back("{interface}")),
    subject=Subject.KERNEL,
    timeout_s=5,
    doc="The interface's routes and global IPv6 addresses, to be compared with what was saved.",
)
LOCK = _entry("operation.lock", text.LOCK, "Take, renew or release the node's lock.")
SAVE = _entry(
    "operation.save",
    text.save("{keepalived_unit}", "{squid_unit}", "{drain_file}", None),
    "Save unit states and the drain file's value.",
)
SAVE_LINK = _entry(
    "operation.save-link",
    text.save("{keepalived_unit}", "{squid_unit}", "{drain_file}", "{interface}"),
    "Save these, and the interface's routes and global IPv6 addresses.",
)
ARM_LINK = _entry(
    "operation.arm-link",
    text.arm(
        "link-{interface}",
        text.revert(text.heal_link("{interface}"), "{interface} up, routes and addresses"),
        "{interface}",
    ),
    "Arm: interface up, wait for its carrier, routes and IPv6 addresses as saved.",
)
ARM_SQUID = _entry(
    "operation.arm-squid",
    text.arm("squid", text.revert(text.heal_unit("{squid_unit}"), "{squid_unit} started")),
    "Arm: squid started.",
)
ARM_KEEPALIVED = _entry(
    "operation.arm-keepalived",
    text.arm("keepalived", text.revert(text.heal_unit("{keepalived_unit}"), "{keepalived_unit} started")),
    "Arm: keepalived started.",
)
ARM_DRAIN = _entry(
    "operation.arm-drain",
    text.arm("drain", text.revert(text.heal_drain("{drain_file}"), "drain ended, 0 in {drain_file}")),
    "Arm: 0 in the drain file, drain note removed.",
)
ARM_DRAIN_STOP = _entry(
    "operation.arm-drain-stop",
    text.arm(
        "drain-stop",
        text.revert(text.heal_unit("{keepalived_unit}") + text.FORGET_NOTE, "drain ended, {keepalived_unit} started"),
    ),
    "Arm: keepalived started, drain note removed.",
)
DISARM = _entry(
    "operation.disarm", text.DISARM, "Stop a timer; tell whether its revert ran or never will.", timeout_s=15
)
CLEAR = _entry("operation.clear", text.CLEAR, "Remove what was saved, once nothing is armed.")
NOTE = _entry("operation.note", text.NOTE, "Write or remove the drain note: who, why, until when.")

SAY = CommandSpec(
    id="operation.say",
    verb=Verb.FEED,
    argv=("{data}", "logger", "-t", "haconsole"),
    subject=Subject.OPERATION,
    danger=Danger.KEEPS,
    timeout_s=3,
    doc="A line in the node's journal: who does what here, and the hash of the audit log's entry.",
)


def _now(slot: Slot) -> CommandSpec:
    return _entry(
        f"operation.revert-now-{slot.value}",
        text.revert_now(slot.value),
        "Run the armed revert at once, if it is of the operation that is named: by the node, which needs nobody then.",
        danger=Danger.RESTORES,
    )


REVERT_NOW: Final[Mapping[Slot, CommandSpec]] = {slot: _now(slot) for slot in Slot}

COMMANDS: Final[Mapping[str, CommandSpec]] = {
    c.id: c
    for c in (
        STATE, TIMERS, READ_BACK, LOCK, SAVE, SAVE_LINK, ARM_LINK, ARM_SQUID, ARM_KEEPALIVED, ARM_DRAIN, ARM_DRAIN_STOP,
        DISARM, CLEAR, NOTE, SAY, *REVERT_NOW.values(),
    )
}  # fmt: skip
"""By id."""
