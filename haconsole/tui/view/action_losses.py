"""What clients lost while an action ran, counted from the console's own requests through every VIP. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.model.spec import IpAddress


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

    def after(self, vip: VipPicture) -> Loss:
        """With the newest answer, if that is another one."""
        client = vip.client
        if client is None or (self.last_at is not None and client.at <= self.last_at):
            return self
        if not client.result.ok:
            return replace(self, asked=self.asked + 1, failed=self.failed + 1, last_at=client.at, failing=True)
        since = self.good_at
        lost = self.lost_s + (client.at - since if self.failing and since is not None else 0.0)
        return replace(self, asked=self.asked + 1, last_at=client.at, good_at=client.at, lost_s=lost, failing=False)

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


def _before(vip: VipPicture, started: float) -> Loss:
    """An answer from before the start is not counted, but an outage may begin at it."""
    client = vip.client
    if client is None or client.at > started:
        return Loss()
    return Loss(good_at=client.at if client.result.ok else None, last_at=client.at)
