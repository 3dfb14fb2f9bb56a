"""What a support bundle asks a node besides what is read anyway. Nothing here changes anything.

What keepalived's maintainers ask for in almost every issue: versions, distribution, links with their counters,
routes, rules, neighbours, group memberships, firewall, sysctls, the unit files, statistics and the log.
Sources: ip(8), nft(8), iptables-save(8), firewall-cmd(1), sysctl(8), journalctl(1), keepalived(8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue.command import CommandSpec, Root, Verb
from haconsole.model.events import Subject

LOG_LINES: Final = 4000
"""Lines of the journal that are asked for; fewer came: that is all there is."""

_FIELDS: Final = "MESSAGE,_COMM,_UID,_PID,SYSLOG_IDENTIFIER,SYSLOG_PID,_SYSTEMD_UNIT,UNIT,_SOURCE_REALTIME_TIMESTAMP"

DISTRIBUTION = CommandSpec(
    id="support.distribution",
    argv=("cat", "/etc/os-release"),
    subject=Subject.VERSIONS,
    limit=64 * 1024,
    doc="The distribution.",
)
KERNEL = CommandSpec(id="support.kernel", argv=("uname", "-a"), subject=Subject.VERSIONS, doc="The kernel.")
LINKS = CommandSpec(
    id="support.links",
    argv=("ip", "-s", "-d", "link"),
    subject=Subject.KERNEL,
    limit=1 << 20,
    doc="Links with their kind and counters.",
)
ROUTES = CommandSpec(
    id="support.routes",
    argv=("ip", "-4", "route", "show", "table", "all"),
    subject=Subject.KERNEL,
    limit=1 << 20,
    doc="IPv4 routes.",
)
ROUTES6 = CommandSpec(
    id="support.routes6",
    argv=("ip", "-6", "route", "show", "table", "all"),
    subject=Subject.KERNEL,
    limit=1 << 20,
    doc="IPv6 routes.",
)
RULES = CommandSpec(id="support.rules", argv=("ip", "rule"), subject=Subject.KERNEL, doc="Rules of policy routing.")
NEIGHBOURS = CommandSpec(
    id="support.neighbours", argv=("ip", "neigh"), subject=Subject.KERNEL, limit=1 << 20, doc="Who is at which MAC."
)
GROUPS = CommandSpec(
    id="support.groups", argv=("ip", "maddr"), subject=Subject.KERNEL, doc="Multicast groups: 224.0.0.18 must be there."
)
SYSCTLS = CommandSpec(
    id="support.sysctls",
    argv=(
        "sysctl", "-e", "net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind", "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce", "net.ipv4.conf.all.promote_secondaries",
        "net.ipv4.igmp_max_memberships", "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max",
    ),
    subject=Subject.KERNEL,
    limit=64 * 1024,
    doc="Settings of the kernel that a virtual address depends on.",
)  # fmt: skip
NFTABLES = CommandSpec(
    id="support.nftables",
    argv=("nft", "list", "ruleset"),
    subject=Subject.KERNEL,
    root=Root.NEEDED,
    limit=1 << 20,
    doc="The firewall, as nftables tells it.",
)
IPTABLES = CommandSpec(
    id="support.iptables",
    argv=("iptables-save",),
    subject=Subject.KERNEL,
    root=Root.NEEDED,
    limit=1 << 20,
    doc="The firewall, as iptables tells it.",
)
IP6TABLES = CommandSpec(
    id="support.ip6tables",
    argv=("ip6tables-save",),
    subject=Subject.KERNEL,
    root=Root.NEEDED,
    limit=1 << 20,
    doc="The same for IPv6.",
)
FIREWALLD = CommandSpec(
    id="support.firewalld",
    argv=("firewall-cmd", "--list-all-zones"),
    subject=Subject.KERNEL,
    root=Root.BETTER,
    limit=256 * 1024,
    doc="The firewall, as firewalld tells it.",
)
UNIT_FILES = CommandSpec(
    id="support.unit-files",
    argv=("systemctl", "cat", "--no-pager", "--", "{keepalived_unit}", "{squid_unit}"),
    subject=Subject.UNITS,
    doc="The units with what overrides them.",
)
LOG = CommandSpec(
    id="support.log",
    argv=(
        "journalctl", "--no-pager", "-q", "-o", "json", f"--output-fields={_FIELDS}", "-n", str(LOG_LINES),
        "_COMM=keepalived", "+", "_COMM=squid", "+", "UNIT={keepalived_unit}.service", "+", "UNIT={squid_unit}.service",
    ),
    subject=Subject.LOG,
    root=Root.BETTER,
    timeout_s=8,
    limit=8 << 20,
    doc="The end of the log of keepalived, squid, and systemd about both.",
)  # fmt: skip
SIGNUM_STATS = CommandSpec(
    id="support.signum-stats",
    argv=("keepalived", "--signum=STATS"),
    subject=Subject.VERSIONS,
    doc="The signal that asks for statistics.",
)
SIGNUM_JSON = CommandSpec(
    id="support.signum-json",
    argv=("keepalived", "--signum=JSON"),
    subject=Subject.VERSIONS,
    doc="The signal that asks for a dump as JSON; not known where it is not built in.",
)
STATS_SIGNAL: Final = 12
JSON_SIGNAL: Final = 36
"""As all builds that were run say (docs/keepalived-versions.md). A daemon that says another number is not asked."""
STATS = CommandSpec(
    id="support.stats",
    verb=Verb.DUMP,
    argv=("{keepalived_unit}", str(STATS_SIGNAL), "new", "/tmp/keepalived.stats"),  # noqa: S108 - keepalived's own place
    subject=Subject.DAEMON,
    root=Root.NEEDED,
    limit=1 << 20,
    doc="keepalived's counters.",
)
JSON = CommandSpec(
    id="support.json",
    verb=Verb.DUMP,
    argv=("{keepalived_unit}", str(JSON_SIGNAL), "new", "/tmp/keepalived.json"),  # noqa: S108 - keepalived's own place
    subject=Subject.DAEMON,
    root=Root.NEEDED,
    limit=4 << 20,
    doc="keepalived's word on every instance as JSON; passwords are cut out on the node.",
)

PLAIN: Final = (
    DISTRIBUTION, KERNEL, LINKS, ROUTES, ROUTES6, RULES, NEIGHBOURS, GROUPS, SYSCTLS, NFTABLES, IPTABLES, IP6TABLES,
    FIREWALLD, UNIT_FILES,
)  # fmt: skip
"""What goes into the bundle as it is printed."""

COMMANDS: Final[Mapping[str, CommandSpec]] = {c.id: c for c in (*PLAIN, LOG, SIGNUM_STATS, SIGNUM_JSON, STATS, JSON)}
"""By id."""
