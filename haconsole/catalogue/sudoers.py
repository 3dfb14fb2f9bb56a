"""The exact command lines that a login needs under sudo, out of the catalogue.

Every line begins with an absolute path and has no wildcard. Why no other way to cut such a line
into arguments does anything: `sudo_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from haconsole.catalogue import capture, change, operation, read, script, squid_conf, sudo_text, support
from haconsole.catalogue.capture import CaptureNames
from haconsole.catalogue.command import CommandSpec, Names, Root
from haconsole.catalogue.operation import OperationNames
from haconsole.model.record import dataclass
from haconsole.model.spec import ClusterSpec, NodeSpec

SECURE_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for that are named without a path, behind an allowed first word."""

_PATHS: Final = {
    "timeout": "/usr/bin/timeout",
    "sed": "/bin/sed",
    "/bin/sh": "/bin/sh",
}
"""First words -> where they lie. sudo takes another path to the same file as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One command line that sudo is to permit, and what it is for."""

    entry: str
    """Id in the catalogue."""
    argv: tuple[str, ...]
    """The first word is an absolute path."""
    doc: str

    @property
    def text(self) -> str:
        """The command as it stands in a sudoers file."""
        return sudo_text.command(self.argv)


def grants(cluster: ClusterSpec, node: NodeSpec, user: str, extra_interfaces: Sequence[str] = ()) -> tuple[Grant, ...]:
    """Everything in the catalogue that runs under sudo on `node`, for the login `user`.

    Without actions if the cluster is read-only. Raises: ValueError: a name of the configuration
    that cannot stand in a sudoers line.
    """
    interfaces = tuple(dict.fromkeys((node.lan_interface, *filter(None, (node.public_interface,)), *extra_interfaces)))
    found = [*_reading(cluster), *_capturing(interfaces, user)]
    if not cluster.read_only:
        found += _changing(cluster, interfaces)
    return tuple({grant.argv: grant for grant in found}.values())


def _reading(cluster: ClusterSpec) -> Iterator[Grant]:
    names = Names(
        keepalived_unit=cluster.keepalived_service,
        squid_unit=cluster.squid_service,
        config_file=cluster.keepalived_config,
    )
    for spec in read.COMMANDS.values():
        if spec.root is Root.NO or spec is read.CONFIG_INCLUDE:
            continue
        if spec is read.CONFIG_FILE:
            yield from _granted(spec.id, script.read_as_root(cluster.keepalived_config), spec.doc)
        elif spec is read.KEEPALIVED_DUMP:
            for age, since in (("new", "2.0 and later"), ("old", "1.x")):
                yield from _command(spec, replace(names, dump_age=age), f"{spec.doc} (keepalived {since})")
        else:
            yield from _command(spec, names)
    yield from _command(squid_conf.SQUID_CONF_AS_ROOT, names)
    for spec in support.COMMANDS.values():
        if spec.root is not Root.NO:
            yield from _command(spec, names)
    for stream in read.STREAMS.values():
        if stream.root is not Root.NO:
            yield from _granted(stream.id, script.stream_under_sudo(stream, names), stream.doc)


def _capturing(interfaces: Iterable[str], user: str) -> Iterator[Grant]:
    for interface in interfaces:
        argv = capture.CAPTURE_BY_SUDO.filled(CaptureNames(interface=interface, user=user))
        yield from _granted(capture.CAPTURE_BY_SUDO.id, sudo_text.grouped(argv), f"Adverts on {interface}.")


def _changing(cluster: ClusterSpec, interfaces: Sequence[str]) -> Iterator[Grant]:
    names = OperationNames(
        keepalived_unit=cluster.keepalived_service,
        squid_unit=cluster.squid_service,
        drain_file=cluster.drain_file,
    )
    for spec in (*operation.COMMANDS.values(), *change.COMMANDS.values()):
        if spec.root is Root.NO:
            continue
        if any("{interface}" in word for word in spec.argv):
            for interface in interfaces:
                yield from _command(spec, replace(names, interface=interface), f"{spec.doc} ({interface})")
        else:
            yield from _command(spec, names)


def _command(spec: CommandSpec, names: Names, doc: str | None = None) -> Iterator[Grant]:
    argv = script.under_sudo(spec, names)
    if argv is not None:
        yield from _granted(spec.id, argv, doc or spec.doc)


def _granted(entry: str, argv: Sequence[str], doc: str) -> Iterator[Grant]:
    yield Grant(entry=entry, argv=(_PATHS[argv[0]], *argv[1:]), doc=doc)
