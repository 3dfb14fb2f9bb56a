"""Lines of `journalctl -o json` and of a syslog file -> `LogLine`, or None for other programs' lines.

Sources: systemd.journal-fields(7), the journal's JSON format (systemd.io/JOURNAL_EXPORT_FORMATS),
rsyslog's RSYSLOG_TraditionalFileFormat and RSYSLOG_FileFormat; run on systemd 247, 252, 257.

Trust. Any user can write any text under any name with logger(1). In the journal the fields with
an underscore are journald's own word, so a keepalived line counts only if they say so; others
come out with `trusted` False and no fact: a forged line must not change a state. A syslog file
tells nothing about the sender: its lines are never trusted, yet their facts are kept, for
where it is read there is nothing better.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from haconsole.model.readings import LogFact, LogFactKind, LogLine
from haconsole.parse.command_secrets import hide
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_log import fact
from haconsole.parse.text import clean, decode

MAX_LINE: Final = 256 * 1024
"""Characters of a line that is still read."""
MAX_TEXT: Final = 4096
"""Characters of a message that are kept."""
TOO_LARGE: Final = "(message too large to be shown)"
"""journalctl gives null for a message beyond 4096 octets where `--all` is not set."""

_IDENT: Final = 64
_KEEPALIVED: Final = "Keepalived"
_SQUID: Final = re.compile(r"\(?squid3?(?:-(?:coord-|disk-)?[0-9]{1,6})?\)?")
"""`squid`, and its children `(squid-1)`, `(squid-coord-5)`, `(squid-disk-4)`."""
_NUMBER: Final = re.compile(r"[0-9]{1,18}")

_CLASSIC: Final = re.compile(r"([A-Z][a-z]{2}) ([ 0-9][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ")
_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6})[0-9]{0,6})?(Z|[+-][0-9]{2}:?[0-9]{2}) "
)
_SENDER: Final = re.compile(r"[^ ]{1,255} ([^ :\[\]]{1,64})(?:\[([0-9]{1,10})\])?: ?")
_MONTHS: Final = {
    month: number
    for number, month in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD_S: Final = 86400.0
"""How far a line may be ahead of the node's clock before it is taken for last year's."""


# --- journal ----------------------------------------------------------------


def parse_journal_line(
    line: bytes | str, *, keepalived_unit: str = "keepalived", squid_unit: str = "squid"
) -> LogLine | None:
    """Return one line of `journalctl -o json`; None if it is not about the two units.

    Fields read: MESSAGE, SYSLOG_IDENTIFIER, SYSLOG_PID, UNIT, _COMM, _UID, _PID, _SYSTEMD_UNIT,
    _SOURCE_REALTIME_TIMESTAMP, __REALTIME_TIMESTAMP (microseconds, decimal strings).
    keepalived is trusted from _COMM=keepalived with _UID=0, squid from its unit or from root's
    squid, systemd from process 1.
    What SELinux refuses either comes from the kernel by audit, without a _UID.
    Raises: ParseError if the line is no JSON object, or its message no text.
    """
    fields = _fields(line)
    program = _journal_program(fields, keepalived_unit, squid_unit)
    if program is None or "MESSAGE" not in fields:
        return None
    trusted = _trusted(program, fields, squid_unit)
    ident = clean(_field(fields, "SYSLOG_IDENTIFIER") or program)[:_IDENT]
    text = _message(fields["MESSAGE"])
    micros = _number(fields, "_SOURCE_REALTIME_TIMESTAMP")
    if micros is None:
        micros = _number(fields, "__REALTIME_TIMESTAMP")
    pid = _number(fields, "_PID")
    return LogLine(
        program=program,
        ident=ident,
        text=hide(text),
        node_time_s=None if micros is None else micros / 1e6,
        trusted=trusted,
        pid=pid if pid is not None else _number(fields, "SYSLOG_PID"),
        fact=_fact(program, ident, text) if trusted else None,
    )


def _fields(line: bytes | str) -> Mapping[str, object]:
    if len(line) > MAX_LINE:
        raise ParseError("a journal line is too long")
    try:
        fields = json.loads(decode(line) if isinstance(line, bytes) else line)
    except (ValueError, RecursionError) as error:
        raise ParseError("a JSON object was expected from journalctl") from error
    if not isinstance(fields, dict):
        raise ParseError("a JSON object was expected from journalctl")
    return fields


def _field(fields: Mapping[str, object], name: str) -> str | None:
    """Return a text field. A field that the sender gave several times is an array: its first."""
    value = fields.get(name)
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else None


def _own(fields: Mapping[str, object], name: str) -> str | None:
    """Return a field of journald's own, which is never an array: for what trust hangs on."""
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _number(fields: Mapping[str, object], name: str) -> int | None:
    text = _field(fields, name)
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _unit(name: str) -> str:
    return name if name.endswith(".service") else f"{name}.service"


def _journal_program(fields: Mapping[str, object], keepalived_unit: str, squid_unit: str) -> str | None:
    ident = _field(fields, "SYSLOG_IDENTIFIER") or ""
    if ident.startswith(_KEEPALIVED):
        return "keepalived"
    if ident == "audit":  # the kernel's word, as journald heard it: `_COMM` is of the process that was refused
        said = _field(fields, "MESSAGE") or ""
        return "selinux" if _own(fields, "_COMM") in {"keepalived", "squid"} and said.startswith("AVC ") else None
    if _field(fields, "UNIT") in (_unit(keepalived_unit), _unit(squid_unit)):
        return "systemd"  # systemd names the unit that it speaks about here
    if _own(fields, "_SYSTEMD_UNIT") == _unit(squid_unit) or _SQUID.fullmatch(ident):
        return "squid"
    return None


def _trusted(program: str, fields: Mapping[str, object], squid_unit: str) -> bool:
    root = _own(fields, "_UID") == "0"
    if program == "selinux":
        return "_UID" not in fields  # journald knows it of every process that writes to it, and not of the kernel
    if program == "keepalived":
        return root and _own(fields, "_COMM") == "keepalived"
    if program == "systemd":
        return root and _own(fields, "_PID") == "1"
    if _own(fields, "_SYSTEMD_UNIT") == _unit(squid_unit):
        return True
    return root and _own(fields, "_COMM") == "squid"  # `squid -k check`, as keepalived's check script runs it


def _message(value: object) -> str:
    """Return MESSAGE cleaned: a string, numbers 0..255 if it is no clean UTF-8, null if too large.

    Given several times it is an array of these: the first counts.
    """
    if isinstance(value, list) and value and not isinstance(value[0], int):
        value = value[0]
    if value is None:
        return TOO_LARGE
    if isinstance(value, list):
        try:
            value = decode(bytes(value[: 4 * MAX_TEXT]))
        except (TypeError, ValueError) as error:
            raise ParseError("numbers from 0 to 255 were expected in MESSAGE") from error
    if not isinstance(value, str):
        raise ParseError("text was expected in MESSAGE")
    return _text(value)


def _text(message: str) -> str:
    message = message.rstrip("\r\n")
    return clean(message if len(message) <= MAX_TEXT else message[:MAX_TEXT] + "…")[: 2 * MAX_TEXT]


_DUMP_SIGNAL: Final = re.compile(r"\S+: Sent signal SIG(?:USR1|RTMIN\+2) to main process ")
"""systemd's word on `systemctl kill`, since 250: a console like this one asked for a dump."""


def _fact(program: str, ident: str, text: str) -> LogFact | None:
    if program == "systemd" and _DUMP_SIGNAL.match(text):
        return LogFact(kind=LogFactKind.DUMPED)
    return fact(ident, text) if program == "keepalived" else None


# --- syslog files -----------------------------------------------------------


def parse_syslog_line(
    line: bytes | str,
    *,
    node_now_s: float | None,
    node_utc_offset_s: float | None,
    keepalived_unit: str = "keepalived",
    squid_unit: str = "squid",
) -> LogLine | None:
    """Return one line of /var/log/messages or /var/log/syslog; None if it is another program's.

    Time stamps: `Nov 24 02:41:40` (the node's local time, without year and zone) is resolved by
    `node_now_s` (seconds since the epoch by the node's clock: the latest such date that is not
    more than a day ahead) and `node_utc_offset_s` (east of Greenwich positive; the offset of now,
    so lines from before a change of daylight saving time are an hour off). Where one is None,
    `node_time_s` is None. `2026-11-24T02:41:40.123456+00:00` stands for itself.
    rsyslog writes control characters as `#033`; they stay like that.
    Raises: ParseError for a line of more than `MAX_LINE` characters.
    """
    if len(line) > MAX_LINE:
        raise ParseError("a syslog line is too long")
    whole = decode(line) if isinstance(line, bytes) else line
    stamp = _CLASSIC.match(whole) or _ISO.match(whole)
    sender = _SENDER.match(whole, stamp.end()) if stamp is not None else None
    if stamp is None or sender is None:
        return None
    ident = clean(sender[1])[:_IDENT]
    text = _text(whole[sender.end() :])
    program = _syslog_program(ident, text, (_unit(keepalived_unit), _unit(squid_unit)))
    if program is None:
        return None
    if stamp.re is _ISO:
        time_s, precision_s = _iso_time(stamp)
    else:
        time_s, precision_s = _classic_time(stamp, node_now_s, node_utc_offset_s), 1.0
    return LogLine(
        program=program,
        ident=ident,
        text=hide(text),
        node_time_s=time_s,
        time_precision_s=precision_s,
        trusted=False,
        pid=int(sender[2]) if sender[2] else None,
        fact=_fact(program, ident, text),
    )


_DESCRIPTIONS: Final = ("LVS and VRRP", "Keepalive", "Squid caching proxy", "Squid Web Proxy Server")
"""Words of the units' descriptions in CentOS 7, Debian and their kin: until 246 systemd named
a unit by them alone."""


def _syslog_program(ident: str, text: str, units: tuple[str, str]) -> str | None:
    if ident.startswith(_KEEPALIVED):
        return "keepalived"
    if _SQUID.fullmatch(ident):
        return "squid"
    if ident == "systemd" and any(word in text for word in (*units, *_DESCRIPTIONS)):
        return "systemd"
    return None


def _iso_time(stamp: re.Match[str]) -> tuple[float | None, float]:
    """Return seconds since the epoch (None: no such date) and how fine the stamp is."""
    seconds, fraction, zone = stamp.groups()
    precision_s = 10.0 ** -len(fraction or "")
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None, precision_s
    micros = int((fraction or "0").ljust(6, "0"))
    return (moment - _EPOCH).total_seconds() + micros / 1e6, precision_s


def _classic_time(stamp: re.Match[str], now_s: float | None, offset_s: float | None) -> float | None:
    """Return the latest moment with this date and time that is not after the node's now."""
    month = _MONTHS.get(stamp[1])
    if month is None or now_s is None or offset_s is None:
        return None
    try:
        offset = timedelta(seconds=offset_s)
        this_year = (_EPOCH + timedelta(seconds=now_s) + offset).year
    except (OverflowError, ValueError):
        return None
    day, hour, minute = int(stamp[2]), int(stamp[3]), int(stamp[4])
    second = min(int(stamp[5]), 59)  # a leap second is 60
    for year in range(this_year + 1, this_year - 9, -1):  # 29 February comes every 4 years, at times 8
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - offset
        except (OverflowError, ValueError):
            continue
        time_s = (moment - _EPOCH).total_seconds()
        if time_s <= now_s + _AHEAD_S:
            return time_s
    return None
