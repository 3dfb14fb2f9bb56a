"""With what the rows of senders are made, and which sign stands beside a sender.

Where nobody listens, silence means nothing and every sign is `?`. Pure; `now` is an input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from haconsole.cluster.hearing import Hearing, Lane, SenderLane
from haconsole.cluster.segment import TWO_MASTERS_INTERVALS
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.tui.view.adverts import NARROW_BELOW, Ours, listeners, listening_since
from haconsole.tui.view.text import Level
from haconsole.tui.view.times import short

LATE_S: Final = 0.5
"""An advert takes a moment from the wire to here: only then is it missing."""


@dataclass(frozen=True, slots=True)
class Look:
    """What all rows are made with."""

    ours: Ours
    now: float
    window_s: float
    width: int
    since: float | None
    """Since when somebody listens; None: nobody does."""
    listeners: Mapping[str, float]
    """Place -> since when it listens."""

    @property
    def narrow(self) -> bool:
        return self.width < NARROW_BELOW

    @property
    def sender(self) -> int:
        """Cells for the sender's name."""
        return 12 if self.narrow else 16

    @property
    def bar(self) -> int:
        return 6 if self.narrow else 10

    @property
    def plot(self) -> int:
        return 9 if self.narrow else 12 if self.width < 130 else 16

    @property
    def lane(self) -> int:
        """Cells for the time line: what the other columns leave."""
        fixed = 3 + 1 + 2 + self.sender + 1 + 3 + 1 + self.bar + 1 + 9 + 1 + 9 + 1 + self.plot + 1
        return max(4, self.width - fixed - (0 if self.narrow else 9 + 9 + 12))


def look_at(hearing: Hearing, ours: Ours, now: float, *, window_s: float, width: int) -> Look:
    """What the rows of this moment are made with."""
    return Look(ours, now, window_s, width, listening_since(hearing), listeners(hearing))


# --- which sign ----------------------------------------------------------------------


def judge(lane: Lane, look: Look) -> dict[IpAddress, tuple[Level, str]]:
    """Sender -> (sign, what it is)."""
    if not look.listeners:
        return {s.source: (Level.UNKNOWN, "not known now") for s in lane.senders}
    speaking = [s for s in lane.senders if _speaking(s, look.now)]
    masters = [s for s in speaking if _established(s)]
    several = {s.source for s in masters} if len(masters) > 1 else set()
    return {s.source: _judged(s, lane, speaking, several, look) for s in lane.senders}


def _speaking(sender: SenderLane, now: float) -> bool:
    """As `cluster.segment.Router.speaking` has it."""
    return sender.priority > 0 and now - sender.last_at <= TWO_MASTERS_INTERVALS * sender.interval_s + LATE_S


def _established(sender: SenderLane) -> bool:
    """Speaks for longer than a hand-over takes."""
    first, last = sender.spans[-1] if sender.spans else (sender.last_at, sender.last_at)
    return last - first >= TWO_MASTERS_INTERVALS * sender.interval_s * 0.9


def _judged(
    sender: SenderLane, lane: Lane, speaking: Sequence[SenderLane], several: set[IpAddress], look: Look
) -> tuple[Level, str]:
    if sender.source in several:
        return Level.CRITICAL, "one of several masters"
    if sender in speaking:
        return _speaker(sender, lane, look)
    latest = max(lane.senders, key=lambda s: s.last_at)
    if speaking or sender is not latest or all(s.node is None for s in lane.senders):
        return Level.NONE, f"silent {short(max(0.0, look.now - sender.last_at))}"
    if look.now <= sender.deadline_at + LATE_S:
        return Level.BUSY, "gave up" if sender.priority == 0 else "late"
    return Level.CRITICAL, "silent: no master"


def _speaker(sender: SenderLane, lane: Lane, look: Look) -> tuple[Level, str]:
    if sender.source != lane.master:
        return Level.BUSY, "speaks too"
    if sender.node is None:
        known = look.ours.complete
        return (Level.WARNING, "master, no node of ours") if known else (Level.UNKNOWN, "master, not known whose")
    missing = unheard_at(sender, look)
    if missing:
        return Level.WARNING, f"master, not heard by {', '.join(missing)}"
    return Level.OK, "master"


def unheard_at(sender: SenderLane, look: Look) -> list[str]:
    """Places that listen for long enough and do not hear this sender."""
    down_s = sender.deadline_at - sender.last_at + LATE_S
    return [n for n, since in look.listeners.items() if n not in sender.heard_by and look.now - since > down_s]
