"""What the entries of `catalogue.ask` print -> values.

Sources: sudo(8) 1.8 to 1.9.16 (`-l -l` with a command tells the rule since 1.9.14, before that only
the command), journalctl(1), systemctl(1), ss(8); run on Debian 11, 12 and 13.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final

from haconsole.model.readings import LogLine
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.parse import journal
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean

_LIMIT: Final = 8 << 20
_SHOWN: Final = 80
_WORD: Final = 256
_LINES: Final = 200_000
_IP: Final = re.compile(r"[0-9A-Fa-f.:]{2,64}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_UNIT: Final = re.compile(r"[A-Za-z0-9:_.\\@-]{1,256}")
_MICROS: Final = re.compile(r"[0-9]{1,18}")


def _bounded(text: str, what: str) -> str:
    if len(text) > _LIMIT:
        raise ParseError(f"{what} told too much")
    return text


def parse_uid(text: str) -> int:
    """`id -u`. Raises: ParseError."""
    word = text[:_WORD].strip()
    if not re.fullmatch(r"[0-9]{1,10}", word):
        raise ParseError(f"the number of a login was expected, not: {clean(word[:_SHOWN])}")
    return int(word)


def parse_switch(text: str) -> bool:
    """A sysctl that is 0 or 1. Raises: ParseError."""
    word = text[:_WORD].strip()
    if word not in {"0", "1"}:
        raise ParseError(f"0 or 1 was expected, not: {clean(word[:_SHOWN])}")
    return word == "1"


# --- connections ----------------------------------------------------------------------------------


def parse_connections(text: str, port: int) -> Mapping[IpAddress, int]:
    """Local address -> established connections to `port` there, of `ss -tn state established ...`.

    Header or not, with the state's column or without. An IPv4 address in IPv6 form is the IPv4
    address. Raises: ParseError for a line that is no connection.
    """
    found: Counter[IpAddress] = Counter()
    for number, line in enumerate(_bounded(text, "`ss`").split("\n")):
        words = line[:4096].split()
        if not words or (number == 0 and words[0] in {"State", "Recv-Q"}):
            continue
        if words[0] == "ESTAB":
            words = words[1:]
        if len(words) < 4 or not words[0].isascii() or not words[0].isdigit() or not words[1].isdigit():
            raise ParseError(f"a line of `ss -tn` was expected, not: {clean(line[:_SHOWN])}")
        host, _, local = words[2].rpartition(":")
        if _PORT.fullmatch(local) is None:
            raise ParseError(f"no port: {clean(words[2][:_SHOWN])}")
        if int(local) == port:
            found[_address(host)] += 1
    return dict(found)


def _address(host: str) -> IpAddress:
    bare = host.partition("%")[0].removeprefix("[").removesuffix("]")
    if _IP.fullmatch(bare) is None:
        raise ParseError(f"no IP address: {clean(host[:_SHOWN])}")
    try:
        address = ip_address(bare)
    except ValueError as error:
        raise ParseError(f"no IP address: {clean(host[:_SHOWN])}") from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


# --- systemd --------------------------------------------------------------------------------------


def parse_timers(text: str) -> tuple[tuple[str, str], ...]:
    """(timer, what it starts) of `systemctl list-timers --all --no-legend`; `-` where it starts nothing known.

    Raises: ParseError for a line without a timer.
    """
    found: list[tuple[str, str]] = []
    for line in _bounded(text, "`systemctl list-timers`").split("\n"):
        words = line[:4096].split()
        if not words:
            continue
        if words[0] in {"●", "*"}:
            words = words[1:]
        index = next((i for i, w in enumerate(words) if w.endswith(".timer")), None)
        if index is None or _UNIT.fullmatch(words[index]) is None:
            raise ParseError(f"a timer was expected, not: {clean(line[:_SHOWN])}")
        starts = words[index + 1] if index + 1 < len(words) else "-"
        found.append((clean(words[index]), clean(starts[:_WORD])))
    return tuple(found)


def parse_active(text: str) -> tuple[str, ...]:
    """Ids of the units that run, of `systemctl show -p Id,LoadState,ActiveState`. Raises: ParseError: a block
    without Id or ActiveState, or none at all."""
    blocks = [b for b in re.split(r"\n[ \t]*\n", _bounded(text, "`systemctl show`").strip()) if b.strip()]
    if not blocks:
        raise ParseError("`systemctl show` told no unit")
    found: list[str] = []
    for block in blocks:
        values = dict(line.partition("=")[::2] for line in block.split("\n"))
        name, state = values.get("Id", "").strip(), values.get("ActiveState", "").strip()
        if not name or not state:
            raise ParseError(f"Id and ActiveState were expected, not: {clean(block[:_SHOWN])}")
        if state in {"active", "activating", "reloading", "refreshing"}:
            found.append(clean(name[:_WORD]))
    return tuple(found)


# --- sudo -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SudoWord:
    """What sudo said of one command. allowed: some rule permits it. free: without a password; None: this sudo
    does not tell. command: as sudo understood it, cleaned of blanks and backslashes. words: why not."""

    allowed: bool
    free: bool | None
    command: str = ""
    words: str = ""


def parse_may(stdout: str, stderr: str, status: int) -> SudoWord:
    """`sudo -n -l -l -- COMMAND`. Exit 0 alone proves nothing: a login that has any rule without a password may
    list all of them, those that want one too. Raises: ParseError: sudo did not end by itself, or is not there."""
    said = clean((stderr.strip().splitlines() or [""])[-1][:400])
    if status == 1:
        return SudoWord(allowed=False, free=None, words=said or "sudo does not permit it")
    if status != 0:
        raise ParseError(f"sudo ended with {status}" + (f": {said}" if said else ""))
    text = _bounded(stdout, "`sudo -l`").strip()
    if not text:
        raise ParseError("sudo told nothing")
    if not text.startswith("Sudoers entry:") and "\n    Options:" not in text and "Matched:" not in text:
        return SudoWord(allowed=True, free=None, command=_squeezed(text))
    rule, _, matched = text.rpartition("Matched:")
    options = re.search(r"(?m)^ *Options: ?(.*)$", rule)
    words = set(re.split(r"[,\s]+", options[1])) if options is not None else set()
    return SudoWord(allowed=True, free="!authenticate" in words or None, command=_squeezed(matched))


_NEEDS: Final = re.compile(r"(?<!NO)PASSWD:")


def _as_root(entry: str) -> bool | None:
    """Does a rule of `sudo -l`, "(USER, ... : GROUP, ...) ...", permit its commands as root; None: a group or
    netgroup (%, +), which may hold root. The last name that fits decides, `!` before it turns it round."""
    fits: bool | None = False
    for name in entry[1:].partition(")")[0].partition(":")[0].split(","):
        bare = name.strip().lstrip("\\!")
        if bare in {"ALL", "root", "#0"}:
            fits = "!" not in name
        elif bare[:1] in {"%", "+"}:
            fits = None
    return fits


def parse_password_free(text: str, command: str) -> bool | None:
    """Does `sudo -n -l` prove that `command` (of `SudoWord`) needs no password as root: the last rule that can match
    it is one without. None: it may want one. Raises: ParseError: no list."""
    listed = _bounded(text, "`sudo -l`")
    defaults, may_run, rules = listed.partition("may run the following commands")
    if not may_run:
        raise ParseError("sudo told no rules")
    if re.search(r"(?<![\w])!authenticate\b", defaults):
        return True
    entries = [e for e in re.split(r"\n {4}(?=\()", rules) if e.startswith("(")]
    if not entries:
        raise ParseError("sudo told no rules")
    meant = [(e, fits) for e in entries if (fits := _as_root(e)) is not False]
    free: bool | None = True if any(fits for _, fits in meant) else None
    for entry, fits in meant:
        tagged = re.match(r"\([^)]{0,400}\)\s+(?:[A-Z_]{1,20}:\s*){0,9}?NOPASSWD:", entry)
        if tagged is None or _NEEDS.search(entry):
            free = None
            continue
        if not fits:
            continue
        body = _squeezed(entry[tagged.end() :])
        if body == "ALL" or (command and re.search(rf"(?:^|,|:){re.escape(command)}(?:,|$)", body)):
            free = True
    return free


def _squeezed(text: str) -> str:
    """Without blanks, line ends and backslashes: sudo folds long lines and escapes what it prints."""
    return re.sub(r"[\s\\]", "", text)


# --- the journal ----------------------------------------------------------------------------------


def parse_log(text: str, *, keepalived_unit: str, squid_unit: str, uid: int = 0) -> tuple[tuple[LogLine, ...], int]:
    """(lines that journald vouches for, how many there were in all). Lines of `haconsole` have that as their
    program: those of root, and of the login with the number `uid`. A line that cannot be read proves nothing and
    is only counted. Raises: ParseError: too much."""
    found: list[LogLine] = []
    raw = [line for line in _bounded(text, "the journal").split("\n") if line.strip()]
    if len(raw) > _LINES:
        raise ParseError("the journal told too much")
    for line in raw:
        try:
            told = _haconsole(line, frozenset({"0", str(uid)})) or journal.parse_journal_line(
                line, keepalived_unit=keepalived_unit, squid_unit=squid_unit
            )
        except ParseError:
            continue
        if told is not None and told.trusted:
            found.append(told)
    return tuple(found), len(raw)


def _haconsole(line: str, uids: frozenset[str]) -> LogLine | None:
    if '"haconsole"' not in line or len(line) > journal.MAX_LINE:
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("SYSLOG_IDENTIFIER") != "haconsole":
        return None
    owner = fields.get("_UID")
    if not isinstance(owner, str) or owner not in uids:
        return None
    stamp = fields.get("_SOURCE_REALTIME_TIMESTAMP", fields.get("__REALTIME_TIMESTAMP"))
    message = fields.get("MESSAGE")
    return LogLine(
        program="haconsole",
        ident="haconsole",
        text=clean(message[:400]) if isinstance(message, str) else "",
        node_time_s=int(stamp) / 1e6 if isinstance(stamp, str) and _MICROS.fullmatch(stamp) else None,
        trusted=True,
    )
