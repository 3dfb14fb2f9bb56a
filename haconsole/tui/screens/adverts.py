"""The adverts screen: how the listening goes, a lane for each virtual router, the stream of packets, and the
one under the cursor in full. Nothing on it is drawn more often than the console's tick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.hearing import Hearing, Lane
from haconsole.model.capture import Heard
from haconsole.tui import pcap_file, safe
from haconsole.tui.screens.base import ConsoleScreen
from haconsole.tui.screens.save import SaveScreen
from haconsole.tui.view import adverts_stream as stream
from haconsole.tui.view.adverts import Ours, learn, listeners, place_rows
from haconsole.tui.view.adverts_detail import lane_details, packet_details, place_details
from haconsole.tui.view.adverts_lanes import MANY, WINDOWS_S, lane_of, lane_table
from haconsole.tui.view.adverts_look import look_at
from haconsole.tui.view.adverts_stream import Match, PacketRows, Stream, TakeoverIndex, number_of
from haconsole.tui.view.findings import verdict_line
from haconsole.tui.view.header import header
from haconsole.tui.view.keys import Hint
from haconsole.tui.view.text import Line, Row, Tone, say
from haconsole.tui.widgets.filter import FilterLine
from haconsole.tui.widgets.lines import LinePane
from haconsole.tui.widgets.toned import Bar

WIDE_FROM = 140
"""From so many cells on details stand beside the stream; otherwise they take the place of the lanes."""
DETAIL = 82
"""Cells of the details beside the stream: a row of sixteen octets fits."""
STORM_S = 2.0
"""With very many senders the lanes are made anew only this often."""
STORM_DRAWN_S = 0.4
"""With very many senders the screen is not drawn more often, but for keys."""
LANES_A_TICK = 48
"""And then so many at each drawing: a few milliseconds of work."""


class AdvertsScreen(ConsoleScreen):
    """What the wire says of one cluster."""

    AUTO_FOCUS = "#stream"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "hold", "Hold the stream still", id="adverts.hold"),
        Binding("slash", "filter", "Filter the stream", id="adverts.filter"),
        Binding("w", "save", "Write a pcap file", id="adverts.save"),
        Binding("z", "window", "Time that lanes span", id="adverts.window"),
        Binding("escape", "back", "Back", show=False, id="screen.back"),
    ]
    HINTS: ClassVar[tuple[Hint, ...]] = (
        Hint("spc", "hold", "screen.hold"),
        Hint("/", "filter", "screen.filter"),
        Hint("↵", "details", "app.open_row"),
        Hint("w", "pcap", "screen.save"),
        Hint("y", "copy", "app.copy", rank=2),
        Hint("z", "zoom", "screen.window", rank=2),
        Hint("q", "quit", "app.quit", rank=1),
    )

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster
        self._stream = Stream()
        self._takeovers = TakeoverIndex()
        self._ours = Ours()
        self._snapshot: Snapshot | None = None
        self._window = 1
        self._lanes: tuple[Lane, ...] = ()
        self._lanes_at = self._drawn_at = float("-inf")
        self._hurried = False
        """A key waits for what is drawn."""
        self._making: tuple[float, list[Lane], Iterator[Lane | None]] | None = None
        """Lanes in the making: as of when, those that are done, those to come."""
        self._open: Row | None = None
        """The row whose details are shown."""
        self._packet: Heard | None = None
        """The packet whose details are shown: the stream forgets."""
        self._held_by_details = False

    def compose(self) -> ComposeResult:
        yield self.head()
        yield LinePane(id="places")
        yield LinePane(id="lanes")
        with Container(id="wire"):
            yield LinePane(id="detail")
            yield LinePane(id="stream", follow=True)
        yield FilterLine(
            id="filter", placeholder="filter: words, -word; from=serv01 at=serv02 vrid=1 prio=0 garp takeover"
        )
        yield self.keys()

    def tick(self, now: float) -> None:
        hearing = self._hearing
        storm = hearing is not None and hearing.senders() > MANY
        if storm and 0 <= now - self._drawn_at < STORM_DRAWN_S:
            return
        self._drawn_at = now
        super().tick(now)

    def draw(self) -> None:
        """A key's effect is seen at once, whatever the wire does; what takes a while waits for the next tick."""
        self._drawn_at, self._hurried = float("-inf"), True
        self.tick(self.console.now())
        self._hurried = False

    def on_resize(self, _event: events.Resize) -> None:
        self.draw()

    def on_screen_resume(self) -> None:
        self.draw()

    # --- what is shown --------------------------------------------------------

    @property
    def _hearing(self) -> Hearing | None:
        return self.console.fleet.source(self.cluster).hearing

    def look(self, now: float) -> None:
        kept = self.console.fleet.kept(self.cluster) if self._hurried else None
        snapshot = self.console.snapshot(self.cluster) if kept is None else kept
        standing = self.console.standing(now, read_only=snapshot.picture.spec.read_only)
        self.query_one("#head", Bar).show(header(self.cluster, verdict_line(snapshot), standing, self.size.width))
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._learn(snapshot)
        self.set_class(self.size.width >= WIDE_FROM, "-wide")
        self.set_class(self._open is not None, "-detail")
        self.set_class(self._hearing is None, "-deaf")
        self._show_places(now)
        self._show_lanes(now)
        self._show_stream(now)
        self._show_detail(now)

    def _learn(self, snapshot: Snapshot) -> None:
        ours = learn(self._ours, snapshot.picture)
        if ours != self._ours:
            self._ours = ours
            self._stream.choose(self._stream.match)  # who is who is part of what a filter finds

    def _room(self, outer: int) -> int:
        """Cells for text in a pane of so many."""
        return max(1, outer - (2 if self.has_class("-flat") else 4))

    def _height(self, name: str, rows: int, most: int) -> None:
        """Give a pane the lines that it needs, within what there is."""
        frame = 1 if self.has_class("-flat") else 2
        pane = self.query_one(f"#{name}", LinePane)
        height = min(rows, max(2, most)) + frame
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height

    def _show_places(self, now: float) -> None:
        hearing = self._hearing
        rows = place_rows(hearing, self._ours, now, self._room(self.size.width), self.console.zone)
        pane = self.query_one("#places", LinePane)
        hear = [] if hearing is None else listeners(hearing)
        count = "" if hearing is None else f"{len(hear)} of {len(hearing.places)} nodes"
        pane.title(_title("Listening", count))
        self._height("places", len(rows), self.size.height // (3 if hear else 2))
        pane.show(rows)

    def _show_lanes(self, now: float) -> None:
        hearing = self._hearing
        pane = self.query_one("#lanes", LinePane)
        if hearing is None:
            return
        window = WINDOWS_S[self._window]
        many = hearing.senders() > MANY
        made = self._made(hearing, now, window) if many else (now, hearing.lanes(now, window, self._ours.addresses))
        if made is None:
            return
        self._lanes_at, self._lanes = made
        look = look_at(hearing, self._ours, self._lanes_at, window_s=window, width=self._room(self.size.width))
        table = lane_table(self._lanes, look)
        pane.title(_title("Lanes", table.summary + (f", every {STORM_S:g} s" if many else "")))
        self._height("lanes", len(table.rows) + 1, self.size.height // 3)
        pane.show(table.rows, table.heading)

    def _made(self, hearing: Hearing, now: float, window: float) -> tuple[float, tuple[Lane, ...]] | None:
        """In a storm: (as of when, lanes) when they are due and done; None: not yet. The work is spread over ticks,
        but for the first lanes, which one waits for."""
        if not 0 <= now - self._lanes_at < 10 * STORM_S:
            self._making = None
            return now, hearing.lanes(now, window, self._ours.addresses)
        if self._hurried or (self._making is None and now - self._lanes_at < STORM_S):
            return None
        if self._making is None:
            self._making = (now, [], hearing.each_lane(now, window, self._ours.addresses))
        at, done, coming = self._making
        part = list(islice(coming, LANES_A_TICK))
        done += (lane for lane in part if lane is not None)
        if len(part) == LANES_A_TICK:
            return None
        self._making = None
        return at, tuple(done)

    @property
    def _stream_width(self) -> int:
        beside = self.has_class("-wide") and self._open is not None
        return self._room(self.size.width - (DETAIL if beside else 0))

    def _show_stream(self, now: float) -> None:
        hearing = self._hearing
        pane = self.query_one("#stream", LinePane)
        if hearing is None:
            return
        takeovers = self._takeovers.look(hearing)
        shown = self._stream.shown(hearing, takeovers, self._ours)
        width = self._stream_width
        cols = stream.columns(hearing, self._ours, width)
        rows = PacketRows(shown, takeovers, self._ours, cols, now=now, width=width, zone=self.console.zone)
        count = stream.count_text(shown, hearing.total, self._stream.match)
        pane.title(_title("Held still" if self._stream.held else "Stream", count))
        pane.show(rows, stream.heading(cols, width))

    def _show_detail(self, now: float) -> None:
        row, hearing = self._open, self._hearing
        if row is None or hearing is None:
            return
        pane = self.query_one("#detail", LinePane)
        pane.title(_title("Details", "esc closes"))
        pane.show(self._details(row, hearing, now))

    def _details(self, row: Row, hearing: Hearing, now: float) -> tuple[Row, ...]:
        zone = self.console.zone
        width = self._room(DETAIL if self.has_class("-wide") else self.size.width)
        if self._packet is not None:
            takeovers = self._takeovers.look(hearing)
            kept = self._stream.kept(hearing)
            return packet_details(self._packet, kept, takeovers, self._ours, width=width, zone=zone)
        if row.key.startswith("lane/"):
            window = WINDOWS_S[self._window]
            look = look_at(hearing, self._ours, self._lanes_at, window_s=window, width=width)
            return lane_details(lane_of(row.key, self._lanes), look, zone)
        name = row.key.split("/")[1]
        return place_details(hearing.places.get(name), now, width=width, zone=zone)

    # --- keys -----------------------------------------------------------------

    def on_line_pane_chosen(self, message: LinePane.Chosen) -> None:
        """Show a row in full. A packet holds the stream still: one cannot read what runs away."""
        hearing = self._hearing
        if hearing is None or message.pane.id == "detail":
            return
        if message.pane.id == "stream":
            if not self._stream.held:
                self._held_by_details = True
                self._stream.hold(hearing)
            self._open_packet(message.row, hearing)
        else:
            self._open, self._packet = message.row, None
        self.draw()
        if message.pane.id != "stream":
            self.query_one("#detail").focus()

    def _open_packet(self, row: Row, hearing: Hearing) -> None:
        number = number_of(row.key)
        shown = self._stream.shown(hearing, self._takeovers.look(hearing), self._ours)
        self._packet = None if number is None else shown.at(number)
        self._open = None if self._packet is None else row

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        """The details follow the cursor."""
        hearing = self._hearing
        if message.pane.id == "stream" and self._packet is not None and hearing is not None:
            self._open_packet(message.row, hearing)
            self._show_detail(self.console.now())

    def action_back(self) -> None:
        """Close the details, or go back to the cluster."""
        if self._open is None:
            self.console.action_step_back()
            return
        was = self._open.key.split("/")[0]
        self._open, self._packet = None, None
        if self._held_by_details:
            self._stream.release()
        self._held_by_details = False
        self.draw()
        self.query_one({"lane": "#lanes", "place": "#places"}.get(was, "#stream")).focus()

    def action_hold(self) -> None:
        """Hold the stream still, or let it run on with all that came meanwhile."""
        hearing = self._hearing
        if hearing is None:
            return
        self._held_by_details = False
        if self._stream.held:
            self._stream.release()
        else:
            self._stream.hold(hearing)
        self.draw()

    def action_window(self) -> None:
        """The next span of time for the lanes."""
        self._window = (self._window + 1) % len(WINDOWS_S)
        self._lanes_at = float("-inf")
        self.draw()

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_said(self, message: FilterLine.Said) -> None:
        if message.text != self._stream.match.text:
            self._stream.choose(Match(message.text))
        if message.done:
            self.query_one("#stream").focus()
        self.draw()

    def action_save(self) -> None:
        """Ask for a name, and write what the stream shows."""
        hearing = self._hearing
        if hearing is None:
            return
        shown = self._stream.shown(hearing, self._takeovers.look(hearing), self._ours)
        packets = tuple(shown.packets)
        if not packets:
            safe.notify(self.app, "there is no packet to write", severity="warning")
            return
        chosen = "" if self._stream.match.all else f" that pass `{self._stream.match.text}`"
        what = f"Write {len(packets):,} packets{chosen} as pcap, without passwords. File:"

        async def write(name: str) -> str | None:
            return await self._write(name, packets)

        self.app.push_screen(SaveScreen(what, pcap_file.proposed_name(self.console.now()), write))

    async def _write(self, name: str, packets: tuple[Heard, ...]) -> str | None:
        """None: written, and said where; else why not."""
        try:
            written = await asyncio.to_thread(pcap_file.write_new, name, packets)
        except FileExistsError:
            return f"{name} is there already: nothing was written"
        except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL in the name; RuntimeError: no home
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return f"{name} cannot be written: {reason}"
        left = f"; {written.left_out} of another link type left out" if written.left_out else ""
        safe.notify(self.app, f"{written.packets:,} packets are in {written.path}{left}")
        return None


def _title(name: str, extra: str = "") -> Line:
    more: Line = (say(f" {extra}", Tone.QUIET),) if extra else ()
    return (say(name, Tone.STRONG), *more)
