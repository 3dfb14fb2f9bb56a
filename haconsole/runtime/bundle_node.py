"""What a support bundle has of one node: texts, configuration, log, dumps. Every text goes through the redactor here.

What the node does not give becomes a piece that says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from haconsole.catalogue import read, script, support
from haconsole.catalogue.command import CommandSpec, Names
from haconsole.cluster import clocks
from haconsole.io.ports import Clock, Connection
from haconsole.model.events import Event, Heartbeat, NodeRead
from haconsole.model.readings import KeepalivedVersion, LogLine, UnitsReading
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.parse import keepalived_conf
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean, decode
from haconsole.report.bundle_redact import Redactor
from haconsole.runtime import interpret, trouble
from haconsole.runtime.reader import NodeReader
from haconsole.runtime.session import DAEMON_YOUNG_S

BETWEEN_DUMPS_S: Final = 1.1
"""At most one signal a second."""
INCLUDE_ROUNDS: Final = 4
BIG: Final = 64 * 1024

_VERSIONS: Final = (
    read.KEEPALIVED_VERSION, read.SQUID_VERSION, read.SYSTEMD_VERSION, support.KERNEL, support.DISTRIBUTION,
    read.KEEPALIVED_SIGNUM, support.SIGNUM_STATS, support.SIGNUM_JSON,
)  # fmt: skip
_TEXTS: Final[Mapping[str, tuple[CommandSpec, ...]]] = {
    "versions.txt": _VERSIONS,
    "units.txt": (read.UPTIME, read.UNITS, support.UNIT_FILES),
    "links.txt": (support.LINKS,),
    "addresses.txt": (read.ADDRESSES,),
    "routes.txt": (support.ROUTES, support.ROUTES6, support.RULES),
    "neighbours.txt": (support.NEIGHBOURS, support.GROUPS),
    "sysctl.txt": (support.SYSCTLS,),
    "firewall-nftables.txt": (support.NFTABLES,),
    "firewall-iptables.txt": (support.IPTABLES, support.IP6TABLES),
    "firewall-firewalld.txt": (support.FIREWALLD,),
    "squid.txt": (read.SQUID_CHECK, read.SOCKETS),
    "keepalived-t.txt": (read.KEEPALIVED_TEST,),
}
"""File -> the commands whose output goes into it as it is."""


@dataclass(slots=True, kw_only=True)
class Log:
    """One node's log: (time on the console's clock, text), and whether there is more before it."""

    node: str
    lines: list[tuple[float, str]]
    full: bool


class Taker(Protocol):
    """Takes the pieces. Texts went through the redactor already."""

    def text(self, node: str, name: str, what: str, content: str, *, cut: bool = False) -> None:
        """One file; `cut`: there was more."""

    def miss(self, node: str, name: str, what: str, why: str) -> None:
        """Something is not there."""

    def log(self, log: Log) -> None:
        """The node's log; written when all are there."""


class NodeTexts:
    """The commands of one node."""

    def __init__(  # noqa: PLR0917 - what there is to read, and where it goes
        self, cluster: ClusterSpec, node: NodeSpec, connection: Connection, clock: Clock, redactor: Redactor, to: Taker
    ) -> None:
        self._cluster, self._node, self._clock, self._redactor, self._to = cluster, node, clock, redactor, to
        self._reader = NodeReader(cluster, node, connection, clock)
        self._active: bool | None = None
        self._offset_s = 0.0

    async def run(self) -> None:
        """Everything, one group after the other. Raises: ProblemError (the link)."""
        beat = await self._reader.beat()
        if isinstance(beat, Heartbeat):
            self._offset_s = clocks.measured(beat).offset_s
        for event in await self._reader.introduce():
            self._note(event)
        outputs: dict[str, script.Output] = {}
        for name, specs in _TEXTS.items():
            outputs |= await self._texts(name, specs)
        await self._configuration()
        await self._log()
        await self._dumps(outputs)

    def _note(self, event: Event) -> None:
        if isinstance(event, NodeRead) and isinstance(event.reading, UnitsReading):
            unit = event.reading.units.get(self._cluster.keepalived_service)
            self._active = unit.active if unit is not None else None

    async def _texts(self, name: str, specs: Sequence[CommandSpec]) -> dict[str, script.Output]:
        may = [s for s in specs if self._may(s, name)]
        if not may:
            return {}
        outputs = await self._reader.outputs(may)
        parts, cut = [], False
        for spec in may:
            output = outputs.get(spec.id)
            problem = trouble.problem_of(self._reader.context, spec, output)
            if output is None or (problem is not None and not output.truncated):
                self._to.miss(self._node.name, name, self._command(spec), problem.summary if problem else "no answer")
                continue
            cut = cut or output.truncated
            parts.append(await self._shown(spec, output))
        if parts:
            what = "; ".join(self._command(s) for s in may)
            self._to.text(self._node.name, name, what, "\n\n".join(parts), cut=cut)
        return outputs

    def _may(self, spec: CommandSpec, name: str) -> bool:
        if not trouble.without_rights(self._reader.context, spec):
            return True
        why = trouble.not_permitted(self._reader.context, spec).summary
        self._to.miss(self._node.name, name, self._command(spec), why)
        return False

    def _command(self, spec: CommandSpec) -> str:
        if spec.verb.value != "run":
            return spec.doc
        return " ".join(spec.filled(self._reader.names))

    async def _shown(self, spec: CommandSpec, output: script.Output) -> str:
        head = f"# $ {self._command(spec)}    (exit status {output.status})"
        parts = [head, await self._redacted(decode(output.stdout).rstrip("\n"))]
        if output.stderr:
            parts += ["# standard error:", await self._redacted(output.stderr.rstrip("\n"))]
        return "\n".join(p for p in parts if p)

    async def _redacted(self, text: str) -> str:
        """Big texts in a thread: the capture beside wants its beats."""
        return self._redactor.text(text) if len(text) < BIG else await asyncio.to_thread(self._redactor.text, text)

    async def _configuration(self) -> None:
        node, main = self._node.name, self._reader.names.config_file
        outputs = await self._reader.outputs([read.CONFIG_FILE])
        problem = interpret.config_problem(self._reader.context, outputs)
        if problem is not None:
            self._to.miss(node, "conf/keepalived.conf", main, problem.summary)
            return
        files = {name: decode(data) for name, data in outputs[read.CONFIG_FILE.id].files.items()}
        missing = await self._includes(files, main)
        try:
            host = self._reader.context.hostname
            told = await asyncio.to_thread(self._redactor.configuration, files, main, host)
        except ParseError as error:
            self._to.miss(node, "conf/keepalived.conf", main, f"passwords cannot be told apart in it: {error}")
            return
        for name, text in told.items():
            self._to.text(node, f"conf/{name.rpartition('/')[2]}", f"{name}, passwords left out", text)
        for pattern in missing:
            self._to.miss(node, "conf/include", f"include {pattern}", "no such file, or it may not be read")

    async def _includes(self, files: dict[str, str], main: str) -> list[str]:
        """Fetch what is included; returns the patterns that gave nothing."""
        asked: dict[str, bool] = {}
        for _ in range(INCLUDE_ROUNDS):
            wanted = [p for p in keepalived_conf.includes(files, main) if p not in asked][:32]
            for pattern in wanted:
                names = replace(self._reader.names, pattern=pattern)
                output = (await self._reader.outputs([read.CONFIG_INCLUDE], names)).get(read.CONFIG_INCLUDE.id)
                found = output.files if output is not None and output.status == 0 else {}
                asked[pattern] = bool(found)
                files.update({name: decode(data) for name, data in found.items()})
            if not wanted:
                break
        return [clean(p) for p, there in asked.items() if not there]

    async def _log(self) -> None:
        old = self._reader.systemd is None or self._reader.systemd < 236
        spec = read.LOG_FILE_TAIL if old else support.LOG
        outputs = await self._reader.outputs([spec])
        output = outputs.get(spec.id)
        problem = trouble.problem_of(self._reader.context, spec, output)
        if output is None or not output.stdout.strip():
            why = problem.summary if problem is not None else self._reader.log_failed().problem.summary
            self._to.miss(self._node.name, "log.txt", spec.doc, why)
            return
        raw = [line for line in output.stdout.split(b"\n") if line.strip()]
        told = interpret.log_lines(
            self._reader.context,
            output,
            syslog=old,
            node_now_s=self._clock.now() + self._offset_s,
            utc_offset_s=self._reader.utc_offset_s,
        )
        lines = [(x.node_time_s - self._offset_s, self._line(x)) for x in told if x.node_time_s is not None]
        full = len(raw) >= (2000 if old else support.LOG_LINES)
        self._to.log(Log(node=self._node.name, lines=sorted(lines), full=full))

    def _line(self, told: LogLine) -> str:
        sure = "" if told.trusted else " (sender not verified)"
        pid = f"[{told.pid}]" if told.pid is not None else ""
        return self._redactor.text(f"{told.ident}{pid}: {told.text}{sure}")

    async def _dumps(self, outputs: Mapping[str, script.Output]) -> None:
        """DATA, statistics, JSON: each by a signal of its own, a second apart."""
        age = self._reader.started_ago_s()
        if age is not None and age < DAEMON_YOUNG_S:
            await asyncio.sleep(DAEMON_YOUNG_S)  # no signal in the daemon's first two seconds
        names = self._reader.names
        for index, (name, spec) in enumerate(_DUMPS.items()):
            why, used = self._dump_names(spec, outputs, names)
            if why is not None or used is None:
                self._to.miss(self._node.name, name, spec.doc, why or "it was not asked for")
                continue
            if index:
                await asyncio.sleep(BETWEEN_DUMPS_S)
            found = (await self._reader.outputs([spec], used)).get(spec.id)
            problem = trouble.problem_of(self._reader.context, spec, found)
            if found is None or problem is not None or found.status != 0 or not found.stdout.strip():
                told = clean(found.stderr.strip()) if found is not None else ""
                self._to.miss(self._node.name, name, spec.doc, problem.summary if problem else told or "no dump came")
                continue
            await self._dumped(name, spec, decode(found.stdout))

    async def _dumped(self, name: str, spec: CommandSpec, text: str) -> None:
        if spec is not support.JSON:
            self._to.text(self._node.name, name, spec.doc, await self._redacted(text))
            return
        try:
            self._to.text(self._node.name, name, spec.doc, self._redactor.json_dump(text))
        except (ValueError, RecursionError):
            self._to.miss(self._node.name, name, spec.doc, "it is no JSON: passwords cannot be told apart in it")

    def _dump_names(
        self, spec: CommandSpec, outputs: Mapping[str, script.Output], names: Names
    ) -> tuple[str | None, Names | None]:
        """(why it may not be asked for, what the placeholders stand for)."""
        if trouble.without_rights(self._reader.context, spec):
            return trouble.not_permitted(self._reader.context, spec).summary, None
        if self._active is False:
            return f"{self._cluster.keepalived_service} is not running", None
        try:
            version = interpret.keepalived(outputs)
        except ParseError:
            return "keepalived's version is not known: a signal might end it", None
        used = _dump_names(spec, outputs, version, names)
        return (None if used is not None else f"keepalived {version} does not offer it by a signal that is known"), used


def _dump_names(
    spec: CommandSpec, outputs: Mapping[str, script.Output], version: KeepalivedVersion, names: Names
) -> Names | None:
    """None: this daemon is not asked for it."""
    if spec is read.KEEPALIVED_DUMP:
        signal = interpret.dump_signal(outputs, version)
        age = "old" if version.major < 2 else "new"
        return None if signal is None else replace(names, signal=str(signal), dump_age=age)
    asked, number = _SIGNALS[spec.id]
    said = outputs.get(asked.id)
    known = version.major >= 2 and said is not None and decode(said.stdout).strip() == str(number)
    return names if known else None


_DUMPS: Final[Mapping[str, CommandSpec]] = {
    "dump-data.txt": read.KEEPALIVED_DUMP,
    "dump-stats.txt": support.STATS,
    "dump.json": support.JSON,
}
_SIGNALS: Final = {
    support.STATS.id: (support.SIGNUM_STATS, support.STATS_SIGNAL),
    support.JSON.id: (support.SIGNUM_JSON, support.JSON_SIGNAL),
}
