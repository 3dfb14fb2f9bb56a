"""What guards are told by real nodes, as `ops` with the printed sudoers: all of it when all is well, and the fault
that there is when there is one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from haconsole.config.load import load
from haconsole.operations.actions import Action, Kind, drain_of
from haconsole.operations.guards import judge, refusals
from haconsole.operations.guards_context import Asked, Guard
from haconsole.runtime.asking import ask
from haconsole.runtime.asking_rights import wanted_rights
from haconsole.runtime.assemble import Parts, production
from haconsole.runtime.desk import Desk
from haconsole.runtime.monitor import Monitor, run_all
from tests.lab import operating
from tests.lab.harness import Lab, faults
from tests.lab.harness.configurations import KEEPALIVED_CONF, SQUID, SUDOERS
from tests.lab.quiet import forget_the_past
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("in_operator_namespace")
ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = ip_address("192.168.2.101"), ip_address("192.168.2.102")
Fault = Callable[[Lab], contextlib.AbstractContextManager[object]]


@dataclass
class Console:
    """A console that asks and judges, and changes nothing."""

    parts: Parts
    monitor: Monitor
    desks: Mapping[str, Desk]

    def action(self, kind: Kind, interface: str | None = None) -> Action:
        picture = self.monitor.picture()
        drain = drain_of(picture, picture.node(ONE)) if kind is Kind.DRAIN else None
        return Action(kind=kind, node=ONE, interface=interface, drain=drain)

    async def ask(self, action: Action) -> Asked:
        return await ask(
            self.monitor.spec, self.monitor.picture(), self.monitor.state, action, self.desks, self.parts.clock,
            operator="anna", operation="op-asking",
        )  # fmt: skip

    async def judge(self, action: Action) -> dict[str, Guard]:
        asked = await self.ask(action)
        return {g.id: g for g in judge(self.monitor.picture(), action, asked)}

    async def judge_until(self, action: Action, wanted: Callable[[dict[str, Guard]], object]) -> dict[str, Guard]:
        """Asked again whenever there is news, until the guards say what is `wanted`; at most 40 s."""
        found: dict[str, Guard] = {}
        try:
            async with asyncio.timeout(40):
                while not wanted(found := await self.judge(action)):
                    await self.monitor.changed()
        except TimeoutError:
            raise AssertionError(shown(found)) from None
        return found

    def read(self) -> bool:
        """Everything was read, both VIPs serve where they belong."""
        picture = self.monitor.picture()
        vips = {v.address: v for v in picture.vips}
        return all(
            (v := vips.get(a)) is not None and v.holders == (n,) and v.settled and v.client and v.client.result.ok
            for a, n in ((VIP1, ONE), (VIP2, TWO))
        ) and all(n.dump_at and n.config and n.squid and n.versions and n.squid_unit for n in picture.nodes)


@asynccontextmanager
async def console(lab: Lab, folder: Path) -> AsyncIterator[Console]:
    (spec,) = load(lab.write_config(folder / "haconsole.toml", user="ops", sudo=True))
    parts = production()
    monitor = Monitor(spec, parts.connector, parts.probe, parts.clock)
    desks = {n.name: Desk(spec, n, parts.connector, parts.clock, lambda _: None) for n in spec.nodes}
    running = asyncio.ensure_future(run_all([monitor], parts.connector))
    found = Console(parts, monitor, desks)
    try:
        with operating.granted(lab):
            await until(found.read, 40)
            yield found
    finally:
        for desk in desks.values():
            await desk.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def shown(found: Mapping[str, Guard]) -> str:
    return "\n".join(f"{g.ok} {g.id}: {g.evidence}" for g in found.values())


def well(found: Mapping[str, Guard]) -> bool:
    return not refusals(tuple(found.values()))


async def test_of_a_healthy_pair_everything_is_known_and_nothing_refuses(healthy_lab: Lab, tmp_path: Path) -> None:
    forget_the_past(healthy_lab)
    async with console(healthy_lab, tmp_path) as desk:
        with socket.create_connection((str(VIP1), 3128)) as client:
            for action in (
                desk.action(Kind.SQUID_STOP),
                desk.action(Kind.LINK_DOWN, "eth1"),
                desk.action(Kind.DRAIN),
                desk.action(Kind.KEEPALIVED_RELOAD),
            ):
                found = await desk.judge_until(action, well)
                print(action.text, shown(found), sep="\n")
                assert all(g.ok is True or g.warns for g in found.values())
            asked = await desk.ask(desk.action(Kind.DRAIN))
            assert client.getpeername()[0] == str(VIP1)
        assert asked.operations.keys() == {ONE, TWO}
        assert asked.requests[TWO].ok is True and "192.168.2.252" in asked.requests[TWO].text
        assert asked.nonlocal_bind == {ONE: False, TWO: False}
        wanted = {(ONE, s.id) for s in wanted_rights(desk.action(Kind.DRAIN))}
        assert wanted <= asked.rights.keys()
        assert all(a.ok is True for a in asked.rights.values()), asked.rights
        assert asked.config_test is not None and asked.config_test.ok is True
        assert asked.master_changes is not None
        assert asked.fighters == ()
        assert asked.connections[VIP1] >= 1
        assert asked.connections.keys() == {VIP1, VIP2}


async def test_by_the_track_file_too(healthy_lab: Lab, tmp_path: Path) -> None:
    forget_the_past(healthy_lab)
    with faults.lossless(healthy_lab):
        async with console(healthy_lab, tmp_path) as desk:
            found = await desk.judge_until(desk.action(Kind.DRAIN), well)
            assert found["drain-possible"].ok is True


def squid_on_its_own_address(lab: Lab) -> contextlib.AbstractContextManager[None]:
    own = SQUID.replace("http_port 0.0.0.0:", f"http_port {lab.nodes[TWO].address}:")
    return faults.squid_configured(lab.nodes[TWO], own)


def file_broken(lab: Lab) -> contextlib.AbstractContextManager[None]:
    text = lab.nodes[ONE].read(KEEPALIVED_CONF)
    return faults.file_replaced(lab.nodes[ONE], KEEPALIVED_CONF, text.replace("virtual_router_id", "virtual_ruter_id"))


def only_with_a_password(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """sudo permits everything, but of haconsole's lines it wants a password for each."""
    rules = "ops ALL=(ALL:ALL) NOPASSWD: /bin/true\nops ALL=(ALL:ALL) ALL\n"
    return faults.file_replaced(lab.nodes[ONE], SUDOERS, rules, 0o440)


@contextlib.contextmanager
def locked_by_another(lab: Lab):  # type: ignore[no-untyped-def]
    node = lab.nodes[TWO]
    other = operating.Desk(lab=lab, node=node, operation="op-of-another", user="root")
    other.lock()
    try:
        yield
    finally:
        other.release()


FAULTS: dict[str, tuple[Fault, Kind, str]] = {
    "squid of the peer stopped": (lambda lab: faults.unit_stopped(lab.nodes[TWO], "squid"), Kind.SQUID_STOP, "peer-serves"),
    "squid of the peer hangs": (lambda lab: faults.squid_frozen(lab.nodes[TWO]), Kind.SQUID_STOP, "peer-serves"),
    "public link of the peer down": (
        lambda lab: faults.link_down(lab.nodes[TWO], "eth1"), Kind.LINK_DOWN, "peer-public-link",
    ),
    "squid of the peer listens on its own address": (squid_on_its_own_address, Kind.SQUID_STOP, "peer-can-bind"),
    "the file would not be taken": (file_broken, Kind.KEEPALIVED_RELOAD, "config-passes"),
    "no sudo": (lambda lab: faults.sudo_broken(lab.nodes[ONE]), Kind.SQUID_STOP, "rights-present"),
    "sudo wants a password": (only_with_a_password, Kind.SQUID_STOP, "rights-present"),
    "another console at work": (locked_by_another, Kind.SQUID_STOP, "no-other-operation"),
}  # fmt: skip


async def test_a_rule_that_wants_a_password_before_the_printed_lines_does_not_matter(
    healthy_lab: Lab, tmp_path: Path
) -> None:
    """As where `ops` is in the group sudo too: the last rule that matches decides."""
    async with console(healthy_lab, tmp_path) as desk:
        node = healthy_lab.nodes[ONE]
        rules = "ops ALL=(ALL:ALL) ALL\n" + node.read(SUDOERS)
        with faults.file_replaced(node, SUDOERS, rules, 0o440):
            for action in (desk.action(Kind.LINK_DOWN, "eth1"), desk.action(Kind.DRAIN)):
                asked = await desk.ask(action)
                wanted = {(ONE, s.id) for s in wanted_rights(action)}
                assert wanted <= asked.rights.keys()
                assert [i for i in wanted if asked.rights[i].ok is not True] == []


@pytest.mark.parametrize("name", FAULTS)
async def test_the_guard_whose_matter_it_is_refuses(healthy_lab: Lab, tmp_path: Path, name: str) -> None:
    fault, kind, guard = FAULTS[name]
    async with console(healthy_lab, tmp_path) as desk:
        interface = "eth1" if kind is Kind.LINK_DOWN else None
        before = await desk.judge(desk.action(kind, interface))
        assert before[guard].ok is True, before[guard]
        with fault(healthy_lab):
            found = await desk.judge_until(desk.action(kind, interface), lambda g: g[guard].ok is not True)
            print(f"{name}: {found[guard].ok} {found[guard].evidence}")
            assert not found[guard].passes


async def test_changes_of_master_that_nothing_explains_are_counted(healthy_lab: Lab, tmp_path: Path) -> None:
    forget_the_past(healthy_lab)
    two = healthy_lab.nodes[TWO]
    action = Action(kind=Kind.SQUID_STOP, node=ONE)
    try:
        async with console(healthy_lab, tmp_path) as desk:
            assert (await desk.judge(action))["not-flapping"].ok is True
            found: dict[str, Guard] = {}
            for _ in range(10):  # those within ten seconds of keepalived's start are explained by it
                with faults.vrrp_dropped(healthy_lab, two):  # deaf, it takes what the other has
                    await until(lambda: healthy_lab.holders(str(VIP1)) == [ONE, TWO], 20)
                await until(lambda: healthy_lab.holders(str(VIP1)) == [ONE], 20)
                found = await desk.judge(action)
                if found["not-flapping"].ok is False:
                    break
            assert found["not-flapping"].ok is False
            assert found["not-flapping"].evidence == "192.168.2.101: 4 changes"
            for _ in range(2):
                with faults.link_down(two, "eth1"):
                    await until(lambda: healthy_lab.holders(str(VIP2)) == [ONE], 20)
                await until(lambda: healthy_lab.holders(str(VIP2)) == [TWO], 20)
            asked = await desk.ask(action)
            assert asked.master_changes is not None
            moved = [c.explained for c in asked.master_changes if c.vip == VIP2 and c.at > asked.now - 60]
            assert len(moved) >= 4 and all(moved), asked.master_changes
    finally:
        forget_the_past(healthy_lab)


async def test_a_node_that_hangs_holds_up_nobody_and_is_not_known(healthy_lab: Lab, tmp_path: Path) -> None:
    async with console(healthy_lab, tmp_path) as desk:
        with faults.frozen(healthy_lab.nodes[TWO]):
            asked = await desk.ask(desk.action(Kind.SQUID_STOP))
        assert ONE in asked.operations and asked.rights[ONE, "squid.stop"].ok is True
        assert TWO not in asked.operations
        assert asked.requests[TWO].ok is False
        await until(lambda: all(n.readable for n in desk.monitor.picture().nodes), 30)


async def test_what_would_start_it_again_is_named(healthy_lab: Lab, tmp_path: Path) -> None:
    node = healthy_lab.nodes[ONE]
    node.sh("systemd-run --unit=squid-watch --on-active=1h /bin/true")
    try:
        async with console(healthy_lab, tmp_path) as desk:
            found = await desk.judge(desk.action(Kind.SQUID_STOP))
            assert "squid-watch.timer" in found["nobody-fights-back"].evidence
    finally:
        node.sh("systemctl stop squid-watch.timer")
