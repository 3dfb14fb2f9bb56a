"""Why an output of a catalogue command is not to be believed, and what would mend it. Pure.

Whose output it is, and with which rights it was had, is the `Context`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue import read
from haconsole.catalogue.command import CommandSpec, Root
from haconsole.catalogue.script import Output
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass
from haconsole.parse.text import clean

_SUDO_REFUSED: Final = ("password is required", "not allowed to execute", "may not run sudo", "not in the sudoers")
_NO_RIGHTS: Final = ("permission denied", "operation not permitted", "access denied", "must be root", "authentication")
Outputs = Mapping[str, Output]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Whose output it is, and with which rights it was had."""

    node: str
    user: str = "?"
    rights: Rights = Rights.PLAIN
    squid_port: int = 3128
    keepalived_unit: str = "keepalived"
    squid_unit: str = "squid"
    config_file: str = "/etc/keepalived/keepalived.conf"
    hostname: str | None = None
    """The node's own name: decides `@host` lines of keepalived.conf."""


def sudo_refused(output: Output) -> bool:
    """True: sudo itself said no; the command did not run."""
    text = output.stderr.lower()
    return output.status == 1 and "sudo" in text and any(word in text for word in _SUDO_REFUSED)


def problem_of(context: Context, spec: CommandSpec, output: Output | None) -> Problem | None:
    """Why an output is not to be believed; None: it ran to its end (its status may be any)."""
    name, node = program(spec), context.node
    if output is None:
        return Problem(
            kind=ProblemKind.COMMAND_TIMED_OUT,
            summary=f"{node}: no answer from {name} in time",
            remedy=f"look at the load of {node}: ssh to it and run {name} by hand",
        )
    if sudo_refused(output):
        return not_permitted(context, spec, clean(output.stderr.splitlines()[-1]))
    if output.status == 127 and not output.stdout:
        return Problem(
            kind=ProblemKind.TOOL_MISSING,
            summary=f"{node}: {name} is not installed",
            remedy=f"install the package that has {name} on {node}",
            detail=clean(_first(output.stderr)),
        )
    if output.status in {124, 137}:
        return Problem(
            kind=ProblemKind.COMMAND_TIMED_OUT,
            summary=f"{node}: {name} did not end within {spec.timeout_s} s",
            remedy=f"run it by hand on {node}: {' '.join(spec.argv[:3])}",
        )
    if output.truncated:
        return Problem(
            kind=ProblemKind.OUTPUT_TOO_LARGE,
            summary=f"{node}: {name} printed more than {spec.limit // 1024} KiB; not read",
        )
    return None


def not_permitted(context: Context, spec: CommandSpec, detail: str = "") -> Problem:
    """`spec` needs rights that the login does not have; says the line that would give them."""
    return Problem(
        kind=ProblemKind.NOT_PERMITTED,
        summary=f"{context.node}: {context.user} may not {_deed(spec)}",
        remedy=sudoers_line(context, spec),
        detail=detail,
    )


def sudoers_line(context: Context, spec: CommandSpec) -> str:
    """What to permit, in words that can be run: as root on the node."""
    if context.rights is Rights.PLAIN:
        return f"log in as root, or set `sudo = true` for this node and allow {context.user} in sudoers (NOPASSWD)"
    return (
        f"on {context.node}, with visudo -f /etc/sudoers.d/haconsole: what `haconsole sudoers` prints for `{spec.id}`"
    )


def _deed(spec: CommandSpec) -> str:
    return {
        read.KEEPALIVED_DUMP.id: "ask keepalived for its state",
        read.KEEPALIVED_TEST.id: "test keepalived's configuration",
        read.CONFIG_FILE.id: "read keepalived.conf",
        read.SQUID_CHECK.id: "run squid -k check",
        read.LOG_TAIL.id: "read the journal",
    }.get(spec.id, f"run {program(spec)}")


def program(spec: CommandSpec) -> str:
    """What is run, in words."""
    return {"dump": "keepalived's dump", "files": "the configuration"}.get(spec.verb.value, spec.argv[0])


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def first_problem(context: Context, outputs: Outputs, *specs: CommandSpec) -> tuple[CommandSpec, Problem] | None:
    """The first of `specs` that did not run to its end or failed, and why; None: all are well."""
    for spec in specs:
        problem = problem_of(context, spec, outputs.get(spec.id))
        if problem is not None:
            return spec, problem
        if outputs[spec.id].status != 0:
            text = clean(_first(outputs[spec.id].stderr)) or f"exit status {outputs[spec.id].status}"
            return spec, failed_with(context, spec, text)
    return None


def failed_with(context: Context, spec: CommandSpec, text: str) -> Problem:
    """The command ran and said no."""
    if any(word in text.lower() for word in _NO_RIGHTS):
        return not_permitted(context, spec, text)
    return Problem(
        kind=ProblemKind.COMMAND_FAILED,
        summary=f"{context.node}: {program(spec)} failed: {text}",
        remedy=f"run it by hand on {context.node}",
        detail=text,
    )


def without_rights(context: Context, spec: CommandSpec) -> bool:
    """True: there is no point in running it."""
    return spec.root is Root.NEEDED and context.rights is Rights.PLAIN
