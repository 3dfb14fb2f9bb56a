"""What real nodes answered, kept in files, and given again to the readers, the reducer and the rules.

A recording is one look at a pair: every frame that came over SSH (`catalogue.script`), squid's cache manager pages,
what clients got, with their times. It is kept as what differs from the healthy pair's recording of the same lab, line
by line, so that a person sees what a fault changes. `look` asks in one order, of nodes and of recordings.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from haconsole.catalogue import script
from haconsole.cluster.conclude import Snapshot, conclude
from haconsole.cluster.reduce import initial, reduce
from haconsole.io.ports import Connection, RunResult
from haconsole.model.events import ClientProbed, ClientResult, Event, LinkPhase, Phase
from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.model.spec import ClusterSpec, IpAddress, NodeSpec, SshSpec, VipSpec
from haconsole.model.state import ClusterState
from haconsole.runtime.reader import Group, NodeReader

FOLDER: Final = Path(__file__).parents[1] / "fixtures" / "recorded"
HEALTHY: Final = "healthy"
MARK: Final = "MARK"
"""Stands for the random word that parts the frames."""


@dataclass
class Recording:
    """`answers`: (node, kind) -> (when, lines), in the order in which they came. Kinds: ids of catalogue commands,
    `squid.manager`, `client ADDRESS`. Times count from `begun`, seconds since the epoch."""

    name: str
    begun: float
    cluster: dict[str, Any]
    about: dict[str, str] = field(default_factory=dict)
    concluded: float = 0.0
    answers: dict[tuple[str, str], list[tuple[float, list[str]]]] = field(default_factory=dict)

    def add(self, node: str, kind: str, at: float, text: str) -> None:
        """One more answer."""
        self.answers.setdefault((node, kind), []).append((round(at - self.begun, 6), text.split("\n")))

    def spec(self) -> ClusterSpec:
        """The cluster as it was configured."""
        nodes = (
            NodeSpec(name=n["name"], address=n["address"], ssh=SshSpec(sudo=n["sudo"])) for n in self.cluster["nodes"]
        )
        return ClusterSpec(
            name=self.cluster["name"],
            nodes=tuple(nodes),
            vips=tuple(VipSpec(address=ip_address(a), preferred=p) for a, p in self.cluster["vips"]),
            probe_url=self.cluster["probe_url"],
        )


def described(spec: ClusterSpec) -> dict[str, Any]:
    """What `Recording.spec` needs; nothing of the machine from which it was recorded."""
    return {
        "name": spec.name,
        "nodes": [{"name": n.name, "address": n.address, "sudo": n.ssh.sudo} for n in spec.nodes],
        "vips": [[str(v.address), v.preferred] for v in spec.vips],
        "probe_url": spec.probe_url,
    }


# -- files ---------------------------------------------------------------------------------------------------------


def save(found: Recording, healthy: Recording | None) -> Path:
    """Write FOLDER/NAME/answers.json. healthy: the recording that it is kept as a difference to."""
    answers = []
    for (node, kind), told in found.answers.items():
        base = healthy.answers.get((node, kind), []) if healthy is not None else []
        for index, (at, lines) in enumerate(told):
            same = base[min(index, len(base) - 1)][1] if base else []
            answers.append({"node": node, "kind": kind, "at": at, "lines": list(_shortened(lines, same))})
    document = {
        **found.about, "begun": found.begun, "concluded": found.concluded, "cluster": found.cluster, "answers": answers,
    }  # fmt: skip
    path = FOLDER / found.name / "answers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_pretty(document), "utf-8")
    return path


def load(name: str) -> Recording:
    """One recording from its file."""
    document = json.loads((FOLDER / name / "answers.json").read_text("utf-8"))
    healthy = load(HEALTHY) if name != HEALTHY else None
    found = Recording(name, document["begun"], document["cluster"], concluded=document["concluded"])
    for each in document["answers"]:
        key = (each["node"], each["kind"])
        told = found.answers.setdefault(key, [])
        base = healthy.answers.get(key, []) if healthy is not None else []
        same = base[min(len(told), len(base) - 1)][1] if base else []
        told.append((each["at"], list(_whole(each["lines"], same))))
    return found


def _shortened(lines: Sequence[str], same: Sequence[str]) -> Iterator[str | list[int]]:
    """`[a, b]`: lines a to b of the healthy one's answer."""
    for kind, a, b, c, d in SequenceMatcher(None, same, lines, autojunk=False).get_opcodes():
        if kind == "equal":
            yield [a, b]
        else:
            yield from lines[c:d]


def _whole(told: Sequence[str | list[int]], same: Sequence[str]) -> Iterator[str]:
    for each in told:
        if isinstance(each, str):
            yield each
        else:
            yield from same[each[0] : each[1]]


def _pretty(document: Mapping[str, Any]) -> str:
    """A line for each line that was answered."""
    head = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in document.items() if k != "answers"]
    answers = []
    for each in document["answers"]:
        lines = ",\n  ".join(json.dumps(x) for x in each["lines"])
        about = ", ".join(f"{json.dumps(k)}: {json.dumps(each[k])}" for k in ("node", "kind", "at"))
        answers.append(f'{{{about}, "lines": [\n  {lines}]}}')
    joined = ",\n ".join(answers)
    return "{\n" + ",\n".join(head) + f',\n"answers": [\n {joined}]\n}}\n'


# -- asking --------------------------------------------------------------------------------------------------------


class Looker:
    """Events of one look through the real reducer. `pause`: waits so many seconds, or says that they went by."""

    def __init__(self, spec: ClusterSpec, now: Callable[[], float]) -> None:
        self.spec, self.now = spec, now
        self.state: ClusterState = initial(spec)

    def take(self, *events: Event) -> None:
        for event in events:
            self.state = reduce(self.state, event)

    def snapshot(self) -> Snapshot:
        return conclude(self.spec, self.state, self.now())


Probe = Callable[[IpAddress], Awaitable[ClientResult]]
PAUSE_S: Final = 2.5
"""Between the two halves: longer than keepalived's own hand-over, and than the pause between two probes."""


async def look(
    looker: Looker, connections: Mapping[str, Connection], probe: Probe, pause: Callable[[float], Awaitable[None]]
) -> Snapshot:
    """Everything that `haconsole status` asks, in a fixed order; twice what tells of changes."""

    class _Clock:
        def now(self) -> float:
            return looker.now()

    readers = {n.name: NodeReader(looker.spec, n, connections[n.name], _Clock()) for n in looker.spec.nodes}
    for name, reader in readers.items():
        looker.take(LinkPhase(node=name, at=looker.now(), phase=Phase.CONNECTING))
        looker.take(LinkPhase(node=name, at=looker.now(), phase=Phase.CONNECTED))
        looker.take(await reader.beat(), *(await reader.introduce()))
        for group in (Group.KERNEL, Group.UNITS):
            looker.take(*(await reader.read(group)))
        daemon, log = await reader.daemon_and_log()
        looker.take(*daemon, *log)
        for group in (Group.SQUID, Group.COUNTERS, Group.CONFIG):
            looker.take(*(await reader.read(group)))
    await _probe(looker, probe)
    await pause(PAUSE_S)
    for reader in readers.values():
        looker.take(await reader.beat())
        for group in (Group.KERNEL, Group.UNITS, Group.DAEMON):
            looker.take(*(await reader.read(group)))
    await _probe(looker, probe)
    return looker.snapshot()


async def _probe(looker: Looker, probe: Probe) -> None:
    for vip in tuple(looker.state.vips)[:4]:
        result = await probe(vip)
        looker.take(ClientProbed(vip=vip, at=looker.now(), result=result))


class Recorder:
    """A connection whose answers are kept."""

    def __init__(self, node: str, real: Connection, into: Recording, now: Callable[[], float]) -> None:
        self._node, self._real, self._into, self._now = node, real, into, now

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        result = await self._real.run(command, stdin=stdin, limit=limit, timeout_s=timeout_s)
        marker = stdin.decode().strip()
        begin = f"\n@{marker} begin "
        for part in ("\n" + result.stdout.decode("utf-8", "surrogateescape")).split(begin)[1:]:
            text = (begin + part).replace(f"\n@{marker} ", f"\n@{MARK} ")
            self._into.add(self._node, part.partition("\n")[0], self._now(), text)
        return result

    async def exchange(self, host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        try:
            data = await self._real.exchange(host, port, request, limit=limit, timeout_s=timeout_s)
        except ProblemError as error:
            text = json.dumps([error.problem.kind.name, error.problem.summary])
            self._into.add(self._node, "squid.manager failed", self._now(), text)
            raise
        self._into.add(self._node, "squid.manager", self._now(), data.decode("utf-8", "surrogateescape"))
        return data


class Player:
    """A recording's nodes and clients, one answer after the other; time goes on with what is answered."""

    def __init__(self, recording: Recording) -> None:
        self._left = {key: list(told) for key, told in recording.answers.items()}
        self._begun = recording.begun
        self._name = recording.name
        self._at = recording.begun

    def now(self) -> float:
        return self._at

    def next(self, node: str, kind: str) -> str | None:
        told = self._left.get((node, kind))
        if not told:
            return None
        at, lines = told.pop(0)
        self._at = max(self._at, self._begun + at)
        return "\n".join(lines)

    def node(self, name: str) -> Connection:
        return _Played(self, name)  # type: ignore[return-value]

    async def probe(self, vip: IpAddress) -> ClientResult:
        told = self.next("client", str(vip))
        assert told is not None, f"{self._name}: {vip} was not asked; record it anew"
        return ClientResult(**json.loads(told))

    async def pause(self, seconds: float) -> None:
        """It went by when it was recorded."""


class _Played:
    def __init__(self, player: Player, name: str) -> None:
        self._player, self._name = player, name

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float) -> RunResult:
        lines = script.read_batch(command)
        assert lines is not None
        frames = [self._player.next(self._name, line.id) for line in lines]
        text = "".join(f or "" for f in frames).replace(f"\n@{MARK} ", f"\n@{stdin.decode().strip()} ")
        return RunResult(stdout=text.encode("utf-8", "surrogateescape"), stderr=b"", exit_status=0, truncated=False)

    async def exchange(self, host: str, port: int, request: bytes, *, limit: int, timeout_s: float) -> bytes:
        told = self._player.next(self._name, "squid.manager")
        if told is not None:
            return told.encode("utf-8", "surrogateescape")
        failed = self._player.next(self._name, "squid.manager failed")
        assert failed is not None, f"{self._name}: the cache manager was not asked; record it anew"
        kind, summary = json.loads(failed)
        raise ProblemError(Problem(kind=ProblemKind[kind], summary=summary))


async def play(recording: Recording) -> Snapshot:
    """What the console says of a recording."""
    player = Player(recording)
    looker = Looker(recording.spec(), player.now)
    connections = {n.name: player.node(n.name) for n in looker.spec.nodes}
    return await look(looker, connections, player.probe, player.pause)
