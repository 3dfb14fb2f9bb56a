"""What operations left on nodes: a drain that is over its time, a lock nobody renews, a revert that could not
bring everything back. What goes as planned is information, not trouble."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from haconsole.cluster.left import console_gone, left_on, told_in
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.operation import DrainNote, NodeOperation
from haconsole.parse.text import clean

LATE_S: Final = 60.0
"""A drain ends so soon after its time, if anybody is there to end it."""


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """All findings of this family."""
    for node in picture.nodes:
        if node.operation is not None:
            yield from _noted_drain(picture, node, node.operation)
            yield from _under_way(picture, node, node.operation)
            yield from _incomplete(node, node.operation)


def _evidence(node: NodePicture, text: str) -> tuple[Evidence, ...]:
    return (Evidence(source=f"/run/haconsole on {node.name}", text=text, at=node.operation_at),)


def _noted_drain(picture: ClusterPicture, node: NodePicture, told: NodeOperation) -> Iterator[Finding]:
    """Somebody drained the node with haconsole.

    Means: it is held back on purpose; late: it should have ended, and nobody ended it (R84).
    """
    note = told.drain
    if note is None:
        return
    by_file = any(f.value is not None and f.value < 0 for i in node.instances or () for f in i.tracked_files)
    until = _time(note.until)
    late = until is not None and picture.at > until + LATE_S
    if by_file and not late:
        return  # `drained` tells it, note included
    summary = f"{node.name} is drained by {note.by or 'somebody'}{why_drained(note)}"
    found = Finding(
        id="drain-noted",
        severity=Severity.INFO,
        node=node.name,
        summary=clean(f"{summary}; it should have ended at {_shown(note.until)}" if late else summary),
        evidence=_evidence(
            node,
            clean(
                f"drain note: by {note.by or 'somebody'}, {note.method or 'method not told'}, "
                f"since {note.since or '?'}, {f'until {note.until}' if note.until else 'until somebody ends it'}"
            ),
        ),
        remedy=_end_of_drain(node.name, told),
    )
    yield replace(found, id="drain-overdue", severity=Severity.WARNING) if late else found


def _end_of_drain(node: str, told: NodeOperation) -> str:
    """A drain whose timer waits can also be moved, and taken over."""
    ends = f"when the work is done: haconsole node undrain {node}"
    if told.saved is None or not told.deadlines_uptime_s:
        return ends
    return f"{ends}; to move its end: haconsole node take-over {node} --revert-after 1h --leave, or the key a"


def why_drained(note: DrainNote) -> str:
    """`: kernel update, since ..., until ...`."""
    words = [f": {note.reason}" if note.reason else "", f", since {_shown(note.since)}" if note.since else ""]
    return "".join([*words, f", until {_shown(note.until)}" if note.until else ""])


def _under_way(picture: ClusterPicture, node: NodePicture, told: NodeOperation) -> Iterator[Finding]:
    """A console works on the node, or did until it was gone.

    Means: what happens there is somebody's doing; stale: its console does not renew the lock any more, so
    the node heals itself at the deadline of the revert.
    """
    lock, left = told.lock, told.lock_left_s
    if lock is None or left is None or node.operation_at is None:
        return
    left -= picture.at - node.operation_at
    who = f"{lock.owner or 'somebody'} on {lock.host or 'another console'}"
    what = f"{lock.name or 'an operation'} on {lock.node or '?'}"
    ways = _ways(picture, node.name)
    found = Finding(
        id="operation-under-way",
        severity=Severity.INFO,
        node=node.name,
        summary=clean(f"{who} runs {what}: {node.name} is locked"),
        evidence=_evidence(node, clean(f"lock of {lock.operation}, {left:.0f} s left")),
    )
    if left > 0:
        gone = console_gone(picture, lock.operation)
        if gone is not None:
            # Here an armed revert keeps the lock, whoever lives: where nothing is armed it shows.
            proof = clean(f"lock of {lock.operation}, {left:.0f} s left; nobody renews it on {gone}")
            remedy = f"its console is gone; {node.name} puts back by itself, or {ways}"
            found = replace(found, evidence=_evidence(node, proof), remedy=clean(remedy))
        yield found
        return
    yield replace(
        found,
        id="operation-left",
        severity=Severity.WARNING,
        summary=clean(f"{node.name} is still locked by {who} ({what}), whose console is gone"),
        evidence=_evidence(node, clean(f"lock of {lock.operation}: nobody renews it")),
        remedy=clean(
            f"end it, or go on with it: {ways}; squid-start, keepalived-start and undrain take the lock over, "
            f"other actions with --break-lock {lock.operation}"
        ),
    )


def _ways(picture: ClusterPicture, node: str) -> str:
    """How to be rid of the operation whose lock `node` has; where it acted nothing may be left of it."""
    left = left_on(told_in(picture), [n.name for n in picture.nodes], node, picture.at)
    where = node if left is None else left.node
    more = "" if left is not None and left.only_locked else f", or take-over {where}"
    return f"the key a on {where}, or haconsole node abort {where}{more}"


def _incomplete(node: NodePicture, told: NodeOperation) -> Iterator[Finding]:
    """A node's own revert ran and could not bring everything back."""
    if told.incomplete:
        yield Finding(
            id="revert-incomplete",
            severity=Severity.WARNING,
            node=node.name,
            summary=f"the revert on {node.name} ran and could not bring everything back",
            evidence=_evidence(node, clean(f"outcome of {told.saved or 'an operation'}: incomplete")),
            remedy=f"on {node.name}: journalctl -t haconsole; ls /run/haconsole/operation",
        )


def _shown(text: str | None) -> str:
    """`28 Nov 20:49 UTC`; what is no time as it stands."""
    at = _time(text)
    try:
        return text or "?" if at is None else datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M UTC")
    except (ValueError, OverflowError, OSError):  # in year 1, or 9999, of a zone far away
        return text or "?"


def _time(text: str | None) -> float | None:
    """RFC 3339 -> seconds since the epoch; None: no time."""
    try:
        told = datetime.fromisoformat(text or "")
        return None if told.tzinfo is None else told.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
