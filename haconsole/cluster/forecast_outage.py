"""How long a VIP is on its way to the node that won it, and what its clients lose; then what it costs to put all back.

Pure. The VRRP arithmetic is `cluster.vrrp`'s, the ranges are `forecast_times`'; measured figures are named
where they stand (docs/keepalived-versions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from haconsole.cluster.forecast_changes import Change
from haconsole.cluster.forecast_instance import After, Leaving, priority_now
from haconsole.cluster.forecast_serving import serves_after
from haconsole.cluster.forecast_times import NOTHING, Span, later, slack
from haconsole.cluster.forecast_values import VipForecast
from haconsole.cluster.picture import ClusterPicture
from haconsole.cluster.vrrp import master_down_s, skew_s
from haconsole.model.readings import VrrpState
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress


def timed(
    picture: ClusterPicture,
    changes: Sequence[Change],
    base: VipForecast,
    found: Sequence[After],
    *,
    current: After | None,
    winner: After,
    reason: str | None,
) -> VipForecast:
    """`base` with the spans and the words.

    winner: holds the VIP afterwards. current: holds it now; None: nobody, or
    not known. reason: why its clients are not served, or why that is not known.
    """
    why = causes_of(found)
    if winner is current:
        return _staying(base, why, winner, reason)
    text = f"{winner.node} takes {base.address}, with priority {winner.priority}"
    if base.serves is False:
        text += f", but does not serve: {reason}"
    clock = _clock(picture, current, winner)
    if clock is None:
        return replace(base, why=(*why, text), unknown=f"the timers of {winner.name} on {winner.node} were not read")
    if current is None:
        if base.before is not None or not any(a.touched for a in found):
            return replace(base, why=(*why, text))
        takeover = slack(later(winner.notice_s, clock.begins(winner)))
        outage = takeover if base.serves else None
        return replace(base, takeover=takeover, outage=outage, why=(*why, text, clock.words))
    serves_before, _ = serves_after(picture.node(current.node), base.address, changes)
    if current.fit:
        span = later(winner.notice_s, clock.begins(winner)) if current.leaving is None else clock.leaves(current)
        gap = clock.planned_gap(winner) if serves_before else span
    else:
        if current.leaving is None:
            return replace(base, why=(*why, text), unknown=f"how {current.name} on {current.node} left is not known")
        span = clock.leaves(current)
        gap = span
    outage = (gap if gap == NOTHING else slack(gap)) if base.serves else None
    back, back_words = _failback(picture, current, winner, base.address) if _only_lost(changes) else (None, ())
    words = (*why, text, f"{_how(current)}: {clock.words}", *_sum(current, winner, clock), *back_words)
    return replace(base, takeover=slack(span), outage=outage, failback_outage=back, why=words)


def _staying(base: VipForecast, why: tuple[str, ...], winner: After, reason: str | None) -> VipForecast:
    stays = f"{winner.node} keeps {base.address}"
    if base.serves is False:
        stays += f", but its clients are not served: {reason}"
    elif base.serves is None:
        stays += f"; whether its clients are served is not known: {reason}"
    deaf = () if winner.deaf is None or base.serves else (winner.deaf,)
    return replace(base, outage=NOTHING if base.serves else None, why=(*why, *deaf, stays))


def _clock(picture: ClusterPicture, current: After | None, winner: After) -> _Clock | None:
    """The winner's timers; None: not all of them were read."""
    instance = winner.instance
    one_x, interval = _one_x(picture, winner.node), instance.advert_interval_s
    if interval is None or instance.version is None or one_x is None or winner.priority is None:
        return None
    if instance.version == 3 and current is not None:
        interval = current.instance.advert_interval_s or interval  # a v3 backup goes by its master's (RFC 9568 6.1)
    return _Clock(instance.version, winner.priority, interval, one_x, instance.preempt_delay_s or 0.0)


def _one_x(picture: ClusterPicture, node: str) -> bool | None:
    """keepalived 1.x: one advert more as a candidate, and gaps where 2.x has none (docs/keepalived-versions.md)."""
    versions = picture.node(node).versions
    if versions is None or versions.keepalived is None:
        return None
    return versions.keepalived.major < 2


def _only_lost(changes: Sequence[Change]) -> bool:
    return all(not c.restored for c in changes)


def _how(current: After) -> str:
    return {
        Leaving.SILENT: f"{current.node} falls silent",
        Leaving.ZERO: f"{current.node} says that it stops (priority 0)",
        Leaving.LOWERED: f"{current.node} goes on serving with a lower priority until then",
        None: f"{current.node} yields to a higher priority",
    }[current.leaving]


def _sum(current: After, winner: After, clock: _Clock) -> tuple[str, ...]:
    """What the range is made of, in words: when it is noticed, and how long the winner then waits."""
    if current.leaving is None:
        return ()
    notice = current.notice_s
    first = "" if notice == NOTHING else f"keepalived on {current.node} notices after {_words(notice)}; then "
    if current.leaving is Leaving.ZERO:
        return (f"{first}{winner.node} waits its skew alone, {clock.skew:.2f} s",)
    since = f"less the time since the last advert, 0 to {clock.interval_s:g} s"
    return (f"{first}{winner.node} waits its master down time, {clock.down:.2f} s, {since}",)


def _words(span: Span) -> str:
    return f"{span.low:.1f} s or more" if span.high is None else f"{span.low:.1f} to {span.high:.1f} s"


@dataclass(frozen=True, slots=True)
class _Clock:
    """The winner's timers."""

    version: int
    priority: int
    interval_s: float
    one_x: bool
    delay_s: float

    @property
    def skew(self) -> float:
        return skew_s(self.version, self.priority, self.interval_s)

    @property
    def down(self) -> float:
        return master_down_s(self.version, self.priority, self.interval_s)

    @property
    def words(self) -> str:
        return f"skew {self.skew:.2f} s, master down time {self.down:.2f} s, adverts every {self.interval_s:g} s"

    def _candidate(self) -> Span:
        return Span(self.interval_s, self.interval_s) if self.one_x else NOTHING

    def leaves(self, old: After) -> Span:
        """From the change until the winner has the VIP that `old` gives up."""
        if old.leaving is Leaving.ZERO:
            wait = Span(self.skew, self.skew)
        else:
            wait = Span(self.down - self.interval_s, self.down)
        # Only a backup that hears a lower advert counts its preempt_delay.
        delay = (
            Span(self.delay_s, self.delay_s + self.interval_s)
            if old.leaving is Leaving.LOWERED and self.delay_s
            else NOTHING
        )
        return later(old.notice_s, wait, delay, self._candidate())

    def begins(self, new: After) -> Span:
        """From the moment it may until it has the VIP, against a lower master or none."""
        if new.started and new.owner:
            return self._candidate()
        state = new.instance.state
        raised = state is VrrpState.BACKUP and not new.started
        wait = Span(self.down - self.interval_s, self.down) if raised else Span(self.down, self.down)
        delay = Span(self.delay_s, self.delay_s + self.interval_s) if self.delay_s else NOTHING
        return later(wait, delay, self._candidate())

    def planned_gap(self, new: After) -> Span:
        """What clients lose while the old master serves until it hears the new one (docs/keepalived-versions.md)."""
        if self.one_x:
            gap = self.interval_s if new.started and new.owner else 2 * self.interval_s
            return Span(gap, gap)
        raised = new.instance.state in {VrrpState.BACKUP, VrrpState.MASTER} and not new.started
        # 0 to 46 ms were measured where a node comes back from FAULT or a start.
        return NOTHING if raised else Span(0.0, 0.05)


def _failback(
    picture: ClusterPicture, old: After, winner: After, vip: IpAddress
) -> tuple[Span | None, tuple[str, ...]]:
    """What clients lose when all is put back; None with words where the VIP does not come back."""
    priority = priority_now(old.instance)
    one_x = _one_x(picture, old.node)
    if priority is None or winner.priority is None or one_x is None or old.instance.preempt is None:
        return None, ("whether it comes back is not known",)
    # The winner's own priority at that time is the one that it has now: nothing of it changes.
    if priority <= winner.priority:
        return None, (f"it stays with {winner.node} afterwards: {priority} does not outrank {winner.priority}",)
    if not (old.instance.preempt or old.owner):
        return None, (f"it stays with {winner.node} afterwards: nopreempt on {old.node}",)
    interval = old.instance.advert_interval_s
    if one_x:
        return (None, ()) if interval is None else (slack(Span(interval, 2 * interval)), ())
    gap = NOTHING if old.leaving is Leaving.LOWERED else slack(NOTHING)
    return gap, (f"{old.node} takes it back by preemption ({priority} over {winner.priority})",)


def causes_of(found: Sequence[After]) -> tuple[str, ...]:
    """Each cause once, in the nodes' order."""
    return tuple(dict.fromkeys(c for a in found for c in a.causes if a.touched))
