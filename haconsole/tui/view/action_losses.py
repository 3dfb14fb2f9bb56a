"""What clients lost while an action ran, counted from the console's own requests through every VIP. Pure."""

from __future__ import annotations

from dataclasses import replace

from haconsole.cluster.forecast_times import Span
from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.model.record import dataclass
from haconsole.model.spec import IpAddress
from haconsole.tui.view.text import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Of one VIP. good_at: the last request that was answered, None: none yet. lost_s: at most so long clients
    were not served, from a good answer to the next: never less than what they lost."""

    asked: int = 0
    failed: int = 0
    good_at: float | None = None
    last_at: float | None = None
    lost_s: float = 0.0
    failing: bool = False
    apart_s: float | None = None
    """The longest time from one answer to the next; None: there were no two. A shorter outage may lie between."""

    def after(self, vip: VipPicture) -> Loss:
        """With the newest answer, if that is another one."""
        client = vip.client
        if client is None or (self.last_at is not None and client.at <= self.last_at):
            return self
        apart = self.apart_s
        if self.last_at is not None:
            apart = max(client.at - self.last_at, apart or 0.0)
        counted = replace(self, asked=self.asked + 1, last_at=client.at, apart_s=apart)
        if not client.result.ok:
            return replace(counted, failed=self.failed + 1, failing=True)
        since = self.good_at
        lost = self.lost_s + (client.at - since if self.failing and since is not None else 0.0)
        return replace(counted, good_at=client.at, lost_s=lost, failing=False)

    def lost_until(self, now: float) -> float | None:
        """Seconds, an outage that goes on included. None: nothing was answered before, so it is not known."""
        if not self.failing:
            return self.lost_s
        return None if self.good_at is None else self.lost_s + max(0.0, now - self.good_at)


class Losses:
    """Of every VIP since `started` (console clock). The last answer before it is where an outage begins."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._of: dict[IpAddress, Loss] = {}

    def look(self, picture: ClusterPicture) -> None:
        """Take the newest answers."""
        for vip in picture.vips:
            known = self._of.get(vip.address)
            if known is None:
                known = _before(vip, self._started)
            self._of[vip.address] = known.after(vip)

    def of(self, vip: IpAddress) -> Loss | None:
        """None: it was not looked at yet."""
        return self._of.get(vip)

    @property
    def failing(self) -> bool:
        """Of some VIP the last request since the start was not answered well."""
        return any(loss.failing for loss in self._of.values())


def _before(vip: VipPicture, started: float) -> Loss:
    """An answer from before the start is not counted, but an outage may begin at it."""
    client = vip.client
    if client is None or client.at > started:
        return Loss()
    return Loss(good_at=client.at if client.result.ok else None, last_at=client.at)


def told(loss: Loss | None, now: float, predicted: Span | None) -> tuple[Level, str]:
    """What clients lost when all is over. Where no request failed that proves nothing of an outage that may lie
    between two requests: it is unknown. predicted: of a VIP that was to be lost for a time."""
    beside = "" if predicted is None else f"; predicted {predicted}"
    if loss is None or loss.asked == 0:
        return Level.UNKNOWN, f"not asked{beside}"
    if loss.failed:
        seconds = loss.lost_until(now)
        long = "for how long is not known" if seconds is None else f"≤ {seconds:.1f} s"
        return Level.WARNING, f"lost {loss.failed} of {loss.asked}, {long}{beside}"
    none = f"none of {loss.asked} failed"
    if loss.apart_s is None:
        return Level.UNKNOWN, f"{none}: asked once only, an outage beside it is not seen{beside}"
    every = f"{loss.apart_s:.1f}" if loss.apart_s >= 0.1 else f"{loss.apart_s:.2f}"
    if predicted is not None and loss.apart_s > predicted.low:
        return Level.UNKNOWN, f"{none}, but {every} s apart they are too coarse to see the predicted {predicted}"
    return Level.NONE, f"{none}, at most {every} s apart: shorter outages are not seen{beside}"
