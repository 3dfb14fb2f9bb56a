"""Snapshots -> a table for terminals: VIPs first, then the nodes side by side, then what is wrong.

Every string becomes a `Text`, never markup, and is cleaned again: nothing that a node says can
draw. Signs carry what colours do (`●` well, `▲` warning, `✖` critical, `?` unknown, `…` not read
yet), so it reads the same without colour. Fits 80 columns; longer words are folded, not cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.instances import InstancePicture
from haconsole.cluster.picture import NodePicture, VipPicture
from haconsole.cluster.rules.common import span
from haconsole.model.events import Phase
from haconsole.model.findings import Evidence, Finding, Severity, Verdict
from haconsole.model.readings import StateSource, UnitReading, VrrpState
from haconsole.parse.text import clean
from haconsole.report.status import why_unreadable

OK, WARNING, CRITICAL, UNKNOWN, BUSY, INFO = "●", "▲", "✖", "?", "…", "·"
_STYLES: Final = {OK: "green", WARNING: "yellow", CRITICAL: "bold red", UNKNOWN: "magenta", BUSY: "cyan", INFO: "dim"}
_WORSE: Final = (INFO, OK, BUSY, WARNING, UNKNOWN, CRITICAL)
_VERDICTS: Final = {
    Verdict.OK: OK,
    Verdict.WARNING: WARNING,
    Verdict.UNKNOWN: UNKNOWN,
    Verdict.CRITICAL: CRITICAL,
}
BLOCK: Final = 38
"""Cells that a node's block wants at least; two of them fit 80."""
EVIDENCE_SHOWN: Final = 4


def status_table(snapshots: Sequence[Snapshot], zone: tzinfo | None = None) -> RenderableType:
    """What `haconsole status` prints. Times are in `zone`; None: the zone of this machine."""
    parts: list[RenderableType] = []
    for snapshot in snapshots:
        parts += [Text("")] if parts else []
        parts.append(_Cluster(snapshot, zone))
    return Group(*parts)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """One cluster; asks for its width when it is drawn."""

    snapshot: Snapshot
    zone: tzinfo | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        snapshot, width = self.snapshot, options.max_width
        yield _heading(snapshot, self.zone, width)
        yield Text("")
        yield _vips(snapshot)
        yield Text("")
        yield from _blocks(snapshot, width)
        yield from _findings(snapshot, self.zone)


# --- words --------------------------------------------------------------------------


def say(text: object, style: str = "") -> Text:
    """One piece of text; whatever is in it, it is only text."""
    return Text(clean(str(text)), style=style, overflow="fold")


def sign(mark: str) -> Text:
    """A sign in its colour."""
    return Text(mark, style=_STYLES[mark])


def row(*pieces: Text | str) -> Text:
    """Pieces one after the other."""
    line = Text(overflow="fold")
    for piece in pieces:
        line.append_text(piece if isinstance(piece, Text) else say(piece))
    return line


def _worst(marks: Iterable[str], default: str = INFO) -> str:
    return max(marks, key=_WORSE.index, default=default)


def _mark(finding: Finding) -> str:
    if finding.severity is Severity.CRITICAL:
        return CRITICAL
    if finding.unknown:
        return UNKNOWN
    return WARNING if finding.severity is Severity.WARNING else INFO


def _span(seconds: float) -> str:
    """`00:01:12`, `12 d 04 h`."""
    if not abs(seconds) < 1e10:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole >= 86400:
        return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _millis(seconds: float) -> str:
    if not abs(seconds) < 1e10:
        return UNKNOWN
    if seconds >= 0.9995:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.00095 else f"{seconds * 1000:.0f} ms"


def _when(at: float, zone: tzinfo | None) -> datetime:
    """A time that some clock invented must not end the program: the years 1970 to 9891 are all there is."""
    return datetime.fromtimestamp(min(max(0.0, at), 2.5e11), UTC).astimezone(zone)


# --- heading and VIPs ------------------------------------------------------------------


def _heading(snapshot: Snapshot, zone: tzinfo | None, width: int) -> Text:
    mark = _VERDICTS[snapshot.verdict]
    left = row(
        sign(mark), " ", say(snapshot.picture.spec.name, "bold"), "  ", say(snapshot.verdict.word, _STYLES[mark])
    )
    right = f"{_when(snapshot.picture.at, zone):%Y-%m-%d %H:%M:%S %Z}"
    gap = width - left.cell_len - len(right)
    return row(left, " " * gap if gap > 1 else "  ", say(right, "dim"))


def _vips(snapshot: Snapshot) -> RenderableType:
    if not snapshot.picture.vips:
        return row(sign(UNKNOWN), " no VIP is known")
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", width=1)
    for name in ("VIP", "held by", "preferred", "client"):
        table.add_column(name, overflow="fold")
    table.add_column("since", overflow="fold", justify="right")
    for vip in snapshot.picture.vips:
        table.add_row(
            sign(_vip_mark(vip, snapshot)),
            say(vip.address, "bold"),
            _held_by(vip),
            say(vip.preferred or UNKNOWN),
            _client(vip, snapshot),
            say(_span(snapshot.picture.at - vip.since) if vip.since is not None else UNKNOWN),
        )
    return table


def _vip_mark(vip: VipPicture, snapshot: Snapshot) -> str:
    """The worst finding about it; and never well without one holder and a served client."""
    found = _worst(_mark(f) for f in snapshot.findings if f.vip == vip.address)
    served = vip.client is not None and vip.client.result.ok
    evidence = OK if served and vip.holders is not None and len(vip.holders) == 1 else INFO
    if found == INFO:
        return evidence if evidence == OK else UNKNOWN
    return found


def _held_by(vip: VipPicture) -> Text:
    if vip.holders is None:
        text = say(UNKNOWN, _STYLES[UNKNOWN])
    elif vip.holders:
        text = say(", ".join(vip.holders))
    else:
        text = say(UNKNOWN if vip.unread else "none", _STYLES[UNKNOWN if vip.unread else CRITICAL])
    if vip.masters is not None and vip.holders is not None and set(vip.masters) != set(vip.holders):
        text.append_text(say(f" (keepalived says {', '.join(vip.masters) or 'none'})", "dim"))
    if vip.advertisers is not None and vip.holders is not None and set(vip.advertisers) != set(vip.holders):
        text.append_text(say(f" (adverts from {', '.join(vip.advertisers) or 'nobody'})", "dim"))
    return text


def _client(vip: VipPicture, snapshot: Snapshot) -> Text:
    if vip.client is None:
        return say("? not known", _STYLES[UNKNOWN])
    result = vip.client.result
    if result.ok:
        what = str(result.status) if result.status is not None else "port open"
        return say(what if result.latency_s is None else f"{what}, {_millis(result.latency_s)}")
    failed_s = 0.0 if vip.failed_since is None else snapshot.picture.at - vip.failed_since
    since = f" for {span(failed_s)}" if failed_s >= 1.0 else ""
    return row(sign(CRITICAL), say(f" {result.error or result.status or 'no answer'}{since}"))


# --- nodes -----------------------------------------------------------------------------


def _blocks(snapshot: Snapshot, width: int) -> Iterator[RenderableType]:
    """As many side by side as there is room for."""
    nodes = snapshot.picture.nodes
    beside = min(len(nodes), max(1, (width + 1) // (BLOCK + 1)))
    for start in range(0, len(nodes), beside):
        grid = Table.grid(padding=(0, 1, 0, 0), expand=True, pad_edge=False)
        for _ in range(beside):
            grid.add_column(ratio=1)
        grid.add_row(*(_block(n, snapshot) for n in nodes[start : start + beside]))
        yield grid
        yield Text("")


def _block(node: NodePicture, snapshot: Snapshot) -> RenderableType:
    title = row(sign(_node_mark(node, snapshot)), " ", say(node.name, "bold"), "  ", say(node.spec.known_as, "dim"))
    grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column(width=11, overflow="fold")
    grid.add_column(overflow="fold")
    lines = _readable(node, snapshot) if node.readable else _silent(node)
    for label, line in lines:
        grid.add_row(say(f" {label}", "dim"), line)
    return Group(title, grid)


def _node_mark(node: NodePicture, snapshot: Snapshot) -> str:
    found = _worst(_mark(f) for f in snapshot.findings if f.node == node.name)
    if found != INFO:
        return BUSY if found == UNKNOWN and node.problem is None and not node.stale else found
    read = (node.kernel, node.keepalived, node.instances, node.squid)
    return OK if all(p is not None for p in read) else UNKNOWN


def _silent(node: NodePicture) -> Iterator[tuple[str, Text]]:
    busy = node.problem is None and node.phase in {Phase.IDLE, Phase.CONNECTING}
    state = BUSY if busy else UNKNOWN
    yield "state", row(sign(state), " not read yet" if busy else " not readable: nothing is known now")
    yield "why", say(why_unreadable(node))
    yield "heard", say("never" if node.age_s is None else f"{span(node.age_s)} ago")


def _readable(node: NodePicture, snapshot: Snapshot) -> Iterator[tuple[str, Text]]:
    now = snapshot.picture.at
    version = node.versions.keepalived if node.versions else None
    yield "keepalived", _unit(node.keepalived, node.keepalived_since, version, now)
    if node.config_test is not None and node.config_test.ok is False:
        yield "", row(sign(WARNING), " keepalived.conf does not pass its test")
    yield from (("", _instance(i)) for i in node.instances or ())
    if node.instances is None:
        yield "", row(sign(UNKNOWN), " VRRP instances not known")
    tracks = list(_tracks(node))
    if tracks:
        yield "tracks", Text("  ").join(tracks)
    yield "squid", _unit(node.squid_unit, node.squid_since, node.versions.squid if node.versions else None, now)
    yield from _squid(node)
    yield from ((name, line) for name, line in _links(node, snapshot))
    yield "ssh", _link_quality(node)


def _unit(unit: UnitReading | None, since: float | None, version: object, now: float) -> Text:
    told = "" if version is None else f", {version}"
    if unit is None:
        return row(sign(UNKNOWN), f" not known{told}")
    if not unit.loaded:
        return row(sign(CRITICAL), f" no unit {unit.name}")
    for_long = "" if since is None else f" {span(now - since)}"
    boot = {True: ", at boot", False: ", not at boot", None: ""}[unit.enabled]
    mark = () if unit.active else (sign(CRITICAL), " ")
    return row(*mark, f"{unit.active_state}{for_long}{boot}{told}")


_STATE_MARKS: Final = {VrrpState.FAULT: CRITICAL, VrrpState.INIT: BUSY}


def _instance(instance: InstancePicture) -> Text:
    if instance.state is None:
        state = row(sign(UNKNOWN))
    else:
        hint = {StateSource.LOG: " (log)", StateSource.ADDRESSES: " (guessed)"}
        source = hint.get(instance.state_source, "") if instance.state_source is not None else ""
        mark = _STATE_MARKS.get(instance.state)
        state = row(*((sign(mark), " ") if mark else ()), f"{instance.state.value}{source}")
    shown = [p for p in (instance.effective_priority, instance.priority) if p is not None]
    return row(say(instance.name), " ", state, say(f" {'/'.join(map(str, shown))}" if shown else "", "dim"))


def _tracks(node: NodePicture) -> Iterator[Text]:
    """Everything watched, once; the worst result where instances differ."""
    found: dict[str, list[str]] = {}
    for instance in node.instances or ():
        watched = [(t.name, t.up) for t in instance.tracked_interfaces]
        watched += [(t.name, t.ok) for t in instance.tracked_scripts]
        for name, well in watched:
            found.setdefault(name, []).append({True: OK, False: CRITICAL, None: UNKNOWN}[well])
        for file in instance.tracked_files:
            found.setdefault(f"{file.name}={UNKNOWN if file.value is None else file.value}", []).append(
                {True: UNKNOWN, False: WARNING if file.value else OK}[file.value is None]
            )
    return (row(say(name), " ", sign(_worst(marks))) for name, marks in found.items())


def _squid(node: NodePicture) -> Iterator[tuple[str, Text]]:
    squid = node.squid
    check = {True: OK, False: CRITICAL, None: UNKNOWN}[squid.check_ok if squid is not None else None]
    listening = None if squid is None else squid.listening
    if listening is None:
        where = row(sign(UNKNOWN), " sockets not known")
    elif listening:
        where = say(" ".join(x.text for x in listening))
    else:
        where = row(sign(CRITICAL), " does not listen")
    yield "", row("check ", sign(check), "  ", where)
    rate = UNKNOWN if node.requests_per_s is None else f"{node.requests_per_s:.1f}"
    clients = UNKNOWN if node.clients is None else str(node.clients)
    hits = "" if node.hit_ratio is None else f", {node.hit_ratio:.0%} hits"
    yield "", say(f"{rate} req/s, {clients} clients{hits}")


def _links(node: NodePicture, snapshot: Snapshot) -> Iterator[tuple[str, Text]]:
    """The links that the cluster lives on; others only when they hold a VIP."""
    if node.kernel is None:
        yield "links", row(sign(UNKNOWN), " addresses not known")
        return
    vips = {v.address for v in snapshot.picture.vips}
    wanted = [node.spec.lan_interface, *([node.spec.public_interface] if node.spec.public_interface else [])]
    wanted += [i.interface for i in node.instances or () if i.interface]
    wanted += [a.interface for a in node.kernel.addresses if a.address.ip in vips]
    for name in dict.fromkeys(wanted):
        link = node.kernel.links.get(name)
        held = [a for a in node.addresses_of(name) if a.scope != "link"]
        if link is None:
            line = row(sign(UNKNOWN), " not there")
        elif link.up and link.carrier:
            line = row(sign(OK), say("".join(f" {a.address}" for a in held) or " no address"))
        else:
            line = row(sign(CRITICAL), " no carrier" if link.up else " down")
        yield name, line


def _link_quality(node: NodePicture) -> Text:
    parts = [] if node.latency_s is None else [_millis(node.latency_s)]
    if node.clock is not None:
        offset_ms = round(node.clock.offset_s * 1000, 1) + 0.0  # never -0.0
        parts.append(f"clock {offset_ms:+.1f} ± {node.clock.error_s * 1000:.1f} ms")
    if node.age_s is not None and node.age_s >= 3.0:
        parts.append(f"heard {span(node.age_s)} ago")
    return say(", ".join(parts) or UNKNOWN)


# --- findings ----------------------------------------------------------------------------


def _findings(snapshot: Snapshot, zone: tzinfo | None) -> Iterator[RenderableType]:
    if not snapshot.findings:
        mark = _VERDICTS[snapshot.verdict]
        well = snapshot.verdict is Verdict.OK
        yield row(
            sign(mark), " every VIP is held and serves" if well else " not enough is known to say that all is well"
        )
        return
    told: dict[str, tuple[int, str | None]] = {}
    for finding in snapshot.findings:
        parent = told.get(finding.follows_from or "")
        depth = 0 if parent is None else parent[0] + 1
        told[finding.key] = (depth, finding.remedy)
        same = parent is not None and parent[1] == finding.remedy
        proof = [_evidence(e, snapshot.picture.at, zone) for e in finding.evidence]
        yield _finding(finding, depth, proof, None if same else finding.remedy)


def _finding(finding: Finding, depth: int, proof: Sequence[Text], remedy: str | None) -> RenderableType:
    """Sign and summary; below, its evidence and the next step. What follows from another is indented, and
    has less evidence: it is the cause that must be proven."""
    lead = "  " * depth + ("└ " if depth else "")
    grid = Table.grid(padding=0, pad_edge=False)
    grid.add_column(width=len(lead) + 2)
    grid.add_column(overflow="fold")
    grid.add_row(row(lead, sign(_mark(finding))), row(say(finding.summary, "" if depth else "bold")))
    shown = 1 if depth else EVIDENCE_SHOWN
    for evidence in proof[:shown]:
        grid.add_row("", evidence)
    if len(proof) > shown and not depth:
        grid.add_row("", say(f"and {len(proof) - shown} more: -o json", "dim"))
    if remedy is not None:
        grid.add_row("", _hanging("→ ", *remedy.split("\n")))
    return grid


def _hanging(lead: str, *lines: str) -> RenderableType:
    grid = Table.grid(padding=0, pad_edge=False)
    grid.add_column(width=len(lead))
    grid.add_column(overflow="fold")
    for index, line in enumerate(lines):
        grid.add_row("" if index else lead, say(line))
    return grid


def _evidence(evidence: Evidence, now: float, zone: tzinfo | None) -> Text:
    """With the time, or the day where that is not today."""
    at = ""
    if evidence.at is not None:
        when = _when(evidence.at, zone)
        today = when.date() == _when(now, zone).date()
        at = f", {when:%H:%M:%S}" if today else f", {when:%b %d %H:%M}"
    return say(f"{evidence.source}{at}: {evidence.text}", "dim")
