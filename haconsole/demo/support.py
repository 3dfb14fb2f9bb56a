"""What a simulated node tells a support bundle: distribution, links, routes, neighbours, firewall, unit files, JSON.

The words are those of Debian 12's programs (iproute2 6.1, nftables 1.0.6, systemd 252, keepalived 2.2.7). What
the simulation does not keep (counters, routes set by hand) is not invented: such lines are not there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from haconsole.catalogue import support
from haconsole.catalogue.command import Names
from haconsole.cluster import vrrp_instance as vrrp
from haconsole.demo.keepalived import LAN, PUBLIC
from haconsole.demo.node import SimNode
from haconsole.demo.plan import InstancePlan
from haconsole.model.readings import IpInterface, VrrpState

JSON_FILE: Final = "/tmp/keepalived.json"  # noqa: S108 - where keepalived writes
_OS_RELEASE: Final = (
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n'
)
_UNAME: Final = "Linux {} 6.1.0-26-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30) x86_64 GNU/Linux\n"
_RULES: Final = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
_SYSCTLS: Final = (
    "net.ipv4.ip_nonlocal_bind = 0\nnet.ipv6.ip_nonlocal_bind = 0\nnet.ipv4.conf.all.rp_filter = 2\n"
    "net.ipv4.conf.all.arp_ignore = 0\nnet.ipv4.conf.all.arp_announce = 0\n"
)
_UNITS: Final = """\
# /lib/systemd/system/keepalived.service
[Unit]
Description=Keepalive Daemon (LVS and VRRP)
After=network-online.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/keepalived
ExecStart=/usr/sbin/keepalived --dont-fork $DAEMON_ARGS

# /lib/systemd/system/squid.service
[Unit]
Description=Squid Web Proxy Server

[Service]
Type=notify
ExecStart=/usr/sbin/squid --foreground -sYC
"""
_DROP: Final = """\
table inet filter {
\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\tmeta l4proto vrrp drop
\t}
\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t\tmeta l4proto vrrp drop
\t}
}
"""
_STATES: Final = {VrrpState.INIT: 0, VrrpState.BACKUP: 1, VrrpState.MASTER: 2, VrrpState.FAULT: 3}

Told = tuple[str, str, int]
"""(standard output, standard error, exit status)"""


def answer(node: SimNode, argv: Sequence[str], *, rooted: bool) -> Told | None:
    """What one of the bundle's commands prints; None: it is none of them."""
    asked = {spec.filled(Names()): spec for spec in support.PLAIN}.get(tuple(argv))
    match asked:
        case None:
            return None
        case support.NFTABLES | support.IPTABLES | support.IP6TABLES if not rooted:
            return "", f"{argv[0]}: Operation not permitted (you must be root)\n", 1
        case support.FIREWALLD:
            return "", f"sh: 1: {argv[0]}: not found\n", 127
    return _text(node, asked.id), "", 0


def _text(node: SimNode, asked: str) -> str:
    plain = {
        support.DISTRIBUTION.id: _OS_RELEASE,
        support.KERNEL.id: _UNAME.format(node.plan.name),
        support.RULES.id: _RULES,
        support.SYSCTLS.id: _SYSCTLS,
        support.UNIT_FILES.id: _UNITS,
        support.LINKS.id: node.kernel.ip_link().replace("\\", "\n"),
        support.NFTABLES.id: _DROP if node.keepalived.blocked else "",
    }
    if asked in plain:
        return plain[asked]
    match asked:
        case support.ROUTES.id:
            return _routes(node, 4)
        case support.ROUTES6.id:
            return _routes(node, 6)
        case support.NEIGHBOURS.id:
            others = [n for n in node.cluster.nodes if n.name != node.plan.name]
            return "".join(f"{n.shown_address} dev {LAN} lladdr {n.mac(LAN)} REACHABLE\n" for n in others)
        case support.GROUPS.id:
            return _groups(node)
    return ""  # iptables-save: no table is in use


def _routes(node: SimNode, version: int) -> str:
    """The subnets of its own addresses."""
    own = [a for a in node.kernel.addresses if a.own and a.address.version == version and a.interface != "lo"]
    lines = [f"{a.address.network} dev {a.interface} proto kernel scope link" for a in own]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _groups(node: SimNode) -> str:
    lines = []
    for link in node.kernel.links.values():
        lines.append(f"{link.index}:\t{link.name}")
        if link.name == LAN and node.keepalived.running:
            lines += ["\tinet  224.0.0.18", "\tinet6 ff02::12"]
        lines.append("\tinet  224.0.0.1")
    return "\n".join(lines) + "\n"


def json_dump(node: SimNode) -> str:
    """What keepalived 2.2.7 writes on the JSON signal: one line, `/` escaped."""
    counters = dict(node.keepalived.counters)
    found = [
        {"data": _json_data(node, plan, machine), "stats": counters[plan.name].as_json()}
        for plan, machine in node.keepalived.instances
    ]
    return json.dumps(found, separators=(",", ":")).replace("/", "\\/")


def _json_data(node: SimNode, plan: InstancePlan, machine: vrrp.Instance) -> dict[str, object]:
    """In keepalived's order."""
    config, master = machine.config, machine.state is VrrpState.MASTER
    interval = int(config.interval_s) if config.interval_s.is_integer() else config.interval_s
    return {
        "iname": plan.name,
        "dont_track_primary": 0,
        "skip_check_adv_addr": 0,
        "strict_mode": 0,
        "vmac_ifname": "",
        "ifp_ifname": LAN,
        "master_priority": machine.master_priority or 0,
        "last_transition": node.wall(machine.since or 0.0),
        "garp_delay": 5,
        "garp_refresh": 0,
        "garp_rep": 5,
        "garp_refresh_rep": 1,
        "garp_lower_prio_delay": 5,
        "garp_lower_prio_rep": 5,
        "lower_prio_no_advert": 0,
        "higher_prio_send_advert": 0,
        "vrid": plan.vrid,
        "base_priority": config.base_priority,
        "effective_priority": machine.priority,
        "vipset": master,
        "promote_secondaries": False,
        "adver_int": interval,
        "master_adver_int": interval,
        "accept": 1,
        "nopreempt": not config.preempt,
        "preempt_delay": config.preempt_delay_s,
        "state": _STATES[machine.state],
        "wantstate": _STATES[machine.state],
        "version": config.version,
        "smtp_alert": False,
        "notify_deleted": False,
        "vips": [_json_vip(i, plan.vrid) + (" set" if master else "") for i in plan.interfaces],
        "track_ifp": [PUBLIC],
        "track_script": ["'/usr/sbin/squid' '-k' 'check'"],
        "auth_type": 0,
    }


def _json_vip(vip: IpInterface, vrid: int) -> str:
    told = f"{vip} dev {LAN} scope global"
    return f"{told} label {LAN}:{vrid}" if vip.version == 4 else f"{told} preferred_lft forever"
