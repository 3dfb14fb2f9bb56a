"""What keepalived 2.2.7 writes to /tmp/keepalived.data on the DATA signal, line for line.

Model: the dumps of the real daemon in tests/fixtures/keepalived/2.2.7.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from haconsole.cluster import vrrp_instance as vrrp
from haconsole.cluster.vrrp import Track, TrackKind
from haconsole.demo.keepalived import DRAIN, LAN, PUBLIC, Keepalived
from haconsole.demo.kernel import Kernel, SimLink
from haconsole.demo.plan import DRAIN_FILE, SCRIPT, ClusterPlan, InstancePlan
from haconsole.model.readings import VrrpState

Wall = Callable[[float], float]

_GLOBAL: Final = """\
------< Global definitions >------
 Network namespace = (default)
 Network namespace ipvs = (main namespace)
 Router ID = {host}
 Default smtp_alert = unset
 Default smtp_alert_vrrp = unset
 Default smtp_alert_checker = unset
 Checkers log all failures = false
 No test config before reload
 Dynamic interfaces = false
 Default interface = eth0
 Disable local IGMP = no
 LVS flush = false
 LVS flush on stop = disabled
 FIFO write vrrp states on reload = false
 VRRP notify priority changes = false
 VRRP IPv4 mcast group = 224.0.0.18
 VRRP IPv6 mcast group = ff02::12
 Gratuitous ARP delay = 5
 Gratuitous ARP repeat = 5
 Gratuitous ARP refresh timer = 0
 Gratuitous ARP refresh repeat = 1
 Gratuitous ARP lower priority delay = 5
 Gratuitous ARP lower priority repeat = 5
 Num adverts before down = 3
 Send advert after receive lower priority advert = true
 Send advert after receive higher priority advert = false
 Gratuitous ARP interval = 0.000000
 Gratuitous NA interval = 0.000000
 VRRP default protocol version = {version}
 VRRP check unicast_src = false
 VRRP skip check advert addresses = false
 VRRP strict mode = false
 Max auto priority = 0
 Min auto priority delay = 1000000 usecs
 VRRP process priority = 0
 VRRP don't swap = false
 VRRP realtime priority = 0
 VRRP realtime limit = 10000
 SNMP vrrp disabled
 SNMP traps disabled
 DBus disabled
 DBus service name =\x20
 Script security enabled
 Default script uid:gid 0:0
 rs_init_notifies = 0
 no_checker_emails = 0
 rx_bufs_multiples = 3
 umask = 0177
"""

_FIXED: Final = """\
   Gratuitous ARP delay = 5
   Gratuitous ARP repeat = 5
   Gratuitous ARP refresh = 0
   Gratuitous ARP refresh repeat = 1
   Gratuitous ARP lower priority delay = 5
   Gratuitous ARP lower priority repeat = 5
   Down timer adverts = 3
   Send advert after receive lower priority advert = true
   Send advert after receive higher priority advert = false
"""

_INTERFACE_TAIL: Final = """\
   Seen up = 1
   Delayed state change running = false
   Up debounce timer = 0us
   Down debounce timer = 0us
   MTU = {mtu}
   HW Type = {kind}
   NIC netlink status update
   Reset ARP config counter 0
   Original arp_ignore 0
   Original arp_filter 0
   Original promote_secondaries 0
   Reset promote_secondaries counter 0
"""


def data_dump(daemon: Keepalived, kernel: Kernel, wall: Wall) -> str:
    """The whole file. `wall` turns simulated time into the node's clock."""
    cluster = daemon.cluster
    found = daemon.instances
    parts = [_GLOBAL.format(host=daemon.node.name, version=cluster.version), "------< VRRP Topology >------\n"]
    parts += [_instance(daemon, plan, machine, wall) for plan, machine in found]
    parts.append(_sockpool(found))
    names = [plan.name for plan, _ in found]
    parts.append(_script(cluster, daemon.script_status, names))
    if cluster.drainable:
        parts.append(_file(daemon.drain_value(), names))
    parts.append("------< Interfaces >------\n")
    parts += [_interface(kernel, link, names) for link in kernel.links.values()]
    return "".join(parts)


def _time(at: float) -> str:
    shown = datetime.fromtimestamp(at, UTC)
    return f"{at:.6f} ({shown:%a %b %d %H:%M:%S.%f %Y})"


def _instance(daemon: Keepalived, plan: InstancePlan, machine: vrrp.Instance, wall: Wall) -> str:
    config, state = machine.config, machine.state
    six = plan.family == 6
    lines = [f" VRRP Instance = {plan.name}", f"   VRRP Version = {config.version}"]
    lines += ["   Using Native IPv6"] if six else []
    lines.append(f"   State = {state.value}")
    if state is VrrpState.BACKUP and machine.master is not None:
        lines += [f"   Master router = {machine.master}", f"   Master priority = {machine.master_priority}"]
    waiting = sum(t.kind is TrackKind.SCRIPT and t.value is None for t in machine.tracks)
    faults = sum(t.fault(owner=config.owner) for t in machine.tracks)
    lines += [
        "   Flags: none",
        f"   Wantstate = {'BACKUP' if state is VrrpState.INIT else state.value}",
        "   Number of config faults = 0",
        f"   Number of interface and track script faults = {faults}",
        f"   Number of track scripts init = {waiting}",
        f"   Last transition = {_time(wall(machine.since or 0.0))}",
        f"   Read timeout = {'DISABLED' if machine.due is None else _time(wall(machine.due))}",
        f"   Master down timer = {round(machine.down_s * 1e6)} usecs",
        f"   Interface = {LAN}",
        f"   Using src_ip = {config.address}",
        f"   Multicast address {'ff02::12, ifindex 2' if six else '224.0.0.18'}",
    ]
    return "\n".join(lines) + "\n" + _FIXED + _settings(daemon, plan, machine)


def _settings(daemon: Keepalived, plan: InstancePlan, machine: vrrp.Instance) -> str:
    config = machine.config
    adverts = f"{config.interval_s:.0f} sec" if config.version == 2 else f"{config.interval_s * 1000:.0f} milli-sec"
    lines = [
        f"   Virtual Router ID = {plan.vrid}",
        f"   Priority = {config.base_priority}",
        f"   Effective priority = {machine.priority}",
        f"   Total priority = {_total(machine)}",
        f"   Advert interval = {adverts}",
        "   Accept = enabled",
        f"   Preempt = {'enabled' if config.preempt else 'disabled'}",
        "   Promote_secondaries = disabled",
        *(["   Authentication type = none"] if config.version == 2 else []),
        f"   Virtual IP ({len(plan.vips)}):",
    ]
    on_node = " set" if machine.state is VrrpState.MASTER else ""
    for interface in plan.interfaces:
        tail = f"label {LAN}:{plan.vrid}" if interface.version == 4 else "preferred_lft forever"
        lines.append(f"     {interface} dev {LAN} scope global {tail}{on_node}")
    lines += ["   fd_in 13, fd_out 14", "   Tracked interfaces :", f"     {PUBLIC} weight 0"]
    lines += ["   Tracked scripts :", f"     {SCRIPT} weight 0"]
    lines += ["   Tracked files :", f"     {DRAIN}, weight 1"] if daemon.cluster.drainable else []
    lines += ["   Using smtp notification = no", "   Notify deleted = Fault", "   Notify priority changes = false"]
    return "\n".join(lines) + "\n"


def _total(machine: vrrp.Instance) -> int:
    weights: tuple[Track, ...] = () if machine.config.owner else machine.tracks
    return machine.config.base_priority + sum(t.adjustment() for t in weights)


def _sockpool(found: list[tuple[InstancePlan, vrrp.Instance]]) -> str:
    lines = ["------< VRRP Sockpool >------"]
    for family in sorted({plan.family for plan, _ in found}):
        lines += [" fd_in 13 fd_out = 14", f"   Interface = {LAN}", f"   Family = IPv{family}", "   Protocol = VRRP"]
        lines += ["   Type = Multicast", "   Rx buf size = 0", "   VRRP instances"]
        lines += [f"     {plan.name} vrid {plan.vrid}" for plan, _ in found if plan.family == family]
    return "\n".join(lines) + "\n"


def _script(cluster: ClusterPlan, status: int | None, names: list[str]) -> str:
    verdict = {None: "INIT", 0: "GOOD"}.get(status, "BAD")
    lines = [
        "------< VRRP Scripts >------",
        f" VRRP Script = {SCRIPT}",
        "   Command = '/usr/sbin/squid' '-k' 'check'",
        f"   Interval = {cluster.script_interval_s:.0f} sec",
        "   Timeout = 0 sec",
        "   Weight = 0",
        "   Rise = 1",
        "   Fall = 1",
        f"   Result = {int(status == 0)}",
        "   Insecure = no",
        "   Init state = unknown",
        f"   Status = {verdict}",
        "   Script uid:gid = 0:0",
        "   VRRP instances :",
        "   Tracking instances :",
        *(f"     {name}, weight 0" for name in names),
        "   State = idle",
    ]
    return "\n".join(lines) + "\n"


def _file(value: int, names: list[str]) -> str:
    lines = ["------< VRRP Track files >------", f" Track file = {DRAIN}", f"   File = {DRAIN_FILE}"]
    lines += [f"   Status = {value}", "   Weight = 1", "   Tracking instances :"]
    return "\n".join([*lines, *(f"     {name}, weight 1" for name in names)]) + "\n"


def _interface(kernel: Kernel, link: SimLink, names: list[str]) -> str:
    own = [a.address for a in kernel.addresses if a.interface == link.name and a.own]
    four = next((str(a.ip) for a in own if a.version == 4), "(none)")
    six = next((str(a.ip) for a in own if a.version == 6 and a.ip.is_link_local), "(none)")
    lines = [
        f" Name = {link.name}",
        f"   index = {link.index}",
        f"   IPv4 address = {four}",
        f"   IPv6 address = {six}",
    ]
    if link.name == "lo":
        state = "UP, RUNNING, no broadcast, loopback, no multicast"
        return "\n".join([*lines, f"   State = {state}"]) + "\n" + _INTERFACE_TAIL.format(mtu=65536, kind="LOOPBACK")
    state = f"{'UP' if link.up else 'not UP'}, {'RUNNING' if link.running else 'not RUNNING'}"
    lines += [f"   MAC = {link.mac}", "   MAC broadcast = ff:ff:ff:ff:ff:ff", f"   State = {state}"]
    tracking = "   Tracking VRRP instances :\n" + "".join(f"     {name}, weight 0\n" for name in names)
    return "\n".join(lines) + "\n" + _INTERFACE_TAIL.format(mtu=1500, kind="ETHERNET") + tracking
