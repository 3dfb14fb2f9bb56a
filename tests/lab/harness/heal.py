"""Bringing a node back to the article's healthy state by mending only what differs; every mend is named."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Sequence

from . import configurations as conf
from .network import Network
from .node import Node
from .plan import LAN_PREFIX, LAN_PREFIX6, ORIGIN_ADDRESS, PUBLIC_PREFIX, VIPS, NodePlan
from .processes import send, status_field

_UNITS = ("ssh", "rsyslog", "squid", "keepalived")
_CONFIGURATIONS = {"ssh": conf.SSHD_CONF, "squid": conf.SQUID_CONF, "keepalived": conf.KEEPALIVED_CONF}
_DEFAULTS = {"net.ipv4.ip_nonlocal_bind": "0", "net.ipv4.ip_forward": "0"}
_POLICIES = {"-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT"}


def plug_in(network: Network) -> list[str]:
    """Plug in every cable that is unplugged at the switch, or plugged into nothing."""
    mended = []
    for short, interface in network.unplugged():
        network.join(short, interface, joined=True)
        network.plug(short, interface, plugged=True)
        mended.append(f"{short} {interface}")
    return mended


def heal_node(node: Node, nodes: Sequence[NodePlan]) -> list[str]:
    """Mend one node; returns what was done. The network comes first, keepalived last."""
    mends = [
        *_thaw(node),
        *_uncover(node),
        *_firewall(node),
        *mend_network(node),
        *_parameters(node),
        *_left_by_the_console(node),
    ]
    overridden = _overrides(node)
    changed = _files(node, nodes)
    mends += [f"{path} removed" for path in overridden] + [f"{path} restored" for path in changed]
    mends += _units(node, set(changed), set(overridden.values()))
    return [f"{node.name}: {mend}" for mend in mends]


def _thaw(node: Node) -> list[str]:
    stopped = [pid for pid in node.pids if status_field(pid, "State").startswith("T")]
    send(stopped, signal.SIGCONT)
    return [f"{len(stopped)} processes thawed"] if stopped else []


def _uncover(node: Node) -> list[str]:
    covers = node.covers()
    for point in covers:
        node.exec("umount", "--lazy", point)
    return [f"{point} uncovered" for point in covers]


def _firewall(node: Node) -> list[str]:
    mends = []
    for program in ("iptables", "ip6tables"):
        rules = [line for line in node.exec(program, "-S").stdout.splitlines() if line and line not in _POLICIES]
        if rules:
            node.sh(f"for c in INPUT FORWARD OUTPUT; do {program} -P $c ACCEPT; done; {program} -F; {program} -X")
            mends.append(f"{program}: {len(rules)} rules removed")
    return mends


def mend_network(node: Node) -> list[str]:
    """Interfaces up, with the addresses and routes they had before boot and no others but the VIPs."""
    mends = []
    links = node.exec("ip", "-o", "link").stdout
    for interface in ("eth0", "eth1"):
        flags = re.search(rf"^\d+: {interface}@?\S*: <([^>]*)>", links, re.MULTILINE)
        if flags is None or "UP" not in flags[1].split(","):
            node.exec("ip", "link", "set", interface, "up")
            mends.append(f"{interface} set up")
    plan = node.plan
    wanted = {
        f"{plan.lan}/{LAN_PREFIX}": "eth0",
        f"{plan.lan6}/{LAN_PREFIX6}": "eth0",
        f"{plan.public}/{PUBLIC_PREFIX}": "eth1",
    }
    known = node.addresses()
    managed = {f"{vip.address}/{LAN_PREFIX}" for vip in VIPS}
    for address, interface in wanted.items():
        if known.get(address) != interface:
            quick = ["nodad"] if ":" in address else []
            node.exec("ip", "addr", "replace", address, "dev", interface, *quick)
            mends.append(f"{address} added to {interface}")
    for address, interface in known.items():
        local = interface == "lo" or (address.startswith("fe80:") and not re.match("fe80::10[12]/", address))
        # an IPv6 VIP of a variant goes with the reload that takes the variant away, or here
        if not local and address not in wanted and address not in managed:
            node.exec("ip", "addr", "del", address, "dev", interface, check=False)
            mends.append(f"{address} removed from {interface}")
    default = f"default via {ORIGIN_ADDRESS} dev eth1"
    if not node.exec("ip", "route", "show", "default").stdout.startswith(default):
        node.exec("ip", "route", "replace", *default.split())
        mends.append("default route restored")
    return mends


def _parameters(node: Node) -> list[str]:
    mends = []
    values = node.exec("sysctl", "-n", *_DEFAULTS).stdout.split()
    for (name, wanted), value in zip(_DEFAULTS.items(), values, strict=True):
        if value != wanted:
            node.exec("sysctl", "-qw", f"{name}={wanted}")
            mends.append(f"{name} set to {wanted}")
    if node.exec("hostname").stdout.strip() != node.name:
        node.exec("hostname", node.name)
        mends.append("host name restored")
    return mends


def _left_by_the_console(node: Node) -> list[str]:
    mends = []
    listed = node.systemctl("list-units", "--all", "--plain", "--no-legend", "haconsole*").splitlines()
    units = [line.split()[0] for line in listed if line.strip()]
    if units:
        node.systemctl("stop", *units, check=False)
        node.systemctl("reset-failed", *units, check=False)
        mends.append(f"units stopped: {', '.join(units)}")
    files = node.sh("ls -d /run/haconsole /run/haconsole-* 2>/dev/null || true").split()
    if files:
        node.exec("rm", "-rf", *files)
        mends.append(f"removed: {', '.join(files)}")
    return mends


def _baseline(node: Node, nodes: Sequence[NodePlan]) -> dict[str, tuple[str, int]]:
    return {
        conf.KEEPALIVED_CONF: (conf.keepalived_conf(node.plan, nodes), 0o644),
        conf.SQUID_CONF: (conf.SQUID, 0o644),
        conf.SUDOERS: (conf.OPS_SUDOERS, 0o440),
        conf.SSHD_CONF: (conf.sshd(node.suite), 0o644),
        "/etc/hostname": (node.name + "\n", 0o644),
        "/etc/hosts": (conf.hosts(nodes), 0o644),
        "/etc/resolv.conf": (conf.RESOLV, 0o644),
    }


def _files(node: Node, nodes: Sequence[NodePlan]) -> list[str]:
    changed = []
    baseline = _baseline(node, nodes)
    sums = node.exec("sha256sum", "--", *baseline, check=False).stdout
    found = {line.split(maxsplit=1)[1]: line.split()[0] for line in sums.splitlines()}
    modes = node.exec("stat", "-c", "%a %n", "--", *baseline, check=False).stdout
    found_modes = {line.split(maxsplit=1)[1]: int(line.split()[0], 8) for line in modes.splitlines()}
    for path, (text, mode) in baseline.items():
        if found.get(path) != hashlib.sha256(text.encode()).hexdigest() or found_modes.get(path) != mode:
            node.write(path, text, mode)
            changed.append(path)
    return changed


def _overrides(node: Node) -> dict[str, str]:
    """Remove what was laid over the units' own files (masks, drop-ins); returns path → unit."""
    folders = [f"{top}/systemd/{kind}" for top in ("/etc", "/run") for kind in ("system", "system.control")]
    paths = {f"{d}/{unit}.service{end}": unit for d in folders for unit in _UNITS for end in ("", ".d")}
    listed = node.exec("ls", "-d", "--", *paths, check=False).stdout.split()
    if listed:
        node.exec("rm", "-rf", "--", *listed)
        node.systemctl("daemon-reload")
    return {path: paths[path] for path in listed}


def _units(node: Node, changed: set[str], overridden: set[str]) -> list[str]:
    mends = []
    restart = set(overridden)
    restart |= {unit for unit, path in _CONFIGURATIONS.items() if path in changed}
    if _keepalived_is_odd(node) or _lacks_its_vip(node):
        restart.add("keepalived")
    enabled = node.systemctl("is-enabled", *_UNITS, check=False).splitlines()
    for unit, state in zip(_UNITS, enabled, strict=True):
        if state != "enabled":
            node.systemctl("enable", unit)
            mends.append(f"{unit} enabled")
    active = node.systemctl("is-active", *_UNITS, check=False).splitlines()
    for unit, state in zip(_UNITS, active, strict=True):
        if state != "active" or unit in restart:
            if unit == "squid":
                _kill_squid(node)
                restart.add("keepalived")  # its check may have failed meanwhile: a fresh start asks at once
            node.restart(unit)
            mends.append(f"{unit} {'restarted' if state == 'active' else 'started'}")
    # systemd counts starts: tests that come next may start and stop as they like
    node.systemctl("reset-failed", check=False)
    return mends


def _kill_squid(node: Node) -> None:
    """End squid at once: its own way takes seconds."""
    send(node.pids_named("squid"), signal.SIGKILL)
    node.exec("rm", "-f", "/run/squid.pid")


def _lacks_its_vip(node: Node) -> bool:
    """Whether a VIP is not on this node though it has priority there: a restart brings it back sooner than waiting."""
    held = {address.partition("/")[0] for address in node.addresses()}
    return any(vip.preferred == node.plan.index and vip.address not in held for vip in VIPS)


def has_history(node: Node) -> bool:
    """Whether an instance became master more than once lately: with what a test does, the node would seem to flap."""
    lines = node.exec(
        "journalctl", "-q", "--no-pager", "-o", "cat", "--since", "-11min", "_COMM=keepalived", check=False
    ).stdout.splitlines()
    masters = [line for line in lines if line.endswith("Entering MASTER STATE")]
    return len(masters) > len(set(masters))


def start_afresh(node: Node) -> None:
    """Stop keepalived, take every VIP away, start it with an empty journal."""
    node.systemctl("stop", "keepalived", check=False)
    node.exec("journalctl", "-q", "--rotate", "--vacuum-size=1", check=False)
    for vip in VIPS:
        node.exec("ip", "addr", "del", f"{vip.address}/{LAN_PREFIX}", "dev", "eth0", check=False)
    node.restart("keepalived")


def _keepalived_is_odd(node: Node) -> bool:
    """Whether its configuration is younger than the process (a reload does not count), or it has not one VRRP child."""
    script = (
        'pid=$(systemctl show -p MainPID --value keepalived); [ "$pid" != 0 ] || exit 0; '
        f"[ {conf.KEEPALIVED_CONF} -nt /proc/$pid ] && echo younger; pgrep -P $pid keepalived"
    )
    words = node.sh(script + "; true").split()
    return bool(words) and ("younger" in words or len(words) != 1)
