"""Checks and what else is watched: is it defined, does it tell anything, do its times fit. Pure.

Script security and missing scripts by version: docs/keepalived-versions.md.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from haconsole.cluster.audit.instances import finding
from haconsole.cluster.audit.values import AuditFinding
from haconsole.cluster.audit.view import Inst, Script, View, at, subject
from haconsole.cluster.rules.common import listed
from haconsole.model.findings import Severity
from haconsole.model.keepalived_conf import Place, Statement

FEW: Final = 2
"""Failures in a row that are enough to be sure."""
QUICK_S: Final = 2
SLOW_S: Final = 60.0
"""A dead squid that keeps its VIP for longer than this is likely not what was wanted."""
NOTIFIES: Final = ("notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted")

_SHELL = re.compile(r"\|\||&&|[|;<>`]|\$\(")
_PROCESS_ONLY = re.compile(
    r"(?:^|[/\s'\"])(?:killall5?\s+(?:-s\s*)?-?0|pidof|pgrep|pkill\s+-0|kill\s+-0|systemctl\s+(?:-\S+\s+)*(?:is-active|status))\b"
)
_ALWAYS_WELL = frozenset({"true", "echo", ":", "exit 0"})


def rules(view: View) -> Iterator[AuditFinding]:
    """Every finding of the family."""
    tracked = _tracked(view)
    for script in view.scripts.values():
        yield from command(view, script)
        if script.name in tracked:
            yield from times(view, script)
        elif view.whole:
            yield _never_tracked(view, script)
    for inst in view.instances:
        yield from defined(inst)
        yield from watches_nothing(inst)
        yield from unwatched_own_link(inst)
    yield from security(view)


def _told(  # noqa: PLR0917 - the words of one sentence
    view: View, id_: str, severity: Severity, script: Script, summary: str, remedy: str, *keywords: str
) -> AuditFinding:
    """One about a script; the keywords are its evidence, the first of them the line to change."""
    lines = [s for s in (script.block.first(k) for k in keywords) if s is not None] or [script.block]
    return AuditFinding(
        id=id_,
        severity=severity,
        summary=summary,
        evidence=tuple(view.said(s, "" if s is script.block else script.name) for s in lines),
        remedy=remedy,
        place=lines[0].place,
        node=view.file.node,
    )


def _tracked(view: View) -> frozenset[str]:
    """Names of scripts that instances or sync groups watch, those on undecided lines included."""
    blocks = [*view.conf.blocks("vrrp_instance"), *view.conf.blocks("vrrp_sync_group")]
    return frozenset(
        e.keyword for b in blocks for tracked in b.children("track_script") for e in tracked.block or () if e.words
    )


def _never_tracked(view: View, script: Script) -> AuditFinding:
    """Defined, and tracked by nobody."""
    return _told(
        view, "script-not-tracked", Severity.WARNING, script,
        f"the check {script.name} {at(view)} is in no track_script: its failure moves nothing",
        f"in each vrrp_instance: track_script {{ {script.name} }}",
    )  # fmt: skip


# --- one script -----------------------------------------------------------------------


def command(view: View, script: Script) -> Iterator[AuditFinding]:
    """What it runs."""
    text = script.command
    if text is None:
        if view.whole and script.block.first("script") is None:
            yield _told(
                view, "script-without-command", Severity.CRITICAL, script,
                f"the check {script.name} {at(view)} has no `script` line: keepalived drops it, and nothing is checked",
                view.write(script.block.place, 'script "/usr/sbin/squid -k check"'),
            )  # fmt: skip
        return
    program = text.split()[0] if text.split() else ""
    inner = text if program.rpartition("/")[2] in {"sh", "bash", "dash"} else None
    if posixpath.basename(program) in _ALWAYS_WELL or text.strip() in _ALWAYS_WELL:
        yield _told(
            view, "check-cannot-fail", Severity.CRITICAL, script,
            f"the check {script.name} {at(view)} runs `{text}`, which never fails: a dead squid keeps its VIP",
            view.write(script.place("script"), 'script "/usr/sbin/squid -k check"'), "script",
        )  # fmt: skip
    elif _PROCESS_ONLY.search(text):
        yield _told(
            view, "check-only-process", Severity.WARNING, script,
            f"the check {script.name} {at(view)} only asks whether a process is there (`{text}`): a squid that hangs "
            "or does not listen passes",
            view.write(script.place("script"), 'script "PATH/TO/A/SCRIPT that fetches a page through 127.0.0.1"'),
            "script",
        )  # fmt: skip
    if inner is None and _SHELL.search(text):
        yield _told(
            view, "script-needs-shell", Severity.WARNING, script,
            f"the check {script.name} {at(view)} has shell signs in `{text}`: keepalived starts the program itself and "
            "hands them over as arguments",
            view.write(script.place("script"), "script \"/bin/sh -c '...'\", or a script file"), "script",
        )  # fmt: skip
    if program and not program.startswith("/"):
        yield _told(
            view, "script-not-absolute", Severity.WARNING, script,
            f"the check {script.name} {at(view)} runs {program!r} without its path: which program that is depends on "
            "how keepalived was started",
            view.write(script.place("script"), f'script "/usr/sbin/{text}"'), "script",
        )  # fmt: skip


def times(view: View, script: Script) -> Iterator[AuditFinding]:
    """`interval`, `timeout`, `fall`, `rise`."""
    for keyword, what in (("interval", "a time"), ("timeout", "a time"), ("fall", "a count"), ("rise", "a count")):
        line = script.block.first(keyword)
        if line is not None and line.condition is None and not _positive(line):
            yield _told(
                view, "script-value-invalid", Severity.CRITICAL, script,
                f"the check {script.name} {at(view)}: `{' '.join(line.words)}` is not {what}: keepalived "
                "does not take it",
                view.write(line.place, f"{keyword} 2"), keyword,
            )  # fmt: skip
    interval, timeout = script.interval_s, script.timeout_s
    if interval and timeout and timeout > interval:
        yield _told(
            view, "timeout-over-interval", Severity.WARNING, script,
            f"the check {script.name} {at(view)} may take {timeout:g} s and should run every {interval:g} s: while one "
            "hangs the next runs are left out, and a failure is seen late",
            view.write(script.place("timeout"), f"timeout {max(1, int(interval))}"), "timeout", "interval",
        )  # fmt: skip
    yield from _fall(view, script)
    if interval:
        fall = script.fall or 1
        late = interval * fall + (timeout or interval)
        if late > SLOW_S:
            yield _told(
                view, "check-slow", Severity.WARNING, script,
                f"the check {script.name} {at(view)} takes up to {late:g} s to tell that squid is dead "
                f"(interval {interval:g} s, fall {fall}, timeout {timeout or interval:g} s)",
                _quicker(view, script, interval, timeout or interval, fall), "interval", "fall", "timeout",
            )  # fmt: skip


def _quicker(view: View, script: Script, interval: float, timeout: float, fall: int) -> str:
    """The one line that is to blame, where there is one."""
    if fall > FEW and interval * FEW + timeout <= SLOW_S:
        return view.write(script.place("fall"), f"fall {FEW}")
    quick = view.write(script.place("interval"), f"interval {QUICK_S}")
    more = [f"fall {FEW}"] if QUICK_S * fall > SLOW_S / 2 else []
    more += [f"timeout {QUICK_S}"] if script.timeout_s is not None and timeout > SLOW_S / 2 else []
    return quick + (f"; {'; '.join(more)} (each on a line of its own)" if more else "")


def _positive(line: Statement) -> bool:
    try:
        return bool(line.args) and float(line.args[0]) > 0
    except ValueError:
        return line.args[0].startswith(("$", "~"))


def _fall(view: View, script: Script) -> Iterator[AuditFinding]:
    """One failed run is enough to move the VIP; one good run to bring it back (`rise`)."""
    lines = [s for s in (script.block.first("fall"), script.block.first("rise")) if s is not None]
    if any(s.condition is not None for s in lines) or (not view.whole and not lines):
        return
    if (script.fall or 1) > 1:
        return
    has = script.block.first("fall") is not None
    if has and script.fall is None:
        return  # `script-value-invalid`
    rise = "" if script.rise is not None and script.rise > 1 else ", and one that succeeds brings it back"
    what = "`fall 1`" if has else "no `fall`" + (" and no `rise`" if script.block.first("rise") is None else "")
    parses = ""
    if script.command is not None and re.search(r"\bsquid\b.*-k\s*check", script.command):
        parses = "; `squid -k check` reads squid.conf anew each time, so a half-saved edit is enough"
    both = "; rise 2 (each on a line of its own)" if rise else ""
    yield _told(
        view, "check-without-fall", Severity.WARNING, script,
        f"the check {script.name} {at(view)} has {what}: a single run that fails moves the VIP{rise}{parses}",
        view.write(script.place("fall"), "fall 2") + both, "fall", "rise", "script",
    ).on(place=script.place("fall"))  # fmt: skip


# --- what instances watch -----------------------------------------------------------------


def defined(inst: Inst) -> Iterator[AuditFinding]:
    """`track_script` and `track_file` name what is defined; else keepalived goes on without it."""
    view = inst.view
    if not view.whole:
        return
    known = {
        "track_script": view.names("vrrp_script"),
        "track_file": view.names("track_file", "vrrp_track_file"),
        "track_process": view.names("vrrp_track_process", "track_process"),
    }
    for keyword, names in known.items():
        for entry in _entries(inst.block, keyword):
            if entry.keyword not in names:
                kind = {"track_script": "vrrp_script", "track_process": "vrrp_track_process"}.get(keyword, keyword)
                yield AuditFinding(
                    id="tracked-not-defined",
                    severity=Severity.CRITICAL,
                    summary=f"{subject(inst)} watches {entry.keyword} ({keyword}), which is not defined: keepalived "
                    "goes on without it, and its failure moves nothing",
                    evidence=(view.said(entry, f"{inst.name} {keyword}"),),
                    remedy=view.write(entry.place, _nearest(names, kind, entry.keyword)),
                    place=entry.place,
                    node=view.file.node,
                    instance=inst.name,
                )


def _nearest(names: frozenset[str], kind: str, name: str) -> str:
    if len(names) == 1:
        return f"{next(iter(names))} (the one that is defined), or define {kind} {name} {{ ... }}"
    return f"define {kind} {name} {{ ... }}, or name one of {listed(sorted(names), 'or') or 'those defined'}"


def _entries(block: Statement, keyword: str) -> Iterator[Statement]:
    for inner in block.children(keyword):
        yield from (s for s in inner.block or () if s.words and not s.keyword.startswith(("$", "~")))


def watches_nothing(inst: Inst) -> Iterator[AuditFinding]:
    """Neither a script nor a process nor a sync group's: a dead squid keeps the VIP (article, rule 9)."""
    view = inst.view
    groups = [g for g in view.conf.blocks("vrrp_sync_group") if _member(g, inst.name)]
    keywords = ("track_script", "track_process")
    if any(not inst.lacks(k) for k in keywords) or any(g.first(k) is not None for g in groups for k in keywords):
        return
    name = next(iter(view.scripts), "chk_squid_service")
    yield finding(
        inst, "no-check", Severity.WARNING,
        f"{subject(inst)} watches no service (track_script): a dead squid keeps the VIP",
        view.write(inst.block.place, f"track_script {{ {name} }}"),
    )  # fmt: skip


def _member(group: Statement, name: str) -> bool:
    return any(name in s.words for g in group.children("group") for s in g.block or ())


def unwatched_own_link(inst: Inst) -> Iterator[AuditFinding]:
    """`dont_track_primary`: the link that carries VIP and adverts may be down and the instance stays master."""
    line = inst.line("dont_track_primary")
    if line is not None:
        yield finding(
            inst, "own-link-not-watched", Severity.WARNING,
            f"{subject(inst)}: dont_track_primary: with its LAN link down the node still calls itself master",
            f"{inst.view.where(line.place)}: remove dont_track_primary", "dont_track_primary",
        )  # fmt: skip


# --- script security ------------------------------------------------------------------------


def security(view: View) -> Iterator[AuditFinding]:
    """Scripts run without `enable_script_security`: keepalived says SECURITY VIOLATION at every start."""
    scripts = [s.block for s in view.scripts.values()]
    notifies = [s for i in view.instances for k in NOTIFIES for s in i.block.children(k)]
    if not (scripts or notifies) or not view.whole or view.globals("enable_script_security") is not None:
        return
    first = (scripts or notifies)[0]
    globals_block = next(view.conf.blocks("global_defs"), None)
    place = Place(file=view.file.file, line=1) if globals_block is None else globals_block.place
    user = "" if view.globals("script_user") is not None else "script_user root; "
    inside = "" if globals_block is not None else "global_defs { ... } with "
    yield AuditFinding(
        id="script-security-off",
        severity=Severity.WARNING,
        summary=f"{view.name} runs scripts without enable_script_security: whoever can write one of them, or a folder "
        "on the way to it, runs commands as root",
        evidence=(view.said(first),),
        remedy=f"{view.where(place)}: {inside}{user}enable_script_security (each on a line of its own)",
        place=first.place,
        node=view.file.node,
    )
