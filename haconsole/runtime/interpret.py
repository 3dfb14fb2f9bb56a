"""Outputs of catalogue commands -> events. Pure: no I/O, no clock.

Each function takes what a batch gave and tells what was learned, or why nothing was: a reading
never fails silently, and a failure always names its subject.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from haconsole.catalogue import read
from haconsole.catalogue import squid_conf as squid_conf_entries
from haconsole.catalogue.command import CommandSpec
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
    LogLine,
    Rights,
    SquidReading,
    SquidShutdown,
    UnitsReading,
    VersionsReading,
)
from haconsole.parse import (
    host_state,
    iproute,
    journal,
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
from haconsole.runtime.trouble import Context, Outputs, failed_with, first_problem, problem_of, program

_ZONE: Final = re.compile(r"([+-])([0-9]{2})([0-9]{2})")
T = TypeVar("T")
NewsOf = NodeRead | ReadFailed


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
            summary=f"{context.node}: {program(spec)} printed what haconsole cannot read",
            remedy=f"run it by hand on {context.node}; if it looks right, report it with `{spec.id}`",
            detail=clean(str(error)),
        )
        return ReadFailed(node=context.node, at=at, subject=spec.subject, problem=problem)


def _failed(context: Context, at: float, spec: CommandSpec, problem: Problem) -> ReadFailed:
    return ReadFailed(node=context.node, at=at, subject=spec.subject, problem=problem)


def identity(context: Context, at: float, outputs: Outputs, *, sudo: bool) -> NewsOf:
    """Who we are. `sudo`: configured to be used."""
    if bad := first_problem(context, outputs, read.UID, read.USER):
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
    """The signal for a dump; 10 for 1.x, which cannot be asked (docs/keepalived-versions.md); None: do not signal.

    Below 1.2.20 the signal may end the daemon.
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
    if bad := first_problem(context, outputs, read.LINKS, read.ADDRESSES):
        return _failed(context, at, *bad)

    def make() -> KernelReading:
        links = iproute.parse_links(_text(outputs, read.LINKS))
        return KernelReading(links=links, addresses=iproute.parse_addresses(_text(outputs, read.ADDRESSES)))

    return _told(context, at, read.ADDRESSES, make)


def units(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """The services."""
    if bad := first_problem(context, outputs, read.UNITS):
        return _failed(context, at, *bad)

    def make() -> UnitsReading:
        uptime = _or_none(lambda: systemd.parse_uptime(_text(outputs, read.UPTIME)))
        names = (context.keepalived_unit, context.squid_unit)
        return systemd.parse_units(_text(outputs, read.UNITS), uptime, names)

    return _told(context, at, read.UNITS, make)


def host(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """Routes, room, connections."""
    if bad := first_problem(context, outputs, read.HOST):
        return _failed(context, at, *bad)
    return _told(context, at, read.HOST, lambda: host_state.parse_host_state(_text(outputs, read.HOST)))


def operation(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """Lock, drain note and armed revert."""
    if bad := first_problem(context, outputs, STATE):
        return _failed(context, at, *bad)
    return _told(context, at, STATE, lambda: parse_state(_text(outputs, STATE)))


def daemon(context: Context, at: float, outputs: Outputs) -> NewsOf:
    """keepalived's dump."""
    if bad := first_problem(context, outputs, read.KEEPALIVED_DUMP):
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
    bad = first_problem(context, outputs, read.CONFIG_FILE)
    return bad[1] if bad else None


def config_test(context: Context, at: float, outputs: Outputs, version: KeepalivedVersion | None) -> NewsOf:
    """Verdict of `keepalived -t`; a test that ran out of time is unknown, not bad."""
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
    sockets_problem = first_problem(context, outputs, read.SOCKETS)
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


def log_lines(
    context: Context, output: Output, *, syslog: bool, node_now_s: float, utc_offset_s: float | None
) -> Iterator[LogLine]:
    """Lines of the journal or of a syslog file; not those of other programs, nor what no parser understands.

    node_now_s: the node's clock, roughly: a syslog line tells no year.
    """
    units = {"keepalived_unit": context.keepalived_unit, "squid_unit": context.squid_unit}
    for raw in output.stdout.split(b"\n"):
        line = None
        with contextlib.suppress(ParseError):
            if not raw.strip():
                continue
            if syslog:
                line = journal.parse_syslog_line(raw, node_now_s=node_now_s, node_utc_offset_s=utc_offset_s, **units)
            else:
                line = journal.parse_journal_line(raw, **units)
        if line is not None:
            yield line
