"""Findings from the kernel's audit: what SELinux refuses keepalived and squid. Pure.

Only denials of processes that are called `keepalived` or `squid` are read with the log: a program that a check starts
has a name of its own. Without auditing, or where journald does not listen to it, there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.cluster.rules.common import listed
from haconsole.model.findings import Evidence, Finding, Severity
from haconsole.model.state import Occurrence

RECENT_S: Final = 600.0
"""Denials come when something is tried: so long after the last one it is not told any more."""
SHOWN: Final = 5

_DENIED: Final = re.compile(
    r"AVC avc: +denied +\{ (?P<what>[a-z_ ]{1,80}) \} for +pid=[0-9]{1,10} comm=\"[^\"]{1,40}\"(?P<about>.{0,400})"
    r" scontext=[\w.-]{1,60}:[\w.-]{1,60}:(?P<domain>keepalived|squid)_t:\S{1,80} tcontext=(?P<to>\S{1,200})"
    r" tclass=(?P<kind>[a-z_]{1,40}) permissive=0(?: [st]rawcon=\S{1,200}){0,2}"
)
"""`permissive=1` was let through. A sender that is not verified has more behind it."""
_MATTERS: Final = frozenset(
    {"execute", "execute_no_trans", "entrypoint", "transition", "name_connect", "name_bind", "connectto"}
)
"""What stops a check or a service. Others (the time of a file, the table of modules) are refused to keepalived 2 at
every start, and nothing comes of it."""
_NAME: Final = re.compile(r" (?:path|name)=\"([^\"]{1,200})\"")
_PORT: Final = re.compile(r" (?:dest|src)=([0-9]{1,5})")


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for node in picture.nodes:
        yield from denied(picture, node)


def denied(picture: ClusterPicture, node: NodePicture) -> Iterator[Finding]:
    """SELinux refused keepalived or squid to run a program or to use a port, a short time ago.

    Means: a check that works by hand fails under keepalived; squid cannot listen, or not connect.
    Proof: the kernel's own denial (`avc:  denied`, `permissive=0`) with the domain that was refused.
    Can be wrong: it may be of something that nobody needs. That nothing is told proves nothing.
    """
    found: list[tuple[re.Match[str], Occurrence]] = []
    for o in reversed(picture.lines(node.name, "selinux")):
        if o.at < picture.at - RECENT_S:
            break
        said = _DENIED.fullmatch(o.text)
        if said is not None and not _MATTERS.isdisjoint(said["what"].split()):
            found.append((said, o))
    if not found:
        return
    last = found[0][0]
    whom = listed(sorted({m["domain"] for m, _ in found}))
    yield Finding(
        id="selinux-denied",
        severity=Severity.WARNING,
        node=node.name,
        summary=f"{node.name}: SELinux refuses {whom}: {last['what']} of {_object(last)}",
        evidence=tuple(Evidence(source=f"audit on {node.name}", text=o.text, at=o.at) for _, o in found[:SHOWN]),
        remedy=f"on {node.name}: ausearch -m avc -ts recent; {_mend(last)}",
        since=found[-1][1].at,
    )


def _object(said: re.Match[str]) -> str:
    """The file or the port, and its label."""
    name, port = _NAME.search(said["about"]), _PORT.search(said["about"])
    what = name[1] if name else f"port {port[1]}" if port else said["kind"]
    return f"{what} ({said['to']})"


def _mend(said: re.Match[str]) -> str:
    """keepalived_selinux(8), squid_selinux(8)."""
    if said["domain"] == "squid":
        return "semanage port -a -t squid_port_t -p tcp PORT, or setsebool -P squid_connect_any 1"
    if said["kind"] in {"file", "process"}:
        return (
            "semanage fcontext -a -t keepalived_unconfined_script_exec_t FILE; restorecon -v FILE; "
            "a script elsewhere than in /usr/libexec/keepalived has no label that keepalived may run"
        )
    return "setsebool -P keepalived_connect_any 1"
