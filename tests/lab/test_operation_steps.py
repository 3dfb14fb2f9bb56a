"""Each step of an operation on a real node, as `ops` with nothing but the printed sudoers file.

No console watches over the node here: what heals it is what it carries itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address

import pytest

from haconsole.catalogue import change, operation
from haconsole.model.operation import DisarmOutcome, DrainNote, LockOutcome, Slot, StepOutcome
from haconsole.parse import operation as parse
from tests.lab.harness import Lab, faults, until
from tests.lab.harness.node import Node
from tests.lab.operating import Desk, bash_as_sh, granted

ONE, TWO = "proxy-serv01", "proxy-serv02"
DRAIN_FILE = "/run/haconsole-drain"
HEALED_S = 60.0
"""Deadline of 15 s, settling, and the lock's own end; generous: the machine may be busy."""


@pytest.fixture
def ops(healthy_lab: Lab) -> Iterator[Lab]:
    with granted(healthy_lab):
        yield healthy_lab


@pytest.fixture
def desk(ops: Lab) -> Desk:
    return Desk(lab=ops, node=ops.nodes[ONE])


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest, ops: Lab) -> Iterator[None]:
    with bash_as_sh(ops.nodes[ONE]) if request.param == "bash" else contextlib.nullcontext():
        yield


def routes(node: Node, interface: str) -> set[str]:
    """Routes that somebody put there, of both families and all tables."""
    found: set[str] = set()
    for family in ("-4", "-6"):
        for line in node.exec(
            "ip", "-o", family, "route", "show", "table", "all", "dev", interface
        ).stdout.splitlines():
            if "proto kernel" not in line:
                found.add(f"{family} {' '.join(line.split())}")
    return found


def nothing_kept(desk: Desk) -> Callable[[], bool]:
    return lambda: desk.kept() == []


def addresses6(node: Node, interface: str) -> set[str]:
    return {a for a in node.addresses(interface) if ":" in a and not a.startswith("fe80:")}


@pytest.fixture
def rich(ops: Lab) -> Iterator[Node]:
    """proxy-serv01 with more on eth1 than the article has: IPv6, static routes, one that needs another, a table."""
    node = ops.nodes[ONE]
    for line in (
        "ip -6 addr add 2001:db8:5::11/64 dev eth1 nodad",
        "ip -6 addr add 2001:db8:5::99/64 dev eth1 nodad",  # keepalived's, as the console says
        "ip -6 route add 2001:db8:9::/48 via 2001:db8:5::80 dev eth1",
        "ip -6 route add default via fe80::80 dev eth1 proto static metric 50",
        "ip route add 198.18.0.0/15 via 203.0.113.80 dev eth1 proto static metric 7",
        "ip route add 198.19.255.1/32 dev eth1 proto static scope link",
        "ip route add 192.88.99.0/24 via 198.19.255.1 dev eth1",
        "ip route add default via 203.0.113.80 dev eth1 table 77",
        "ip route add 198.51.100.0/24 dev eth1 proto dhcp",
    ):
        node.exec(*line.split())
    yield node
    for line in (
        "-6 addr flush dev eth1 scope global", "route flush table 77", "-6 route flush dev eth1 proto static",
        "-6 route flush dev eth1 proto boot", "route flush dev eth1 proto static", "route flush dev eth1 proto dhcp",
        "route del 192.88.99.0/24",
    ):  # fmt: skip
        node.exec("ip", *line.split(), check=False)


# --- the lock -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shell")
def test_of_two_consoles_one_gets_the_lock_and_the_other_is_told_whose_it_is(desk: Desk) -> None:
    desks = [replace(desk, operation=f"op-{n}x") for n in range(6)]
    with ThreadPoolExecutor(len(desks)) as pool:
        answers = list(pool.map(lambda d: d.lock(), desks))
    assert [a.outcome for a in answers].count(LockOutcome.TAKEN) == 1
    assert [a.outcome for a in answers].count(LockOutcome.HELD) == 5
    winner = desks[[a.outcome for a in answers].index(LockOutcome.TAKEN)]
    for answer in answers:
        assert answer.state.lock is not None
        assert (answer.state.lock.operation, answer.state.lock.owner) == (winner.operation, "Zoë")
        assert 10 <= (answer.state.lock_left_s or 0) <= 15
    assert winner.lock().outcome is LockOutcome.TAKEN  # the answer may have been lost: asking again is harmless
    # Taken over, under the operation's own name: the owner is the new one.
    heir = replace(winner, owner="Yann").lock()
    assert heir.outcome is LockOutcome.TAKEN
    assert heir.state.lock is not None and heir.state.lock.owner == "Yann"
    loser = next(d for d in desks if d is not winner)
    assert loser.renew().outcome is LockOutcome.LOST
    assert loser.release().outcome is LockOutcome.HELD
    assert loser.save().outcome is StepOutcome.LOST
    assert winner.release().outcome is LockOutcome.RELEASED
    assert winner.release().outcome is LockOutcome.RELEASED
    assert desk.kept() == []


def test_a_stale_lock_is_taken_by_name_and_only_while_it_is_that_one(desk: Desk) -> None:
    dead, second, third = (replace(desk, operation=name) for name in ("op-dead", "op-second", "op-third"))
    assert dead.lock().outcome is LockOutcome.TAKEN
    # As if its last heartbeat had been long ago; uptime is the only clock that counts.
    boot = desk.node.read("/proc/sys/kernel/random/boot_id").strip()
    desk.node.write("/run/haconsole/lock/expires", f"op-dead {boot} {int(desk.uptime()) - 1}\n")
    told = second.lock()
    assert told.outcome is LockOutcome.STALE
    assert told.state.lock is not None and told.state.lock.operation == "op-dead"
    assert second.lock(instead_of="op-dead").outcome is LockOutcome.TAKEN
    assert third.lock(instead_of="op-dead").outcome is LockOutcome.HELD  # that one is not there any more
    assert dead.renew().outcome is LockOutcome.LOST
    desk.node.write("/run/haconsole/lock/expires", f"op-second {boot[::-1]} {int(desk.uptime()) + 9999}\n")
    assert third.lock().outcome is LockOutcome.STALE  # of another boot
    assert third.lock(instead_of="op-second").outcome is LockOutcome.TAKEN


def test_a_lock_without_an_owner_is_nobodys(desk: Desk) -> None:
    desk.node.exec("mkdir", "-p", "/run/haconsole/lock")
    assert desk.lock().outcome is LockOutcome.TAKEN


def test_a_node_that_cannot_write_says_so_and_holds_no_lock(desk: Desk) -> None:
    desk.node.exec("mkdir", "-p", "/run/haconsole")
    desk.node.exec("mount", "-t", "tmpfs", "-o", "size=4k,mode=755", "full", "/run/haconsole")
    try:
        desk.node.sh("head -c 100000 /dev/zero > /run/haconsole/fill || true")
        assert desk.lock().outcome is LockOutcome.FAILED
        assert desk.state().lock is None
    finally:
        desk.node.exec("umount", "/run/haconsole")


# --- the whole way ---------------------------------------------------------------------------------


def test_a_link_taken_down_heals_by_the_node_alone(desk: Desk, rich: Node) -> None:
    vip6 = ip_address("2001:db8:5::99")
    before = routes(rich, "eth1"), addresses6(rich, "eth1") - {f"{vip6}/64"}
    refused = desk.run(change.LINK_DOWN)
    assert refused.status == change.NOT_ARMED
    assert desk.lock().outcome is LockOutcome.TAKEN
    assert desk.arm(operation.ARM_LINK).outcome is StepOutcome.UNSAVED
    assert replace(desk, interface="eth0").save().outcome is StepOutcome.DONE
    assert desk.arm(operation.ARM_LINK).outcome is StepOutcome.UNSAVED, "that is another interface's"
    answer = desk.save(keepalived=(vip6,))
    assert answer.saved is not None
    assert answer.saved.addresses6 == ("2001:db8:5::11/64",)
    assert {p for _, p, _ in answer.saved.routes} == {"boot", "static", "dhcp"}
    assert dict(answer.saved.units) == {"keepalived": "active", "squid": "active"}
    assert desk.run(change.LINK_DOWN).status == change.NOT_ARMED
    assert desk.arm(operation.ARM_LINK).outcome is StepOutcome.DONE
    timer = desk.timers().timer(Slot.A)
    left = timer.left_s(desk.state().uptime_s)
    assert left is not None and 0 < left <= 15.1
    assert desk.run(change.SQUID_STOP).status == change.NOT_ARMED, "a revert of another kind protects nothing"
    rich.systemctl("daemon-reload")  # as a package upgrade would, in the middle
    desk.killed(change.LINK_DOWN)
    until(lambda: "UP" not in rich.exec("ip", "-o", "link", "show", "eth1").stdout.split(">")[0], 10, "eth1 is down")
    assert addresses6(rich, "eth1") == set()
    # Nobody does anything any more.
    until(lambda: desk.kept() == [], HEALED_S, "the node has put everything back and cleaned up")
    assert (routes(rich, "eth1"), addresses6(rich, "eth1")) == before
    assert rich.logged(["haconsole", "reverted", "eth1"])
    until(lambda: not any(t.waiting or t.running for t in desk.timers().timers), 40, "no unit is left")


@pytest.mark.soak  # test_executor shows the same with a whole console
def test_the_link_that_carries_ssh_goes_down_by_a_unit_of_the_node_and_comes_back(ops: Lab) -> None:
    """On a node whose /bin/sh is bash."""
    desk = Desk(lab=ops, node=ops.nodes[TWO], interface="eth0")
    with bash_as_sh(desk.node):
        before = routes(desk.node, "eth0"), addresses6(desk.node, "eth0")
        desk.lock()
        assert desk.save().outcome is StepOutcome.DONE
        assert desk.arm(operation.ARM_LINK).outcome is StepOutcome.DONE
        assert desk.run(change.LINK_DOWN_DETACHED).status == 0, "the answer still comes"
        until(
            lambda: "UP" not in desk.node.exec("ip", "-o", "link", "show", "eth0").stdout.split(">")[0],
            10,
            "eth0 is down",
        )
        until(lambda: desk.kept() == [], HEALED_S, "the node has put everything back and cleaned up")
        assert (routes(desk.node, "eth0"), addresses6(desk.node, "eth0")) == before
        assert desk.state().lock is None


def test_what_is_disarmed_in_time_never_runs_and_what_ran_is_not_disarmed(desk: Desk) -> None:
    desk.lock()
    desk.save(operation.SAVE)
    assert desk.arm(operation.ARM_SQUID, Slot.A, 30).outcome is StepOutcome.DONE
    assert desk.arm(operation.ARM_SQUID, Slot.A, 30).outcome is StepOutcome.ARMED
    assert desk.arm(operation.ARM_KEEPALIVED, Slot.B, 30).outcome is StepOutcome.OTHER
    assert desk.save(operation.SAVE).outcome is StepOutcome.ARMED
    assert desk.clear().outcome is StepOutcome.ARMED
    # Longer: the second is armed before the first is disarmed, and the lock holds as long.
    assert desk.arm(operation.ARM_SQUID, Slot.B, 60).outcome is StepOutcome.DONE
    assert desk.disarm(Slot.A).outcome is DisarmOutcome.DISARMED
    assert desk.disarm(Slot.A).outcome is DisarmOutcome.DISARMED
    timers, state = desk.timers(), desk.renew().state
    assert (timers.timer(Slot.A).left_s(state.uptime_s), timers.timer(Slot.A).started_uptime_s) == (None, None)
    assert 30 < (timers.timer(Slot.B).left_s(state.uptime_s) or 0) <= 60.1
    assert 35 < (state.lock_left_s or 0) <= 66
    # Its moment comes just before it is disarmed.
    desk.node.systemctl("stop", "squid")
    late = desk.run(operation.REVERT_NOW[Slot.B], operation.reverting("op-of-before"))
    assert (late.status, desk.node.is_active("squid")) == (change.NOT_ARMED, False), "asked for by another operation"
    desk.told(operation.REVERT_NOW[Slot.B], operation.reverting(desk.operation))
    until(lambda: desk.node.is_active("squid"), 20, "squid runs again")
    until(lambda: desk.state().saved is None, 20, "what was saved is gone")
    assert desk.disarm(Slot.B).outcome is DisarmOutcome.FIRED
    assert desk.timers().timer(Slot.B).left_s(desk.state().uptime_s) is None
    assert desk.clear().outcome is StepOutcome.DONE
    assert desk.release().outcome is LockOutcome.RELEASED
    assert desk.kept() == []


def test_a_revert_that_lost_the_race_to_disarming_does_nothing(desk: Desk) -> None:
    desk.lock()
    desk.save(operation.SAVE)
    desk.arm(operation.ARM_SQUID, Slot.A, 60)
    desk.node.exec("ln", "-s", "disarmed", "/run/haconsole/operation/decided-a")  # the other one was first
    desk.node.systemctl("stop", "squid")
    desk.node.systemctl("start", "haconsole-revert-a.service")
    until(lambda: not desk.timers().timer(Slot.A).running, 20, "the revert has ended")
    assert not desk.node.is_active("squid")
    assert desk.state().saved == desk.operation
    assert desk.disarm().outcome is DisarmOutcome.DISARMED
    desk.node.start("squid")


@pytest.mark.soak  # test_node_killed shows the same with a whole console
def test_services_that_were_stopped_run_again_by_the_deadline(ops: Lab) -> None:
    squid = Desk(lab=ops, node=ops.nodes[ONE], operation="op-squid")
    daemon = Desk(lab=ops, node=ops.nodes[TWO], operation="op-keepalived")
    for desk, arm, stop in (
        (squid, operation.ARM_SQUID, change.SQUID_STOP),
        (daemon, operation.ARM_KEEPALIVED, change.KEEPALIVED_STOP),
    ):
        desk.lock()
        desk.save(operation.SAVE)
        assert desk.arm(arm).outcome is StepOutcome.DONE
        desk.killed(stop)
    until(lambda: not squid.node.is_active("squid") and not daemon.node.is_active("keepalived"), 15, "both stopped")
    for desk in (squid, daemon):
        until(nothing_kept(desk), HEALED_S, "the node has put everything back and cleaned up")
    assert squid.node.is_active("squid") and daemon.node.is_active("keepalived")


@pytest.mark.soak  # test_executor shows the same with a whole console
def test_a_drain_by_file_and_its_end(ops: Lab) -> None:
    with faults.lossless(ops):
        desk = Desk(lab=ops, node=ops.nodes[ONE])
        desk.lock()
        assert desk.save(operation.SAVE).saved is not None
        assert desk.run(change.DRAIN_ON, "-200").status == change.NOT_ARMED
        assert desk.arm(operation.ARM_DRAIN).outcome is StepOutcome.DONE
        for bad in ("-254", "0", "1", "-200 x", "$(id)", ""):
            assert desk.run(change.DRAIN_ON, bad).status == 64
        inode = desk.node.sh(f"stat -c %i {DRAIN_FILE}")
        assert desk.told(change.DRAIN_ON, change.drain_value(-200)) == ""
        note = DrainNote(by="Zoë", reason='kernel \\ "x"\n', method="track_file", since="now", until=None)
        assert (
            parse.parse_step(desk.told(operation.NOTE, operation.noting(desk.operation, note))).outcome
            is StepOutcome.DONE
        )
        assert desk.node.read(DRAIN_FILE) == "-200\n"
        assert desk.node.sh(f"stat -c '%a %U' {DRAIN_FILE}") == "644 root\n"
        assert desk.node.sh(f"stat -c %i {DRAIN_FILE}") != inode
        until(lambda: ops.holders("192.168.2.101") == [TWO], 15, "keepalived follows the file")
        drained = desk.state().drain
        assert drained is not None and (drained.by, drained.reason) == ("Zoë", 'kernel \\ "x"␊')
        # It stays when it is disarmed; it ends when it is not.
        assert desk.disarm().outcome is DisarmOutcome.DISARMED
        assert desk.node.read(DRAIN_FILE) == "-200\n"
        assert desk.arm(operation.ARM_DRAIN).outcome is StepOutcome.DONE
        until(lambda: desk.kept() == [], HEALED_S, "the node has ended the drain and cleaned up")
        assert desk.node.read(DRAIN_FILE) == "0\n"
        until(lambda: ops.holders("192.168.2.101") == [ONE], 15, "the VIP is back")


def test_a_revert_runs_twice_and_without_what_was_saved(desk: Desk) -> None:
    desk.lock()
    desk.save()
    desk.arm(operation.ARM_LINK, Slot.A, 60)
    desk.arm(operation.ARM_LINK, Slot.B, 60)
    desk.told(change.LINK_DOWN)
    before = "default via 203.0.113.80"
    for slot in Slot:
        desk.told(operation.REVERT_NOW[slot], operation.reverting(desk.operation))
    until(lambda: desk.state().saved is None, 30, "the reverts have healed")
    until(lambda: desk.node.exec("ip", "route", "show", "default").stdout.startswith(before), 10, "the route is back")
    for slot in Slot:
        again = desk.run(operation.REVERT_NOW[slot], operation.reverting(desk.operation))
        assert again.status == change.NOT_ARMED, "nothing of it is left"
        desk.node.systemctl(
            "start", "--no-block", f"haconsole-revert-{slot.value}.service"
        )  # with nothing left to read
    desk.release()
    until(lambda: not any(t.running for t in desk.timers().timers), 30, "the reverts have ended")
    assert desk.node.exec("ip", "route", "show", "default").stdout.startswith(before)
    assert not any(t.failed for t in desk.timers().timers)


@pytest.mark.soak  # test_node_killed shows the same with a whole console
def test_a_console_that_dies_before_the_change_leaves_a_node_that_the_next_one_can_have(ops: Lab) -> None:
    """Killed while the node answers: with the lock, with what was saved, and while arming."""
    desks = {name: Desk(lab=ops, node=ops.nodes[name], operation=f"op-{n}-dies") for n, name in enumerate((ONE, TWO))}
    before = {name: routes(desk.node, "eth1") for name, desk in desks.items()}
    one, two = desks.values()
    one.killed(operation.LOCK, operation.taking(one.request()))
    until(lambda: one.state().lock is not None, 10, "the node finished what it was asked")
    one.killed(operation.SAVE_LINK, operation.saving(one.operation, ()))
    two.lock()
    two.save()
    two.killed(operation.ARM_LINK, operation.arming(two.operation, Slot.A, 15))
    until(lambda: two.kept() == [], HEALED_S, "the armed revert ran and cleaned up")
    until(lambda: one.state().lock_left_s is not None and (one.state().lock_left_s or 0) < 0, 30, "the lock is stale")
    heir = replace(one, operation="op-heir")
    assert heir.lock().outcome is LockOutcome.STALE
    assert heir.lock(instead_of=one.operation).outcome is LockOutcome.TAKEN
    assert heir.save().outcome is StepOutcome.DONE
    assert heir.clear().outcome is StepOutcome.DONE
    assert heir.release().outcome is LockOutcome.RELEASED
    assert {name: routes(desk.node, "eth1") for name, desk in desks.items()} == before
    assert all(desk.kept() == [] for desk in desks.values())


def test_saving_says_what_it_cannot_read(desk: Desk) -> None:
    desk.lock()
    with desk.node.shadow("/usr/sbin/ip", 'case "$*" in *save*) exit 2;; esac; exec @REAL@ "$@"'):
        answer = desk.save()
    assert answer.outcome is StepOutcome.FAILED
    assert answer.why == "routes not saved"
    assert answer.state.saved is None


def test_gratuitous_arp_is_sent_for_what_the_node_holds_only(desk: Desk) -> None:
    vips = [ip_address("192.168.2.101"), ip_address("192.168.2.102"), ip_address("fd00:2::101")]
    told = desk.told(change.GARP, change.announcing("eth0", vips))
    assert told.splitlines() == ["announced 192.168.2.101 0", "not-held 192.168.2.102"]


@pytest.mark.usefixtures("shell")
def test_starting_reloading_and_ending_a_drain(desk: Desk) -> None:
    assert desk.run(change.KEEPALIVED_RELOAD).status == change.NOT_ARMED
    assert desk.run(change.DRAIN_OFF).status == 0
    assert desk.node.read(DRAIN_FILE) == "0\n"
    for spec in (change.KEEPALIVED_START, change.SQUID_START, change.LINK_UP):
        assert desk.run(spec).status == 0
    desk.lock()
    desk.save(operation.SAVE)
    desk.arm(operation.ARM_KEEPALIVED, Slot.A, 60)
    for spec in (change.KEEPALIVED_RELOAD, change.KEEPALIVED_RESTART):
        assert desk.run(spec).status == 0
    assert desk.disarm().outcome is DisarmOutcome.DISARMED
    assert desk.clear().outcome is StepOutcome.DONE
    assert desk.release().outcome is LockOutcome.RELEASED
    assert desk.kept() == []
