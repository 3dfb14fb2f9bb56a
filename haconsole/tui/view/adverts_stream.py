"""The stream of packets as rows: all that are kept, or those that a filter lets through, running or held still.

Rows are made when they are looked at; a filter tests each packet once. What is not shown is counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from haconsole.cluster.hearing import Hearing
from haconsole.model.capture import Heard
from haconsole.model.packets import Advert, Announcement, Carp, Packet
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.report.adverts import packet_line
from haconsole.tui.view.adverts import NARROW_BELOW, Ours
from haconsole.tui.view.adverts_words import Takeovers, remark, takeover_of, takeovers_of, words
from haconsole.tui.view.text import KeyedRows, Level, Line, Row, Span, Tone, blank, crop, middle, pad, say, width_of
from haconsole.tui.view.times import Times

_TAKEOVER: Final = "takeover"
WORDS_KEPT: Final = 10_000
"""Packets whose words for the filter are remembered: a master repeats itself, and one types letter by letter."""


class Words:
    """The words of packets, remembered."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Packet, str]] = {}
        self._ours = Ours()

    def of(self, packet: Packet, ours: Ours) -> str:
        if ours is not self._ours:
            self._ours = ours
            self._known.clear()
        known = self._known.get(id(packet))
        if known is not None and known[0] is packet:
            return known[1]
        if len(self._known) >= WORDS_KEPT:
            self._known.clear()
        text = words(packet, ours)
        self._known[id(packet)] = (packet, text)
        return text


class Match:
    """Every word must be in the packet's words, `-word` must not; `name=value` must be there as a whole."""

    def __init__(self, text: str = "") -> None:
        self.text = text.strip()
        self._wanted = [w for w in self.text.casefold().split() if w != "-"]
        self._of_takeovers = any(w.removeprefix("-") in _TAKEOVER for w in self._wanted)

    @property
    def all(self) -> bool:
        """Nothing is left out."""
        return not self._wanted

    def narrows(self, other: Match) -> bool:
        """What passes this passes the other too, as when one types on."""
        *first, last = other._wanted or [""]
        whole = last.startswith("-") or "=" in last
        mine = self._wanted[len(first) :]
        return self._wanted[: len(first)] == first and bool(mine) and not whole and mine[0].startswith(last)

    def passes(self, heard: Heard, known: Words, takeovers: Takeovers, ours: Ours) -> bool:
        said = f" {known.of(heard.packet, ours)} {_places(heard.place, ours)} "
        if self._of_takeovers and takeover_of(heard, takeovers) is not None:
            said += f"{_TAKEOVER} "
        return all(_there(w[1:], said) is False if w.startswith("-") else _there(w, said) for w in self._wanted)


def _places(place: str | None, ours: Ours) -> str:
    return "" if place is None else f"at={place} at={ours.shorts.get(place, place)}".casefold()


def _there(word: str, said: str) -> bool:
    return f" {word} " in said if "=" in word else word in said


@dataclass(frozen=True, slots=True)
class Shown:
    """Packets with their numbers, oldest first."""

    numbers: Sequence[int]
    packets: Sequence[Heard]
    kept: int
    """Packets that could be shown, were there no filter."""
    missed: int
    """Packets that were heard earlier and are no longer kept."""
    arrived: int | None
    """Packets that came while the stream is held still; None: it runs."""

    def at(self, number: int) -> Heard | None:
        """The packet with this number."""
        index = bisect_left(self.numbers, number)
        there = index < len(self.numbers) and self.numbers[index] == number
        return self.packets[index] if there else None


class Stream:
    """Which packets are shown. Remembers what the filter said of each."""

    def __init__(self) -> None:
        self._match, self._words = Match(), Words()
        self._still: tuple[int, Sequence[Heard], int] | None = None
        """Number of the first, packets, and the total when the stream was held."""
        self._tested = 0
        self._numbers: list[int] = []
        self._passing: list[Heard] = []
        self._narrowed = False
        """What passes is among what passed: that is to be tested once more, all else not."""

    @property
    def held(self) -> bool:
        return self._still is not None

    @property
    def match(self) -> Match:
        return self._match

    def hold(self, hearing: Hearing) -> None:
        """Keep what is there now; what comes is counted."""
        if self._still is None:
            self._still = (*hearing.since(0), hearing.total)

    def release(self) -> None:
        """Go on with all that came meanwhile."""
        self._still = None

    def choose(self, match: Match) -> None:
        """Another filter, over all that is kept; the same one: who is who is known better."""
        before, self._match = self._match, match
        self._narrowed = match is not before and not before.all and match.narrows(before)
        if not self._narrowed:
            self._tested, self._numbers, self._passing = 0, [], []

    def kept(self, hearing: Hearing) -> Sequence[Heard]:
        """All packets that could be shown, were there no filter."""
        return hearing.since(0)[1] if self._still is None else self._still[1]

    def shown(self, hearing: Hearing, takeovers: Takeovers, ours: Ours) -> Shown:
        """What is to be seen now."""
        if self._still is None:
            first, packets = hearing.since(0)
            arrived = None
        else:
            first, packets, total = self._still
            arrived = hearing.total - total
        end = first + len(packets)
        if self._match.all:
            return Shown(range(first, end), packets, len(packets), first, arrived)
        self._test(first, packets, takeovers, ours)
        return Shown(tuple(self._numbers), tuple(self._passing), len(packets), first, arrived)

    def _test(self, first: int, packets: Sequence[Heard], takeovers: Takeovers, ours: Ours) -> None:
        """Try those that are new; forget those that are gone."""
        if self._narrowed:
            kept = zip(self._numbers, self._passing, strict=True)
            again = [(n, h) for n, h in kept if self._match.passes(h, self._words, takeovers, ours)]
            self._numbers, self._passing = [n for n, _ in again], [h for _, h in again]
            self._narrowed = False
        start = max(self._tested, first)
        for number, heard in enumerate(packets[start - first :], start):
            if self._match.passes(heard, self._words, takeovers, ours):
                self._numbers.append(number)
                self._passing.append(heard)
        self._tested = max(self._tested, first + len(packets))
        gone = bisect_left(self._numbers, first)
        del self._numbers[:gone], self._passing[:gone]


class TakeoverIndex:
    """The take-overs by packet, made anew only when one was added."""

    def __init__(self) -> None:
        self._seen: object = None
        self._found: Takeovers = {}

    def look(self, hearing: Hearing) -> Takeovers:
        trackers = [place.tracker.takeovers for place in hearing.places.values()]
        seen = [(len(t), t[-1] if t else None) for t in trackers]
        if seen != self._seen:
            self._seen, self._found = seen, takeovers_of(hearing)
        return self._found


# --- rows -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells for each column. Where there is little room the remark matters more than TTL and checksum,
    which are remarked on where they are wrong."""

    place: int
    sender: int
    wide: bool


def columns(hearing: Hearing, ours: Ours, width: int) -> Columns:
    """The columns for a pane of `width` cells."""
    narrow = width < NARROW_BELOW
    names = [ours.name(name, narrow=narrow) for name in hearing.places]
    place = min(8 if narrow else 16, max((len(n) for n in names), default=4))
    return Columns(place, 12 if narrow else 16 if width < 130 else 28, not narrow)


class PacketRows(KeyedRows):
    """Rows of packets, oldest first."""

    def __init__(
        self,
        shown: Shown,
        takeovers: Takeovers,
        ours: Ours,
        cols: Columns,
        *,
        now: float,
        width: int,
        zone: Times,
    ) -> None:
        self.shown = shown
        self._takeovers, self._ours, self._columns = takeovers, ours, cols
        self._now, self._width, self._zone = now, width, zone

    def __len__(self) -> int:
        return len(self.shown.packets)

    def made(self, index: int) -> Row:
        return self._row(self.shown.numbers[index], self.shown.packets[index])

    def index_of(self, key: str) -> int | None:
        number = number_of(key)
        if number is None:
            return None
        index = bisect_left(self.shown.numbers, number)
        return index if index < len(self) and self.shown.numbers[index] == number else None

    def _row(self, number: int, heard: Heard) -> Row:
        level, said = remark(heard, self._takeovers, self._ours)
        cols = self._columns
        place = "" if heard.place is None else self._ours.name(heard.place, narrow=not cols.wide)
        line: list[Span] = [say(self._zone.stamp(heard.at, self._now), Tone.QUIET), blank(1)]
        line += [*pad((say(middle(place, cols.place), Tone.QUIET),), cols.place), blank(1)]
        line += self._fields(heard.packet)
        room = self._width - width_of(tuple(line))
        line += _rest(_addresses(heard.packet, wide=cols.wide), said, level, room)
        text = f"{packet_line(heard.at, heard.packet, self._zone.zone, heard.place)}"
        return Row(key_of(number), crop(tuple(line), self._width), level, copy=f"{text}  {said}" if said else text)

    def _fields(self, packet: Packet) -> list[Span]:
        """Sender, and what an advert has in columns; other packets leave these to their words."""
        cols = self._columns
        cells: list[Line] = []
        if isinstance(packet, Advert):
            cells.append(pad((say(packet.vrid, Tone.STRONG),), 3, right=True))
            cells.append(pad((say(packet.priority, Tone.STRONG),), 3, right=True))
            cells.append(pad((say(f"{packet.interval_s:g}s", Tone.QUIET),), 5, right=True))
            if cols.wide:
                cells.append(pad((say(packet.envelope.hop_limit, Tone.QUIET),), 3, right=True))
                bad = packet.checksum.ok is not True
                cells.append(pad((say(_checksum(packet), Tone.WARNING if bad else Tone.QUIET),), 3))
        out: list[Span] = [*pad((say(middle(self._sender(packet), cols.sender)),), cols.sender), blank(1)]
        for cell in cells:
            out += [*cell, blank(1)]
        return out

    def _sender(self, packet: Packet) -> str:
        if isinstance(packet, Announcement):
            node = self._ours.cards.get(packet.mac)
            return packet.mac if node is None else self._ours.name(node, narrow=not self._columns.wide)
        return source_name(packet.envelope.source, self._ours, self._columns)


def source_name(source: IpAddress, ours: Ours, cols: Columns) -> str:
    """The node's name, with its address where there is room; a stranger's address."""
    node = ours.addresses.get(source)
    if node is None:
        return str(source)
    both = f"{node} {source}"
    return both if cols.wide and len(both) <= cols.sender else ours.name(node, narrow=not cols.wide)


def _checksum(advert: Advert) -> str:
    ok = advert.checksum.ok
    return "?" if ok is None else "ok" if ok else "bad"


def _addresses(packet: Packet, *, wide: bool) -> str:
    if isinstance(packet, Announcement):
        said = "gratuitous ARP: " if packet.address.version == 4 else "neighbour advertisement: "
        return f"{said}{packet.address}" + (f" is at {packet.mac}" if wide else "")
    if isinstance(packet, Carp):
        return f"vhid {packet.vhid}, advskew {packet.advskew}"
    shown = 2 if wide else 1
    text = " ".join(map(str, packet.addresses[:shown]))
    more = len(packet.addresses) - shown
    return f"{text} +{more}" if more > 0 else text


def _rest(addresses: str, said: str, level: Level, room: int) -> Line:
    """Addresses and remark; where not both fit the addresses are left to the details."""
    if not said:
        return (say(addresses),)
    mark = say(said, level.tone if level > Level.NONE else Tone.PLAIN)
    line: Line = (say(addresses), blank(2), mark)
    return line if width_of(line) <= room else (mark,)


def heading(cols: Columns, width: int) -> Line:
    """The titles, over their columns."""
    cells: list[tuple[str, int, bool]] = [
        ("time", 12, False),
        ("at", cols.place, False),
        ("sender", cols.sender, False),
    ]
    cells += [("VR", 3, True), ("pri", 3, True), ("every", 5, True)]
    if cols.wide:
        cells += [("TTL", 3, True), ("sum", 3, False)]
    line: list[Span] = []
    for title, size, right in cells:
        line += [*pad((say(title, Tone.QUIET),), size, right=right), blank(1)]
    return crop((*line, say("addresses, remark", Tone.QUIET)), width)


def count_text(shown: Shown, total: int, match: Match) -> str:
    """What is shown, and how much is not."""
    parts = [f"{total:,} heard"]
    if shown.missed:
        parts.append(f"the last {shown.kept:,} kept")
    if not match.all:
        parts.append(f"{len(shown.packets):,} of {shown.kept:,} pass `{match.text}`")
    if shown.arrived is not None:
        parts.append(f"{shown.arrived:,} came meanwhile")
    return ", ".join(parts)


def key_of(number: int) -> str:
    """Tells one packet's row from all others."""
    return f"packet/{number}"


def number_of(key: str) -> int | None:
    """The number of the packet that a row is about."""
    kind, _, number = key.partition("/")
    return int(number) if kind == "packet" and number.isdigit() else None
