"""What a node answers to a command line: argv in, output out. Knows no catalogue ids.

The words are those of Debian 12's programs (iproute2 6.1, systemd 252, keepalived 2.2.7, squid 5.7).
What it does not know it answers as a shell would: 127.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final

from haconsole.catalogue import capture, read, script, squid_conf
from haconsole.catalogue.command import Verb
from haconsole.catalogue.script import STDERR_LIMIT, SUDO, Line
from haconsole.catalogue.sudo_text import ungrouped
from haconsole.demo import ask, check, closer, support
from haconsole.demo.counters import stats_dump
from haconsole.demo.journal import Entry, Match, as_json
from haconsole.demo.node import SimNode
from haconsole.demo.units import show_unknown
from haconsole.model.record import dataclass

DUMP_FILE: Final = "/tmp/keepalived.data"  # noqa: S108 - where keepalived writes
STATS_FILE: Final = "/tmp/keepalived.stats"  # noqa: S108 - where keepalived writes
_DATA_SIGNAL: Final = "10"
_SINCE: Final = re.compile(r"--since=-(\d+)min")

_KEEPALIVED_V: Final = """\
Keepalived v2.2.7 (01/16,2022)

Copyright(C) 2001-2022 Alexandre Cassen, <acassen@gmail.com>

Built with kernel headers for Linux 5.19.11
Running on Linux 6.1.0-26-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30)
Distro: Debian GNU/Linux 12 (bookworm)

configure options: --build=x86_64-linux-gnu --prefix=/usr --sysconfdir=/etc --localstatedir=/var --enable-json

Config options:  NFTABLES LVS REGEX VRRP VRRP_AUTH VRRP_VMAC JSON BFD OLD_CHKSUM_COMPAT SNMP_V3_FOR_V2 DBUS INIT=systemd

System options:  VSYSLOG MEMFD_CREATE IPV6_MULTICAST_ALL IPV4_DEVCONF LIBNL3 VRRP_IPVLAN VRF SO_MARK
"""
_SIGNALS: Final = {"STOP": "15", "RELOAD": "1", "DATA": "10", "STATS": "12", "STATS_CLEAR": "63", "JSON": "36"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command gave. `files`: for FILES lines, name -> content."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


def framed(line: Line, reply: Reply, marker: str) -> bytes:
    """The reply between the marks of `catalogue.script`, cut as there: the line's limit, the end of standard error."""
    sign = f"\n@{marker} "
    body = reply.stdout + "".join(f"{sign}file {name}\n{text}" for name, text in reply.files.items())
    stderr = reply.stderr.encode()[-STDERR_LIMIT:]
    head, tail = f"{sign}begin {line.id}\n", f"{sign}end {line.id}\n"
    return head.encode() + body.encode()[: line.limit] + tail.encode() + stderr + f"\n{reply.status}\n".encode()


class NodeShell:
    """The programs of one node, as its login may run them."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self._programs: dict[str, Callable[[Sequence[str], bool], Reply]] = {
            "cat": self._cat,
            "date": self._date,
            "id": self._id,
            "ip": self._ip,
            "journalctl": self._journalctl,
            "keepalived": self._keepalived,
            "reboot": self._reboot,
            "sh": self._sh,
            "squid": self._squid,
            "ss": self._ss,
            "stat": self._stat,
            "sudo": self._sudo,
            "systemctl": self._systemctl,
            "tail": self._tail,
            "tcpdump": self._tcpdump,
            "uname": self._uname,
        }

    def line(self, line: Line) -> Reply:
        """One line of a batch."""
        match line.verb:
            case Verb.RUN:
                return self.run(line.argv)
            case Verb.FEED:
                return self.run(line.argv[1:], line.argv[0])
            case Verb.DUMP:
                return self._dump(line.argv[:4], line.argv[4:])
            case Verb.FILES:
                return self._files(line.argv[0])  # all readable: sudo is not needed

    def run(self, argv: Sequence[str], data: str = "") -> Reply:
        """One command line; `sudo -n --` and `timeout` in front are understood. `data`: its standard input."""
        argv, rooted = self.unwrapped(argv)
        if rooted is None:
            return Reply(stderr="sudo: a password is required\n", status=1)
        done = self._node.operations.run(argv, data, rooted=rooted)
        if done is not None:
            return Reply(done.stdout, done.stderr, done.status)
        told = support.answer(self._node, argv, rooted=rooted) or closer.answer(self._node, argv)
        if told is not None:
            return Reply(*told)
        program = self._programs.get(argv[0].rpartition("/")[2]) if argv else None
        if program is None:
            return Reply(stderr=f"sh: 1: {argv[0] if argv else ''}: not found\n", status=127)
        return program(argv[1:], rooted)

    def unwrapped(self, argv: Sequence[str]) -> tuple[Sequence[str], bool | None]:
        """(argv without wrappers, as root?); None: sudo says no."""
        rooted: bool | None = self._node.plan.root
        if tuple(argv[: len(SUDO)]) == SUDO:
            argv, rooted = argv[len(SUDO) :], (rooted or self._may_sudo() or None)
        if argv[:1] == ("timeout",) or argv[:1] == ["timeout"]:
            argv = argv[4:] if argv[1:2] in (("-k",), ["-k"]) else argv[2:]
        return ungrouped(argv), rooted

    def _may_sudo(self) -> bool:
        return bool({"sudo", "wheel"} & set(self._node.plan.groups))

    def _reads_journal(self, *, rooted: bool) -> bool:
        return rooted or bool({"systemd-journal", "adm"} & set(self._node.plan.groups))

    # --- the programs -------------------------------------------------------------

    def _cat(self, args: Sequence[str], rooted: bool) -> Reply:
        node, path = self._node, args[-1] if args else ""
        if path == "/proc/uptime":
            return Reply(f"{node.uptime():.2f} {3.9 * node.uptime():.2f}\n")
        if path == "/proc/sys/kernel/random/boot_id":
            return Reply(f"{node.boot_id}\n")
        if path in {"/proc/sys/net/ipv4/ip_nonlocal_bind", "/proc/sys/net/ipv6/ip_nonlocal_bind"}:
            return Reply("0\n")
        text = node.read_file(path)
        return Reply(text) if text is not None else _missing("cat", path)

    def _date(self, args: Sequence[str], rooted: bool) -> Reply:
        text = {"+%s.%N": stamp(self._node.wall()), "+%z": "+0000"}.get(" ".join(args))
        return Reply(f"{text}\n") if text is not None else _usage("date", args)

    def _id(self, args: Sequence[str], rooted: bool) -> Reply:
        plan = self._node.plan
        told = {"-un": plan.user, "-u": "0" if plan.root else "1001", "-Gn": " ".join(plan.groups)}
        text = told.get(" ".join(args))
        return Reply(f"{text}\n") if text is not None else _usage("id", args)

    def _reboot(self, args: Sequence[str], rooted: bool) -> Reply:
        """For `haconsole maintain`: the answer gets out first."""
        if not rooted:
            return Reply(stderr="Call to Reboot failed: Access denied\n", status=1)
        self._node.reboot()
        return Reply()

    def _uname(self, args: Sequence[str], rooted: bool) -> Reply:
        text = {"-n": self._node.plan.name, "-r": "6.1.0-26-amd64"}.get(" ".join(args))
        return Reply(f"{text}\n") if text is not None else _usage("uname", args)

    def _ip(self, args: Sequence[str], rooted: bool) -> Reply:
        kernel = self._node.kernel
        match list(args):
            case ["-o", "addr" | "address"]:
                return Reply(kernel.ip_addr())
            case ["-o", "link"]:
                return Reply(kernel.ip_link())
        return Reply(stderr=f'Object "{args[-1] if args else ""}" is unknown, try "ip help".\n', status=1)

    def _sh(self, args: Sequence[str], rooted: bool) -> Reply:
        if ("sh", *args) == read.TOOLS_FOUND.argv:
            return Reply("".join(f"{tool}\n" for tool in read.TOOLS))
        if ("sh", *args) == read.HOST.argv:
            return Reply(self._node.kernel.host_state())
        if ("/bin/sh", *args) == squid_conf.SQUID_CONF.argv:
            return Reply(self._node.squid.conf())
        if ("sh", *args[:-1]) == capture.CHECK.argv[:-1]:
            kernel = self._node.kernel
            return Reply("\n".join(("/usr/bin/tcpdump", kernel.flags(args[-1]), *sorted(kernel.links))) + "\n")
        return Reply(stderr="sh: 1: Syntax error\n", status=2)

    def _ss(self, args: Sequence[str], rooted: bool) -> Reply:
        match list(args):
            case ["-ltn"]:
                pass
            case ["-tn", "state", "established", "sport", "=", port] if port[1:].isdecimal():
                return Reply(ask.established(self._node, int(port[1:])))
            case _:
                return _usage("ss", args)
        lines = ["State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess"]
        if self._node.squid.listening:
            squid = self._node.squid
            here, peer = ("*", "*:*") if squid.address == "[::]" else (squid.address, "0.0.0.0:*")
            lines.append(f"LISTEN 0      4096 {here:>15}:{squid.port} {peer:>15}          ")
        lines.append("LISTEN 0      128          0.0.0.0:22         0.0.0.0:*          ")
        return Reply("\n".join(lines) + "\n")

    def _stat(self, args: Sequence[str], rooted: bool) -> Reply:
        told = check.stat(self._node, args)
        return _usage("stat", args) if told is None else Reply(*told)

    def _sudo(self, args: Sequence[str], rooted: bool) -> Reply:
        plan = self._node.plan
        return Reply(*ask.sudo_list(args, plan.user, plan.name, allowed=plan.root or self._may_sudo()))

    def _squid(self, args: Sequence[str], rooted: bool) -> Reply:
        match list(args):
            case ["-v"]:
                options = "'--build=x86_64-linux-gnu' '--prefix=/usr' '--with-systemd' '--with-gnutls'"
                text = "Squid Cache: Version 5.7\nService Name: squid\nDebian linux\n"
                return Reply(f"{text}configure options:  {options}\n")
            case ["-k", "check"]:
                status, text = self._node.squid.check()
                return Reply(stderr=text, status=status)
        return _usage("squid", args)

    def _keepalived(self, args: Sequence[str], rooted: bool) -> Reply:
        match list(args):
            case ["-v"]:
                return Reply(stderr=_KEEPALIVED_V)
            case ["-t", "-f", path]:
                missing = path not in self._node.files
                return Reply(stderr=f"Config files missing '{path}'.\n" if missing else "")
            case [option] if option.startswith("--signum="):
                name = option.partition("=")[2]
                if name in _SIGNALS:
                    return Reply(f"{_SIGNALS[name]}\n")
                return Reply(stderr=f"Unknown sigfunc {name}\n", status=1)
        return _usage("keepalived", args)

    def _systemctl(self, args: Sequence[str], rooted: bool) -> Reply:
        match list(args):
            case ["--version"]:
                return Reply("systemd 252 (252.30-1~deb12u2)\n+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP\n")
            case ["list-timers", "--all", "--no-pager", "--no-legend"]:
                return Reply(ask.timers())
            case ["show", "--no-pager", "-p", properties, "--", *names]:
                wanted, units = set(properties.split(",")), self._node.units
                ours = self._node.operations.show(names, wanted)
                if ours is not None:
                    return Reply("\n".join(ours))
                stems = [name.removesuffix(".service") for name in names]
                blocks = [units[n].show(wanted) if n in units else show_unknown(n, wanted) for n in stems]
                return Reply("\n".join(blocks))
        return Reply(stderr=f"Unknown command verb {args[0] if args else ''}.\n", status=1)

    def _tail(self, args: Sequence[str], rooted: bool) -> Reply:
        path = args[-1] if args else ""
        return Reply(stderr=f"tail: cannot open '{path}' for reading: No such file or directory\n", status=1)

    def _tcpdump(self, args: Sequence[str], rooted: bool) -> Reply:
        return Reply(stderr="tcpdump: this node is simulated: `haconsole adverts` can capture on it\n", status=1)

    def _journalctl(self, args: Sequence[str], rooted: bool) -> Reply:
        asked = JournalQuery.parse(args)
        if asked is None:
            return _usage("journalctl", args)
        if not self._reads_journal(rooted=rooted):
            text = "No journal files were opened due to insufficient permissions.\n"
            return Reply(stderr=text, status=1)
        return Reply("".join(f"{line}\n" for line in asked.backlog(self._node)))

    # --- the other verbs ----------------------------------------------------------

    def _dump(self, argv: Sequence[str], sudo: Sequence[str]) -> Reply:
        unit, signal, _age, path = argv
        daemon = self._node.keepalived
        if not self._rooted(sudo):
            by_sudo = sudo[:1] == ("sudo",)
            refused = "sudo: a password is required" if by_sudo else "Interactive authentication required."
            text = refused if by_sudo else f"Failed to kill unit {unit}.service: {refused}"
            return Reply(stderr=f"{text}\n", status=1)
        if unit != "keepalived" or not daemon.running:
            return Reply(stderr=f"Failed to kill unit {unit}.service: No main process to kill\n", status=1)
        if (signal, path) == (_SIGNALS["JSON"], support.JSON_FILE):
            daemon.json_dumped()
            return Reply(support.json_dump(self._node))
        if (signal, path) == (_SIGNALS["STATS"], STATS_FILE):
            daemon.stats_dumped()
            return Reply(stats_dump(daemon.counters))
        if signal != _DATA_SIGNAL or path != DUMP_FILE:
            return Reply(stderr="no new dump within 3 s\n", status=75)
        text = self._node.dump()
        return Reply("".join(x for x in text.splitlines(keepends=True) if not re.search("[Pp]assword", x)))

    def _files(self, pattern: str) -> Reply:
        found = {n: t for n, t in sorted(self._node.files.items()) if fnmatch.fnmatchcase(n, pattern)}
        if not found:
            missing = _missing("cat", pattern)
            return Reply(stderr=missing.stderr, status=1, files={pattern: ""})
        return Reply(files={n: re.sub(r"(?m)^(\s*auth_pass\s+).*", r"\1(secret)", t) for n, t in found.items()})

    def _rooted(self, sudo: Sequence[str]) -> bool:
        return self._node.plan.root or (tuple(sudo[: len(SUDO)]) == SUDO and self._may_sudo())

    # --- streams ------------------------------------------------------------------

    def journal_query(self, argv: Sequence[str]) -> JournalQuery | None:
        """What `journalctl -f ...` asks for; None: it is something else, or may not read."""
        argv, rooted = self.unwrapped(argv)
        if rooted is None or argv[:1] != ("journalctl",) or not self._reads_journal(rooted=rooted):
            return None
        return JournalQuery.parse(argv[1:])

    def monitors(self, argv: Sequence[str]) -> bool:
        """Is it `ip -o monitor link address`."""
        return tuple(self.unwrapped(argv)[0]) == ("ip", "-o", "monitor", "link", "address")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalQuery:
    """Options of journalctl(1) that are understood."""

    lines: int
    follow: bool
    fields: tuple[str, ...]
    match: Match
    since_s: float | None = None
    """Lines of the last so many seconds only; None: all."""

    @classmethod
    def parse(cls, args: Sequence[str]) -> JournalQuery | None:
        """None: an option that is not understood."""
        lines, follow, fields, words, since_s = 10**9, False, "", [], None
        rest = iter(args)
        for arg in rest:
            if arg in {"--no-pager", "-q"}:
                continue
            if arg == "-f":
                follow, lines = True, min(lines, 10)
            elif arg == "--no-tail":
                lines = 10**9
            elif ago := _SINCE.fullmatch(arg):
                since_s = 60.0 * int(ago[1])
            elif arg == "-o" and next(rest, "") == "json":
                continue
            elif arg == "-n":
                lines = int(next(rest, "10"))
            elif arg.startswith("--output-fields="):
                fields = arg.partition("=")[2]
            elif arg == "+" or ("=" in arg and not arg.startswith("-")):
                words.append(arg)
            else:
                return None
        chosen = tuple(fields.split(",")) if fields else ()
        return cls(lines=lines, follow=follow, fields=chosen, match=Match(words), since_s=since_s)

    def backlog(self, node: SimNode) -> list[str]:
        """The lines that are there already."""
        begin = 0.0 if self.since_s is None else (node.wall() - self.since_s) * 1e6
        found = node.journal.tail(self.lines, self.match)
        return [self.text(entry) for entry in found if float(entry["__REALTIME_TIMESTAMP"]) >= begin]

    def text(self, entry: Entry) -> str:
        """An entry as it is printed."""
        return as_json(entry, self.fields)


def unguarded(argv: Sequence[str]) -> Sequence[str]:
    """A root stream's argv without the guard that ends it with its console (`catalogue.script`)."""
    inner = script.unguarded(argv[len(SUDO) :]) if tuple(argv[: len(SUDO)]) == SUDO else None
    return argv if inner is None else (*SUDO, *inner)


def stamp(at: float) -> str:
    """`date +%s.%N`"""
    seconds, nanos = divmod(round(at * 1e9), 10**9)
    return f"{seconds}.{nanos:09d}"


def _missing(program: str, path: str) -> Reply:
    return Reply(stderr=f"{program}: {path}: No such file or directory\n", status=1)


def _usage(program: str, args: Sequence[str]) -> Reply:
    return Reply(stderr=f"{program}: unrecognized arguments: {' '.join(args)}\n", status=1)
