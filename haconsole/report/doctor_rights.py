"""`doctor`'s lines about rights: what sudo said of every command line that this configuration needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

from haconsole.cluster.picture import NodePicture
from haconsole.model.events import Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.record import dataclass
from haconsole.report.doctor_check import Check


class For(Enum):
    """What a command line is needed for."""

    READING = "reading"
    """Without it something of the picture is missing."""
    TELLING_MORE = "telling more"
    """Works without root, or is for the support bundle."""
    CHANGING = "changing"
    CAPTURING = "capturing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """sudo's word on one command line. ok: it runs without a password; None: that could not be told, `words` why."""

    entry: str
    purpose: For
    ok: bool | None
    words: str = ""


def rights_checks(node: NodePicture, permits: Sequence[Permit] | None, *, read_only: bool) -> Iterator[Check]:
    """permits None: nobody asked. read_only: the cluster is, so nothing has to be changed."""
    who = node.identity
    if who is None:
        yield Check(node=node.name, id="rights", ok=None, text="not told who we are")
        return
    yield _reading(node, who.user, who.rights, permits)
    if not read_only:
        yield _one(node, who.rights, permits, For.CHANGING)
    yield _one(node, who.rights, permits, For.CAPTURING)


def _reading(node: NodePicture, user: str, rights: Rights, permits: Sequence[Permit] | None) -> Check:
    lead = f"user {user}"
    if rights is Rights.ROOT:
        return Check(node=node.name, id="rights", ok=True, text=f"{lead}: root")
    if rights is Rights.PLAIN:
        remedy = "set `sudo = true` for this node and permit the login in sudoers; see the lines below"
        if node.identity is not None and not node.identity.tools.get("sudo", True) and node.spec.ssh.sudo:
            remedy = "install sudo, and permit the login in sudoers; see the lines below"
        return Check(node=node.name, id="rights", ok=False, text=f"{lead}: no root rights", remedy=remedy)
    asked = [p for p in permits or () if p.purpose is For.READING]
    if not asked:
        ok, told = _by_what_was_read(node)
        return Check(node=node.name, id="rights", ok=ok, text=f"{lead}: {told}", remedy=None if ok else _line(node))
    ok, told = _judged(asked)
    more = [p.entry for p in permits or () if p.purpose is For.TELLING_MORE and p.ok is False]
    also = f"; not what tells more: {', '.join(dict.fromkeys(more))}" if more and ok else ""
    need = _line(node) if ok is not True or more else None
    return Check(node=node.name, id="rights", ok=ok, text=f"{lead}, reading as root: {told}{also}", remedy=need)


def _by_what_was_read(node: NodePicture) -> tuple[bool | None, str]:
    """Where sudo was not asked: what it refused, else what only root can have read."""
    refused = [s for s, known in node.failed.items() if known.value.kind is ProblemKind.NOT_PERMITTED]
    if [s for s in refused if s is not Subject.LOG]:
        return False, "sudo is configured, and refuses; see the lines below"
    if node.dump_at is not None:
        return True, "sudo gives what needs root: keepalived's dump was read"
    return None, "sudo is configured; whether it permits what needs root was not seen"


_WHAT: Final = {
    For.CHANGING: ("changing-rights", "actions and drills"),
    For.CAPTURING: ("capture-rights", "adverts from the wire"),
}
"""(id of the check, its first words)."""
_OWN_RIGHT: Final = "without sudo only a tcpdump with a right of its own can"


def _one(node: NodePicture, rights: Rights, permits: Sequence[Permit] | None, purpose: For) -> Check:
    id_, what = _WHAT[purpose]
    if rights is Rights.ROOT:
        return Check(node=node.name, id=id_, ok=True, text=f"{what}: the login is root")
    if rights is Rights.PLAIN:
        capture = purpose is For.CAPTURING
        told = f"not tried: {_OWN_RIGHT}" if capture else "need root"
        remedy = f"set `sudo = true` for this node; {_line(node)}"
        return Check(node=node.name, id=id_, ok=None if capture else False, text=f"{what}: {told}", remedy=remedy)
    asked = [p for p in permits or () if p.purpose is purpose]
    ok, told = _judged(asked) if asked else (None, "sudo was not asked")
    if ok is False and purpose is For.CAPTURING:  # it is tried without sudo then
        ok, told = None, f"{told}; {_OWN_RIGHT}"
    need = None if ok else _line(node)
    if need and purpose is For.CHANGING:
        need += "; or `read_only = true` for the cluster, if nothing is to be changed from here"
    return Check(node=node.name, id=id_, ok=ok, text=f"{what}: {told}", remedy=need)


def _judged(asked: Sequence[Permit]) -> tuple[bool | None, str]:
    refused = [p for p in asked if p.ok is False]
    open_ = [p for p in asked if p.ok is None]
    if refused:
        names = ", ".join(dict.fromkeys(p.entry for p in refused))
        count = "every command" if len(refused) == len(asked) else f"{len(refused)} of {len(asked)} commands: {names}"
        return False, f"sudo refuses {count} ({refused[0].words})"
    if open_:
        names = ", ".join(dict.fromkeys(p.entry for p in open_))
        count = "of every command" if len(open_) == len(asked) else f"of {len(open_)} of {len(asked)} commands: {names}"
        return None, f"not told {count} ({open_[0].words})"
    return True, f"sudo permits all {len(asked)} commands without a password"


def _line(node: NodePicture) -> str:
    return (
        f"as root on {node.name}: visudo -f /etc/sudoers.d/haconsole, and put in what "
        f"`haconsole sudoers --node {node.name}` prints"
    )
