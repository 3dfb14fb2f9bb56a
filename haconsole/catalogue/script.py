"""The one string that goes over SSH: fixed shell functions, then one line per catalogue entry.

Pure text in, pure values out; nothing here runs anything. The node's login shell gets
`sh -c 'SCRIPT'`. Output is framed by markers that hold a random word which the console sends
on standard input, so that no program's output can pass for a frame. Bounded on the node:
`timeout` and `head -c` for each command. The demo's nodes read the same lines (`read_batch`).

POSIX sh with GNU coreutils (CentOS 7 and later); tried with dash, bash and busybox ash.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from haconsole.catalogue.command import CommandSpec, Names, Root, StreamSpec, Verb
from haconsole.catalogue.sudo_text import grouped, ungrouped
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass

SUDO: Final = ("sudo", "-n", "--")
_SMALL: Final = "small"
"""The shell function of a RUN entry that is `CommandSpec.small`."""
STDERR_LIMIT: Final = 16000
"""Bytes of standard error kept, from its end; `keepalived -v` prints up to 4 KiB there (Debian 13)."""

# A way that is cut between the command and the word that follows it would leave a shell that waits for ever.
_ENVIRONMENT: Final = """\
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL
N=$(timeout 10 sh -c 'IFS= read -r N && printf %s "$N"') || exit 9
"""

# In `run`: fd 4 is the channel, fd 3 collects stderr and, last, the exit status. `tail -c` keeps the
# end, so the status survives any flood of stderr. Output beyond the limit ends the command by SIGPIPE.
_BATCH: Final = (
    _ENVIRONMENT
    + r"""exec 4>&1 </dev/null
begin() { printf '\n@%s begin %s\n' "$N" "$1"; }
end() { printf '\n@%s end %s\n%s\n' "$N" "$1" "$2"; }
run() {
 i=$1 t=$2 l=$3; shift 3; begin "$i"
 m=$({ { timeout -k 1 "$t" "$@" 3>&- 4>&-; printf '\n%s' "$?" >&3; } 2>&3 |
  head -c "$l" >&4 3>&-; } 3>&1 | tail -c 16000)
 end "$i" "$m"; }
small() {
 i=$1 t=$2; shift 3; begin "$i"
 m=$(timeout -k 1 "$t" "$@" 2>/dev/null); s=$?; printf '%s\n' "$m"; end "$i" "
$s"; }
feed() {
 i=$1 t=$2 l=$3 d=$4; shift 4; begin "$i"
 m=$({ { printf '%s\n' "$d" 3>&- 4>&- | timeout -k 1 "$t" "$@" 3>&- 4>&-; printf '\n%s' "$?" >&3; } 2>&3 |
  head -c "$l" >&4 3>&-; } 3>&1 | tail -c 16000)
 end "$i" "$m"; }
dump() { i=$1 t=$2 l=$3; shift 7; run "$i" "$t" "$l" "$@"; }
show() {
 p=$1; shift; r=0; o=$IFS; IFS=
 for f in $p; do IFS=$o
  printf '\n@%s file %s\n' "$N" "$f"
  if [ -r "$f" ]; then cat "$f" || r=$?; else "$@" sed -e 's/auth_pass.*/auth_pass (secret)/' -- "$f" || r=$?; fi
 done; IFS=$o; return $r; }
files() {
 i=$1 l=$3; shift 3; begin "$i"
 m=$({ { show "$@" 3>&- 4>&-; printf '\n%s' "$?" >&3; } 2>&3 |
  sed -e 's/^\([[:space:]]*auth_pass[[:space:]]\{1,\}\).*/\1(secret)/' | head -c "$l" >&4 3>&-; } 3>&1 | tail -c 16000)
 end "$i" "$m"; }
"""
)

# A dump, as root: all of it in one text, so that a login never sees the passwords in the file, nor
# has a command that reads files of others. The file is looked for where the daemon itself sees /tmp
# (PrivateTmp), and never through a link that somebody laid there. `old`: keepalived 1.x follows
# links and never makes the file anew. It is whole when it did not grow for 50 ms; that it began is looked for
# more often at first: a daemon that is not busy writes within milliseconds.
_DUMP: Final = (
    "{ f='%(file)s'; p=$(systemctl show -p MainPID '%(unit)s' 2>/dev/null); p=${p#MainPID=}; "
    "case $p in ''|0|*[!0-9]*) ;; *) [ -d /proc/$p/root ] && f=/proc/$p/root$f;; esac; "
    "look() { stat -c '%%i %%y %%s' $f 2>/dev/null; }; "
    "if [ '%(age)s' = old ]; then rm -f $f || exit; fi; a=$(look); b=; n=0; s=0.01; "
    "systemctl kill --kill-who=main -s '%(signal)s' '%(unit)s' || exit; "
    'while [ $n -lt 60 ]; do c=$(look); if [ "$c" ] && [ "$c" != "$a" ]; then if [ "$c" = "$b" ]; then '
    "dd if=$f iflag=nofollow bs=64k status=none | "
    """sed -e '/[Pp]assword/d' -e 's/"auth_data":"[^"]*"/"auth_data":""/g'; """
    "rm -f $f ${f%%/*}/keepalived_parent.data; exit 0; fi; b=$c; s=0.05; fi; "
    "n=$((n+1)); [ $n -lt 10 ] || s=0.05; sleep $s; done; "
    "echo 'no new dump within 3 s' >&2; exit 75; }"
)

# Root streams cannot be signalled by the login, so they get an end of their own: a pipe whose writer
# (`tail --pid`) lives as long as the collector. A line longer than a pipe's atomic write is cut, so
# that no line of one stream can be torn apart by another and start anew as something else.
# `beat` ignores SIGPIPE, after the streams were started: a console that dies between a beat and its
# answer would otherwise end this shell alone, and the streams would stay for ever.
_GUARD: Final = ("{ exec 3<&0; ", " </dev/null 3<&- & p=$!; (cat <&3 >/dev/null; kill $p) & wait $p; }")
_COLLECTOR: Final = (
    _ENVIRONMENT
    + r"""exec 5<&0 </dev/null
tagged() { stdbuf -oL sed -e 's/^\(.\{3800\}\).*/\1/' -e "s/^/$t /" 2>/dev/null; echo "E $t"; }
stream() { t=$1; shift; { "$@" 2>/dev/null 5<&- | tagged; } 5<&- & }
rooted() { t=$1; shift; { tail --pid=$$ -f /dev/null 5<&- | "$@" 2>/dev/null 5<&- | tagged; } 5<&- & }
beat() {
 trap '' PIPE HUP
 while [ -n "$(timeout 6 dd bs=1 count=1 2>/dev/null <&5)" ]; do printf 'T %s\n' "$(date +%s.%N)"; done
 trap '' TERM; kill 0; }
"""
)

# One capture on a channel of its own: packets on stdout, words on stderr, beats on stdin. The last pipe
# stage ends the whole process group once tcpdump and its words are through; TERM is passed over on the
# way so that the way is still there when tcpdump's end and last counts come along it. Under sudo
# tcpdump may sit in a session of its own (use_pty): it is found by descent, with numbers only.
_CAPTURE: Final = (
    _ENVIRONMENT
    + r"""exec 5<&0 6>&1 7>&2 </dev/null >/dev/null 2>&1; c=
own() { ps -A -o pid= -o ppid= -o comm= | awk -v top=$$ '{ up[$1] = $2; name[$1] = $3 }
END { for (p in name) if (name[p] == "tcpdump") { q = p; for (n = 0; n < 20 && q in up; n++) {
q = up[q]; if (q == top) { print p; break } } } }'; }
words() { trap '' TERM; stdbuf -oL sed -e 's/^\(.\{400\}\).*/\1/' -e 's/^/W /' >&7; }
finish() { trap '' TERM; p=$(own); kill $p; sleep 1; kill -9 $p; kill -9 0; }
beats() {
 trap '' PIPE HUP
 while b=$(timeout --foreground 6 dd bs=1 count=1 <&5 2>/dev/null 6>&- 7>&-); [ -n "$b" ]; do
  case $b in
  .) printf 'T %s\n' "$(date +%s.%N)" >&7 ;;
  c) [ -n "$c" ] || c=$(own); kill -USR1 $c ;;
  q) break ;;
  esac
 done; }
capture() {
 trap finish TERM
 printf '\n@%s capture\n' "$N" >&6
 { trap : TERM; {
  trap : TERM; "$@" 2>&1 >&6 6>&- 7>&-; printf 'E %s\n' $? >&7; } | words; kill -9 0; } 5<&- &
 beats; finish; }
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one entry gave. `status` 124: its time ran out on the node (timeout(1))."""

    stdout: bytes
    stderr: str
    status: int
    truncated: bool
    files: Mapping[str, bytes]
    """For FILES entries: file name -> content; `stdout` is then empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a batch, as a node reads it (the demo's do)."""

    verb: Verb
    id: str
    timeout_s: int
    limit: int
    argv: tuple[str, ...]


def privileged(spec: CommandSpec | StreamSpec, rights: Rights) -> bool:
    """True: the entry runs under sudo for this login."""
    return spec.root is not Root.NO and rights is Rights.SUDO


def under_sudo(spec: CommandSpec, names: Names) -> tuple[str, ...] | None:
    """What sudo is asked to run for the entry; None: nothing of which the words are known before
    (FILES: see `read_as_root`)."""
    argv = spec.filled(names)
    limit = ("timeout", "-k", "1", str(spec.timeout_s))  # a login cannot end a root process from outside
    match spec.verb:
        case Verb.RUN:
            return (*limit, *grouped(argv))
        case Verb.FEED:
            return (*limit, *grouped(argv[1:]))
        case Verb.DUMP:
            return (*limit, *_dump(argv))
        case Verb.FILES:
            return None


def plain(spec: CommandSpec, names: Names) -> tuple[str, ...]:
    """The program that the login itself runs for the entry, without what goes to its standard input."""
    argv = spec.filled(names)
    return argv[1:] if spec.verb is Verb.FEED else argv


def read_as_root(file: str) -> tuple[str, ...]:
    """What sudo is asked to run for a file that the login may not read: no password comes along."""
    return ("sed", "-e", "s/auth_pass.*/auth_pass (secret)/", "--", file)


def stream_under_sudo(spec: StreamSpec, names: Names) -> tuple[str, ...]:
    """What sudo is asked to run for a stream."""
    return ("/bin/sh", "-c", shlex.join(spec.filled(names)).join(_GUARD))


def unguarded(argv: Sequence[str]) -> tuple[str, ...] | None:
    """The stream's own argv of `stream_under_sudo`; None: it is something else."""
    before, after = _GUARD
    if len(argv) == 3 and tuple(argv[:2]) == ("/bin/sh", "-c") and argv[2].startswith(before):
        return tuple(shlex.split(argv[2].removeprefix(before).removesuffix(after)))
    return None


def _dump(argv: Sequence[str]) -> tuple[str, ...]:
    unit, signal, age, file = argv
    return ("/bin/sh", "-c", _DUMP % {"unit": unit, "signal": signal, "age": age, "file": file})


def line(spec: CommandSpec, names: Names, rights: Rights) -> str:
    """The shell line of one entry."""
    argv = spec.filled(names)
    root = under_sudo(spec, names) if privileged(spec, rights) else None
    match spec.verb:
        case Verb.RUN:
            argv = argv if root is None else (*SUDO, *root)
        case Verb.FEED:
            argv = argv if root is None else (argv[0], *SUDO, *root)
        case Verb.DUMP:
            argv = (*argv, *_dump(argv)) if root is None else (*argv, *SUDO, *root)
        case Verb.FILES:
            argv = (*argv, *SUDO) if privileged(spec, rights) else argv
    outer = spec.timeout_s + 2 if privileged(spec, rights) else spec.timeout_s
    verb = _SMALL if spec.small else spec.verb.value
    return shlex.join((verb, spec.id, str(outer), str(spec.limit), *argv))


def batch(specs: Sequence[CommandSpec], names: Names, rights: Rights) -> str:
    """The command string for one SSH session that runs `specs` one after the other.

    Its first line of standard input must be the marker word (`[0-9a-f]+`).
    """
    body = "\n".join(line(spec, names, rights) for spec in specs)
    return f"exec sh -c {shlex.quote(_BATCH + body)}"


def stream_line(spec: StreamSpec, names: Names, rights: Rights) -> str:
    """The collector's line of one stream."""
    argv = spec.filled(names)
    if privileged(spec, rights):
        return shlex.join(("rooted", spec.tag, *SUDO, *stream_under_sudo(spec, names)))
    return shlex.join(("stream", spec.tag, *argv))


def collector(specs: Sequence[StreamSpec], names: Names, rights: Rights) -> str:
    """The command string of the collector: all streams on one channel, alive by heartbeat.

    Standard input: one line (anything), then one byte at least every 5 s; six seconds without
    one end everything. Standard output, line by line: `K ...`, `L ...`, `S ...` of the streams,
    `T seconds` for each beat, `E tag` when a stream ended.
    """
    body = "\n".join([*(stream_line(spec, names, rights) for spec in specs), "beat"])
    return f"exec sh -c {shlex.quote(_COLLECTOR + body)}"


def capture(spec: StreamSpec, names: Names, rights: Rights) -> str:
    """The command string of one capture: a StreamSpec that writes pcap on stdout.

    Standard input: one line, a marker word (`[0-9a-f]+`); then one byte at least every 5 s: `.` asks
    for the time, `c` for tcpdump's counts (only after it said that it listens: before that the
    signal would end it), `-` only keeps alive, `q` ends in good order. Six seconds without a byte,
    or the end, end everything within another second.
    Standard output: anything, then `capture_mark(marker)`, then what the program writes.
    Standard error, line by line: `T seconds` for each `.`, `W words` of the program or of sudo,
    `E status` when the program has ended; `W` lines may still follow it.
    """
    argv = spec.filled(names)
    argv = (*SUDO, *grouped(argv)) if privileged(spec, rights) else argv
    return f"exec sh -c {shlex.quote(_CAPTURE + shlex.join(('capture', *argv)))}"


def capture_mark(marker: str) -> bytes:
    """What stands in front of the packets, behind whatever the login shell printed."""
    return f"\n@{marker} capture\n".encode()


def read_batch(command: str) -> tuple[Line, ...] | None:
    """The lines of a `batch` string; None if it is not one. For nodes that are not a shell."""
    words = _script_words(command, _BATCH)
    if words is None:
        return None
    return tuple(
        Line(
            verb=Verb.RUN if w[0] == _SMALL else Verb(w[0]),
            id=w[1],
            timeout_s=int(w[2]),
            limit=int(w[3]),
            argv=tuple(w[4:]),
        )
        for w in words
    )


def read_collector(command: str) -> Mapping[str, tuple[str, ...]] | None:
    """Tag -> argv of a `collector` string's streams; None if it is not one."""
    words = _script_words(command, _COLLECTOR)
    if words is None:
        return None
    return {w[1]: tuple(w[2:]) for w in words if w[0] in {"stream", "rooted"}}


def read_capture(command: str) -> tuple[str, ...] | None:
    """The argv of a `capture` string, sudo's words in front of it included; None if it is not one."""
    words = _script_words(command, _CAPTURE)
    if words is None or len(words) != 1:
        return None
    argv = tuple(words[0][1:])
    return (*SUDO, *ungrouped(argv[len(SUDO) :])) if argv[: len(SUDO)] == SUDO else argv


def _script_words(command: str, prelude: str) -> list[list[str]] | None:
    try:
        outer = shlex.split(command)
    except ValueError:
        return None
    if len(outer) != 4 or outer[:3] != ["exec", "sh", "-c"] or not outer[3].startswith(prelude):
        return None
    found: list[list[str]] = []
    text = ""
    for each in outer[3][len(prelude) :].split("\n"):
        text += each
        try:
            found.append(shlex.split(text))
            text = ""
        except ValueError:
            text += "\n"  # inside of quotes: data has line ends
    return None if text else [words for words in found if words]


_STATUS = re.compile(rb"(?:^|\n)(\d{1,3})$")


def outputs(marker: str, stdout: bytes, specs: Iterable[CommandSpec]) -> dict[str, Output]:
    """Split the output of a batch. Entries whose end never came (link lost, time out) are left out.

    Never raises: bytes outside of frames are ignored, an id that was not asked for too.
    """
    limits = {spec.id: spec.limit for spec in specs}
    sign = b"\n@" + marker.encode() + b" "
    found: dict[str, Output] = {}
    current: str | None = None
    content: dict[str, bytes] = {}
    body = b""
    for part in (b"\n" + stdout).split(sign)[1:]:
        head, _, rest = part.partition(b"\n")
        kind, _, name = head.decode("utf-8", "replace").partition(" ")
        if kind == "begin":
            current, content, body = name, {}, rest
        elif kind == "file" and current is not None:
            content[name] = rest
        elif kind == "end" and name == current and name in limits:
            found[name] = _output(body, content, rest.rstrip(b"\n"), limits[name])
            current = None
    return found


def _output(body: bytes, files: dict[str, bytes], meta: bytes, limit: int) -> Output:
    status = _STATUS.search(meta)
    text = meta[: status.start()] if status else meta
    size = len(body) + sum(map(len, files.values()))
    return Output(
        stdout=body,
        stderr=text.decode("utf-8", "replace").strip(),
        status=int(status[1]) if status else -1,
        truncated=size >= limit,
        files=files,
    )
