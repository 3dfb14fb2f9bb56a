"""Reads one node over one connection: batches of catalogue commands in, events out.

Knows which rights the login has and which commands sudo refused; decides nothing about the
cluster. Every method returns events; only a lost connection is an exception (ProblemError).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

from haconsole.catalogue import operation, read, script
from haconsole.catalogue.command import CommandSpec, Names
from haconsole.catalogue.squid_conf import SQUID_CONF, SQUID_CONF_AS_ROOT
from haconsole.io.ports import Clock, Connection
from haconsole.model.events import Event, Heartbeat, LogHeard, NodeRead, ReadFailed, Subject
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.readings import (
    IdentityReading,
    KeepalivedVersion,
    Listener,
    Rights,
    SquidReading,
    SquidShutdown,
    UnitsReading,
    VersionsReading,
)
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.runtime import interpret, squid_manager, trouble
from haconsole.runtime.batches import Batches
from haconsole.runtime.includes import add_includes, aside

_SHUTDOWN_S: Final = 120.0
"""How often squid.conf is looked at: as often as keepalived's own file."""


class Group(Enum):
    """What is read together, on one cadence."""

    KERNEL = "kernel"
    UNITS = "units"
    DAEMON = "daemon"
    SQUID = "squid"
    COUNTERS = "counters"
    CONFIG = "config"
    VERSIONS = "versions"


class NodeReader:
    """Reads one node. Made for each connection anew."""

    def __init__(self, cluster: ClusterSpec, node: NodeSpec, connection: Connection, clock: Clock) -> None:
        self._cluster = cluster
        self._node = node
        self._connection = connection
        self._clock = clock
        self._names = Names(
            keepalived_unit=cluster.keepalived_service,
            squid_unit=cluster.squid_service,
            config_file=cluster.keepalived_config,
        )
        self._batches = Batches(connection, lambda: self.context.rights)
        self._signal: int | None = None
        self._version: KeepalivedVersion | None = None
        self._units: UnitsReading | None = None
        self._listeners: tuple[Listener, ...] | None = None
        self._shutdown: SquidShutdown | None = None
        self._shutdown_at = -_SHUTDOWN_S
        self.identity: IdentityReading | None = None
        self.systemd: int | None = None
        self.utc_offset_s: float | None = None
        self.context = trouble.Context(
            node=node.name,
            squid_port=cluster.squid_port,
            keepalived_unit=cluster.keepalived_service,
            squid_unit=cluster.squid_service,
            config_file=cluster.keepalived_config,
        )

    @property
    def names(self) -> Names:
        return self._names

    async def beat(self) -> Heartbeat | ReadFailed:
        """The node's clock, by a trip of its own: the tighter the trip, the tighter the bound."""
        sent = self._clock.now()
        command = script.batch([read.TIME], self._names, Rights.PLAIN)
        result = await self._connection.run(command, stdin=b"0\n", limit=4096, timeout_s=8.0)
        at = self._clock.now()
        output = script.outputs("0", result.stdout, [read.TIME]).get(read.TIME.id)
        try:
            value = float(output.stdout) if output is not None else None
        except ValueError:
            value = None
        if value is None or not 0 < value < 1e11:
            problem = Problem(kind=ProblemKind.OUTPUT_UNREADABLE, summary=f"{self._node.name}: date told no time")
            return ReadFailed(node=self._node.name, at=at, subject=Subject.CLOCK, problem=problem)
        return Heartbeat(node=self._node.name, at=at, sent_at=sent, node_time_s=value)

    async def introduce(self) -> list[Event]:
        """Who we are there, what is installed, and the units: the rest builds on it."""
        specs = [
            read.USER, read.UID, read.GROUPS, read.HOSTNAME, read.BOOT_ID, read.TOOLS_FOUND, read.ZONE,
            *_UNITS,
        ]  # fmt: skip
        outputs = await self._batches.both(specs, _VERSIONS, self._names)
        at = self._clock.now()
        self.utc_offset_s = interpret.utc_offset_s(outputs)
        told = interpret.identity(self.context, at, outputs, sudo=self._node.ssh.sudo)
        if isinstance(told, NodeRead) and isinstance(told.reading, IdentityReading):
            self.identity = told.reading
            who = told.reading
            self.context = replace(self.context, user=who.user, rights=who.rights, hostname=who.hostname)
        return [
            told, self._note_versions(at, outputs), self._note_units(at, outputs),
            interpret.operation(self.context, at, outputs),
        ]  # fmt: skip

    async def read(self, group: Group) -> list[Event]:
        """One group, now."""
        return await _READERS[group](self)

    async def outputs(self, specs: Sequence[CommandSpec], names: Names | None = None) -> dict[str, script.Output]:
        """What the entries printed, by id, with the rights that the login was found to have; `introduce` comes first.

        Entries that did not end are left out. Raises: ProblemError (the link).
        """
        return await self._run(specs, names)

    # --- the groups ---------------------------------------------------------

    async def read_kernel(self) -> list[Event]:
        outputs = await self._run([read.LINKS, read.ADDRESSES])
        return [interpret.kernel(self.context, self._clock.now(), outputs)]

    async def read_units(self) -> list[Event]:
        return self._units_told(await self._run(_UNITS))

    async def read_units_and_host(self) -> list[Event]:
        """On one trip, for those who look again and again."""
        outputs = await self._run([*_UNITS, read.HOST])
        return [*self._units_told(outputs), interpret.host(self.context, self._clock.now(), outputs)]

    def _units_told(self, outputs: trouble.Outputs) -> list[Event]:
        at = self._clock.now()
        return [self._note_units(at, outputs), interpret.operation(self.context, at, outputs)]

    async def read_host(self) -> list[Event]:
        """On a trip of its own, for those who read units only once, with `introduce`."""
        outputs = await self._run([read.HOST])
        return [interpret.host(self.context, self._clock.now(), outputs)]

    async def read_versions(self) -> list[Event]:
        outputs = await self._run(_VERSIONS)
        return [self._note_versions(self._clock.now(), outputs)]

    async def read_daemon(self) -> list[Event]:
        spec = read.KEEPALIVED_DUMP
        why = self._no_dump()
        if why is not None:
            return [ReadFailed(node=self._node.name, at=self._clock.now(), subject=Subject.DAEMON, problem=why)]
        outputs = await self._run([spec], self._dump_names())
        return [interpret.daemon(self.context, self._clock.now(), outputs)]

    async def daemon_and_log(self) -> tuple[list[Event], list[Event]]:
        """keepalived's dump, and its last log lines (see `log_tail`) read right behind it, on the same trip."""
        if self._no_dump() is not None:
            return await self.read_daemon(), await self.log_tail()
        tail = self._tail_spec()
        outputs = await self._run([read.KEEPALIVED_DUMP, tail], self._dump_names())
        return [interpret.daemon(self.context, self._clock.now(), outputs)], self._log_events(tail, outputs)

    def _dump_names(self) -> Names:
        old = self._version is not None and self._version.major < 2
        return replace(self._names, signal=str(self._signal), dump_age="old" if old else "new")

    async def read_squid(self) -> list[Event]:
        now = self._clock.now()
        due = now - self._shutdown_at >= _SHUTDOWN_S
        outputs = await self._run([read.SQUID_CHECK, read.SOCKETS, *([SQUID_CONF] if due else [])])
        if due:
            await self._squid_conf(outputs, now)
        news = interpret.squid_reading(self.context, self._clock.now(), outputs, self._shutdown)
        for told in news:
            if isinstance(told, NodeRead) and isinstance(told.reading, SquidReading):
                self._listeners = told.reading.listening
        return list(news)

    async def _squid_conf(self, outputs: dict[str, script.Output], now: float) -> None:
        """How long squid takes to stop. As root only where the login cannot read the file."""
        self._shutdown, self._shutdown_at = interpret.squid_shutdown(outputs), now
        hidden = self._shutdown is None or self._shutdown.lifetime_s is None
        root = SQUID_CONF_AS_ROOT
        if hidden and self.context.rights is Rights.SUDO and not self._batches.refused(root):
            told = await self._run([root])
            if root.id in told and not trouble.sudo_refused(told[root.id]):
                self._shutdown = interpret.squid_shutdown(told) or self._shutdown

    async def read_counters(self) -> list[Event]:
        node, at = self._node.name, self._clock.now
        host = self._manager_host()
        if host is None:
            problem = Problem(
                kind=ProblemKind.NOT_RUNNING,
                summary=f"{node}: nobody listens on squid's port {self._cluster.squid_port}",
                remedy=f"systemctl status {self._cluster.squid_service}",
            )
            return [ReadFailed(node=node, at=at(), subject=Subject.SQUID_COUNTERS, problem=problem)]
        try:
            counted = await squid_manager.counters(self._connection, node, host, self._cluster.squid_port)
        except ProblemError as error:
            if error.problem.kind is ProblemKind.LINK_LOST:
                raise
            return [ReadFailed(node=node, at=at(), subject=Subject.SQUID_COUNTERS, problem=error.problem)]
        return [NodeRead(node=node, at=at(), source="squid.manager", reading=counted)]

    async def read_config(self) -> list[Event]:
        files = [read.CONFIG_FILE]
        test = self._version is not None and self._version.major >= 2
        if test and not trouble.without_rights(self.context, read.KEEPALIVED_TEST):
            files.append(read.KEEPALIVED_TEST)
        outputs = await self._run(files)
        at = self._clock.now()
        news: list[Event] = []
        if (problem := interpret.config_problem(self.context, outputs)) is not None:
            news.append(ReadFailed(node=self._node.name, at=at, subject=Subject.CONFIG, problem=problem))
        else:
            found = dict(outputs[read.CONFIG_FILE.id].files)
            await add_includes(found, self._names, self._run)
            news.append(await aside(found, lambda: interpret.config(self.context, at, found)))
        if read.KEEPALIVED_TEST in files:
            news.append(interpret.config_test(self.context, at, outputs, self._version))
        elif test:
            problem = trouble.not_permitted(self.context, read.KEEPALIVED_TEST)
            news.append(ReadFailed(node=self._node.name, at=at, subject=Subject.CONFIG_TEST, problem=problem))
        return news

    async def log_tail(self) -> list[Event]:
        """keepalived's last log lines, once: for those who do not follow the log.

        From the journal; from the syslog file where journalctl is older than 236 (CentOS 7).
        """
        spec = self._tail_spec()
        return self._log_events(spec, await self._run([spec]))

    def _tail_spec(self) -> CommandSpec:
        return read.LOG_TAIL if self.systemd is not None and self.systemd >= 236 else read.LOG_FILE_TAIL

    def _log_events(self, spec: CommandSpec, outputs: trouble.Outputs) -> list[Event]:
        found = outputs.get(spec.id)
        if found is None or found.status != 0 or not found.stdout.strip():
            return [self.log_failed()]
        at = self._clock.now()
        lines = interpret.log_lines(
            self.context, found, syslog=spec is read.LOG_FILE_TAIL, node_now_s=at, utc_offset_s=self.utc_offset_s
        )
        return [LogHeard(node=self._node.name, at=at, line=line, backlog=True) for line in lines]

    async def log_is_empty(self) -> bool:
        """The journal may be read and has no line that is followed; False too where that cannot be told."""
        found = (await self._run([read.LOG_ANY])).get(read.LOG_ANY.id)
        return found is not None and found.status == 0 and not found.stdout.strip()

    def log_failed(self) -> ReadFailed:
        """The log cannot be read by this login, and what would help."""
        problem = Problem(
            kind=ProblemKind.NOT_PERMITTED,
            summary=f"{self._node.name}: {self.context.user} sees no log lines of keepalived",
            remedy=f"on {self._node.name}: usermod -aG systemd-journal {self.context.user}, then log in anew",
        )
        return ReadFailed(node=self._node.name, at=self._clock.now(), subject=Subject.LOG, problem=problem)

    # --- helpers ------------------------------------------------------------

    async def _run(self, specs: Sequence[CommandSpec], names: Names | None = None) -> dict[str, script.Output]:
        return await self._batches.run(specs, names or self._names)

    def _note_versions(self, at: float, outputs: trouble.Outputs) -> Event:
        told = interpret.versions(self.context, at, outputs)
        if isinstance(told, NodeRead) and isinstance(told.reading, VersionsReading):
            self._version, self.systemd = told.reading.keepalived, told.reading.systemd
            self._signal = interpret.dump_signal(outputs, self._version)
        return told

    def _note_units(self, at: float, outputs: trouble.Outputs) -> Event:
        told = interpret.units(self.context, at, outputs)
        if isinstance(told, NodeRead) and isinstance(told.reading, UnitsReading):
            self._units = told.reading
        return told

    def _no_dump(self) -> Problem | None:
        """Why no dump may be asked for now."""
        node, unit = self._node.name, self._cluster.keepalived_service
        if trouble.without_rights(self.context, read.KEEPALIVED_DUMP):
            return trouble.not_permitted(self.context, read.KEEPALIVED_DUMP)
        found = None if self._units is None else self._units.units.get(unit)
        if found is not None and not found.active:
            return Problem(
                kind=ProblemKind.NOT_RUNNING,
                summary=f"{node}: {unit} is not running",
                remedy=f"on {node}: systemctl start {unit}",
            )
        if self._signal is None:
            version = "unknown" if self._version is None else str(self._version)
            return Problem(
                kind=ProblemKind.COMMAND_FAILED,
                summary=f"{node}: keepalived (version {version}) offers no dump",
                remedy="its state is taken from the log or the addresses",
            )
        return None

    def started_ago_s(self) -> float | None:
        """How long keepalived ran at the last look at the units: no signal in its first 2 s."""
        units = self._units
        found = None if units is None else units.units.get(self._cluster.keepalived_service)
        if units is None or found is None or units.uptime_s is None or found.started_uptime_s is None:
            return None
        return units.uptime_s - found.started_uptime_s

    def _manager_host(self) -> str | None:
        """An address on which squid listens, as the node itself can reach it."""
        if self._listeners is None:
            return "127.0.0.1"
        own = [x for x in self._listeners if x.port == self._cluster.squid_port]
        if not own:
            return None
        if any(x.address is None and not x.text.startswith("[") for x in own):
            return "127.0.0.1"
        first = own[0].address
        return "::1" if first is None else str(first)


_VERSIONS: Final = (
    read.KEEPALIVED_VERSION, read.KEEPALIVED_SIGNUM, read.SQUID_VERSION, read.SYSTEMD_VERSION, read.KERNEL_RELEASE,
)  # fmt: skip
_UNITS: Final = (read.UPTIME, read.UNITS, operation.STATE)

_READERS: Final[Mapping[Group, Callable[[NodeReader], Awaitable[list[Event]]]]] = {
    Group.KERNEL: NodeReader.read_kernel,
    Group.UNITS: NodeReader.read_units_and_host,
    Group.DAEMON: NodeReader.read_daemon,
    Group.SQUID: NodeReader.read_squid,
    Group.COUNTERS: NodeReader.read_counters,
    Group.CONFIG: NodeReader.read_config,
    Group.VERSIONS: NodeReader.read_versions,
}
