"""The live picture on real nodes: news at once, half-dead links in seconds, recovery by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.catalogue import read, script
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.config.load import load
from haconsole.model.events import Event, Heartbeat, LogHeard
from haconsole.model.readings import Rights, StateSource, VrrpState
from haconsole.runtime.assemble import production
from haconsole.runtime.collector import Collector, Source
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.runtime.reader import NodeReader
from tests.lab.harness import Lab, faults, heal
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1 = ip_address("192.168.2.101")
EMPTY_JOURNAL = "journalctl -q --rotate; journalctl -q --vacuum-time=1us"


class Watch:
    """A monitor that runs, and what it says now."""

    def __init__(self, monitor: Monitor, clock: object) -> None:
        self._monitor, self._clock = monitor, clock

    @property
    def picture(self) -> ClusterPicture:
        return self._monitor.snapshot(self._clock.now()).picture  # type: ignore[attr-defined]

    @property
    def ids(self) -> set[str]:
        return {f.id for f in self._monitor.snapshot(self._clock.now()).findings}  # type: ignore[attr-defined]

    def node(self, name: str) -> NodePicture:
        return self.picture.node(name)

    def state(self, name: str) -> VrrpState | None:
        return next((i.state for i in self.node(name).instances or () if i.name == "proxy_ip1"), None)

    def holders(self) -> tuple[str, ...] | None:
        return next(v.holders for v in self.picture.vips if v.address == VIP1)

    def texts(self) -> list[str]:
        return [o.text for o in self.picture.log]


@asynccontextmanager
async def watching(lab: Lab, folder: Path, user: str = "root") -> AsyncIterator[Watch]:
    (spec,) = load(lab.write_config(folder / "haconsole.toml", user=user))
    parts = production()
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    running = asyncio.ensure_future(run_all([monitor], parts.connector))
    watch = Watch(monitor, parts.clock)
    try:
        await until(lambda: watch.state(ONE) is VrrpState.MASTER and watch.state(TWO) is VrrpState.BACKUP, 30)
        yield watch
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_link_that_goes_down_is_followed_and_its_return_too(healthy_lab: Lab, tmp_path: Path) -> None:
    async with watching(healthy_lab, tmp_path) as watch:
        with faults.link_down(healthy_lab.nodes[ONE], "eth1"):
            await until(lambda: watch.state(ONE) is VrrpState.FAULT and watch.holders() == (TWO,), 15)
            await until(lambda: {"link-down", "instance-fault", "no-redundancy"} <= watch.ids, 15)
        await until(lambda: watch.holders() == (ONE,) and not watch.ids & {"link-down", "instance-fault"}, 30)
        assert any("eth1 down" in t for t in watch.texts())
        assert any("Entering FAULT STATE" in t for t in watch.texts())
        assert not any("SIGUSR1" in t or "Printing VRRP" in t for t in watch.texts()), "our own dumps are no news"


def frozen_sshd(lab: Lab) -> AbstractContextManager[None]:
    return faults.sshd_frozen(lab.nodes[ONE])


def frozen_node(lab: Lab) -> AbstractContextManager[None]:
    return faults.frozen(lab.nodes[ONE])


def black_hole(lab: Lab) -> AbstractContextManager[None]:
    return faults.blackholed(lab, lab.nodes[ONE])


@pytest.mark.parametrize("fault", [frozen_sshd, frozen_node, black_hole], ids=lambda f: f.__name__)
async def test_a_half_dead_link_is_noticed_in_seconds_and_mends_itself(
    healthy_lab: Lab, tmp_path: Path, fault: object
) -> None:
    assert callable(fault)
    async with watching(healthy_lab, tmp_path) as watch:
        with fault(healthy_lab):
            await until(lambda: not watch.node(ONE).readable, 12, "the silent node is not believed")
            assert watch.node(ONE).kernel is None
            assert watch.node(ONE).instances is None
            assert watch.node(TWO).readable
        await until(lambda: watch.node(ONE).readable and watch.state(ONE) is not None, 60, "it is back")


async def test_the_daemon_s_restart_is_read_anew(healthy_lab: Lab, tmp_path: Path) -> None:
    node = healthy_lab.nodes[ONE]
    async with watching(healthy_lab, tmp_path) as watch:
        node.systemctl("stop", "keepalived")
        await until(lambda: watch.state(ONE) is None and "keepalived-down" in watch.ids, 15)
        await until(lambda: watch.holders() == (TWO,), 15)
        node.start("keepalived")
        await until(lambda: watch.state(ONE) is VrrpState.MASTER and watch.holders() == (ONE,), 30)
        await until(
            lambda: any(i.state_source is StateSource.DUMP for i in watch.node(ONE).instances or ()), 45, "a new dump"
        )
        assert "keepalived-down" not in watch.ids


async def test_of_a_journal_that_had_no_line_yet_the_first_that_come_together_all_arrive(
    healthy_lab: Lab, tmp_path: Path
) -> None:
    """`journalctl -f -n 300` tells only the last of them."""
    (spec,) = load(healthy_lab.write_config(tmp_path / "haconsole.toml", user="root"))
    parts, node = production(), healthy_lab.nodes[TWO]
    node.sh("install -D /usr/bin/logger /run/burst/squid")
    burst = ["one", "two", "three", "four"]
    # Of a program that has ended journald may find no name any more: it stays until it was heard.
    said = f"(echo {'; echo '.join(burst)}; exec sleep 60) | exec /run/burst/squid -t squid"
    heard: list[Event] = []

    def texts() -> list[str]:
        """Of the burst: squid itself may still have something to say of its start."""
        return [e.line.text for e in heard if isinstance(e, LogHeard) and e.line.text in burst]

    connection = await parts.connector.connect(spec.node(TWO))
    try:
        reader = NodeReader(spec, spec.node(TWO), connection, parts.clock)
        await reader.introduce()
        deadline = time.monotonic() + 30
        node.sh(EMPTY_JOURNAL)
        while not await reader.log_is_empty():
            assert time.monotonic() < deadline, "the journal is never empty"
            node.sh(EMPTY_JOURNAL)
        stream = await connection.stream(script.collector([read.LOG_FOLLOW_FIRST], reader.names, Rights.ROOT))
        following = asyncio.ensure_future(Collector(Source(node=TWO), stream, parts.clock, heard.append).run())
        try:
            await until(lambda: any(isinstance(e, Heartbeat) for e in heard), 15)
            node.sh(f"systemd-run -q --collect --unit burst sh -c '{said}'")
            await until(lambda: burst[-1] in texts())
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        assert texts() == burst
        assert not await reader.log_is_empty()
    finally:
        connection.abort()
        node.sh("systemctl stop burst; rm -rf /run/burst")
        heal.start_afresh(node)  # a journal that tells of no start of keepalived proves no quiet to the guards
