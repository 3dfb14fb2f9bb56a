"""Captured records -> packets heard: decoded, free of secrets, and thinned out when they flood.

The same for every source. Pure but for the counts it keeps; memory is bounded whatever arrives.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import groupby
from typing import Final, Protocol

from haconsole.model.capture import CaptureCounts, CaptureNews, Heard, Unread
from haconsole.wire import frames, glance, pcap
from haconsole.wire.errors import WireError
from haconsole.wire.redact import without_secrets

SENDER_RATE: Final = 200.0
"""Packets a second taken from one sender; VRRP's shortest interval, 10 ms, makes 100."""
SENDER_BURST: Final = 400.0
STRANGERS_RATE: Final = 500.0
"""Packets a second taken from all senders together that are not known yet."""
STRANGERS_BURST: Final = 1000.0
KNOWN: Final = 512
"""Senders with a rate of their own. A flood of invented ones must not push out those that are real."""
FAMILIAR: Final = 3
"""Heard so often, a sender becomes known while there is room."""
IDLE_S: Final = 60.0
"""A known sender that was silent for so long makes room for another."""
STRANGERS: Final = 65_536
"""Senders not yet known that are remembered: three seconds of a storm in which each is a new one, in
which who sends once a second becomes known."""


class Sink(Protocol):
    """Takes what a source hears."""

    async def packets(self, heard: Sequence[Heard]) -> None:
        """A handful, in order. While this waits the source waits too, and may lose packets, counted."""

    def news(self, news: CaptureNews) -> None:
        """How the listening goes."""


class UnreadSink(Protocol):
    """Takes what claims to be VRRP and cannot be read, too."""

    async def unread(self, found: Sequence[Unread]) -> None:
        """As `Sink.packets`, in order with those."""


async def hand_over(found: Sequence[Heard | Unread], sink: Sink, unread: UnreadSink) -> None:
    """Each to its taker, in order."""
    for readable, group in groupby(found, lambda one: isinstance(one, Heard)):
        if readable:
            await sink.packets([one for one in group if isinstance(one, Heard)])
        else:
            await unread.unread([one for one in group if isinstance(one, Unread)])


class _Allowance:
    """A token bucket with its last use."""

    __slots__ = ("_burst", "_level", "_per_s", "used_at")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s, self._burst, self._level, self.used_at = per_s, burst, burst, now

    def take(self, now: float) -> bool:
        self._level = min(self._burst, self._level + max(0.0, now - self.used_at) * self._per_s)
        self.used_at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class Sieve:
    """Which packets of a flood to take: fair to each sender, so that a storm hides nobody else.

    Time is an input, that of the packets themselves.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, _Allowance] = {}
        self._strangers: dict[int, int] = {}
        self._shared: _Allowance | None = None
        self._full_until = float("-inf")

    def take(self, sender: Hashable, now: float) -> bool:
        """True: take this packet of `sender`, heard at `now`."""
        known = self._known.get(sender)
        if known is not None:
            return known.take(now)
        if self._shared is None:
            self._shared = _Allowance(STRANGERS_RATE, STRANGERS_BURST, now)
        stranger = hash(sender)
        times = self._strangers.get(stranger, 0) + 1
        if times >= FAMILIAR and self._room(now):
            self._strangers.pop(stranger, None)
            self._known[sender] = _Allowance(SENDER_RATE, SENDER_BURST, now)
            return self._known[sender].take(now)
        if len(self._strangers) >= STRANGERS:
            self._strangers.clear()
        self._strangers[stranger] = times
        return self._shared.take(now)

    def _room(self, now: float) -> bool:
        if len(self._known) < KNOWN:
            return True
        if now < self._full_until:  # looked a moment ago
            return False
        oldest = min(self._known, key=lambda sender: self._known[sender].used_at)
        if now - self._known[oldest].used_at < IDLE_S:
            self._full_until = now + 1.0
            return False
        del self._known[oldest]
        return True


class Intake:
    """Takes the records of one place; keeps its counts."""

    def __init__(self, place: str | None, sieve: Sieve | None = None) -> None:
        """`sieve` None: every packet is taken."""
        self._place, self._sieve = place, sieve
        self._heard = self._unreadable = self._flooded = 0
        self.dropped: int | None = None
        """Lost before they came here; set by the source."""

    @property
    def unreadable(self) -> int:
        """So many claimed to be ours and could not be read."""
        return self._unreadable

    def take(
        self, records: Iterable[pcap.Record], *, offset_s: float = 0.0, error_s: float | None, now: float | None = None
    ) -> list[Heard]:
        """The packets among `records`, in order.

        offset_s: how far the recording clock is ahead of the console's. now: the console's time of
        arrival, later than which no packet can be; None: they are of old.
        """
        found = self.take_all(records, offset_s=offset_s, error_s=error_s, now=now)
        return [heard for heard in found if isinstance(heard, Heard)]

    def take_all(
        self, records: Iterable[pcap.Record], *, offset_s: float = 0.0, error_s: float | None, now: float | None = None
    ) -> list[Heard | Unread]:
        """As `take`, with those in their places that claim to be VRRP and cannot be read."""
        return [
            found for r in records if (found := self._one(r, offset_s=offset_s, error_s=error_s, now=now)) is not None
        ]

    def _one(
        self, record: pcap.Record, *, offset_s: float, error_s: float | None, now: float | None
    ) -> Heard | Unread | None:
        if self._sieve is not None:
            sender = glance.sender(record.data, record.link_type)
            if sender == glance.NOTHING:
                return None
            if not self._sieve.take(sender, record.at):
                self._flooded += 1
                return None
        try:
            packet = frames.decode(record.data, record.link_type, record.length)
        except WireError as error:
            self._unreadable += 1
            if error.envelope is None:
                return None
            at, why = self._time(record, offset_s, now), str(error)
            return Unread(place=self._place, at=at, envelope=error.envelope, problem=error.problem, why=why)
        if packet is None:
            return None
        self._heard += 1
        return Heard(
            place=self._place,
            at=self._time(record, offset_s, now),
            error_s=error_s,
            packet=packet,
            frame=without_secrets(record.data, record.link_type, record.length),
            length=record.length,
            link_type=record.link_type,
        )

    @staticmethod
    def _time(record: pcap.Record, offset_s: float, now: float | None) -> float:
        at = record.at - offset_s
        return at if now is None else min(at, now)

    def counts(self, at: float) -> CaptureCounts:
        """Up to now."""
        return CaptureCounts(
            place=self._place or "",
            at=at,
            heard=self._heard,
            unreadable=self._unreadable,
            flooded=self._flooded,
            dropped=self.dropped,
        )
