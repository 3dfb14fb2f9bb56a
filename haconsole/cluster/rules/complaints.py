"""Findings from keepalived's own log: checks that cannot run, adverts that it discards, time it did not get.

Only lines of keepalived itself count, and only those of the daemon that runs now. Many are rate limited
or written once at the start: that a line is missing proves nothing. Words by version: docs/keepalived-versions.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Final

from haconsole.cluster.picture import START_ERROR_S, ClusterPicture, NodePicture
from haconsole.cluster.rules.common import listed
from haconsole.cluster.rules.instances import script_command
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import LogFactKind
from haconsole.model.state import Occurrence
from haconsole.parse import keepalived_log

RECENT_S: Final = 600.0
"""A daemon that was starved so lately is worth a look."""
DISCARD_S: Final = 5.0
"""keepalived tells of every advert that it discards: silent for longer, and four intervals, it is over."""

EXEC_S: Final = 20.0
"""A check that cannot be run is tried again and again: so long after the last complaint it is over."""

_CANNOT_RUN: Final = re.compile(r"exited with status (126|127)\b")
_EXEC: Final = re.compile(r"Error exec-ing command '(?P<command>[^']{1,400})', error [0-9]{1,3}: (?P<why>[^()]{1,80})")
_TIMED_OUT: Final = re.compile(r"VRRP_Script\(.+\) timed[ _]out.*")
_DISABLED: Final = re.compile(
    r"(?:Disabling track script (?P<name>\S+) (?P<why>since .+|due to .+)"
    r"|(?:WARNING - )?script '(?P<path>[^']{1,300})' is not (?P<mode>executable .+?) - disabling\.?"
    r"|\((?P<instance>\S+)\):? track script (?P<unknown>\S+) not found, ignoring\.*)"
)
_STARVED: Final = re.compile(r"A thread timer expired ([0-9]{1,6}(?:\.[0-9]{1,9})?) seconds ago")
_DISCARDED: Final = re.compile(
    r"\((?P<instance>\S+)\):? (?P<what>received an invalid passwd!?"
    r"|received a [0-9]{1,3} auth(?: from \S+)?, expecting [0-9]{1,3}!?"
    r"|advertisement interval mismatch .+|wrong VRRP version.+|invalid TTL.+"
    r"|ip address associated with VRID .+|expected [0-9]{1,4} VIPs .+"
    r"|received an unexpected ip number count .+|Invalid VRRPv[23] checksum(?: from \S+)?"
    r"|(?:missing|malformed|stale|replayed) authentication trailer from .+|unknown authentication key id .+"
    r"|invalid authentication HMAC from .+)"
)
"""The last three are those of `auth_hmac`, 2.4 and later."""
_WRONG: Final = "received an invalid passwd"
_STALE: Final = re.compile(r"\) (?:stale|replayed) authentication trailer")


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        if _running(node):
            yield from checks(picture, node)
            yield from disabled(picture, node)
            yield from starved(picture, node)
    yield from discarded(picture)


def _running(node: NodePicture) -> bool:
    return node.readable and node.keepalived is not None and node.keepalived.active


def _lines(picture: ClusterPicture, node: NodePicture) -> Iterator[Occurrence]:
    """What the daemon that runs now has said, newest first."""
    begin = None if node.keepalived_since is None else node.keepalived_since - START_ERROR_S
    for o in reversed(picture.lines(node.name, "keepalived")):
        if begin is not None and o.at < begin:
            return
        yield o


def _evidence(node: NodePicture, o: Occurrence) -> Evidence:
    return Evidence(source=f"keepalived's log on {node.name}", text=o.text, at=o.at)


def checks(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """The last word on a check is that it could not be run, or did not end in time."""
    verdicts: dict[str, Occurrence] = {}
    refused: dict[str, tuple[Occurrence, str]] = {}
    for o in _lines(picture, node):
        exec_ = _EXEC.fullmatch(o.text)
        if exec_ is not None and picture.at - o.at <= EXEC_S:
            name = _script_of(node, exec_["command"].split()[0])
            if name is not None and name not in verdicts:
                refused.setdefault(name, (o, exec_["why"]))
        fact = keepalived_log.fact("Keepalived_vrrp", o.text) if o.text.startswith("VRRP_Script(") else None
        if fact is not None and fact.kind is LogFactKind.SCRIPT and fact.subject is not None:
            verdicts.setdefault(fact.subject, o)
    for name, o in verdicts.items():
        status = _CANNOT_RUN.search(o.text)
        if status is not None and name not in refused:
            refused[name] = (o, "may not be executed" if status[1] == "126" else "is not there")
        if _TIMED_OUT.fullmatch(o.text) is not None:
            yield timed_out(picture, node, name, o)
    for name, (o, why) in refused.items():
        yield cannot_run(node, name, o, why)


def cannot_run(node: NodePicture, name: str, said: Occurrence, why: str) -> Finding:
    """keepalived says that it cannot run a check's program.

    Means: to keepalived 2.2.7 and others a check that cannot be run *passes*: a dead squid moves nothing. Where
    a shell runs it, it fails (exit status 126, 127), whatever squid does.
    Can be wrong: a program may return 126 or 127 itself. The line may get lost: it is a dying process's.
    """
    results = {s.ok for i in node.instances or () for s in i.tracked_scripts if s.name == name}
    passes = said.text.startswith("Error") and True in results
    command = script_command(node, name)
    effect = "it takes that for success, a dead squid would move nothing" if passes else "it fails whatever squid does"
    if said.text.startswith("Error") and not results & {True, False}:
        effect = "whether it counts as failed is not known"
    return Finding(
        id="check-cannot-run",
        severity=Severity.WARNING,
        node=node.name,
        instance=name,
        summary=f"{node.name}: keepalived cannot run the check {name} ({why}): {effect}",
        evidence=(_evidence(node, said), *_configured(node, name, command)),
        remedy=f"on {node.name}: ls -l {quote(command.split()[0]) if command else f'the program of {name}'}; it must "
        f"be there, and executable for keepalived's script_user: chmod 755",
        since=said.at,
    )


def timed_out(picture: ClusterPicture, node: NodePicture, name: str, said: Occurrence) -> Finding:
    """keepalived ended a check that took longer than its timeout.

    Means: what the check asks hangs, or it needs more time than it is given. It counts as failed.
    Can be wrong: never; the line is keepalived's.
    """
    command = script_command(node, name)
    return Finding(
        id="check-timed-out",
        severity=Severity.WARNING,
        node=node.name,
        instance=name,
        summary=f"{node.name}: the check {name} does not end in time; keepalived ends it, as failed",
        evidence=(_evidence(node, said), *_configured(node, name, command)),
        remedy=f"measure it, on {node.name}: time {command or f'the script of {name}'}; what it asks may hang (squid, "
        f"DNS, a disk); its timeout in {picture.spec.keepalived_config} is for a slow one",
        since=said.at,
    )


def _configured(node: NodePicture, name: str, command: str | None) -> tuple[Evidence, ...]:
    if command is None:
        return ()
    return (Evidence(source=f"keepalived.conf on {node.name}", text=f"{name}: {command}"),)


def disabled(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived said at its start, or at the last reload, that it goes on without a check.

    Means: the instance runs unwatched: a dead squid will not move the VIP.
    Can be wrong: never; but only a log that reaches back to the start tells it.
    """
    found: dict[str, tuple[str, Occurrence]] = {}
    for o in _lines(picture, node):
        if o.text in {"Reloading ...", "Reloading"}:
            break  # what was said before it is no longer so
        m = _DISABLED.fullmatch(o.text)
        if m is None:
            continue
        name = m["name"] or m["unknown"] or _script_of(node, m["path"]) or m["path"]
        why = m["why"] or (f"since it is not {m['mode']}" if m["mode"] else "since it is not defined")
        found.setdefault(name, (why, o))
    if not found:
        return
    file = picture.spec.keepalived_config
    yield Finding(
        id="check-disabled",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: keepalived runs without the check {listed(f'{n} ({w})' for n, (w, _) in found.items())}",
        evidence=tuple(_evidence(node, o) for _, o in found.values()),
        remedy=f"on {node.name}: the script and every folder above it root's own, writable for nobody else, mode 755; "
        f"is it named right in {file}? then: keepalived -t -f {file}; systemctl reload "
        f"{picture.spec.keepalived_service}",
    )


def _script_of(node: NodePicture, path: str) -> str | None:
    """The check whose program it is."""
    for block in node.config.conf.blocks("vrrp_script") if node.config else ():
        command = script_command(node, block.args[0]) if block.args else None
        if command is not None and command.split()[:1] == [path]:
            return block.args[0]
    return None


def starved(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """keepalived itself says that it did not get to run for longer than an interval.

    Means: the host is starved (processor, disk, a paused virtual machine); a little more, and the others take over.
    Can be wrong: somebody may have stopped the process on purpose.
    """
    interval = min((i.advert_interval_s or 1.0 for i in node.instances or ()), default=1.0)
    late = [
        (float(m[1]), o)
        for o in _lines(picture, node)
        if picture.at - o.at <= RECENT_S and (m := _STARVED.fullmatch(o.text)) is not None and float(m[1]) > interval
    ]
    if not late:
        return
    worst, _ = max(late, key=lambda x: x[0])
    yield Finding(
        id="keepalived-starved",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: keepalived did not get to run for {worst:.1f} s",
        evidence=tuple(_evidence(node, o) for _, o in late[:5]),
        remedy=f"on {node.name}: load, steal time (vmstat 1), snapshots and backups at that time; vrrp_rt_priority, "
        f"vrrp_no_swap in {picture.spec.keepalived_config}",
        since=late[-1][1].at,
    )


def discarded(picture: ClusterPicture) -> Iterator[Finding]:
    """keepalived says that it does not take what another node sends; one finding for all.

    Means: both will be masters. Passwords are never shown: keepalived only says that one is wrong.
    Can be wrong: somebody else may use our VRID with other settings.
    """
    found: dict[tuple[str, str], Occurrence] = {}
    for node in picture.nodes:
        if not _running(node):
            continue
        intervals = {i.name: i.advert_interval_s or 1.0 for i in node.instances or ()}
        for o in _lines(picture, node):
            if picture.at - o.at > DISCARD_S + 4 * max(intervals.values(), default=1.0):
                break
            m = _DISCARDED.fullmatch(o.text)
            if m is not None and picture.at - o.at <= DISCARD_S + 4 * intervals.get(m["instance"], 1.0):
                found.setdefault((node.name, m["instance"]), o)
    if not found:
        return
    password = any(_WRONG in o.text for o in found.values())
    why = "the password is another" if password else next(iter(found.values())).text.partition(" ")[2]
    names = listed(dict.fromkeys(n for n, _ in found))
    clocks = any(_STALE.search(o.text) for o in found.values())
    remedy = (
        f"make {'auth_pass' if password else 'the instance'} the same in {picture.spec.keepalived_config} on "
        f"all nodes (haconsole check compares them), then reload the standby first"
    )
    if clocks:
        remedy = "bring the nodes' clocks together first (chronyc tracking): auth_hmac takes no advert that is too old"
    yield Finding(
        id="adverts-discarded",
        severity=Severity.WARNING,
        summary=f"{names} {'does' if len({n for n, _ in found}) == 1 else 'do'} not take the adverts of "
        f"{listed(sorted({i for _, i in found}))} that arrive there: {why}",
        evidence=tuple(_evidence(picture.node(n), o) for (n, _), o in found.items()),
        remedy=remedy,
    )
