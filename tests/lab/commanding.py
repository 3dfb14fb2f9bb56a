"""`haconsole node` as a process at the operator's place, as `ops` with only the printed sudoers; and who sees what it does.

What the nodes are is read from outside, never over the console's own way.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from haconsole.operations import audit
from tests.lab.harness import ORIGIN_URL, Lab, until
from tests.lab.harness.netns import call_inside
from tests.lab.harness.node import Node
from tests.lab.operating import granted

ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = "192.168.2.101", "192.168.2.102"
DRAIN_FILE = "/run/haconsole-drain"
ANSWER_S = 0.9
"""Below TCP's first retransmission of a SYN (1 s): what is lost fails, what is slow on a busy machine does not."""
UNDER_WAY_S = 0.1
"""A request begun so shortly before its VIP moved was under way then; a quick one takes milliseconds."""
HAND_OVER_S = 1.0
"""Longest time that keepalived itself lets both nodes hold a VIP: the loser goes with the first advert that it hears."""


# --- the command ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


class Running:
    """A console at work. Lines of standard error are read as they come."""

    def __init__(self, process: subprocess.Popen[str], kill_after: str | None, place: str) -> None:
        self.process, self.place = process, place
        self.lines: list[str] = []
        self.killed_at: float | None = None
        self.ended_at: dict[str, float] = {}
        """Step → when its end was told, monotonic seconds."""
        self._out: list[str] = []
        self._kill_after = kill_after
        self._readers = [threading.Thread(target=t, daemon=True) for t in (self._talk, self._data)]
        for reader in self._readers:
            reader.start()

    def _talk(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            sign, _, rest = line.partition(" ")
            step = rest.partition(":")[0]
            if sign in {"●", "✖"} and step == self._kill_after and self.killed_at is None:
                self.process.kill()
                self.killed_at = time.monotonic()
            if sign in {"●", "✖"}:
                self.ended_at[step] = time.monotonic()
            self.lines.append(line.rstrip("\n"))

    def _data(self) -> None:
        assert self.process.stdout is not None
        self._out.append(self.process.stdout.read())

    def step(self, name: str, seconds: float = 60.0) -> None:
        """Return when this step has ended."""
        until(lambda: name in self.ended_at or self.process.poll() is not None, seconds, f"{name}: {self.lines}")
        assert name in self.ended_at, self.lines

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.killed_at = time.monotonic()
        self.process.wait()

    def wait(self, seconds: float = 150.0) -> Done:
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return Done(code, "".join(self._out), "\n".join(self.lines))


@dataclass
class Command:
    """The command line of one operator."""

    lab: Lab
    folder: Path
    operator: str = "anna"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self.lab.write_config(self.folder / "haconsole.toml", user="ops", sudo=True, **self.settings)
        self.audit = self.folder / "audit.jsonl"

    def start(self, *argv: str, kill_after: str | None = None) -> Running:
        """Start it; with `kill_after` it is killed as soon as it tells the end of this step."""
        process = self.lab.operator_popen(
            [sys.executable, "-m", "haconsole", "--config", str(self.config), *argv],
            env={"HACONSOLE_AUDIT": str(self.audit), "LOGNAME": self.operator, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        return Running(process, kill_after, " ".join(argv))

    def run(self, *argv: str) -> Done:
        return self.start(*argv).wait()

    def node(self, action: str, *argv: str, node: str = ONE, confirmed: bool = True) -> Done:
        """`haconsole node … -o json`, confirmed."""
        return self.run(*self.words(action, *argv, node=node, confirmed=confirmed))

    @staticmethod
    def words(action: str, *argv: str, node: str = ONE, confirmed: bool = True) -> list[str]:
        return ["node", action, node, *(("--confirm", node) if confirmed else ()), "-o", "json", *argv]

    def status(self) -> dict[str, Any]:
        """The cluster's part of `status -o json`."""
        return dict(self.run("status", "-o", "json").document["clusters"][0])

    def findings(self) -> dict[tuple[str, str | None], str]:
        """(id, node) → summary."""
        return {(f["id"], f["node"]): f["summary"] for f in self.status()["findings"]}

    def audited(self) -> list[audit.Entry]:
        """The log's entries, whose chain holds. Raises: AssertionError."""
        chain = audit.read(self.audit.read_bytes().splitlines(keepends=True) if self.audit.exists() else [])
        assert not chain.breaks, chain.breaks
        return [w.entry for w in chain.entries]


# --- the nodes, from outside ----------------------------------------------------------------------

_STANDING = f"""
ip -o link show up | sed 's/^[0-9]*: /up /;s/@.*//;s/:.*//'
ip -o addr | awk '{{print "addr", $2, $4}}'
for f in 4 6; do ip -o -$f route show table all | grep -v -e multicast -e 'table local' | sed "s/^/route$f /"; done
echo units $(systemctl is-active keepalived squid)
echo drain $(cat {DRAIN_FILE} 2>/dev/null || echo 0)
echo note $(cat /run/haconsole/drain 2>/dev/null)
"""


def standing(node: Node) -> list[str]:
    """Links, addresses, routes of both families, units, drain: what an action may change and has to put back."""
    lines = node.sh(_STANDING).splitlines()
    return sorted(" ".join(w for w in line.split() if w not in {"linkdown", "dead"}) for line in lines)


def standings(lab: Lab) -> dict[str, list[str]]:
    return dict(zip(lab.nodes, lab.each_node(standing), strict=True))


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    """What is missing (-) and what is new (+), for a person."""
    found = []
    for name, old in before.items():
        new = after[name]
        found += [f"{name}: -{x}" for x in old if x not in new] + [f"{name}: +{x}" for x in new if x not in old]
    return "; ".join(found)


def kept(node: Node) -> set[str]:
    """What lies below /run/haconsole, without that prefix."""
    return {
        p.removeprefix("/run/haconsole/")
        for p in node.sh("find /run/haconsole -mindepth 1 2>/dev/null || true").split()
    }


def revert_units(node: Node) -> list[str]:
    """Units of haconsole that wait or run."""
    listed = node.systemctl("list-units", "--plain", "--no-legend", "--state=active,activating", "haconsole-*")
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def sessions(node: Node) -> dict[int, str]:
    """Processes that a login brought: all in sshd's unit or in a session's, but the server itself; and any of `ops`."""
    found: dict[int, str] = {}
    for line in node.exec("ps", "-eo", "pid=,user=,unit=,args=").stdout.splitlines():
        pid, user, unit, args = line.split(None, 3)
        if args.startswith("sshd: /usr/sbin/sshd"):
            continue
        if user == "ops" or unit == "ssh.service" or unit.startswith(("session-", "user@")):
            found[int(pid)] = f"{unit} {user} {args[:100]}"
    return found


_RICH = (
    "-6 addr add 2001:db8:5::11/64 dev eth1 nodad",
    "-6 route add 2001:db8:9::/48 via 2001:db8:5::80 dev eth1",
    "-6 route add 2001:db8:a::/48 via fe80::80 dev eth1 proto static metric 50",
    "route add 198.18.0.0/15 via 203.0.113.80 dev eth1 proto static metric 7",
    "route add 192.88.99.0/24 via 203.0.113.80 dev eth1 table 77",
)


@contextlib.contextmanager
def rich(node: Node) -> Iterator[None]:
    """More on eth1 than the article has: an IPv6 address, static routes of both families, another table."""
    for line in _RICH:
        node.exec("ip", *line.split())
    try:
        yield
    finally:
        for line in (
            "-6 route flush dev eth1 proto static", "-6 route flush dev eth1 proto boot", "-6 addr flush dev eth1 scope global",
            "route flush table 77", "route flush dev eth1 proto static",
        ):  # fmt: skip
            node.exec("ip", *line.split(), check=False)


@contextlib.contextmanager
def disturbed(lab: Lab, folder: Path, **settings: Any) -> Iterator[Command]:
    """An operator with the printed sudoers; the pair has no past by which it would seem to flap."""
    with granted(lab):
        yield Command(lab, folder, settings=settings)


def _now() -> float:
    """As `ip -ts` counts it: the machine's wall clock."""
    return time.time()  # noqa: TID251


# --- both kernels, all the time -------------------------------------------------------------------


class Kernels:
    """`ip monitor address` of every node while it is watched: since when which node has which VIP; and `ip monitor
    neigh` where clients are: since when they know the way to it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lines: dict[str, list[str]] = {name: [] for name in lab.nodes}
        self._neighbours: list[str] = []
        self._started: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def watched(self) -> Iterator[Kernels]:
        processes: list[subprocess.Popen[str]] = []
        readers: list[threading.Thread] = []
        watches = [(node.container.namespace, "address", self._lines[name]) for name, node in self._lab.nodes.items()]
        for namespace, what, lines in (*watches, (self._lab.operator_namespace, "neigh", self._neighbours)):
            process = subprocess.Popen(
                ["ip", "-n", namespace, "-o", "-ts", "monitor", what],
                stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert process.stdout is not None
            reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
            reader.start()
            processes.append(process)
            readers.append(reader)
        self._started = {vip: set(self._lab.holders(vip)) for vip in (VIP1, VIP2)}
        try:
            yield self
        finally:
            for process, reader in zip(processes, readers, strict=True):
                process.terminate()
                process.wait(10)
                reader.join(10)
                assert process.stdout is not None
                process.stdout.close()

    def changes(self, vip: str) -> list[tuple[float, str, bool]]:
        """(time, node, has it from now on), in order."""
        found = []
        for name, lines in self._lines.items():
            for line in lines:
                at, rest = _stamped(line)
                if f" {vip}/" in rest:
                    found.append((at, name, not rest.startswith("Deleted")))
        return sorted(found)

    def moved(self, vip: str) -> list[float]:
        """When it went, when it came, and when clients learned the way to its new place: a hand-over's moments."""
        found, known = [at for at, _, _ in self.changes(vip)], ""
        for line in self._neighbours:
            at, rest = _stamped(line)
            way = re.match(rf"{re.escape(vip)} .*lladdr (\S+)", rest)
            if way is not None and way[1] != known:
                found.append(at)
                known = way[1]
        return sorted(found)

    def longest_on_both(self) -> float:
        """Seconds that a VIP was on more than one node at the longest; call it when watching is over."""
        longest = 0.0
        for vip, first in self._started.items():
            holders, since = set(first), None
            for at, name, has in [*self.changes(vip), (_now(), "", False)]:
                if since is not None:
                    longest = max(longest, at - since)
                (holders.add if has else holders.discard)(name)
                since = (since or at) if len(holders) > 1 else None
        return longest


def _stamped(line: str) -> tuple[float, str]:
    """A line of `ip -ts monitor`: (seconds since the epoch, the rest); one without a stamp says nothing."""
    stamp, _, rest = line.partition("] ")
    return (datetime.fromisoformat(stamp[1:]).timestamp(), rest) if stamp.startswith("[") else (0.0, "")


# --- clients --------------------------------------------------------------------------------------


@dataclass
class Clients:
    """New requests through a VIP, one begun every 20 ms."""

    sent: int = 0
    failed: list[tuple[float, float, str]] = field(default_factory=list)
    """(begun, given up, why), seconds since the epoch."""

    def lost(self, moved: list[float]) -> list[tuple[float, float, str]]:
        """What failed, but requests that were under way when the VIP moved: a connection does not move with it.
        moved: as `Kernels.moved` tells it; what is sent to the old place until then is lost as well."""
        return [f for f in self.failed if not any(f[0] <= at <= f[0] + UNDER_WAY_S for at in moved)]


@contextlib.contextmanager
def clients(lab: Lab, vips: Sequence[str] = (VIP1, VIP2)) -> Iterator[dict[str, Clients]]:
    """Clients at work at the operator's place for as long as the block lasts."""
    found = {vip: Clients() for vip in vips}
    over = threading.Event()

    def work(vip: str) -> None:
        def loop() -> None:
            due = time.monotonic()
            while not over.is_set():
                found[vip].sent += 1
                began = _now()
                why = _asked(vip)
                if why is not None:
                    found[vip].failed.append((began, _now(), why))
                due = max(due + 0.02, time.monotonic() - 1.0)
                over.wait(max(0.0, due - time.monotonic()))

        call_inside(lab.operator_namespace, loop)

    threads = [threading.Thread(target=work, args=(vip,), daemon=True) for vip in vips]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


def _asked(vip: str) -> str | None:
    """One request; None: answered with 200."""
    connection = http.client.HTTPConnection(vip, 3128, timeout=ANSWER_S)
    try:
        connection.request("GET", ORIGIN_URL, headers={"Connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()
    return None if status == 200 else str(status)
