"""One simulated node: kernel, systemd, journal, keepalived and squid put together."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from haconsole.cluster import vrrp_instance as vrrp
from haconsole.demo.conf import keepalived_conf
from haconsole.demo.dump import data_dump
from haconsole.demo.journal import Journal
from haconsole.demo.keepalived import LAN, PUBLIC, Keepalived
from haconsole.demo.kernel import Kernel
from haconsole.demo.operation import Operations
from haconsole.demo.plan import CONFIG_FILE, DRAIN_FILE, ClusterPlan, Happening, InstancePlan, NodePlan, What
from haconsole.demo.sim import Calendar, Sim
from haconsole.demo.squid import Squid
from haconsole.demo.units import Unit
from haconsole.model.spec import IpAddress

BOOT_S: Final = 9.0
"""From power on until the services start."""
DOWN_S: Final = 6.0
"""Of a reboot: from its last word until power on."""


class Segment(Protocol):
    """The LAN between the nodes."""

    def send(self, sender: SimNode, instance: InstancePlan, advert: vrrp.Heard) -> None:
        """Multicast an advert."""

    def announce(self, sender: SimNode, vips: Sequence[IpAddress], times: int) -> None:
        """Gratuitous ARP, so many times."""

    def changed(self) -> None:
        """Something changed that clients may notice."""

    def holder(self, vip: IpAddress) -> SimNode | None:
        """Where the segment sends what is for `vip`; None: nobody answers for it."""


class SimNode:
    """Implements `keepalived.Surroundings`. Off until `power_on`."""

    def __init__(self, cluster: ClusterPlan, plan: NodePlan, sim: Sim, calendar: Calendar, segment: Segment) -> None:
        self.cluster, self.plan, self.sim = cluster, plan, sim
        self._calendar, self._segment = calendar, segment
        self._pid = 600 + 10 * plan.number
        self.on = False
        self.files: dict[str, str] = {CONFIG_FILE: keepalived_conf(cluster, plan)}
        self._boot_wall = self.wall()
        self.boot_id = self._new_boot_id()
        self.journal = Journal(self.boot_id)
        self.kernel = Kernel(sim.later)
        self._wire_kernel()
        self.keepalived = Keepalived(cluster, plan, sim, self.kernel, self)
        self.squid = Squid(
            sim,
            wall=self.wall,
            host=plan.name,
            shutdown_s=cluster.shutdown_s,
            address="[::]" if any(i.family == 6 for i in cluster.instances) else "0.0.0.0",  # noqa: S104 - told, not bound
            port=cluster.squid_port,
            say=self._squid_says,
            changed=segment.changed,
        )
        self.units = {name: Unit(name, self._systemd_says, self.uptime) for name in ("keepalived", "squid")}
        self.operations = Operations(self)
        self.keepalived.on_stopped = self.units["keepalived"].stopped
        self.squid.on_stopped = self.units["squid"].stopped

    def _wire_kernel(self) -> None:
        self.kernel.add_link("lo", "00:00:00:00:00:00", ["127.0.0.1/8", "::1/128"])
        self.kernel.add_link(LAN, self.plan.mac(LAN), self.plan.lan)
        self.kernel.add_link(PUBLIC, self.plan.mac(PUBLIC), self.plan.public)
        self.kernel.on_link = self._link_changed
        self.kernel.on_lost = self._address_lost

    def _new_boot_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.plan.name} {self._boot_wall}"))

    # --- clocks ---------------------------------------------------------------

    def wall(self, at: float | None = None) -> float:
        """The node's clock, seconds since the epoch, now or at a simulated time."""
        return self._calendar.wall(self.sim.now if at is None else at) + self.plan.clock_offset_s

    def uptime(self) -> float:
        """Seconds since boot."""
        return max(0.0, self.wall() - self._boot_wall)

    def answers_for(self, vip: IpAddress) -> SimNode | None:
        """Whom the LAN leads to for an address; None: nobody answers, or this node is not on it."""
        return self._segment.holder(vip) if self.kernel.running(LAN) else None

    # --- what operations do to the node -------------------------------------------

    def after(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` when the node's own clock shows so many seconds more; returns what cancels it."""
        return self.sim.later(seconds * self._calendar.speed, action).cancel

    def active(self, unit: str) -> str:
        """ActiveState of keepalived or squid."""
        return self.units[unit].active_state

    def control(self, verb: str, unit: str) -> None:
        """`systemctl start|stop|restart|reload`, without waiting for its end."""
        start, stop = {
            "keepalived": (self.start_keepalived, self.stop_keepalived),
            "squid": (self.start_squid, self.stop_squid),
        }[unit]
        if verb == "start":
            start()
        elif verb in {"stop", "restart"}:
            stop()
            if verb == "restart":
                self._once_stopped(unit, start)

    def _once_stopped(self, unit: str, start: Callable[[], None]) -> None:
        if self.units[unit].active_state == "deactivating":
            self.sim.later(0.1, self._if_on(lambda: self._once_stopped(unit, start)))
        else:
            start()

    def log(self, text: str) -> None:
        """`logger -t haconsole TEXT`"""
        self.journal.write(self.wall(), "haconsole", self.new_pid(), text, comm="logger")

    # --- surroundings of keepalived ---------------------------------------------

    def say(self, ident: str, pid: int, text: str) -> None:
        """Write a line of keepalived's."""
        self.journal.write(self.wall(), ident, pid, text, comm="keepalived", _SYSTEMD_UNIT="keepalived.service")

    def send(self, instance: InstancePlan, advert: vrrp.Heard) -> None:
        """Put an advert on the segment."""
        self._segment.send(self, instance, advert)

    def announce(self, vips: Sequence[IpAddress], times: int) -> None:
        """Gratuitous ARP."""
        self._segment.announce(self, vips, times)

    def script(self) -> int:
        """`/usr/sbin/squid -k check`"""
        return self.squid.check()[0]

    def read_file(self, path: str) -> str | None:
        """A file's text; None: there is none."""
        return self.files.get(path)

    def write_file(self, path: str, text: str) -> None:
        """Write a file; keepalived hears of it."""
        self.files[path] = text
        self.keepalived.file_changed(path)

    def new_pid(self) -> int:
        """A fresh process id."""
        self._pid += 7
        return self._pid

    def _squid_says(self, text: str) -> None:
        self.journal.write(
            self.wall(), "squid", self.units["squid"].main_pid, text, comm="squid", _SYSTEMD_UNIT="squid.service"
        )

    def _systemd_says(self, unit: str, text: str) -> None:
        self.journal.write(
            self.wall(), "systemd", 1, text, comm="systemd", _SYSTEMD_UNIT="init.scope", UNIT=f"{unit}.service"
        )

    def _link_changed(self, name: str, running: bool) -> None:
        self.keepalived.link_changed(name, running=running)
        self._segment.changed()

    def _address_lost(self, address: IpAddress) -> None:
        self.keepalived.address_lost(address)
        self._segment.changed()

    # --- life -------------------------------------------------------------------

    def power_on(self) -> None:
        """Boot: the services start a few seconds later."""
        self._boot_wall = self.wall()
        self.boot_id = self._new_boot_id()
        self.on = True
        self.kernel.boot()
        self.files.pop(DRAIN_FILE, None)  # /run does not outlive a boot
        self._segment.changed()
        self.sim.later(BOOT_S - 1.0, self._if_on(self.start_squid))
        self.sim.later(BOOT_S, self._if_on(self.start_keepalived))

    def reboot(self) -> None:
        """Services are stopped in order, as systemd does; then off, and on again."""
        self.stop_keepalived()
        self.stop_squid()
        self.sim.later(1.0, self.power_off)
        self.sim.later(1.0 + DOWN_S, self.power_on)

    def _if_on(self, action: Callable[[], None]) -> Callable[[], None]:
        return lambda: action() if self.on else None

    def power_off(self) -> None:
        """Everything is gone at once, without a word."""
        self.on = False
        self.operations.reset()
        self.keepalived.kill()
        self.squid.kill()
        for unit in self.units.values():
            unit.active_state, unit.sub_state, unit.main_pid = "inactive", "dead", 0
        for vip in self.cluster.vips:
            self.kernel.remove(vip)
        self._segment.changed()

    def start_squid(self) -> None:
        """`systemctl start squid`"""
        if not self.squid.process:
            self.units["squid"].started(self.new_pid())
            self.squid.start()

    def stop_squid(self) -> None:
        """`systemctl stop squid`"""
        if self.squid.process:
            self.units["squid"].stopping()
            self.squid.stop()

    def start_keepalived(self) -> None:
        """`systemctl start keepalived`"""
        if not self.keepalived.running:
            self.keepalived.start()
            self.units["keepalived"].started(self.keepalived.main_pid)

    def stop_keepalived(self) -> None:
        """`systemctl stop keepalived`"""
        if self.keepalived.running:
            self.units["keepalived"].stopping()
            self.keepalived.stop()

    def _kill_keepalived(self) -> None:
        if self.keepalived.running:
            self.keepalived.kill()
            self.units["keepalived"].killed()

    def _hang(self, *, hung: bool) -> None:
        self.squid.hung = hung
        self._segment.changed()

    def _block(self, *, blocked: bool) -> None:
        self.keepalived.blocked = blocked

    def befall(self, happening: Happening) -> None:
        """Let one line of a timeline happen."""
        arg = happening.arg
        actions: dict[What, Callable[[], None]] = {
            What.LINK_DOWN: lambda: self.kernel.set_up(arg, up=False),
            What.LINK_UP: lambda: self.kernel.set_up(arg, up=True),
            What.CARRIER_LOST: lambda: self.kernel.set_carrier(arg, carrier=False),
            What.CARRIER_BACK: lambda: self.kernel.set_carrier(arg, carrier=True),
            What.SQUID_STOP: self.stop_squid,
            What.SQUID_START: self.start_squid,
            What.SQUID_HANG: lambda: self._hang(hung=True),
            What.SQUID_WAKE: lambda: self._hang(hung=False),
            What.KEEPALIVED_STOP: self.stop_keepalived,
            What.KEEPALIVED_START: self.start_keepalived,
            What.KEEPALIVED_KILL: self._kill_keepalived,
            What.POWER_OFF: self.power_off,
            What.POWER_ON: self.power_on,
            What.ADVERTS_BLOCKED: lambda: self._block(blocked=True),
            What.ADVERTS_FREE: lambda: self._block(blocked=False),
            What.DRAIN: lambda: self.write_file(DRAIN_FILE, f"{arg}\n"),
            What.VIP_REMOVED: lambda: self._remove_vip(arg),
        }
        actions[happening.what]()

    def _remove_vip(self, address: str) -> None:
        for vip in self.cluster.vips:
            if str(vip) == address:
                self.kernel.remove(vip)

    def dump(self) -> str:
        """keepalived's answer to its DATA signal."""
        self.keepalived.dumped()
        return data_dump(self.keepalived, self.kernel, self.wall)
