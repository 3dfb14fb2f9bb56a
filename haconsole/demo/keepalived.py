"""A simulated keepalived 2.2.7 as Debian runs it (without -D): instances by the VRRP model, the check
script, the drain file, and log lines in its exact words (docs/keepalived-versions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from haconsole.cluster import vrrp_instance as vrrp
from haconsole.cluster.vrrp import Track, TrackKind
from haconsole.demo.counters import Counters
from haconsole.demo.kernel import Kernel, SimAddress
from haconsole.demo.plan import CONFIG_FILE, DRAIN_FILE, SCRIPT, ClusterPlan, InstancePlan, NodePlan
from haconsole.demo.sim import Due, Sim
from haconsole.model.readings import VrrpState
from haconsole.model.spec import IpAddress

VERSION: Final = "v2.2.7 (01/16,2022)"
DRAIN: Final = "haconsole_drain"
LAN, PUBLIC = "eth0", "eth1"
STOP_S: Final = 1.0
"""From the signal to the end of the process (seen: 1 s)."""
GARP_REPEAT: Final = 5
GARP_DELAY_S: Final = 5.0
"""At a takeover, and when a lower master was heard: so many at once, and again after so long."""


class Surroundings(Protocol):
    """What a daemon needs of its node."""

    def say(self, ident: str, pid: int, text: str) -> None:
        """Write a line to the log."""

    def send(self, instance: InstancePlan, advert: vrrp.Heard) -> None:
        """Put an advert on the segment."""

    def announce(self, vips: Sequence[IpAddress], times: int) -> None:
        """Gratuitous ARP, so many times: the segment now sends what is for the VIPs here."""

    def script(self) -> int:
        """Exit status of the check script, run now."""

    def read_file(self, path: str) -> str | None:
        """A file's text; None: there is none."""

    def write_file(self, path: str, text: str) -> None:
        """Write a file."""

    def new_pid(self) -> int:
        """A fresh process id."""


@dataclass(slots=True)
class _Runtime:
    plan: InstancePlan
    machine: vrrp.Instance
    due: Due | None = None
    due_at: float | None = None
    tracks: dict[tuple[TrackKind, str], Track] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)


class Keepalived:
    """One daemon with its VRRP child."""

    def __init__(self, cluster: ClusterPlan, node: NodePlan, sim: Sim, kernel: Kernel, around: Surroundings) -> None:
        self.cluster, self.node = cluster, node
        self._sim, self._kernel, self._around = sim, kernel, around
        self._instances = {i.name: _Runtime(i, vrrp.Instance(config=self._config(i))) for i in cluster.instances}
        self.running = False
        self.stopping = False
        self.main_pid = 0
        self.vrrp_pid = 0
        self.blocked = False
        """A firewall drops VRRP, in and out."""
        self.script_status: int | None = None
        self.script_due: Due | None = None
        self.on_stopped: Callable[[], None] = lambda: None

    def _config(self, plan: InstancePlan) -> vrrp.InstanceConfig:
        return vrrp.InstanceConfig(
            name=plan.name,
            vrid=plan.vrid,
            base_priority=plan.priorities[self.node.name],
            address=self.node.source_address(plan.family),
            vips=plan.addresses,
            version=self.version(plan),
            interval_s=self.cluster.interval_s,
            preempt=plan.preempt,
        )

    def version(self, plan: InstancePlan) -> int:
        """An IPv6 instance is v3 whatever the configuration says (docs/keepalived-versions.md)."""
        return 3 if plan.family == 6 else self.cluster.version

    @property
    def instances(self) -> list[tuple[InstancePlan, vrrp.Instance]]:
        """Plans and present machines, in the order of the configuration."""
        return [(r.plan, r.machine) for r in self._instances.values()]

    @property
    def counters(self) -> list[tuple[str, Counters]]:
        """What each instance counted since the daemon's start, by name, in the order of the configuration."""
        return [(r.plan.name, r.counters) for r in self._instances.values()]

    def drain_value(self) -> int:
        """What the drain file counts for: a missing one is 0."""
        text = self._around.read_file(DRAIN_FILE)
        try:
            return int((text or "0").strip())
        except ValueError:
            return 0

    # --- life -----------------------------------------------------------------

    def start(self) -> None:
        """`systemctl start keepalived`"""
        self.running, self.stopping = True, False
        self.main_pid, self.vrrp_pid = self._around.new_pid(), self._around.new_pid()
        self._main(f"Starting Keepalived {VERSION}")
        self._main("Running on Linux 6.1.0-26-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (built for Linux 5.19.11)")
        self._main("Command line: '/usr/sbin/keepalived' '--dont-fork'")
        self._main(f"Configuration file {CONFIG_FILE}")
        self._main("NOTICE: setting config option max_auto_priority should result in better keepalived performance")
        self._main(f"Starting VRRP child process, pid={self.vrrp_pid}")
        self._main("Startup complete")
        if self.cluster.drainable and self._around.read_file(DRAIN_FILE) is None:
            self._around.write_file(DRAIN_FILE, "0\n")  # init_file 0
        self.script_status = None
        for runtime in self._instances.values():
            for address in runtime.plan.addresses:
                self._kernel.remove(address)
            runtime.machine = vrrp.Instance(config=runtime.machine.config, tracks=self._tracks())
            runtime.counters = Counters()
            self._apply(runtime, vrrp.start(runtime.machine, self._sim.now))
        self.script_due = self._sim.later(0.02, self._run_script)

    def _tracks(self) -> tuple[Track, ...]:
        links = tuple(
            Track(kind=TrackKind.INTERFACE, name=n, value=int(self._kernel.running(n))) for n in (LAN, PUBLIC)
        )
        script = Track(kind=TrackKind.SCRIPT, name=SCRIPT)
        drain = Track(kind=TrackKind.FILE, name=DRAIN, weight=1, value=self.drain_value())
        return (*links, script, *([drain] if self.cluster.drainable else []))

    def stop(self) -> None:
        """`systemctl stop keepalived`"""
        self._main("Stopping")
        self.stopping = True
        self._cease()
        for runtime in self._instances.values():
            self._apply(runtime, vrrp.stop(runtime.machine, self._sim.now))
        self._sim.later(STOP_S, self._stopped)

    def _stopped(self) -> None:
        self._child("Stopped")
        self._main(f"Stopped Keepalived {VERSION}")
        self.running = self.stopping = False
        self.on_stopped()

    def kill(self) -> None:
        """Gone without a word; what it put on the interfaces stays there."""
        self._cease()
        self.running = self.stopping = False
        for runtime in self._instances.values():
            runtime.machine = vrrp.Instance(config=runtime.machine.config, since=self._sim.now)

    def _cease(self) -> None:
        for due in (self.script_due, *(r.due for r in self._instances.values())):
            if due is not None:
                due.cancel()
        for runtime in self._instances.values():
            runtime.due = runtime.due_at = None

    # --- what it notices ------------------------------------------------------

    def link_changed(self, name: str, *, running: bool) -> None:
        """Netlink's word on an interface."""
        if not self._alive or name not in {LAN, PUBLIC}:
            return
        self._child(f"Netlink reports {name} {'up' if running else 'down'}")
        self._track(Track(kind=TrackKind.INTERFACE, name=name, value=int(running)))

    def address_lost(self, address: IpAddress) -> None:
        """Somebody took an address away."""
        if self._alive:
            for runtime in self._instances.values():
                if address in runtime.plan.addresses:
                    self._apply(runtime, vrrp.vip_lost(runtime.machine, self._sim.now))

    def file_changed(self, path: str) -> None:
        """inotify's word on a file."""
        if self._alive and self.cluster.drainable and path == DRAIN_FILE:
            self._track(Track(kind=TrackKind.FILE, name=DRAIN, weight=1, value=self.drain_value()))

    def heard(self, instance: str, advert: vrrp.Heard) -> None:
        """An advert came in."""
        runtime = self._instances.get(instance)
        if runtime is not None and self._alive and not self.blocked:
            step = vrrp.heard(runtime.machine, advert, self._sim.now)
            if runtime.machine.state in {VrrpState.MASTER, VrrpState.BACKUP}:  # otherwise it is not even looked at
                runtime.counters.heard(step[1])
            self._apply(runtime, step)

    @property
    def _alive(self) -> bool:
        return self.running and not self.stopping

    def _run_script(self) -> None:
        """fall 1, rise 1. Only changes are logged."""
        status = self._around.script()
        if status != self.script_status:
            if self.script_status is not None or status:
                self._child(f"Script `{SCRIPT}` now returning {status}")
            word = f"failed (exited with status {status})" if status else "succeeded"
            self._child(f"VRRP_Script({SCRIPT}) {word}")
            self.script_status = status
            self._track(Track(kind=TrackKind.SCRIPT, name=SCRIPT, value=int(status == 0)))
        self.script_due = self._sim.later(self.cluster.script_interval_s, self._run_script)

    def _track(self, track: Track) -> None:
        for runtime in self._instances.values():
            owner = runtime.machine.config.owner
            before = next((t.fault(owner=owner) for t in runtime.machine.tracks if t.name == track.name), False)
            if track.kind is TrackKind.FILE and track.fault(owner=owner) != before:
                word = "now" if not before else "leaving"
                self._child(f"({runtime.plan.name}): tracked file {track.name} {word} FAULT state")
            self._apply(runtime, vrrp.track(runtime.machine, track, self._sim.now))

    # --- what it does ---------------------------------------------------------

    def _apply(self, runtime: _Runtime, step: vrrp.Step) -> None:
        before = runtime.machine.state
        runtime.machine, outputs = step
        runtime.counters.changed(before, runtime.machine.state)
        for output in outputs:
            self._do(runtime, output)
        if any(_contested(output) for output in outputs):
            self._announce(runtime)
        if runtime.machine.due != runtime.due_at:
            if runtime.due is not None:
                runtime.due.cancel()
            runtime.due_at = runtime.machine.due
            runtime.due = None if runtime.due_at is None else self._sim.at(runtime.due_at, lambda: self._timer(runtime))

    def _timer(self, runtime: _Runtime) -> None:
        runtime.due = runtime.due_at = None
        self._apply(runtime, vrrp.timer(runtime.machine, self._sim.now))

    def _do(self, runtime: _Runtime, output: vrrp.Output) -> None:
        name = runtime.plan.name
        match output:
            case vrrp.Advertise(priority=priority):
                self._advertise(runtime, priority)
            case vrrp.TakeVips():
                self._take(runtime.plan)
                self._announce(runtime)
            case vrrp.ReleaseVips():
                for address in runtime.plan.addresses:
                    self._kernel.remove(address)
            case vrrp.Entered(state=state):
                self._child(f"({name}) Entering {state.value} STATE")
            case _:
                text = _words(output)
                if text is not None:
                    self._child(f"({name}) {text}")

    def _advertise(self, runtime: _Runtime, priority: int) -> None:
        if not self._kernel.running(LAN):
            return
        if self.blocked:
            self._child(f"({runtime.plan.name}): send advert error 1 (Operation not permitted)")
            return
        config = runtime.machine.config
        advert = vrrp.Heard(
            sender=config.address,
            version=config.version,
            priority=priority,
            interval_s=config.interval_s,
            addresses=config.vips,
        )
        runtime.counters.advertised(priority)
        self._around.send(runtime.plan, advert)

    def _take(self, plan: InstancePlan) -> None:
        for interface in plan.interfaces:
            label = f"{LAN}:{plan.vrid}" if interface.version == 4 else None
            self._kernel.add(SimAddress(LAN, interface, label, own=False))

    def _announce(self, runtime: _Runtime) -> None:
        vips, daemon = [i.ip for i in runtime.plan.interfaces], self.main_pid
        self._around.announce(vips, GARP_REPEAT)

        def again() -> None:
            if self._alive and self.main_pid == daemon and runtime.machine.state is VrrpState.MASTER:
                self._around.announce(vips, GARP_REPEAT)

        self._sim.later(GARP_DELAY_S, again)

    def _main(self, text: str) -> None:
        self._around.say("Keepalived", self.main_pid, text)

    def _child(self, text: str) -> None:
        self._around.say("Keepalived_vrrp", self.vrrp_pid, text)

    def dumped(self) -> None:
        """It was asked for a dump, and says so."""
        self._main(f"Printing parent data for process({self.main_pid}) on signal")
        self._child(f"Printing VRRP data for process({self.vrrp_pid}) on signal")

    def stats_dumped(self) -> None:
        """As `dumped`, for the STATS signal."""
        self._child(f"Printing VRRP stats for process({self.vrrp_pid}) on signal")

    def json_dumped(self) -> None:
        """As `dumped`, for the JSON signal."""
        self._child(f"Printing VRRP as json for process({self.vrrp_pid}) on signal")


def _contested(output: vrrp.Output) -> bool:
    """We are master, and a lower one was heard: the segment may send to the wrong one."""
    return isinstance(output, vrrp.HeardOther) and output.state is VrrpState.MASTER and not output.higher


def _words(output: vrrp.Output) -> str | None:
    """What 2.2.7 logs without -D; None: nothing."""
    match output:
        case vrrp.PriorityChanged(was=was, now=now):
            return f"Changing effective priority from {was} to {now}"
        case vrrp.HeardOther(state=VrrpState.BACKUP, sender=sender, priority=priority):
            return f"received lower priority ({priority}) advert from {sender} - discarding"
        case vrrp.HeardOther(higher=False, sender=sender, priority=priority, ours=ours):
            return f"Received advert from {sender} with lower priority {priority}, ours {ours}, forcing new election"
        case vrrp.HeardOther(sender=sender, priority=priority, ours=ours):
            higher = f"higher priority {priority}, ours {ours}"
            same = f"same priority {ours} but higher IP address than ours"
            return f"Master received advert from {sender} with {same if priority == ours else higher}"
        case vrrp.PreemptDelay(seconds=seconds):
            return f"start preempt delay ({seconds:.6f})"
        case _:
            return None
