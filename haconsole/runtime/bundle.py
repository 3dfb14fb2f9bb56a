"""Gathers a support bundle: what the catalogue can read of each node, its log, dumps and adverts, in a few seconds.

All nodes at once, one connection a node besides the one of the status picture. What a node does not give
becomes a piece that says why; nothing a node does ends the others. One node's texts: `bundle_node`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from haconsole.cluster.conclude import Snapshot
from haconsole.io.ports import ClientProbe, Clock, Connection, Connector
from haconsole.model.capture import CaptureNews, CapturePhase, CaptureState, Heard
from haconsole.model.problems import Problem, ProblemError
from haconsole.model.spec import ClusterSpec, NodeSpec
from haconsole.report.bundle import Piece, merged
from haconsole.report.bundle_redact import Redactor
from haconsole.report.status import status_document
from haconsole.runtime.bundle_node import BETWEEN_DUMPS_S, Log, NodeTexts
from haconsole.runtime.capture import NodeCapture
from haconsole.runtime.collector import first_problem, unforeseen
from haconsole.runtime.once import Look
from haconsole.wire import pcap

NODE_LIMIT_S: Final = 45.0
"""Of one node, besides the listening."""
START_S: Final = 10.0
"""What sudo and tcpdump get to begin."""
PACKETS: Final = 5000
"""Of one node's capture."""
LOG_MARGIN_S: Final = 1.0
LOG_LEAST: Final = 300
"""Lines of each log that are kept, however old."""


class Bundler:
    """Gathers one cluster's pieces. `seconds`: how long to listen; `minutes`: how far back the logs go."""

    def __init__(
        self,
        cluster: ClusterSpec,
        connector: Connector,
        clock: Clock,
        redactor: Redactor,
        *,
        seconds: float,
        minutes: float,
    ) -> None:
        self._cluster, self._connector, self._clock, self._redactor = cluster, connector, clock, redactor
        self._seconds, self._minutes = seconds, minutes
        self.pieces: list[Piece] = []
        self.reached: set[str] = set()
        self._logs: list[Log] = []

    async def run(self, probe: ClientProbe) -> None:
        """Gather; `pieces` and `reached` tell the rest. Never raises for what nodes do."""
        snapshot = await Look(self._cluster, self._connector, probe, self._clock).run()
        self._status(snapshot)
        await asyncio.sleep(BETWEEN_DUMPS_S)  # the look has just asked for a dump
        async with asyncio.TaskGroup() as tasks:
            for node in self._cluster.nodes:
                tasks.create_task(self._node(node))
        self._write_logs()
        order = {None: -1} | {node.name: index for index, node in enumerate(self._cluster.nodes)}
        self.pieces.sort(key=lambda piece: order[piece.node])

    def _status(self, snapshot: Snapshot) -> None:
        document = self._redactor.values(status_document([snapshot]))
        self._add(None, "status.json", "haconsole status -o json", json.dumps(document, indent=1, ensure_ascii=False))

    def _add(self, node: str | None, name: str, what: str, content: str | bytes, *, cut: bool = False) -> None:
        self.pieces.append(
            Piece(
                cluster=self._cluster.name,
                node=node,
                name=name,
                what=what,
                at=self._clock.now(),
                content=content,
                cut=cut,
            )
        )

    def _miss(self, node: str | None, name: str, what: str, why: str) -> None:
        self.pieces.append(
            Piece(
                cluster=self._cluster.name,
                node=node,
                name=name,
                what=what,
                at=self._clock.now(),
                missing=self._redactor.text(why),
            )
        )

    # --- one node ------------------------------------------------------------

    async def _node(self, node: NodeSpec) -> None:
        connection: Connection | None = None
        try:
            async with asyncio.timeout(NODE_LIMIT_S + self._seconds):
                connection = await self._connector.connect(node)
                self.reached.add(node.name)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(node, connection))
                    texts = NodeTexts(self._cluster, node, connection, self._clock, self._redactor, self)
                    tasks.create_task(texts.run())
        except* ProblemError as group:
            self._lost(node, first_problem(group).problem)
        except* TimeoutError:
            self._miss(node.name, "rest", "the rest of this node", "it did not tell everything in time")
        except* Exception as group:  # noqa: BLE001 - a node must not be able to end the others
            self._lost(node, unforeseen(node.name, group.exceptions[0]))
        finally:
            if connection is not None:
                connection.abort()

    def _lost(self, node: NodeSpec, problem: Problem) -> None:
        detail = f" ({problem.detail})" if problem.detail else ""
        self._miss(node.name, "rest", "the rest of this node", f"{problem.summary}{detail}")

    async def _listen(self, node: NodeSpec, connection: Connection) -> None:
        ear = _Ear()
        capture = NodeCapture(node, self._clock, ear, gives_up=lambda problem, listened: True)
        what = f"VRRP and gratuitous ARP on {node.lan_interface} for {self._seconds:g} s, passwords zeroed"
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(capture.follow(connection))
            begun = tasks.create_task(ear.begun.wait())
            await asyncio.wait([following, begun], timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([following], timeout=self._seconds)
            capture.end()
            begun.cancel()
        if ear.problem is not None and not ear.heard:
            self._miss(node.name, "adverts.pcap", what, ear.problem.summary)
        else:
            data = pcap.header(ear.link_type) + b"".join(ear.heard)
            self._add(node.name, "adverts.pcap", f"{what}: {len(ear.heard)} packets", data, cut=ear.full)

    # --- logs ----------------------------------------------------------------

    def _write_logs(self) -> None:
        """Of the same minutes on all nodes: from where each log reaches back to."""
        since = self._clock.now() - self._minutes * 60
        begins = [log.lines[0][0] for log in self._logs if log.full and log.lines]
        start = max([since, *begins]) - LOG_MARGIN_S
        what = "the log of keepalived, squid and systemd about both, times by the console's clock"
        together: list[tuple[str, float, str]] = []
        for log in self._logs:
            inside = sum(at >= start for at, _ in log.lines)
            kept = [(log.node, at, text) for at, text in log.lines[-max(inside, LOG_LEAST) :]]
            together += kept
            self._add(
                log.node, "log.txt", f"{what}, times corrected to the console's clock", merged(kept), cut=log.full
            )
        if len(self._logs) > 1:
            self._add(None, "log-all-nodes.txt", f"{what}, all nodes in the order of time", merged(together))

    # --- what `NodeTexts` tells ------------------------------------------------

    def text(self, node: str, name: str, what: str, content: str, *, cut: bool = False) -> None:
        """See `Taker`."""
        self._add(node, name, what, content, cut=cut)

    def miss(self, node: str, name: str, what: str, why: str) -> None:
        """See `Taker`."""
        self._miss(node, name, what, why)

    def log(self, log: Log) -> None:
        """See `Taker`."""
        self._logs.append(log)


class _Ear:
    """Keeps what one capture hears, as pcap records. A `Sink`."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.link_type = 1
        self.full = False
        self.problem: Problem | None = None
        self.begun = asyncio.Event()

    async def packets(self, heard: Sequence[Heard]) -> None:
        """See `Sink`."""
        for each in heard:
            if not self.heard:
                self.link_type = each.link_type
            if len(self.heard) >= PACKETS or each.link_type != self.link_type:
                self.full = True
                continue
            self.heard.append(pcap.record(each.at, each.frame, each.length))

    def news(self, news: CaptureNews) -> None:
        """See `Sink`."""
        if isinstance(news, CaptureState):
            if news.phase is CapturePhase.LISTENING:
                self.begun.set()
            elif news.phase is CapturePhase.OVER:
                self.problem = news.problem
