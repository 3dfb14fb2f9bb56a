"""Check scripts on a node: are they there, and may keepalived run them. Pure.

From keepalived's notify.c (`check_script_secure`), and run: a script that is missing or not executable is
dropped, and 2.x says nothing of it; with enable_script_security so is one that somebody besides root may write.
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence

from haconsole.cluster.audit.values import AuditEvidence, AuditFinding
from haconsole.cluster.audit.view import Script, View, at
from haconsole.model.asked import FileStat, NodeAsked
from haconsole.model.findings import Severity


def wanted(view: View) -> tuple[str, ...]:
    """Names of files that are asked for: the configuration's, the scripts', and the folders on the way to these."""
    found = dict.fromkeys(view.conf.files)
    for script in view.scripts.values():
        program = _program(script)
        if program is not None:
            found[program] = None
            found.update(dict.fromkeys(_folders(program)))
    return tuple(found)


def _program(script: Script) -> str | None:
    words = (script.command or "").split()
    return words[0] if words and words[0].startswith("/") else None


def _folders(path: str) -> Iterator[str]:
    while path not in {"/", ""}:
        path = posixpath.dirname(path)
        yield path


def rules(view: View, asked: NodeAsked) -> Iterator[AuditFinding]:
    """`script-not-runnable`, for every script whose file could be looked at."""
    tracked = {n for i in view.instances for n, _ in i.conf.tracked_scripts}
    for script in view.scripts.values():
        program = _program(script)
        if program is None or script.name not in tracked or program not in asked.files:
            continue
        why = _why_not(view, script, program, asked.files)
        if why is None:
            continue
        text, remedy = why
        yield AuditFinding(
            id="script-not-runnable",
            severity=Severity.CRITICAL,
            summary=f"the check {script.name} {at(view)}: {program} {text}: keepalived drops the check without a word, "
            "and a dead squid keeps its VIP",
            evidence=(
                *(view.said(s, script.name) for s in script.block.children("script")),
                AuditEvidence(source=f"{program} on {view.name}", text=_shown(asked.files[program]), at=asked.at),
            ),
            remedy=f"on {view.name}: {remedy}",
            place=script.place("script"),
            node=view.file.node,
        )


def _shown(found: FileStat | None) -> str:
    if found is None:
        return "not there"
    return f"{stat.filemode(found.mode)}, owner {found.uid}, group {found.gid}"


def _why_not(view: View, script: Script, program: str, files: Mapping[str, FileStat | None]) -> tuple[str, str] | None:
    found = files[program]
    if found is None:
        return "is not there", f"ls -l {program}; install it, or name the right one"
    if stat.S_ISDIR(found.mode):
        return "is a folder", f"name the program in {script.place('script')}"
    if not found.mode & 0o111:
        return f"is not executable ({stat.filemode(found.mode)})", f"chmod 755 {program}"
    user = _user(view, script)
    if user == "root" and view.globals("enable_script_security") is not None:
        return _insecure(program, files)
    return None


def _user(view: View, script: Script) -> str | None:
    """Whom it runs as; None: that depends on the node (`keepalived_script`, if there is one)."""
    lines = [*script.block.children("user"), *filter(None, (view.globals("script_user"),))]
    command = script.block.first("script")
    if command is not None and len(command.args) > 1:
        return command.args[1]
    return lines[0].args[0] if lines and lines[0].args else None


def _insecure(program: str, files: Mapping[str, FileStat | None]) -> tuple[str, str] | None:
    for name in (program, *_folders(program)):
        found = files.get(name)
        if found is None:
            continue
        others = found.mode & stat.S_IWOTH and not found.mode & stat.S_ISVTX
        if found.uid != 0 or others or (found.mode & stat.S_IWGRP and found.gid != 0):
            what = "is" if name == program else f"lies in {name}, which is"
            return (
                f"{what} writable by others than root ({_shown(found)}), which enable_script_security refuses",
                f"chown root:root {name}; chmod go-w {name}",
            )
    return None


def unseen(view: View, files: Mapping[str, FileStat | None]) -> Sequence[str]:
    """Programs of watched scripts that could not be looked at."""
    tracked = {n for i in view.instances for n, _ in i.conf.tracked_scripts}
    programs = (_program(s) for s in view.scripts.values() if s.name in tracked)
    return [p for p in programs if p is not None and p not in files]
