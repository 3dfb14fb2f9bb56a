"""The reading half of the catalogue: every command line that looks at a node and changes nothing.

There is no other way to read a node, but for squid's cache manager, which is asked over a
forwarded connection (`runtime.squid_manager`) and needs no program there.
Sources: ip(8), systemctl(1), journalctl(1), keepalived(8), squid(8), ss(8); versions from
CentOS 7 (systemd 219, iproute 4.11, keepalived 1.3.5) to Debian 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue.command import CommandSpec, Root, StreamSpec, Verb
from haconsole.model.events import Subject

TOOLS: Final = (
    "ip", "systemctl", "journalctl", "keepalived", "squid", "ss", "sudo", "tcpdump", "timeout", "stat", "tail", "sed",
    "systemd-run", "flock", "base64", "gzip", "logger", "arping",
)  # fmt: skip
"""Programs that haconsole looks for on a node."""

UNIT_PROPERTIES: Final = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,ActiveEnterTimestampMonotonic,InactiveEnterTimestampMonotonic,"
    "ExecMainStartTimestampMonotonic,MainPID,NRestarts,Restart,PrivateTmp"
)

USER = CommandSpec(id="id.user", small=True, argv=("id", "-un"), subject=Subject.IDENTITY, doc="Name of the login.")
UID = CommandSpec(id="id.uid", small=True, argv=("id", "-u"), subject=Subject.IDENTITY, doc="Number of the login.")
GROUPS = CommandSpec(
    id="id.groups", small=True, argv=("id", "-Gn"), subject=Subject.IDENTITY, doc="Groups of the login."
)
HOSTNAME = CommandSpec(
    id="host.name", small=True, argv=("uname", "-n"), subject=Subject.IDENTITY, doc="The node's own name."
)
BOOT_ID = CommandSpec(
    id="host.boot-id",
    small=True,
    argv=("cat", "/proc/sys/kernel/random/boot_id"),
    subject=Subject.IDENTITY,
    doc="Changes with every boot.",
)
TOOLS_FOUND = CommandSpec(
    id="host.tools",
    small=True,
    argv=("sh", "-c", 'for p; do command -v "$p" >/dev/null && echo "$p"; done; true', "sh", *TOOLS),
    subject=Subject.IDENTITY,
    doc="Which programs are there.",
)
UPTIME = CommandSpec(
    id="host.uptime",
    small=True,
    argv=("cat", "/proc/uptime"),
    subject=Subject.UNITS,
    doc="Seconds since boot, by the node.",
)
TIME = CommandSpec(id="host.time", small=True, argv=("date", "+%s.%N"), subject=Subject.CLOCK, doc="The node's clock.")
ZONE = CommandSpec(
    id="host.zone", small=True, argv=("date", "+%z"), subject=Subject.CLOCK, doc="The node's time zone: syslog's times."
)
KERNEL_RELEASE = CommandSpec(
    id="host.kernel", small=True, argv=("uname", "-r"), subject=Subject.VERSIONS, doc="Kernel release."
)
SYSTEMD_VERSION = CommandSpec(
    id="systemd.version",
    small=True,
    argv=("systemctl", "--version"),
    subject=Subject.VERSIONS,
    doc="systemd's version.",
)
UNITS = CommandSpec(
    id="units.show",
    argv=("systemctl", "show", "--no-pager", "-p", UNIT_PROPERTIES, "--", "{keepalived_unit}", "{squid_unit}"),
    subject=Subject.UNITS,
    doc="Are the services active, since when, and enabled at boot.",
)
HOST_PATHS: Final = ("/", "/run", "/tmp", "/var", "/var/log", "/var/log/squid", "/var/spool/squid")  # noqa: S108
"""Where keepalived, squid and haconsole itself must be able to write; what is not there is passed over."""
HOST_FORMAT: Final = "%i %S %b %a %c %d %n"
"""stat(1) -f: file system, block size, blocks, free ones, inodes, free ones, name."""
HOST = CommandSpec(
    id="host.state",
    small=True,
    argv=(
        "sh",
        "-c",
        (
            "r=$({ ip -o route show default && echo routes; } | head -c 20000); "
            'case $r in *routes) echo routes; echo "${r%routes}";; esac; '
            "s=$({ ip -4 -o rule && ip -4 -o route show table all && echo whole; } | head -c 200000); "
            'case $s in *whole) echo sources; printf "%s\\n" "$s" | grep -E "lookup| table .* src " | '
            'grep -v " table local " | head -c 16000;; esac; '
            "v=; n=0; for f in /sys/class/net/*/address; do n=$((n+1)); [ $n -le 1000 ] || { v=y; break; }; a=; "
            'read -r a <"$f"; case $a in 00:00:5e:00:0[12]:*) v=y; break;; esac; done; '
            "if [ -z $v ] && [ -r /sys/class/net/lo/address ]; then v=whole; else "
            "v=$({ ip -s -o link show type macvlan && echo whole; } | head -c 200000); fi; "
            'case $v in whole) echo virtual;; *whole) echo virtual; printf "%s\\n" "$v" | '
            'grep "link/ether 00:00:5e:00:0[12]:" | head -c 16000;; esac; echo disks; '
            f"stat -f -c '{HOST_FORMAT}' -- \"$@\"; echo connections; "
            "cd /proc/sys/net/netfilter && cat nf_conntrack_count nf_conntrack_max; "
            "cd /proc/sys/net/ipv4/conf && { n=0; echo paths; for f in */rp_filter */arp_ignore */arp_filter; do "
            'n=$((n+1)); [ $n -le 1000 ] || break; v=; read -r v <"$f"; printf "%s %s\\n" "$f" "$v"; done; '
            "set -- $(head -n 2 /proc/net/netstat); k=$(($#/2)) p=0; for w; do p=$((p+1)); "
            '[ "$w" != IPReversePathFilter ] || break; done; '
            '[ $k -lt 1 ] || [ $p -gt $k ] || { shift $((p+k-1)); echo "dropped $1"; }; }; true'
        ),
        "sh",
        *HOST_PATHS,
    ),
    subject=Subject.HOST,
    doc="Has it a default route, room to write, room for connections; does it drop by the way packets come; which "
    "routes outside of the main table give packets their source; do frames for virtual MAC addresses come in.",
)
LINKS = CommandSpec(
    id="kernel.links", argv=("ip", "-o", "link"), subject=Subject.KERNEL, limit=8 << 20, doc="Interfaces and carrier."
)
ADDRESSES = CommandSpec(
    id="kernel.addresses", argv=("ip", "-o", "addr"), subject=Subject.KERNEL, limit=8 << 20, doc="Addresses, labels."
)
KEEPALIVED_VERSION = CommandSpec(
    id="keepalived.version", argv=("keepalived", "-v"), subject=Subject.VERSIONS, doc="Version and features."
)
KEEPALIVED_SIGNUM = CommandSpec(
    id="keepalived.signum",
    argv=("keepalived", "--signum=DATA"),
    subject=Subject.VERSIONS,
    doc="The signal that asks for a dump; no such option before 2.0.",
)
KEEPALIVED_TEST = CommandSpec(
    id="keepalived.test",
    argv=("keepalived", "-t", "-f", "{config_file}"),
    subject=Subject.CONFIG_TEST,
    root=Root.NEEDED,
    timeout_s=6,
    doc="Is the configuration on disk sound. Not run on 1.x, which has no -t and would start a daemon.",
)
KEEPALIVED_DUMP = CommandSpec(
    id="keepalived.dump",
    verb=Verb.DUMP,
    argv=("{keepalived_unit}", "{signal}", "{dump_age}", "{dump_file}"),
    subject=Subject.DAEMON,
    root=Root.NEEDED,
    timeout_s=5,
    limit=4 << 20,
    doc="keepalived's own word on every instance; passwords are cut out on the node.",
)
CONFIG_FILE = CommandSpec(
    id="keepalived.conf",
    verb=Verb.FILES,
    argv=("{config_file}",),
    subject=Subject.CONFIG,
    root=Root.BETTER,
    limit=2 << 20,
    doc="The configuration on disk; auth_pass is cut out on the node.",
)
CONFIG_INCLUDE = CommandSpec(
    id="keepalived.include",
    verb=Verb.FILES,
    argv=("{pattern}",),
    subject=Subject.CONFIG,
    root=Root.BETTER,
    limit=2 << 20,
    doc="Files that the configuration includes.",
)
SQUID_VERSION = CommandSpec(id="squid.version", argv=("squid", "-v"), subject=Subject.VERSIONS, doc="squid's version.")
SQUID_CHECK = CommandSpec(
    id="squid.check",
    argv=("squid", "-k", "check"),
    subject=Subject.SQUID_CHECK,
    root=Root.BETTER,
    doc="The article's health check: parses squid.conf and looks for the process.",
)
SOCKETS = CommandSpec(
    id="squid.sockets", argv=("ss", "-ltn"), subject=Subject.SQUID_SOCKETS, limit=1 << 20, doc="Listening TCP sockets."
)

_FIELDS = "MESSAGE,_COMM,_UID,_PID,SYSLOG_IDENTIFIER,SYSLOG_PID,_SYSTEMD_UNIT,UNIT,_SOURCE_REALTIME_TIMESTAMP"
_OURS = (
    "_COMM=keepalived",
    "+",
    "_COMM=squid",
    "+",
    "UNIT={keepalived_unit}.service",
    "+",
    "UNIT={squid_unit}.service",
)
LOG_ANY = CommandSpec(
    id="log.any",
    argv=("journalctl", "--no-pager", "-q", "-o", "json", "--output-fields=MESSAGE", "-n", "1", *_OURS),
    subject=Subject.LOG,
    root=Root.BETTER,
    timeout_s=2,
    limit=64 * 1024,
    doc="Has the journal any line of keepalived, squid or systemd about both: decides how it can be followed.",
)
LOG_TAIL = CommandSpec(
    id="log.tail",
    argv=(
        "journalctl", "--no-pager", "-q", "-o", "json", f"--output-fields={_FIELDS}", "-n", "300", "_COMM=keepalived",
    ),
    subject=Subject.LOG,
    root=Root.BETTER,
    limit=2 << 20,
    doc="keepalived's last lines in the journal: the state where no dump can be had.",
)  # fmt: skip
LOG_FILE_TAIL = CommandSpec(
    id="log.file-tail",
    argv=("tail", "-n", "2000", "--", "{log_file}"),
    subject=Subject.LOG,
    root=Root.BETTER,
    limit=2 << 20,
    doc="The end of the syslog file, where the journal cannot be asked (systemd before 236).",
)

KERNEL_MONITOR = StreamSpec(
    id="kernel.monitor",
    tag="K",
    argv=("ip", "-o", "monitor", "link", "address"),
    subject=Subject.KERNEL,
    doc="Changes of links and addresses, milliseconds after they happen.",
)
LOG_FOLLOW = StreamSpec(
    id="log.follow",
    tag="L",
    argv=("journalctl", "-f", "-q", "-o", "json", f"--output-fields={_FIELDS}", "-n", "300", *_OURS),
    subject=Subject.LOG,
    root=Root.BETTER,
    doc="Lines of keepalived, squid and systemd about both, as they are written.",
)
LOG_FOLLOW_FIRST = StreamSpec(
    id="log.follow-first",
    tag="L",
    argv=(
        "journalctl", "-f", "-q", "-o", "json", f"--output-fields={_FIELDS}", "--no-tail", "--since=-15min", *_OURS,
    ),
    subject=Subject.LOG,
    root=Root.BETTER,
    doc="The same where the journal has no such line yet: `-n` would then lose the first that come together.",
)  # fmt: skip
"""With `-n` and nothing to go back to, journalctl stands at the journal's very end and goes on with its last line: of
those written in between it tells none (systemd 247, 252 and 257, tried). A time is a place of its own."""
LOG_FILE_FOLLOW = StreamSpec(
    id="log.file-follow",
    tag="S",
    argv=("tail", "-n", "2000", "-F", "--", "{log_file}"),
    subject=Subject.LOG,
    root=Root.BETTER,
    doc="The syslog file, where the journal cannot be followed (systemd before 236).",
)

COMMANDS: Final[Mapping[str, CommandSpec]] = {
    c.id: c
    for c in (
        USER, UID, GROUPS, HOSTNAME, BOOT_ID, TOOLS_FOUND, UPTIME, TIME, ZONE, KERNEL_RELEASE, SYSTEMD_VERSION, UNITS,
        HOST, LINKS, ADDRESSES, KEEPALIVED_VERSION, KEEPALIVED_SIGNUM, KEEPALIVED_TEST, KEEPALIVED_DUMP, CONFIG_FILE,
        CONFIG_INCLUDE, SQUID_VERSION, SQUID_CHECK, SOCKETS, LOG_ANY, LOG_TAIL, LOG_FILE_TAIL,
    )
}  # fmt: skip
"""Every short command that can read a node, by id."""

STREAMS: Final[Mapping[str, StreamSpec]] = {
    s.id: s for s in (KERNEL_MONITOR, LOG_FOLLOW, LOG_FOLLOW_FIRST, LOG_FILE_FOLLOW)
}
"""Every long-lived command, by id."""
