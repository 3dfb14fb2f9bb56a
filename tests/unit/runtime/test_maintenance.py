"""The driver on the demo's cluster: a reboot, a console that leaves, another one that goes on, and work without a reboot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from haconsole.demo.cluster import DemoCluster
from haconsole.demo.scenarios import ONE, TWO
from haconsole.io.audit_file import AuditFile
from haconsole.io.maintenance_file import FlowFile
from haconsole.operations import maintenance
from haconsole.operations.actions import Kind
from haconsole.operations.maintenance import Ended, Flow, Stage
from haconsole.runtime.assemble import Parts, production
from haconsole.runtime.executor import Told
from haconsole.runtime.maintenance import Driver, Talk
from haconsole.runtime.monitor import Monitor, run_all
from haconsole.runtime.operate import Operate, Prepared, Words
from tests.support.wait import until


@dataclass
class Console:
    """One console: what it said, which names it would confirm."""

    demo: DemoCluster
    folder: Path
    parts: Parts
    monitor: Monitor
    operate: Operate
    confirms: tuple[str, ...] = (ONE, TWO)
    said: list[str] = field(default_factory=list)
    steps: list[Told] = field(default_factory=list)
    asked: Callable[[], None] = lambda: None
    """Called when a name is asked for."""

    @property
    def file(self) -> FlowFile:
        return FlowFile(self.demo.spec.name, self.folder)

    def driver(self, flow: Flow) -> Driver:
        async def confirm(prepared: Prepared) -> bool:
            self.said.append(prepared.plan.question)
            self.asked()
            return prepared.words.node in self.confirms

        talk = Talk(say=self.said.append, wait=lambda _: None, step=self.steps.append, confirm=confirm)
        words = Words(kind=Kind.DRAIN, node=flow.node, operator="anna", host="desk")
        parts = self.parts
        return Driver(
            flow, words, self.monitor, self.operate, parts.connector, parts.probe, parts.clock, self.file, talk
        )

    def begin(self, *nodes: str) -> Flow:
        return maintenance.begin(self.monitor.picture(), nodes, self.parts.clock.now(), operator="anna@desk")

    def has_said(self, words: str) -> bool:
        return any(words in line for line in self.said)


@asynccontextmanager
async def console(demo: DemoCluster, folder: Path) -> AsyncIterator[Console]:
    parts = production()
    monitor = Monitor(demo.spec, parts.connector, parts.probe, parts.clock)
    operate = Operate(monitor, parts.connector, parts.clock, AuditFile(folder / "audit.jsonl"))
    running = asyncio.ensure_future(run_all([monitor], parts.connector))
    try:
        await operate.ready()
        yield Console(demo, folder, parts, monitor, operate)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def reboot(demo: DemoCluster, name: str) -> None:
    """As the operator does it: over SSH."""
    node = next(n for n in demo.spec.nodes if n.name == name)
    async with asyncssh.connect(
        node.address, port=node.ssh.port or 22, username=node.ssh.user or "", config=None,
        client_keys=[str(node.ssh.identity_file)], known_hosts=str(node.ssh.known_hosts),
    ) as connection:  # fmt: skip
        done = await connection.run("sudo -n -- reboot")
        assert done.exit_status == 0, done.stderr


async def test_a_node_reboots_while_one_console_leaves_and_another_goes_on(tmp_path: Path) -> None:
    async with DemoCluster("drainable") as demo:
        async with console(demo, tmp_path) as first:
            driver = first.driver(first.begin(ONE))
            running = asyncio.ensure_future(driver.run())
            await until(lambda: first.has_said(f"{ONE} is drained: patch and reboot it now") or running.done(), 60)
            assert not running.done(), running.result()
            await reboot(demo, ONE)
            await until(lambda: first.has_said("does not answer: expected"), 30)
            driver.leave()
            assert (await running).result == "left"
        async with console(demo, tmp_path) as second:
            kept = second.file.load()
            assert kept is not None and kept.stage is Stage.AWAY
            ended = await asyncio.wait_for(second.driver(maintenance.resumed(kept, kept.since)).run(), 90)
            assert ended.result == "done", (ended, second.said)
            assert second.has_said("its drain ended with it") and second.has_said("● request: 200")
            assert second.file.load() is None
            assert not second.steps, "the reboot ended the drain: nothing was undrained"


async def test_work_without_a_reboot_ends_with_an_undrain(tmp_path: Path) -> None:
    async with DemoCluster("drainable") as demo, console(demo, tmp_path) as desk:
        driver = desk.driver(desk.begin(TWO))
        running = asyncio.ensure_future(driver.run())
        await until(lambda: desk.has_said(f"{TWO} is drained") or running.done(), 60)
        assert not running.done(), running.result()
        driver.done.set()
        ended = await asyncio.wait_for(running, 90)
        assert ended.result == "done", (ended, desk.said)
        assert desk.has_said("● drain: still drained: undrained next")
        assert [s.step for s in desk.steps if s.ended is not None].count("change") == 2, "drain and undrain"


async def test_a_name_that_is_not_confirmed_touches_nothing(tmp_path: Path) -> None:
    async with DemoCluster("drainable") as demo, console(demo, tmp_path) as desk:
        desk.confirms = ()
        ended = await desk.driver(desk.begin(ONE)).run()
        assert ended == Ended(result="not-confirmed", text=f"not confirmed: {ONE} was not touched")
        kept = desk.file.load()
        assert kept is not None and kept.stage is Stage.DRAIN
        assert not desk.steps


async def test_left_at_the_question_it_is_left_and_not_refused_by_its_name(tmp_path: Path) -> None:
    async with DemoCluster("drainable") as demo, console(demo, tmp_path) as desk:
        desk.confirms = ()
        driver = desk.driver(desk.begin(ONE))
        desk.asked = driver.leave
        assert await driver.run() == Ended(result="left", text=f"left where it stands: {ONE} was not touched")
        assert desk.file.load() is not None and not desk.steps
