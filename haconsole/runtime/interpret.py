"""Outputs of catalogue commands -> events. Pure: no I/O, no clock.

Each function takes what a batch gave and tells what was learned, or why nothing was: a reading
never fails silently, and a failure always names its subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from haconsole.catalogue import read
from haconsole.catalogue import squid_conf as squid_conf_entries
from haconsole.catalogue.command import CommandSpec, Root
from haconsole.catalogue.operation import STATE
from haconsole.catalogue.script import Output
from haconsole.catalogue.squid_conf import SQUID_CONF, SQUID_CONF_AS_ROOT
from haconsole.model.events import ConfigReading, NodeRead, ReadFailed, Reading
from haconsole.model.problems import Problem, ProblemKind
from haconsole.model.readings import (
    ConfigTest,
    IdentityReading,
    KeepalivedVersion,
    KernelReading,
    Rights,
    SquidReading,
    SquidShutdown,
    UnitsReading,
    VersionsReading,
)
from haconsole.parse import (
    host_state,
    iproute,
    keepalived_conf,
    keepalived_dump,
    keepalived_version,
    sockets,
    squid,
    squid_conf,
    systemd,
)
from haconsole.parse import identity as identity_parser
from haconsole.parse.errors import ParseError
from haconsole.parse.operation import parse_state
from haconsole.parse.text import clean, decode

_ZONE: Final = re.compile(r"([+-])([0-9]{2})([0-9]{2})")
T = TypeVar("T")
Outputs = Mapping[str, Output]
NewsOf = NodeRead | ReadFailed

_SUDO_REFUSED: Final = ("password is required", "not allowed to execute", "may not run sudo", "not in the sudoers")
_NO_RIGHTS: Final = ("permission denied", "operation not permitted", "access denied", "must be root", "authentication")


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
    name, node = _program(spec), context.node
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
    }.get(spec.id, f"run {_program(spec)}")


def _program(spec: CommandSpec) -> str:
    return {"dump": "keepalived's dump", "files": "the configuration"}.get(spec.verb.value, spec.argv[0])


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _text(outputs: Outputs, spec: CommandSpec) -> str:
    found = outputs.get(spec.id)
    return decode(found.stdout) if found is not None else ""


def _told(context: Context, at: float, spec: CommandSpec, make: Callable[[], Reading]) -> NewsOf:
    """The reading that `make` parses, or that it could not be read."""
    try:
        return NodeRead(node=context.node, at=at, source=spec.id, reading=make())
    except ParseError as error:
        problem = Problem(
            kind=ProblemKind.OUTPUT_UNREADABLE,
            summary=f"{context.node}: {_program(spec)} printed what haconsole cannot read",
            remedy=f"run it by hand on {context.node}; if it looks right, report it with `{spec.id}`",
            detail=clean(str(error)),
        )
        return ReadFailed(node=context.node, at=at, subject=spec.subject, problem=problem)


def _failed(context: Context, at: float, spec: CommandSpec, problem: Problem) -> ReadFailed:
    return ReadFailed(node=context.node, at=at, subject=spec.subject, problem=problem)


def _first_problem(context: Context, outputs: Outputs, *specs: CommandSpec) -> tuple[CommandSpec, Problem] | None:
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
        summary=f"{context.node}: {_program(spec)} failed: {text}",
        remedy=f"run it by hand on {context.node}",
        detail=text,
    )


def identity(context: Context, at: float, outputs: Outputs, *, sudo: bool) -> NewsOf:
    """Who we are. `sudo`: configured to be used."""
    if bad := _first_problem(context, outputs, read.UID, read.USER):
        return _failed(context, at, *bad)

    def make() -> IdentityReading:
        tools = identity_parser.parse_tools(_text(outputs, read.TOOLS_FOUND), read.TOOLS)
        root = _text(outputs, read.UID).strip() == "0"
        rights = Rights.ROOT if root else Rights.SUDO if sudo and tools["sudo"] else Rights.PLAIN
        return identity_parser.parse_identity(
            uid=_text(outputs, read.UID),
            user=_text(outputs, read.USER),
            groups=_text(outputs, read.GROUPS),
            hostname=_text(outputs, read.HOSTNAME),
            rights=rights,
            boot_id=_text(outputs, read.BOOT_ID) or None,
            tools=tools,
        )

    return _told(context, at, read.UID, make)


def utc_offset_s(outputs: Outputs) -> float | None:
    """East of Greenwich positive, from `date +%z`; None: not told."""
    found = _ZONE.fullmatch(_text(outputs, read.ZONE).strip())
    if found is None:
        return None
    value = int(found[2]) * 3600.0 + int(found[3]) * 60.0
    return -value if found[1] == "-" else value


def versions(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """What is installed. A program that is missing or silent is None, not a failure."""

    def make() -> VersionsReading:
        return VersionsReading(
            keepalived=_or_none(lambda: keepalived(outputs)),
            squid=_or_none(lambda: squid.parse_version(_text(outputs, read.SQUID_VERSION))),
            systemd=_or_none(lambda: systemd.parse_systemd_version(_text(outputs, read.SYSTEMD_VERSION))),
            kernel=_or_none(lambda: identity_parser.parse_kernel_release(_text(outputs, read.KERNEL_RELEASE))),
        )

    return _told(context, at, read.KEEPALIVED_VERSION, make)


def keepalived(outputs: Outputs) -> KeepalivedVersion:
    """From `keepalived -v`, which prints on stderr. Raises: ParseError."""
    found = outputs.get(read.KEEPALIVED_VERSION.id)
    if found is None:
        raise ParseError("keepalived -v did not answer")
    return keepalived_version.parse_version(found.stderr + "\n" + decode(found.stdout))


def dump_signal(outputs: Outputs, version: KeepalivedVersion | None) -> int | None:
    """The signal for a dump; 10 for 1.x, which cannot be asked (KEEPALIVED 2.1); None: do not signal.

    Below 1.2.20 the signal may end the daemon (TRIAGE 3.7).
    """
    if version is None or version.triple < (1, 2, 20):
        return None
    if version.major < 2:
        return 10
    found = outputs.get(read.KEEPALIVED_SIGNUM.id)
    return None if found is None else keepalived_version.parse_signum(decode(found.stdout), found.stderr, found.status)


def _or_none(make: Callable[[], T]) -> T | None:
    try:
        return make()
    except ParseError:
        return None


def kernel(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """Interfaces and addresses."""
    if bad := _first_problem(context, outputs, read.LINKS, read.ADDRESSES):
        return _failed(context, at, *bad)

    def make() -> KernelReading:
        links = iproute.parse_links(_text(outputs, read.LINKS))
        return KernelReading(links=links, addresses=iproute.parse_addresses(_text(outputs, read.ADDRESSES)))

    return _told(context, at, read.ADDRESSES, make)


def units(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """The services."""
    if bad := _first_problem(context, outputs, read.UNITS):
        return _failed(context, at, *bad)

    def make() -> UnitsReading:
        uptime = _or_none(lambda: systemd.parse_uptime(_text(outputs, read.UPTIME)))
        names = (context.keepalived_unit, context.squid_unit)
        return systemd.parse_units(_text(outputs, read.UNITS), uptime, names)

    return _told(context, at, read.UNITS, make)


def host(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """Routes, room, connections."""
    if bad := _first_problem(context, outputs, read.HOST):
        return _failed(context, at, *bad)
    return _told(context, at, read.HOST, lambda: host_state.parse_host_state(_text(outputs, read.HOST)))


def operation(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """Lock, drain note and armed revert."""
    if bad := _first_problem(context, outputs, STATE):
        return _failed(context, at, *bad)
    return _told(context, at, STATE, lambda: parse_state(_text(outputs, STATE)))


def daemon(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """keepalived's dump."""
    if bad := _first_problem(context, outputs, read.KEEPALIVED_DUMP):
        return _failed(context, at, *bad)
    return _told(
        context, at, read.KEEPALIVED_DUMP, lambda: keepalived_dump.parse_data_dump(_text(outputs, read.KEEPALIVED_DUMP))
    )


def config(context: Context, at: float, files: Mapping[str, bytes]) -> NewsOf:
    """keepalived.conf with the included files that were fetched."""

    def make() -> ConfigReading:
        texts = {name: decode(content) for name, content in files.items()}
        return ConfigReading(conf=keepalived_conf.parse(texts, context.config_file, hostname=context.hostname))

    return _told(context, at, read.CONFIG_FILE, make)


def config_problem(context: Context, outputs: Outputs) -> Problem | None:
    """Why the main file could not be read."""
    bad = _first_problem(context, outputs, read.CONFIG_FILE)
    return bad[1] if bad else None


def config_test(context: Context, at: float, outputs: Outputs, version: KeepalivedVersion | None) -> NewsOf:
    """Verdict of `keepalived -t`; a test that ran out of time is unknown, not bad (FACTS)."""
    output = outputs.get(read.KEEPALIVED_TEST.id)
    problem = problem_of(context, read.KEEPALIVED_TEST, output)
    if problem is not None and problem.kind is ProblemKind.COMMAND_TIMED_OUT:
        why = "keepalived -t did not end in time (a dead name server makes it slow)"
        reading = ConfigTest(ok=None, why_unknown=why)
        return NodeRead(node=context.node, at=at, source=read.KEEPALIVED_TEST.id, reading=reading)
    if problem is not None or output is None:
        return _failed(context, at, read.KEEPALIVED_TEST, problem or failed_with(context, read.KEEPALIVED_TEST, ""))
    tested = keepalived_version.parse_config_test(version, decode(output.stdout), output.stderr, output.status)
    return NodeRead(node=context.node, at=at, source=read.KEEPALIVED_TEST.id, reading=tested)


def squid_shutdown(outputs: Outputs) -> SquidShutdown | None:
    """What squid.conf says of stopping, by root's word where that was asked for; None: nothing that can be read."""
    spec = SQUID_CONF_AS_ROOT if SQUID_CONF_AS_ROOT.id in outputs else SQUID_CONF
    found = outputs.get(spec.id)
    if found is None or found.status != 0 or found.truncated:
        return None
    return _or_none(lambda: squid_conf.parse_shutdown(_text(outputs, spec), squid_conf_entries.FILE))


def squid_reading(context: Context, at: float, outputs: Outputs, shutdown: SquidShutdown | None = None) -> list[NewsOf]:
    """`squid -k check` and who listens on squid's port; either may be missing without the other."""
    news: list[NewsOf] = []
    ok, text = None, ""
    check = outputs.get(read.SQUID_CHECK.id)
    problem = problem_of(context, read.SQUID_CHECK, check)
    if problem is None and check is not None:
        ok, text = squid.parse_check(decode(check.stdout), check.stderr, check.status)
    listening = None
    sockets_problem = _first_problem(context, outputs, read.SOCKETS)
    if sockets_problem is None:
        try:
            listening = sockets.parse_listeners(_text(outputs, read.SOCKETS), context.squid_port)
        except ParseError as error:
            bad = failed_with(context, read.SOCKETS, clean(str(error)))
            news.append(_failed(context, at, read.SOCKETS, bad))
    else:
        news.append(_failed(context, at, *sockets_problem))
    reading = SquidReading(check_ok=ok, check_text=text, listening=listening, shutdown=shutdown)
    news.insert(0, NodeRead(node=context.node, at=at, source=read.SQUID_CHECK.id, reading=reading))
    if problem is not None:
        news.append(_failed(context, at, read.SQUID_CHECK, problem))
    return news


def without_rights(context: Context, spec: CommandSpec) -> bool:
    """True: there is no point in running it."""
    return spec.root is Root.NEEDED and context.rights is Rights.PLAIN
