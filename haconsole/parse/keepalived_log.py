"""What one keepalived log message means, in the words of 1.3.5 to 2.4 (docs/keepalived-versions.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

from haconsole.model.readings import LogFact, LogFactKind, VrrpState
from haconsole.parse.text import clean

MAX_MESSAGE = 4096
"""Longer messages tell nothing: keepalived writes none."""

_INSTANCE = r"(?:VRRP_Instance)?\((\S+)\):? "
"""1.3.5 `VRRP_Instance(I) `, sometimes with a colon; 2.x `(I) ` or `(I): `. Brackets in names are
allowed: the name ends at the last bracket before words that keepalived writes itself."""

_STATE = re.compile(_INSTANCE + r"Entering (MASTER|BACKUP|FAULT) STATE(?: \(init\))?")
_FAULT = re.compile(_INSTANCE + r"(?:Now in|entering) FAULT state(?: due to script \S+| \(.+\))?")
_PRIORITY = re.compile(_INSTANCE + r"Changing effective priority from [0-9]{1,3} to ([0-9]{1,3})")
_LINK = re.compile(
    r"(?:Kernel is reporting: interface (?P<old>\S+) (?P<OLD>UP|DOWN)|Netlink reports (?P<new>\S+) (?P<NEW>up|down))"
)
_SCRIPT = re.compile(
    r"VRRP_Script\((.+)\) (?:(succeeded|considered successful on reload)"
    r"|(?:failed|timed[ _]out|considered unsuccessful on reload)(?: \([^()]*\))?)"
)
_DUMPED = re.compile(r"Printing .{1,40} for process\([0-9]{1,10}\) on signal")
_STARTED = re.compile(r"Starting Keepalived v.*|Starting VRRP child process, pid=[0-9]{1,10}")
_STOPPED = re.compile(r"Stopped Keepalived v.*")
_RELOADED = re.compile(r"Reloading(?: \.\.\.)?|Reload complete")


def _state(found: re.Match[str]) -> LogFact:
    return LogFact(kind=LogFactKind.STATE, instance=clean(found[1]), state=VrrpState[found[2]])


def _fault(found: re.Match[str]) -> LogFact:
    return LogFact(kind=LogFactKind.STATE, instance=clean(found[1]), state=VrrpState.FAULT)


def _priority(found: re.Match[str]) -> LogFact:
    return LogFact(kind=LogFactKind.PRIORITY, instance=clean(found[1]), value=int(found[2]))


def _link(found: re.Match[str]) -> LogFact:
    up = (found["OLD"] or found["NEW"]).lower() == "up"
    return LogFact(kind=LogFactKind.INTERFACE, subject=clean(found["old"] or found["new"]), up=up)


def _script(found: re.Match[str]) -> LogFact:
    return LogFact(kind=LogFactKind.SCRIPT, subject=clean(found[1]), up=found[2] is not None)


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], LogFact]], ...] = (
    (_STATE, _state),
    (_FAULT, _fault),
    (_PRIORITY, _priority),
    (_LINK, _link),
    (_SCRIPT, _script),
    (_DUMPED, lambda _: LogFact(kind=LogFactKind.DUMPED)),
    (_STARTED, lambda _: LogFact(kind=LogFactKind.STARTED)),
    (_STOPPED, lambda _: LogFact(kind=LogFactKind.STOPPED)),
    (_RELOADED, lambda _: LogFact(kind=LogFactKind.RELOADED)),
)


def fact(ident: str, message: str) -> LogFact | None:
    """Return the meaning of one message body; None where it tells nothing of state. Never raises.

    ident: the syslog identifier without `[pid]`: `Keepalived`, `Keepalived_vrrp`, with a namespace's
    or instance's name behind it; lines of other programs mean nothing here.

    Traps that follow from keepalived, not from this function:

    - `Transition to MASTER STATE` (1.x) is None: there is no VIP yet, `Entering MASTER STATE` follows
      one advert interval later. But after a *reload* 1.x writes only this line for a master, so after
      RELOADED or STARTED, and for 1.x always now and then, the state has to come from a dump.
    - 1.x never says that it reloads; 2.x says it up to three times and then keeps states silently.
    - A script's first failures before `fall` (`now returning 1`, `exited with status 1`) are no verdict.
    - STARTED comes for the daemon and again for its VRRP child, also when that was respawned.
    - An instance that starts as BACKUP may write no line at all.
    """
    if not ident.lower().startswith("keepalived") or len(message) > MAX_MESSAGE:
        return None
    text = message.rstrip()
    for pattern, meaning in _MEANINGS:
        if found := pattern.fullmatch(text):
            return meaning(found)
    return None
