"""Findings about links and checks that go down and come back again and again: what flapping masters follow from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from shlex import quote
from typing import Final

from haconsole.cluster import explained
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import link_name, look_at_link
from haconsole.cluster.rules.daemon import FLAP_S, FLAPS
from haconsole.cluster.rules.instances import script_command
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.readings import LogFactKind
from haconsole.model.state import Occurrence
from haconsole.parse import keepalived_log

_LOGGED: Final = ("Netlink reports ", "Kernel is reporting: interface ", "VRRP_Script(")
"""How keepalived's lines about links and checks begin; others need not be looked into."""

Falls = Mapping[tuple[str, str], tuple[Occurrence, ...]]
"""(`link` or `script`, name) -> the lines that told that it went down."""


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from flapping(picture, node)


def falls(picture: ClusterPicture, node: NodePicture, since: float) -> Falls:
    """What of the node went down since then, each time once, by its kernel or by keepalived's log.

    Both tell of the same links: the one that saw more counts. Only a change counts, not what is said again.
    """
    seen: dict[tuple[str, str, str], list[Occurrence]] = {}
    last: dict[tuple[str, str, str], bool] = {}
    for o in (*picture.lines(node.name, "kernel"), *picture.lines(node.name, "keepalived")):
        if o.at < since or (told := _told(o)) is None:
            continue
        kind, name, up = told
        place = (o.source, kind, name)
        if not up and last.get(place, True):
            seen.setdefault(place, []).append(o)
        last[place] = up
    best: dict[tuple[str, str], tuple[Occurrence, ...]] = {}
    for (_, kind, name), lines in seen.items():
        if len(lines) > len(best.get((kind, name), ())):
            best[kind, name] = tuple(lines)
    return best


def _told(o: Occurrence) -> tuple[str, str, bool] | None:
    """(kind, name, up) of a line about a link or a check; None: it is about something else."""
    if o.source == "kernel":
        for ending, up in ((" up, no carrier", False), (" down", False), (" is gone", False), (" up", True)):
            if o.text.endswith(ending):
                return "link", o.text.removesuffix(ending), up
        return None
    if o.source != "keepalived" or not o.text.startswith(_LOGGED):
        return None
    fact = keepalived_log.fact("Keepalived_vrrp", o.text)
    if fact is None or fact.subject is None or fact.up is None:
        return None
    return ("link" if fact.kind is LogFactKind.INTERFACE else "script"), fact.subject, fact.up


def flapping(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """A link or a check that an instance needs went down three times or more within ten minutes.

    Means: masters change with it, each time clients lose a little; it may be up just now.
    Proof: the kernel's changes, or keepalived's own log lines. What an operation of haconsole did, and a check of a
    service that was stopped in good order, is not counted.
    Can be wrong: somebody may have pulled the cable on purpose, again and again.
    """
    often = {
        what: lines
        for what, lines in falls(picture, node, picture.at - FLAP_S).items()
        if len(lines) >= FLAPS and (what[0] != "link" or explained.needs_link(node, what[1]))
    }
    known = explained.ordered(explained.causes(picture, picture.at - FLAP_S)) if often else ()
    for (kind, name), every in often.items():
        lines = tuple(o for o in every if not explained.explained(o.at, known))
        if len(lines) < FLAPS:
            continue
        unit = picture.spec.keepalived_service
        if kind == "link":
            what = link_name(node, name)
            calm = f"until it is mended: haconsole node drain {node.name} keeps the VIPs where they are still"
            remedy = f"{look_at_link(node, name)}; errors: ethtool -S {quote(name)}; {calm}"
        else:
            what = f"the check {name}"
            command = script_command(node, name) or f"the script of {name}"
            remedy = f"on {node.name}: journalctl -u {unit} --since -15min; {command}; echo $?"
        source = "kernel" if lines[0].source == "kernel" else "keepalived's log"
        found = Finding(
            id="link-flapping",
            severity=Severity.WARNING,
            node=node.name,
            instance=name,
            summary=f"{node.name}: {what} went down {len(lines)} times within {FLAP_S / 60:.0f} minutes",
            evidence=tuple(Evidence(source=f"{source} on {node.name}", text=o.text, at=o.at) for o in lines[-5:]),
            remedy=remedy,
            since=lines[0].at,
        )
        yield found if kind == "link" else replace(found, id="check-flapping")
