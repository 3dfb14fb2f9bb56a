"""Snapshots -> a table for terminals: VIPs first, then the nodes side by side, then what is wrong.

Every string becomes a `Text`, never markup, and is cleaned again: nothing that a node says can
draw. Signs carry what colours do (`●` well, `▲` warning, `✖` critical, `?` unknown, `…` not read
yet), so it reads the same without colour. Fits 80 columns; longer words are folded, not cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import VipPicture
from haconsole.cluster.rules.common import span
from haconsole.model.findings import Evidence, Finding, Verdict
from haconsole.model.record import dataclass
from haconsole.report.status_nodes import node_blocks
from haconsole.report.status_words import (
    CRITICAL,
    INFO,
    OK,
    STYLES,
    UNKNOWN,
    VERDICTS,
    mark_of,
    millis,
    row,
    say,
    sign,
    worst,
)

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
        yield from node_blocks(snapshot, width)
        yield from _findings(snapshot, self.zone)


# --- words --------------------------------------------------------------------------


def _span(seconds: float) -> str:
    """`00:01:12`, `12 d 04 h`."""
    if not abs(seconds) < 1e10:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole >= 86400:
        return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _when(at: float, zone: tzinfo | None) -> datetime:
    """A time that some clock invented must not end the program: the years 1970 to 9891 are all there is."""
    return datetime.fromtimestamp(min(max(0.0, at), 2.5e11), UTC).astimezone(zone)


# --- heading and VIPs ------------------------------------------------------------------


def _heading(snapshot: Snapshot, zone: tzinfo | None, width: int) -> Text:
    mark = VERDICTS[snapshot.verdict]
    left = row(sign(mark), " ", say(snapshot.picture.spec.name, "bold"), "  ", say(snapshot.verdict.word, STYLES[mark]))
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
    found = worst(mark_of(f) for f in snapshot.findings if f.vip == vip.address)
    served = vip.client is not None and vip.client.result.ok
    evidence = OK if served and vip.holders is not None and len(vip.holders) == 1 else INFO
    if found == INFO:
        return evidence if evidence == OK else UNKNOWN
    return found


def _held_by(vip: VipPicture) -> Text:
    if vip.holders is None:
        text = say(UNKNOWN, STYLES[UNKNOWN])
    elif vip.holders:
        text = say(", ".join(vip.holders))
    else:
        text = say(UNKNOWN if vip.unread else "none", STYLES[UNKNOWN if vip.unread else CRITICAL])
    if vip.masters is not None and vip.holders is not None and set(vip.masters) != set(vip.holders):
        text.append_text(say(f" (keepalived says {', '.join(vip.masters) or 'none'})", "dim"))
    if vip.advertisers is not None and vip.holders is not None and set(vip.advertisers) != set(vip.holders):
        text.append_text(say(f" (adverts from {', '.join(vip.advertisers) or 'nobody'})", "dim"))
    return text


def _client(vip: VipPicture, snapshot: Snapshot) -> Text:
    if vip.client is None:
        return say("? not known", STYLES[UNKNOWN])
    result = vip.client.result
    if result.ok:
        what = str(result.status) if result.status is not None else "port open"
        return say(what if result.latency_s is None else f"{what}, {millis(result.latency_s)}")
    failed_s = 0.0 if vip.failed_since is None else snapshot.picture.at - vip.failed_since
    since = f" for {span(failed_s)}" if failed_s >= 1.0 else ""
    return row(sign(CRITICAL), say(f" {result.error or result.status or 'no answer'}{since}"))


# --- findings ----------------------------------------------------------------------------


def _findings(snapshot: Snapshot, zone: tzinfo | None) -> Iterator[RenderableType]:
    if not snapshot.findings:
        mark = VERDICTS[snapshot.verdict]
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
    grid.add_row(row(lead, sign(mark_of(finding))), row(say(finding.summary, "" if depth else "bold")))
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
