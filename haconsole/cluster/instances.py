"""What may be said of a node's VRRP instances, from the best witness that could be heard.

The dump tells everything but is taken now and then; the log tells changes at once; where neither
can be read, the configuration tells the names and the addresses hint at the state. Each instance
says which of them its state came from. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from haconsole.cluster import clocks
from haconsole.model.keepalived_conf import ConfInstance, KeepalivedConf
from haconsole.model.readings import (
    DaemonReading,
    InstanceReading,
    IpInterface,
    KernelReading,
    StateSource,
    TrackedFile,
    TrackedInterface,
    TrackedScript,
    VrrpState,
)
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.model.state import ClockOffset, Known, LoggedState
from haconsole.parse.keepalived_conf import vrrp_instances


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePicture:
    """One instance as it may be believed. `state` None: not known, or keepalived does not run."""

    name: str
    vrid: int | None
    interface: str | None
    state: VrrpState | None
    state_source: StateSource | None
    state_at: float | None
    """When the witness spoke, console clock."""
    since: float | None
    """When the state was entered, console clock."""
    priority: int | None
    effective_priority: int | None
    advert_interval_s: float | None
    preempt: bool | None
    version: int | None
    vips: tuple[IpInterface, ...]
    master_address: IpAddress | None
    tracked_interfaces: tuple[TrackedInterface, ...]
    tracked_scripts: tuple[TrackedScript, ...]
    tracked_files: tuple[TrackedFile, ...]
    preempt_delay_s: float | None = None
    sync_group: str | None = None
    source_address: IpAddress | None = None
    from_dump: bool = False
    """Priorities, tracked things and timers are the daemon's own word, not those of its file."""

    @property
    def state_from_daemon(self) -> bool:
        """True: keepalived itself said so (dump or log)."""
        return self.state is not None and self.state_source in {StateSource.DUMP, StateSource.LOG}


def instances_of(
    *,
    daemon: Known[DaemonReading] | None,
    configured: KeepalivedConf | None,
    logged: Mapping[str, LoggedState],
    kernel: KernelReading | None,
    running: bool | None,
    clock: Known[ClockOffset] | None,
) -> tuple[InstancePicture, ...] | None:
    """The node's instances; None when no witness names any.

    running: is the unit active; False: a stopped daemon has no state, whatever the log's last word.
    """
    if daemon is not None and running is not False:
        return tuple(_from_dump(i, daemon.at, logged.get(i.name), kernel, clock) for i in daemon.value.instances)
    if configured is None:
        return None
    found = vrrp_instances(configured)
    return tuple(_from_conf(c, logged.get(c.name), kernel, running=running) for c in found)


def _from_dump(
    reading: InstanceReading,
    at: float,
    logged: LoggedState | None,
    kernel: KernelReading | None,
    clock: Known[ClockOffset] | None,
) -> InstancePicture:
    state, source, seen = reading.state, StateSource.DUMP, at
    since = clocks.to_console(clock, reading.last_transition_node_s)
    if logged is not None and logged.at > at:
        state, source, seen, since = logged.state, StateSource.LOG, logged.at, logged.at
    return InstancePicture(
        name=reading.name,
        vrid=reading.vrid,
        interface=reading.interface,
        state=state,
        state_source=source if state is not None else None,
        state_at=seen,
        since=since,
        priority=reading.priority,
        effective_priority=reading.effective_priority,
        advert_interval_s=reading.advert_interval_s,
        preempt=reading.preempt,
        version=reading.version,
        vips=reading.vips,
        master_address=reading.master_address if source is StateSource.DUMP else None,
        tracked_interfaces=tuple(_with_link(t, kernel) for t in reading.tracked_interfaces),
        tracked_scripts=reading.tracked_scripts,
        tracked_files=reading.tracked_files,
        preempt_delay_s=reading.preempt_delay_s,
        sync_group=reading.sync_group,
        source_address=reading.source_address,
        from_dump=True,
    )


def _with_link(tracked: TrackedInterface, kernel: KernelReading | None) -> TrackedInterface:
    """The kernel's stream is fresher than a dump: it says whether a tracked link works now."""
    link = None if kernel is None else kernel.links.get(tracked.name)
    if link is None:
        return tracked
    return TrackedInterface(name=tracked.name, up=link.up and link.carrier, weight=tracked.weight)


def _from_conf(
    conf: ConfInstance, logged: LoggedState | None, kernel: KernelReading | None, *, running: bool | None
) -> InstancePicture:
    state, source, seen = _state_without_dump(conf, logged, kernel, running=running)
    names = conf.tracked_interfaces
    return InstancePicture(
        name=conf.name,
        vrid=conf.vrid,
        interface=conf.interface,
        state=state,
        state_source=source,
        state_at=seen,
        since=seen,
        priority=conf.priority,
        effective_priority=None,
        advert_interval_s=conf.advert_interval_s,
        preempt=conf.preempt,
        version=conf.version,
        vips=conf.vips,
        master_address=None,
        tracked_interfaces=tuple(_with_link(TrackedInterface(name=n, up=None, weight=w), kernel) for n, w in names),
        tracked_scripts=tuple(TrackedScript(name=n, ok=None, weight=w) for n, w in conf.tracked_scripts),
        tracked_files=tuple(TrackedFile(name=n, value=None, weight=w) for n, w in conf.tracked_files),
    )


def _state_without_dump(
    conf: ConfInstance, logged: LoggedState | None, kernel: KernelReading | None, *, running: bool | None
) -> tuple[VrrpState | None, StateSource | None, float | None]:
    if running is False:
        return None, None, None
    if logged is not None:
        return logged.state, StateSource.LOG, logged.at
    if kernel is not None and conf.vips:
        held = {a.address.ip for a in kernel.addresses}
        if all(v.ip in held for v in conf.vips):
            return VrrpState.MASTER, StateSource.ADDRESSES, None
        # Without its addresses it is BACKUP or FAULT: which of them, addresses do not tell.
        return None, StateSource.ADDRESSES, None
    return None, None, None
