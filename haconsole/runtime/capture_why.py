"""Why a node's tcpdump cannot be had, in the operator's words, with the line that mends it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from haconsole.catalogue.capture import CaptureNames, sudoers_line
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass
from haconsole.parse.tcpdump import Readiness, Refusal, why_ended

SUDOERS_FILE = "/etc/sudoers.d/haconsole-capture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to capture. `readiness` None: the node did not tell."""

    node: str
    names: CaptureNames
    rights: Rights
    readiness: Readiness | None = None
    sudo: bool = False
    """The configuration wants sudo for this node."""


def cannot_start(attempt: Attempt) -> Problem | None:
    """What is known to be missing before anything is tried."""
    found = attempt.readiness
    if found is None:
        return None
    if found.tcpdump is None:
        return _missing(attempt, "")
    return _no_interface(attempt, "") if found.up is None else None


def ended(attempt: Attempt, status: int | None, words: Iterable[str], *, listened: bool) -> tuple[Refusal, Problem]:
    """Why tcpdump ended. `status`, `words`: as `parse.tcpdump.why_ended`; `listened`: it had begun."""
    refusal, line = why_ended(status, words)
    make = {
        Refusal.MISSING: _missing,
        Refusal.SUDO: _not_permitted,
        Refusal.RIGHTS: _not_permitted,
        Refusal.NO_INTERFACE: _no_interface,
        Refusal.INTERFACE_DOWN: _down,
    }.get(refusal)
    return refusal, make(attempt, line) if make else _other(attempt, status, line, listened=listened)


def _missing(attempt: Attempt, line: str) -> Problem:
    node = attempt.node
    return Problem(
        kind=ProblemKind.TOOL_MISSING,
        summary=f"{node}: adverts cannot be captured: tcpdump is not installed",
        remedy=f"on {node}: apt install tcpdump (Debian, Ubuntu), dnf install tcpdump (RHEL and its kin)",
        detail=line,
    )


def _not_permitted(attempt: Attempt, line: str) -> Problem:
    node, user = attempt.node, attempt.names.user
    summary = f"{node}: {user} may not capture on {attempt.names.interface}"
    if attempt.rights is Rights.ROOT:
        remedy = (
            f"root of {node} has no right to raw sockets (CAP_NET_RAW): give it to the container, or capture outside"
        )
    elif "tty" in line:
        remedy = f"as root on {node}: visudo -f {SUDOERS_FILE}, and put in\nDefaults:{user} !requiretty"
    else:
        allowed = sudoers_line(attempt.names)
        remedy = f"as root on {node}: visudo -f {SUDOERS_FILE}, and put in\n{allowed}"
        if not attempt.sudo:
            remedy += f"\nthen set `sudo = true` in the ssh table of {node}"
    return Problem(kind=ProblemKind.NOT_PERMITTED, summary=summary, remedy=remedy, detail=line)


def _no_interface(attempt: Attempt, line: str) -> Problem:
    node, interface = attempt.node, attempt.names.interface
    known = attempt.readiness.interfaces if attempt.readiness is not None else ()
    there = f"; it has {', '.join(known[:20])}" if known else ""
    return Problem(
        kind=ProblemKind.COMMAND_FAILED,
        summary=f"{node} has no interface {interface}{there}",
        remedy=f"`lan_interface` of {node} in the configuration, or --node {node}:INTERFACE",
        detail=line,
    )


def _down(attempt: Attempt, line: str) -> Problem:
    node, interface = attempt.node, attempt.names.interface
    return Problem(
        kind=ProblemKind.COMMAND_FAILED,
        summary=f"{node}: nothing can be captured while {interface} is down",
        remedy=f"on {node}: ip link set {interface} up",
        detail=line,
    )


def _other(attempt: Attempt, status: int | None, line: str, *, listened: bool) -> Problem:
    what = "ended" if listened else "could not be started"
    said = line or ("" if status is None else f"exit status {status}")
    return Problem(
        kind=ProblemKind.COMMAND_FAILED,
        summary=f"{attempt.node}: tcpdump {what}" + (f": {said}" if said else ""),
        remedy=f"run it by hand on {attempt.node}: tcpdump -i {attempt.names.interface} -p -n vrrp",
        detail=line,
    )
