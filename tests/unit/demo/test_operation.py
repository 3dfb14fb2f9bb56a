"""Operations on a simulated node: the catalogue's own lines, read by the parsers that read real ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from haconsole.catalogue import change, operation, script
from haconsole.catalogue.command import CommandSpec, Root
from haconsole.catalogue.operation import OperationNames
from haconsole.demo.cluster_sim import ClusterSim
from haconsole.demo.kernel import SimAddress
from haconsole.demo.node import SimNode
from haconsole.demo.node_shell import NodeShell, Reply
from haconsole.demo.plan import DRAIN_FILE
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.model.operation import DisarmOutcome, DrainNote, LockOutcome, LockRequest, Slot, StepOutcome
from haconsole.model.readings import Rights
from haconsole.parse import operation as parse


@dataclass
class Desk:
    """A console at one node; `wait` lets simulated time pass."""

    cluster: ClusterSim
    node: SimNode
    who: str = "op-one"
    rights: Rights = Rights.SUDO

    def reply(self, spec: CommandSpec, data: str = "", interface: str = "eth1") -> Reply:
        names = OperationNames(data=data, interface=interface)
        lines = script.read_batch(script.batch([spec], names, self.rights))
        assert lines is not None
        return NodeShell(self.node).line(lines[0])

    def told(self, spec: CommandSpec, data: str = "", interface: str = "eth1") -> str:
        reply = self.reply(spec, data, interface)
        assert reply.status == 0, (spec.id, reply)
        return reply.stdout

    def wait(self, seconds: float) -> None:
        self.cluster.sim.run_until(self.cluster.sim.now + seconds)

    def lock(self, instead_of: str = "") -> Any:
        request = LockRequest(operation=self.who, owner="Zoë", host="h", name="x", node=ONE, started="s")
        return parse.parse_lock(self.told(operation.LOCK, operation.taking(request, instead_of)))

    def release(self) -> Any:
        return parse.parse_lock(self.told(operation.LOCK, operation.releasing(self.who)))

    def save(self, spec: CommandSpec = operation.SAVE_LINK, *vips: str) -> Any:
        data = operation.saving(self.who, [ip_address(v) for v in vips])
        return parse.parse_saved(self.told(spec, data))

    def arm(self, spec: CommandSpec, slot: Slot = Slot.A, seconds: int = 15) -> StepOutcome:
        return parse.parse_step(self.told(spec, operation.arming(self.who, slot, seconds))).outcome

    def disarm(self, slot: Slot = Slot.A) -> DisarmOutcome:
        return parse.parse_disarm(self.told(operation.DISARM, operation.disarming(self.who, slot))).outcome

    def state(self) -> Any:
        return parse.parse_state(self.told(operation.STATE))

    def left(self, slot: Slot = Slot.A) -> float | None:
        return parse.parse_timers(self.told(operation.TIMERS)).timer(slot).left_s(self.state().uptime_s)


@pytest.fixture
def desk() -> Desk:
    cluster = ClusterSim(SCENARIOS["healthy"].clusters[0], 1_795_000_000.0)
    return Desk(cluster, cluster.nodes[ONE])


def test_every_line_of_the_changing_catalogue_is_known_to_the_node(desk: Desk) -> None:
    for spec in (*operation.COMMANDS.values(), *change.COMMANDS.values()):
        assert desk.reply(spec).status != 127, spec.id


def test_a_login_without_rights_is_refused_in_the_programs_own_words(desk: Desk) -> None:
    desk.rights = Rights.PLAIN
    desk.node.plan = replace(desk.node.plan, user="viewer", groups=("viewer",))
    for spec in (*operation.COMMANDS.values(), *change.COMMANDS.values()):
        assert (desk.reply(spec).status == 0) == (spec.root is Root.NO), spec.id
    assert desk.state().lock is None


def test_the_lock_is_one_s_until_it_is_released_stale_or_taken_by_name(desk: Desk) -> None:
    other = replace(desk, who="op-two")
    assert desk.lock().outcome is LockOutcome.TAKEN
    held = other.lock()
    assert (held.outcome, held.state.lock.owner) == (LockOutcome.HELD, "Zoë")
    assert 14 <= held.state.lock_left_s <= 15
    desk.wait(20)
    assert other.lock().outcome is LockOutcome.STALE
    assert other.lock("op-one").outcome is LockOutcome.TAKEN
    assert desk.release().outcome is LockOutcome.HELD
    assert other.release().outcome is LockOutcome.RELEASED


def test_a_link_comes_back_by_the_deadline_with_the_addresses_it_had(desk: Desk) -> None:
    kernel = desk.node.kernel
    for text in ("2001:db8::11/64", "2001:db8::99/64"):
        kernel.add(SimAddress("eth1", ip_interface(text)))
    desk.lock()
    assert desk.reply(change.LINK_DOWN).status == change.NOT_ARMED
    assert desk.save(operation.SAVE_LINK, "2001:db8::99").saved.addresses6 == ("2001:db8::11/64",)
    assert desk.arm(operation.ARM_LINK) is StepOutcome.DONE
    assert desk.left() == pytest.approx(15, abs=0.1)
    desk.told(change.LINK_DOWN)
    desk.wait(14)
    assert not kernel.running("eth1")
    assert desk.left() == pytest.approx(1, abs=0.1)
    desk.wait(2)
    assert kernel.running("eth1")
    assert kernel.has(ip_address("2001:db8::11")) and not kernel.has(ip_address("2001:db8::99"))
    desk.wait(30)  # the console is dead: its lock goes too
    state = desk.state()
    assert (state.lock, state.saved, state.deadlines_uptime_s) == (None, None, ())


def test_a_link_is_armed_only_with_what_was_saved_of_it(desk: Desk) -> None:
    desk.lock()
    for spec in (operation.SAVE, operation.SAVE_LINK):
        desk.save(spec)
        told = desk.told(operation.ARM_LINK, operation.arming("op-one", Slot.A, 15), interface="eth0")
        assert parse.parse_step(told).outcome is StepOutcome.UNSAVED


def test_a_link_without_its_cable_is_waited_for_and_then_told_as_incomplete(desk: Desk) -> None:
    desk.lock()
    desk.save()
    desk.arm(operation.ARM_LINK)
    desk.node.kernel.set_carrier("eth1", carrier=False)
    desk.wait(50)
    assert not desk.state().incomplete
    desk.wait(40)
    assert desk.state().incomplete


def test_what_is_disarmed_never_runs_and_extending_arms_the_second_first(desk: Desk) -> None:
    desk.lock()
    desk.save(operation.SAVE)
    assert desk.arm(operation.ARM_SQUID, Slot.A, 30) is StepOutcome.DONE
    assert desk.arm(operation.ARM_KEEPALIVED, Slot.B) is StepOutcome.OTHER
    assert desk.arm(operation.ARM_SQUID, Slot.B, 60) is StepOutcome.DONE
    assert desk.disarm(Slot.A) is DisarmOutcome.DISARMED
    desk.told(change.SQUID_STOP)
    desk.wait(40)
    assert desk.node.active("squid") == "inactive"
    assert 15 < (desk.left(Slot.B) or 0) < 21
    desk.wait(25)
    assert desk.node.active("squid") == "active"
    assert desk.disarm(Slot.B) is DisarmOutcome.FIRED


def test_the_revert_can_be_run_at_once(desk: Desk) -> None:
    desk.lock()
    desk.save(operation.SAVE)
    desk.arm(operation.ARM_KEEPALIVED, Slot.A, 300)
    desk.told(change.KEEPALIVED_STOP)
    desk.wait(3)
    assert desk.node.active("keepalived") == "inactive"
    another = desk.reply(operation.REVERT_NOW[Slot.A], operation.reverting("op-two"))
    assert (another.status, desk.node.active("keepalived")) == (change.NOT_ARMED, "inactive"), "it is not that one's"
    desk.told(operation.REVERT_NOW[Slot.A], operation.reverting(desk.who))
    desk.wait(1)
    assert desk.node.active("keepalived") == "active"
    assert desk.state().saved is None


def test_a_drain_moves_the_vip_and_its_note_is_there(desk: Desk) -> None:
    plan = SCENARIOS["drained"].clusters[0]
    cluster = ClusterSim(plan, 1_795_000_000.0)
    desk = Desk(cluster, cluster.nodes[TWO])
    desk.lock()
    desk.save(operation.SAVE)
    assert desk.reply(change.DRAIN_ON, "-200").status == change.NOT_ARMED
    desk.arm(operation.ARM_DRAIN)
    assert desk.reply(change.DRAIN_ON, "-254").status == 64
    desk.told(change.DRAIN_ON, change.drain_value(-200))
    note = DrainNote(by="Zoë", reason="kernel", method="track_file", since="s", until=None)
    desk.told(operation.NOTE, operation.noting("op-one", note))
    assert desk.state().drain == note
    assert desk.node.read_file(DRAIN_FILE) == "-200\n"
    desk.wait(16)
    assert desk.node.read_file(DRAIN_FILE) == "0\n"
    assert desk.state().drain is None


def test_a_reboot_forgets_lock_timers_and_notes(desk: Desk) -> None:
    desk.lock()
    desk.save(operation.SAVE)
    desk.arm(operation.ARM_SQUID, Slot.A, 300)
    desk.node.power_off()
    desk.wait(5)
    desk.node.power_on()
    desk.wait(20)
    state = desk.state()
    assert (state.lock, state.saved, desk.left()) == (None, None, None)


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_deadlines_are_the_node_s_own_clock_whatever_the_speed(speed: float) -> None:
    cluster = ClusterSim(SCENARIOS["healthy"].clusters[0], 1_795_000_000.0, speed)
    desk = Desk(cluster, cluster.nodes[ONE])
    desk.lock()
    desk.save(operation.SAVE)
    desk.arm(operation.ARM_SQUID)
    armed = desk.state().uptime_s
    desk.told(change.SQUID_STOP)
    desk.wait(14 * speed)
    assert desk.state().uptime_s - armed == pytest.approx(14)
    assert desk.left() == pytest.approx(1)
    desk.wait(2 * speed)
    assert desk.left() is None
    assert desk.node.active("squid") == "active"
