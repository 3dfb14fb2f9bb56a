"""What the parts of the Adverts screen share: whose an address is; and how the listening goes, place by place.

No place listens: what the wire says is unknown, and no sign here says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from ipaddress import ip_address
from typing import Final

from haconsole.cluster.hearing import Hearing, Place
from haconsole.cluster.picture import ClusterPicture, NodePicture
from haconsole.model.capture import CaptureCounts, CapturePhase, CaptureState
from haconsole.model.problems import Problem
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.tui.view.text import (
    Level,
    Line,
    Row,
    Tone,
    blank,
    crop,
    pad,
    say,
    short_names,
    sign,
    spread,
    width_of,
    wrap,
)
from haconsole.tui.view.times import Times, short

NARROW_BELOW: Final = 100
"""Fewer cells than this: short names, and only the columns that one cannot do without."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Which addresses and network cards are our nodes', and what the nodes are called here."""

    addresses: Mapping[IpAddress, str] = field(default_factory=dict)
    """Address -> node. No VIPs: these move."""
    cards: Mapping[str, str] = field(default_factory=dict)
    """Hardware address -> node."""
    shorts: Mapping[str, str] = field(default_factory=dict)
    """Node -> its name where there is little room."""
    read: frozenset[str] = frozenset()
    """Nodes whose addresses were read, now or before."""
    complete: bool = False
    """All of them were: whose address is not here is a stranger."""

    def name(self, node: str, *, narrow: bool) -> str:
        """What a node is called."""
        return self.shorts.get(node, node) if narrow else node

    def known(self, source: IpAddress) -> bool | None:
        """Is it one of ours; None: cannot be told, since not every node was read."""
        return True if source in self.addresses else False if self.complete else None


def learn(before: Ours, picture: ClusterPicture) -> Ours:
    """What is known of addresses at this moment. A node that cannot be read keeps the addresses it had:
    a name is no claim about its state."""
    vips = {v.address for v in picture.vips} | {a for n in picture.nodes for a in n.managed}
    names = [n.name for n in picture.nodes]
    now = {n.name for n in picture.nodes if n.kernel is not None}
    addresses: dict[IpAddress, str] = {}
    cards: dict[str, str] = {}
    for node in picture.nodes:
        addresses.update((a, node.name) for a in _addresses(node) if a not in vips)
        if node.kernel is not None:
            cards.update((link.mac, node.name) for link in node.kernel.links.values() if link.mac)
            continue
        addresses.update((a, n) for a, n in before.addresses.items() if n == node.name and a not in vips)
        cards.update((c, n) for c, n in before.cards.items() if n == node.name)
    read = before.read | now
    return Ours(addresses, cards, short_names(names), read, complete=read >= set(names))


def _addresses(node: NodePicture) -> Iterator[IpAddress]:
    with suppress(ValueError):  # a host name
        yield ip_address(node.spec.known_as)
    if node.kernel is not None:
        yield from (a.address.ip for a in node.kernel.addresses if not a.address.ip.is_loopback)


# --- how the listening goes -----------------------------------------------------------


def listeners(hearing: Hearing) -> dict[str, float]:
    """The places that listen at this moment, each with the time since when."""
    return {name: place.since for name, place in hearing.places.items() if place.since is not None}


def listening_since(hearing: Hearing) -> float | None:
    """Since when at least one place hears without a break; None: nobody listens."""
    return min((p.since for p in hearing.places.values() if p.since is not None), default=None)


def place_rows(hearing: Hearing | None, ours: Ours, now: float, width: int, zone: Times) -> tuple[Row, ...]:
    """One row a place, and under one that cannot listen what mends it, whole and ready to be copied."""
    if hearing is None:
        line: Line = (sign(Level.UNKNOWN), say(" nobody listens: this console was started without it", Tone.UNKNOWN))
        return (Row("place/none", crop(line, width), Level.UNKNOWN),)
    narrow = width < NARROW_BELOW
    names = {name: ours.name(name, narrow=narrow) for name in hearing.places}
    column = max((len(n) for n in names.values()), default=0)
    rows: list[Row] = []
    for name, place in hearing.places.items():
        name_cells = pad((say(names[name], Tone.STRONG),), min(column, 24))
        rows += _place_rows(name_cells, place, now, width, zone)
        if place.state is not None and place.state.problem is not None:
            rows += remedy_rows(name, place.state.problem, width)
    return tuple(rows)


def remedy_rows(name: str, problem: Problem, width: int, indent: int = 4) -> Iterator[Row]:
    """What to do, line by line as it is to be typed; `y` copies the whole line."""
    for i, text in enumerate((problem.remedy or "").splitlines()):
        for j, part in enumerate(wrap(text, max(8, width - indent))):
            yield Row(f"place/{name}/{i}/{j}", crop((blank(indent), say(part)), width), copy=text)


def _place_rows(shown: Line, place: Place, now: float, width: int, zone: Times) -> Iterator[Row]:
    level, words = standing(place, now, zone)
    words = words.removeprefix(f"{place.name}: ")
    tone = Tone.PLAIN if level <= Level.BUSY else level.tone
    left: Line = (sign(level), blank(1), *shown, blank(2), say(words, tone))
    state = place.state
    right: Line = ()
    if state is not None and state.retry_at is not None:
        right = (say(f"next try in {short(max(0.0, state.retry_at - now))}", Tone.QUIET),)
    elif place.counts is not None:
        right = counts_line(place.counts)
    copy = _copy(place, words)
    fits = width_of(left) + width_of(right) + 2 <= width or (state is not None and state.retry_at is not None)
    line = spread(left, (*right, blank(1)), width) if right and fits else crop(left, width)
    yield Row(f"place/{place.name}", line, level, copy=copy)
    if not fits:
        yield Row(f"place/{place.name}/counts", crop((blank(4), *right), width), level, copy=copy)


def standing(place: Place, now: float, zone: Times) -> tuple[Level, str]:
    """How the listening at one place stands."""
    state = place.state
    if state is None:
        return Level.BUSY, "listening did not start yet"
    on = f" on {state.interface}" if state.interface else ""
    match state.phase:
        case CapturePhase.LISTENING:
            lost = place.counts is not None and (place.counts.dropped or place.counts.flooded)
            at = zone.stamp(place.since or state.at, now).split(".")[0]
            return Level.WARNING if lost else Level.OK, f"listening{on} since {at}"
        case CapturePhase.STARTING:
            return Level.BUSY, f"starting to listen{on}"
        case _:
            return Level.UNKNOWN, _why(state)


def _why(state: CaptureState) -> str:
    if state.problem is not None:
        return state.problem.summary
    return "does not listen any more" if state.phase is CapturePhase.OVER else "does not listen"


def counts_line(counts: CaptureCounts) -> Line:
    """What became of the packets: nothing is lost without a number."""
    parts: list[Line] = [(say(f"{counts.heard:,} heard", Tone.QUIET),)]
    if counts.unreadable:
        parts.append((say(f", {counts.unreadable:,} unreadable", Tone.WARNING),))
    parts.append((say(f", {counts.flooded:,} left out", Tone.WARNING if counts.flooded else Tone.QUIET),))
    dropped = "?" if counts.dropped is None else f"{counts.dropped:,}"
    parts.append((say(f", {dropped} dropped", Tone.WARNING if counts.dropped else Tone.QUIET),))
    return tuple(span for part in parts for span in part)


def _copy(place: Place, words: str) -> str:
    counts = "" if place.counts is None else "; " + "".join(s.text for s in counts_line(place.counts))
    return f"{place.name}: {words}{counts}"


# --- small things ---------------------------------------------------------------------


def vrid_text(key: tuple[int, int]) -> str:
    """`51`, `51v6`."""
    vrid, version = key
    return str(vrid) if version == 4 else f"{vrid}v{version}"


def seconds(value: float | None) -> str:
    """`1 s`, `0.25 s`, `1.003 s`; `?` when not known."""
    return "?" if value is None else f"{round(value, 3):g} s"
